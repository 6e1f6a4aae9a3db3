//! The input of a worker: journal entries, and due deliveries from the store.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::{CHECK_EVERY, DUE, Worker};
use crate::domain::change::Change;
use crate::domain::webhook::{Delivery, subject};
use crate::store::StoreError;

impl Worker {
    /// Reads the next journal entries; true if there are more.
    pub(super) async fn read(&mut self) -> Result<bool, StoreError> {
        let has_news = *self.head.borrow() > self.query.after;
        let is_time = self.last_read.is_none_or(|at| at.elapsed() >= CHECK_EVERY);
        if self.until_read().is_some() || !(has_news || is_time) {
            return Ok(false);
        }
        let (reads, tenant) = (Arc::clone(&self.parts.reads), self.webhook.tenant_id);
        let reading = Arc::clone(&self.parts.feed.reading);
        let (page, began) = {
            let _turn = reading.acquire().await;
            let began = Instant::now();
            (reads.changes(tenant, &self.query).await?, began)
        };
        let mut new: Vec<Change> = page.items;
        new.retain(|change| !self.progress.is_stored(change.cursor));
        let mut blocked = HashSet::new();
        if self.schedule.may_have_stored() && !new.is_empty() {
            let subjects: BTreeSet<String> = new.iter().map(subject).collect();
            let found = reads.blocked(&self.webhook.id, subjects.into_iter().collect());
            blocked.extend(found.await?);
        }
        self.query.after = page.next;
        let cursors = new.iter().map(|change| change.cursor);
        self.progress.read_to(page.next, cursors);
        let (now, next_write) = (self.now(), self.progress.next_write());
        for change in new {
            let delivery = Delivery::new(&change, now);
            let is_blocked = blocked.contains(&delivery.subject);
            let change = (change, began);
            if let Some(delivery) = self.backlog.add(delivery, change, is_blocked, next_write) {
                self.store_behind(delivery);
            }
        }
        let has_more = page.next < page.head;
        self.last_read = (!has_more).then(Instant::now);
        Ok(has_more && self.has_room())
    }

    /// Stores a delivery behind others about its subject.
    pub(super) fn store_behind(&mut self, delivery: Delivery) {
        self.schedule.expect_stored();
        self.schedule.add_waiting();
        self.progress.touch(&delivery.subject);
        self.progress.add(delivery);
    }

    /// Adds due deliveries from the store to the backlog.
    pub(super) async fn take_due(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        if !self.may_retry() || !self.schedule.is_due(now) {
            return Ok(());
        }
        let reads = Arc::clone(&self.parts.reads);
        let due = reads.due_deliveries(&self.webhook.id, now, DUE).await?;
        let before = self.backlog.retrying();
        let mut has_more = i64::try_from(due.len()).is_ok_and(|many| many >= DUE);
        for delivery in due {
            if self.backlog.is_busy(&delivery.subject) {
                continue;
            }
            if !self.may_retry() {
                has_more = true;
                break;
            }
            self.backlog.add_due(delivery);
        }
        let any_new = self.backlog.retrying() > before;
        self.schedule.read_due(now, any_new, has_more);
        Ok(())
    }

    /// Asks the store when its next delivery is due, and occasionally how many wait.
    pub(super) async fn check(&mut self) -> Result<(), StoreError> {
        // the store does not know about unwritten progress
        let is_settled = self.writing.is_none() && !self.progress.has_deliveries();
        let counts = is_settled && self.schedule.must_count(Instant::now());
        let reads = Arc::clone(&self.parts.reads);
        let outlook = reads.outlook(&self.webhook.id, counts).await?;
        self.schedule.checked(&outlook, is_settled, Instant::now());
        Ok(())
    }
}
