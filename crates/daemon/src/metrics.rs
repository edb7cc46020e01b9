//! What the daemon counts and measures, as Prometheus reads it. Labels are ids from closed sets: channels,
//! kinds and states, never customers.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;
use tidings_plan::Status;
use tidings_store::{Count, Outlet, Refreshed};

/// Where the numbers are read. One for the whole process.
pub(crate) fn handle() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let seconds = [0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0, 300.0, 1200.0];
        let builder = PrometheusBuilder::new();
        let suffix = Matcher::Suffix("_seconds".to_owned());
        let recorder = match builder.set_buckets_for_metric(suffix, &seconds) {
            Ok(builder) => builder.build_recorder(),
            Err(_) => PrometheusBuilder::new().build_recorder(),
        };
        let handle = recorder.handle();
        // Whoever set another recorder first reads these numbers there.
        let _ = metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

fn describe() {
    describe_gauge!("tidings_sends", "Rows of the outbox by kind, channel and state");
    describe_gauge!("tidings_queue_depth", "Sends that wait or are under way, by kind and channel");
    describe_gauge!(
        "tidings_channel_down",
        "1 while a provider is left alone because it failed time and again"
    );
    describe_gauge!("tidings_queue_oldest_seconds", "For how long the oldest send that is due has waited");
    describe_gauge!("tidings_held_runs", "Runs whose sends wait for a person's word");
    describe_gauge!(
        "tidings_project_sound",
        "1 while the project's files are sound; otherwise the program before runs on, if there is one"
    );
    describe_gauge!("tidings_state_reachable", "1 while the state answers");
    describe_counter!("tidings_reloads_total", "Projects that were taken up after a change");
    describe_counter!("tidings_reload_failures_total", "Changes that were not taken up");
    describe_counter!("tidings_occurrences_total", "Occurrences of schedules, by what became of them");
    describe_counter!("tidings_state_errors_total", "Failures of the state, by duty");
    describe_counter!("tidings_duty_failures_total", "Failures that were not the state's, by duty");
    describe_counter!("tidings_unsubscribes_total", "Consents that were withdrawn over a link");
    describe_counter!("tidings_feedback_total", "Words of mail servers about mails that were sent, by kind");
    describe_gauge!("tidings_resident_bytes", "What the customers' columns take that are kept in memory");
    describe_counter!(
        "tidings_rows_read_total",
        "Rows of customers that were read for decisions about all of them"
    );
    describe_counter!("tidings_rows_saved_total", "Rows that were not, because they were kept in memory");
    describe_histogram!("tidings_decide_seconds", "How long loading, evaluating and planning took");
    describe_histogram!("tidings_loop_lag_seconds", "How late the event loop answered its clock");
}

/// The outbox by outlet and state, and what waits in it.
pub(crate) fn outbox(counts: &[Count], oldest: &[(Outlet, Duration)]) {
    let mut sends: BTreeMap<(&Outlet, Status), u64> = BTreeMap::new();
    let mut depth: BTreeMap<&Outlet, u64> = BTreeMap::new();
    for count in counts {
        *sends.entry((&count.outlet, count.status)).or_default() += count.rows;
        *depth.entry(&count.outlet).or_default() += if count.status.ended() { 0 } else { count.rows };
    }
    let outlets: Vec<&Outlet> = depth.keys().copied().collect();
    for outlet in outlets {
        let (kind, channel) = (outlet.kind.name(), outlet.channel.clone());
        gauge!("tidings_queue_depth", "kind" => kind, "channel" => channel.clone())
            .set(depth.get(outlet).copied().unwrap_or(0) as f64);
        let age = oldest.iter().find(|(o, _)| o == outlet).map_or(0.0, |(_, age)| age.as_secs_f64());
        gauge!("tidings_queue_oldest_seconds", "kind" => kind, "channel" => channel.clone()).set(age);
        for status in Status::ALL {
            // Every state that ever was says when it is no more.
            let rows = sends.get(&(outlet, *status)).copied().unwrap_or(0);
            gauge!("tidings_sends", "kind" => kind, "channel" => channel.clone(), "state" => status.name())
                .set(rows as f64);
        }
    }
}

/// The providers that are left alone, and those that were before.
pub(crate) fn down(before: &[Outlet], now: &[Outlet]) {
    for outlet in before.iter().chain(now) {
        let down = if now.contains(outlet) { 1.0 } else { 0.0 };
        let channel = outlet.channel.clone();
        gauge!("tidings_channel_down", "kind" => outlet.kind.name(), "channel" => channel).set(down);
    }
}

/// How late the loop answered its clock.
pub(crate) fn lag(late: Duration) {
    histogram!("tidings_loop_lag_seconds").record(late);
}

/// How long a decision took.
pub(crate) fn decided(took: Duration) {
    histogram!("tidings_decide_seconds").record(took);
}

/// Customers in memory were brought up to date.
pub(crate) fn resident(took: &Refreshed) {
    gauge!("tidings_resident_bytes").set(took.bytes as f64);
    counter!("tidings_rows_read_total").increment((took.read + took.grown) as u64);
    counter!("tidings_rows_saved_total").increment(took.saved as u64);
}

/// Some occurrences came to an end: `run` or `skipped`.
pub(crate) fn occurrences(what: &'static str, how_many: u64) {
    counter!("tidings_occurrences_total", "what" => what).increment(how_many);
}

/// Whether the project's files are sound; `changed` where they were just read anew.
pub(crate) fn project(sound: bool, changed: bool) {
    gauge!("tidings_project_sound").set(if sound { 1.0 } else { 0.0 });
    let (taken, refused) = (counter!("tidings_reloads_total"), counter!("tidings_reload_failures_total"));
    taken.increment(u64::from(changed && sound));
    refused.increment(u64::from(changed && !sound));
}

/// Whether the state answers.
pub(crate) fn state(reachable: bool) {
    gauge!("tidings_state_reachable").set(if reachable { 1.0 } else { 0.0 });
}

/// A duty failed, because of the state or of something else.
pub(crate) fn failed(duty: &'static str, of_state: bool) {
    match of_state {
        true => counter!("tidings_state_errors_total", "duty" => duty).increment(1),
        false => counter!("tidings_duty_failures_total", "duty" => duty).increment(1),
    }
}

/// How many runs wait for a person.
pub(crate) fn held(runs: usize) {
    gauge!("tidings_held_runs").set(runs as f64);
}

/// Somebody unsubscribed.
pub(crate) fn unsubscribed() {
    counter!("tidings_unsubscribes_total").increment(1);
}

/// A mail server's word about a mail: `hard`, `soft` or `complaint`.
pub(crate) fn feedback(kind: &'static str) {
    counter!("tidings_feedback_total", "kind" => kind).increment(1);
}
