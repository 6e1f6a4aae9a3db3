//! Engagements: recording an interaction under its parent, and propagating UserData.
//!
//! Every surface uses this code: a child recorded under a web engagement gets UserData and a link,
//! whichever surface recorded it.

use std::sync::Arc;

use super::interactions::{Held, recorded_before};
use super::{Ask, Ledger, document, text};
use crate::domain::change::Kind;
use crate::domain::command::{KnownBy, Outcome, Stored};
use crate::domain::interaction::{NewInteraction, WEB_ENGAGEMENT};
use crate::domain::propagation::{nothing_to_copy, propagate};
use crate::domain::user_data::Document;
use crate::domain::{Moment, Refusal, Requirement};
use crate::store::StoreError;
use crate::store::tables::interaction::Link;

/// The origin of a link that no UserData key established.
pub mod origin {
    /// Created by `…/engagements`.
    pub const ENGAGEMENT: &str = "engagement";
    /// The child was recorded with its parent.
    pub const RECORDED: &str = "parentId";
    /// The child got its parent later.
    pub const LATER: &str = "parent";
}

/// A web engagement that a conversation will be linked to.
pub(super) struct Tie {
    pub parent: Arc<Stored>,
    pub linked_by: String,
}

/// The part of a link about UserData.
pub(super) struct Propagation {
    pub said: Option<String>,
    pub copied: Document,
}

impl Ledger<'_> {
    /// Records an interaction.
    pub(super) fn record(
        &mut self,
        ask: &Ask<'_>,
        new: &NewInteraction,
    ) -> Result<Outcome, StoreError> {
        if let Some(there) = self.same_as_before(ask, new)? {
            return Ok(there);
        }
        let Some(parent) = &new.parent_id else {
            return match self.tied(ask, new) {
                Some(tie) => match self.add_engagement(ask, new, &tie) {
                    // the caller did not ask for this link: if it is refused, the conversation is
                    // recorded without it
                    Err(StoreError::Refused(_)) => {
                        Ok(self.add_alone(ask, new, new.thread_id.clone())?)
                    }
                    done => done,
                },
                None => Ok(self.add_alone(ask, new, new.thread_id.clone())?),
            };
        };
        let parent = self.parent(ask, parent, "/parentId")?;
        if new.may_be_engagement() && parent.interaction.media_type == WEB_ENGAGEMENT {
            let linked_by = origin::RECORDED.to_owned();
            return self.add_engagement(ask, new, &Tie { parent, linked_by });
        }
        if new.copy_user_data.is_some() {
            return Err(nothing_to_copy().into());
        }
        let thread = parent.interaction.thread_id.clone();
        Ok(self.add_alone(ask, new, Some(thread))?)
    }

    /// Records an interaction unless it exists.
    pub(super) fn ensure(
        &mut self,
        ask: &Ask<'_>,
        new: &NewInteraction,
        known_by: KnownBy,
        requires: &Requirement,
    ) -> Result<Outcome, StoreError> {
        let known = match (known_by, &new.id) {
            (KnownBy::Id, Some(id)) => self.interactions.get(&(ask.tenant, id.clone())),
            (KnownBy::Id, None) => None,
            (KnownBy::ExternalId, _) => self.oldest_of(ask.tenant, new),
        };
        match known {
            Some(held) => {
                requires.check(&held.stored.interaction)?;
                Ok(recorded_before(ask, held))
            }
            None => self.record(ask, new),
        }
    }

    /// The oldest interaction with the same media type and external identifier.
    fn oldest_of(&self, tenant: i64, new: &NewInteraction) -> Option<&Held> {
        let same = |held: &&Held| {
            let of = &held.stored.interaction;
            of.tenant_id == tenant
                && of.external_id == new.external_id
                && of.media_type == new.media_type
        };
        new.external_id.as_ref()?;
        self.interactions
            .values()
            .filter(same)
            .min_by(|one, other| {
                let place = |held: &Held| {
                    (
                        held.stored.interaction.start_date,
                        held.stored.interaction.id.clone(),
                    )
                };
                place(one).cmp(&place(other))
            })
    }

    /// Records the child of a web engagement.
    pub(super) fn engage(
        &mut self,
        ask: &Ask<'_>,
        child: &NewInteraction,
    ) -> Result<Outcome, StoreError> {
        if let Some(there) = self.same_as_before(ask, child)? {
            return Ok(there);
        }
        let id = child.parent_id.as_deref().unwrap_or_default();
        if !self.interactions.contains_key(&(ask.tenant, id.to_owned())) {
            return Err(Refusal::no_interaction(id).into());
        }
        let parent = self.parent(ask, id, "")?;
        if parent.interaction.media_type != WEB_ENGAGEMENT {
            return Err(no_engagement(&parent).into());
        }
        let linked_by = origin::ENGAGEMENT.to_owned();
        self.add_engagement(ask, child, &Tie { parent, linked_by })
    }

    fn add_alone(
        &mut self,
        ask: &Ask<'_>,
        new: &NewInteraction,
        thread: Option<String>,
    ) -> Result<Outcome, Refusal> {
        let (contact, unkept) = self.contact_of(ask, new)?;
        let stored = self.build(ask, new, thread, contact, ask.ready.user_data.clone());
        let kind = Kind::InteractionRecorded;
        let outcome = self.add(ask, kind, stored, None, unkept);
        if let Outcome::Recorded { stored, .. } = &outcome {
            self.note_visits(&ask.ready.visits, &Arc::clone(stored));
        }
        Ok(outcome)
    }

    fn add_engagement(
        &mut self,
        ask: &Ask<'_>,
        child: &NewInteraction,
        tie: &Tie,
    ) -> Result<Outcome, StoreError> {
        let from = &tie.parent;
        let (said, given) = self.propagated(child.copy_user_data.as_deref(), from)?;
        let policy = self.rules.copy_policy(child.copy_user_data.as_deref());
        let (document, copied) = propagate(&policy, &given, child.user_data.document.clone());
        let user_data = text(&document);
        self.check_size(&document, &user_data)?;
        let (contact, unkept) = self.contact_of(ask, child)?;
        let contact = contact.or_else(|| from.interaction.contact_id.clone());
        let thread = Some(from.interaction.thread_id.clone());
        let mut stored = self.build(ask, child, thread, contact, user_data);
        stored.interaction.parent_id = Some(from.interaction.id.clone());
        let at = stored.interaction.created_date;
        let link = self.link(&stored, said, copied, tie.linked_by.clone(), at);
        Ok(self.add(ask, Kind::EngagementCreated, stored, Some(link), unkept))
    }

    /// The policy as requested, and the parent's UserData without keys that are transient now.
    pub(super) fn propagated(
        &self,
        copy: Option<&str>,
        parent: &Stored,
    ) -> Result<(Option<String>, Document), StoreError> {
        let said = copy
            .or(self.rules.copy_user_data.as_deref())
            .map(str::to_owned);
        let mut given = document(&parent.user_data)?;
        given.retain(|key, _| !self.rules.transience.keys.contains(key));
        Ok((said, given))
    }

    pub(super) fn check_size(&self, document: &Document, text: &str) -> Result<(), Refusal> {
        let limits = &self.rules.limits;
        if text.len() > limits.user_data || document.len() > limits.keys {
            return Err(Refusal::invalid(
                "/userData",
                "is too large together with what is copied from the parent",
            ));
        }
        Ok(())
    }

    pub(super) fn link(
        &mut self,
        child: &Stored,
        copy: Option<String>,
        copied: Vec<String>,
        linked_by: String,
        at: Moment,
    ) -> Link {
        let child = &child.interaction;
        let link = Link {
            tenant: child.tenant_id,
            parent: child.parent_id.clone().unwrap_or_default(),
            child: child.id.clone(),
            copy,
            copied,
            linked_by,
            at,
        };
        let key = (child.tenant_id, child.id.clone());
        self.links.insert(key, Some(link.clone()));
        link
    }

    /// The outcome for an identifier that is taken: the stored interaction, if it was sent with the
    /// same content.
    fn same_as_before(
        &self,
        ask: &Ask<'_>,
        new: &NewInteraction,
    ) -> Result<Option<Outcome>, Refusal> {
        let Some(id) = &new.id else { return Ok(None) };
        match self.interactions.get(&(ask.tenant, id.clone())) {
            None => Ok(None),
            Some(held) if held.fingerprint == ask.ready.fingerprint => {
                Ok(Some(recorded_before(ask, held)))
            }
            Some(_) => Err(Refusal::Conflict(format!(
                "an interaction {id:?} was recorded before, with other content"
            ))),
        }
    }

    /// An interaction that may be a parent.
    pub(super) fn parent(
        &self,
        ask: &Ask<'_>,
        parent: &str,
        pointer: &str,
    ) -> Result<Arc<Stored>, Refusal> {
        match self.interactions.get(&(ask.tenant, parent.to_owned())) {
            None => Err(Refusal::invalid(
                pointer,
                format!("names {parent:?}, which is no interaction"),
            )),
            Some(held) if !held.stored.interaction.can_be_parent => Err(Refusal::invalid(
                pointer,
                format!("names {parent:?}, which cannot be a parent"),
            )),
            Some(held) => Ok(Arc::clone(&held.stored)),
        }
    }
}

fn no_engagement(parent: &Stored) -> Refusal {
    Refusal::invalid(
        "",
        format!(
            "asks for an engagement of a {}, not of a webengagement",
            parent.interaction.media_type
        ),
    )
}
