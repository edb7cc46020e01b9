fn main() {
    let text = std::io::read_to_string(std::io::stdin()).unwrap();
    let p = tidings_syntax::parse(tidings_syntax::FileId(0), &text);
    for d in &p.diagnostics { println!("{} {}  [{}] at {:?}", d.code, d.message, d.label, &text.get(d.place.span.range()));
       for h in &d.help { println!("      help: {} {:?}", h.message, h.fix.as_ref().map(|f| (text.get(f.0.span.range()), &f.1))); } }
    println!("items {} sentence {} broken {:?}", p.file.items.len(), p.file.sentence.is_some(), p.broken.iter().map(|b| &b.node).collect::<Vec<_>>());
    match std::env::args().nth(1).as_deref() { Some("tree") => println!("{:#?}", p.file), Some("fmt") => println!("{}", tidings_syntax::format(&p.file).unwrap_or_else(|e| e.to_string())), _ => {} }
}
