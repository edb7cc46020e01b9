fn main() {
    let a: Vec<String> = std::env::args().collect();
    for n in [5000usize, 10000, 20000, 40000] {
        let text = format!("{}{}", a[1], a[2].repeat(n / a[2].len()));
        let t = std::time::Instant::now();
        let p = tidings_syntax::parse(tidings_syntax::FileId(0), &text);
        println!("{n} {} ms {} found {:?}", t.elapsed().as_millis(), p.diagnostics.len(), p.diagnostics.first().map(|d| (d.code, &d.message)));
    }
}
