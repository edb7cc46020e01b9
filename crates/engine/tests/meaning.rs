//! What rules mean where it is easy to get wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod model;
mod shop;

use shop::{Shop, at, day, moment};
use tidings_engine::Populations;
use tidings_schema::Value;

const NOON: &str = "2026-03-10 12:00";

/// The scores from 1 to 5 of customers with these visits, as text for `score`.
fn scores(score: &str, visits: &[Option<f64>]) -> Vec<Option<usize>> {
    let segments: String = (1..=5).map(|k| format!("segment s{k}\n  s = {k}\nend\n")).collect();
    let mut shop = Shop::new(&format!("score s = {score}\n{segments}"));
    for visits in visits {
        let known: Vec<_> = visits.iter().map(|v| ("visits", Value::Number(*v))).collect();
        shop.customer(&known, &[]);
    }
    let matches = shop.matches(at(NOON));
    let score_of = |customer| (1..=5).find(|k| matches.segments[k - 1].contains(customer));
    (0..visits.len()).map(score_of).collect()
}

fn known(scores: &[usize]) -> Vec<Option<usize>> {
    scores.iter().map(|s| Some(*s)).collect()
}

#[test]
fn few_customers_share_the_five_scores_from_the_top() {
    let highest = |n: u32| {
        let visits: Vec<_> = (0..n).map(|v| Some(f64::from(v))).collect();
        scores("quintile of visits, highest first", &visits)
    };
    assert_eq!(highest(1), known(&[5]));
    assert_eq!(highest(2), known(&[3, 5]));
    assert_eq!(highest(3), known(&[2, 4, 5]));
    assert_eq!(highest(4), known(&[2, 3, 4, 5]));
    assert_eq!(highest(5), known(&[1, 2, 3, 4, 5]));
}

#[test]
fn equal_values_have_equal_scores_and_missing_ones_none() {
    let visits = [Some(1.0), Some(1.0), None, Some(1.0), Some(1.0), Some(9.0)];
    let (one, nine) = (Some(4), Some(5));
    assert_eq!(scores("quintile of visits, highest first", &visits), [one, one, None, one, one, nine]);
    let (one, nine) = (Some(5), Some(1));
    assert_eq!(scores("quintile of visits, lowest first", &visits), [one, one, None, one, one, nine]);
}

#[test]
fn a_bound_belongs_to_the_band_above_it() {
    let visits = [Some(9.0), Some(10.0), Some(19.0), Some(20.0), None];
    let (low, middle, high) = (Some(1), Some(2), Some(3));
    assert_eq!(scores("bands of visits at 10, 20", &visits), [low, middle, middle, high, None]);
    assert_eq!(scores("bands of visits at 10, 20, lowest first", &visits), [high, middle, middle, low, None]);
}

#[test]
fn without_a_population_a_score_is_missing() {
    let rule = "score s = quintile of visits, highest first\nrule r\n  if s >= 1\n  then send x coupon\nend";
    let mut shop = Shop::new(rule);
    let chunks = [shop.chunk()];
    assert_eq!(shop.evaluator.populations(&chunks, at(NOON), 2), Populations::default());
    assert_eq!(shop.evaluator.populations(&[], at(NOON), 2), Populations::default());
    shop.customer(&[], &[]);
    let matches = shop.matches(at(NOON));
    assert_eq!(matches.rule(0).unwrap().undecided_count(), 1);
    assert_eq!(matches.rule(0).unwrap().wants().collect::<Vec<_>>(), [("visits", 1)]);
}

#[test]
fn a_birthday_on_29_february_is_the_28th_in_other_years() {
    let mut shop = Shop::new("rule r\n  if days until next birthday = 0\n  then send x coupon\nend");
    shop.customer(&[("birthday", day("2000-02-29"))], &[]);
    assert_eq!(shop.matched(at("2025-02-28")), [0]);
    assert_eq!(shop.matched(at("2025-03-01")), [0; 0]);
    assert_eq!(shop.matched(at("2024-02-28 23:59")), [0; 0]);
    assert_eq!(shop.matched(at("2024-02-29 00:00")), [0]);

    let mut shop = Shop::new("rule r\n  2 days before birthday at 09:00\n  then send x coupon\nend");
    shop.customer(&[("birthday", day("2000-02-29"))], &[]);
    let days = ["2024-02-26", "2024-02-27", "2025-02-26", "2025-02-27", "2028-02-27", "2100-02-26"];
    let hers: Vec<_> = days.into_iter().filter(|day| !shop.matched(at(day)).is_empty()).collect();
    assert_eq!(hers, ["2024-02-27", "2025-02-26", "2028-02-27", "2100-02-26"]);
}

#[test]
fn a_window_of_days_begins_with_its_first_day_and_ends_before_now() {
    let mut shop = Shop::new("rule r\n  if count of orders in last 30 days = 1\n  then send x coupon\nend");
    for time in ["2026-02-08 00:00", "2026-02-07 23:59:59", "2026-03-10 11:59:59", "2026-03-10 12:00"] {
        shop.customer(&[], &[&[("placed_at", moment(time))]]);
    }
    assert_eq!(shop.matched(at(NOON)), [0, 2]);
}

#[test]
fn entering_is_being_inside_on_a_day_and_not_on_the_day_before() {
    let rules = "stages lifecycle
  active when days since latest orders.placed_at <= 90
  dormant otherwise
end
rule r
  if entered dormant in last 2 days
  then send x coupon
end";
    let mut shop = Shop::new(rules);
    // 90 days ago, 91, 92 and 93; then nobody who ever bought, since always and since today's first hour.
    for day in ["2025-12-10", "2025-12-09", "2025-12-08", "2025-12-07"] {
        shop.customer(&[], &[&[("placed_at", moment(day))]]);
    }
    shop.customer(&[], &[]);
    shop.customer(&[("signed_up", day("2026-03-10"))], &[]);
    assert_eq!(shop.matched(at(NOON)), [1, 2, 5]);
}

#[test]
fn a_score_of_an_earlier_day_is_among_the_customers_of_that_day() {
    let rules = "score rank = quintile of (count of orders), highest first
segment best
  rank = 5
end
rule r
  if entered best in last 1 day
  then send x coupon
end";
    let mut shop = Shop::new(rules);
    let order = |time| [("placed_at", moment(time))];
    let (old, new) = (order("2026-01-01"), order("2026-03-10 09:00"));
    // The first has more orders today, and was the best with fewer yesterday.
    shop.customer(&[], &[&old, &old, &old, &new, &new]);
    shop.customer(&[], &[&old]);
    assert_eq!(shop.matched(at(NOON)), [0; 0]);
    shop.customer(&[], &[&new, &new, &new, &new, &new, &new]);
    assert_eq!(shop.matched(at(NOON)), [2]);
}

#[test]
fn customers_who_are_not_there_yet_are_nowhere() {
    let rules = "score rank = quintile of visits, highest first
rule everybody
  if visits >= 0
  then send x coupon
end
segment top
  rank = 5
end";
    let mut shop = Shop::new(rules);
    let visits = ("visits", Value::Number(9.0));
    shop.customer(&[visits.clone(), ("signed_up", day("2026-03-11"))], &[]);
    shop.customer(&[("visits", Value::Number(1.0)), ("signed_up", day("2026-03-10"))], &[]);
    let matches = shop.matches(at(NOON));
    assert_eq!(matches.existing.iter().collect::<Vec<_>>(), [1]);
    assert_eq!(matches.rule(0).unwrap().then().iter().collect::<Vec<_>>(), [1]);
    assert_eq!(matches.segments[0].iter().collect::<Vec<_>>(), [1], "the best of those who are there");
    // The day begins at midnight, and whoever comes with it is not there at that very instant.
    assert_eq!(shop.matched(at("2026-03-11 00:00")), [1]);
    assert_eq!(shop.matched(at("2026-03-11 00:00:01")), [0, 1]);
}

#[test]
fn unknown_is_in_neither_camp_and_says_for_want_of_what() {
    let rules = "rule r
  if not (city = \"Beijing\") and average of orders.total > 10 USD
  then send x coupon
end";
    let mut shop = Shop::new(rules);
    let paid = [("placed_at", moment("2026-01-01")), ("total", Value::Money(5_000))];
    let (beijing, lhasa) = (("city", Value::Text("Beijing".into())), ("city", Value::Text("Lhasa".into())));
    shop.customer(std::slice::from_ref(&lhasa), &[&paid]);
    shop.customer(&[], &[&paid]);
    shop.customer(&[lhasa], &[]);
    shop.customer(&[beijing], &[]);
    shop.customer(&[], &[]);
    let matches = shop.matches(at(NOON));
    let found = matches.rule(0).unwrap();
    assert_eq!(found.then().iter().collect::<Vec<_>>(), [0]);
    assert_eq!(found.otherwise().iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(found.undecided().iter().collect::<Vec<_>>(), [1, 2, 4], "Beijing is a definite no");
    assert_eq!(found.wants().collect::<Vec<_>>(), [("city", 2), ("average of orders.total", 2)]);
}

#[test]
fn whoever_lacks_a_value_in_two_windows_lacks_it_once() {
    let average = |days: u8| format!("average of orders.total in last {days} days > 10 USD");
    let rule = format!("rule r\n  if {} or {}\n  then send x coupon\nend", average(30), average(90));
    let mut shop = Shop::new(&rule);
    shop.customer(&[], &[]);
    shop.customer(&[], &[&[("placed_at", moment("2026-01-20")), ("total", Value::Money(500))]]);
    let matches = shop.matches(at(NOON));
    let found = matches.rule(0).unwrap();
    assert_eq!(found.undecided().iter().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(found.wants().collect::<Vec<_>>(), [("average of orders.total", 2)]);
}

#[test]
fn only_what_is_asked_for_is_needed() {
    let shop = Shop::new("rule r\n  if count of orders where status = paid > 1\n  then send x coupon\nend");
    let needs = shop.evaluator.needs();
    let vocabulary = shop.vocabulary();
    let attributes: Vec<_> =
        needs.attributes.iter().map(|id| &vocabulary.attribute(*id).unwrap().name).collect();
    let orders = &vocabulary.collections[0];
    let fields: Vec<_> =
        needs.collections[0].fields.iter().map(|id| &orders.field(*id).unwrap().name).collect();
    assert_eq!(attributes, ["signed_up"], "when customers came to be");
    assert_eq!(fields, ["placed_at", "status"], "the time of the rows, though no rule names it");
}

#[test]
fn an_explanation_has_the_shape_of_the_rule_and_the_values_that_it_saw() {
    let rules = "define days_since = days since latest orders.placed_at
stages lifecycle
  new when count of orders = 0
  dormant when days_since > 90
  active otherwise
end
define spend = sum of orders.total
score monetary = quintile of spend, highest first
segment locals
  city = \"Lhasa\"
end
rule wake-up
  for locals
  if lifecycle = dormant and monetary >= 4 and not (vip or entered dormant in last 7 days)
  then send x coupon
end";
    let mut shop = Shop::new(rules);
    let order = [("placed_at", moment("2025-12-08 09:00")), ("total", Value::Money(5_900))];
    shop.customer(&[("city", Value::Text("Lhasa".into())), ("vip", Value::Truth(false))], &[&order]);
    shop.customer(&[("signed_up", day("2026-04-01"))], &[]);
    let told = shop.explained(0, at(NOON));
    let expected = r#"no Rule("wake-up")
  yes Segment("locals")
    yes Test  city: "Lhasa"
  no All
    yes Test  lifecycle: dormant
      no Stage { partition: "lifecycle", stage: "new" }
        no Test  count of orders: 1
      yes Stage { partition: "lifecycle", stage: "dormant" }
        yes Test  days_since: 92 days
    yes Test  monetary: 5  spend: 59.00 USD
    no Not
      yes Any
        no Test  vip: no
        yes Entered("dormant")  entered dormant in last 7 days: 2026-03-09
"#;
    assert_eq!(told, expected, "\n{told}");
    let told = shop.explained(1, at(NOON));
    let first: Vec<&str> = told.lines().take(2).map(str::trim_start).collect();
    assert_eq!(first[0], "no Rule(\"wake-up\")");
    assert!(first[1].starts_with("no Created") && first[1].ends_with("2026-04-01"), "{told}");
}

#[test]
fn each_collection_is_counted_for_itself() {
    let ordered = "segment ordered\n  count of orders >= 1\nend\n";
    let written = "segment written\n  count of sends >= 1\nend\n";
    for (rules, first) in [([ordered, written].concat(), 0), ([written, ordered].concat(), 1)] {
        let mut shop = Shop::new(&rules);
        let order: &[&[(&str, Value)]] = &[&[("placed_at", moment("2026-03-01 10:00"))]];
        for orders in [order, &[], order, &[]] {
            shop.customer(&[], orders);
        }
        let sends = shop.vocabulary().collections.iter().position(|c| c.name == "sends").unwrap();
        let collection = &shop.vocabulary().collections[sends];
        let mut fields = vec![None; collection.fields.len()];
        fields[collection.time.0 as usize] = Some(moment("2026-03-02 10:00"));
        for customer in &mut shop.customers[..2] {
            customer.rows[sends].push(model::Row { fields: fields.clone() });
        }
        let matches = shop.matches(at(NOON));
        let of = |segment: usize| matches.segments[segment].iter().collect::<Vec<_>>();
        assert_eq!((of(first), of(1 - first)), (vec![0, 2], vec![0, 1]), "{rules}");
    }
}

#[test]
fn longer_windows_see_the_rows_of_shorter_ones_and_more() {
    let windows = ["in last 30 days", "in last 365 days"];
    let segment = |what: &str, (i, window): (usize, &str)| {
        format!("segment {what}{i}\n  {what} of orders.total {window} >= 50 USD\nend\n")
    };
    let distinct = |(i, window): (usize, &str)| {
        format!("segment kinds{i}\n  number of distinct orders.status {window} >= 2\nend\n")
    };
    let each = || windows.into_iter().enumerate();
    let max: String = each().map(|window| segment("max", window)).collect();
    let sum: String = each().map(|window| segment("sum", window)).collect();
    let kinds: String = each().map(distinct).collect();
    let mut shop = Shop::new(&[max, sum, kinds].concat());
    let order = |day: &str, usd: i64, status: u32| {
        [("placed_at", moment(day)), ("total", Value::Money(usd * 100)), ("status", Value::Word(status))]
    };
    // Most in the longer window only, and most in the shorter one.
    shop.customer(&[], &[&order("2025-06-01 10:00", 60, 1), &order("2026-03-01 10:00", 10, 0)]);
    shop.customer(&[], &[&order("2025-06-01 10:00", 10, 0), &order("2026-03-01 10:00", 60, 0)]);
    let matches = shop.matches(at(NOON));
    let of = |segment: usize| matches.segments[segment].iter().collect::<Vec<_>>();
    assert_eq!([of(0), of(1)], [vec![1], vec![0, 1]], "max");
    assert_eq!([of(2), of(3)], [vec![1], vec![0, 1]], "sum");
    assert_eq!([of(4), of(5)], [vec![], vec![0]], "kinds");
}

#[test]
fn a_column_can_be_compared_with_more_constants_than_a_byte_counts() {
    for constants in [100, 253, 254, 255, 256, 300, 600] {
        let segment = |k: usize| format!("segment s{k}\n  visits >= {k}\nend\n");
        let mut shop = Shop::new(&(0..constants).map(segment).collect::<String>());
        (0..constants + 2).for_each(|v| shop.customer(&[("visits", Value::Number(v as f64))], &[]));
        shop.customer(&[], &[]);
        let matches = shop.matches(at(NOON));
        for (k, members) in matches.segments.iter().enumerate() {
            let expected: Vec<usize> = (k..constants + 2).collect();
            assert_eq!(members.iter().collect::<Vec<_>>(), expected, "{k} of {constants}");
        }
    }
}
