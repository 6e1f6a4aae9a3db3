//! Maintenance: stores acknowledged cursors, and ends the sessions of absent clients.

use std::time::Duration;

use super::session::Over;
use super::{GATHER, Hub, Limits, PATIENCE, SEEN_EVERY};
use crate::domain::command::Command;

/// How often acknowledged cursors are written to the store.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// How often abandoned sessions are removed.
const TIDY_EVERY: Duration = Duration::from_secs(30);

impl Hub {
    /// Until the server stops, writes acknowledged cursors to the store and ends the sessions of
    /// absent clients.
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

    /// Waits until the held connects have taken their last batch, for at most [`PATIENCE`].
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
            tracing::warn!(%error, "acknowledged cursors could not be stored");
        }
    }

    /// Deletes sessions that no server holds any more, and expired answers and choices.
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
            tracing::warn!(%error, "old client sessions could not be deleted");
        }
    }
}
