//! What of a project differs beside its rules: settings, vocabulary, templates.

use crate::Project;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tidings_schema::yaml::{Document, Value};
use tidings_syntax::FileId;

/// A file that two versions of a project do not have alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// Its path in the project's folder.
    pub path: String,
    /// Whether the earlier version has it.
    pub before: bool,
    /// Whether the later version has it.
    pub after: bool,
}

/// The files of two versions that say something else, apart from rule files: comments, layout and the order of keys say
/// nothing. With `texts`, templates that are none are left out: of a version that was kept as texts they are missing.
pub fn differences(before: &Project, after: &Project, texts: bool) -> Vec<Differs> {
    let settings =
        ["tidings.yaml", "schema.yaml"].into_iter().filter(|file| said(before, file) != said(after, file));
    let both = |file: &str| Differs { path: file.to_owned(), before: true, after: true };
    let mut differ: Vec<Differs> = settings.map(both).collect();
    let templates = |project: &Project| {
        let mut found = templates(&project.folder);
        found.retain(|_, bytes| !texts || text(bytes).is_some());
        found
    };
    let (earlier, later) = (templates(before), templates(after));
    let names: BTreeSet<&String> = earlier.keys().chain(later.keys()).collect();
    for name in names {
        let (was, is) = (earlier.get(name), later.get(name));
        if was != is {
            differ.push(Differs {
                path: format!("templates/{name}"),
                before: was.is_some(),
                after: is.is_some(),
            });
        }
    }
    differ
}

/// What a YAML file says; secrets that stand in it are covered.
fn said(project: &Project, file: &str) -> Option<Value> {
    let (_, source) = project.sources.iter().find(|(_, source)| source.path == file)?;
    let document = Document::read(&source.text, FileId(0), &mut Vec::new())?;
    Some(in_order(document.root().value()))
}

fn in_order(value: &Value) -> Value {
    match value {
        Value::Map(entries) => {
            let mut entries: Vec<(String, Value)> =
                entries.iter().map(|(k, v)| (k.clone(), in_order(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(entries)
        }
        Value::List(items) => Value::List(items.iter().map(in_order).collect()),
        other => other.clone(),
    }
}

/// What a file says, where it is a text that every database can keep.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// The templates' bytes, by their paths below the folder.
pub(crate) fn templates(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let root = folder.join("templates");
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = crate::files::read(&path) {
                found.insert(crate::files::relative(&root, &path), bytes);
            }
        }
    }
    found
}
