//! When the stored deliveries of one webhook are due, and their state after an attempt.

use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;

use super::client::Attempt;
use crate::domain::Moment;
use crate::domain::webhook::{Delivery, DeliveryState, GIVE_UP, LONG_AGO, Progress, wait};
use crate::store::Outlook;

/// How often, at least, the store is asked when the next delivery is due.
pub const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often it is asked while writes keep changing the answer.
const CHECK_SOON: Duration = Duration::from_millis(100);
/// How often waiting deliveries are counted.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// When the stored deliveries of a webhook are due.
pub struct RetrySchedule {
    /// When the next one is due, as far as is known.
    next_due: Option<Moment>,
    /// Whether there may be stored deliveries.
    may_have_stored: bool,
    /// How many wait, including those not written yet.
    waiting: i64,
    /// Shows the number of waiting deliveries of all webhooks.
    gauge: Gauge,
    last_check: Option<Instant>,
    last_count: Option<Instant>,
    /// Whether a write that began after the last check may have changed what is due.
    is_stale: bool,
}

impl RetrySchedule {
    /// The schedule of a webhook before the first check.
    pub fn new(gauge: Gauge) -> Self {
        Self {
            next_due: None,
            may_have_stored: true,
            waiting: 0,
            gauge,
            last_check: None,
            last_count: None,
            is_stale: true,
        }
    }

    /// How many deliveries wait.
    pub fn waiting(&self) -> i64 {
        self.waiting
    }

    /// Notes that one more delivery waits.
    pub fn add_waiting(&mut self) {
        self.set_waiting(self.waiting + 1);
    }

    /// Notes that a delivery no longer waits.
    pub fn remove_waiting(&mut self) {
        self.set_waiting(self.waiting - 1);
    }

    fn set_waiting(&mut self, waiting: i64) {
        self.gauge.inc_by(waiting - self.waiting);
        self.waiting = waiting;
    }

    /// Notes that waiting deliveries are being stored.
    pub fn expect_stored(&mut self) {
        self.may_have_stored = true;
    }

    /// Whether there may be stored deliveries that wait.
    pub fn may_have_stored(&self) -> bool {
        self.may_have_stored
    }

    /// Whether a stored delivery is due.
    pub fn is_due(&self, now: Moment) -> bool {
        self.next_due.is_some_and(|next| next <= now)
    }

    /// How long until the next one is due.
    pub fn until_due(&self, now: Moment) -> Option<Duration> {
        let micros = self.next_due?.micros().saturating_sub(now.micros());
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
    }

    /// Notes that due deliveries were read, whether any was new to the backlog, and whether more
    /// are due. Deliveries still in the backlog remain due in the store, so if none was new there
    /// is no hurry to read again.
    pub fn read_due(&mut self, now: Moment, any_new: bool, has_more: bool) {
        let pause = if any_new { Duration::ZERO } else { CHECK_SOON };
        let pause = i64::try_from(pause.as_micros()).unwrap_or(0);
        self.next_due = has_more.then(|| now.plus_micros(pause));
    }

    /// Notes that a write has begun.
    pub fn write_begun(&mut self, progress: &Progress) {
        self.is_stale |= progress.hasten || !progress.subjects.is_empty();
    }

    /// Whether the store must be asked once a write is durable. Soon after the last check it is not
    /// asked; the due deliveries are read instead, which is cheap.
    pub fn must_check_after_write(&mut self, now: Instant, at: Moment) -> bool {
        if !self.is_stale {
            return false;
        }
        let must_check = is_over(self.last_check, CHECK_SOON, now);
        if !must_check {
            self.next_due = Some(at);
        }
        must_check
    }

    /// Whether the store must be asked in any case.
    pub fn must_check(&self, now: Instant) -> bool {
        is_over(self.last_check, CHECK_EVERY, now)
    }

    /// Whether the next check should count the waiting deliveries.
    pub fn must_count(&self, now: Instant) -> bool {
        is_over(self.last_count, COUNT_EVERY, now)
    }

    /// Notes the answer of the store; `is_settled` says that everything is written.
    pub fn checked(&mut self, outlook: &Outlook, is_settled: bool, now: Instant) {
        self.last_check = Some(now);
        self.is_stale = false;
        self.next_due = outlook.next;
        // of the waiting deliveries, the oldest about each subject has a date
        self.may_have_stored = outlook.next.is_some() || !is_settled;
        if let Some(waiting) = outlook.waiting {
            self.set_waiting(waiting);
            self.last_count = Some(now);
        }
    }
}

impl Drop for RetrySchedule {
    fn drop(&mut self) {
        self.set_waiting(0);
    }
}

fn is_over(since: Option<Instant>, time: Duration, now: Instant) -> bool {
    since.is_none_or(|at| now.duration_since(at) >= time)
}

/// Updates a delivery after an attempt: it is delivered, dead, or waits for its next attempt.
/// `dice` is from 0 to 1.
pub fn attempted(delivery: &mut Delivery, attempt: &Attempt, now: Moment, dice: f64) {
    let last = delivery.attempt_date.unwrap_or(delivery.queued_date);
    delivery.attempts += 1;
    delivery.attempt_date = Some(now);
    delivery.next_date = None;
    delivery.status = attempt.status.map(i64::from);
    delivery.error.clone_from(&attempt.error);
    if attempt.error.is_none() {
        delivery.state = DeliveryState::Delivered;
        return;
    }
    let next = now.plus_micros(pause(delivery.attempts, attempt, dice));
    let is_old = next.micros() - delivery.queued_date.micros() > GIVE_UP;
    // a delivery that was not attempted for a long time gets another chance
    if is_old && now.micros() - last.micros() < LONG_AGO {
        delivery.state = DeliveryState::Dead;
    } else {
        delivery.state = DeliveryState::Waiting;
        delivery.next_date = Some(next);
    }
}

/// Microseconds until the next attempt: as long as the receiver asked for if that is longer than
/// usual, but at most the longest usual wait.
fn pause(attempts: i64, attempt: &Attempt, dice: f64) -> i64 {
    let asked = attempt.retry_after.map_or(0, |asked| {
        i64::try_from(asked.as_micros()).unwrap_or(i64::MAX)
    });
    let longest = wait(i64::MAX, 0.5);
    wait(attempts, dice).max(asked.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::webhook::tests::delivery;

    const SECOND: i64 = 1_000_000;

    fn at(second: i64) -> Moment {
        Moment::from_micros(second * SECOND).unwrap()
    }

    /// A delivery queued at 0, after an attempt.
    fn after(attempt: &Attempt, attempts: i64, last: Option<i64>, now: i64) -> Delivery {
        let mut delivery = Delivery {
            attempts,
            attempt_date: last.map(at),
            queued_date: at(0),
            ..delivery(1, "a")
        };
        attempted(&mut delivery, attempt, at(now), 0.5);
        delivery
    }

    fn failed(retry_after: Option<u64>) -> Attempt {
        Attempt {
            status: Some(503),
            error: Some("HTTP 503".to_owned()),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_success_ends_a_delivery() {
        let success = Attempt {
            status: Some(204),
            ..Attempt::default()
        };
        let done = after(&success, 3, Some(50), 60);
        assert_eq!(
            (done.state, done.attempts, done.next_date),
            (DeliveryState::Delivered, 4, None)
        );
        assert_eq!((done.status, done.attempt_date), (Some(204), Some(at(60))));
    }

    #[test]
    fn a_failure_waits_as_long_as_usual_or_as_the_receiver_asks() {
        for (attempts, asked, wanted) in [
            (0, None, 1),
            (3, None, 8),
            (0, Some(30), 30),
            (6, Some(30), 64),
            (0, Some(100_000), 3600),
        ] {
            let waits = after(&failed(asked), attempts, None, 100);
            assert_eq!(waits.state, DeliveryState::Waiting);
            assert_eq!(
                waits.next_date,
                Some(at(100 + wanted)),
                "{attempts} {asked:?}"
            );
            assert_eq!(waits.error.as_deref(), Some("HTTP 503"));
        }
    }

    #[test]
    fn a_delivery_is_dead_after_three_days_unless_nobody_tried_for_long() {
        let (days, hour) = (3 * 24 * 3600, 3600);
        let state = |last: i64, now: i64| after(&failed(None), 50, Some(last), now).state;
        assert_eq!(
            state(days - 3 * hour, days - 2 * hour),
            DeliveryState::Waiting
        );
        assert_eq!(state(days - hour, days - hour + 1), DeliveryState::Dead);
        assert_eq!(
            state(days, days + 10 * hour),
            DeliveryState::Waiting,
            "the server was off"
        );
        assert_eq!(
            state(days + 9 * hour, days + 10 * hour),
            DeliveryState::Dead
        );
    }

    #[test]
    fn waiting_deliveries_are_shown_by_the_gauge_until_the_worker_ends() {
        let gauge = Gauge::default();
        let mut schedule = RetrySchedule::new(gauge.clone());
        schedule.add_waiting();
        schedule.add_waiting();
        schedule.remove_waiting();
        assert_eq!((schedule.waiting(), gauge.get()), (1, 1));
        let outlook = Outlook {
            waiting: Some(5),
            next: None,
        };
        schedule.checked(&outlook, true, Instant::now());
        assert_eq!((schedule.waiting(), gauge.get()), (5, 5));
        drop(schedule);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn the_store_is_asked_when_a_write_may_have_changed_what_is_due() {
        let (now, mut schedule) = (Instant::now(), RetrySchedule::new(Gauge::default()));
        assert!(schedule.must_check(now) && schedule.must_count(now));
        assert!(schedule.may_have_stored(), "nothing is known yet");
        let outlook = |next| Outlook {
            waiting: Some(0),
            next,
        };
        schedule.checked(&outlook(None), true, now);
        assert!(!schedule.may_have_stored() && !schedule.must_check_after_write(now, at(7)));
        schedule.write_begun(&Progress::default());
        assert!(
            !schedule.must_check_after_write(now + CHECK_EVERY, at(7)),
            "no subject was touched"
        );
        let touching = Progress {
            subjects: vec!["a".to_owned()],
            ..Progress::default()
        };
        schedule.write_begun(&touching);
        assert!(!schedule.must_check_after_write(now, at(7)));
        assert!(
            schedule.is_due(at(7)) && !schedule.is_due(at(6)),
            "but what is due is read"
        );
        assert!(schedule.must_check_after_write(now + CHECK_SOON, at(7)));
        schedule.checked(&outlook(Some(at(9))), false, now);
        assert!(schedule.may_have_stored());
        assert_eq!(schedule.until_due(at(4)), Some(Duration::from_secs(5)));
        assert_eq!(schedule.until_due(at(10)), Some(Duration::ZERO));
    }

    #[test]
    fn due_deliveries_that_are_in_flight_already_are_not_read_again_at_once() {
        let mut schedule = RetrySchedule::new(Gauge::default());
        schedule.read_due(at(5), true, true);
        assert!(schedule.is_due(at(5)));
        schedule.read_due(at(5), false, true);
        assert_eq!(schedule.until_due(at(5)), Some(CHECK_SOON));
        schedule.read_due(at(5), true, false);
        assert_eq!(schedule.until_due(at(5)), None);
    }
}
