//! The backlog of one webhook: deliveries that are ready, in flight, or queued behind another one
//! about the same subject.
//!
//! Deliveries about one subject are sent in order. The first is ready or in flight. Later ones are
//! queued behind it in memory or, once a delivery about the subject has failed, in the store.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::domain::change::Change;
use crate::domain::webhook::{Delivery, DeliveryState};

/// Rough limit on the bytes of buffered changes. A change that does not fit is read again when it
/// is sent.
const MOST_BUFFERED: usize = 4 * 1024 * 1024;
/// A change read longer ago than this is read again before it is sent, since it may have been
/// erased.
const FRESH: Duration = Duration::from_secs(1);

/// A delivery to be sent.
pub struct Outgoing {
    /// The delivery.
    pub delivery: Delivery,
    /// Whether it is in the store, maybe with others about its subject behind it.
    pub is_stored: bool,
    /// Its change as read from the journal, and when it was read.
    buffered: Option<(Change, Instant)>,
}

impl Outgoing {
    /// Whether its change must be read before it is sent.
    pub fn must_read(&self) -> bool {
        !matches!(&self.buffered, Some((_, read)) if read.elapsed() < FRESH)
    }
}

/// A subject with a delivery that is ready, in flight, or being written.
enum Subject {
    /// The first delivery is ready or in flight; these are queued behind it.
    New(VecDeque<Outgoing>),
    /// A stored delivery is ready or in flight; later ones are stored, too.
    Stored,
    /// The write with this number changes its stored deliveries. Only after that write is it known
    /// which one is next, so later ones are stored, too.
    Writing(u64),
}

/// The deliveries that a webhook is working on.
#[derive(Default)]
pub struct Backlog {
    subjects: HashMap<String, Subject>,
    /// First attempts that are ready.
    new: VecDeque<Outgoing>,
    /// Retries that are ready.
    retries: VecDeque<Outgoing>,
    /// Stored deliveries that are ready or in flight.
    retrying: usize,
    /// Bytes of the buffered changes.
    buffered: usize,
}

impl Backlog {
    /// Adds a new delivery with its change. It is ready, or queued behind another one about its
    /// subject. Returns it if it must be queued in the store: because `is_blocked` says that others
    /// wait there, or because one is being stored by the write `next_write`.
    pub fn add(
        &mut self,
        delivery: Delivery,
        (change, read): (Change, Instant),
        is_blocked: bool,
        next_write: u64,
    ) -> Option<Delivery> {
        match self.subjects.get_mut(&delivery.subject) {
            Some(Subject::Stored) => return Some(delivery),
            Some(Subject::Writing(number)) => {
                *number = next_write;
                return Some(delivery);
            }
            None if is_blocked => return Some(delivery),
            Some(Subject::New(_)) | None => {}
        }
        let subject = delivery.subject.clone();
        let outgoing = Outgoing {
            delivery,
            is_stored: false,
            buffered: self.buffer(change, read),
        };
        match self.subjects.entry(subject) {
            Entry::Occupied(mut there) => {
                if let Subject::New(behind) = there.get_mut() {
                    behind.push_back(outgoing);
                }
            }
            Entry::Vacant(free) => {
                free.insert(Subject::New(VecDeque::new()));
                self.new.push_back(outgoing);
            }
        }
        None
    }

    /// Whether a delivery about the subject is ready, in flight or being written.
    pub fn is_busy(&self, subject: &str) -> bool {
        self.subjects.contains_key(subject)
    }

    /// Adds a stored delivery that is due. Its subject must not be busy.
    pub fn add_due(&mut self, delivery: Delivery) {
        self.retrying += 1;
        self.subjects
            .insert(delivery.subject.clone(), Subject::Stored);
        self.retries.push_back(Outgoing {
            delivery,
            is_stored: true,
            buffered: None,
        });
    }

    /// How many stored deliveries are ready or in flight.
    pub fn retrying(&self) -> usize {
        self.retrying
    }

    /// Takes the next ready delivery: of the preferred kind (new or retry) if there is one, else of
    /// the other kind.
    pub fn next(&mut self, prefer_new: bool) -> Option<Outgoing> {
        let (first, second) = if prefer_new {
            (&mut self.new, &mut self.retries)
        } else {
            (&mut self.retries, &mut self.new)
        };
        first.pop_front().or_else(|| second.pop_front())
    }

    /// Puts back the delivery taken last, which was not sent.
    pub fn put_back(&mut self, outgoing: Outgoing) {
        if outgoing.is_stored {
            self.retries.push_front(outgoing);
        } else {
            self.new.push_front(outgoing);
        }
    }

    /// Takes the buffered change of a delivery.
    pub fn take_change(&mut self, outgoing: &mut Outgoing) -> Option<Change> {
        let (change, _) = outgoing.buffered.take()?;
        self.buffered -= change.delta.len();
        Some(change)
    }

    /// Ends an attempt at a delivery, whose new state the write `next_write` will store. The next
    /// delivery about its subject is ready now, or known after that write. Returns deliveries that
    /// must be stored behind it.
    pub fn complete(
        &mut self,
        delivery: &Delivery,
        is_stored: bool,
        next_write: u64,
    ) -> Vec<Delivery> {
        self.retrying -= usize::from(is_stored);
        let mut behind = match self.subjects.remove(&delivery.subject) {
            Some(Subject::New(behind)) => behind,
            _ => VecDeque::new(),
        };
        let subject = delivery.subject.clone();
        if is_stored || delivery.state == DeliveryState::Waiting {
            self.subjects.insert(subject, Subject::Writing(next_write));
            let deliveries = behind.into_iter().map(|mut outgoing| {
                self.take_change(&mut outgoing);
                outgoing.delivery
            });
            return deliveries.collect();
        }
        if let Some(next) = behind.pop_front() {
            self.new.push_back(next);
            self.subjects.insert(subject, Subject::New(behind));
        }
        Vec::new()
    }

    /// Notes that all writes up to this number are durable, so the stored state of their subjects
    /// is known.
    pub fn written(&mut self, number: u64) {
        self.subjects
            .retain(|_, subject| !matches!(subject, Subject::Writing(with) if *with <= number));
    }

    fn buffer(&mut self, change: Change, read: Instant) -> Option<(Change, Instant)> {
        let bytes = change.delta.len();
        if self.buffered + bytes > MOST_BUFFERED {
            return None;
        }
        self.buffered += bytes;
        Some((change, read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::webhook::tests::{change, delivery};

    /// Takes all ready deliveries as if to send them, and returns their cursors.
    fn ready(backlog: &mut Backlog) -> Vec<i64> {
        let mut cursors = Vec::new();
        while let Some(mut outgoing) = backlog.next(true) {
            backlog.take_change(&mut outgoing);
            cursors.push(outgoing.delivery.cursor);
        }
        cursors
    }

    fn add(backlog: &mut Backlog, cursor: i64, subject: &str) -> Option<i64> {
        let read = (change(cursor, "{}"), Instant::now());
        let stored = backlog.add(delivery(cursor, subject), read, false, 1);
        stored.map(|delivery| delivery.cursor)
    }

    fn ended(cursor: i64, subject: &str, state: DeliveryState) -> Delivery {
        Delivery {
            state,
            ..delivery(cursor, subject)
        }
    }

    #[test]
    fn deliveries_about_one_subject_go_out_one_after_the_other() {
        let mut backlog = Backlog::default();
        for (cursor, subject) in [(1, "a"), (2, "b"), (3, "a"), (4, "a")] {
            assert_eq!(add(&mut backlog, cursor, subject), None);
        }
        assert_eq!(ready(&mut backlog), [1, 2]);
        for (cursor, next) in [(1, vec![3]), (3, vec![4]), (4, vec![])] {
            let done = ended(cursor, "a", DeliveryState::Delivered);
            assert!(backlog.complete(&done, false, 1).is_empty());
            assert_eq!(ready(&mut backlog), next);
        }
        assert!(!backlog.is_busy("a") && backlog.is_busy("b"));
    }

    #[test]
    fn a_failure_sends_those_behind_it_to_the_store_until_it_is_written() {
        let mut backlog = Backlog::default();
        add(&mut backlog, 1, "a");
        add(&mut backlog, 2, "a");
        assert_eq!(ready(&mut backlog), [1]);
        let failed = ended(1, "a", DeliveryState::Waiting);
        let stored = backlog.complete(&failed, false, 5);
        assert_eq!(stored.iter().map(|one| one.cursor).collect::<Vec<_>>(), [2]);
        backlog.written(4);
        assert!(backlog.is_busy("a"), "that write was begun before");
        assert_eq!(add(&mut backlog, 3, "a"), Some(3));
        backlog.written(5);
        assert!(!backlog.is_busy("a"));
        assert_eq!(backlog.buffered, 0);
    }

    #[test]
    fn a_delivery_that_follows_during_a_write_waits_for_the_next_one() {
        let mut backlog = Backlog::default();
        add(&mut backlog, 1, "a");
        ready(&mut backlog);
        backlog.complete(&ended(1, "a", DeliveryState::Waiting), false, 5);
        let read = (change(2, "{}"), Instant::now());
        assert!(backlog.add(delivery(2, "a"), read, false, 6).is_some());
        backlog.written(5);
        assert!(backlog.is_busy("a"));
        backlog.written(6);
        assert!(!backlog.is_busy("a"));
    }

    #[test]
    fn what_waits_in_the_store_blocks_what_follows() {
        let mut backlog = Backlog::default();
        let read = (change(2, "{}"), Instant::now());
        assert!(backlog.add(delivery(2, "a"), read, true, 1).is_some());
        assert!(!backlog.is_busy("a"));
        backlog.add_due(delivery(1, "a"));
        assert_eq!(
            (backlog.retrying(), add(&mut backlog, 3, "a")),
            (1, Some(3))
        );
        assert_eq!(ready(&mut backlog), [1]);
        let stored = backlog.complete(&ended(1, "a", DeliveryState::Delivered), true, 1);
        assert!(stored.is_empty() && backlog.is_busy("a"));
        assert_eq!(backlog.retrying(), 0);
    }

    #[test]
    fn new_deliveries_and_retries_go_out_as_preferred() {
        let mut backlog = Backlog::default();
        add(&mut backlog, 1, "a");
        add(&mut backlog, 2, "b");
        backlog.add_due(delivery(3, "c"));
        let first = backlog.next(false).unwrap();
        assert_eq!(first.delivery.cursor, 3);
        backlog.put_back(first);
        let order: Vec<i64> = [true, false, false]
            .map(|prefer_new| backlog.next(prefer_new).unwrap().delivery.cursor)
            .to_vec();
        assert_eq!(order, [1, 3, 2]);
    }

    #[test]
    fn what_does_not_fit_into_the_buffer_is_read_again() {
        let mut backlog = Backlog::default();
        let large = "x".repeat(MOST_BUFFERED - 10);
        for (cursor, delta) in [(1, large.as_str()), (2, "more than ten"), (3, "ten")] {
            let read = (change(cursor, delta), Instant::now());
            backlog.add(delivery(cursor, &cursor.to_string()), read, false, 1);
        }
        let must_read: Vec<bool> = (0..3)
            .map(|_| {
                let mut outgoing = backlog.next(true).unwrap();
                let must_read = outgoing.must_read();
                backlog.take_change(&mut outgoing);
                must_read
            })
            .collect();
        assert_eq!((must_read, backlog.buffered), (vec![false, true, false], 0));
    }
}
