//! The lifecycle of a session: opened, taken over by the server that its client connects to,
//! changed, ended.

use std::sync::Arc;

use super::channel::Pattern;
use super::session::{Over, Session};
use super::{Denied, Held, Hub, random_id};
use crate::domain::Refusal;
use crate::domain::client::{ClientSession, SessionEdit};
use crate::domain::command::{Command, Outcome};
use crate::store::StoreError;

/// The largest number of sessions on a server, and of one user's among them.
const MOST_SESSIONS: (usize, usize) = (20_000, 10_000);
/// The largest number of subscriptions of a session.
const MOST_SUBSCRIPTIONS: usize = 100;

impl Hub {
    /// Opens a session of a user, in a sign-in session if there is one. It receives changes from
    /// now on.
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

    /// Waits until the journal's position is known. Before that, it is unknown what a session has
    /// missed.
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

    /// The row of a session that another server may hold.
    async fn row(&self, user: &str, id: &str) -> Result<ClientSession, Denied> {
        let row = self.parts().reads.client_session(id).await?;
        row.filter(|row| {
            row.tenant_id == self.parts().tenant && row.user == user && !row.holder.is_empty()
        })
        .ok_or(Denied::Unknown)
    }

    /// A user's session, if this server holds it.
    pub(super) fn here(&self, user: &str, id: &str) -> Result<Option<Arc<Session>>, Denied> {
        match self.held().sessions.get(id) {
            Some(session) if *session.user == *user => Ok(Some(Arc::clone(session))),
            Some(_) => Err(Denied::Unknown),
            None => Ok(None),
        }
    }

    /// A user's session, taken over if another server held it.
    pub(super) async fn take(&self, user: &str, id: &str) -> Result<Arc<Session>, Denied> {
        self.until_ready().await?;
        if let Some(session) = self.here(user, id)?
            && !self.parts().shared
        {
            return Ok(session);
        }
        let row = self.row(user, id).await?;
        if row.holder != self.0.holder {
            // the state on this server is older than the move
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
        // two requests of the client may have arrived at the same time
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

    /// Adds and removes subscriptions. When this returns, they apply on whichever server holds the
    /// session.
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

    pub(super) async fn end(&self, id: &str) -> Result<(), Denied> {
        self.edit(SessionEdit {
            id: id.to_owned(),
            holder: Some(String::new()),
            ..SessionEdit::default()
        })
        .await?;
        self.drop_session(id, Over::Closed);
        Ok(())
    }

    pub(super) fn drop_session(&self, id: &str, why: Over) {
        let gone = self.held().remove(id);
        if let Some(session) = gone {
            self.parts().feed.meters.sessions.dec();
            session.end(why);
        }
    }
}
