//! Programs for tests and measurements that have rules and no project.

use std::sync::Arc;
use tidings_check::{Program, RuleFile, World, check};
use tidings_schema::{Currency, Settings, Vocabulary, load};
use tidings_syntax::{FileId, Sources, parse};

/// What a schema describes.
pub fn vocabulary(schema: &str, zone: chrono_tz::Tz, currency: Currency) -> Arc<Vocabulary> {
    let (vocabulary, findings) = load(schema, FileId(0), &Settings { zone, currency });
    Arc::new(vocabulary.unwrap_or_else(|| panic!("{findings:#?}")))
}

/// What rules without errors say.
pub fn program(rules: &str, vocabulary: &Arc<Vocabulary>, world: &World) -> Program {
    let mut sources = Sources::default();
    let id = sources.add("rules/test.tidings", rules);
    let parsed = parse(id, rules);
    assert!(!parsed.has_errors(), "{rules}\n{:#?}", parsed.diagnostics);
    let file = RuleFile { id, name: "test".to_owned(), tree: parsed.file, broken: parsed.broken };
    let checked = check(&[file], Arc::clone(vocabulary), world, &sources);
    checked.program.unwrap_or_else(|| panic!("{rules}\n{:#?}", checked.diagnostics))
}
