//! Data that is not as `expect` says: nothing is decided on it, and nothing is lost for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod project;

use project::Project;
use serde_json::json;

const SCHEMA: &str = "customer:
  table: customers
  key: id
  attributes:
    email: {type: text, expect: {known: 50%}}
    consent: yes/no
contact:
  email: {address: email, consent: consent}
collections:
  orders:
    table: orders
    customer: customer
    time: at
    expect: {fresh: 2 days}
    fields:
      at: moment
";
const CUSTOMERS: &str = "id,email,consent\n1,one@example.com,yes\n2,two@example.com,yes\n";
const ORDERS: &str = "customer,at\n1,2026-01-01 10:00\n1,2026-05-20 10:00\n2,2026-01-02 10:00\n";

fn shop() -> Project {
    let project = Project::new();
    project.write(
        "tidings.yaml",
        "name: expectations\nstore: files:data\nstate: sqlite:state.db\ntime_zone: UTC\ncurrency: USD\n",
    );
    project.write("schema.yaml", SCHEMA);
    project.write(
        "rules/dormant.tidings",
        "rule dormant\n  if count of orders in last 30 days = 0\n  then\n    send hello email\n  repeat on every entry\nend\n",
    );
    project.write("templates/hello.email.liquid", "subject: Hello\n---\n<p>Hello</p>\n");
    project.write("data/customers.csv", CUSTOMERS);
    project.write("data/orders.csv", ORDERS);
    project
}

fn caught(project: &Project) -> usize {
    project.json(&["sandbox", "list", "--format", "json"]).as_array().unwrap().len()
}

#[test]
fn a_run_on_stale_data_sends_nothing_and_uses_up_nothing() {
    let project = shop();
    project.run(&["run", "--at", "2026-05-21"]);
    assert_eq!(caught(&project), 1, "the second has not ordered for a month");
    // The orders stop coming in; a month later both would be dormant.
    let said = project.refused(&["run", "--at", "2026-06-25"]);
    assert!(
        said.contains("orders.at: the latest is of 2026-05-20 10:00, 35 days before 2026-06-25 00:00"),
        "{said}"
    );
    assert!(
        said.contains("`fresh: 2 days` is expected") && said.contains("--despite-expectations"),
        "{said}"
    );
    assert!(!said.contains("@example.com"), "{said}");
    let runs = project.json(&["runs", "--format", "json"]);
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "it was never begun");
    assert_eq!(caught(&project), 1);
    // The plan is shown all the same.
    let plan = project.output(&["plan", "--at", "2026-06-25"]);
    assert!(plan.status.success());
    assert!(String::from_utf8(plan.stderr).unwrap().contains("a run refuses to start on such data"));
    // The data catches up: the first has ordered all along.
    project.write("data/orders.csv", &format!("{ORDERS}1,2026-06-24 10:00\n"));
    project.run(&["run", "--at", "2026-06-25"]);
    assert_eq!(caught(&project), 1, "nobody new");
    project.write("data/orders.csv", &format!("{ORDERS}1,2026-06-24 10:00\n2,2026-08-01 10:00\n"));
    project.run(&["run", "--at", "2026-08-02"]);
    assert_eq!(caught(&project), 2, "the first, who is dormant by now");
}

#[test]
fn a_person_may_go_ahead() {
    let project = shop();
    project.refused(&["run", "--at", "2026-06-25"]);
    let run = project.json(&["run", "--at", "2026-06-25", "--despite-expectations", "--format", "json"]);
    assert_eq!(run["new"], 2, "{run:#}");
}

#[test]
fn an_empty_table_is_not_taken_for_customers_who_left() {
    let project = shop();
    project.write(
        "schema.yaml",
        &SCHEMA
            .replace("    expect: {fresh: 2 days}\n", "")
            .replace("{type: text, expect: {known: 50%}}", "text"),
    );
    // Nobody was ever reached: a shop may begin empty.
    project.write("data/customers.csv", "id,email,consent\n");
    project.run(&["run", "--at", "2026-05-20"]);
    project.write("data/customers.csv", CUSTOMERS);
    project.run(&["run", "--at", "2026-05-21"]);
    assert_eq!(caught(&project), 1);
    project.write("data/customers.csv", "id,email,consent\n");
    let said = project.refused(&["run", "--at", "2026-05-22"]);
    assert!(said.contains("customers: there are none, though rules have reached some before"), "{said}");
    let despite = project.output(&["run", "--at", "2026-05-22", "--despite-expectations"]);
    assert!(!despite.status.success(), "what waits would be refused for good");
    project.write("data/customers.csv", CUSTOMERS);
    let run = project.json(&["run", "--at", "2026-05-23", "--format", "json"]);
    assert_eq!((&run["new"], caught(&project)), (&json!(0), 1), "nobody has entered anew");
}
