//! What the grammar's rules are called in a message.

use crate::grammar::{Rule, is_word};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A rule in plain words, several of them with `|` between; the end of the text alone has none, since it depends on what was read.
pub(crate) fn phrase(rule: Rule) -> Option<String> {
    if is_word(rule) {
        return word(rule).map(|w| format!("`{w}`"));
    }
    plain(rule).map(str::to_owned)
}

/// The word that a rule stands for.
pub(crate) fn word(rule: Rule) -> Option<String> {
    format!("{rule:?}").strip_prefix("k_").map(str::to_owned)
}

/// Whether a text is a word of the language.
pub(crate) fn is_word_text(text: &str) -> bool {
    static WORDS: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| Rule::all_rules().iter().filter_map(|r| word(*r)).collect());
    WORDS.contains(text)
}

fn plain(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::EOI => return None,
        Rule::WHITESPACE | Rule::COMMENT | Rule::piece | Rule::line | Rule::gap => "a blank",
        Rule::empty_line | Rule::flush_left => "a new line",
        Rule::file | Rule::item | Rule::item_stop | Rule::broken_item | Rule::lone_item => "a declaration",
        Rule::declaration | Rule::after_item => "the next declaration",
        Rule::close | Rule::unclosed | Rule::body_stop => "`end`",
        Rule::define => "`define`",
        Rule::score => "`score`",
        Rule::stages => "`stages`",
        Rule::segment => "`segment`",
        Rule::campaign => "`rule`",
        Rule::journey => "`journey`",
        Rule::policy => "`policy`",
        Rule::sentence => "`if`",
        Rule::basis => "`quintile of`|`decile of`|`4 bands of`|`bands of`",
        Rule::bounds => "`at` and the bounds",
        Rule::best => "`lowest first` or `highest first`",
        Rule::arm | Rule::arm_start | Rule::broken_arm | Rule::lone_arm => {
            "a stage, such as `loyal when count of orders >= 5`"
        }
        Rule::broken_body | Rule::lone_expr | Rule::expr | Rule::term => "a condition",
        Rule::clause | Rule::any_clause | Rule::clause_start | Rule::broken_clause | Rule::lone_clause => {
            "a clause"
        }
        Rule::was => "`was` and the old name",
        Rule::owner => "`owner`",
        Rule::audience => "`for` and a segment",
        Rule::condition => "`if`",
        Rule::late => "`if late by more than`",
        Rule::missed => "`if missed then`",
        Rule::overlap => "`if still running then`",
        Rule::then => "`then`",
        Rule::otherwise => "`else`",
        Rule::repeat => "`repeat`",
        Rule::limit => "`limit`",
        Rule::budget => "`budget`",
        Rule::hold_out => "`hold out`",
        Rule::priority => "`priority`",
        Rule::expires => "`expires`",
        Rule::goal => "`goal`",
        Rule::schedule => "a schedule, such as `every day at 10:00`",
        Rule::around => "a day around a date, such as `7 days before birthday`",
        Rule::at => "`at` and a time",
        Rule::days | Rule::weekday | Rule::unit_interval => "`day`|`weekday`|`monday`|`month on day 1`",
        Rule::actions | Rule::action | Rule::plain_action | Rule::action_start | Rule::variant_action => {
            "an action, such as `send wake-up email`"
        }
        Rule::send => "`send`",
        Rule::channel => "a channel, such as `email`",
        Rule::add_tag => "`add tag`",
        Rule::remove_tag => "`remove tag`",
        Rule::set => "`set`",
        Rule::call_webhook => "`call`",
        Rule::start => "`start`",
        Rule::stop => "`stop`",
        Rule::notify => "`notify`",
        Rule::split => "`split`",
        Rule::variant => "a share and a name, such as `50% short:`",
        Rule::boundary => "the next part",
        Rule::journey_part | Rule::lone_journey | Rule::step | Rule::steps | Rule::step_start => {
            "a step, such as `wait 2 days` or `send welcome email`"
        }
        Rule::journey_on => "`on` and an event",
        Rule::migrate => "`migrate`",
        Rule::exit => "`exit when`",
        Rule::wait | Rule::wait_until => "`wait`",
        Rule::fork => "`if`",
        Rule::policy_clause
        | Rule::policy_start
        | Rule::run_start
        | Rule::broken_policy_clause
        | Rule::lone_policy => "a line of the policy, such as `at most 2 email per 7 days`",
        Rule::cap => "`at most`",
        Rule::losers => "`then wait` or `then skip`",
        Rule::quiet => "`quiet`",
        Rule::unknown_zones => "`unknown zones wait`",
        Rule::joiner => "`and`|`or`",
        Rule::negation | Rule::bang => "`not`",
        Rule::operand | Rule::row_operand | Rule::row_paren | Rule::factor | Rule::row_factor => {
            "a value or a name"
        }
        Rule::sign => "`+`, `-`, `*` or `/`",
        Rule::tail
        | Rule::row_tail
        | Rule::state
        | Rule::membership
        | Rule::membership_row
        | Rule::range
        | Rule::row_range
        | Rule::r#match
        | Rule::row_match
        | Rule::like
        | Rule::row_like
        | Rule::compare
        | Rule::row_compare
        | Rule::matcher
        | Rule::comparator
        | Rule::symbol
        | Rule::at_least
        | Rule::at_most
        | Rule::more
        | Rule::less
        | Rule::unequal
        | Rule::equal
        | Rule::null => "a comparison, such as `= 5`",
        Rule::list => "a list in parentheses, such as `(\"Shanghai\", \"Hangzhou\")`",
        Rule::paren => "`(`",
        Rule::shut => "`)`",
        Rule::comma | Rule::also => "`,`",
        Rule::assign => "`=`",
        Rule::colon => "`:`",
        Rule::group | Rule::group_kind => "`all of`, `any of` or `none of`",
        Rule::call | Rule::call_name | Rule::star => "a value",
        Rule::aggregate | Rule::function => "`count of`, `sum of` or `latest`",
        Rule::filter => "`where`",
        Rule::since | Rule::row_since => "`days since`",
        Rule::until | Rule::row_until => "`days until`",
        Rule::next => "`next` and a yearly date",
        Rule::moment | Rule::row_moment => "a date, such as `latest orders.placed_at`",
        Rule::was_sent => "`was sent`",
        Rule::opened => "`opened`",
        Rule::touch | Rule::name | Rule::word | Rule::lone_name => "a name",
        Rule::entered => "`entered`",
        Rule::holds => "`holds`",
        Rule::timed_out => "`timed out`",
        Rule::in_segment => "`in` and a segment",
        Rule::path => "a name, such as `orders.total`",
        Rule::window
        | Rule::window_last
        | Rule::window_since
        | Rule::window_between
        | Rule::window_before => "a stretch of time, such as `in last 90 days`",
        Rule::bound | Rule::day | Rule::date | Rule::date_slip => "a date, such as `2026-11-30`",
        Rule::literal => "a value",
        Rule::truth => "`true` or `false`",
        Rule::text | Rule::single_quoted => "a text in double quotes",
        Rule::number | Rule::decimal | Rule::thousands | Rule::dotted | Rule::glued => "a number",
        Rule::percent | Rule::share => "a share, such as `10%`",
        Rule::percent_sign => "`%`",
        Rule::quantity | Rule::length => "a length of time, such as `90 days`",
        Rule::unit => "a unit, such as `days`",
        Rule::money | Rule::money_sign | Rule::money_mark => "an amount of money, such as `500 CNY`",
        Rule::currency => "a currency, such as `CNY`",
        Rule::time | Rule::time_of_day => "a time, such as `10:00`",
        Rule::per => "`per` and a length of time, such as `per 7 days`",
        Rule::edge | Rule::reserved => "a word",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_phrase() {
        for rule in Rule::all_rules() {
            assert!(phrase(*rule).is_some() || *rule == Rule::EOI, "{rule:?}");
        }
    }
}
