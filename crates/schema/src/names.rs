//! What a name may look like.

use tidings_syntax::tree::Item;
use tidings_syntax::{FileId, parse};
use unicode_normalization::UnicodeNormalization;

/// The name as rules compare it: NFC.
pub fn normal(name: &str) -> String {
    name.nfc().collect()
}

/// Whether rules can write a name as it is. The language itself is asked.
pub fn is_name(name: &str) -> bool {
    let parsed = parse(FileId::default(), &format!("define {name} = 1"));
    let read = match parsed.file.items.as_slice() {
        [item] if !parsed.has_errors() => Some(&item.node),
        _ => None,
    };
    matches!(read, Some(Item::Define(define)) if define.name.node == name)
}

/// Whether a word cannot be a name because it belongs to the language.
pub fn is_reserved(name: &str) -> bool {
    !is_name(name) && is_name(&format!("{name}x"))
}
