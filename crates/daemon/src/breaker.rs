//! Leaves a provider alone for a while that fails time and again, so that rows do not use up their attempts on it.

use std::time::Duration;
use tokio::time::Instant;

/// How many failures in a row open it.
const FAILURES: u32 = 10;
/// How long the first pause is, and the longest.
const FIRST: Duration = Duration::from_secs(15);
const LONGEST: Duration = Duration::from_secs(300);

/// What one provider has answered lately.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: Instant,
    until: Instant,
    pause: Duration,
}

/// How much may be claimed for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// As much as it takes.
    Free,
    /// One row, to see whether it is back.
    Probe,
    /// Nothing for this long.
    Wait(Duration),
}

impl Breaker {
    pub fn leave(&self, now: Instant) -> Leave {
        match self.open {
            None => Leave::Free,
            Some(open) if open.until <= now => Leave::Probe,
            Some(open) => Leave::Wait(open.until - now),
        }
    }

    /// Takes in an answer. True where that opened or closed it.
    pub fn heard(&mut self, well: bool, now: Instant) -> bool {
        if well {
            self.failures = 0;
            return self.open.take().is_some();
        }
        self.failures += 1;
        match &mut self.open {
            Some(open) if open.until <= now => {
                open.pause = (open.pause * 2).min(LONGEST);
                open.until = now + open.pause;
                false
            }
            // What was under way when it opened says nothing new.
            Some(_) => false,
            None if self.failures < FAILURES => false,
            None => {
                self.open = Some(Open { since: now, until: now + FIRST, pause: FIRST });
                true
            }
        }
    }

    /// For how long it has been open.
    pub fn open_for(&self, now: Instant) -> Option<Duration> {
        self.open.map(|open| now.saturating_duration_since(open.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_open_it_one_answer_closes_it_and_pauses_grow() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..9 {
            assert!(!breaker.heard(false, start));
        }
        assert_eq!(breaker.leave(start), Leave::Free);
        assert!(breaker.heard(false, start), "the tenth");
        assert_eq!(breaker.leave(start), Leave::Wait(FIRST));
        assert!(!breaker.heard(false, start), "a straggler");
        let mut now = start + FIRST;
        assert_eq!(breaker.leave(now), Leave::Probe);
        for pause in [30, 60, 120, 240, 300, 300] {
            assert!(!breaker.heard(false, now));
            assert_eq!(breaker.leave(now), Leave::Wait(Duration::from_secs(pause)));
            now += Duration::from_secs(pause);
        }
        assert_eq!(breaker.open_for(now), Some(now - start));
        assert!(breaker.heard(true, now));
        assert_eq!((breaker.leave(now), breaker.open_for(now)), (Leave::Free, None));
        assert!(!breaker.heard(false, now), "and it begins to count anew");
    }
}
