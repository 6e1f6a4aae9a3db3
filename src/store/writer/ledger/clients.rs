//! Clients that are notified: their sessions, their chosen spellings, and answers to their
//! questions.

use std::sync::Arc;

use super::{Ask, Ledger};
use crate::domain::client::{Answer, Choice, ClientSession, NewChoice, SessionEdit};
use crate::domain::command::Outcome;
use crate::domain::{Moment, Refusal};

/// The session of a client in the ledger.
pub struct HeldSession {
    /// Its current state.
    pub session: Arc<ClientSession>,
    /// Whether it is not stored yet.
    pub new: bool,
    /// When it changed in this group.
    pub changed_at: Option<Moment>,
}

/// An answer to a user's clients.
pub struct GivenAnswer {
    /// Tenant.
    pub tenant: i64,
    /// When it was given.
    pub at: Moment,
    /// The answer.
    pub answer: Answer,
}

impl Ledger<'_> {
    /// Adds an answer. If content was deleted or erased after its `as_of`, the client is told to
    /// ask again.
    pub(super) fn answer(&mut self, ask: &Ask<'_>, answer: &Answer) {
        let mut answer = answer.clone();
        let erased = self.erased.get(&ask.tenant);
        if erased.is_some_and(|erased| *erased > answer.as_of) {
            answer.take_away();
        }
        self.answers.push(GivenAnswer {
            tenant: ask.tenant,
            at: ask.at,
            answer,
        });
    }

    pub(super) fn open_session(&mut self, ask: &Ask<'_>, session: &ClientSession) -> Outcome {
        let mut session = session.clone();
        session.choices = self
            .choices
            .iter()
            .filter(|((tenant, user, ..), (choice, _))| {
                *tenant == ask.tenant && *user == session.user && choice.concerns(&session.sign_in)
            })
            .map(|(_, (choice, _))| choice.clone())
            .collect();
        let session = Arc::new(session);
        let held = HeldSession {
            session: Arc::clone(&session),
            new: true,
            changed_at: Some(ask.at),
        };
        self.sessions.insert(session.id.clone(), held);
        Outcome::Session(session)
    }

    /// Puts stored sessions into the ledger.
    pub fn load_sessions(&mut self, sessions: Vec<ClientSession>) {
        for session in sessions {
            let held = HeldSession {
                session: Arc::new(session),
                new: false,
                changed_at: None,
            };
            self.sessions.insert(held.session.id.clone(), held);
        }
    }

    /// Stores a choice and marks the user's sessions as changed, so that every server that holds
    /// one learns of the choice before the next entries.
    pub(super) fn choose_spelling(&mut self, ask: &Ask<'_>, new: &NewChoice) {
        let choice = Choice {
            collection: new.collection.clone(),
            twin: new.twin,
            sign_in: new.sign_in.clone(),
            at: ask.at,
        };
        for held in self.sessions.values_mut() {
            let session = &held.session;
            let of_user = session.tenant_id == ask.tenant && session.user == new.user;
            if of_user && choice.concerns(&session.sign_in) {
                Arc::make_mut(&mut held.session).choose(&choice);
                held.changed_at = Some(ask.at);
            }
        }
        let key = (
            ask.tenant,
            new.user.clone(),
            new.sign_in.clone(),
            new.collection.clone(),
        );
        self.choices.insert(key, (choice, true));
    }

    pub(super) fn edit_session(
        &mut self,
        ask: &Ask<'_>,
        edit: &SessionEdit,
    ) -> Result<Outcome, Refusal> {
        let held = self
            .sessions
            .get_mut(&edit.id)
            .filter(|held| held.session.tenant_id == ask.tenant && !held.session.holder.is_empty())
            .ok_or_else(|| Refusal::NotFound("session", edit.id.clone()))?;
        Arc::make_mut(&mut held.session).edit(edit, self.head);
        held.changed_at = Some(ask.at);
        Ok(Outcome::Session(Arc::clone(&held.session)))
    }
}
