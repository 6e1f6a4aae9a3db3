//! Parents: linking an existing interaction, and moving it into its parent's thread.

use std::collections::HashMap;
use std::sync::Arc;

use super::engagements::{Propagation, Tie, origin};
use super::interactions::Extent;
use super::{Ask, Ledger, document, text};
use crate::domain::Refusal;
use crate::domain::change::Kind;
use crate::domain::command::{Outcome, Stored};
use crate::domain::interaction::{ENGAGEMENT_MEDIA, InteractionPatch, WEB_ENGAGEMENT};
use crate::domain::propagation::{nothing_to_copy, propagate_late};
use crate::store::{StoreError, content};

/// The largest number of ancestors checked for a cycle, and of descendants that follow into a
/// thread.
pub const LARGEST_MOVE: usize = 10_000;

impl Ledger<'_> {
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
                    self.unlink(ask, id)?;
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
            self.unlink(ask, id)?;
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
    pub(super) fn comes_from(&self, tenant: i64, one: &str, other: &str) -> Option<bool> {
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

    pub(super) fn link_later(
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
            self.held(ask, id)?.0.dirty.recording = true;
            self.link(&stored, said, keys, tie.linked_by.clone(), at);
        }
        Ok(outcome)
    }

    /// Removes the link of an interaction that has lost its parent, or whose new parent gives none.
    fn unlink(&mut self, ask: &Ask<'_>, id: &str) -> Result<(), Refusal> {
        self.held(ask, id)?.0.dirty.recording = true;
        self.links.insert((ask.tenant, id.to_owned()), None);
        Ok(())
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
        let old = Arc::clone(&held.stored);
        let moves = old.interaction.thread_id != thread;
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
            held.dirty.index = true;
            kind = Kind::EngagementLinked;
            copied = Some(propagation.copied.keys().cloned().collect());
            delta.linked_by = Some(tie.linked_by.clone());
            delta.copy_user_data = propagation.said;
            delta.copied_keys.clone_from(&copied);
            delta.attach = Some(propagation.copied).filter(|copied| !copied.is_empty());
        }
        held.revise(at, Extent::Core);
        let stored = Arc::clone(&held.stored);
        let delta = content::moved(rest, &delta);
        let entry = self.enter_change(ask, kind, (&old, &stored), delta);
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
            let old = Arc::clone(&held.stored);
            thread.clone_into(&mut Arc::make_mut(&mut held.stored).interaction.thread_id);
            held.revise(at, Extent::Core);
            let stored = Arc::clone(&held.stored);
            let kind = Kind::InteractionChanged;
            self.enter_change(ask, kind, (&old, &stored), delta.clone());
        }
        Ok(())
    }
}
