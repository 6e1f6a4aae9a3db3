//! The session of one client, as the server that holds it knows it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::channel::Pattern;
use super::delivery::Delivery;
use crate::domain::client::{Choice, ClientSession, chosen};

/// Messages of one reply at most.
const BATCH: usize = 256;
/// Bytes of one reply, roughly; a single message may be longer.
const BATCH_BYTES: usize = 1024 * 1024;
/// Bytes that wait for one client, roughly; a single message may be longer.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// A session held here.
#[derive(Debug)]
pub struct Session {
    /// Identifier.
    pub id: String,
    /// Whose it is.
    pub user: Arc<str>,
    /// Told whenever something came up that a held connect must look at.
    pub news: Notify,
    /// Taken by whoever changes the subscriptions, so that they change here in the order in which they do in the store.
    pub editing: tokio::sync::Mutex<()>,
    /// Taken by whoever reads up from the journal.
    pub reading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What changes of a session.
#[derive(Debug)]
pub struct State {
    /// What it subscribed to.
    pub patterns: Vec<Pattern>,
    /// The sign-in session in which it was opened.
    pub sign_in: String,
    /// The spellings that its client chose.
    pub choices: Vec<Choice>,
    /// Messages that have not been sent, or not been acknowledged, oldest first.
    waiting: VecDeque<Delivery>,
    /// The bytes of those.
    bytes: usize,
    /// Everything up to here has been received, as far as can be known.
    received: i64,
    /// What the store knows of that.
    kept: i64,
    /// Where the session stands in the journal while it is not live.
    pub through: i64,
    /// Whether every message is handed over as it comes up; if not, the session reads up from the journal.
    pub live: bool,
    /// Counts connects; an older one makes way for a newer one.
    pub connects: u64,
    /// Whether a connect is held.
    pub held: bool,
    /// Set when nothing more will come here.
    pub over: Option<Over>,
    seen: Instant,
    kept_at: Instant,
}

/// Why a session is over where it was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It was ended.
    Closed,
    /// Another server holds it now.
    Moved,
}

/// What a connect takes along.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Messages, oldest first.
    pub messages: Vec<Delivery>,
    /// Whoever has received this has received everything up to here.
    pub cursor: i64,
}

impl Session {
    /// A session as its row has it; it reads up from where that stands.
    pub fn new(row: &ClientSession) -> Arc<Self> {
        let cursor = row.cursor;
        Arc::new(Self {
            id: row.id.clone(),
            user: row.user.as_str().into(),
            news: Notify::new(),
            editing: tokio::sync::Mutex::new(()),
            reading: tokio::sync::Mutex::new(()),
            state: Mutex::new(State {
                patterns: patterns(row),
                sign_in: row.sign_in.clone(),
                choices: row.choices.clone(),
                waiting: VecDeque::new(),
                bytes: 0,
                received: cursor,
                kept: cursor,
                through: cursor,
                live: false,
                connects: 0,
                held: false,
                over: None,
                seen: Instant::now(),
                kept_at: Instant::now(),
            }),
        })
    }

    /// Its state.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it here.
    pub fn end(&self, why: Over) {
        self.state().over = Some(why);
        self.news.notify_waiters();
    }
}

impl State {
    /// Whether a channel was subscribed to, however often.
    pub fn wants(&self, channel: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(channel))
    }

    /// Hands a message over; false when as many wait as may.
    pub fn push(&mut self, delivery: Delivery, most: usize) -> bool {
        let message = &delivery.message;
        // a client that comes from another server may be ahead of this one
        if message.cursor <= self.received {
            return true;
        }
        if self.is_full(most) {
            return false;
        }
        self.bytes += message.data.len();
        self.waiting.push_back(delivery);
        true
    }

    /// Whether messages wait.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether as many messages wait as may, or as many bytes.
    pub fn is_full(&self, most: usize) -> bool {
        self.waiting.len() >= most || self.bytes >= QUEUE_BYTES
    }

    /// Leaves the session to read up from the journal after a cursor.
    pub fn fall_behind(&mut self, through: i64) {
        self.live = false;
        self.through = through.max(self.received);
    }

    /// Forgets what waits, which may hold what was erased: it is read from the journal again.
    pub fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
        self.live = false;
        self.through = self.received;
    }

    /// The client has received everything up to this cursor.
    pub fn acknowledge(&mut self, cursor: i64) {
        while self
            .waiting
            .front()
            .is_some_and(|one| one.message.cursor <= cursor)
        {
            if let Some(gone) = self.waiting.pop_front() {
                self.bytes -= gone.message.data.len();
            }
        }
        self.received = self.received.max(cursor);
    }

    /// The next messages to send; `position` is how far the journal was looked at. Without acknowledgements what is sent counts as received.
    pub fn batch(&mut self, position: i64, acknowledges: bool) -> Batch {
        let mut bytes = 0;
        let messages: Vec<Delivery> = self
            .waiting
            .iter()
            .take(BATCH)
            .take_while(|one| {
                let first = bytes == 0;
                bytes += one.message.data.len();
                first || bytes <= BATCH_BYTES
            })
            .cloned()
            .collect();
        let cursor = match messages.last() {
            Some(last) if messages.len() < self.waiting.len() => last.message.cursor,
            _ => position.max(self.received),
        };
        if !acknowledges {
            self.acknowledge(cursor);
        }
        Batch { messages, cursor }
    }

    /// Takes over what changed of its row: its subscriptions, its choices, and that nothing is owed
    /// from before the first subscription.
    pub fn follow(&mut self, row: &ClientSession) {
        self.patterns = patterns(row);
        for new in &row.choices {
            // rows may come out of order
            match chosen(&self.choices, &new.sign_in, &new.collection) {
                Some(known) if known.at >= new.at => {}
                _ => {
                    self.choices.retain(|known| {
                        (&known.sign_in, &known.collection) != (&new.sign_in, &new.collection)
                    });
                    self.choices.push(new.clone());
                }
            }
        }
        if row.cursor > self.received {
            self.skip(row.cursor);
        }
    }

    /// Nothing up to this cursor is owed.
    pub fn skip(&mut self, cursor: i64) {
        self.acknowledge(cursor);
        self.through = self.through.max(cursor);
    }

    /// The client was here just now.
    pub fn see(&mut self) {
        self.seen = Instant::now();
    }

    /// Whether it has been away for longer than it may.
    pub fn is_away(&self, most: Duration) -> bool {
        !self.held && self.seen.elapsed() > most
    }

    /// What the store is to be told that the client received: where it does not know, or was told long ago.
    pub fn unkept(&mut self, often: Duration) -> Option<i64> {
        if self.received == self.kept && self.kept_at.elapsed() < often {
            return None;
        }
        self.kept = self.received;
        self.kept_at = Instant::now();
        Some(self.received)
    }
}

fn patterns(row: &ClientSession) -> Vec<Pattern> {
    row.subscriptions
        .iter()
        .filter_map(|text| Pattern::parse(text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Message;

    fn session(cursor: i64) -> Arc<Session> {
        Session::new(&ClientSession {
            id: "s".to_owned(),
            tenant_id: 1,
            user: "u".to_owned(),
            subscriptions: vec!["/a".to_owned()],
            cursor,
            holder: String::new(),
            sign_in: String::new(),
            choices: Vec::new(),
        })
    }

    fn message(cursor: i64, bytes: usize) -> Delivery {
        let message = Arc::new(Message {
            cursor,
            user: None,
            is_answer: false,
            channel: "/a".to_owned(),
            twin: None,
            data: "x".repeat(bytes),
        });
        session(0).state().delivery(&message).unwrap()
    }

    fn cursors(batch: &Batch) -> Vec<i64> {
        batch
            .messages
            .iter()
            .map(|one| one.message.cursor)
            .collect()
    }

    #[test]
    fn what_was_not_acknowledged_is_sent_again_and_what_was_is_not() {
        let session = session(5);
        let mut state = session.state();
        for cursor in [7, 8, 11] {
            assert!(state.push(message(cursor, 1), 10));
        }
        let first = state.batch(12, true);
        assert_eq!((cursors(&first), first.cursor), (vec![7, 8, 11], 12));
        assert_eq!(state.batch(12, true), first);
        state.acknowledge(8);
        assert_eq!(cursors(&state.batch(13, true)), [11]);
        state.acknowledge(13);
        assert_eq!(
            state.batch(14, true),
            Batch {
                messages: Vec::new(),
                cursor: 14
            }
        );
        assert_eq!(state.unkept(Duration::from_secs(60)), Some(13));
        assert_eq!(state.unkept(Duration::from_secs(60)), None);
    }

    #[test]
    fn without_acknowledgements_what_is_sent_is_not_sent_again() {
        let session = session(0);
        let mut state = session.state();
        assert!(state.push(message(1, 1), 10));
        assert_eq!(cursors(&state.batch(1, false)), [1]);
        assert_eq!(cursors(&state.batch(1, false)), [0_i64; 0]);
    }

    #[test]
    fn as_many_bytes_wait_as_may() {
        let session = session(0);
        let mut state = session.state();
        assert!(state.push(message(1, QUEUE_BYTES), 10), "one may be longer");
        assert!(!state.push(message(2, 1), 10));
        state.acknowledge(1);
        assert!(state.push(message(2, 1), 10));
        state.forget_waiting();
        assert!(!state.has_waiting() && !state.live && state.through == 1);
    }

    #[test]
    fn a_batch_is_bounded_and_tells_how_far_it_goes() {
        let session = session(0);
        let mut state = session.state();
        for cursor in 1..=3 {
            assert!(state.push(message(cursor, BATCH_BYTES), 3));
        }
        assert!(!state.push(message(4, 1), 3), "as many wait as may");
        let batch = state.batch(9, true);
        assert_eq!((cursors(&batch), batch.cursor), (vec![1], 1));
        state.acknowledge(2);
        let rest = state.batch(9, true);
        assert_eq!((cursors(&rest), rest.cursor), (vec![3], 9));
    }
}
