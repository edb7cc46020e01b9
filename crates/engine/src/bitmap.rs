//! A set of a chunk's customers.

use multiversion::multiversion;

/// One bit a customer, in words of 64. Bits past the end are zero. Nobody may take no words at all.
#[derive(Clone, Debug, Default)]
pub struct Bitmap {
    words: Vec<u64>,
    len: usize,
}

impl PartialEq for Bitmap {
    fn eq(&self, other: &Bitmap) -> bool {
        let nobody = |words: &[u64]| words.iter().all(|w| *w == 0);
        self.len == other.len && (self.words == other.words || (nobody(&self.words) && nobody(&other.words)))
    }
}

impl Eq for Bitmap {}

impl Bitmap {
    /// Nobody of `len`.
    pub fn none(len: usize) -> Bitmap {
        Bitmap { words: Vec::new(), len }
    }

    /// Everybody of `len`.
    pub fn all(len: usize) -> Bitmap {
        Bitmap { words: vec![u64::MAX; len.div_ceil(64)], len }.trimmed()
    }

    /// Those for whom `holds` says yes.
    pub fn from_fn(len: usize, mut holds: impl FnMut(usize) -> bool) -> Bitmap {
        let word = |w: usize| {
            (w * 64..len.min(w * 64 + 64)).fold(0, |bits, i| bits | (u64::from(holds(i)) << (i % 64)))
        };
        Bitmap { words: (0..len.div_ceil(64)).map(word).collect(), len }
    }

    /// Those of some values, one each, for which `holds` says yes.
    pub(crate) fn of<T>(values: &[T], holds: impl Fn(&T) -> bool) -> Bitmap {
        let word =
            |some: &[T]| some.iter().enumerate().fold(0, |bits, (i, v)| bits | (u64::from(holds(v)) << i));
        // Loops of a known length become much faster code.
        let (whole, rest) = values.as_chunks::<64>();
        let rest = (!rest.is_empty()).then(|| word(rest));
        Bitmap { words: whole.iter().map(|some| word(some)).chain(rest).collect(), len: values.len() }
    }

    /// Those of two rows of values, one pair each, for which `holds` says yes.
    pub(crate) fn of_pairs<T>(left: &[T], right: &[T], holds: impl Fn(&T, &T) -> bool) -> Bitmap {
        let word = |(a, b): (&[T], &[T])| {
            let pairs = a.iter().zip(b).enumerate();
            pairs.fold(0, |bits, (i, (a, b))| bits | (u64::from(holds(a, b)) << i))
        };
        let words = left.chunks(64).zip(right.chunks(64)).map(word).collect();
        Bitmap { words, len: left.len().min(right.len()) }
    }

    /// The first `len` bits of the words.
    pub(crate) fn from_words(words: impl Iterator<Item = u64>, len: usize) -> Bitmap {
        Bitmap { words: words.take(len.div_ceil(64)).collect(), len }.trimmed()
    }

    /// How many customers there are, in the set or not.
    pub fn len(&self) -> usize {
        self.len
    }

    /// How much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Bitmap>() + self.words.len() * size_of::<u64>()
    }

    /// Whether there is no customer at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether anybody is in it.
    pub fn any(&self) -> bool {
        self.words.iter().any(|w| *w != 0)
    }

    /// Adds customer `i`, who is one of them.
    pub fn insert(&mut self, i: usize) {
        debug_assert!(i < self.len, "one of the customers");
        self.words.resize(self.len.div_ceil(64), 0);
        if let Some(word) = self.words.get_mut(i / 64) {
            *word |= 1 << (i % 64);
        }
    }

    /// How many are in it.
    pub fn count(&self) -> usize {
        count(&self.words)
    }

    /// How many are in both.
    pub fn count_both(&self, other: &Bitmap) -> usize {
        count_both(&self.words, &other.words)
    }

    /// Whether customer `i` is in it; false beyond the end.
    pub fn contains(&self, i: usize) -> bool {
        self.words.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    /// Who is in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(i, w)| {
            std::iter::successors(Some(*w), |w| Some(w & w.wrapping_sub(1)))
                .take_while(|w| *w != 0)
                .map(move |w| i * 64 + w.trailing_zeros() as usize)
        })
    }

    /// Keeps who is in both.
    pub fn and(&mut self, other: &Bitmap) {
        if other.words.is_empty() {
            self.words.clear();
        }
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    /// Adds who is in the other.
    pub fn or(&mut self, other: &Bitmap) {
        if self.words.is_empty() {
            self.words.extend_from_slice(&other.words);
            return;
        }
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    /// Takes out who is in the other.
    pub fn without(&mut self, other: &Bitmap) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    /// Who is in this set and in another.
    #[must_use]
    pub fn both(&self, other: &Bitmap) -> Bitmap {
        let words = self.words.iter().zip(&other.words).map(|(a, b)| a & b);
        Bitmap { words: words.collect(), len: self.len }
    }

    /// Takes out who is in the other, and hands them over.
    #[must_use]
    pub fn take(&mut self, other: &Bitmap) -> Bitmap {
        let taken = self.both(other);
        self.without(&taken);
        taken
    }

    /// Counts some in as a digit of a number in binary does: who is in becomes out, and the other way round. Who was in is
    /// left in `some`, to be carried on to the next digit.
    pub fn carry(&mut self, some: &mut Bitmap) {
        if self.words.is_empty() {
            return std::mem::swap(&mut self.words, &mut some.words);
        }
        for (digit, carried) in self.words.iter_mut().zip(&mut some.words) {
            (*digit, *carried) = (*digit ^ *carried, *digit & *carried);
        }
    }

    /// The others.
    #[must_use]
    pub fn complement(&self) -> Bitmap {
        let mut others = Bitmap::all(self.len);
        others.without(self);
        others
    }

    /// A set of `len` in these words, which hold its bits and no others, or nothing for nobody.
    pub(crate) fn from_vec(words: Vec<u64>, len: usize) -> Bitmap {
        debug_assert!(words.is_empty() || words.len() == len.div_ceil(64), "a word for every 64");
        Bitmap { words, len }.trimmed()
    }

    pub(crate) fn into_vec(self) -> Vec<u64> {
        self.words
    }

    /// The bits in words of 64, or nothing for nobody.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    fn trimmed(mut self) -> Bitmap {
        let rest = self.len % 64;
        if rest != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1 << rest) - 1;
        }
        self
    }
}

// The program is built for every x86-64, which counts bits in a dozen instructions; nearly all have one for it.

#[multiversion(targets(
    "x86_64+avx512f+avx512vl+avx512vpopcntdq+popcnt",
    "x86_64+avx2+popcnt",
    "x86_64+popcnt"
))]
pub(crate) fn count(words: &[u64]) -> usize {
    let mut count = 0;
    for word in words {
        count += word.count_ones() as usize;
    }
    count
}

#[multiversion(targets(
    "x86_64+avx512f+avx512vl+avx512vpopcntdq+popcnt",
    "x86_64+avx2+popcnt",
    "x86_64+popcnt"
))]
fn count_both(words: &[u64], others: &[u64]) -> usize {
    let mut count = 0;
    for (word, other) in words.iter().zip(others) {
        count += (word & other).count_ones() as usize;
    }
    count
}
