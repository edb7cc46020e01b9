//! "Was probably meant": the nearest known name to one that is not known.

/// The candidate nearest to `word`: at most 3 edits away and at most a third of its letters. None for
/// words under 3 letters, where everything is near everything. Of equally near ones the first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    if letters < 3 {
        return None;
    }
    let near = candidates.into_iter().map(|c| (strsim::damerau_levenshtein(word, c), c));
    near.filter(|(d, _)| *d <= 3 && *d * 3 <= letters).min_by_key(|(d, _)| *d).map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn only_what_is_near() {
        assert_eq!(nearest("dorment", ["lost", "dormant"]), Some("dormant"));
        assert_eq!(nearest("city", ["country", "cities"]), None);
        assert_eq!(nearest("ab", ["ac"]), None);
    }
}
