//! How a table tells which of its rows are new or other than they were.

use crate::vocabulary::Changes;
use crate::yaml::{Fields, Node};
use tidings_syntax::{Code, Diagnostic};

/// The keys that say it.
pub(super) const KEYS: [&str; 3] = ["append_only", "updated_at", "deleted_at"];

/// Reads them. Rows have to have a key, or a changed one could not be told from a new one.
pub(super) fn read(fields: &Fields<'_>, has_key: bool, out: &mut Vec<Diagnostic>) -> Changes {
    let [appended, updated, deleted] = KEYS.map(|key| fields.get(key));
    let misfit = |node: &Node<'_>, message: String, help: &str| {
        Diagnostic::new(Code::BAD_CHANGES, node.key_place(), message).help(help)
    };
    let findings = [
        appended.as_ref().filter(|_| updated.is_some()).map(|node| {
            let help = "keep `append_only` where rows never change, and else `updated_at`";
            misfit(node, "a table has either `append_only` or `updated_at`".to_owned(), help)
        }),
        appended.as_ref().filter(|_| deleted.is_some()).map(|node| {
            let help = "rows that are marked as deleted change: say `updated_at` in place of `append_only`";
            misfit(node, "a table that has `append_only` cannot have `deleted_at`".to_owned(), help)
        }),
        appended.as_ref().or(updated.as_ref()).filter(|_| !has_key).map(|node| {
            let help = "write `key: id`, with the column by which its rows are told apart";
            misfit(node, format!("`{}` needs a `key` beside it", node.key()), help)
        }),
    ];
    out.extend(findings.into_iter().flatten());
    let only_grows = appended.is_some();
    let mut column = |node: Option<Node<'_>>| node.and_then(|n| n.text(out));
    Changes { since: column(appended.or(updated)), only_grows, deleted: column(deleted) }
}
