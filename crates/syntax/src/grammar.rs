//! The generated parser, and how its rules are told apart.

/// The parser that pest makes of `grammar/tidings.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "../../grammar/tidings.pest"]
pub(crate) struct Grammar;

/// One piece of parsed text.
pub(crate) type Pair<'i> = pest::iterators::Pair<'i, Rule>;

/// Whether a rule is a word of the language. The grammar lists them together, so their order tells.
pub(crate) fn is_word(rule: Rule) -> bool {
    (Rule::k_add..=Rule::k_zones).contains(&rule)
}

/// What stands inside a piece, without the words and signs of the language around it.
pub(crate) fn parts(pair: Pair<'_>) -> impl Iterator<Item = Pair<'_>> {
    pair.into_inner().filter(|p| !is_word(p.as_rule()) && !is_sign(p.as_rule()))
}

fn is_sign(rule: Rule) -> bool {
    matches!(rule, Rule::comma | Rule::also | Rule::shut | Rule::assign | Rule::colon)
}

/// The first piece inside of that rule.
pub(crate) fn find<'i>(pair: &Pair<'i>, rule: Rule) -> Option<Pair<'i>> {
    pair.clone().into_inner().find(|p| p.as_rule() == rule)
}

/// Whether a piece of that rule stands directly inside.
pub(crate) fn has(pair: &Pair<'_>, rule: Rule) -> bool {
    find(pair, rule).is_some()
}

/// Where a piece ends, without the blanks and comments that the grammar left behind it.
pub(crate) fn end(pair: &Pair<'_>) -> usize {
    let mut last = pair.clone();
    while let Some(inner) = last.clone().into_inner().next_back() {
        last = inner;
    }
    last.as_span().end()
}

/// A piece's text up to its [`end`].
pub(crate) fn written<'i>(pair: &Pair<'i>) -> &'i str {
    let text = pair.as_str();
    text.get(..end(pair) - pair.as_span().start()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_only_words_stand_in_the_list_of_words() {
        for rule in Rule::all_rules() {
            assert_eq!(is_word(*rule), format!("{rule:?}").starts_with("k_"), "{rule:?}");
        }
    }
}
