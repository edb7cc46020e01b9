//! What a name may look like, and which name was probably meant.

use unicode_normalization::UnicodeNormalization;

/// The name as rules compare it: NFC.
pub fn normal(name: &str) -> String {
    name.nfc().collect()
}

/// The candidate that a misspelt name probably stands for: never for names under three letters, and never
/// more than three letters away or a third of the name.
pub fn near<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = name.chars().count();
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(&name, &c.to_lowercase()), c))
        .filter(|(distance, _)| letters >= 3 && *distance <= 3.min(1 + letters / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Words that rules can never use as names without back-ticks.
const RESERVED: [&str; 14] =
    ["and", "or", "not", "in", "is", "of", "if", "then", "else", "end", "where", "between", "true", "false"];

/// Whether a word belongs to the language.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name.to_lowercase().as_str())
}

/// Whether rules can write a name as it is: letters, digits and `_`, single `-` inside, no digit first.
pub fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.split('-').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
}
