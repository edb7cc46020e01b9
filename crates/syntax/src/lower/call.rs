//! Functions of spreadsheets and databases: there are none here, and each gets the words to write instead.

use super::Lower;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::grammar::{Pair, Rule, find, parts, written};
use crate::tree::Expr;

impl Lower<'_> {
    /// `COUNT(*)`, `AND(a, b)`, `SUM(orders.total)`
    pub(super) fn call(&mut self, pair: &Pair<'_>) -> Option<Expr> {
        let name = find(pair, Rule::call_name)?.as_str();
        let arguments: Vec<&str> =
            parts(pair.clone()).filter(|p| p.as_rule() != Rule::call_name).map(|p| written(&p)).collect();
        let place = self.place(pair);
        let found = Diagnostic::new(Code::FUNCTION_CALL, place, format!("there is no function `{name}`"))
            .label("a function of another language");
        let lower = name.to_ascii_lowercase();
        let fold = match lower.as_str() {
            "count" => "count of",
            "sum" => "sum of",
            "avg" | "average" | "mean" => "average of",
            "min" => "min of",
            "max" => "max of",
            _ => "",
        };
        let found = match (lower.as_str(), arguments.as_slice()) {
            ("and" | "or", [_, _, ..]) => {
                let joined = arguments.join(&format!(" {lower} "));
                found.fix("put the word between the conditions", place, format!("({joined})"))
            }
            ("isnull" | "isblank" | "is_null", [a]) => {
                found.fix("ask whether it is missing", place, format!("{a} is missing"))
            }
            (_, ["*"]) if fold == "count of" => found.help("say what is counted, such as `count of orders`"),
            (_, [one]) if !fold.is_empty() => {
                found.fix(format!("write `{fold}`"), place, format!("{fold} {one}"))
            }
            ("if" | "iif", _) => {
                found.help("write `if CONDITION then ACTIONS` in a rule, or several stages in `stages … end`")
            }
            ("today" | "now", []) => found.help("write `X is today`, `days since X` or `in last 30 days`"),
            _ => found.help(
                "put into words what it should do: `count of orders`, `days since birthday`, `city in (…)`",
            ),
        };
        self.report(found);
        None
    }
}
