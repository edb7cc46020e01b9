//! The part of Liquid that templates may use, and running it inside bounds.

use super::scan::{Scanned, scan};
use liquid_core::error::Error;
use liquid_core::model::{KString, KStringCow, KStringRef, ScalarCow};
use liquid_core::parser::{self, FilterArguments, ParameterReflection};
use liquid_core::runtime::{self, Interrupt, InterruptRegister, PartialStore, Registers, RuntimeBuilder};
use liquid_core::{
    Filter, FilterReflection, Language, Object, ParseBlock, ParseFilter, Renderable, Runtime, Value,
    ValueCow, ValueView,
};
use liquid_lib::stdlib;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use tidings_syntax::Code;

/// How many elements a template may go through in one rendering.
pub(super) const FUEL: u64 = 200_000;
/// How long a value may be on its way through filters, in bytes.
const VALUE: usize = 64 * 1024;
/// How much of a value a filter works through for what an element costs, in bytes.
const PORTION: usize = 256;
/// The filters that end every shown value.
const TO_HTML: &str = "to_html";
const TO_TEXT: &str = "to_text";

/// The blocks that are offered.
pub(super) const BLOCKS: [&str; 4] = ["if", "unless", "case", "for"];

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// From 1 on.
    pub line: usize,
    pub message: String,
    pub help: String,
    pub code: Code,
}

/// What values are made safe for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Text and attributes of HTML.
    Html,
    /// Plain text: nothing is special in it.
    Plain,
}

/// A template that can be rendered.
pub(crate) struct Program {
    template: runtime::Template,
    variables: Vec<(String, usize)>,
    asked: BTreeSet<String>,
}

impl Program {
    /// Reads a source.
    pub fn compile(source: &str, escape: Escape) -> Result<Program, Fault> {
        let filter = if escape == Escape::Html { TO_HTML } else { TO_TEXT };
        let Scanned { source, variables, asked, .. } = scan(source, filter)?;
        let elements = parser::parse(&source, &LANGUAGE).map_err(|e| translated(&e.to_string()))?;
        Ok(Program { template: runtime::Template::new(elements), variables, asked })
    }

    /// With the values where they were written, and not where they have come to stand.
    pub fn written(self, variables: Vec<(String, usize)>) -> Program {
        Program { variables, ..self }
    }

    /// The values that it shows or asks for: path and line.
    pub fn variables(&self) -> &[(String, usize)] {
        &self.variables
    }

    /// Whether a block asks for a value.
    pub fn asks(&self, path: &str) -> bool {
        self.asked.contains(path)
    }

    /// Those that are not among the known values. `shop.*` knows everything in `shop`.
    pub fn unknown(&self, known: &BTreeSet<String>) -> impl Iterator<Item = &(String, usize)> {
        let in_known =
            |path: &str| path.split_once('.').is_some_and(|(root, _)| known.contains(&format!("{root}.*")));
        self.variables.iter().filter(move |(path, _)| !known.contains(path) && !in_known(path))
    }

    /// The text, at most `limit` bytes. What is missing in `values` shows as nothing.
    pub fn render(&self, values: &Object, limit: usize) -> Result<String, String> {
        let bounded =
            Bounded { inner: RuntimeBuilder::new().set_globals(values).build(), fuel: Cell::new(FUEL) };
        let mut out = Out { bytes: Vec::new(), limit, over: false };
        // Liquid's arithmetic panics on overflow in some builds; a customer's data must not end the process.
        let ended = catch_unwind(AssertUnwindSafe(|| self.template.render_to(&mut out, &bounded)));
        if out.over {
            return Err(format!("it is longer than {limit} bytes"));
        }
        if bounded.fuel.get() == 0 {
            return Err("it takes too long; its loops go round too often".into());
        }
        match ended {
            Ok(Ok(())) => String::from_utf8(out.bytes).map_err(|_| "it is not text".into()),
            Ok(Err(e)) => Err(reason(&e.to_string())),
            Err(_) => Err("it cannot be computed with this customer's values".into()),
        }
    }
}

/// Liquid's own report of a place: its message holds `--> line:column` and `= reason`.
fn translated(report: &str) -> Fault {
    let line =
        report.split("--> ").nth(1).and_then(|r| r.split(':').next()).and_then(|l| l.trim().parse().ok());
    let message = report
        .lines()
        .find_map(|l| l.trim().strip_prefix("= "))
        .map_or_else(|| reason(report), str::to_owned);
    Fault::new(line.unwrap_or(1), message).help("look at the braces, quotes and signs on this line")
}

/// The first line, which never has a value in it: those that follow may.
fn reason(report: &str) -> String {
    report.lines().next().unwrap_or_default().trim_start_matches("liquid: ").to_owned()
}

/// A value store in which a missing value is empty, every element costs fuel, and values are short.
struct Bounded<R> {
    inner: R,
    fuel: Cell<u64>,
}

impl<R: Runtime> Runtime for Bounded<R> {
    fn partials(&self) -> &dyn PartialStore {
        self.inner.partials()
    }
    fn name(&self) -> Option<KStringRef<'_>> {
        self.inner.name()
    }
    fn roots(&self) -> BTreeSet<KStringCow<'_>> {
        self.inner.roots()
    }
    fn try_get(&self, path: &[ScalarCow<'_>]) -> Option<ValueCow<'_>> {
        self.inner.try_get(path)
    }
    fn get(&self, path: &[ScalarCow<'_>]) -> Result<ValueCow<'_>, Error> {
        Ok(self.inner.try_get(path).unwrap_or(ValueCow::Owned(Value::Nil)))
    }
    fn set_global(&self, name: KString, value: Value) -> Option<Value> {
        if value.to_kstr().len() > VALUE {
            self.fuel.set(0);
            return None;
        }
        self.inner.set_global(name, value)
    }
    fn set_index(&self, name: KString, value: Value) -> Option<Value> {
        self.inner.set_index(name, value)
    }
    fn get_index<'a>(&'a self, name: &str) -> Option<ValueCow<'a>> {
        self.inner.get_index(name)
    }
    /// Liquid looks here after every element for a `break`, which is what a template without fuel gets; filters do for
    /// long values.
    fn registers(&self) -> &Registers {
        self.fuel.set(self.fuel.get().saturating_sub(1));
        if self.fuel.get() == 0 {
            self.inner.registers().get_mut::<InterruptRegister>().set(Interrupt::Break);
        }
        self.inner.registers()
    }
}

/// Takes so many bytes and no more.
struct Out {
    bytes: Vec<u8>,
    limit: usize,
    over: bool,
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.over |= self.bytes.len() + bytes.len() > self.limit;
        if self.over {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static LANGUAGE: LazyLock<Language> = LazyLock::new(language);

fn language() -> Language {
    let mut language = Language::empty();
    language.tags.register("assign".into(), stdlib::AssignTag.into());
    language.tags.register("break".into(), stdlib::BreakTag.into());
    language.tags.register("continue".into(), stdlib::ContinueTag.into());
    let blocks: [Box<dyn ParseBlock>; BLOCKS.len()] = [
        stdlib::IfBlock.into(),
        stdlib::UnlessBlock.into(),
        stdlib::CaseBlock.into(),
        stdlib::ForBlock.into(),
    ];
    for block in blocks {
        language.blocks.register(block.reflection().start_tag().to_owned(), block);
    }
    for filter in filters() {
        language.filters.register(filter.reflection().name().to_owned(), Box::new(Short(filter)));
    }
    for last in [Last { name: TO_HTML, escape: Escape::Html }, Last { name: TO_TEXT, escape: Escape::Plain }]
    {
        language.filters.register(last.name.into(), Box::new(last));
    }
    language
}

/// The names of the filters that are offered.
pub(super) static FILTERS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names: Vec<&'static str> =
        filters().iter().map(|f| &*f.reflection().name().to_owned().leak()).collect();
    names.sort_unstable();
    names
});

fn filters() -> Vec<Box<dyn ParseFilter>> {
    vec![
        stdlib::Abs.into(),
        stdlib::Append.into(),
        stdlib::AtLeast.into(),
        stdlib::AtMost.into(),
        stdlib::Capitalize.into(),
        stdlib::Ceil.into(),
        stdlib::Date.into(),
        stdlib::Default.into(),
        stdlib::DividedBy.into(),
        stdlib::Downcase.into(),
        stdlib::First.into(),
        stdlib::Floor.into(),
        stdlib::Join.into(),
        stdlib::Last.into(),
        stdlib::Minus.into(),
        stdlib::Modulo.into(),
        stdlib::Plus.into(),
        stdlib::Prepend.into(),
        stdlib::Remove.into(),
        stdlib::Replace.into(),
        stdlib::Round.into(),
        stdlib::Size.into(),
        stdlib::Slice.into(),
        stdlib::Split.into(),
        stdlib::Strip.into(),
        stdlib::Times.into(),
        stdlib::Truncate.into(),
        stdlib::TruncateWords.into(),
        stdlib::Upcase.into(),
        stdlib::UrlEncode.into(),
    ]
}

/// A filter that takes short values only.
#[derive(Clone)]
struct Short(Box<dyn ParseFilter>);

#[derive(Debug)]
struct ShortFilter(Box<dyn Filter>);

impl ParseFilter for Short {
    fn parse(&self, arguments: FilterArguments) -> Result<Box<dyn Filter>, Error> {
        Ok(Box::new(ShortFilter(self.0.parse(arguments)?)))
    }
    fn reflection(&self) -> &dyn FilterReflection {
        self.0.reflection()
    }
}

impl Filter for ShortFilter {
    fn evaluate(&self, input: &dyn ValueView, runtime: &dyn Runtime) -> Result<Value, Error> {
        let length = input.to_kstr().len();
        if length > VALUE {
            return Err(Error::with_msg(format!("a value of it is longer than {VALUE} bytes")));
        }
        for _ in 0..length / PORTION {
            runtime.registers();
        }
        self.0.evaluate(input, runtime)
    }
}

impl fmt::Display for ShortFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The filter that ends every shown value: makes it safe for where it is shown.
#[derive(Clone, Debug)]
struct Last {
    name: &'static str,
    escape: Escape,
}

impl ParseFilter for Last {
    fn parse(&self, _: FilterArguments) -> Result<Box<dyn Filter>, Error> {
        Ok(Box::new(self.clone()))
    }
    fn reflection(&self) -> &dyn FilterReflection {
        self
    }
}

impl FilterReflection for Last {
    fn name(&self) -> &str {
        self.name
    }
    fn description(&self) -> &'static str {
        "makes a value safe for where it is shown"
    }
    fn positional_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }
    fn keyword_parameters(&self) -> &'static [ParameterReflection] {
        &[]
    }
}

impl Filter for Last {
    fn evaluate(&self, input: &dyn ValueView, _: &dyn Runtime) -> Result<Value, Error> {
        let text = input.to_kstr();
        Ok(Value::scalar(match self.escape {
            Escape::Plain => text.into_string(),
            Escape::Html => escaped(&text),
        }))
    }
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Safe inside HTML's text and inside quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
