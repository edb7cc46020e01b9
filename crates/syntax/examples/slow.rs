fn main() {
    let n: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    for piece in [
        "rule ", "rule x ", "end ", "if ", "then ", "a ", "a = ", "= ", "days since ", "count of a where ", "latest ",
        "x(", "AND(", "was sent ", "1 ", "1,000 ", "1:", "\"", "`", "'", "\n", "\r\n", "# x\n", "\n\n#", "“", "in (", "in ",
        "a.", "a-", "-", "--", "where (", "define x = ", "score x = ", "stages s a when ", "all of a end ", "$1 ", "\u{0}",
        "\u{202e}", "\u{feff}", "客", "　", "；", "7 days before x ", "split 50% a: ", "policy ", "at most ", "every ",
        "was x ", "is not ", "not in ", "between a and ", ",", "a,", "send a b or ", "if late ", "journey j wait ", "5 VIP ",
    ] {
        for (start, end) in [("", ""), ("rule r ", ""), ("segment s ", " end"), ("if a then send b email ", ""), ("journey j ", "end")] {
            let text = format!("{start}{}{end}", piece.repeat(n / piece.len()));
            let t = std::time::Instant::now();
            let p = tidings_syntax::parse(tidings_syntax::FileId(0), &text);
            let e = t.elapsed().as_millis();
            if e > 150 { println!("{start:?} {piece:?} {e} ms, {} found", p.diagnostics.len()); }
        }
    }
}
