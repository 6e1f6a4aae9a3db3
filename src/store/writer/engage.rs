//! Parents: recording a child, linking an existing one, and propagating UserData.
//!
//! Every surface uses this code: a child recorded under a web engagement gets UserData and a link,
//! whichever surface recorded it.

use std::collections::HashMap;
use std::sync::Arc;

use super::ledger::{Ask, Held, Ledger, Link, document, recorded_before, text};
use crate::domain::change::Kind;
use crate::domain::command::{KnownBy, Outcome, Stored};
use crate::domain::interaction::{
    ENGAGEMENT_MEDIA, InteractionPatch, NewInteraction, WEB_ENGAGEMENT,
};
use crate::domain::propagation::{nothing_to_copy, propagate, propagate_late, visits};
use crate::domain::user_data::Document;
use crate::domain::{Moment, Refusal, Requirement};
use crate::store::{StoreError, content};

/// The origin of a link that no UserData key established.
pub mod origin {
    /// Created by `…/engagements`.
    pub const ENGAGEMENT: &str = "engagement";
    /// The child was recorded with its parent.
    pub const RECORDED: &str = "parentId";
    /// The child got its parent later.
    pub const LATER: &str = "parent";
}

/// The largest number of ancestors checked for a cycle, and of descendants that follow into a
/// thread.
pub const LARGEST_MOVE: usize = 10_000;

/// A web engagement that a conversation will be linked to.
struct Tie {
    parent: Arc<Stored>,
    linked_by: String,
}

/// The part of a link about UserData.
struct Propagation {
    said: Option<String>,
    copied: Document,
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
        let delta = content::recorded(&stored, None);
        let kind = Kind::InteractionRecorded;
        let outcome = self.add(ask, kind, stored, delta, None, unkept);
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
        let provenance = content::Provenance {
            copy_user_data: said.as_deref(),
            copied_keys: &copied,
            linked_by: &tie.linked_by,
        };
        let delta = content::recorded(&stored, Some(&provenance));
        self.link(
            &stored,
            said,
            copied.clone(),
            tie.linked_by.clone(),
            stored.interaction.created_date,
        );
        Ok(self.add(
            ask,
            Kind::EngagementCreated,
            stored,
            delta,
            Some(copied),
            unkept,
        ))
    }

    /// The policy as requested, and the parent's UserData without keys that are transient now.
    fn propagated(
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

    fn check_size(&self, document: &Document, text: &str) -> Result<(), Refusal> {
        let limits = &self.rules.limits;
        if text.len() > limits.user_data || document.len() > limits.keys {
            return Err(Refusal::invalid(
                "/userData",
                "is too large together with what is copied from the parent",
            ));
        }
        Ok(())
    }

    fn link(
        &mut self,
        child: &Stored,
        copy: Option<String>,
        copied: Vec<String>,
        linked_by: String,
        at: Moment,
    ) {
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
        self.links.insert(key, Some(link));
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
    fn parent(&self, ask: &Ask<'_>, parent: &str, pointer: &str) -> Result<Arc<Stored>, Refusal> {
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

    /// Stores the values by which conversations find a web engagement that this group recorded or
    /// changed.
    fn note_visits(&mut self, visits: &[(usize, String)], stored: &Stored) {
        let of = &stored.interaction;
        if of.media_type != WEB_ENGAGEMENT {
            return;
        }
        for (place, value) in visits {
            let known = self
                .visits
                .entry((of.tenant_id, *place, value.clone()))
                .or_default();
            if !known.contains(&of.id) {
                known.push(of.id.clone());
            }
        }
    }

    /// The newest web engagement of the same visit for a conversation without a parent.
    fn tied(&mut self, ask: &Ask<'_>, new: &NewInteraction) -> Option<Tie> {
        if !new.may_be_engagement() || ask.ready.visits.is_empty() {
            return None;
        }
        let began = new.start_date.or(new.end_date).unwrap_or(ask.at);
        let contact = match &new.contact_id {
            None if new.contact.is_some() => {
                self.identified(ask, Some(&new.media_type), false)
                    .contact_id
            }
            known => known.clone(),
        };
        self.of_visit(
            ask.tenant,
            &ask.ready.visits,
            began,
            contact.as_deref(),
            None,
        )
    }

    /// The newest web engagement with one of these keys that began in time, belongs to no other
    /// contact, and does not descend from the conversation itself, if that is stored already.
    fn of_visit(
        &self,
        tenant: i64,
        keys: &[(usize, String)],
        began: Moment,
        contact: Option<&str>,
        child: Option<&str>,
    ) -> Option<Tie> {
        let since = began.plus_micros(-self.rules.link_within);
        keys.iter().find_map(|(place, value)| {
            let known = self.visits.get(&(tenant, *place, value.clone()))?;
            let fits = |stored: &Arc<Stored>| {
                let of = &stored.interaction;
                of.media_type == WEB_ENGAGEMENT
                    && of.can_be_parent
                    && (since..=began).contains(&of.start_date)
                    && self.may_be_one_person(tenant, contact, of.contact_id.as_deref())
                    && child.is_none_or(|child| self.comes_from(tenant, &of.id, child) == Some(false))
                    // an index row holds only the beginning of a value; the document decides
                    && document(&stored.user_data).is_ok_and(|document| {
                        visits(&self.rules.link_by, &document).contains(&(*place, value.clone()))
                    })
            };
            let newest = known
                .iter()
                .filter_map(|id| self.interactions.get(&(tenant, id.clone())))
                .map(|held| &held.stored)
                .filter(|stored| fits(stored))
                .max_by_key(|stored| {
                    (stored.interaction.start_date, stored.interaction.id.clone())
                })?;
            Some(Tie {
                parent: Arc::clone(newest),
                linked_by: format!("userData.{}", self.rules.link_by[*place]),
            })
        })
    }

    /// Whether two contacts may be the same person: one of them is unknown, or merges joined them.
    fn may_be_one_person(&self, tenant: i64, a: Option<&str>, b: Option<&str>) -> bool {
        let (Some(a), Some(b)) = (a, b) else {
            return true;
        };
        let root = |id: &str| {
            let held = self.contacts.get(&(tenant, id.to_owned()));
            held.map_or_else(|| id.to_owned(), |held| self.root(&held.contact).id.clone())
        };
        a == b || root(a) == root(b)
    }

    /// After a change of UserData: links a conversation without a parent whose UserData now has the
    /// key of a visit.
    pub(super) fn follow_visit(
        &mut self,
        ask: &Ask<'_>,
        stored: Arc<Stored>,
        document: &Document,
    ) -> Result<Arc<Stored>, StoreError> {
        if self.rules.link_by.is_empty() {
            return Ok(stored);
        }
        let found = visits(&self.rules.link_by, document);
        self.note_visits(&found, &stored);
        let of = &stored.interaction;
        if of.parent_id.is_some() || !ENGAGEMENT_MEDIA.contains(&of.media_type.as_str()) {
            return Ok(stored);
        }
        let contact = of.contact_id.as_deref();
        let id = of.id.clone();
        let Some(tie) = self.of_visit(ask.tenant, &found, of.start_date, contact, Some(&id)) else {
            return Ok(stored);
        };
        // a link that would exceed a size limit is skipped: the requested change stands by itself
        match self.link_later(ask, &id, &tie, None, &InteractionPatch::default()) {
            Ok(Outcome::Changed { stored, .. }) => Ok(stored),
            Ok(_) | Err(StoreError::Refused(_)) => Ok(stored),
            Err(error) => Err(error),
        }
    }

    /// Applies a patch, with the entity type that follows from it. A parent that it names is looked
    /// up first.
    pub(super) fn patch(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        patch: &InteractionPatch,
    ) -> Result<Outcome, StoreError> {
        let (held, _) = self.held(ask, id)?;
        let patch = &*patch.with_entity_type(&held.stored.interaction);
        match &patch.parent_id {
            None => Ok(self.change(ask, id, patch, Kind::InteractionChanged)?),
            Some(None) => {
                let mut patch = patch.clone();
                let has_parent = self.held(ask, id)?.0.stored.interaction.parent_id.is_some();
                patch.parent_id = has_parent.then_some(None);
                let outcome = self.change(ask, id, &patch, Kind::InteractionChanged)?;
                if has_parent {
                    self.links.insert((ask.tenant, id.to_owned()), None);
                }
                Ok(outcome)
            }
            Some(Some(parent)) => {
                let rest = InteractionPatch {
                    parent_id: None,
                    ..patch.clone()
                };
                self.set_parent(ask, id, parent, None, &rest)
            }
        }
    }

    /// Links an interaction to its parent and applies the rest of the patch that names it, as one
    /// change.
    pub(super) fn set_parent(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        parent: &str,
        copy: Option<&str>,
        rest: &InteractionPatch,
    ) -> Result<Outcome, StoreError> {
        let parent = self.check_parent(ask, id, parent)?;
        let (after, changes) = self.patched(ask, id, rest)?;
        let (held, _) = self.held(ask, id)?;
        let of = &held.stored.interaction;
        let engages = parent.interaction.media_type == WEB_ENGAGEMENT
            && ENGAGEMENT_MEDIA.contains(&after.interaction.media_type.as_str());
        if copy.is_some() && !engages {
            return Err(nothing_to_copy().into());
        }
        if of.parent_id.as_deref() == Some(&parent.interaction.id) {
            if changes {
                return Ok(self.change(ask, id, rest, Kind::InteractionChanged)?);
            }
            return Ok(Outcome::Changed {
                stored: Arc::clone(&held.stored),
                copied: None,
                cursor: None,
            });
        }
        if engages {
            let linked_by = origin::LATER.to_owned();
            return self.link_later(ask, id, &Tie { parent, linked_by }, copy, rest);
        }
        let had_parent = of.parent_id.is_some();
        let outcome = self.move_under(ask, id, &parent, rest, None)?;
        if had_parent {
            self.links.insert((ask.tenant, id.to_owned()), None);
        }
        Ok(outcome)
    }

    /// The parent, if it may be the parent of this interaction.
    fn check_parent(&self, ask: &Ask<'_>, id: &str, parent: &str) -> Result<Arc<Stored>, Refusal> {
        let found = self.parent(ask, parent, "/parentId")?;
        match self.comes_from(ask.tenant, parent, id) {
            Some(false) => Ok(found),
            Some(true) => Err(Refusal::invalid(
                "/parentId",
                format!("names {parent:?}, which is the interaction itself or comes from it"),
            )),
            None => Err(Refusal::invalid(
                "/parentId",
                format!("has more than {LARGEST_MOVE} ancestors"),
            )),
        }
    }

    /// Whether one interaction is another one or its descendant; `None` if it has too many
    /// ancestors to tell.
    fn comes_from(&self, tenant: i64, one: &str, other: &str) -> Option<bool> {
        let mut here = one;
        for _ in 0..LARGEST_MOVE {
            if here == other {
                return Some(true);
            }
            let held = self.interactions.get(&(tenant, here.to_owned()));
            let above = held.and_then(|held| held.stored.interaction.parent_id.as_deref());
            let Some(above) = above else {
                return Some(false);
            };
            here = above;
        }
        None
    }

    /// The descendants of an interaction in its thread, by identifier.
    fn below(&self, tenant: i64, id: &str) -> Vec<String> {
        let mut children: HashMap<&str, Vec<&str>> = HashMap::new();
        for ((of, child), held) in &self.interactions {
            if let Some(parent) = &held.stored.interaction.parent_id
                && *of == tenant
            {
                children.entry(parent).or_default().push(child);
            }
        }
        let thread = |id: &str| {
            let held = self.interactions.get(&(tenant, id.to_owned()));
            held.map(|held| held.stored.interaction.thread_id.as_str())
        };
        let wanted = thread(id);
        let mut found: Vec<&str> = Vec::new();
        let mut left = vec![id];
        while let Some(parent) = left.pop() {
            let next = children.get(parent).into_iter().flatten().copied();
            let next: Vec<&str> = next.filter(|child| thread(child) == wanted).collect();
            found.extend(&next);
            left.extend(next);
        }
        found.sort_unstable();
        found.into_iter().map(str::to_owned).collect()
    }

    fn link_later(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        tie: &Tie,
        copy: Option<&str>,
        rest: &InteractionPatch,
    ) -> Result<Outcome, StoreError> {
        let (said, given) = self.propagated(copy, &tie.parent)?;
        let policy = self.rules.copy_policy(copy);
        let (held, _) = self.held(ask, id)?;
        let mut document = document(&held.stored.user_data)?;
        let copied = propagate_late(&policy, &given, &mut document);
        let user_data = text(&document);
        self.check_size(&document, &user_data)?;
        let keys: Vec<String> = copied.keys().cloned().collect();
        let propagation = Propagation {
            said: said.clone(),
            copied,
        };
        let outcome = self.move_under(
            ask,
            id,
            &tie.parent,
            rest,
            Some((propagation, user_data, tie)),
        )?;
        if let Outcome::Changed { stored, .. } = &outcome {
            let (stored, at) = (Arc::clone(stored), stored.interaction.modified_date);
            self.link(&stored, said, keys, tie.linked_by.clone(), at);
        }
        Ok(outcome)
    }

    /// Puts an interaction under a parent, into its thread. Its descendants follow into the thread.
    fn move_under(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        parent: &Arc<Stored>,
        rest: &InteractionPatch,
        engagement: Option<(Propagation, String, &Tie)>,
    ) -> Result<Outcome, StoreError> {
        let thread = parent.interaction.thread_id.clone();
        let (held, at) = self.held(ask, id)?;
        let moves = held.stored.interaction.thread_id != thread;
        let followers = if moves {
            self.below(ask.tenant, id)
        } else {
            Vec::new()
        };
        if followers.len() > LARGEST_MOVE {
            return Err(Refusal::Conflict(format!(
                "more than {LARGEST_MOVE} interactions came from it and would change their thread"
            ))
            .into());
        }
        self.apply_patch(ask, id, rest)?;
        let (held, _) = self.held(ask, id)?;
        let stored = Arc::make_mut(&mut held.stored);
        stored.interaction.parent_id = Some(parent.interaction.id.clone());
        let mut delta = content::Moved {
            parent_id: stored.interaction.parent_id.clone(),
            ..content::Moved::default()
        };
        if moves {
            delta.thread_id = Some(thread.clone());
            stored.interaction.thread_id.clone_from(&thread);
        }
        let (mut copied, mut kind) = (None, Kind::InteractionChanged);
        if let Some((propagation, user_data, tie)) = engagement {
            if stored.interaction.contact_id.is_none() {
                stored
                    .interaction
                    .contact_id
                    .clone_from(&parent.interaction.contact_id);
                delta.contact_id.clone_from(&stored.interaction.contact_id);
            }
            stored.user_data = user_data;
            held.user_data_changed = true;
            kind = Kind::EngagementLinked;
            copied = Some(propagation.copied.keys().cloned().collect());
            delta.linked_by = Some(tie.linked_by.clone());
            delta.copy_user_data = propagation.said;
            delta.copied_keys.clone_from(&copied);
            delta.attach = Some(propagation.copied).filter(|copied| !copied.is_empty());
        }
        touch(held, at);
        let stored = Arc::clone(&held.stored);
        let delta = content::moved(rest, &delta);
        let entry = self.enter(ask, kind, at, &stored.interaction, delta);
        self.follow_thread(ask, &followers, &thread)?;
        Ok(Outcome::Changed {
            cursor: Some(self.cursor(entry)),
            copied,
            stored,
        })
    }

    /// Moves interactions into another thread, with an entry for each.
    fn follow_thread(
        &mut self,
        ask: &Ask<'_>,
        followers: &[String],
        thread: &str,
    ) -> Result<(), Refusal> {
        let delta = content::moved(
            &InteractionPatch::default(),
            &content::Moved {
                thread_id: Some(thread.to_owned()),
                ..content::Moved::default()
            },
        );
        for id in followers {
            let (held, at) = self.held(ask, id)?;
            thread.clone_into(&mut Arc::make_mut(&mut held.stored).interaction.thread_id);
            touch(held, at);
            let stored = Arc::clone(&held.stored);
            self.enter(
                ask,
                Kind::InteractionChanged,
                at,
                &stored.interaction,
                delta.clone(),
            );
        }
        Ok(())
    }
}

/// Records that core attributes changed at a moment.
pub(super) fn touch(held: &mut Held, at: Moment) {
    let interaction = &mut Arc::make_mut(&mut held.stored).interaction;
    interaction.modified_date = at;
    interaction.revision += 1;
    held.changed = true;
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
