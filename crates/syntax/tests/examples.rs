//! The files that the language's reference opens with, and one in Chinese, read without a finding and keep their layout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use tidings_syntax::tree::{Action, Clause, ExprKind, Item};
use tidings_syntax::{FileId, format, parse};

fn keeps_its_layout(text: &str) {
    let parsed = parse(FileId(0), text);
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(format(&parsed.file).unwrap(), text);
}

#[test]
fn a_whole_file() {
    keeps_its_layout(include_str!("win-back.tidings"));
    let file = parse(FileId(0), include_str!("win-back.tidings")).file;
    assert_eq!(file.items.len(), 9);
    let Item::Rule(rule) = &file.items[8].node else { panic!("a rule") };
    assert_eq!(rule.clauses.len(), 9);
}

#[test]
fn the_bare_sentence() {
    let text = "if lifecycle = dormant and days_since > 90 then send wake-up coupon\n";
    keeps_its_layout(text);
    let sentence = parse(FileId(0), text).file.sentence.unwrap().node;
    assert!(
        matches!(&sentence[0].node, Clause::If(e) if matches!(&e.node, ExprKind::And(parts) if parts.len() == 2))
    );
    assert!(
        matches!(&sentence[1].node, Clause::Then(actions) if matches!(&actions[0].node, Action::Coupon(n) if n.node == "wake-up"))
    );
}

#[test]
fn a_journey_and_a_policy() {
    keeps_its_layout(
        "\
journey onboarding
  on signup
  send welcome email
  wait 2 days
  if count of orders since start = 0 then
    send first-order coupon
    wait until order, at most 5 days
    if timed out then send reminder sms end
  end
  exit when count of orders since start >= 1
end

policy
  every day at 10:00
  at most 2 email per week
  at most 3 messages per 7 days
  quiet from 21:00 to 09:00 for sms
  hold out 5%
end
",
    );
}

#[test]
fn chinese_names_and_long_conditions() {
    keeps_its_layout(
        "\
# 沉睡客户唤醒

define 最近下单 = days since latest 订单.下单时间  # 天
define 年消费   = sum of 订单.金额 where (状态 = 已付款 and 渠道 != \"门店\") in last 365 days

stages 生命周期 \"客户阶段\"
  新客        when count of 订单 = 1 and 最近下单 <= 30
  VIP客户     when 年消费 >= 5000 CNY
  # 其余的人
  `长期 客户` otherwise
end

rule 唤醒 \"唤醒沉睡客户\"
  every monday, thursday at 09:30
  if all of
    # 三个条件
    生命周期 = 沉睡,
    最近下单 > 90,  # 三个月
    城市 in (\"上海\", \"杭州\"),
  end
  then
    send 唤醒 coupon
    split
      50% 短: send 唤醒-短 sms
      50% 长: send 唤醒-长 email with 唤醒 coupon
    end
  repeat at most once per 60 days
end

if was sent 唤醒 in last 7 days
  and not opened 唤醒 email
  and 年消费 between 1000 CNY and 5000 CNY
  and city is known
then send 提醒 sms
",
    );
}
