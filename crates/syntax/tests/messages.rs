//! Every slip has its own code, its place, and a fix where what was meant is known.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use tidings_syntax::{Diagnostic, FileId, Sources, format, parse, render};

fn found(text: &str) -> Vec<Diagnostic> {
    parse(FileId(0), text).diagnostics
}

/// `E007 == → =`: the code, the text at the place, and every fix.
fn brief(text: &str) -> Vec<String> {
    let at = |d: &Diagnostic| text.get(d.place.span.range()).expect("a place in the text").to_owned();
    let fixes = |d: &Diagnostic| {
        let fixes = d.help.iter().filter_map(|h| h.fix.as_ref());
        fixes.map(|(_, write)| format!(" → {}", write.replace('\n', "\\n"))).collect::<String>()
    };
    found(text).iter().map(|d| format!("{} {}{}", d.code, at(d), fixes(d))).collect()
}

#[test]
fn conditions_as_other_tools_write_them() {
    for (condition, expected) in [
        ("a = 1 and b or c", "E005 a = 1 and b or c → (a = 1 and b) or c → a = 1 and (b or c)"),
        ("a or b and c or d", "E005 a or b and c or d → a or (b and c) or d → (a or b) and (c or d)"),
        ("1 < a <= 5", "E006 1 < a <= 5 → 1 < a and a <= 5"),
        ("a == 1", "E007 == → ="),
        ("a <> 1", "E007 <> → !="),
        ("a => 1", "E007 => → >="),
        ("a && b", "E007 && → and"),
        ("a || b", "E007 || → or"),
        ("!a", "E007 ! → not"),
        ("name LIKE \"a%\"", "E007 LIKE \"a%\" → starts with \"a\""),
        ("name like \"a_b\"", "E007 like \"a_b\""),
        ("a = 1; b", "E007 ; → "),
        ("total > 1,000", "E008 1,000 → 1000"),
        ("a in (100,200)", "E008 100,200 → 100200 → 100, 200"),
        ("a > .5", "E008 .5 → 0.5"),
        ("a > 5k", "E008 5k → 5000"),
        ("a > 1_000", "E008 1_000 → 1000"),
        ("count of o since 2026-02-30 > 1", "E009 2026-02-30 → 2026-02-28"),
        ("count of o since 2026/11/3 > 1", "E009 2026/11/3 → 2026-11-03"),
        ("count of o since 2026年11月3日 > 1", "E009 2026年11月3日 → 2026-11-03"),
        ("total-5 > 1", "E010 total-5 → total - 5 → `total-5`"),
        ("total -5 > 1", "E010 total -5 → total - 5"),
        ("(a or b", "E011 ( → )"),
        ("all of a, b", "E011 all of →  end"),
        ("city = \"x", "E011 \"x then send x email"),
        ("total > ¥500", "E013 ¥500 → 500 CNY → 500 JPY"),
        ("total > $1,500.50", "E013 $1,500.50 → 1500.50 USD"),
        ("total > 500元", "E013 500元 → 500 CNY"),
        ("days_since > 90d", "E014 90d → 90 days"),
        ("days_since > 3m", "E014 3m → 3 minutes → 3 months"),
        ("count of o in last 90 > 3", "E014 90 → 90 days"),
        ("a in ()", "E016 ()"),
        ("COUNT(*) > 3", "E020 COUNT(*)"),
        ("COUNT(orders) > 3", "E020 COUNT(orders) → count of orders"),
        ("AND(a, b)", "E020 AND(a, b) → (a and b)"),
        ("email IS NOT NULL", "E021 IS NOT NULL → is known"),
        ("email = null", "E021 = null → is missing"),
        ("city = 'x'", "E022 'x' → \"x\""),
        ("city in x", "E001 x → (x)"),
        ("all of a b end", "E001 b → ,"),
        ("count orders > 5", "E001 orders →  of"),
        ("a = 1 thn", "E001 thn → then"),
        ("lifecycle =", "E001 "),
    ] {
        let text = format!("if {condition} then send x email");
        assert_eq!(brief(&text), [expected], "{condition}");
        fixes_help(&text);
    }
}

/// Every fix takes away the finding that it belongs to.
fn fixes_help(text: &str) {
    for finding in found(text) {
        for (place, write) in finding.help.iter().filter_map(|h| h.fix.as_ref()) {
            let mut fixed = text.to_owned();
            fixed.replace_range(place.span.range(), write);
            let left = found(&fixed);
            let same =
                |d: &Diagnostic| d.code == finding.code && d.place.span.start == finding.place.span.start;
            assert!(!left.iter().any(same), "{text}\n{fixed}\n{left:#?}");
        }
    }
}

#[test]
fn parts_of_a_rule_that_are_not_in_order() {
    for (body, expected) in [
        ("every day at 25:00", "E009 25:00"),
        ("every day at 9am", "E009 9am → 09:00"),
        ("every day at 9", "E009 9 → 09:00"),
        ("every dya", "E001 dya → day"),
        ("expires 2026-13-01", "E009 2026-13-01"),
        ("send y email", "E012 send → then send"),
        ("owner \"x\" send y email", "E012 send"),
        ("when a", "E012 when → if"),
        ("quiet from 21:00 to 09:00", "E012 quiet"),
        ("wait 2 days", "E012 wait"),
        ("then send y coupon or email", "E012 send y coupon or email"),
        ("hold out 0.1", "E015 0.1 → 10%"),
        ("limit 5 of customers", "E015 5 → 5%"),
        ("then", "E016 then"),
        ("owner growth", "E022 growth → \"growth\""),
        ("then send \"x\" email", "E019 \"x\" → x"),
        ("for 7up", "E019 7up → `7up`"),
        ("repeat at most once per 60", "E014 60 → 60 days"),
        ("reapet every time", "E001 reapet → repeat"),
        ("then snd x email", "E001 snd → send"),
    ] {
        let text = format!("rule r\n  if a\n  {body}\nend");
        assert_eq!(brief(&text), [expected], "{body}");
        fixes_help(&text);
    }
}

#[test]
fn parts_of_a_file_that_are_not_in_order() {
    for (text, expected) in [
        ("rule r\n  if a then send x email\n", "E011 rule → \\nend"),
        ("end", "E012 end → "),
        ("send x email", "E012 send"),
        ("segment s end", "E016 segment s end"),
        ("segment s all of end end", "E016 all of end"),
        ("stages s end", "E016 stages s end"),
        ("if a\u{0} then send x email", "E017 \u{0} → "),
        ("# \u{202e}gnitekram", "E017 \u{202e} → "),
        ("if a then send x email\nif b then send y email", "E018 if b"),
        ("if a then send x email\ndefine b = 1", "E018 define b = 1"),
        ("if a then send x email\nend", "E012 end → "),
        ("define 7up = 1", "E019 7up → `7up`"),
        ("segmant s a end", "E001 segmant → segment"),
        ("score s = quintile of a lowest first", "E001 lowest → ,"),
        ("journey j\n  wiat 2 days\nend", "E001 wiat → wait"),
    ] {
        assert_eq!(brief(text), [expected], "{text}");
        fixes_help(text);
    }
}

#[test]
fn what_is_understood_is_only_remarked_on_and_mended() {
    for (text, expected, formatted) in [
        (
            "IF a AND b then send x email",
            vec!["W001 IF → if", "W001 AND → and"],
            "if a and b then send x email\n",
        ),
        (
            "if 城市 ＝ “上海” then send x email",
            vec!["W002 ＝ → =", "W002 “上海” → \"上海\""],
            "if 城市 = \"上海\" then send x email\n",
        ),
        (
            "if a in （１，２）then send x email",
            vec!["W002 （ → (", "W002 １ → 1", "W002 ， → ,", "W002 ２ → 2", "W002 ） → )"],
            "if a in (1, 2) then send x email\n",
        ),
        ("if a　≥ 5 then send x email", vec!["W002 　 →  ", "W002 ≥ → >="], "if a >= 5 then send x email\n"),
        ("define дays = 5", vec!["W003 дays"], "define дays = 5\n"),
        ("define VIP客户 = 5", vec![], "define VIP客户 = 5\n"),
        (
            "if a is at least 5 and b is not 6 then send x email",
            vec![],
            "if a >= 5 and b != 6 then send x email\n",
        ),
        (
            "if latest of orders.x is today then send x email",
            vec![],
            "if latest orders.x is today then send x email\n",
        ),
        (
            "rule r every Monday at 9:00 if a then send x email repeat at most once per 1 days end",
            vec![],
            "rule r\n  every monday at 09:00\n  if a\n  then send x email\n  repeat at most once per day\nend\n",
        ),
        ("\u{feff}define a = 1\r\n", vec![], "define a = 1\n"),
    ] {
        assert_eq!(brief(text), expected, "{text}");
        fixes_help(text);
        assert_eq!(format(&parse(FileId(0), text).file).unwrap(), formatted);
    }
}

#[test]
fn names_that_look_the_same_are_remarked_on() {
    let text = "define scope = 1\ndefine ѕсоре = 2";
    assert_eq!(brief(text), ["W003 ѕсоре"]);
}

#[test]
fn one_broken_part_hides_no_other() {
    let text = "\
segment a x = = 1 end
rule r
  every dya at 10:00
  if city = 'x'
  then send wake-up
  hold out 0.1
end
define b 5
segment c y end
stages s
  p when
  q when z >
  r otherwise
end
policy
  at most 2 email
  quiet from 21:00 to 25:00
end
";
    let codes: Vec<_> = found(text).iter().map(|d| d.code.id()).collect();
    assert_eq!(codes, ["E001", "E001", "E022", "E001", "E015", "E001", "E001", "E001", "E001", "E009"]);
    let parsed = parse(FileId(0), text);
    assert_eq!(parsed.file.items.len(), 1);
    let broken: Vec<_> = parsed.broken.iter().map(|n| n.node.as_str()).collect();
    assert_eq!(broken, ["a", "r", "b", "s"]);
}

#[test]
fn messages_say_what_was_expected_and_what_was_found() {
    for (text, message, label) in [
        ("if a and then send x email", "expected a condition after `and`", "nothing follows"),
        ("if a = then send x email", "expected a value or a name after `=`", "nothing follows"),
        ("define a = 1 +", "expected a value or a name after `+`", "nothing follows"),
        ("if a then send x", "expected a channel, such as `email` after `x`", "nothing follows"),
        (
            "if a = 1 b then send x email",
            "expected `and`, `or`, `end` or the next clause after `1`",
            "found `b`",
        ),
        (
            "rule r if a then send x email limit 5% end",
            "expected `of customers` after `5%`",
            "nothing follows",
        ),
        ("hello", "expected a declaration, or a sentence that begins with `if`", "found `hello`"),
    ] {
        let found = found(text);
        assert_eq!((found[0].message.as_str(), found[0].label.as_str()), (message, label), "{text}");
    }
}

#[test]
fn findings_are_shown_under_wide_letters() {
    let text = "define 消费 = 1\nif 城市 = “上海” and 下单 > 90d then send x email\n";
    let mut sources = Sources::default();
    let file = sources.add("rules/唤醒.tidings", text);
    let shown = render(&parse(file, text).diagnostics[1..], &sources, false);
    let expected = "\
error[E014]: a length of time is a number, a blank and a whole word
 --> rules/唤醒.tidings:2:23
  |
2 | if 城市 = “上海” and 下单 > 90d then send x email
  |                             ^^^ `d` stands too close, or is not the whole word
  |
help: in days
  |
2 - if 城市 = “上海” and 下单 > 90d then send x email
2 + if 城市 = “上海” and 下单 > 90 days then send x email
  |
";
    assert_eq!(shown.trim_end(), expected.trim_end());
    assert!(render(&parse(file, text).diagnostics, &sources, true).contains("\u{1b}["));
}
