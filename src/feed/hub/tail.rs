//! The reader of the journal: makes the messages of each change once and delivers them to the
//! sessions that are due them.

use std::collections::HashSet;
use std::sync::Arc;

use super::session::{Over, Session};
use super::{Hub, PATIENCE};
use crate::domain::change::{Change, Kind};
use crate::domain::client::{Answer, ClientSession};
use crate::feed::Message;
use crate::store::{ChangesQuery, StoreError};

/// Journal entries per read.
const PAGE: usize = 256;
/// Entries of a page that are translated together. The step ends after the chunk that exceeds
/// [`STRETCH_BYTES`].
const CHUNK: usize = 32;
/// Rough limit on the bytes of the messages of one step.
const STRETCH_BYTES: usize = 8 * 1024 * 1024;

impl Hub {
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
                tracing::warn!(%error, "clients could not be notified of changes; this is retried");
                tokio::select! {
                    () = tokio::time::sleep(PATIENCE) => {}
                    () = stopping.cancelled() => return,
                }
            }
        }
    }

    /// Delivers the entries after the tail, up to `newest` or to the end of one page.
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
        let owed = |change: &Change| match (&listening, &change.owner_id) {
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
                // it connected after this step had skipped its user's changes
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

    /// The messages and answers of a stretch of the journal, and the cursor up to which they go.
    pub(super) async fn messages(
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

    /// Applies changes of sessions on this server, made here or on another server.
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
}

/// The messages of a stretch of the journal.
pub(super) struct Stretch {
    /// Oldest first.
    pub(super) messages: Vec<Arc<Message>>,
    /// The cursor up to which they go.
    pub(super) through: i64,
    /// Whether content was deleted or erased in it, so that no queue may keep a copy.
    erases: bool,
}

/// Whether an entry records a deletion or an erasure.
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
