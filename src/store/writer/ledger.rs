//! The unit of work of a group: what was loaded, what the commands changed, and what must be
//! written.
//!
//! Every command makes all checks that can refuse it before it changes anything. So a refusal
//! leaves the ledger as it was.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::engage::touch;
use super::web_event::{EventKey, HeldEvent};
use crate::domain::change::Kind;
use crate::domain::client::{Answer, Choice, ClientSession, NewChoice, SessionEdit, TAKEN_AWAY};
use crate::domain::command::{
    Command, Outcome, Preparation, Repeatable, Reply, Rules, Stored, Submission,
};
use crate::domain::contact::{self, Attributes, Candidate, Contact, Folded};
use crate::domain::id::Ids;
use crate::domain::interaction::{
    EntityType, Interaction, InteractionPatch, LongTexts, NewInteraction, Status,
};
use crate::domain::requirement::want_revision;
use crate::domain::user_data::{self, Document, Edit, KeyPath};
use crate::domain::{Clock, Moment, Refusal, Requirement, words};
use crate::store::{StoreError, content};

/// A tenant and an identifier in it.
pub type Key = (i64, String);

/// An interaction in the ledger.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says of a part of the row whether it is to be written"
)]
pub struct Held {
    /// Its current state. The long texts are always loaded.
    pub stored: Arc<Stored>,
    /// The fingerprint of the request that recorded it.
    pub fingerprint: Vec<u8>,
    /// Its place among all interactions. The place of a new one follows from its entry.
    pub seq: i64,
    /// For a new one, the index of the journal entry that records it.
    pub entry: Option<usize>,
    /// Whether revision and modification date changed.
    pub touched: bool,
    /// Whether core attributes changed.
    pub changed: bool,
    /// Whether UserData changed in a way that affects its index rows.
    pub user_data_changed: bool,
    /// Whether long texts changed.
    pub texts_changed: bool,
    /// Its indexed words, before and after the change.
    pub words: Option<(String, String)>,
}

impl Held {
    /// An interaction as loaded.
    pub fn loaded(stored: Stored, fingerprint: Vec<u8>, seq: i64) -> Self {
        Self {
            stored: Arc::new(stored),
            fingerprint,
            seq,
            entry: None,
            touched: false,
            changed: false,
            user_data_changed: false,
            texts_changed: false,
            words: None,
        }
    }
}

/// A contact in the ledger.
pub struct HeldContact {
    /// Its current state.
    pub contact: Arc<Contact>,
    /// Its identifying values.
    pub folded: Folded,
    /// The fingerprint of the request that created it.
    pub fingerprint: Vec<u8>,
    /// What must be written.
    pub state: Standing,
}

/// The state of a contact in the ledger relative to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Unchanged.
    Loaded,
    /// Changed.
    Changed,
    /// Not stored yet.
    New,
}

/// The result of identifying a contact.
#[derive(Default)]
pub(super) struct Identified {
    /// The matching contact, the oldest of several.
    pub contact_id: Option<String>,
    created: bool,
    candidates: Vec<String>,
    unkept: Vec<String>,
}

/// A journal entry; its cursor follows from its position.
pub struct Entry {
    /// Tenant.
    pub tenant: i64,
    /// When it happened.
    pub at: Moment,
    /// The kind.
    pub kind: Kind,
    /// The interaction.
    pub interaction_id: Option<String>,
    /// The contact.
    pub contact_id: Option<String>,
    /// The media type.
    pub media_type: Option<String>,
    /// The owner.
    pub owner_id: Option<String>,
    /// The web action.
    pub action_id: Option<String>,
    /// The actor.
    pub actor: Arc<str>,
    /// The delta as JSON text.
    pub delta: String,
}

/// A link from a web engagement to its conversation.
#[derive(Clone)]
pub struct Link {
    /// Tenant.
    pub tenant: i64,
    /// The web engagement.
    pub parent: String,
    /// The conversation.
    pub child: String,
    /// The policy as requested, or the server's.
    pub copy: Option<String>,
    /// The keys copied.
    pub copied: Vec<String>,
    /// Its origin: one of [`super::engage::ORIGINS`], or `userData.<key>`.
    pub linked_by: String,
    /// When it was created.
    pub at: Moment,
}

/// The stored reply to a repeatable request.
pub struct Kept {
    /// Fingerprint of the body.
    pub fingerprint: Vec<u8>,
    /// The answer.
    pub reply: Reply,
    /// The interaction that it is about.
    pub interaction_id: Option<String>,
    /// The contact that it is about.
    pub contact_id: Option<String>,
    /// When it was given; `None` if it is already stored.
    pub new_at: Option<Moment>,
}

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

/// The unit of work of a group.
pub struct Ledger<'t> {
    /// The last cursor assigned before this group.
    pub head: i64,
    /// The declared keys.
    pub keys: &'t [KeyPath],
    /// Interactions loaded or created. One that is missing here is not in the store.
    pub interactions: HashMap<Key, Held>,
    /// Contacts loaded or created.
    pub contacts: HashMap<Key, HeldContact>,
    /// Contacts that are known to exist but are not loaded.
    pub named: HashSet<Key>,
    /// The contacts with a value, by attribute name and folded value.
    pub by_value: HashMap<(i64, String, String), Vec<String>>,
    /// The loaded contacts that were merged into one. No command in a group merges.
    merged: HashMap<Key, Vec<String>>,
    /// Stored replies, by tenant, path and key.
    pub replies: HashMap<(i64, String, String), Kept>,
    /// New entries.
    pub journal: Vec<Entry>,
    /// Links to be written, by child; `None` removes the link.
    pub links: HashMap<Key, Option<Link>>,
    /// Web engagements with a value that links conversations, by tenant, index in `link_by`, and
    /// value.
    pub visits: HashMap<(i64, usize, String), Vec<String>>,
    /// Events of web actions, loaded or new.
    pub web_events: HashMap<EventKey, HeldEvent>,
    /// Sessions of clients, loaded or opened.
    pub sessions: HashMap<String, HeldSession>,
    /// Choices of spellings, loaded or made, by tenant, user, sign-in session and collection, and
    /// whether each was made in this group.
    pub choices: BTreeMap<(i64, String, String, String), (Choice, bool)>,
    /// The last deletion or erasure of a tenant, loaded if there are answers.
    pub erased: HashMap<i64, i64>,
    /// Answers to clients.
    pub answers: Vec<GivenAnswer>,
    clock: &'t dyn Clock,
    ids: &'t mut Ids,
    pub(super) rules: &'t Rules,
}

impl<'t> Ledger<'t> {
    /// An empty ledger over the head of the journal.
    pub fn new(
        head: i64,
        clock: &'t dyn Clock,
        ids: &'t mut Ids,
        rules: &'t Rules,
        keys: &'t [KeyPath],
    ) -> Self {
        Self {
            head,
            keys,
            interactions: HashMap::new(),
            contacts: HashMap::new(),
            named: HashSet::new(),
            by_value: HashMap::new(),
            merged: HashMap::new(),
            replies: HashMap::new(),
            journal: Vec::new(),
            links: HashMap::new(),
            visits: HashMap::new(),
            web_events: HashMap::new(),
            sessions: HashMap::new(),
            choices: BTreeMap::new(),
            erased: HashMap::new(),
            answers: Vec::new(),
            clock,
            ids,
            rules,
        }
    }

    /// The current time.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Applies one command, or refuses it and leaves everything as it was.
    pub fn apply(
        &mut self,
        submission: &Submission,
        ready: &Preparation,
    ) -> Result<Outcome, StoreError> {
        if let Some(repeatable) = &submission.repeatable
            && let Some(reply) = self.replay(submission.tenant, repeatable)?
        {
            return Ok(Outcome::Replayed(reply));
        }
        let at = submission.at.unwrap_or_else(|| self.clock.now());
        let ask = Ask {
            tenant: submission.tenant,
            at,
            actor: &submission.actor,
            ready,
        };
        let outcome = match &submission.command {
            Command::Record(new) => self.record(&ask, new)?,
            Command::Ensure {
                new,
                known_by,
                requires,
            } => self.ensure(&ask, new, *known_by, requires)?,
            Command::Engage(child) => self.engage(&ask, child)?,
            Command::SetParent {
                id,
                parent,
                copy,
                requires,
            } => {
                self.check(&ask, id, requires)?;
                let rest = InteractionPatch::default();
                self.set_parent(&ask, id, parent, copy.as_deref(), &rest)?
            }
            Command::EditUserData { id, edit, requires } => {
                self.check(&ask, id, requires)?;
                self.edit(&ask, id, edit)?
            }
            Command::Change {
                id,
                patch,
                requires,
            } => {
                self.check(&ask, id, requires)?;
                self.patch(&ask, id, patch)?
            }
            Command::Stop {
                id,
                reason,
                end,
                requires,
            } => {
                self.check(&ask, id, requires)?;
                self.stop(&ask, id, reason.as_ref(), *end)?
            }
            Command::Complete {
                id,
                edit,
                lasted,
                requires,
            } => {
                self.check(&ask, id, requires)?;
                self.complete(&ask, id, edit, *lasted)?
            }
            Command::CreateContact { id, .. } => self.create_contact(&ask, id.as_deref())?,
            Command::ChangeContact {
                id,
                attributes,
                if_match,
            } => {
                let cleared = attributes
                    .iter()
                    .filter(|(_, values)| values.is_none())
                    .map(|(name, _)| name);
                self.change_contact(&ask, id, cleared, *if_match)?
            }
            Command::IdentifyContact {
                create, media_type, ..
            } => self.identify(&ask, media_type.as_deref(), *create),
            Command::RecordWebAction(action) => self.record_web_action(&ask, action)?,
            Command::OpenSession(session) => self.open_session(&ask, session),
            Command::EditSession(edit) => self.edit_session(&ask, edit)?,
            Command::ChooseSpelling(choice) => {
                self.choose_spelling(&ask, choice);
                Outcome::Done
            }
            Command::Answer(answer) => {
                self.answer(&ask, answer);
                Outcome::Done
            }
            _ => unreachable!("commands of their own transaction do not come here"),
        };
        if let Some(repeatable) = &submission.repeatable {
            self.keep(submission.tenant, at, repeatable, &outcome);
        }
        Ok(outcome)
    }

    fn replay(&self, tenant: i64, repeatable: &Repeatable) -> Result<Option<Reply>, Refusal> {
        match self
            .replies
            .get(&(tenant, repeatable.path.clone(), repeatable.key.clone()))
        {
            None => Ok(None),
            Some(kept) if kept.fingerprint == repeatable.fingerprint => {
                Ok(Some(kept.reply.clone()))
            }
            Some(_) => Err(Refusal::Conflict(format!(
                "the Idempotency-Key {:?} was sent before with another body",
                repeatable.key
            ))),
        }
    }

    fn keep(&mut self, tenant: i64, at: Moment, repeatable: &Repeatable, outcome: &Outcome) {
        let (interaction_id, contact_id) = match outcome {
            Outcome::Recorded { stored, .. }
            | Outcome::Edited { stored, .. }
            | Outcome::Changed { stored, .. } => (
                Some(stored.interaction.id.clone()),
                stored.interaction.contact_id.clone(),
            ),
            Outcome::Contact(contact) | Outcome::ContactMade(contact) => {
                (None, Some(contact.id.clone()))
            }
            Outcome::Identified { contact_id, .. } => (None, contact_id.clone()),
            _ => (None, None),
        };
        let kept = Kept {
            fingerprint: repeatable.fingerprint.clone(),
            reply: (repeatable.render)(outcome),
            interaction_id,
            contact_id,
            new_at: Some(at.max(self.clock.now())),
        };
        self.replies.insert(
            (tenant, repeatable.path.clone(), repeatable.key.clone()),
            kept,
        );
    }

    pub(super) fn enter(
        &mut self,
        ask: &Ask<'_>,
        kind: Kind,
        at: Moment,
        of: &Interaction,
        delta: String,
    ) -> usize {
        self.journal.push(Entry {
            tenant: ask.tenant,
            at,
            kind,
            interaction_id: Some(of.id.clone()),
            contact_id: of.contact_id.clone(),
            media_type: Some(of.media_type.clone()),
            owner_id: of.owner_id.clone(),
            action_id: None,
            actor: Arc::clone(ask.actor),
            delta,
        });
        self.journal.len() - 1
    }

    /// The cursor of an entry of this group.
    pub(super) fn cursor(&self, entry: usize) -> i64 {
        self.head + 1 + i64::try_from(entry).unwrap_or(0)
    }

    /// The contact of a new interaction, and the given attributes that were not added to it.
    pub(super) fn contact_of(
        &mut self,
        ask: &Ask<'_>,
        new: &NewInteraction,
    ) -> Result<(Option<String>, Vec<String>), Refusal> {
        if let Some(id) = &new.contact_id {
            self.known_contact(ask, id)?;
            return Ok((Some(id.clone()), Vec::new()));
        }
        if ask.ready.attributes.is_empty() {
            return Ok((None, Vec::new()));
        }
        let found = self.identified(ask, Some(&new.media_type), true);
        Ok((found.contact_id, found.unkept))
    }

    fn known_contact(&self, ask: &Ask<'_>, id: &str) -> Result<(), Refusal> {
        let key = (ask.tenant, id.to_owned());
        if self.contacts.contains_key(&key) || self.named.contains(&key) {
            Ok(())
        } else {
            Err(Refusal::invalid(
                "/contactId",
                format!("names {id:?}, which is no contact"),
            ))
        }
    }

    pub(super) fn build(
        &mut self,
        ask: &Ask<'_>,
        new: &NewInteraction,
        thread: Option<String>,
        contact_id: Option<String>,
        user_data: String,
    ) -> Stored {
        let at = ask.at;
        let status = new.status.unwrap_or(if new.end_date.is_some() {
            Status::Stopped
        } else {
            Status::New
        });
        // an end without a start: the interaction began no later than its end
        let start = new
            .start_date
            .unwrap_or_else(|| new.end_date.map_or(at, |end| end.min(at)));
        let interaction = Interaction {
            id: new.id.clone().unwrap_or_else(|| self.ids.next(at)),
            tenant_id: ask.tenant,
            media_type: new.media_type.clone(),
            entity_type: new
                .entity_type
                .unwrap_or_else(|| EntityType::of_media(&new.media_type, new.kind.as_deref())),
            kind: new.kind.clone(),
            subtype: new.subtype.clone(),
            status,
            contact_id,
            owner_id: new.owner_id.clone(),
            parent_id: new.parent_id.clone(),
            thread_id: thread.unwrap_or_else(|| self.ids.next(at)),
            can_be_parent: new.can_be_parent.unwrap_or(true),
            start_date: start,
            end_date: new.end_date.map(|end| end.max(start)),
            created_date: at,
            modified_date: at,
            revision: 1,
            subject: new.subject.clone(),
            queue: new.queue.clone(),
            category_id: new.category_id.clone(),
            external_id: new.external_id.clone(),
            stopped_reason: new.stopped_reason.clone(),
            language: new.language.clone(),
        };
        let texts = LongTexts {
            text: new.text.clone(),
            structured_text: new.structured_text.clone(),
            comment: new.comment.clone(),
            participants: new.participants.clone(),
        };
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
        delta: String,
        copied: Option<Vec<String>>,
        unkept: Vec<String>,
    ) -> Outcome {
        let stored = Arc::new(stored);
        let entry = self.enter(
            ask,
            kind,
            stored.interaction.created_date,
            &stored.interaction,
            delta,
        );
        let held = Held {
            stored: Arc::clone(&stored),
            fingerprint: ask.ready.fingerprint.clone(),
            seq: 0,
            entry: Some(entry),
            touched: false,
            changed: false,
            user_data_changed: stored.user_data.len() > 2,
            texts_changed: stored.texts.as_ref().is_some_and(|texts| !texts.is_empty()),
            words: (!ask.ready.words.is_empty()).then(|| (String::new(), ask.ready.words.clone())),
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
    fn check(&self, ask: &Ask<'_>, id: &str, requires: &Requirement) -> Result<(), Refusal> {
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
        let at = ask
            .at
            .max(held.stored.interaction.modified_date.just_after());
        Ok((held, at))
    }

    fn edit(&mut self, ask: &Ask<'_>, id: &str, edit: &Edit) -> Result<Outcome, StoreError> {
        let limits = self.rules.limits.clone();
        let (held, at) = self.held(ask, id)?;
        let mut document = document(&held.stored.user_data)?;
        let edit = &*edit.named(&document);
        let keys = document.len();
        let previous = edit.apply(&mut document);
        let after = text(&document);
        // a document beyond a limit, which may have been higher before, may still shrink
        if document.len() > limits.keys && document.len() > keys {
            return Err(Refusal::invalid(
                "",
                format!("would leave more than {} keys", limits.keys),
            )
            .into());
        }
        if after.len() > limits.user_data && after.len() > held.stored.user_data.len() {
            return Err(Refusal::invalid(
                "",
                format!(
                    "would leave more than {} bytes of UserData",
                    limits.user_data
                ),
            )
            .into());
        }
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
        let stored = Arc::make_mut(&mut held.stored);
        stored.user_data = after;
        stored.interaction.modified_date = at;
        stored.interaction.revision += 1;
        held.touched = true;
        held.user_data_changed = true;
        let stored = Arc::clone(&held.stored);
        let entry = self.enter(ask, kind, at, &stored.interaction, delta);
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
        let changes = self.apply_patch(ask, id, patch)?;
        let (held, at) = self.held(ask, id)?;
        if !changes {
            return Ok(Outcome::Changed {
                stored: Arc::clone(&held.stored),
                copied: None,
                cursor: None,
            });
        }
        touch(held, at);
        let stored = Arc::clone(&held.stored);
        let entry = self.enter(ask, kind, at, &stored.interaction, content::changed(patch));
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
            let new = index_words(&after.interaction, after.texts.as_ref().unwrap_or(&none));
            let old = match held.words.take() {
                Some((in_index, _)) => in_index,
                None => index_words(
                    &held.stored.interaction,
                    held.stored.texts.as_ref().unwrap_or(&none),
                ),
            };
            held.words = Some((old, new));
        }
        held.user_data_changed |=
            after.interaction.start_date != held.stored.interaction.start_date;
        held.texts_changed |= patch.touches_texts();
        held.stored = Arc::new(after);
        Ok(true)
    }

    fn stop(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        reason: Option<&String>,
        end: Option<Moment>,
    ) -> Result<Outcome, Refusal> {
        let (held, at) = self.held(ask, id)?;
        let there = &held.stored.interaction;
        let end = end
            .or(there.end_date)
            .unwrap_or_else(|| at.max(there.start_date));
        let patch = InteractionPatch {
            status: Some(Status::Stopped),
            end_date: Some(Some(end)),
            stopped_reason: reason.map(|reason| Some(reason.clone())),
            ..InteractionPatch::default()
        };
        self.change(ask, id, &patch, Kind::InteractionStopped)
    }

    /// Stores UserData and stops the interaction. If the stop is refused, the edit is undone.
    fn complete(
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

    /// Adds an answer. If content was deleted or erased after its `as_of`, the client is told to
    /// ask again.
    fn answer(&mut self, ask: &Ask<'_>, answer: &Answer) {
        let mut answer = answer.clone();
        let erased = self.erased.get(&ask.tenant);
        if erased.is_some_and(|erased| *erased > answer.as_of) {
            answer.data = format!(
                "{{\"referenceId\":{},\"errorMessage\":\"{TAKEN_AWAY}\"}}",
                answer.reference_id
            );
        }
        self.answers.push(GivenAnswer {
            tenant: ask.tenant,
            at: ask.at,
            answer,
        });
    }

    fn open_session(&mut self, ask: &Ask<'_>, session: &ClientSession) -> Outcome {
        let mut session = session.clone();
        session.choices = self
            .choices
            .iter()
            .filter(|((tenant, user, sign_in, _), _)| {
                let concerns = sign_in.is_empty() || *sign_in == session.sign_in;
                *tenant == ask.tenant && *user == session.user && concerns
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
    fn choose_spelling(&mut self, ask: &Ask<'_>, new: &NewChoice) {
        let choice = Choice {
            collection: new.collection.clone(),
            twin: new.twin,
            sign_in: new.sign_in.clone(),
            at: ask.at,
        };
        for held in self.sessions.values_mut() {
            let session = &held.session;
            let of_user = session.tenant_id == ask.tenant && session.user == new.user;
            if of_user && (new.sign_in.is_empty() || session.sign_in == new.sign_in) {
                let session = Arc::make_mut(&mut held.session);
                session.choices.retain(|known| {
                    (&known.sign_in, &known.collection) != (&choice.sign_in, &choice.collection)
                });
                session.choices.push(choice.clone());
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

    fn edit_session(&mut self, ask: &Ask<'_>, edit: &SessionEdit) -> Result<Outcome, Refusal> {
        let held = self
            .sessions
            .get_mut(&edit.id)
            .filter(|held| held.session.tenant_id == ask.tenant && !held.session.holder.is_empty())
            .ok_or_else(|| Refusal::NotFound("session", edit.id.clone()))?;
        let session = Arc::make_mut(&mut held.session);
        if session.subscriptions.is_empty() && !edit.add.is_empty() {
            // a session without subscriptions is due nothing from before
            session.cursor = session.cursor.max(self.head);
        }
        session
            .subscriptions
            .retain(|known| !edit.remove.contains(known));
        for new in &edit.add {
            if !session.subscriptions.contains(new) {
                session.subscriptions.push(new.clone());
            }
        }
        if let Some(holder) = &edit.holder {
            session.holder.clone_from(holder);
        }
        held.changed_at = Some(ask.at);
        Ok(Outcome::Session(Arc::clone(&held.session)))
    }

    fn create_contact(&mut self, ask: &Ask<'_>, id: Option<&str>) -> Result<Outcome, Refusal> {
        if let Some(id) = id
            && let Some(held) = self.contacts.get(&(ask.tenant, id.to_owned()))
        {
            if held.fingerprint == ask.ready.fingerprint {
                return Ok(Outcome::Contact(Arc::clone(&held.contact)));
            }
            return Err(Refusal::Conflict(format!(
                "a contact {id:?} was made before, with other attributes"
            )));
        }
        Ok(Outcome::ContactMade(self.add_contact(ask, id)))
    }

    fn add_contact(&mut self, ask: &Ask<'_>, id: Option<&str>) -> Arc<Contact> {
        let contact = Arc::new(Contact {
            id: id.map_or_else(|| self.ids.next(ask.at), str::to_owned),
            tenant_id: ask.tenant,
            merged_into: None,
            created_date: ask.at,
            modified_date: ask.at,
            revision: 1,
            attributes: ask.ready.attributes.clone(),
        });
        self.enter_contact(
            ask,
            Kind::ContactCreated,
            ask.at,
            &contact,
            content::attributes(&contact.attributes),
        );
        let fingerprint = ask.ready.fingerprint.clone();
        self.hold(Arc::clone(&contact), fingerprint, Standing::New);
        contact
    }

    /// Puts a contact into the ledger and indexes its values.
    pub fn hold(&mut self, contact: Arc<Contact>, fingerprint: Vec<u8>, state: Standing) {
        let (tenant, id) = (contact.tenant_id, contact.id.clone());
        let folded = self.rules.contacts.fold_all(&contact.attributes);
        for (name, values) in &folded {
            for value in values {
                let place = (tenant, name.clone(), value.clone());
                let with = self.by_value.entry(place).or_default();
                if !with.contains(&id) {
                    with.push(id.clone());
                }
            }
        }
        if let Some(into) = &contact.merged_into {
            let merged = self.merged.entry((tenant, into.clone())).or_default();
            if !merged.contains(&id) {
                merged.push(id.clone());
            }
        }
        let held = HeldContact {
            contact,
            folded,
            fingerprint,
            state,
        };
        self.contacts.insert((tenant, id), held);
    }

    fn enter_contact(
        &mut self,
        ask: &Ask<'_>,
        kind: Kind,
        at: Moment,
        contact: &Contact,
        delta: String,
    ) {
        self.journal.push(Entry {
            tenant: ask.tenant,
            at,
            kind,
            interaction_id: None,
            contact_id: Some(contact.id.clone()),
            media_type: None,
            owner_id: None,
            action_id: None,
            actor: Arc::clone(ask.actor),
            delta,
        });
    }

    fn change_contact<'n>(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        cleared: impl Iterator<Item = &'n String>,
        if_match: Option<i64>,
    ) -> Result<Outcome, Refusal> {
        let held = self
            .contacts
            .get(&(ask.tenant, id.to_owned()))
            .ok_or_else(|| Refusal::no_contact(id))?;
        let there = &held.contact;
        want_revision("contact", there.revision, if_match)?;
        let at = ask.at.max(there.modified_date.just_after());
        let mut delta: BTreeMap<&str, Option<&Vec<String>>> = ask
            .ready
            .attributes
            .iter()
            .map(|(name, values)| (name.as_str(), Some(values)))
            .collect();
        let mut after = (**there).clone();
        after.attributes.extend(ask.ready.attributes.clone());
        for name in cleared {
            after.attributes.remove(name);
            delta.insert(name, None);
        }
        if after.attributes == there.attributes {
            return Ok(Outcome::Contact(Arc::clone(there)));
        }
        if after.attributes.len() > contact::MOST_ATTRIBUTES {
            return Err(Refusal::invalid(
                "/attributes",
                format!(
                    "would leave more than {} attributes",
                    contact::MOST_ATTRIBUTES
                ),
            ));
        }
        after.modified_date = at;
        after.revision += 1;
        let delta = serde_json::json!({ "attributes": delta }).to_string();
        Ok(Outcome::Contact(
            self.replace_contact(ask, at, after, delta),
        ))
    }

    /// Replaces a contact by its changed version, and adds the entry.
    fn replace_contact(
        &mut self,
        ask: &Ask<'_>,
        at: Moment,
        after: Contact,
        delta: String,
    ) -> Arc<Contact> {
        let contact = Arc::new(after);
        self.enter_contact(ask, Kind::ContactChanged, at, &contact, delta);
        self.forget_values(ask.tenant, &contact.id);
        let before = self.contacts.get(&(ask.tenant, contact.id.clone()));
        let (fingerprint, state) = match before {
            Some(held) if held.state == Standing::New => (held.fingerprint.clone(), Standing::New),
            Some(held) => (held.fingerprint.clone(), Standing::Changed),
            None => (Vec::new(), Standing::Changed),
        };
        self.hold(Arc::clone(&contact), fingerprint, state);
        contact
    }

    fn forget_values(&mut self, tenant: i64, id: &str) {
        for ((of, ..), with) in &mut self.by_value {
            if *of == tenant {
                with.retain(|other| other != id);
            }
        }
    }

    fn identify(&mut self, ask: &Ask<'_>, media_type: Option<&str>, create: bool) -> Outcome {
        let found = self.identified(ask, media_type, create);
        Outcome::Identified {
            contact_id: found.contact_id,
            created: found.created,
            candidates: found.candidates,
            unkept: found.unkept,
        }
    }

    /// The contact that matches the prepared attributes. With `write`, creates one if none matches
    /// and any attribute is valid, and adds new values to a known one.
    pub(super) fn identified(
        &mut self,
        ask: &Ask<'_>,
        media_type: Option<&str>,
        write: bool,
    ) -> Identified {
        let given = &ask.ready.folded;
        // merged contacts are represented by the one they were merged into
        let mut roots: BTreeMap<(Moment, String), (Candidate, Attributes)> = BTreeMap::new();
        for (name, value) in given
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
        {
            let place = (ask.tenant, name.clone(), value.clone());
            for id in self.by_value.get(&place).into_iter().flatten() {
                let Some(held) = self.contacts.get(&(ask.tenant, id.clone())) else {
                    continue;
                };
                let root = self.root(&held.contact);
                roots
                    .entry((root.created_date, root.id.clone()))
                    .or_insert_with(|| self.person(root));
            }
        }
        let known: Vec<Candidate> = roots.values().map(|(known, _)| known.clone()).collect();
        let found = contact::recognise(&self.rules.contacts, media_type, given, &known);
        let all: Vec<(String, Attributes)> = roots
            .into_iter()
            .map(|((_, id), (_, attributes))| (id, attributes))
            .collect();
        let candidates: Vec<String> = found.iter().map(|place| all[*place].0.clone()).collect();
        match found.first() {
            Some(oldest) => {
                let (id, attributes) = &all[*oldest];
                let unkept = if write {
                    self.learn(ask, id, attributes, found.len() == 1)
                } else {
                    Vec::new()
                };
                Identified {
                    contact_id: Some(id.clone()),
                    created: false,
                    candidates,
                    unkept,
                }
            }
            None if write && !ask.ready.attributes.is_empty() => {
                let contact = self.add_contact(ask, None);
                Identified {
                    contact_id: Some(contact.id.clone()),
                    created: true,
                    candidates: vec![contact.id.clone()],
                    unkept: Vec::new(),
                }
            }
            None => Identified::default(),
        }
    }

    /// Adds new values in a request to a known contact. Returns the attributes with a value that
    /// was not added: if several contacts match, its owner is unknown, and an address of another
    /// contact stays with that contact.
    fn learn(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        known: &Attributes,
        only_one: bool,
    ) -> Vec<String> {
        let rules = &self.rules.contacts;
        let (mut new, mut unkept) = contact::unknown_values(rules, &ask.ready.attributes, known);
        for (name, values) in &mut new {
            let before = values.len();
            values.retain(|value| !self.is_anothers(ask.tenant, id, name, value));
            if values.len() < before {
                unkept.push(name.clone());
            }
        }
        new.retain(|_, values| !values.is_empty());
        let held = self.contacts.get(&(ask.tenant, id.to_owned()));
        let Some(held) = held.filter(|_| rules.learn && only_one && !new.is_empty()) else {
            unkept.extend(new.into_keys());
            unkept.sort_unstable();
            unkept.dedup();
            return unkept;
        };
        let at = ask.at.max(held.contact.modified_date.just_after());
        let mut after = (*held.contact).clone();
        add_values(&mut after.attributes, &new);
        let changed: BTreeMap<&String, &Vec<String>> = after
            .attributes
            .iter()
            .filter(|(name, _)| new.contains_key(*name))
            .collect();
        let delta = serde_json::json!({ "attributes": changed }).to_string();
        after.modified_date = at;
        after.revision += 1;
        self.replace_contact(ask, at, after, delta);
        unkept
    }

    /// The values of a contact and all contacts merged into it.
    fn person(&self, root: &Contact) -> (Candidate, Attributes) {
        let (mut known, mut attributes) = (Candidate::default(), Attributes::new());
        let mut left = vec![(root.tenant_id, root.id.clone())];
        while let Some(key) = left.pop() {
            if let Some(held) = self.contacts.get(&key) {
                known.add(&held.folded);
                add_values(&mut attributes, &held.contact.attributes);
            }
            let merged = self.merged.get(&key).into_iter().flatten();
            left.extend(merged.map(|id| (key.0, id.clone())));
        }
        (known, attributes)
    }

    /// Whether a value identifies a contact by itself and belongs to another contact.
    fn is_anothers(&self, tenant: i64, id: &str, name: &str, value: &str) -> bool {
        let rules = &self.rules.contacts;
        let folded = rules.fold(name, value);
        let Some(folded) = folded.filter(|_| rules.identifies_alone(name)) else {
            return false;
        };
        let place = (tenant, name.to_owned(), folded);
        self.by_value.get(&place).is_some_and(|holders| {
            holders
                .iter()
                .filter_map(|holder| self.contacts.get(&(tenant, holder.clone())))
                .any(|held| self.root(&held.contact).id != id)
        })
    }

    /// The contact at the end of all merges of another one.
    pub(super) fn root<'l>(&'l self, contact: &'l Arc<Contact>) -> &'l Arc<Contact> {
        let mut here = contact;
        while let Some(into) = &here.merged_into {
            match self.contacts.get(&(here.tenant_id, into.clone())) {
                Some(held) => here = &held.contact,
                None => break,
            }
        }
        here
    }
}

fn add_values(to: &mut Attributes, from: &Attributes) {
    for (name, values) in from {
        let there = to.entry(name.clone()).or_default();
        for value in values {
            if !there.contains(value) {
                there.push(value.clone());
            }
        }
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

/// The words that an interaction is indexed under.
pub fn index_words(interaction: &Interaction, texts: &LongTexts) -> String {
    words::joined(
        interaction
            .subject
            .as_deref()
            .into_iter()
            .chain(texts.text.as_deref()),
    )
}

pub(super) fn document(stored: &str) -> Result<Document, StoreError> {
    user_data::read(stored).map_err(|_| StoreError::inconsistent("interaction_json", "user_data"))
}

pub(super) fn text(document: &Document) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// The context of a command: who asks, and when.
pub(super) struct Ask<'a> {
    pub tenant: i64,
    pub at: Moment,
    pub actor: &'a Arc<str>,
    pub ready: &'a Preparation,
}
