//! Sends deliveries, and records the results.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use super::{GIVE_UP_AFTER, Worker};
use crate::domain::change::Change;
use crate::domain::webhook::{Delivery, DeliveryState, Disable};
use crate::feed::webhook::backlog::Outgoing;
use crate::feed::webhook::client::{Attempt, Letter};
use crate::feed::webhook::schedule::attempted;
use crate::store::StoreError;

impl Worker {
    /// Sends ready deliveries, as many as the receiver may get.
    pub(super) async fn send(&mut self) -> Result<(), StoreError> {
        let mut next: Vec<Outgoing> = Vec::new();
        for _ in 0..self.free_slots() {
            let prefers_new = self.health.prefers_new();
            let Some(outgoing) = self.backlog.next(prefers_new) else {
                break;
            };
            next.push(outgoing);
        }
        let must_read: Vec<i64> = next
            .iter()
            .filter(|outgoing| outgoing.must_read())
            .map(|outgoing| outgoing.delivery.cursor)
            .collect();
        let mut found: HashMap<i64, Change> = HashMap::new();
        if !must_read.is_empty() {
            let tenant = self.webhook.tenant_id;
            match self.parts.reads.changes_at(tenant, &must_read).await {
                Ok(all) if self.is_sender() => {
                    found.extend(all.into_iter().map(|change| (change.cursor, change)));
                }
                late => {
                    let all = next.into_iter().rev();
                    all.for_each(|outgoing| self.backlog.put_back(outgoing));
                    return late.map(drop);
                }
            }
        }
        for mut outgoing in next {
            let cursor = outgoing.delivery.cursor;
            let buffered = self.backlog.take_change(&mut outgoing);
            let change = if must_read.contains(&cursor) {
                found.remove(&cursor)
            } else {
                buffered
            };
            match change {
                Some(change) => self.dispatch(outgoing, &change),
                None => self.finished(
                    outgoing,
                    &Attempt::failed("the journal does not contain the change"),
                ),
            }
        }
        Ok(())
    }

    /// How many more requests may be sent.
    fn free_slots(&self) -> usize {
        if !self.is_sender() {
            return 0;
        }
        self.health.free_slots(self.in_flight.len(), Instant::now())
    }

    /// Whether this server still holds the lease, as far as other servers can know.
    fn is_sender(&self) -> bool {
        let is_recent = |term: tokio::time::Instant| term.elapsed() <= GIVE_UP_AFTER;
        !self.parts.shared || self.term.borrow().is_some_and(is_recent)
    }

    fn dispatch(&mut self, outgoing: Outgoing, change: &Change) {
        let data = (self.parts.render)(change);
        let letter = Letter::new(&self.webhook, change, self.now(), &data);
        let client = Arc::clone(&self.client);
        let url = self.webhook.subscription.url.clone();
        self.in_flight.spawn(async move {
            let attempt = client.send(&url, &letter).await;
            (outgoing, attempt)
        });
    }

    /// Records the result of an attempt, and its consequences for the subject.
    pub(super) fn finished(&mut self, outgoing: Outgoing, attempt: &Attempt) {
        let Outgoing {
            mut delivery,
            is_stored,
            ..
        } = outgoing;
        attempted(&mut delivery, attempt, self.now(), rand::random());
        self.count(&delivery, is_stored);
        if attempt.is_gone() {
            self.is_gone = true;
            self.progress.disable(Disable {
                url: self.webhook.subscription.url.clone(),
                reason: "the receiver answered 410: it wants no more deliveries",
            });
        }
        let waits = delivery.state == DeliveryState::Waiting;
        match (is_stored, waits) {
            (true, false) => self.schedule.remove_waiting(),
            (false, true) => self.schedule.add_waiting(),
            _ => {}
        }
        let next_write = self.progress.next_write();
        let behind = self.backlog.complete(&delivery, is_stored, next_write);
        if waits || is_stored {
            self.progress.touch(&delivery.subject);
        }
        self.progress.add(delivery);
        for delivery in behind {
            self.store_behind(delivery);
        }
    }

    /// Counts an attempt in the metrics and in the receiver's health.
    fn count(&mut self, delivery: &Delivery, is_retry: bool) {
        let meters = &self.parts.feed.meters;
        if delivery.state == DeliveryState::Delivered {
            meters.delivered.inc();
            if self.health.succeeded(Instant::now()) {
                self.progress.hasten();
            }
            return;
        }
        meters.failed.inc();
        self.health.failed(is_retry, Instant::now());
        self.schedule.expect_stored();
        if delivery.state == DeliveryState::Dead {
            meters.dead.inc();
            tracing::warn!(webhook = %self.webhook.id, cursor = delivery.cursor, "a delivery is dead");
        }
    }
}
