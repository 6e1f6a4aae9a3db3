//! Interactions: recording, UserData, changes, and the end.

use std::sync::Arc;

use super::{Ask, Ledger, document, text};
use crate::domain::change::Kind;
use crate::domain::command::{Outcome, Stored};
use crate::domain::interaction::{InteractionPatch, LongTexts, NewInteraction, index_words};
use crate::domain::user_data::{Edit, Size, check_growth};
use crate::domain::{Moment, Refusal, Requirement};
use crate::store::tables::contact::Former;
use crate::store::tables::interaction::Link;
use crate::store::{StoreError, content};

/// At this revision the entry that records an interaction is written whole, so that no reader undoes
/// more changes than this.
const MOST_UNDONE: i64 = 32;

/// An interaction in the ledger.
#[derive(Clone)]
pub struct Held {
    /// Its current state. The long texts are always loaded.
    pub stored: Arc<Stored>,
    /// The fingerprint of the request that recorded it.
    pub fingerprint: Vec<u8>,
    /// Its place among all interactions. The place of a new one follows from its entry.
    pub seq: i64,
    /// For a new one, how it was recorded.
    pub recorded: Option<Recorded>,
    /// What must be written.
    pub dirty: Dirty,
}

/// How a new interaction was recorded.
#[derive(Clone)]
pub struct Recorded {
    /// The index of its journal entry.
    pub entry: usize,
    stored: Arc<Stored>,
    /// For the child of an engagement, the link that it was recorded with.
    link: Option<Link>,
}

impl Recorded {
    /// The whole delta of its entry.
    pub fn delta(&self) -> String {
        let provenance = self.link.as_ref().map(Link::provenance);
        content::recorded(&self.stored, provenance.as_ref())
    }
}

/// What must be written of an interaction. Its JSON is written whenever its row is.
#[derive(Clone, Default)]
pub struct Dirty {
    /// Its row.
    pub row: Extent,
    /// Whether its rows in the index of declared keys are written.
    pub index: bool,
    /// Whether its long texts are written.
    pub texts: bool,
    /// Its words, if they may differ from those in the index.
    pub words: Option<Words>,
    /// Whether the entry that records it is written whole, because a change cannot be undone.
    pub recording: bool,
}

/// How much of an interaction's row must be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// Nothing: it is as loaded.
    #[default]
    Nothing,
    /// Revision and modification date.
    Revision,
    /// All core attributes.
    Core,
    /// A new row.
    New,
}

/// The words of an interaction.
#[derive(Clone)]
pub struct Words {
    /// Those in the index.
    pub indexed: String,
    /// Those of its current state.
    pub current: String,
}

impl Held {
    /// An interaction as loaded.
    pub fn loaded(stored: Stored, fingerprint: Vec<u8>, seq: i64) -> Self {
        Self {
            stored: Arc::new(stored),
            fingerprint,
            seq,
            recorded: None,
            dirty: Dirty::default(),
        }
    }

    /// For a new one, the index of the journal entry that records it.
    pub fn entry(&self) -> Option<usize> {
        self.recorded.as_ref().map(|recorded| recorded.entry)
    }

    /// Makes a change at a moment a revision. The row is written to this extent at least.
    pub(super) fn revise(&mut self, at: Moment, extent: Extent) {
        let interaction = &mut Arc::make_mut(&mut self.stored).interaction;
        interaction.modified_date = at;
        interaction.revision += 1;
        self.dirty.recording |= interaction.revision == MOST_UNDONE;
        self.dirty.row = self.dirty.row.max(extent);
    }
}

impl Ledger<'_> {
    pub(super) fn build(
        &mut self,
        ask: &Ask<'_>,
        new: &NewInteraction,
        thread: Option<String>,
        contact_id: Option<String>,
        user_data: String,
    ) -> Stored {
        let at = ask.at;
        let id = new.id.clone().unwrap_or_else(|| self.ids.next(at));
        let thread = thread.unwrap_or_else(|| self.ids.next(at));
        let (interaction, texts) = new.recorded(ask.tenant, at, id, thread, contact_id);
        Stored {
            interaction,
            texts: Some(texts),
            user_data,
        }
    }

    pub(super) fn add(
        &mut self,
        ask: &Ask<'_>,
        kind: Kind,
        stored: Stored,
        link: Option<Link>,
        unkept: Vec<String>,
    ) -> Outcome {
        let stored = Arc::new(stored);
        let copied = link.as_ref().map(|link| link.copied.clone());
        // the entry says what follows from the interaction, so it stays empty unless a change in the
        // same group cannot be undone
        let entry = self.enter(
            ask,
            kind,
            stored.interaction.created_date,
            &stored.interaction,
            String::new(),
        );
        let held = Held {
            stored: Arc::clone(&stored),
            fingerprint: ask.ready.fingerprint.clone(),
            seq: 0,
            recorded: Some(Recorded {
                entry,
                stored: Arc::clone(&stored),
                link,
            }),
            dirty: Dirty {
                row: Extent::New,
                index: stored.user_data.len() > 2,
                texts: stored.texts.as_ref().is_some_and(|texts| !texts.is_empty()),
                words: (!ask.ready.words.is_empty()).then(|| Words {
                    indexed: String::new(),
                    current: ask.ready.words.clone(),
                }),
                recording: false,
            },
        };
        self.interactions
            .insert((ask.tenant, stored.interaction.id.clone()), held);
        Outcome::Recorded {
            stored,
            created: true,
            dropped: ask.ready.dropped.clone(),
            repeated: ask.ready.repeated.clone(),
            copied,
            unkept,
            cursor: Some(self.cursor(entry)),
        }
    }

    /// Checks what a command requires of the interaction that it changes, in its current state.
    /// Every command that changes an interaction calls this first.
    pub(super) fn check(
        &self,
        ask: &Ask<'_>,
        id: &str,
        requires: &Requirement,
    ) -> Result<(), Refusal> {
        let held = self
            .interactions
            .get(&(ask.tenant, id.to_owned()))
            .ok_or_else(|| Refusal::no_interaction(id))?;
        requires.check(&held.stored.interaction)
    }

    /// A stored interaction, and the moment of its next change, which is after its last one.
    pub(super) fn held(&mut self, ask: &Ask<'_>, id: &str) -> Result<(&mut Held, Moment), Refusal> {
        let held = self
            .interactions
            .get_mut(&(ask.tenant, id.to_owned()))
            .ok_or_else(|| Refusal::no_interaction(id))?;
        let at = ask.at.following(held.stored.interaction.modified_date);
        Ok((held, at))
    }

    pub(super) fn edit(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        edit: &Edit,
    ) -> Result<Outcome, StoreError> {
        let limits = self.rules.limits.clone();
        let (held, at) = self.held(ask, id)?;
        let old = Arc::clone(&held.stored);
        let mut document = document(&held.stored.user_data)?;
        let edit = &*edit.named(&document);
        let before = Size {
            keys: document.len(),
            bytes: held.stored.user_data.len(),
        };
        let previous = edit.apply(&mut document);
        let user_data = text(&document);
        let after = Size {
            keys: document.len(),
            bytes: user_data.len(),
        };
        check_growth(before, after, &limits)?;
        let (kind, delta) = content::edited(edit, previous);
        let outcome = |stored, cursor| Outcome::Edited {
            stored,
            dropped: ask.ready.dropped.clone(),
            repeated: ask.ready.repeated.clone(),
            cursor,
        };
        let Some(kind) = kind else {
            // only transient keys were sent: nothing changes, and there is no entry
            return Ok(outcome(Arc::clone(&held.stored), None));
        };
        Arc::make_mut(&mut held.stored).user_data = user_data;
        held.dirty.index = true;
        held.revise(at, Extent::Revision);
        let stored = Arc::clone(&held.stored);
        let entry = self.enter_change(ask, kind, (&old, &stored), delta);
        let cursor = Some(self.cursor(entry));
        let stored = self.follow_visit(ask, stored, &document)?;
        Ok(outcome(stored, cursor))
    }

    pub(super) fn change(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        patch: &InteractionPatch,
        kind: Kind,
    ) -> Result<Outcome, Refusal> {
        let old = Arc::clone(&self.held(ask, id)?.0.stored);
        let changes = self.apply_patch(ask, id, patch)?;
        let (held, at) = self.held(ask, id)?;
        if !changes {
            return Ok(Outcome::Changed {
                stored: Arc::clone(&held.stored),
                copied: None,
                cursor: None,
            });
        }
        held.revise(at, Extent::Core);
        let stored = Arc::clone(&held.stored);
        let entry = self.enter_change(ask, kind, (&old, &stored), content::changed(patch));
        Ok(Outcome::Changed {
            cursor: Some(self.cursor(entry)),
            copied: None,
            stored,
        })
    }

    /// The interaction as a patch would leave it, and whether that is a change. Revision and
    /// modification date stay.
    pub(super) fn patched(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        patch: &InteractionPatch,
    ) -> Result<(Stored, bool), Refusal> {
        if let Some(Some(contact)) = &patch.contact_id {
            self.known_contact(ask, contact)?;
        }
        let (held, _) = self.held(ask, id)?;
        let mut after = (*held.stored).clone();
        let mut texts = after.texts.take().unwrap_or_default();
        patch.apply(&mut after.interaction, &mut texts)?;
        if patch.parent_id == Some(None) {
            after.interaction.parent_id = None;
        }
        let changes = after.interaction != held.stored.interaction
            || Some(&texts) != held.stored.texts.as_ref();
        after.texts = Some(texts);
        Ok((after, changes))
    }

    /// Applies a patch without touching revision and modification date. Returns whether anything
    /// changed.
    pub(super) fn apply_patch(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        patch: &InteractionPatch,
    ) -> Result<bool, Refusal> {
        let (after, changes) = self.patched(ask, id, patch)?;
        if !changes {
            return Ok(false);
        }
        let (held, _) = self.held(ask, id)?;
        if patch.subject.is_some() || patch.text.is_some() {
            let none = LongTexts::default();
            let current = index_words(&after.interaction, after.texts.as_ref().unwrap_or(&none));
            let indexed = match held.dirty.words.take() {
                Some(words) => words.indexed,
                None => index_words(
                    &held.stored.interaction,
                    held.stored.texts.as_ref().unwrap_or(&none),
                ),
            };
            held.dirty.words = Some(Words { indexed, current });
        }
        held.dirty.index |= after.interaction.start_date != held.stored.interaction.start_date;
        held.dirty.texts |= patch.touches_texts();
        held.dirty.recording |= patch.touches_texts();
        let before = std::mem::replace(&mut held.stored, Arc::new(after));
        let former = before.interaction.contact_id.as_deref();
        if let Some(contact) =
            former.filter(|_| held.stored.interaction.contact_id != before.interaction.contact_id)
        {
            let former = Former {
                interaction: id.to_owned(),
                tenant: ask.tenant,
                contact: contact.to_owned(),
            };
            self.former.insert(former);
        }
        Ok(true)
    }

    pub(super) fn stop(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        reason: Option<&String>,
        end: Option<Moment>,
    ) -> Result<Outcome, Refusal> {
        let (held, at) = self.held(ask, id)?;
        let reason = reason.map(String::as_str);
        let patch = InteractionPatch::stop(&held.stored.interaction, at, end, reason);
        self.change(ask, id, &patch, Kind::InteractionStopped)
    }

    /// Stores UserData and stops the interaction. If the stop is refused, the edit is undone.
    pub(super) fn complete(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        edit: &Edit,
        lasted: Option<i64>,
    ) -> Result<Outcome, StoreError> {
        let (held, _) = self.held(ask, id)?;
        let before = held.clone();
        let end = lasted.map(|micros| held.stored.interaction.start_date.plus_micros(micros));
        let (entries, key) = (self.journal.len(), (ask.tenant, id.to_owned()));
        let link = self.links.get(&key).cloned();
        self.edit(ask, id, edit)?;
        self.stop(ask, id, None, end).map_err(|refusal| {
            self.journal.truncate(entries);
            self.interactions.insert(key.clone(), before);
            match link {
                Some(link) => self.links.insert(key, link),
                None => self.links.remove(&key),
            };
            refusal.into()
        })
    }
}

/// The outcome of recording an interaction that exists already.
pub(super) fn recorded_before(ask: &Ask<'_>, held: &Held) -> Outcome {
    Outcome::Recorded {
        stored: Arc::clone(&held.stored),
        created: false,
        dropped: ask.ready.dropped.clone(),
        repeated: ask.ready.repeated.clone(),
        copied: None,
        unkept: Vec::new(),
        cursor: None,
    }
}
