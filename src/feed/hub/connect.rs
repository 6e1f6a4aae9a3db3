//! Connect requests: the reply carries the due messages, or is held until there are some.

use std::time::Duration;

use super::session::{Batch, Over, Session};
use super::{Denied, GATHER, Hub};

/// How a connect ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// With messages, or with none.
    With(Batch),
    /// A newer connect replaced it.
    Superseded,
    /// The session ended meanwhile.
    Gone,
}

/// A connect.
#[derive(Clone, Copy, Debug)]
pub struct Connect {
    /// The cursor that the client acknowledges; `None` if it uses no acknowledgements.
    pub acknowledged: Option<i64>,
    /// The longest time to hold it.
    pub hold: Duration,
}

/// Marks a connect as held until it ends, also if its client disconnects.
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
    /// Waits for messages that are due to a client.
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
                    // the client has connected to another server since
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

    /// The cursor that a client acknowledges, or 0 if the journal has no such entry yet.
    async fn believable(&self, cursor: i64) -> Result<i64, Denied> {
        let known = self.held().tail;
        if cursor <= known || cursor <= self.parts().reads.head().await? {
            Ok(cursor)
        } else {
            Ok(0)
        }
    }

    /// Reads the journal until the session is live or its queue is full.
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
                // meanwhile the queue was cleared, or the client acknowledged more
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
}
