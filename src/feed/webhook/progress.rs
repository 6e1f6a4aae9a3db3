//! The progress of one webhook, and what of it is still to be written.
//!
//! A journal entry is acknowledged once the store knows the state of its delivery: delivered, dead,
//! or waiting. After a restart, a server continues after the last cursor up to which all entries
//! are acknowledged.

use std::collections::BTreeSet;

use crate::domain::webhook::{Delivery, Disable, Progress};

/// The progress of one webhook.
pub struct ProgressRecord {
    /// Every entry up to here is acknowledged.
    acknowledged: i64,
    /// Every entry up to here was read.
    read: i64,
    /// Entries after `read` that are already acknowledged.
    stored: BTreeSet<i64>,
    /// Entries up to `read` that are not acknowledged, and will not be by `unsaved`.
    open: BTreeSet<i64>,
    /// What is to be written next.
    unsaved: Progress,
    /// The number of the last write.
    writes: u64,
}

impl ProgressRecord {
    /// The progress of a webhook whose entries are acknowledged up to a cursor.
    pub fn new(webhook_id: &str, acknowledged: i64) -> Self {
        Self {
            acknowledged,
            read: acknowledged,
            stored: BTreeSet::new(),
            open: BTreeSet::new(),
            unsaved: Progress {
                webhook_id: webhook_id.to_owned(),
                ..Progress::default()
            },
            writes: 0,
        }
    }

    /// Sets which later entries are acknowledged as well.
    pub fn set_stored(&mut self, cursors: impl IntoIterator<Item = i64>) {
        self.stored = cursors.into_iter().collect();
    }

    /// Every entry up to here is acknowledged.
    pub fn acknowledged(&self) -> i64 {
        self.acknowledged
    }

    /// Whether an entry that was just read is already acknowledged.
    pub fn is_stored(&self, cursor: i64) -> bool {
        self.stored.contains(&cursor)
    }

    /// Notes that entries up to a cursor were read; `open` are those with a new delivery.
    pub fn read_to(&mut self, cursor: i64, open: impl IntoIterator<Item = i64>) {
        self.read = cursor;
        self.stored = self.stored.split_off(&(cursor + 1));
        self.open.extend(open);
    }

    /// How many entries were read but not acknowledged.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Adds a delivery to the next write.
    pub fn add(&mut self, delivery: Delivery) {
        self.unsaved.deliveries.push(delivery);
    }

    /// Makes the next write determine which stored delivery about a subject is next.
    pub fn touch(&mut self, subject: &str) {
        self.unsaved.subjects.push(subject.to_owned());
    }

    /// Makes all waiting deliveries due with the next write, because the receiver has recovered.
    pub fn hasten(&mut self) {
        self.unsaved.hasten = true;
    }

    /// Disables the webhook with the next write.
    pub fn disable(&mut self, disable: Disable) {
        self.unsaved.disable = Some(disable);
    }

    /// Whether there are deliveries to write.
    pub fn has_deliveries(&self) -> bool {
        !self.unsaved.deliveries.is_empty()
    }

    /// The number of the last write.
    pub fn writes(&self) -> u64 {
        self.writes
    }

    /// The number of the next write.
    pub fn next_write(&self) -> u64 {
        self.writes + 1
    }

    /// Takes what is to be written. `None` if there are no deliveries and fewer than `least` newly
    /// acknowledged entries.
    pub fn take(&mut self, least: i64) -> Option<Progress> {
        for delivery in &self.unsaved.deliveries {
            self.open.remove(&delivery.cursor);
        }
        let acknowledged = self.open.first().map_or(self.read, |oldest| oldest - 1);
        if !self.has_deliveries() && acknowledged - self.acknowledged < least {
            return None;
        }
        self.acknowledged = acknowledged;
        self.writes += 1;
        let next = Progress {
            webhook_id: self.unsaved.webhook_id.clone(),
            ..Progress::default()
        };
        let mut progress = std::mem::replace(&mut self.unsaved, next);
        progress.cursor = acknowledged;
        progress.subjects.sort_unstable();
        progress.subjects.dedup();
        Some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::webhook::tests::delivery;

    fn cursors(progress: &Progress) -> Vec<i64> {
        progress.deliveries.iter().map(|one| one.cursor).collect()
    }

    #[test]
    fn entries_are_acknowledged_up_to_the_oldest_open_one() {
        let mut record = ProgressRecord::new("w", 10);
        record.read_to(20, [12, 15, 18]);
        record.add(delivery(15, "a"));
        record.add(delivery(18, "b"));
        let first = record.take(1).unwrap();
        assert_eq!((first.cursor, cursors(&first)), (11, vec![15, 18]));
        assert_eq!((record.open(), record.acknowledged()), (1, 11));
        record.add(delivery(12, "a"));
        let second = record.take(1).unwrap();
        assert_eq!((second.cursor, cursors(&second)), (20, vec![12]));
        assert_eq!((record.writes(), record.next_write()), (2, 3));
        assert!(record.take(1).is_none(), "nothing is new");
    }

    #[test]
    fn entries_that_are_of_no_interest_are_worth_a_write_when_they_are_many() {
        let mut record = ProgressRecord::new("w", 0);
        record.read_to(99, []);
        assert!(record.take(100).is_none());
        record.read_to(100, []);
        let progress = record.take(100).unwrap();
        assert_eq!((progress.cursor, progress.webhook_id.as_str()), (100, "w"));
    }

    #[test]
    fn what_was_stored_before_is_known_until_it_was_read() {
        let mut record = ProgressRecord::new("w", 0);
        record.set_stored([3, 7]);
        assert!(record.is_stored(3) && !record.is_stored(4));
        record.read_to(5, [4]);
        assert!(!record.is_stored(3) && record.is_stored(7));
    }

    #[test]
    fn a_write_takes_everything_once() {
        let mut record = ProgressRecord::new("w", 0);
        record.read_to(2, [1, 2]);
        record.hasten();
        record.touch("b");
        record.touch("a");
        record.touch("b");
        assert!(record.take(3).is_none(), "without a delivery it waits");
        record.add(delivery(2, "b"));
        let progress = record.take(3).unwrap();
        assert_eq!(
            (progress.hasten, progress.subjects, progress.cursor),
            (true, vec!["a".to_owned(), "b".to_owned()], 0)
        );
        record.add(delivery(1, "a"));
        let progress = record.take(3).unwrap();
        assert!(!progress.hasten && progress.subjects.is_empty());
        assert_eq!(progress.cursor, 2);
    }
}
