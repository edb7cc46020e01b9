//! Names that can be taken for other names or for words of the language.

use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::lower::Lowered;
use crate::span::Place;
use std::collections::BTreeMap;
use unicode_security::RestrictionLevel;
use unicode_security::RestrictionLevelDetection;
use unicode_security::confusable_detection::skeleton;

/// Warns about names that mix scripts so that they look like others, and about names that look the same.
/// Chinese, Japanese and Korean beside Latin letters are as usual as they look.
pub(crate) fn look_alikes(lowered: &mut Lowered) {
    let mut looks: BTreeMap<String, (&str, Place)> = BTreeMap::new();
    for (name, place) in &lowered.names {
        let look: String = skeleton(name).collect();
        let earlier = looks.get(&look).copied();
        if let Some((other, other_place)) = earlier
            && !(name.is_ascii() && other.is_ascii())
        {
            lowered.diagnostics.push(
                Diagnostic::new(
                    Code::LOOK_ALIKE,
                    *place,
                    format!("`{name}` and `{other}` look the same and are two names"),
                )
                .label("one of them")
                .also(other_place, "the other")
                .help("type the name again where it was meant to be the same"),
            );
        } else if mixed(name) {
            lowered.diagnostics.push(
                Diagnostic::new(
                    Code::LOOK_ALIKE,
                    *place,
                    format!("`{name}` mixes letters of several scripts"),
                )
                .label("some of its letters only look like the usual ones")
                .help("type the name again with one keyboard layout"),
            );
        }
        looks.entry(look).or_insert((name, *place));
    }
}

/// Whether a name mixes scripts that can be mistaken for one another. Signs that no script claims (`%`, a blank in
/// a quoted name) say nothing.
fn mixed(name: &str) -> bool {
    let letters: String = name.chars().filter(|c| c.is_alphabetic()).collect();
    letters.as_str().detect_restriction_level() == RestrictionLevel::MinimallyRestrictive
}
