//! The session of one client on the server that holds it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::channel::Pattern;
use super::delivery::Delivery;
use crate::domain::client::{Choice, ClientSession, chosen};

/// The largest number of messages of a reply.
const BATCH: usize = 256;
/// Rough limit on the bytes of a reply; a single message may be longer.
const BATCH_BYTES: usize = 1024 * 1024;
/// Rough limit on the bytes queued for a client; a single message may be longer.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// A session on this server.
#[derive(Debug)]
pub struct Session {
    /// Identifier.
    pub id: String,
    /// The user.
    pub user: Arc<str>,
    /// Notified whenever a held connect has something to look at.
    pub news: Notify,
    /// Held while subscriptions change, so that they change here in the same order as in the store.
    pub editing: tokio::sync::Mutex<()>,
    /// Held while the session catches up from the journal.
    pub reading: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// The mutable state of a session.
#[derive(Debug)]
pub struct State {
    /// The subscriptions.
    pub patterns: Vec<Pattern>,
    /// The sign-in session in which it was opened.
    pub sign_in: String,
    /// The spellings that its client chose.
    pub choices: Vec<Choice>,
    /// Messages not sent or not acknowledged yet, oldest first.
    waiting: VecDeque<Delivery>,
    /// The bytes of these messages.
    bytes: usize,
    /// The client has received everything up to here, as far as is known.
    received: i64,
    /// The part of that which is stored.
    kept: i64,
    /// The session's position in the journal while it is not live.
    pub through: i64,
    /// Whether it receives every message as it is made; if not, the session catches up from the
    /// journal.
    pub live: bool,
    /// Counts connects; a newer one replaces an older one.
    pub connects: u64,
    /// Whether a connect is held.
    pub held: bool,
    /// Set when nothing more will be delivered here.
    pub over: Option<Over>,
    seen: Instant,
    kept_at: Instant,
}

/// Why a session is over on the server that held it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// It was ended.
    Closed,
    /// Another server holds it now.
    Moved,
}

/// The content of a reply to a connect.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Messages, oldest first.
    pub messages: Vec<Delivery>,
    /// A client that has received this batch has received everything up to this cursor.
    pub cursor: i64,
}

impl Session {
    /// A session from its row; it catches up from the row's cursor.
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

    /// Ends the session on this server.
    pub fn end(&self, why: Over) {
        self.state().over = Some(why);
        self.news.notify_waiters();
    }
}

impl State {
    /// Whether any subscription matches a channel.
    pub fn wants(&self, channel: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(channel))
    }

    /// Queues a message; false if the queue is full.
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

    /// Whether messages are queued.
    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the queue has reached its limit of messages or bytes.
    pub fn is_full(&self, most: usize) -> bool {
        self.waiting.len() >= most || self.bytes >= QUEUE_BYTES
    }

    /// Takes the session off the live stream; it catches up from the journal after a cursor.
    pub fn fall_behind(&mut self, through: i64) {
        self.live = false;
        self.through = through.max(self.received);
    }

    /// Clears the queue, which may hold erased content; the messages are read from the journal
    /// again.
    pub fn forget_waiting(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
        self.live = false;
        self.through = self.received;
    }

    /// Notes that the client has received everything up to this cursor.
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

    /// The next messages to send; `position` is the cursor up to which the journal was read.
    /// Without acknowledgements, sent messages count as received.
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

    /// Applies what changed in its row: its subscriptions, its choices, and that nothing before the
    /// first subscription is due.
    pub fn follow(&mut self, row: &ClientSession) {
        self.patterns = patterns(row);
        for new in &row.choices {
            // rows may arrive out of order
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

    /// Notes that nothing up to this cursor is due.
    pub fn skip(&mut self, cursor: i64) {
        self.acknowledge(cursor);
        self.through = self.through.max(cursor);
    }

    /// Notes that the client is present.
    pub fn see(&mut self) {
        self.seen = Instant::now();
    }

    /// Whether the client has been absent for longer than allowed.
    pub fn is_away(&self, most: Duration) -> bool {
        !self.held && self.seen.elapsed() > most
    }

    /// The received cursor to be stored: if the store lacks it, or was last told long ago.
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
