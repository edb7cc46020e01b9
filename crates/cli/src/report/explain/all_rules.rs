//! Every rule for one customer: why did, or didn't, they get anything?

use super::html::Page;
use super::whole::Whole;
use crate::report::{moment, rfc3339};
use crate::screen::Screen;
use serde_json::{Value, json};
use tidings_schema::Now;

/// All rules.
pub struct AllRules<'a> {
    customer: &'a str,
    now: Now,
    rules: Vec<Whole<'a>>,
}

impl<'a> AllRules<'a> {
    /// What is planned first, then what is held back, then what does not match; each in the order of the program.
    pub fn new(customer: &'a str, now: Now, mut rules: Vec<Whole<'a>>) -> AllRules<'a> {
        rules.sort_by_key(Whole::rank);
        AllRules { customer, now, rules }
    }

    /// For people, a line a rule.
    pub fn text(&self, screen: &Screen) -> String {
        let lines: Vec<String> = self.rules.iter().map(|whole| whole.line(screen)).collect();
        format!("customer {} at {}\n\n{}\n", self.customer, moment(self.now), lines.join("\n"))
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let rules: Value = self.rules.iter().map(Whole::brief).collect();
        json!({"customer": self.customer, "at": rfc3339(self.now), "rules": rules})
    }

    /// For a browser.
    pub fn html(&self) -> String {
        let mut page = Page::new(&format!("All rules and customer {}", self.customer));
        page.line(&moment(self.now));
        self.rules.iter().for_each(|whole| whole.part(&mut page));
        page.done()
    }
}
