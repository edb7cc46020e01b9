//! Six hours down, and everything is due at once.
//!
//! The long version: `TIDINGS_LONG=1 cargo test -p tidings-daemon --test dispatch six_hours` (50,000 sends).

use super::*;
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Instant;
use tidings_plan::{Answer, Asked, Grant, Outcome, Rate, Sending};

const HOUR: i64 = 3_600_000_000;

/// A provider that allows so much and notes what came when.
struct Limited {
    rate: Rate,
    came: Mutex<Vec<(Instant, Key)>>,
}

impl Carrier for Limited {
    fn prepare(&self, sending: &Sending, _: Option<&Grant>) -> Result<String, String> {
        Ok(sending.customer.clone())
    }

    fn deliver<'a>(&'a self, sending: &'a Sending, _: &'a str) -> Answer<'a, Outcome> {
        self.came.lock().unwrap().push((Instant::now(), sending.key));
        Box::pin(async { Outcome::Sent { provider_id: None, code: None } })
    }

    fn ask(&self, _: Key) -> Answer<'_, Asked> {
        Box::pin(async { Asked::DidNot })
    }

    fn on_unknown(&self) -> OnUnknown {
        OnUnknown::Leave
    }

    fn concurrency(&self) -> usize {
        50
    }

    fn batch(&self) -> usize {
        100
    }

    fn rate(&self) -> Option<Rate> {
        Some(self.rate)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_hours_down_the_limits_hold_and_nothing_expired_goes_out() {
    let (rows, rate) =
        if std::env::var_os("TIDINGS_LONG").is_some() { (50_000_u32, 1_000) } else { (4_000, 400) };
    let folder = tempfile::tempdir().unwrap();
    let state = open(folder.path()).await;
    let now = chrono::Utc::now().timestamp_micros();
    let run = state.start_run(now, "test", "").await.unwrap();
    // Of four, two expire in the meantime, one tomorrow, and one never.
    let expires =
        |n: u32| [Some(now + HOUR), Some(now + 5 * HOUR), Some(now + 24 * HOUR), None][n as usize % 4];
    let outlet = Outlet { kind: Kind::Webhook, channel: "crm".into() };
    let all: Vec<Intent> = page(0..rows).intents.into_iter().filter(|i| i.kind == outlet.kind).collect();
    let all: Vec<Intent> =
        all.into_iter().zip(0..).map(|(i, n)| Intent { expires: expires(n), ..i }).collect();
    let dead: HashSet<Key> =
        all.iter().filter(|i| i.expires.is_some_and(|e| e < now + 6 * HOUR)).map(|i| i.key).collect();
    for intents in all.chunks(1_000) {
        state.enqueue(run, &Page { intents: intents.to_vec(), ..Page::default() }).await.unwrap();
    }
    state.advance(6 * HOUR);

    // Two daemons on one state share the limit.
    let rate = Rate { count: rate, per: Duration::from_secs(1) };
    let provider = Arc::new(Limited { rate, came: Mutex::default() });
    let daemons: Vec<_> = (0..2)
        .map(|_| {
            let carriers = BTreeMap::from([(outlet.clone(), provider.clone() as Arc<dyn Carrier>)]);
            let dispatcher = Dispatcher::new(state.clone(), carriers, "worker");
            tokio::spawn(async move { dispatcher.drain(|_| {}).await.unwrap() })
        })
        .collect();
    for daemon in daemons {
        daemon.await.unwrap();
    }

    let came = provider.came.lock().unwrap().clone();
    assert_eq!(came.len() as u32, rows / 2, "what is still good goes out");
    assert!(came.iter().all(|(_, key)| !dead.contains(key)), "and nothing that expired");
    assert_eq!(count(&state, |s| s == Status::Expired).await as usize, dead.len());
    // In no second more than the rate, the burst of a tenth of it, and what a busy machine let wait from the second before.
    let most = (0..came.len())
        .map(|i| came[i..].iter().take_while(|(t, _)| *t - came[i].0 < Duration::from_secs(1)).count());
    let most = most.max().unwrap_or_default();
    assert!(most <= rate.count as usize * 3 / 2, "{most} in one second at {} a second", rate.count);
    let took = came[came.len() - 1].0 - came[0].0;
    let least = f64::from(rows / 2) / f64::from(rate.count) * 0.85;
    assert!(took.as_secs_f64() >= least, "in all it took {took:?} and not less than {least} s");
}
