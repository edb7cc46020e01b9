//! What to say about a part that the grammar could not read.
use crate::lower::Lower;
use crate::grammar::{Pair, Rule, Grammar};
use pest::Parser;
pub(crate) const DECLARATIONS: [&str; 7] = ["define", "score", "stages", "segment", "rule", "journey", "policy"];
impl Lower<'_> {
    pub(crate) fn unexpected(&mut self, pair: &Pair<'_>, alone: Rule) {
        let text = pair.as_str().trim_end();
        match Grammar::parse(alone, text) {
            Err(e) => {
                let place = self.place(pair);
                self.report(crate::Diagnostic::new(crate::Code::UNEXPECTED, place, format!("{:?} {:?}", e.location, e.variant)));
            }
            Ok(_) => {
                let place = self.place(pair);
                self.report(crate::Diagnostic::new(crate::Code::UNEXPECTED, place, "parses alone"));
            }
        }
    }
}
