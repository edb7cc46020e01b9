//! What is formatted reads as the same tree, and formatting again changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod generate;

use proptest::prelude::*;
use tidings_syntax::{FileId, FormatError, format, parse};

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formatted_trees_read_as_themselves(file in generate::file()) {
        let text = format(&file).map_err(|e| fail(&e))?;
        let parsed = parse(FileId(0), &text);
        prop_assert!(parsed.diagnostics.iter().all(|d| d.code.id() == "W003"), "{text}\n{:#?}", parsed.diagnostics);
        prop_assert_eq!(&parsed.file, &file, "{}", text);
        prop_assert_eq!(format(&parsed.file).unwrap(), text);
    }

    #[test]
    fn comments_between_any_two_words_stay(file in generate::file(), places in prop::collection::vec(any::<u16>(), 1..8)) {
        let text = format(&file).map_err(|e| fail(&e))?;
        let commented = with_comments(&text, &places);
        let parsed = parse(FileId(0), &commented);
        prop_assert_eq!(&parsed.file, &file, "{}", commented);
        let once = format(&parsed.file).map_err(|e| fail(&e))?;
        prop_assert_eq!(format(&parse(FileId(0), &once).file).unwrap(), once);
    }
}

fn fail(error: &FormatError) -> TestCaseError {
    let found = parse(FileId(0), &error.text).diagnostics;
    let found: Vec<_> =
        found.iter().map(|d| (d.code, &d.message, error.text.get(d.place.span.range()))).collect();
    TestCaseError::fail(format!("{}\n{found:?}", error.text))
}

/// The text with comments at the ends of some lines, and on lines of their own.
fn with_comments(text: &str, places: &[u16]) -> String {
    let lines = text.lines().count().max(1);
    let mut commented = String::new();
    for (i, line) in text.lines().enumerate() {
        let here: Vec<_> = places.iter().filter(|p| **p as usize % lines == i).collect();
        commented += line;
        for place in here {
            commented += if *place % 2 == 0 { " # behind\n" } else { "\n  # alone\n\n" };
        }
        commented += "\n";
    }
    commented
}
