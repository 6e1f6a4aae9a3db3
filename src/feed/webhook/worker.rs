//! One webhook: it reads the journal on, sends what is meant for it, in order for each subject, and keeps what failed for another time.
//!
//! A delivery that is taken at the first attempt is written once, afterwards. One that fails is written with the date of its next attempt, and all that follow about the same
//! subject are written behind it, without a date, until it is their turn. Where the worker stands in the journal is written with them: at the oldest entry about which nothing is written yet.
//! So a server that is killed repeats at most what it had not written, under the same identifiers.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{Attempt, Client, Letter};
use super::saver::Saver;
use super::{GIVE_UP_AFTER, Parts, Term};
use crate::domain::Moment;
use crate::domain::change::Change;
use crate::domain::webhook::{
    Delivery, DeliveryState, Disable, GIVE_UP, LONG_AGO, Progress, Webhook, message_id, signatures,
    subject, wait,
};
use crate::store::{ChangesQuery, StoreError};

/// Entries read at once.
const PAGE: usize = 64;
/// Between two readings of what has just come, so that a burst of commits is read at once.
const PAUSE: Duration = Duration::from_millis(5);
/// Entries looked at by one statement, whether they fit or not.
const SPAN: i64 = 20_000;
/// Requests at once.
const MOST_SENDING: usize = 16;
/// Of which so many at most are not the first of their delivery, so that those leave room for what is new.
const MOST_RETRYING: usize = 8;
/// Entries that were read, and about which nothing is written yet.
const MOST_OPEN: usize = 1000;
/// Deliveries that wait in the store; while there are more the journal is not read on, and keeps what is not yet read.
const MOST_WAITING: i64 = 100_000;
/// Due deliveries read at once; more than can be under way, so that those do not hide the others.
const DUE: i64 = 256;
/// Bytes of what was read that are held until it is sent, roughly; what is beyond is read again.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// After so many deliveries that failed at their first attempt, without a success between them, the receiver is taken for away: ...
const AWAY_AFTER: u32 = 20;
/// ... it gets one request at a time, so long after the one before, until it takes one.
const KNOCK_EVERY: Duration = Duration::from_millis(100);
/// How often all that waits is brought forward because the receiver is back: one that goes and comes all the time is asked when it is due.
const HASTEN_EVERY: Duration = Duration::from_secs(60);
/// What was read longer ago than this is read again before it is sent: it may have been erased.
const FRESH: Duration = Duration::from_secs(1);
/// Entries that are none of this webhook's business, after which its place is written all the same.
const FAR: i64 = 5000;
/// How often it is looked for deliveries that are due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often they are counted.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked while some fail all the time.
const LOOK_SOON: Duration = Duration::from_millis(100);
/// How long a stop waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How long to wait before a database that failed is asked again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why an attempt always comes back.
const ATTEMPT: &str = "an attempt neither panics nor is cut off";

/// A delivery under way.
struct Item {
    delivery: Delivery,
    /// Whether it stands in the store, and maybe others about its subject behind it.
    is_kept: bool,
    /// What it says, and when that was read.
    change: Option<(Change, Instant)>,
}

/// A subject about which something is under way.
enum Busy {
    /// The first delivery is being sent; these are behind it.
    New(VecDeque<Item>),
    /// A delivery that stood in the store is being sent; whatever comes after is kept there, too.
    Kept,
    /// What stands about it in the store is being written; no more is known until that was done, this one included.
    Until(u64),
}

/// What a worker waited for.
enum News {
    /// An attempt ended.
    Answer(Box<Item>, Attempt),
    /// What was to be written was, or will never be.
    Saved(bool),
    /// Something may be due, or in the journal.
    Time,
    /// The server ended.
    Over,
}

/// What is sent to one webhook.
pub struct Worker {
    parts: Parts,
    saver: Saver,
    client: Arc<Client>,
    webhook: Webhook,
    term: watch::Receiver<Term>,
    stop: CancellationToken,
    head: watch::Receiver<i64>,
    query: ChangesQuery,
    /// Entries after the webhook's place in the journal about which something is written already.
    known: BTreeSet<i64>,
    /// Entries about which nothing is written yet.
    open: BTreeSet<i64>,
    busy: HashMap<String, Busy>,
    /// New deliveries that may go out, and those that stood in the store.
    ready: VecDeque<Item>,
    again: VecDeque<Item>,
    /// Bytes of what was read and not sent yet.
    held: usize,
    /// First attempts that failed since the last success.
    failures: u32,
    /// When the last attempt failed, and whether a new delivery is to be attempted next.
    knocked: (Instant, bool),
    /// When all that waits was last brought forward.
    hastened: Option<Instant>,
    /// When the journal was last read.
    read: Option<Instant>,
    sending: JoinSet<(Item, Attempt)>,
    /// What is to be written next, and the number of that writing.
    unsaved: Progress,
    number: u64,
    saving: Option<oneshot::Receiver<()>>,
    /// Whether the receiver wants nothing more.
    is_gone: bool,
    /// Deliveries under way that stand in the store.
    retrying: usize,
    /// Deliveries that wait, those that are not written yet included; the gauge was told of as many.
    waiting: i64,
    /// Whether some may wait in the store.
    may_wait: bool,
    /// When the next of those is due, as far as is known.
    next: Option<Moment>,
    /// When that was last looked for, and when they were last counted.
    looked: Option<Instant>,
    counted: Option<Instant>,
    /// Whether what was written last may have changed that.
    look: bool,
}

impl Worker {
    /// A worker that goes on where the webhook stands.
    pub fn new(
        parts: Parts,
        saver: Saver,
        client: Arc<Client>,
        webhook: Webhook,
        term: watch::Receiver<Term>,
        stop: CancellationToken,
    ) -> Self {
        let query = ChangesQuery {
            after: webhook.cursor,
            limit: PAGE,
            kinds: webhook.subscription.all_kinds(),
            media_type: webhook.subscription.media_type.clone(),
            span: Some(SPAN),
            ..ChangesQuery::default()
        };
        Self {
            head: parts.feed.listen(),
            parts,
            saver,
            client,
            webhook,
            term,
            stop,
            query,
            known: BTreeSet::new(),
            open: BTreeSet::new(),
            busy: HashMap::new(),
            ready: VecDeque::new(),
            again: VecDeque::new(),
            held: 0,
            failures: 0,
            knocked: (Instant::now(), true),
            hastened: None,
            read: None,
            sending: JoinSet::new(),
            unsaved: Progress::default(),
            number: 0,
            saving: None,
            is_gone: false,
            waiting: 0,
            retrying: 0,
            may_wait: true,
            next: None,
            looked: None,
            counted: None,
            look: true,
        }
    }

    /// Sends until it is told to stop, the webhook is gone, or this server no longer sends.
    pub async fn run(mut self) {
        loop {
            match self.begin().await {
                Ok(()) => break,
                Err(error) => {
                    if self.failed(&error).await {
                        return;
                    }
                }
            }
        }
        while !self.stop.is_cancelled() {
            match self.step().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    if self.failed(&error).await {
                        break;
                    }
                }
            }
        }
        self.end().await;
    }

    /// Waits for the database, as its clients would; true where it is time to stop.
    async fn failed(&self, error: &StoreError) -> bool {
        tracing::warn!(%error, webhook = %self.webhook.id, "a webhook could not go on");
        tokio::select! {
            () = tokio::time::sleep(PATIENCE) => false,
            () = self.stop.cancelled() => true,
        }
    }

    async fn begin(&mut self) -> Result<(), StoreError> {
        let (reads, id) = (&self.parts.reads, &self.webhook.id);
        let known = reads.known_deliveries(id, self.webhook.cursor).await?;
        self.known = known.into_iter().collect();
        self.look_up().await
    }

    /// One round; false when nothing more is to be sent.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let more = self.has_room() && self.read().await?;
        if !self.is_gone {
            self.take_due().await?;
            self.send().await?;
        }
        self.save(FAR).await;
        if self.is_gone && self.sending.is_empty() && self.saving.is_none() {
            // whoever enables the webhook again gets another worker
            return Ok(false);
        }
        // where there is more to read, only what has come in already is looked at
        let pause = if more { Duration::ZERO } else { self.pause() };
        match self.news(pause).await {
            News::Answer(item, attempt) => self.finished(*item, &attempt),
            News::Saved(true) => {
                self.saving = None;
                self.was_saved().await?;
            }
            News::Saved(false) | News::Over => return Ok(false),
            News::Time => {}
        }
        // what else came in is looked at without waiting for it
        while let Some(joined) = self.sending.try_join_next() {
            let (item, attempt) = joined.expect(ATTEMPT);
            self.finished(item, &attempt);
        }
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            self.look_up().await?;
        }
        Ok(true)
    }

    /// Waits for something to do.
    async fn news(&mut self, pause: Duration) -> News {
        let (has_room, after) = (self.has_room(), self.query.after);
        let rest = self.rest();
        let (listens, pause) = match rest {
            Some(rest) => (false, pause.min(rest)),
            None => (has_room, pause),
        };
        tokio::select! {
            biased;
            saved = answered(&mut self.saving) => News::Saved(saved),
            Some(joined) = self.sending.join_next() => {
                let (item, attempt) = joined.expect(ATTEMPT);
                News::Answer(Box::new(item), attempt)
            }
            newer = self.head.wait_for(|head| *head > after), if listens => match newer {
                Ok(_) => News::Time,
                Err(_) => News::Over,
            },
            () = tokio::time::sleep(pause) => News::Time,
            () = self.stop.cancelled() => News::Time,
        }
    }

    /// How long the journal is not to be read again; `None` when it may be.
    fn rest(&self) -> Option<Duration> {
        let rest = PAUSE.saturating_sub(self.read?.elapsed());
        (!rest.is_zero()).then_some(rest)
    }

    fn now(&self) -> Moment {
        self.parts.clock.now()
    }

    /// Whether the journal may be read on.
    fn has_room(&self) -> bool {
        self.open.len() < MOST_OPEN && self.waiting < MOST_WAITING && !self.is_gone
    }

    /// Whether the receiver is taken for away.
    fn is_away(&self) -> bool {
        self.failures >= AWAY_AFTER
    }

    /// Whether this server sends, as far as others can know.
    fn is_alive(&self) -> bool {
        let is_recent = |term: tokio::time::Instant| term.elapsed() <= GIVE_UP_AFTER;
        !self.parts.shared || self.term.borrow().is_some_and(is_recent)
    }

    /// How many more requests may be under way.
    fn free(&self) -> usize {
        if !self.is_alive() {
            return 0;
        }
        if !self.is_away() {
            return MOST_SENDING.saturating_sub(self.sending.len());
        }
        usize::from(self.sending.is_empty() && self.knocked.0.elapsed() >= KNOCK_EVERY)
    }

    /// Whether more that stood in the store can be under way.
    fn may_retry(&self) -> bool {
        self.retrying < if self.is_away() { 1 } else { MOST_RETRYING }
    }

    /// How long nothing is to be done by the clock.
    fn pause(&self) -> Duration {
        if self.is_away() {
            let left = KNOCK_EVERY.saturating_sub(self.knocked.0.elapsed());
            // a request that is under way tells by itself when it is over
            return if self.sending.is_empty() && !left.is_zero() {
                left
            } else {
                LOOK_EVERY
            };
        }
        let Some(next) = self.next.filter(|_| self.may_retry() && !self.is_gone) else {
            return LOOK_EVERY;
        };
        let micros = next.micros().saturating_sub(self.now().micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).min(LOOK_EVERY)
    }

    /// Reads the journal on; true where there is more.
    async fn read(&mut self) -> Result<bool, StoreError> {
        let has_news = *self.head.borrow() > self.query.after;
        let looks = self.read.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if self.rest().is_some() || !(has_news || looks) {
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
        new.retain(|change| !self.known.contains(&change.cursor));
        let mut blocked = HashSet::new();
        if self.may_wait && !new.is_empty() {
            let subjects: BTreeSet<String> = new.iter().map(subject).collect();
            let found = reads.blocked(&self.webhook.id, subjects.into_iter().collect());
            blocked.extend(found.await?);
        }
        self.query.after = page.next;
        self.known = self.known.split_off(&(page.next + 1));
        let now = self.now();
        for change in new {
            self.open.insert(change.cursor);
            let delivery = Delivery {
                cursor: change.cursor,
                kind: change.kind.clone(),
                subject: subject(&change),
                state: DeliveryState::Waiting,
                attempts: 0,
                queued_date: now,
                attempt_date: None,
                next_date: None,
                status: None,
                error: None,
            };
            let item = Item {
                delivery,
                is_kept: false,
                change: self.hold(change, began),
            };
            let is_blocked = blocked.contains(&item.delivery.subject);
            self.take(item, is_blocked);
        }
        let more = page.next < page.head;
        self.read = (!more).then(Instant::now);
        Ok(more && self.has_room())
    }

    /// Holds what was read until it is sent, as far as there is room for it.
    fn hold(&mut self, change: Change, read: Instant) -> Option<(Change, Instant)> {
        let bytes = change.delta.len();
        if self.held + bytes > MOST_BYTES {
            return None;
        }
        self.held += bytes;
        Some((change, read))
    }

    /// Takes what was held of a delivery.
    fn release(&mut self, item: &mut Item) -> Option<Change> {
        let (change, _) = item.change.take()?;
        self.held -= change.delta.len();
        Some(change)
    }

    /// Takes a new delivery: it goes out, or waits for what is before it.
    fn take(&mut self, item: Item, is_blocked: bool) {
        let number = self.number;
        match self.busy.get_mut(&item.delivery.subject) {
            Some(Busy::New(behind)) => behind.push_back(item),
            Some(Busy::Kept) => self.keep(item),
            Some(Busy::Until(last)) => {
                *last = number;
                self.keep(item);
            }
            None if is_blocked => self.keep(item),
            None => {
                let subject = item.delivery.subject.clone();
                self.busy.insert(subject, Busy::New(VecDeque::new()));
                self.ready.push_back(item);
            }
        }
    }

    /// Keeps a delivery in the store, behind others about its subject.
    fn keep(&mut self, mut item: Item) {
        self.release(&mut item);
        self.may_wait = true;
        self.waiting += 1;
        self.parts.feed.meters.waiting.inc();
        self.unsaved.subjects.push(item.delivery.subject.clone());
        self.unsaved.deliveries.push(item.delivery);
    }

    /// Takes up deliveries from the store whose time has come.
    async fn take_due(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        if !self.may_retry() || self.next.is_none_or(|next| next > now) {
            return Ok(());
        }
        let reads = Arc::clone(&self.parts.reads);
        let due = reads.due_deliveries(&self.webhook.id, now, DUE).await?;
        let (before, mut left) = (
            self.retrying,
            i64::try_from(due.len()).is_ok_and(|many| many >= DUE),
        );
        for delivery in due {
            if self.busy.contains_key(&delivery.subject) {
                continue;
            }
            if !self.may_retry() {
                left = true;
                break;
            }
            self.retrying += 1;
            self.busy.insert(delivery.subject.clone(), Busy::Kept);
            self.again.push_back(Item {
                delivery,
                is_kept: true,
                change: None,
            });
        }
        // what is under way, or about to be written, still stands there as due: where nothing else was found there is no haste
        let haste = if self.retrying > before {
            0
        } else {
            LOOK_SOON.as_micros()
        };
        self.next = left.then(|| now.plus_micros(i64::try_from(haste).unwrap_or(0)));
        Ok(())
    }

    /// Sends what is ready, as far as may be.
    async fn send(&mut self) -> Result<(), StoreError> {
        let mut next: Vec<Item> = Vec::new();
        for _ in 0..self.free() {
            let Some(item) = self.pick() else { break };
            next.push(item);
        }
        let is_fresh =
            |item: &Item| matches!(&item.change, Some((_, read)) if read.elapsed() < FRESH);
        let old: Vec<i64> = next
            .iter()
            .filter(|item| !is_fresh(item))
            .map(|item| item.delivery.cursor)
            .collect();
        let mut found: HashMap<i64, Change> = HashMap::new();
        if !old.is_empty() {
            let tenant = self.webhook.tenant_id;
            match self.parts.reads.changes_at(tenant, &old).await {
                Ok(all) if self.is_alive() => {
                    found.extend(all.into_iter().map(|change| (change.cursor, change)));
                }
                late => {
                    next.into_iter().rev().for_each(|item| self.put_back(item));
                    return late.map(drop);
                }
            }
        }
        for mut item in next {
            let cursor = item.delivery.cursor;
            let held = self.release(&mut item);
            let change = if old.contains(&cursor) {
                found.remove(&cursor)
            } else {
                held
            };
            let Some(change) = change else {
                self.finished(item, &Attempt::failed("the journal does not hold it"));
                continue;
            };
            let letter = self.letter(&change);
            let client = Arc::clone(&self.client);
            let url = self.webhook.subscription.url.clone();
            self.sending.spawn(async move {
                let attempt = client.send(&url, &letter).await;
                (item, attempt)
            });
        }
        Ok(())
    }

    /// The delivery that goes out next: one that failed before, unless the receiver is away; then, in turns, also a new one, which may be to its liking.
    fn pick(&mut self) -> Option<Item> {
        let prefers_new = self.is_away() && self.knocked.1;
        self.knocked.1 = !self.knocked.1;
        if prefers_new {
            self.ready.pop_front().or_else(|| self.again.pop_front())
        } else {
            self.again.pop_front().or_else(|| self.ready.pop_front())
        }
    }

    fn put_back(&mut self, item: Item) {
        if item.is_kept {
            self.again.push_front(item);
        } else {
            self.ready.push_front(item);
        }
    }

    fn letter(&self, change: &Change) -> Letter {
        let id = message_id(&self.webhook.id, change.cursor);
        let at = self.now();
        let body = format!(
            "{{\"type\":\"{}\",\"timestamp\":\"{}\",\"data\":{}}}",
            change.kind,
            change.at,
            (self.parts.render)(change)
        );
        Letter {
            signature: signatures(&self.webhook.secrets, &id, at, &body),
            timestamp: at.micros().div_euclid(1_000_000),
            id,
            body,
        }
    }

    /// Notes how an attempt ended, and what follows from it for all that is about the same subject.
    fn finished(&mut self, item: Item, attempt: &Attempt) {
        let Item {
            mut delivery,
            is_kept,
            ..
        } = item;
        let (now, meters) = (self.now(), &self.parts.feed.meters);
        self.retrying -= usize::from(is_kept);
        let last = delivery.attempt_date.unwrap_or(delivery.queued_date);
        delivery.attempts += 1;
        delivery.attempt_date = Some(now);
        delivery.next_date = None;
        delivery.status = attempt.status.map(i64::from);
        delivery.error.clone_from(&attempt.error);
        delivery.state = if attempt.error.is_none() {
            // what waits for its turn need not wait until then when the receiver is back
            if self.failures >= AWAY_AFTER
                && self.hastened.is_none_or(|at| at.elapsed() >= HASTEN_EVERY)
            {
                self.unsaved.hasten = true;
                self.hastened = Some(Instant::now());
            }
            self.failures = 0;
            meters.delivered.inc();
            DeliveryState::Delivered
        } else {
            self.failures = self.failures.saturating_add(u32::from(!is_kept));
            self.knocked.0 = Instant::now();
            self.may_wait = true;
            meters.failed.inc();
            let next = now.plus_micros(next_wait(delivery.attempts, attempt));
            let is_old = next.micros() - delivery.queued_date.micros() > GIVE_UP;
            if is_old && now.micros() - last.micros() < LONG_AGO {
                meters.dead.inc();
                tracing::warn!(webhook = %self.webhook.id, cursor = delivery.cursor, "a delivery was given up");
                DeliveryState::Dead
            } else {
                delivery.next_date = Some(next);
                DeliveryState::Waiting
            }
        };
        if attempt.is_gone() {
            self.is_gone = true;
            self.unsaved.disable = Some(Disable {
                url: self.webhook.subscription.url.clone(),
                reason: "the receiver answered 410: it wants nothing more",
            });
        }
        let waits = delivery.state == DeliveryState::Waiting;
        match (is_kept, waits) {
            (true, false) => {
                self.waiting -= 1;
                self.parts.feed.meters.waiting.dec();
            }
            (false, true) => {
                self.waiting += 1;
                self.parts.feed.meters.waiting.inc();
            }
            _ => {}
        }
        let subject = delivery.subject.clone();
        self.unsaved.deliveries.push(delivery);
        let behind = match self.busy.remove(&subject) {
            Some(Busy::New(behind)) => behind,
            _ => VecDeque::new(),
        };
        if waits || is_kept {
            self.unsaved.subjects.push(subject.clone());
            for item in behind {
                self.keep(item);
            }
            self.busy.insert(subject, Busy::Until(self.number));
        } else {
            let mut behind = behind;
            if let Some(next) = behind.pop_front() {
                self.ready.push_back(next);
                self.busy.insert(subject, Busy::New(behind));
            }
        }
    }

    /// Hands what is to be written to the saver, unless the writing before is still under way. That so many entries or more are none of this webhook's business is worth a writing, too.
    async fn save(&mut self, least: i64) {
        if self.saving.is_some() {
            return;
        }
        for delivery in &self.unsaved.deliveries {
            self.open.remove(&delivery.cursor);
        }
        let place = self
            .open
            .first()
            .map_or(self.query.after, |oldest| oldest - 1);
        if self.unsaved.deliveries.is_empty() && place - self.webhook.cursor < least {
            return;
        }
        self.webhook.cursor = place;
        let mut progress = std::mem::take(&mut self.unsaved);
        progress.webhook_id.clone_from(&self.webhook.id);
        progress.cursor = place;
        progress.subjects.sort_unstable();
        progress.subjects.dedup();
        self.look |= progress.hasten || !progress.subjects.is_empty();
        self.number += 1;
        self.saving = Some(self.saver.save(progress).await);
    }

    /// What was written is known again.
    async fn was_saved(&mut self) -> Result<(), StoreError> {
        let number = self.number;
        self.busy
            .retain(|_, busy| !matches!(busy, Busy::Until(last) if *last < number));
        if !self.look {
            return Ok(());
        }
        if self.looked.is_none_or(|at| at.elapsed() >= LOOK_SOON) {
            return self.look_up().await;
        }
        // a turn may have come all the same, and to look for that alone costs little
        self.next = Some(self.now());
        Ok(())
    }

    /// Looks for what waits in the store.
    async fn look_up(&mut self) -> Result<(), StoreError> {
        // what is not written yet is counted here alone
        let is_settled = self.saving.is_none() && self.unsaved.deliveries.is_empty();
        let is_old = self.counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
        let reads = Arc::clone(&self.parts.reads);
        let outlook = reads
            .outlook(&self.webhook.id, is_settled && is_old)
            .await?;
        let now = Instant::now();
        self.looked = Some(now);
        self.look = false;
        self.next = outlook.next;
        // the oldest of what waits has a date
        self.may_wait = outlook.next.is_some() || !is_settled;
        if let Some(waiting) = outlook.waiting {
            let meter = &self.parts.feed.meters.waiting;
            meter.inc_by(waiting - self.waiting);
            self.waiting = waiting;
            self.counted = Some(now);
        }
        Ok(())
    }

    /// Waits a moment for the last answers, and until all is written.
    async fn end(&mut self) {
        let answers = async {
            while let Some(joined) = self.sending.join_next().await {
                let (item, attempt) = joined.expect(ATTEMPT);
                self.finished(item, &attempt);
            }
        };
        let _ = tokio::time::timeout(LAST_ANSWERS, answers).await;
        loop {
            if let Some(saving) = self.saving.take()
                && saving.await.is_err()
            {
                return;
            }
            // an entry behind what was dropped is read again
            self.save(1).await;
            if self.saving.is_none() {
                return;
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.parts.feed.meters.waiting.dec_by(self.waiting);
    }
}

/// How long to wait after an attempt that failed: as long as the receiver asked for, where that is longer.
fn next_wait(attempts: i64, attempt: &Attempt) -> i64 {
    let asked = attempt.retry_after.map_or(0, |asked| {
        i64::try_from(asked.as_micros()).unwrap_or(i64::MAX)
    });
    let most = wait(i64::MAX, 0.5);
    wait(attempts, rand::random()).max(asked.min(most))
}

/// Whether what was handed to the saver was written; it is asked only while something is.
async fn answered(saving: &mut Option<oneshot::Receiver<()>>) -> bool {
    match saving {
        Some(answer) => answer.await.is_ok(),
        None => std::future::pending().await,
    }
}
