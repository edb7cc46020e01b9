//! `tidings test`, from outside: what passes, what fails and how that reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::Project;

const RULES: &str = "\
define days_since = days since latest orders.placed_at

stages lifecycle
  active  when days_since <= 90
  dormant when days_since <= 365
  lost    otherwise
end

segment big
  sum of orders.total where status = paid >= 100 CNY
end

rule wake-up
  every day at 10:00
  for big
  if lifecycle = dormant
  then
    send wake-up coupon
    send wake-up email or sms
  else
    send hello email
  repeat at most once per 60 days
  limit 5% of customers
end

rule thanks
  on order
  if count of orders >= 1
  then add tag \"buyer\"
  repeat every time
end

rule second
  every day at 10:00
  if tags contains \"buyer\" and not was sent hello in last 3 days
  then send hello sms
  hold out 50%
end
";

const CUSTOMERS: &str = "\
at: 2026-03-01T10:00
everyone: {email: someone@example.com, email_consent: yes}
customers:
  ann: {orders: [{placed_at: 91 days ago, total: 120, status: paid}]}
  bob: {orders: [{placed_at: 3 days ago, total: 120.50, status: paid}]}
  eva: {email_consent: no, orders: [{placed_at: 2025-11-01, total: 120 CNY, status: paid}]}
  fay: {orders: [{placed_at: 91 days ago, total: 120, status: open}]}
";

/// A project that needs secrets to run, and none to be tested.
fn shop(tests: &str) -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        "name: testing\nstore: env:NOWHERE\ntime_zone: Asia/Shanghai\ncurrency: CNY\n",
    );
    project.write(
        "schema.yaml",
        "customer:\n  table: customers\n  key: id\n  attributes:\n    email: text\n    email_consent: yes/no\n    phone: text\n    \
         sms_consent: yes/no\n    tags: {type: tags, kept: true}\n\
         contact:\n  email: {address: email, consent: email_consent}\n  sms: {address: phone, consent: sms_consent}\n\
         collections:\n  orders:\n    table: orders\n    customer: customer_id\n    time: placed_at\n    fields:\n      \
         placed_at: moment\n      total: {type: money, unit: minor}\n      status: {type: one of, values: [{paid: 1}, {open: 2}]}\n\
         events:\n  order: orders\n",
    );
    project.write("rules/wake-up.tidings", RULES);
    for template in ["wake-up.email", "hello.email"] {
        let text = "subject: Hello\n---\n<p>Hello</p><a href=\"{{ unsubscribe_url }}\">no more</a>\n";
        project.write(&format!("templates/{template}.liquid"), text);
    }
    for template in ["wake-up.sms", "hello.sms"] {
        project.write(&format!("templates/{template}.liquid"), "Hello\n");
    }
    project.write("tests/wake-up.yaml", &format!("{CUSTOMERS}{tests}"));
    project
}

/// What is said of tests that do not pass, both ways out.
fn fails(project: &Project, args: &[&str]) -> (String, String) {
    let output = project.output(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_expected_step_by_step_passes() {
    let project = shop(
        "\
tests:
  - name: each gets theirs, and only once
    rules: [wake-up, thanks]
    steps:
      - expect:
          ann: {wake-up: [wake-up coupon, wake-up email], lifecycle: dormant, big: yes}
          bob: {wake-up: hello email, lifecycle: active, thanks: no match}
          eva: {wake-up: {sends: wake-up coupon, held: no_consent}}
          fay: nothing
      - after: 1 day
        customers:
          fay: {orders: [{placed_at: 1 hour ago, total: 120, status: paid}]}
        expect:
          ann: {wake-up: {held: already_sent}, else: nothing}
          fay: {thanks: add tag buyer, wake-up: hello email}
      - at: 2026-05-01T10:00
        expect:
          ann: {wake-up: [wake-up coupon, wake-up email]}
          bob: {lifecycle: active}
  - name: what a rule did is data to the others
    customers:
      ann: {phone: +86 138 0000 0000, sms_consent: true, tags: [buyer]}
      bob: {phone: \"13800000000\", sms_consent: yes, tags: buyer, sends: [{template: hello, at: 1 day ago}]}
      ida: {phone: \"13900000000\", sms_consent: yes, tags: [buyer]}
    steps:
      - expect:
          ann: {second: {held: holdout}}
          bob: {second: no match}
          eva: {second: no match}
          ida: {second: hello sms}
  - name: a limit stops a test that asks for it
    limits: yes
    expect:
      ann: {wake-up: {held: over_limit}}
",
    );
    assert_eq!(project.run(&["test"]), "3 tests: 3 passed\n");
    assert_eq!(project.run(&["test", "limit"]), "1 test: 1 passed\n");
}

#[test]
fn what_is_not_as_expected_says_where_and_why() {
    let project = shop(
        "\
tests:
  - name: wrong <twice>
    expect:
      ann: {wake-up: no match, big: no}
      bob: nothing
  - name: stages
    expect:
      ann: {lifecycle: active}
      eva: {wake-up: {held: no_consent}}
",
    );
    let (said, _) = fails(&project, &["test"]);
    let expected = "\
failed tests/wake-up.yaml: wrong <twice>
  step 1, 2026-03-01 10:00 (Asia/Shanghai)
    ann, wake-up: expected no match, got [wake-up coupon, wake-up email]
      at tests/wake-up.yaml:11:13
      wake-up and customer ann at 2026-03-01 10:00 (Asia/Shanghai)

      yes     in big   sum of orders.total where status = paid is 120.00 CNY
      yes     lifecycle = dormant   lifecycle is dormant
        no      active when days_since <= 90   days_since is 91 days
        yes     dormant when days_since <= 365   days_since is 91 days

      yes     was never reached by this rule
      yes     email: an address, consent
      no      sms: no address, no consent

      yes     coupon wake-up: planned
      yes     send wake-up: planned
    ann, big: expected no, got yes
      at tests/wake-up.yaml:11:32
    bob, wake-up: expected nothing, got hello email
      at tests/wake-up.yaml:12:7

failed tests/wake-up.yaml: stages
  step 1, 2026-03-01 10:00 (Asia/Shanghai)
    ann, lifecycle: expected active, got dormant
      at tests/wake-up.yaml:15:13
      no      active when days_since <= 90   days_since is 91 days
      yes     dormant when days_since <= 365   days_since is 91 days
    eva, wake-up: expected {held: no_consent}, got {sends: [wake-up coupon], held: no_consent}
      at tests/wake-up.yaml:16:13

2 tests: 0 passed, 2 failed
";
    assert_eq!(said, expected);
    let (json, _) = fails(&project, &["test", "--format", "json", "--junit", "out.xml"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["passed"], &json["failed"]), (&0.into(), &2.into()));
    let first = &json["tests"][0]["failures"][0]["differences"][0];
    assert_eq!(
        (&first["expected"], &first["place"]),
        (&"no match".into(), &"tests/wake-up.yaml:11:13".into())
    );
    let xml = project.read("out.xml");
    assert!(
        xml.contains("<testcase classname=\"tests/wake-up.yaml\" name=\"wrong &lt;twice&gt;\">"),
        "{xml}"
    );
    assert!(xml.contains("<failure message=\"ann, wake-up: expected no match, got"), "{xml}");
}

#[test]
fn what_cannot_be_meant_is_named_at_its_place() {
    for (tests, said) in [
        ("- {name: a, expect: {ann: {wake-upp: nothing}}}", "perhaps `wake-up` was meant"),
        ("- {name: a, expect: {nan: nothing}}", "there is no customer `nan` in this test"),
        ("- {name: a, expect: {ann: {lifecycle: dorment}}}", "perhaps `dormant` was meant"),
        ("- {name: a, expect: {ann: {wake-up: wake-up sns}}}", "perhaps `wake-up sms` was meant"),
        ("- {name: a, expect: {ann: {wake-up: {held: no_adress}}}}", "perhaps `no_address` was meant"),
        ("- {name: a, expect: {ann: {wake-up: []}}}", "`{held: REASON}`"),
        ("- {name: a, customers: {ann: {town: x}}, expect: {}}", "schema.yaml does not know it"),
        ("- {name: a, customers: {ann: {orders: [{total: 1}]}}, expect: {}}", "`placed_at: 3 days ago`"),
        ("- {name: a, customers: {ann: {orders: [{placed_at: soon}]}}, expect: {}}", "expected a moment"),
        ("- {name: a, customers: {ann: {sms_consent: maybe}}, expect: {}}", "expected yes or no"),
        ("- {name: a, rules: [thanks], expect: {ann: {wake-up: nothing}}}", "takes no part in this test"),
        ("- {name: a, steps: [{expect: {}}, {after: -1 days}]}", "a length of time, such as `1 day`"),
        ("- {name: a, steps: [{expect: {}}, {expect: {}}]}", "`after` is missing"),
        ("- {name: a, steps: [{expect: {}}, {at: 2026-01-01}]}", "only goes forward"),
        ("- {name: a, steps: [], expect: {}}", "either `steps` or one `expect`"),
        ("- {name: a}", "`expect` is missing"),
        ("- {name: a, expect: {}}", "expects nothing of anybody"),
        ("- {name: a, steps: []}", "expects nothing of anybody"),
        ("- {name: a, steps: [{customers: {ann: {tags: [a]}}}]}", "expects nothing of anybody"),
        ("- {name: a, expect: {ann: {}, bob: nothing}}", "nothing is expected of `ann`"),
        ("- {name: a, customers: {ann: {phone: +14155550100}}, expect: {ann: nothing}}", "put it in quotes"),
        ("- {name: a, expect: {}}\n  - {name: a, expect: {}}", "two tests are called `a`"),
        ("- {nam: a, expect: {}}", "perhaps `name` was meant"),
    ] {
        let project = shop(&format!("tests:\n  {tests}\n"));
        let (_, err) = fails(&project, &["test"]);
        assert!(err.contains(said) && err.contains("tests/wake-up.yaml:"), "{tests}: {err}");
    }
    let empty = shop("tests: []\n");
    let (_, err) = fails(&empty, &["test", "nowhere"]);
    assert!(err.contains("there is no test with `nowhere`"), "{err}");
}

#[test]
fn what_no_test_saw_and_what_no_test_notices_is_listed() {
    let project = shop(
        "\
tests:
  - name: some
    rules: [wake-up]
    expect:
      ann: {wake-up: [wake-up coupon, wake-up email]}
      bob: {wake-up: hello email}
",
    );
    let said = project.run(&["test", "--coverage"]);
    let expected = "\
1 test: 1 passed
unseen rules/wake-up.tidings:5:16: days_since <= 365: no test has seen somebody for whom it does not hold
unseen rules/wake-up.tidings:6:3: lifecycle = lost: no test has seen somebody who is
unseen rules/wake-up.tidings:10:3: in big: no test has seen somebody who is not
unseen rules/wake-up.tidings:10:3: sum of orders.total where status = paid >= 100 CNY: no test has seen somebody for whom it does not hold
unseen rules/wake-up.tidings:10:29: status = paid: no test has seen somebody for whom it does not hold
unseen rules/wake-up.tidings:26:6: rule thanks: no test has seen it
unseen rules/wake-up.tidings:28:6: count of orders >= 1: no test has seen somebody for whom it does not hold
unseen rules/wake-up.tidings:33:6: rule second: no test has seen it
unseen rules/wake-up.tidings:35:6: tags contains \"buyer\": no test has seen somebody for whom it holds
unseen rules/wake-up.tidings:35:36: was sent hello in last 3 days: no test has seen somebody for whom it holds
coverage: 6 of 16 seen both ways
";
    assert_eq!(said, expected);
    fails(&project, &["test", "--coverage", "--full"]);
    let (said, _) = fails(&project, &["test", "--mutate"]);
    for change in [
        "\n  - days_since <= 365\n  + days_since <= 364\n",
        "\n  - sum of orders.total where status = paid >= 100 CNY\n  + sum of orders.total where status = paid > 100 CNY\n",
        "\n  - count of orders >= 1\n  + count of orders >= 0\n",
    ] {
        assert!(said.contains(change), "{said}");
    }
    // That the stages, and which orders count, are as they are is noticed.
    for noticed in ["lifecycle != dormant", "status != paid", "days_since <= 91"] {
        assert!(!said.contains(noticed), "{noticed}: {said}");
    }
}

#[test]
fn what_is_the_case_is_written_into_the_tests_and_the_rest_stays() {
    let wrong = "\
tests:
  - name: some     # by hand
    rules: [wake-up, thanks]
    expect:
      ann: {lifecycle: active, wake-up: [wake-up coupon], big: no}   # why
      bob: nothing      # nobody knows
      eva:
        wake-up:
          - wake-up coupon
          - wake-up email

        else: nothing
      fay: {lifecycle: lost, else: nothing}
  - name: later
    steps:
      - after: 1 day
        customers: {fay: {orders: [{placed_at: 1 hour ago, total: 120, status: paid}]}}
        expect:
          fay:
            else: nothing   # by no rule
          bob: {wake-up: {held: no_consent}, else: nothing}
";
    let right = "\
tests:
  - name: some     # by hand
    rules: [wake-up, thanks]
    expect:
      ann: {lifecycle: dormant, wake-up: [wake-up coupon, wake-up email], big: yes}   # why
      bob: {wake-up: hello email, else: nothing}      # nobody knows
      eva:
        wake-up: {sends: [wake-up coupon], held: no_consent}

        else: nothing
      fay: {lifecycle: dormant, else: nothing}
  - name: later
    steps:
      - after: 1 day
        customers: {fay: {orders: [{placed_at: 1 hour ago, total: 120, status: paid}]}}
        expect:
          fay:
            wake-up: hello email
            thanks: add tag buyer
            else: nothing   # by no rule
          bob: {wake-up: hello email, else: nothing}
";
    let project = shop(wrong);
    assert_eq!(project.run(&["test", "--update"]), "tests/wake-up.yaml: 9 expectations written anew\n");
    let written = project.read("tests/wake-up.yaml");
    assert_eq!(written, format!("{CUSTOMERS}{right}"));
    assert_eq!(project.run(&["test"]), "2 tests: 2 passed\n");
    project.run(&["test", "--update"]);
    assert_eq!(project.read("tests/wake-up.yaml"), written);
}

#[test]
fn what_cannot_be_written_anew_for_sure_is_left() {
    let cases = [
        // Quotes inside of plain texts, and blank lines inside of lists.
        ("ann: {second: [add tag mother's day, hello sms], big: no}", "ann: {second: no match, big: yes}"),
        (
            "bob: {second: [hello sms], else: nothing}\n      ann: {second: [add tag mother's day]}",
            "bob: {second: no match, wake-up: hello email, else: nothing}\n      ann: {second: no match}",
        ),
        (
            "ann:\n        second:\n          - hello sms\n\n          - \"add tag mother's day\"\n        big: yes",
            "ann:\n        second: no match\n        big: yes",
        ),
        ("ann: {second: \"add tag mother's day\"}", "ann: {second: no match}"),
        ("ann: {second: 'add tag mother''s day'}", ""),
        ("ann: {second: ['add tag mother''s day', hello sms]}", "ann: {second: no match}"),
        ("ann:\n        second: >-\n          hello\n          sms", ""),
        ("ann:\n        second: hello\n          sms", ""),
        ("ann: {second: &q hello sms}\n      fay: {second: *q}", ""),
        ("ann: {second: &q [hello sms]}\n      fay: {second: *q}", ""),
        ("ann: &q {lifecycle: dormant, second: hello sms}\n      fay: *q", ""),
        ("ann: {second: [ # why\n        hello sms]}", ""),
        ("ann:\n        second:\n          - hello sms\n    # why\n          - \"add tag mother's day\"", ""),
        (
            "ann: {second: &q [hello sms], big: no}\n      fay: {second: *q}",
            "ann: {second: &q [hello sms], big: yes}\n      fay: {second: *q}",
        ),
    ];
    let tests = |expected: &str| format!("{CUSTOMERS}tests:\n  - name: a\n    expect:\n      {expected}\n");
    let project = shop("");
    project.write(
        "rules/wake-up.tidings",
        &RULES.replace("then send hello sms", "then\n    send hello sms\n    add tag \"mother's day\""),
    );
    for (before, after) in cases {
        project.write("tests/wake-up.yaml", &tests(before));
        let output = project.output(&["test", "--update"]);
        let said = String::from_utf8(output.stdout).unwrap();
        let after = if after.is_empty() { before } else { after };
        let written = project.read("tests/wake-up.yaml");
        assert_eq!(written, tests(after), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let left = after == before || after.contains('&');
        assert_eq!(
            (said.contains("are left as they are"), output.status.success()),
            (left, !left),
            "{before}: {said}"
        );
    }
    project.write("tests/wake-up.yaml", &tests("ann: {second: no match}"));
    assert_eq!(project.run(&["test", "--update"]), "all is as it is expected: nothing is written\n");
}

#[test]
fn a_value_that_a_rule_set_can_be_missing_later() {
    let project = shop(
        "\
tests:
  - name: a tag is taken away
    rules: [thanks, second]
    holdouts: no
    customers:
      fay: {phone: \"13800000000\", sms_consent: yes, orders: [{placed_at: 1 hour ago, total: 1, status: open}]}
    steps:
      - expect:
          fay: {thanks: add tag buyer, second: no match}
      - after: 1 hour
        expect:
          fay: {second: hello sms}
      - after: 5 days
        customers: {fay: {tags: }}
        expect:
          fay: {second: no match}
",
    );
    assert_eq!(project.run(&["test"]), "1 test: 1 passed\n");
    for args in [&["test", "tag", "--mutate"][..], &["test", "tag", "--coverage", "--full"]] {
        let (_, err) = fails(&project, args);
        assert!(err.contains("leave the name out"), "{err}");
    }
}

#[test]
fn a_rule_that_is_not_carried_out_yet_has_its_reason() {
    let tests =
        |expected: &str| format!("tests:\n  - name: a\n    expect:\n      ann: {{begin: {expected}}}\n");
    let project = shop(&tests("no match"));
    project.write(
        "rules/begin.tidings",
        "journey onboarding\n  on order\n  send hello email\nend\n\nrule begin\n  every day at 10:00\n  for big\n  then start onboarding\nend\n",
    );
    assert_eq!(project.run(&["test", "--update"]), "tests/wake-up.yaml: 1 expectation written anew\n");
    let written = project.read("tests/wake-up.yaml");
    assert_eq!(written, format!("{CUSTOMERS}{}", tests("{held: not_run}")));
    assert_eq!(project.run(&["test"]), "1 test: 1 passed\n");
}

#[test]
fn a_range_is_seen_where_somebody_is_inside_and_its_edges_are_tried() {
    let project = shop(
        "\
tests:
  - name: both sides
    customers:
      gil: {orders: [{placed_at: 1 day ago, total: 1, status: open}, {placed_at: 1 day ago, total: 1, status: open}]}
      ida: {}
    expect:
      ida: {some: no, long: no, more: no}
      gil: {some: no, long: no, more: no}
",
    );
    project.write(
        "rules/some.tidings",
        "segment some\n  count of orders between 1 and 1\nend\n\nsegment long\n  \
         count of orders > 0 and days since first orders.placed_at > 12 weeks\nend\n\nsegment more\n  \
         count of orders > count of orders where status = paid and count of orders > 4\nend\n",
    );
    let said = project.run(&["test", "--coverage"]);
    let expected = "count of orders between 1 and 1: no test has seen somebody for whom it holds";
    assert!(said.contains(expected), "{said}");
    let (said, _) = fails(&project, &["test", "--mutate"]);
    for (change, tried) in [
        ("+ days since first orders.placed_at >= 12 weeks", true),
        ("+ count of orders >= count of orders where status = paid", true),
        ("+ count of orders > 3", true),
        ("+ count of orders >= 4", false),
    ] {
        assert_eq!(said.contains(change), tried, "{change}: {said}");
    }
}

#[test]
fn the_example_of_the_manual_passes() {
    let manual = std::fs::read_to_string(project::repository().join("docs/testing.md")).unwrap();
    let example = manual.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let project = shop("tests: []\n");
    let schema = project.read("schema.yaml");
    project.write("schema.yaml", &schema.replace("    email: text\n", "    email: text\n    city: text\n"));
    project.write(
        "rules/wake-up.tidings",
        &RULES.replace("  for big\n", "").replace("  else\n    send hello email\n", ""),
    );
    project.write("tests/wake-up.yaml", example);
    assert_eq!(project.run(&["test"]), "1 test: 1 passed\n");
}
