//! JSON bodies whose texts are Liquid. Values are put in as JSON texts, so none can break out of its place.

use crate::template::{Escape, Text, Values, nearest, unknown_message};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// How long a text in a body may get, in bytes.
const TEXT: usize = 1024 * 1024;
/// How deep a body may be.
const DEPTH: usize = 16;

/// A body with its texts compiled.
pub(crate) enum Body {
    Text(Text),
    Fixed(Value),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
}

impl Body {
    /// Compiles a body. The error says what is wrong, and with which text.
    pub fn compile(value: &Value) -> Result<Body, String> {
        Body::at_depth(value, 0)
    }

    fn at_depth(value: &Value, depth: usize) -> Result<Body, String> {
        if depth > DEPTH {
            return Err(format!("a body goes at most {DEPTH} levels deep"));
        }
        Ok(match value {
            Value::String(text) => Body::Text(compiled(text)?),
            Value::Array(list) => {
                Body::List(list.iter().map(|v| Body::at_depth(v, depth + 1)).collect::<Result<_, String>>()?)
            }
            Value::Object(fields) => Body::Object(
                fields
                    .iter()
                    .map(|(name, v)| Ok((name.clone(), Body::at_depth(v, depth + 1)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => Body::Fixed(other.clone()),
        })
    }

    /// The body with these values.
    pub fn render(&self, values: &Values) -> Result<Value, String> {
        Ok(match self {
            Body::Text(text) => {
                Value::String(text.render(&values.0, TEXT).map_err(|e| format!("the body: {e}"))?)
            }
            Body::Fixed(value) => value.clone(),
            Body::List(list) => {
                Value::Array(list.iter().map(|b| b.render(values)).collect::<Result<_, String>>()?)
            }
            Body::Object(fields) => {
                let rendered = fields.iter().map(|(name, b)| Ok((name.clone(), b.render(values)?)));
                Value::Object(rendered.collect::<Result<Map<_, _>, String>>()?)
            }
        })
    }

    fn variables(&self, found: &mut BTreeSet<String>) {
        match self {
            Body::Fixed(_) => {}
            Body::List(list) => list.iter().for_each(|b| b.variables(found)),
            Body::Object(fields) => fields.iter().for_each(|(_, b)| b.variables(found)),
            Body::Text(text) => found.extend(text.variables().iter().map(|(path, _)| path.clone())),
        }
    }

    /// What it shows that is not among the known values.
    fn unknown(&self, known: &BTreeSet<String>, problems: &mut Vec<String>) {
        match self {
            Body::Fixed(_) => {}
            Body::List(list) => list.iter().for_each(|b| b.unknown(known, problems)),
            Body::Object(fields) => fields.iter().for_each(|(_, b)| b.unknown(known, problems)),
            Body::Text(text) => {
                let strange = text.unknown(known);
                problems.extend(
                    strange.map(|(path, _)| format!("{}; {}", unknown_message(path), nearest(path, known))),
                );
            }
        }
    }
}

/// Everything that is wrong with a body, for people.
pub fn check_body(body: &Value, known: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    match Body::compile(body) {
        Ok(body) => body.unknown(known, &mut problems),
        Err(problem) => problems.push(problem),
    }
    problems
}

/// The values that a body shows, such as `customer.city`; none where it cannot be read.
pub fn body_variables(body: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if let Ok(body) = Body::compile(body) {
        body.variables(&mut found);
    }
    found
}

/// Liquid in a text of the configuration.
pub(crate) fn compiled(text: &str) -> Result<Text, String> {
    Text::compile(text, Escape::Plain).map_err(|fault| format!("`{text}`: {}; {}", fault.message, fault.help))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_stays_inside_its_text() {
        let body = json!({"to": "{{ to }}", "parts": ["Hi {{ customer.name }}", 7, true], "{{ to }}": null});
        let hostile = json!({"to": "+86", "customer": {"name": "\",\"to\":\"all\n{{7*7}}"}});
        let values = Values::new(hostile.as_object().unwrap()).unwrap();
        let rendered = Body::compile(&body).unwrap().render(&values).unwrap();
        let want = json!({"to": "+86", "parts": ["Hi \",\"to\":\"all\n{{7*7}}", 7, true], "{{ to }}": null});
        assert_eq!(rendered, want);
        assert_eq!(serde_json::from_str::<Value>(&rendered.to_string()).unwrap(), want);
    }

    #[test]
    fn faults_and_unknown_values_are_reported() {
        let known = ["to".to_owned(), "coupon.value".to_owned()].into();
        assert_eq!(check_body(&json!({"a": ["{{ to }}"]}), &known), [] as [&str; 0]);
        let problems = check_body(&json!({"a": "{{ coupon.valu }}"}), &known);
        assert_eq!(problems, ["nothing is known as `coupon.valu`; `coupon.value` is probably meant"]);
        assert!(check_body(&json!("{{ to"), &known).concat().contains("never closed"));
    }
}
