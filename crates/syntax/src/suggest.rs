//! "Did you mean …?"

use strsim::damerau_levenshtein;

/// The candidate nearest to what was written, if one is near enough: nothing for words under 3 letters, at most
/// 3 slips, and at most one slip for every 3 letters. Capitals do not count.
pub fn nearest<'c>(written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let written = written.to_lowercase();
    let length = written.chars().count();
    if length < 3 {
        return None;
    }
    let limit = (length / 3).min(3);
    candidates
        .into_iter()
        .map(|c| (damerau_levenshtein(&written, &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_words_are_found_and_far_or_short_ones_are_not() {
        let words = ["dormant", "active", "lost", "沉睡客户"];
        assert_eq!(nearest("domrant", words), Some("dormant"));
        assert_eq!(nearest("Lost", words), Some("lost"));
        assert_eq!(nearest("沉睡顾客户", words), Some("沉睡客户"));
        assert_eq!(nearest("lo", words), None);
        assert_eq!(nearest("post-mortem", words), None);
        assert_eq!(nearest("least", words), None);
    }
}
