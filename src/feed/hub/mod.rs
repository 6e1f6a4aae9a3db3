//! Clients that listen: their sessions, and the delivery of what they are owed.
//!
//! One reader of the journal a server ([`Hub::run`]) makes the messages of each change once and hands them to the sessions that they are owed to: work grows with what is owed,
//! not with sessions times changes. A session that is behind, because it was held by another server, or because its client is slower than the news and as
//! many messages wait as may, is not live: it reads up from the journal by itself when its client comes, so that nothing is lost and little memory is held.
//!
//! A session is a row of the store, with what its client has surely received; so it lives through a restart, and any server can take it over.

mod channel;
mod session;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngCore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use channel::Pattern;
pub use session::{Batch, Delivery, Over, Session};

use super::{Feed, Message, Translate};
use crate::domain::change::{Change, Kind};
use crate::domain::client::{Answer, ClientSession, SessionEdit};
use crate::domain::command::{Command, Outcome, Submission};
use crate::domain::{Clock, Refusal};
use crate::store::{ChangesQuery, Reads, StoreError, Writer};

/// Entries read at once.
const PAGE: usize = 256;
/// Of which so many are made messages together; no more are when those have as many bytes as may be.
const CHUNK: usize = 32;
/// Bytes of the messages of one stretch of the journal, roughly.
const STRETCH_BYTES: usize = 8 * 1024 * 1024;
/// Between a message and the reply that takes it along, so that those that follow close come with it.
const GATHER: Duration = Duration::from_millis(20);
/// How often what sessions received is noted in the store.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// How often a session that receives nothing is noted as seen.
const SEEN_EVERY: Duration = Duration::from_secs(10);
/// How often sessions that nobody holds any more are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(30);
/// How long to wait before a database that failed is asked again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Sessions held by one server at most, and of those one user's.
const MOST_SESSIONS: (usize, usize) = (20_000, 10_000);
/// Subscriptions of one session at most.
const MOST_SUBSCRIPTIONS: usize = 100;
/// How sessions are kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a connect is held.
    pub timeout: Duration,
    /// How long a client may be away.
    pub max_interval: Duration,
    /// Messages that wait in memory for one client.
    pub queue: usize,
    /// Entries of the journal that a session may be behind; reading them up would never end.
    pub behind: i64,
}

/// What a hub works with.
pub struct Parts {
    /// The one door in.
    pub writer: Writer,
    /// Every read.
    pub reads: Arc<dyn Reads>,
    /// The newest cursor of the journal.
    pub feed: Feed,
    /// Makes the messages.
    pub translate: Arc<dyn Translate>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The tenant whose changes are told.
    pub tenant: i64,
    /// The user who is owed everything, where nobody has to sign in.
    pub anybody: &'static str,
    /// The channels there are.
    pub channels: &'static [&'static str],
    /// Bounds.
    pub limits: Limits,
    /// Whether other servers may work on the same database.
    pub shared: bool,
    /// Says when the server is going down.
    pub stopping: CancellationToken,
}

/// Why a client does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// There is no such session, or it is another user's.
    #[error("the session is not known")]
    Unknown,
    /// The session is so far behind that it was ended.
    #[error("the session was too far behind")]
    Overflow,
    /// As many sessions as there may be now.
    #[error("as many clients listen as may")]
    Full,
    /// As many subscriptions as a client may have.
    #[error("as many subscriptions as a client may have")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a connect ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this to take along, be it nothing.
    With(Batch),
    /// A newer one took its place.
    Superseded,
    /// The session ended meanwhile.
    Gone,
}

/// A connect.
#[derive(Clone, Copy, Debug)]
pub struct Connect {
    /// What the client acknowledges; `None` where it does not.
    pub acknowledged: Option<i64>,
    /// How long it may be held.
    pub hold: Duration,
}

/// Where clients listen. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// This server, among those on one database.
    holder: String,
    held: Mutex<Held>,
    /// Says when the journal's position is known.
    ready: watch::Sender<bool>,
}

/// The sessions held here.
#[derive(Default)]
struct Held {
    /// How far the journal was looked at.
    tail: i64,
    sessions: HashMap<String, Arc<Session>>,
    by_user: HashMap<Arc<str>, Vec<Arc<Session>>>,
}

impl Held {
    fn add(&mut self, session: &Arc<Session>) {
        self.sessions
            .insert(session.id.clone(), Arc::clone(session));
        self.by_user
            .entry(Arc::clone(&session.user))
            .or_default()
            .push(Arc::clone(session));
    }

    fn remove(&mut self, id: &str) -> Option<Arc<Session>> {
        let session = self.sessions.remove(id)?;
        if let Some(all) = self.by_user.get_mut(&session.user) {
            all.retain(|other| other.id != id);
            if all.is_empty() {
                self.by_user.remove(&session.user);
            }
        }
        Some(session)
    }
}

/// Marks a connect as held until it ends, also when its client goes away in the midst of it.
struct Holding<'s>(&'s Session, u64);

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.connects == self.1 {
            state.held = false;
            state.see();
        }
    }
}

impl Hub {
    /// A hub that knows no session yet.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            holder: random_id(),
            held: Mutex::default(),
            ready: watch::Sender::new(false),
        }))
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How sessions are kept.
    pub fn limits(&self) -> Limits {
        self.parts().limits
    }

    /// Whether the server is going down.
    pub fn is_stopping(&self) -> bool {
        self.parts().stopping.is_cancelled()
    }

    /// Whether any channel that there is can be meant by a pattern.
    pub fn has_channel(&self, pattern: &Pattern) -> bool {
        self.parts()
            .channels
            .iter()
            .any(|channel| pattern.matches(channel))
    }

    async fn submit(&self, command: Command) -> Result<Outcome, StoreError> {
        let submission = Submission {
            tenant: self.parts().tenant,
            actor: "notifications".into(),
            at: None,
            repeatable: None,
            command,
        };
        self.parts().writer.submit(submission).await
    }

    /// Opens a session of a user, in a sign-in session if there is one. It is told of what happens
    /// from now on.
    ///
    /// # Errors
    /// [`Denied::Full`], or [`Denied::Store`].
    pub async fn open(&self, user: &str, sign_in: &str) -> Result<Arc<Session>, Denied> {
        self.until_ready().await?;
        {
            let held = self.held();
            let of_user = held.by_user.get(user).map_or(0, Vec::len);
            if held.sessions.len() >= MOST_SESSIONS.0 || of_user >= MOST_SESSIONS.1 {
                return Err(Denied::Full);
            }
        }
        let cursor = self.parts().reads.head().await?;
        let row = ClientSession {
            id: random_id(),
            tenant_id: self.parts().tenant,
            user: user.to_owned(),
            subscriptions: Vec::new(),
            cursor,
            holder: self.0.holder.clone(),
            sign_in: sign_in.to_owned(),
            choices: Vec::new(),
        };
        let row = self.changed(Command::OpenSession(Box::new(row))).await?;
        let session = Session::new(&row);
        self.add(&mut self.held(), &session);
        Ok(session)
    }

    /// Waits until the journal's position is known: before, nobody knows what a session has missed.
    async fn until_ready(&self) -> Result<(), Denied> {
        let mut ready = self.0.ready.subscribe();
        tokio::select! {
            known = ready.wait_for(|ready| *ready) => match known {
                Ok(_) => Ok(()),
                Err(_) => Err(StoreError::Closed.into()),
            },
            () = self.parts().stopping.cancelled() => Err(StoreError::Closed.into()),
        }
    }

    /// The row of a session that is not held here.
    async fn row(&self, user: &str, id: &str) -> Result<ClientSession, Denied> {
        let row = self.parts().reads.client_session(id).await?;
        row.filter(|row| {
            row.tenant_id == self.parts().tenant && row.user == user && !row.holder.is_empty()
        })
        .ok_or(Denied::Unknown)
    }

    /// A user's session if it is held here.
    fn here(&self, user: &str, id: &str) -> Result<Option<Arc<Session>>, Denied> {
        match self.held().sessions.get(id) {
            Some(session) if *session.user == *user => Ok(Some(Arc::clone(session))),
            Some(_) => Err(Denied::Unknown),
            None => Ok(None),
        }
    }

    /// A user's session, taken over where another server held it.
    async fn take(&self, user: &str, id: &str) -> Result<Arc<Session>, Denied> {
        self.until_ready().await?;
        if let Some(session) = self.here(user, id)?
            && !self.parts().shared
        {
            return Ok(session);
        }
        let row = self.row(user, id).await?;
        if row.holder != self.0.holder {
            // what is known of it here is of a time before it moved
            self.drop_session(id, Over::Moved);
        } else if let Some(session) = self.here(user, id)? {
            return Ok(session);
        }
        let row = self
            .edit(SessionEdit {
                id: id.to_owned(),
                holder: Some(self.0.holder.clone()),
                ..SessionEdit::default()
            })
            .await?;
        let session = Session::new(&row);
        let mut held = self.held();
        // two of its requests may have come at once
        if let Some(there) = held.sessions.get(id) {
            return Ok(Arc::clone(there));
        }
        self.add(&mut held, &session);
        Ok(session)
    }

    fn add(&self, held: &mut Held, session: &Arc<Session>) {
        held.add(session);
        self.parts().feed.meters.sessions.inc();
    }

    async fn edit(&self, edit: SessionEdit) -> Result<Arc<ClientSession>, Denied> {
        self.changed(Command::EditSession(edit)).await
    }

    /// Changes a session in the store, and returns its row.
    async fn changed(&self, command: Command) -> Result<Arc<ClientSession>, Denied> {
        match self.submit(command).await {
            Ok(Outcome::Session(row)) => Ok(row),
            Ok(_) => Err(StoreError::Closed.into()),
            Err(StoreError::Refused(Refusal::NotFound(..))) => Err(Denied::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds and takes away subscriptions; they hold as soon as this returns, whichever server holds the session.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn subscribe(
        &self,
        user: &str,
        id: &str,
        add: &[Pattern],
        remove: &[Pattern],
    ) -> Result<(), Denied> {
        let texts = |all: &[Pattern]| all.iter().map(|one| one.as_str().to_owned()).collect();
        let edit = SessionEdit {
            id: id.to_owned(),
            add: texts(add),
            remove: texts(remove),
            holder: None,
        };
        let Some(session) = self.here(user, id)? else {
            let row = self.row(user, id).await?;
            if row.subscriptions.len() + add.len() > MOST_SUBSCRIPTIONS {
                return Err(Denied::TooMany);
            }
            self.edit(edit).await?;
            return Ok(());
        };
        let _turn = session.editing.lock().await;
        if session.state().patterns.len() + add.len() > MOST_SUBSCRIPTIONS {
            return Err(Denied::TooMany);
        }
        let row = self.edit(edit).await?;
        session.state().follow(&row);
        Ok(())
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn close(&self, user: &str, id: &str) -> Result<(), Denied> {
        if self.here(user, id)?.is_none() {
            self.row(user, id).await?;
        }
        self.end(id).await
    }

    async fn end(&self, id: &str) -> Result<(), Denied> {
        self.edit(SessionEdit {
            id: id.to_owned(),
            holder: Some(String::new()),
            ..SessionEdit::default()
        })
        .await?;
        self.drop_session(id, Over::Closed);
        Ok(())
    }

    fn drop_session(&self, id: &str, why: Over) {
        let gone = self.held().remove(id);
        if let Some(session) = gone {
            self.parts().feed.meters.sessions.dec();
            session.end(why);
        }
    }

    /// Waits for what a client is owed.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn connect(&self, user: &str, id: &str, connect: Connect) -> Result<Ended, Denied> {
        let session = self.take(user, id).await?;
        let acknowledged = match connect.acknowledged {
            Some(cursor) => Some(self.believable(cursor).await?),
            None => None,
        };
        let mine = {
            let mut state = session.state();
            state.connects += 1;
            state.held = true;
            state.see();
            if let Some(cursor) = acknowledged {
                state.skip(cursor);
            }
            state.connects
        };
        let _holding = Holding(&session, mine);
        session.news.notify_waiters();
        let deadline = tokio::time::Instant::now() + connect.hold;
        loop {
            self.read_up(&session).await?;
            let notified = session.news.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            {
                let held = self.held();
                let mut state = session.state();
                if state.connects != mine {
                    return Ok(Ended::Superseded);
                }
                match state.over {
                    Some(Over::Closed) => return Ok(Ended::Gone),
                    // the client was at another server after it came here
                    Some(Over::Moved) => return Ok(Ended::Superseded),
                    None => {}
                }
                let over = connect.hold.is_zero()
                    || tokio::time::Instant::now() >= deadline
                    || self.is_stopping();
                if over || state.has_waiting() {
                    let position = if state.live { held.tail } else { state.through };
                    let batch = state.batch(position, acknowledged.is_some());
                    let sent = batch.messages.len() as u64;
                    self.parts().feed.meters.sent.inc_by(sent);
                    return Ok(Ended::With(batch));
                }
            }
            tokio::select! {
                () = notified => tokio::time::sleep(GATHER).await,
                () = tokio::time::sleep_until(deadline) => {}
                () = self.parts().stopping.cancelled() => {}
            }
        }
    }

    /// A cursor that a client acknowledges, unless there is no such entry yet.
    async fn believable(&self, cursor: i64) -> Result<i64, Denied> {
        let known = self.held().tail;
        if cursor <= known || cursor <= self.parts().reads.head().await? {
            Ok(cursor)
        } else {
            Ok(0)
        }
    }

    /// Reads up from the journal until the session is live, or as much waits as may.
    async fn read_up(&self, session: &Session) -> Result<(), Denied> {
        if session.state().live {
            return Ok(());
        }
        let _turn = session.reading.lock().await;
        loop {
            let (after, until) = {
                let held = self.held();
                let mut state = session.state();
                if state.live || state.is_full(self.limits().queue) {
                    return Ok(());
                }
                if state.patterns.is_empty() || state.through >= held.tail {
                    state.through = state.through.max(held.tail);
                    state.live = true;
                    return Ok(());
                }
                (state.through, held.tail)
            };
            if until - after > self.limits().behind {
                self.parts().feed.meters.overflows.inc();
                self.end(&session.id).await?;
                return Err(Denied::Overflow);
            }
            let user = &*session.user;
            let _place = self.parts().feed.reading.acquire().await;
            let owed_to = (user != self.parts().anybody).then(|| user.to_owned());
            let stretch = self
                .messages((after, until), owed_to, Some(user), |_| true)
                .await?;
            let mut state = session.state();
            if state.through != after {
                // it was made to forget what waits, or skipped ahead, meanwhile
                continue;
            }
            state.through = stretch.through;
            for message in &stretch.messages {
                if let Some(delivery) = state.delivery(message)
                    && !state.push(delivery, self.limits().queue)
                {
                    state.through = message.cursor - 1;
                    break;
                }
            }
        }
    }

    /// The messages of a stretch of the journal, with the answers in it; and how far they go.
    async fn messages(
        &self,
        (after, until): (i64, i64),
        owed_to: Option<String>,
        answers_to: Option<&str>,
        keep: impl Fn(&Change) -> bool,
    ) -> Result<Stretch, StoreError> {
        let parts = self.parts();
        let query = ChangesQuery {
            after,
            limit: PAGE,
            span: Some(until - after),
            owed_to,
            ..ChangesQuery::default()
        };
        let mut page = parts.reads.changes(parts.tenant, &query).await?;
        let erases = page.items.iter().any(|change| is_erasure(&change.kind));
        page.items
            .retain(|change| change.interaction_id.is_some() && keep(change));
        let mut through = page.next;
        let mut messages = Vec::new();
        let mut bytes = 0;
        for (index, chunk) in page.items.chunks(CHUNK).enumerate() {
            let made = parts.translate.messages(parts.tenant, chunk).await?;
            bytes += made.iter().map(|message| message.data.len()).sum::<usize>();
            messages.extend(made);
            if bytes > STRETCH_BYTES && (index + 1) * CHUNK < page.items.len() {
                through = chunk.last().map_or(through, |last| last.cursor);
                break;
            }
        }
        let news = parts.reads.news(parts.tenant, (after, through), answers_to);
        let news = news.await?;
        if answers_to.is_none() {
            self.refresh(&news.sessions);
        }
        if news.more {
            through = news.answers.last().map_or(through, |(cursor, _)| *cursor);
            messages.retain(|message| message.cursor <= through);
        }
        messages.extend(news.answers.into_iter().map(message));
        messages.sort_by_key(|message| message.cursor);
        Ok(Stretch {
            messages: messages.into_iter().map(Arc::new).collect(),
            through,
            erases,
        })
    }

    /// Takes over what another server, or a request to it, changed of sessions held here.
    fn refresh(&self, rows: &[ClientSession]) {
        for row in rows {
            let Some(session) = self.held().sessions.get(&row.id).cloned() else {
                continue;
            };
            if row.holder == self.0.holder {
                session.state().follow(row);
            } else {
                let closed = row.holder.is_empty();
                self.drop_session(&row.id, if closed { Over::Closed } else { Over::Moved });
            }
        }
    }

    /// Follows the journal until the server stops.
    pub async fn run(self) {
        let mut head = self.parts().feed.listen();
        let stopping = self.parts().stopping.clone();
        let begun = async {
            loop {
                match self.parts().reads.head().await {
                    Ok(head) => return head,
                    Err(error) => tracing::warn!(%error, "the journal's head could not be read"),
                }
                tokio::time::sleep(PATIENCE).await;
            }
        };
        tokio::select! {
            begun = begun => self.held().tail = begun,
            () = stopping.cancelled() => return,
        }
        self.0.ready.send_replace(true);
        loop {
            let tail = self.held().tail;
            let newest = tokio::select! {
                newest = head.wait_for(|head| *head > tail) => match newest {
                    Ok(newest) => *newest,
                    Err(_) => return,
                },
                () = stopping.cancelled() => return,
            };
            if let Err(error) = self.step(tail, newest).await {
                tracing::warn!(%error, "clients could not be told of changes; they will be");
                tokio::select! {
                    () = tokio::time::sleep(PATIENCE) => {}
                    () = stopping.cancelled() => return,
                }
            }
        }
    }

    /// Hands on what happened after the tail, up to `newest` or as far as one page goes.
    async fn step(&self, tail: i64, newest: i64) -> Result<(), StoreError> {
        let listening: Option<HashSet<Arc<str>>> = {
            let mut held = self.held();
            if held.sessions.is_empty() {
                held.tail = newest;
                return Ok(());
            }
            let everything = held.by_user.contains_key(self.parts().anybody);
            (!everything).then(|| held.by_user.keys().cloned().collect())
        };
        let owed = |change: &crate::domain::change::Change| match (&listening, &change.owner_id) {
            (Some(users), Some(owner)) => users.contains(owner.as_str()),
            _ => true,
        };
        let stretch = self.messages((tail, newest), None, None, owed).await?;
        let mut held = self.held();
        for session in held.sessions.values() {
            let known = listening
                .as_ref()
                .is_none_or(|users| users.contains(&session.user));
            let mut state = session.state();
            if stretch.erases {
                state.forget_waiting();
            } else if !known && state.live {
                // it came while its user's changes were passed over
                state.fall_behind(tail);
            } else {
                continue;
            }
            drop(state);
            session.news.notify_waiters();
        }
        for message in &stretch.messages {
            let anybody = held.by_user.get(self.parts().anybody);
            match &message.user {
                None => {
                    for session in held.sessions.values() {
                        self.hand(session, message);
                    }
                }
                Some(user) => {
                    let own = held.by_user.get(user.as_str());
                    let other = *user != *self.parts().anybody && !message.is_answer;
                    let also = anybody.filter(|_| other);
                    for session in own.into_iter().chain(also).flatten() {
                        self.hand(session, message);
                    }
                }
            }
        }
        held.tail = stretch.through;
        Ok(())
    }

    fn hand(&self, session: &Session, message: &Arc<Message>) {
        let mut state = session.state();
        if !state.live {
            return;
        }
        let Some(delivery) = state.delivery(message) else {
            return;
        };
        let meters = &self.parts().feed.meters;
        if state.push(delivery, self.limits().queue) {
            drop(state);
            meters.messages.inc();
            session.news.notify_waiters();
        } else {
            meters.behind.inc();
            state.fall_behind(message.cursor - 1);
        }
    }

    /// Notes in the store what sessions received, and ends those whose clients stayed away, until the server stops.
    pub async fn keep(self) {
        let stopping = self.parts().stopping.clone();
        let mut tidied = tokio::time::Instant::now();
        while !stopping.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(KEEP_EVERY) => {}
                () = stopping.cancelled() => {}
            }
            if stopping.is_cancelled() {
                self.until_released().await;
            }
            let stops = stopping.is_cancelled();
            let often = if stops { Duration::ZERO } else { SEEN_EVERY };
            self.keep_cursors(often).await;
            let away: Vec<String> = self
                .held()
                .sessions
                .values()
                .filter(|session| session.state().is_away(self.limits().max_interval))
                .map(|session| session.id.clone())
                .collect();
            for id in away {
                if let Err(error) = self.end(&id).await {
                    tracing::warn!(%error, "a client's session could not be ended");
                    self.drop_session(&id, Over::Closed);
                }
            }
            if tidied.elapsed() >= TIDY_EVERY {
                tidied = tokio::time::Instant::now();
                self.forget().await;
            }
        }
    }

    /// Waits until the connects that are held have taken their last batch, for a moment at most.
    async fn until_released(&self) {
        let begun = tokio::time::Instant::now();
        let held = || self.held().sessions.values().any(|one| one.state().held);
        while held() && begun.elapsed() < PATIENCE {
            tokio::time::sleep(GATHER).await;
        }
    }

    async fn keep_cursors(&self, often: Duration) {
        let cursors: Vec<(String, i64)> = self
            .held()
            .sessions
            .values()
            .filter_map(|session| Some((session.id.clone(), session.state().unkept(often)?)))
            .collect();
        if cursors.is_empty() {
            return;
        }
        if let Err(error) = self.submit(Command::KeepCursors(cursors)).await {
            tracing::warn!(%error, "what clients received could not be noted");
        }
    }

    /// Forgets sessions that no server holds any more, and answers that nobody will ask for.
    async fn forget(&self) {
        let Limits {
            timeout,
            max_interval,
            ..
        } = self.limits();
        let kept = timeout + max_interval + 3 * SEEN_EVERY;
        let micros = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        let before = self.parts().clock.now().plus_micros(-micros);
        if let Err(error) = self.submit(Command::ForgetClients(before)).await {
            tracing::warn!(%error, "old sessions of clients could not be forgotten");
        }
    }
}

/// What a stretch of the journal has for clients.
struct Stretch {
    /// Oldest first.
    messages: Vec<Arc<Message>>,
    /// How far they go.
    through: i64,
    /// Whether content was taken away in it, of which nothing may be kept.
    erases: bool,
}

/// Whether an entry tells that content was taken away.
fn is_erasure(kind: &str) -> bool {
    Kind::TAKE_AWAY.iter().any(|erasure| erasure.name() == kind)
}

fn message((cursor, answer): (i64, Answer)) -> Message {
    Message {
        cursor,
        user: Some(answer.user),
        is_answer: true,
        channel: answer.channel,
        twin: None,
        data: answer.data,
    }
}

/// 160 random bits, in letters and digits.
fn random_id() -> String {
    let mut bytes = [0; 20];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;
