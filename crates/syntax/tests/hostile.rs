//! Nothing that is thrown at the parser makes it panic, hang or overflow its stack.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use proptest::prelude::*;
use tidings_syntax::{FileId, MAX_BYTES, format, parse, parse_bytes};

/// The code of the first error.
fn first_error(text: &str) -> &'static str {
    parse(FileId(0), text).diagnostics.iter().find(|d| d.is_error()).map_or("none", |d| d.code.id())
}

fn filled(start: &str, piece: &str, end: &str) -> String {
    let times = (MAX_BYTES - start.len() - end.len()) / piece.len();
    format!("{start}{}{end}", piece.repeat(times))
}

#[test]
fn a_file_that_is_too_large_or_not_text_is_refused() {
    assert_eq!(first_error(&"#".repeat(MAX_BYTES + 1)), "E002");
    assert_eq!(parse_bytes(FileId(0), b"if a \xff").diagnostics[0].code.id(), "E004");
    assert_eq!(parse_bytes(FileId(0), b"\xff\xfei\0f\0").diagnostics[0].label, "it looks like UTF-16");
}

#[test]
fn nesting_is_bounded() {
    let nested = |n: usize| format!("if {}a{} then send x email", "(".repeat(n), ")".repeat(n));
    assert_eq!(first_error(&nested(63)), "none");
    assert_eq!(first_error(&nested(64)), "E003");
    assert_eq!(first_error(&nested(100_000)), "E003");
    let groups = |n: usize| format!("segment x {} a {} end", "all of ".repeat(n), "end ".repeat(n));
    assert_eq!(first_error(&groups(63)), "none");
    assert_eq!(first_error(&groups(65)), "E003");
    // Typographic signs and unseen ones count as what they stand for.
    assert_eq!(first_error(&filled("if ", "（", "")), "E003");
    assert_eq!(first_error(&filled("if ", "ａｌｌ　ｏｆ　", "")), "E003");
    let unseen = parse(FileId(0), &filled("if ", "al\u{200b}l of ", ""));
    assert!(unseen.diagnostics.iter().any(|d| d.code.id() == "E003"));
    assert_eq!(first_error(&filled("journey j ", "if a then ", "")), "E003");
    let both = |n: usize| format!("segment x {} a {} end", "all of (".repeat(n), ") end".repeat(n));
    assert_eq!(first_error(&both(32)), "none");
    assert_eq!(first_error(&both(33)), "E003");
    let filters = format!("segment x {} 1 {} end", "count of a where (1 < ".repeat(63), ")".repeat(63));
    assert_eq!(first_error(&filters), "none");
}

#[test]
fn long_chains_make_no_deep_trees() {
    assert_eq!(first_error(&filled("segment x a ", "and a ", " end")), "none");
    assert_eq!(first_error(&filled("segment x a ", "+ a ", " end")), "E003");
    assert_eq!(first_error(&filled("segment x ", "not ", " a end")), "E003");
    assert_eq!(first_error(&filled("segment x ", "! ", " a end")), "E007");
    let sums = format!("{}1{}", "(1 + ".repeat(60), ")".repeat(60));
    assert_eq!(first_error(&format!("define x = {sums}")), "none");
    let products = format!("define x = {}1{}", "(1 + 1 + 1 + 1 + ".repeat(60), ")".repeat(60));
    assert_eq!(first_error(&products), "E003");
}

#[test]
fn files_full_of_one_thing_are_answered() {
    for piece in [
        "rule ",
        "rule x ",
        "end ",
        "if ",
        "then ",
        "a ",
        "a = ",
        "= ",
        "days since ",
        "count of a where ",
        "latest ",
        "x(",
        "AND(",
        "was sent ",
        "1 ",
        "1,000 ",
        "1:",
        "\"",
        "`",
        "'",
        "\n",
        "\r\n",
        "# x\n",
        "\n\n#",
        "“",
        "in (",
        "in ",
        "a.",
        "a-",
        "-",
        "--",
        "where (",
        "define x = ",
        "score x = ",
        "stages s a when ",
        "all of a end ",
        "$1 ",
        "\u{0}",
        "\u{202e}",
        "\u{feff}",
        "客",
        "　",
        "；",
        "7 days before x ",
        "split 50% a: ",
        "policy ",
        "at most ",
        "every ",
        "was x ",
        "is not ",
        "not in ",
        "between a and ",
        ",",
        "a,",
        "send a b or ",
        "if late ",
        "journey j wait ",
        "5 VIP ",
    ] {
        for (start, end) in [
            ("", ""),
            ("rule r ", ""),
            ("segment s ", " end"),
            ("if a then send b email ", ""),
            ("journey j ", "end"),
        ] {
            let text = format!("{start}{}{end}", piece.repeat(4000 / piece.len()));
            let parsed = parse(FileId(0), &text);
            if !parsed.has_errors() {
                format(&parsed.file).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        parse_bytes(FileId(0), &bytes);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,400}") {
        parse(FileId(0), &text);
    }

    #[test]
    fn any_words_are_answered_and_what_has_no_error_can_be_formatted(
        words in prop::collection::vec(prop::sample::select(WORDS), 0..120),
    ) {
        let text = words.join(" ");
        let parsed = parse(FileId(0), &text);
        for found in &parsed.diagnostics {
            prop_assert!(text.get(found.place.span.range()).is_some(), "{found:?}");
        }
        if !parsed.has_errors() {
            prop_assert!(format(&parsed.file).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_file_with_a_hole_is_answered(from in 0usize..1500, length in 0usize..60, put in "[a-z\"`()#=，“”\n ]{0,8}") {
        let text = include_str!("win-back.tidings");
        let at = |n: usize| (n.min(text.len())..).find(|n| text.is_char_boundary(*n)).unwrap();
        let broken = format!("{}{put}{}", &text[..at(from)], &text[at(from + length)..]);
        let parsed = parse(FileId(0), &broken);
        if !parsed.has_errors() {
            prop_assert!(format(&parsed.file).is_ok(), "{broken}");
        }
    }
}

const WORDS: &[&str] = &[
    "rule",
    "r",
    "end",
    "if",
    "then",
    "send",
    "wake-up",
    "email",
    "and",
    "or",
    "not",
    "(",
    ")",
    "=",
    ">",
    "5",
    "10%",
    "90 days",
    "count",
    "of",
    "orders",
    "where",
    "in",
    "last",
    "all",
    "any",
    ",",
    "\n",
    "\"text\"",
    "客户",
    "（",
    "，",
    "“",
    "”",
    "`",
    "#",
    "define",
    "score",
    "stages",
    "segment",
    "journey",
    "policy",
    "when",
    "otherwise",
    "is",
    "known",
    "between",
    "2026-02-30",
    "since",
    "days",
    "latest",
    "was",
    "sent",
    "every",
    "day",
    "at",
    "10:00",
    "once",
    "repeat",
    "per",
    "on",
    "for",
    "hold",
    "out",
    "split",
    "50%",
    "a:",
    "wait",
    "until",
    "exit",
    "LIKE",
    "COUNT(*)",
    "1,000",
    "¥5",
    "90d",
    "-",
    "+",
    "*",
    "'x'",
    "x.y",
    "next",
];
