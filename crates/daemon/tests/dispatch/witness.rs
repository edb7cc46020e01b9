//! A receiver that writes down what reached it, and may break down at a chosen moment.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tidings_daemon::Stop;
use tidings_plan::{Answer, Asked, Carrier, Grant, Key, OnUnknown, Outcome, Sending};
use tidings_store::{Outlet, State};
use tokio::sync::{Barrier, BarrierWaitResult, OnceCell};
use tokio::task::Id;

/// A receiver of one channel. A key that it knows it does not carry out again, if it is one that honours keys.
pub struct Receiver {
    log: PathBuf,
    policy: OnUnknown,
    /// The first deliveries end so, in this order, before anything reaches the receiver.
    pub script: Vec<Outcome>,
    /// The first delivery or preparation breaks down.
    pub breaks: Option<Moment>,
    /// The first delivery brings the wish to stop.
    pub stops: Option<Stop>,
    /// A delivery takes until its lease was renewed.
    pub outlasts: Option<State>,
    /// Nothing is delivered before others are about to deliver as well.
    pub meets: Option<Arc<Barrier>>,
    met: OnceCell<BarrierWaitResult>,
    /// The process dies at this moment of this delivery.
    pub dies_at: Option<(Moment, usize)>,
    /// So many preparations fail, before any does not.
    pub refuses: usize,
    /// How many rows were prepared together, batch by batch.
    pub batches: Mutex<Vec<(Option<Id>, usize)>>,
    began: AtomicUsize,
    prepared: AtomicUsize,
}

/// A moment of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// While it is prepared, nothing is committed.
    Preparing,
    /// After the gate, before the receiver has it.
    Before,
    /// When the receiver has it, before the outbox knows.
    After,
}

impl Receiver {
    pub fn new(folder: &Path, channel: &str, policy: OnUnknown) -> Receiver {
        let log = folder.join(format!("{channel}.log"));
        Receiver {
            log,
            policy,
            script: Vec::new(),
            breaks: None,
            outlasts: None,
            stops: None,
            meets: None,
            met: OnceCell::new(),
            dies_at: None,
            refuses: 0,
            batches: Mutex::default(),
            began: AtomicUsize::new(0),
            prepared: AtomicUsize::new(0),
        }
    }

    fn die_at(&self, moment: Moment, nth: usize) {
        if self.dies_at == Some((moment, nth)) {
            std::process::abort();
        }
    }

    fn write(&self, key: Key, payload: &str) {
        let mut log: File = OpenOptions::new().create(true).append(true).open(&self.log).unwrap();
        log.write_all(format!("{key} {payload}\n").as_bytes()).unwrap();
    }
}

impl Carrier for Receiver {
    fn prepare(&self, sending: &Sending, coupon: Option<&Grant>) -> Result<String, String> {
        let nth = self.prepared.fetch_add(1, Ordering::Relaxed);
        self.die_at(Moment::Preparing, nth);
        assert!(nth > 0 || self.breaks != Some(Moment::Preparing), "breaking down");
        let (mut batches, batch) = (self.batches.lock().unwrap(), tokio::task::try_id());
        match batches.last_mut().filter(|(last, _)| *last == batch) {
            Some((_, rows)) => *rows += 1,
            None => batches.push((batch, 1)),
        }
        if nth < self.refuses {
            return Err("it never leaves".into());
        }
        let code = coupon.map_or("", |grant| &grant.code);
        // Every preparation differs, so that a repeat of the first one's bytes can be told from a new one.
        Ok(format!("{}:{code}:{nth}:{}", sending.customer, std::process::id()))
    }

    fn deliver<'a>(&'a self, sending: &'a Sending, payload: &'a str) -> Answer<'a, Outcome> {
        Box::pin(async move {
            let nth = self.began.fetch_add(1, Ordering::Relaxed);
            if let Some(others) = &self.meets {
                self.met.get_or_init(|| async { others.wait().await }).await;
            }
            tokio::task::yield_now().await;
            self.die_at(Moment::Before, nth);
            assert!(nth > 0 || self.breaks != Some(Moment::Before), "breaking down");
            self.stops.iter().for_each(Stop::now);
            if let Some(state) = &self.outlasts {
                renewed(state, &Outlet { kind: sending.kind, channel: sending.channel.clone() }).await;
            }
            if let Some(outcome) = self.script.get(nth) {
                return outcome.clone();
            }
            self.write(sending.key, payload);
            self.die_at(Moment::After, nth);
            tokio::task::yield_now().await;
            Outcome::Sent { provider_id: None, code: Some(format!("C-{}", sending.key)) }
        })
    }

    fn ask(&self, key: Key) -> Answer<'_, Asked> {
        let log = Log::at(&self.log);
        Box::pin(async move {
            match log.of(key).0 {
                0 => Asked::DidNot,
                _ => Asked::Happened { code: None },
            }
        })
    }

    fn on_unknown(&self) -> OnUnknown {
        self.policy
    }

    fn concurrency(&self) -> usize {
        4
    }

    fn batch(&self) -> usize {
        if self.policy == OnUnknown::Leave { 4 } else { 25 }
    }
}

/// Waits until the lease of the only row of an outlet has been renewed.
async fn renewed(state: &State, outlet: &Outlet) {
    let mut left = state.next_due(outlet, None).await.unwrap().unwrap();
    loop {
        let now_left = state.next_due(outlet, None).await.unwrap().expect("the lease is held");
        assert!(!now_left.is_zero(), "the lease ran out");
        if now_left > left {
            return;
        }
        left = now_left;
    }
}

/// What reached a receiver.
pub struct Log(HashMap<String, Vec<String>>);

impl Log {
    pub fn read(folder: &Path, channel: &str) -> Log {
        Log::at(&folder.join(format!("{channel}.log")))
    }

    fn at(path: &Path) -> Log {
        let mut log = HashMap::<_, Vec<_>>::new();
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            let (key, payload) = line.split_once(' ').unwrap();
            log.entry(key.to_owned()).or_default().push(payload.to_owned());
        }
        Log(log)
    }

    /// How many times a key came, and with how many different payloads.
    pub fn of(&self, key: Key) -> (usize, usize) {
        let payloads = self.0.get(&key.to_string()).map_or(&[][..], Vec::as_slice);
        (payloads.len(), payloads.iter().collect::<HashSet<_>>().len())
    }

    /// The payloads of a key.
    pub fn payloads(&self, key: Key) -> &[String] {
        self.0.get(&key.to_string()).map_or(&[], Vec::as_slice)
    }

    /// How many deliveries there were.
    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}
