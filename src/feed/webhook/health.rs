//! The health of a webhook's receiver: whether it is up, and how many requests it gets.

use std::time::{Duration, Instant};

/// The largest number of requests in flight.
const MOST_IN_FLIGHT: usize = 16;
/// The largest number of retries among them; the rest is left for new deliveries.
const MOST_RETRYING: usize = 8;
/// The receiver is down after this many consecutive failed first attempts. Retries do not count: a
/// receiver that permanently refuses some events is up.
const DOWN_AFTER: u32 = 20;
/// A receiver that is down gets one request at a time, this long after the last failure.
const PROBE_EVERY: Duration = Duration::from_millis(100);
/// How often a receiver that has recovered gets all waiting deliveries at once. One that goes up
/// and down all the time gets them when they are due.
const HASTEN_EVERY: Duration = Duration::from_secs(60);

/// The health of a receiver.
pub struct ReceiverHealth {
    /// First attempts that failed since the last success.
    failures: u32,
    last_failure: Instant,
    /// Whether the next probe is a new delivery rather than a retry.
    probe_new: bool,
    last_hastened: Option<Instant>,
}

impl ReceiverHealth {
    /// The health of a receiver that is assumed to be up.
    pub fn new(now: Instant) -> Self {
        Self {
            failures: 0,
            last_failure: now,
            probe_new: true,
            last_hastened: None,
        }
    }

    /// Whether the receiver is down.
    pub fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }

    /// How many more requests may be sent.
    pub fn free_slots(&self, in_flight: usize, now: Instant) -> usize {
        if !self.is_down() {
            return MOST_IN_FLIGHT.saturating_sub(in_flight);
        }
        usize::from(in_flight == 0 && self.until_probe(now).is_zero())
    }

    /// Whether one more retry may be ready or in flight.
    pub fn may_retry(&self, retrying: usize) -> bool {
        retrying < if self.is_down() { 1 } else { MOST_RETRYING }
    }

    /// Whether a new delivery is sent before retries. If the receiver is down, the two alternate,
    /// since it may accept one kind and not the other.
    pub fn prefers_new(&mut self) -> bool {
        let prefers_new = self.is_down() && self.probe_new;
        self.probe_new = !self.probe_new;
        prefers_new
    }

    /// How long until the next probe may be sent; zero if it may be sent now.
    pub fn until_probe(&self, now: Instant) -> Duration {
        PROBE_EVERY.saturating_sub(now.duration_since(self.last_failure))
    }

    /// Notes a success. Returns true if the receiver was down and all waiting deliveries should be
    /// sent now.
    pub fn succeeded(&mut self, now: Instant) -> bool {
        let may_hasten = |at: Instant| now.duration_since(at) >= HASTEN_EVERY;
        let hastens = self.is_down() && self.last_hastened.is_none_or(may_hasten);
        if hastens {
            self.last_hastened = Some(now);
        }
        self.failures = 0;
        hastens
    }

    /// Notes the failure of a first attempt or of a retry.
    pub fn failed(&mut self, is_retry: bool, now: Instant) {
        self.failures = self.failures.saturating_add(u32::from(!is_retry));
        self.last_failure = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(now: Instant) -> ReceiverHealth {
        let mut health = ReceiverHealth::new(now);
        for _ in 0..DOWN_AFTER {
            health.failed(false, now);
        }
        health
    }

    #[test]
    fn a_receiver_is_down_after_first_attempts_that_failed_one_after_the_other() {
        let now = Instant::now();
        let mut health = ReceiverHealth::new(now);
        for _ in 0..1000 {
            health.failed(true, now);
        }
        for _ in 1..DOWN_AFTER {
            health.failed(false, now);
        }
        assert!(!health.is_down());
        assert!(!health.succeeded(now), "it was never down");
        for _ in 1..DOWN_AFTER {
            health.failed(false, now);
        }
        assert!(!health.is_down());
        health.failed(false, now);
        assert!(health.is_down());
    }

    #[test]
    fn one_that_is_up_gets_many_requests_and_some_of_them_are_retries() {
        let now = Instant::now();
        let mut health = ReceiverHealth::new(now);
        assert_eq!(health.free_slots(0, now), MOST_IN_FLIGHT);
        assert_eq!(health.free_slots(MOST_IN_FLIGHT, now), 0);
        assert!(health.may_retry(MOST_RETRYING - 1) && !health.may_retry(MOST_RETRYING));
        assert!((0..4).all(|_| !health.prefers_new()), "retries go first");
    }

    #[test]
    fn one_that_is_down_gets_one_request_at_a_time_of_either_kind_in_turns() {
        let now = Instant::now();
        let mut health = down(now);
        assert_eq!(health.free_slots(0, now), 0);
        let later = now + PROBE_EVERY;
        assert_eq!(
            (health.free_slots(0, later), health.free_slots(1, later)),
            (1, 0)
        );
        assert!(health.may_retry(0) && !health.may_retry(1));
        let turns = [(); 4].map(|()| health.prefers_new());
        assert!(turns[0] != turns[1] && turns[1] != turns[2] && turns[2] != turns[3]);
        health.failed(true, later);
        assert_eq!(health.until_probe(later), PROBE_EVERY);
    }

    #[test]
    fn one_that_comes_back_gets_everything_but_not_every_time() {
        let now = Instant::now();
        let mut health = down(now);
        assert!(health.succeeded(now));
        assert!(!health.is_down());
        for (after, hastens) in [(HASTEN_EVERY / 2, false), (HASTEN_EVERY, true)] {
            for _ in 0..DOWN_AFTER {
                health.failed(false, now);
            }
            assert_eq!(health.succeeded(now + after), hastens);
        }
    }
}
