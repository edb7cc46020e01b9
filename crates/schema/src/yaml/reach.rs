//! Going to one value of a YAML file and reading it there, so that an error knows its line.

use super::Step;
use super::tree::Key;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Goes to a value and reads it with `last`.
pub(super) struct Reach<'p, S> {
    pub path: &'p [Step],
    /// Fail at the value's key instead.
    pub at_key: bool,
    pub last: S,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Reach<'_, S> {
    type Value = S::Value;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<S::Value, D::Error> {
        if self.path.is_empty() { self.last.deserialize(d) } else { d.deserialize_any(self) }
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Reach<'_, S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the way to a value")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<S::Value, A::Error> {
        let Some((Step::Item(index), path)) = self.path.split_first() else { return Err(lost()) };
        for _ in 0..*index {
            seq.next_element::<IgnoredAny>()?;
        }
        let found = seq.next_element_seed(Reach { path, ..self })?.ok_or_else(lost)?;
        // serde_yaml wants every list and mapping read to its end.
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Value, A::Error> {
        let Some((Step::Key(wanted), path)) = self.path.split_first() else { return Err(lost()) };
        let stop = self.at_key && path.is_empty();
        while let Some(key) = map.next_key_seed(Key { refused: &|key| stop && key == wanted })? {
            if key == *wanted {
                let found = map.next_value_seed(Reach { path, ..self })?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(found);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Err(lost())
    }
}

fn lost<E: serde::de::Error>() -> E {
    E::custom("the value is not there")
}

/// Fails at whatever it should read: the error has its place.
pub(super) struct Stop;

impl<'de> DeserializeSeed<'de> for Stop {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl Visitor<'_> for Stop {
    type Value = ();
    // Without a method for any kind of value, serde refuses each.
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing")
    }
}

/// Reads a mapping as a type of serde's, without some of its keys.
pub(super) struct Without<'k, T> {
    pub keys: &'k [&'k str],
    pub ty: PhantomData<T>,
}

impl<'de, T: serde::Deserialize<'de>> DeserializeSeed<'de> for Without<'_, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<T, D::Error> {
        if self.keys.is_empty() { T::deserialize(d) } else { d.deserialize_map(self) }
    }
}

impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for Without<'_, T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys and values")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(Filtered { map, keys: self.keys }))
    }
}

struct Filtered<'k, A> {
    map: A,
    keys: &'k [&'k str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Filtered<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let mut seed = seed;
        while let Some(read) = self.map.next_key_seed(Sieve { keys: self.keys, seed })? {
            match read {
                Ok(key) => return Ok(Some(key)),
                Err(unused) => seed = unused,
            }
            self.map.next_value::<IgnoredAny>()?;
        }
        Ok(None)
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Reads a key with its seed, or gives the seed back where the key is to be left out.
struct Sieve<'k, K> {
    keys: &'k [&'k str],
    seed: K,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Sieve<'_, K> {
    type Value = Result<K::Value, K>;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for Sieve<'_, K> {
    type Value = Result<K::Value, K>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plain key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        if self.keys.contains(&key) {
            return Ok(Err(self.seed));
        }
        let key: StrDeserializer<'_, E> = key.into_deserializer();
        self.seed.deserialize(key).map(Ok)
    }
}
