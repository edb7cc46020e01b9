//! The daemon: one closed loop of events, and the duties that it starts and hears from.
//!
//! The loop never waits for anything but its next event. Whatever takes time is a task of its own: sending,
//! deciding, reading files, answering requests. What was committed before is all that survives, so the daemon may
//! be killed at any moment.

mod mailboxes;
mod sending;
mod timing;
mod watch;
mod web;

use crate::metrics;
use crate::renames;
use crate::schedule::Scheduler;
use crate::site::{Site, Unsound, worker};
use crate::stop::Stop;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tidings_channels::Clock;
use tidings_check::Program;
use tidings_store::{State, StateError};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch as cell};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use watch::Watched;

/// How often the loop looks at its clock.
const BEAT: Duration = Duration::from_secs(1);
/// How long a failed duty waits before it tries again: twice as long each time, up to the second.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What a daemon is asked to do.
pub struct Serve {
    /// The project's folder.
    pub folder: PathBuf,
    /// Whether everything is caught.
    pub sandbox: bool,
    /// Where it answers requests.
    pub listen: SocketAddr,
    /// What a request for the metrics has to carry. Needed where others than this machine can reach it.
    pub token: Option<SecretString>,
    /// The time of day.
    pub clock: Clock,
    /// Ends it.
    pub stop: Stop,
}

/// Why a daemon did not begin, or could not go on.
pub enum ServeError {
    /// The project has errors.
    Unsound(Unsound),
    /// The address cannot be listened on, or what would be said there needs a token.
    Listen(String),
    /// The state can be used by no trying again.
    State(StateError),
    /// A duty broke down.
    Broken(&'static str),
}

/// All that the daemon reacts to.
enum Event {
    /// A beat of the clock, and when it was due.
    Tick(Instant),
    /// The project's files are other than they were, or somebody wants them read again.
    FilesChanged,
    /// The files were read, and whether their rules were compared with what ran before: not where the state was away.
    Loaded(Watched, Box<Result<Site, Unsound>>, bool),
    /// The state is there.
    Opened(State),
    /// What keeps a program from running beside what ran before, a line each.
    Compared(Arc<Site>, Vec<String>),
    /// The state is there, and no trying again will make it one that can be used.
    Unusable(StateError),
    /// A duty came round, or failed.
    Worked(Duty, Result<(), Trouble>),
    /// Somebody wants to know how it is.
    Asked(oneshot::Sender<Health>),
    /// It is to end.
    Stop,
}

/// What the daemon does beside the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Duty {
    /// Opening the state.
    Opening,
    /// Taking what waits to where it goes.
    Sending,
    /// Running what is due.
    Timing,
    /// Looking into mailboxes.
    Mailboxes,
    /// Looking how the state and the outbox are.
    Looking,
}

impl Duty {
    fn name(self) -> &'static str {
        match self {
            Duty::Opening => "opening",
            Duty::Sending => "sending",
            Duty::Timing => "schedules",
            Duty::Mailboxes => "mailboxes",
            Duty::Looking => "looking",
        }
    }
}

/// What keeps a duty from being done.
#[derive(Clone, Debug)]
struct Trouble {
    /// In words for people; ids only.
    message: String,
    /// Whether it is the state's: all that need it fail together then.
    of_state: bool,
}

impl Trouble {
    /// One that is not the state's.
    fn of_another(message: String) -> Trouble {
        Trouble { message, of_state: false }
    }

    /// Whether another one that follows needs no word of its own; one cause of the state's has many words.
    fn covers(&self, other: &Trouble) -> bool {
        self.of_state == other.of_state && (self.of_state || self.message == other.message)
    }
}

impl From<StateError> for Trouble {
    fn from(error: StateError) -> Trouble {
        Trouble { message: error.to_string(), of_state: true }
    }
}

/// How the daemon is.
#[derive(Clone, Debug, Default)]
struct Health {
    /// Duties that fail.
    troubles: BTreeMap<Duty, Trouble>,
    /// What is wrong with the project's files, each in a line; the program before runs on, if there is one.
    project: Vec<String>,
    /// Whether the state was opened.
    open: bool,
    /// Whether it is ending.
    stopping: bool,
}

impl Health {
    fn state_is_away(&self) -> bool {
        self.troubles.values().any(|trouble| trouble.of_state)
    }
}

/// Runs until it is told to stop and what was leaving has left. Fails where it cannot begin. With errors in the rules,
/// the templates or the schema it begins without them: people can unsubscribe, and nothing is decided or sent before
/// the project is sound.
pub async fn serve(serve: Serve) -> Result<(), ServeError> {
    if !serve.listen.ip().is_loopback() {
        if serve.token.is_none() {
            let why = "others than this machine can reach it, so it needs a token: add --token env:NAME";
            return Err(ServeError::Listen(format!("{}: {why}", serve.listen)));
        }
        tracing::warn!(listen = %serve.listen, "answers others than this machine: put TLS in front of it");
    }
    let listener = TcpListener::bind(serve.listen)
        .await
        .map_err(|e| ServeError::Listen(format!("{} cannot be listened on: {e}", serve.listen)))?;
    let read = reader(&serve, "rules".to_owned());
    let (folder, sandbox, clock) = (serve.folder.clone(), serve.sandbox, serve.clock.clone());
    let read = tokio::task::spawn_blocking(move || match read() {
        (watched, Ok(site)) => Ok((watched, site, Vec::new())),
        (watched, Err(unsound)) => match Site::without_rules(&folder, sandbox, clock) {
            Some(site) => Ok((watched, site, unsound.lines())),
            None => Err(ServeError::Unsound(unsound)),
        },
    });
    let (mut watched, site, wrong) = read.await.map_err(|_| ServeError::Broken("reading the project"))??;
    watched.rules.clone_from(&site.project.config.rules);
    let (events, inbox) = mpsc::channel(64);
    Daemon::new(serve, site, wrong, watched, events).go_on(inbox, listener).await
}

/// Reads the project, after a look at what is there.
fn reader(serve: &Serve, rules: String) -> impl FnOnce() -> (Watched, Result<Site, Unsound>) + use<> {
    let (folder, sandbox, clock) = (serve.folder.clone(), serve.sandbox, serve.clock.clone());
    move || (Watched::look(&folder, &rules), Site::open(&folder, sandbox, clock))
}

struct Daemon {
    serve: Serve,
    site: cell::Sender<Arc<Site>>,
    /// Whether the project was sound at any time since the start, and its rules may run beside those that ran: before,
    /// nothing is decided or sent.
    sound: bool,
    /// Whether the duties were begun that need the state.
    begun: bool,
    state: cell::Sender<Option<State>>,
    /// The files that were read.
    watched: cell::Sender<Watched>,
    health: Health,
    events: mpsc::Sender<Event>,
    /// Duties, by name.
    tasks: JoinSet<&'static str>,
    /// Ends the sending of the program that runs.
    sending: Stop,
    /// Whether the files are being read, and whether they have changed since.
    reading: Option<bool>,
}

impl Daemon {
    /// A daemon of a project with what is wrong with it.
    fn new(
        serve: Serve,
        site: Site,
        wrong: Vec<String>,
        watched: Watched,
        events: mpsc::Sender<Event>,
    ) -> Daemon {
        Daemon {
            watched: cell::Sender::new(watched),
            site: cell::Sender::new(Arc::new(site)),
            sound: wrong.is_empty(),
            begun: false,
            state: cell::Sender::new(None),
            serve,
            health: Health { project: wrong, ..Health::default() },
            events,
            tasks: JoinSet::new(),
            sending: Stop::default(),
            reading: None,
        }
    }

    async fn go_on(
        mut self,
        mut inbox: mpsc::Receiver<Event>,
        listener: TcpListener,
    ) -> Result<(), ServeError> {
        metrics::handle();
        metrics::project(self.sound, false);
        // These end with the loop, however it ends.
        let mut around = JoinSet::new();
        around.spawn(tick(self.events.clone()));
        around.spawn(signals(self.events.clone(), self.serve.stop.clone()));
        let folder = self.serve.folder.clone();
        around.spawn(watch::watch(folder, self.watched.subscribe(), self.events.clone()));
        let address = listener.local_addr().unwrap_or(self.serve.listen);
        around.spawn(web::answer(listener, self.desk()));
        tracing::info!(%address, sandbox = self.site.borrow().sandbox, program = self.site.borrow().fingerprint(), "serving");
        for finding in &self.health.project {
            tracing::error!(
                finding,
                "the project has an error: nothing is decided or sent before it is mended"
            );
        }
        self.open();
        let ended = loop {
            tokio::select! {
                biased;
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(_) => {}
                    Err(e) => break Err(broke_down(e)),
                },
                event = inbox.recv() => {
                    let Some(event) = event else { break Ok(()) };
                    self.handle(event)?;
                }
            }
            if self.health.stopping && self.tasks.is_empty() {
                break Ok(());
            }
        };
        tracing::info!("stopped");
        ended
    }

    fn handle(&mut self, event: Event) -> Result<(), ServeError> {
        match event {
            Event::Tick(due) => {
                metrics::lag(due.elapsed());
                metrics::handle().run_upkeep();
            }
            Event::FilesChanged => self.read(),
            Event::Loaded(_, _, false) if self.health.open => {
                self.reading = None;
                self.read();
            }
            Event::Loaded(watched, read, _) => self.take_up(watched, *read),
            Event::Opened(state) => {
                self.state.send_replace(Some(state));
                self.health.open = true;
                self.compare();
            }
            Event::Compared(of, refused) if Arc::ptr_eq(&of, &self.site.borrow()) => self.begin(refused),
            Event::Compared(..) => self.compare(),
            Event::Unusable(error) => return Err(ServeError::State(error)),
            Event::Worked(duty, result) => self.hear(duty, result),
            // Whoever asked may be gone.
            Event::Asked(answer) => drop(answer.send(self.health.clone())),
            Event::Stop => self.stop(),
        }
        Ok(())
    }

    /// Opens the state, trying again while that fails.
    fn open(&mut self) {
        let (site, events, stop) = (self.site.borrow().clone(), self.events.clone(), self.serve.stop.clone());
        self.tasks.spawn(async move {
            let mut pause = Pause::default();
            while !stop.wanted() {
                match site.state().await {
                    Ok(state) => {
                        events.send(Event::Worked(Duty::Opening, Ok(()))).await.ok();
                        events.send(Event::Opened(state)).await.ok();
                        break;
                    }
                    Err(e @ (StateError::Url { .. } | StateError::Version { .. })) => {
                        events.send(Event::Unusable(e)).await.ok();
                        break;
                    }
                    Err(e) => drop(events.send(Event::Worked(Duty::Opening, Err(e.into()))).await),
                }
                tokio::select! { () = pause.after_failure() => {}, () = stop.wait() => {} }
            }
            "opening the state"
        });
    }

    /// Looks whether the program may run beside what ran before, and lets everything begin.
    fn compare(&mut self) {
        let Some(state) = self.state.borrow().clone() else { return };
        if !self.sound {
            return self.begin(Vec::new());
        }
        let (site, events, stop) = (self.site.borrow().clone(), self.events.clone(), self.serve.stop.clone());
        self.tasks.spawn(async move {
            let refused = compare_until_told(&site, &state, None, &stop).await;
            events.send(Event::Compared(site, refused)).await.ok();
            "comparing the rules with those that ran"
        });
    }

    /// Everything that needs the state begins; what needs a sound project only where nothing is refused.
    fn begin(&mut self, refused: Vec<String>) {
        let Some(state) = self.state.borrow().clone() else { return };
        if self.health.stopping {
            return;
        }
        for finding in &refused {
            tracing::error!(finding, "nothing is decided or sent before the project is mended");
        }
        if !refused.is_empty() {
            self.sound = false;
            self.health.project = refused;
            metrics::project(false, false);
        }
        self.begun = true;
        if self.sound {
            self.act(state.clone());
        }
        let (site, events, clock) = (self.site.subscribe(), self.events.clone(), self.serve.clock.clone());
        self.tasks.spawn(mailboxes::read(site, state.clone(), events, clock, self.serve.stop.clone()));
        self.tasks.spawn(sending::look(state, self.events.clone(), self.serve.stop.clone()));
    }

    /// Everything that needs a sound project begins.
    fn act(&mut self, state: State) {
        self.send(state.clone());
        let scheduler = Scheduler {
            clock: self.serve.clock.clone(),
            worker: worker(),
            stop: self.serve.stop.clone(),
            resident: Arc::default(),
        };
        self.tasks.spawn(timing::keep_time(scheduler, self.site.subscribe(), state, self.events.clone()));
    }

    /// Sends by the program that runs now, until it is stopped.
    fn send(&mut self, state: State) {
        self.sending = Stop::default();
        let (site, events) = (self.site.borrow().clone(), self.events.clone());
        self.tasks.spawn(sending::send(site, state, events, self.sending.clone()));
    }

    /// Reads the files, once more if they change meanwhile.
    fn read(&mut self) {
        if let Some(again) = &mut self.reading {
            *again = true;
            return;
        }
        self.reading = Some(false);
        let read = reader(&self.serve, self.watched.borrow().rules.clone());
        let (events, stop) = (self.events.clone(), self.serve.stop.clone());
        let (before, state) = (self.site.borrow().clone(), self.state.borrow().clone());
        let acts = self.begun && self.sound;
        self.tasks.spawn_blocking(move || {
            let (watched, mut site) = read();
            if let (Ok(sound), Some(state)) = (&site, &state)
                && sound.same_state(&before)
            {
                let running = acts.then_some(&before.program);
                let refused = Handle::current().block_on(compare_until_told(sound, state, running, &stop));
                site = site.and_then(|site| site.unless(refused));
            }
            events.blocking_send(Event::Loaded(watched, Box::new(site), state.is_some())).ok();
            "reading the project"
        });
    }

    /// Takes a sound project up; what is leaving under the one before is seen through by its own carriers.
    fn take_up(&mut self, mut watched: Watched, read: Result<Site, Unsound>) {
        if self.reading.take() == Some(true) {
            self.read();
        }
        let elsewhere = "`state` in tidings.yaml has changed: that takes a restart".to_owned();
        let sound = match read {
            Ok(site) if site.same_state(&self.site.borrow()) => Ok(site),
            Ok(site) => Err((site.project.config.rules.clone(), vec![elsewhere])),
            Err(unsound) => Err((unsound.rules.clone(), unsound.lines())),
        };
        metrics::project(sound.is_ok(), true);
        match sound {
            Ok(site) => {
                tracing::info!(program = site.fingerprint(), rules = site.program.rules.len(), "taken up");
                self.health.project.clear();
                watched.rules.clone_from(&site.project.config.rules);
                self.site.send_replace(Arc::new(site));
                self.sending.now();
                let (before, state) = (std::mem::replace(&mut self.sound, true), self.state.borrow().clone());
                match state.filter(|_| self.begun && !self.health.stopping) {
                    Some(state) if before => self.send(state),
                    Some(state) => self.act(state),
                    None => {}
                }
            }
            Err((rules, lines)) => {
                let then = if self.sound { "the one before runs on" } else { "nothing is sent before it is" };
                for finding in &lines {
                    tracing::error!(finding, "the changed project is not taken up; {then}");
                }
                watched.rules = rules;
                self.health.project = lines;
            }
        }
        self.watched.send_replace(watched);
    }

    /// Notes how a duty went; what fails is said once, and again when it works. Where the state is away that is said of the
    /// first duty that finds it so, and of the last.
    fn hear(&mut self, duty: Duty, result: Result<(), Trouble>) {
        let before = self.health.troubles.remove(&duty);
        let said = |trouble: &Trouble| trouble.of_state && self.health.state_is_away();
        match result {
            Ok(()) => {
                if before.is_some_and(|trouble| !said(&trouble)) {
                    tracing::info!(duty = duty.name(), "works again");
                }
            }
            Err(trouble) => {
                metrics::failed(duty.name(), trouble.of_state);
                let known = before.is_some_and(|before| before.covers(&trouble));
                if !known && !said(&trouble) {
                    let (duty, error) = (duty.name(), &trouble.message);
                    tracing::error!(duty, error, "failed; it is tried again until it works");
                }
                self.health.troubles.insert(duty, trouble);
            }
        }
        metrics::state(self.health.open && !self.health.state_is_away());
    }

    fn stop(&mut self) {
        if !self.health.stopping {
            tracing::info!("stopping: what is leaving is seen through, and nothing begins");
            self.health.stopping = true;
            self.serve.stop.now();
            self.sending.now();
        }
    }

    /// What requests are answered from.
    fn desk(&self) -> web::Desk {
        web::Desk::new(
            self.site.subscribe(),
            self.state.subscribe(),
            self.events.clone(),
            self.serve.token.as_ref(),
            self.serve.clock.clone(),
        )
    }
}

/// What keeps a program from running beside what ran before; asked until the state answers, or the daemon stops.
async fn compare_until_told(
    site: &Site,
    state: &State,
    running: Option<&Program>,
    stop: &Stop,
) -> Vec<String> {
    let mut pause = Pause::default();
    while !stop.wanted() {
        match renames::take_note(site, state, running).await {
            Ok(refused) => return refused,
            Err(error) => tracing::warn!(%error, "what ran before cannot be asked; it is tried again"),
        }
        tokio::select! { () = pause.after_failure() => {}, () = stop.wait() => {} }
    }
    Vec::new()
}

/// Longer and longer waits between tries.
#[derive(Default)]
struct Pause(u32);

impl Pause {
    async fn after_failure(&mut self) {
        let wait = BACK_OFF.0.saturating_mul(1 << self.0.min(10)).min(BACK_OFF.1);
        self.0 += 1;
        tokio::time::sleep(wait).await;
    }

    fn over(&mut self) {
        self.0 = 0;
    }
}

fn broke_down(error: tokio::task::JoinError) -> ServeError {
    tracing::error!(panicked = error.is_panic(), "a duty broke down; the daemon ends, to be started anew");
    ServeError::Broken("a duty")
}

async fn tick(events: mpsc::Sender<Event>) {
    let mut beats = interval(BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = beats.tick().await;
        if events.send(Event::Tick(due)).await.is_err() {
            return;
        }
    }
}

/// A wish to stop, and SIGHUP: the project is read again, secrets too.
async fn signals(events: mpsc::Sender<Event>, stop: Stop) {
    #[cfg(unix)]
    if let Ok(mut hang_up) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) {
        loop {
            tokio::select! {
                () = stop.wait() => break,
                Some(()) = hang_up.recv() => drop(events.send(Event::FilesChanged).await),
            }
        }
    }
    stop.wait().await;
    events.send(Event::Stop).await.ok();
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Unsound(unsound) => f.write_str(&unsound.lines().join("\n")),
            ServeError::Listen(why) => f.write_str(why),
            ServeError::State(e) => e.fmt(f),
            ServeError::Broken(what) => write!(f, "{what} broke down; see the log, and start it again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_cause_is_said_even_where_the_duty_failed_before() {
        let [a, b] = ["mailbox a", "mailbox b"].map(|what| Trouble::of_another(what.to_owned()));
        let [away, full] = ["away", "full"].map(|what| Trouble { message: what.to_owned(), of_state: true });
        assert!(a.covers(&a) && !a.covers(&b), "one mailbox is mended while another breaks");
        assert!(away.covers(&full) && !away.covers(&a) && !a.covers(&away));
    }
}
