//! The unit of work of a group: what was loaded, what the commands changed, and what must be
//! written.
//!
//! Every command makes all checks that can refuse it before it changes anything. So a refusal
//! leaves the ledger as it was.
//!
//! `interactions`, `engagements`, `parents`, `visits`, `contacts` and `clients` apply the commands
//! about their subject; web actions are in [`super::web_event`].

mod clients;
mod contacts;
mod engagements;
mod interactions;
mod parents;
mod visits;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

pub use clients::{GivenAnswer, HeldSession};
pub use contacts::{HeldContact, Standing};
pub use interactions::{Extent, Held, Words};
pub use parents::LARGEST_MOVE;

use super::web_event::{EventKey, HeldEvent};
use crate::domain::change::Kind;
use crate::domain::client::Choice;
use crate::domain::command::{
    Command, Outcome, Preparation, Repeatable, Reply, Rules, Stored, Submission,
};
use crate::domain::id::Ids;
use crate::domain::interaction::{Interaction, InteractionPatch};
use crate::domain::user_data::{self, Document, KeyPath};
use crate::domain::{Clock, Moment, Refusal};
use crate::store::tables::contact::Former;
use crate::store::tables::interaction::Link;
use crate::store::tables::journal::Entry;
use crate::store::{StoreError, undo};

/// A tenant and an identifier in it.
pub type Key = (i64, String);

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
    /// Contacts that interactions no longer belong to.
    pub former: HashSet<Former>,
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
            former: HashSet::new(),
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
        let key = (tenant, repeatable.path.clone(), repeatable.key.clone());
        let kept = self.replies.get(&key);
        kept.map(|kept| repeatable.replay(&kept.fingerprint, &kept.reply))
            .transpose()
    }

    fn keep(&mut self, tenant: i64, at: Moment, repeatable: &Repeatable, outcome: &Outcome) {
        let (interaction_id, contact_id) = outcome.about();
        let kept = Kept {
            fingerprint: repeatable.fingerprint.clone(),
            reply: (repeatable.render)(outcome),
            interaction_id: interaction_id.map(str::to_owned),
            contact_id: contact_id.map(str::to_owned),
            new_at: Some(at.max(self.clock.now())),
        };
        self.replies.insert(
            (tenant, repeatable.path.clone(), repeatable.key.clone()),
            kept,
        );
    }

    fn enter(
        &mut self,
        ask: &Ask<'_>,
        kind: Kind,
        at: Moment,
        of: &Interaction,
        delta: String,
    ) -> usize {
        self.journal.push(Entry {
            interaction_id: Some(of.id.clone()),
            contact_id: of.contact_id.clone(),
            media_type: Some(of.media_type.clone()),
            owner_id: of.owner_id.clone(),
            ..ask.entry(kind, at, delta)
        });
        self.journal.len() - 1
    }

    /// Enters a change of an interaction that exists.
    fn enter_change(
        &mut self,
        ask: &Ask<'_>,
        kind: Kind,
        (old, new): (&Stored, &Stored),
        delta: String,
    ) -> usize {
        let before = undo::before(old, new, &delta);
        let at = new.interaction.modified_date;
        let entry = self.enter(ask, kind, at, &new.interaction, delta);
        self.journal[entry].before = before;
        entry
    }

    /// The cursor of an entry of this group.
    pub(super) fn cursor(&self, entry: usize) -> i64 {
        self.head + 1 + i64::try_from(entry).unwrap_or(0)
    }
}

fn document(stored: &str) -> Result<Document, StoreError> {
    user_data::read(stored).map_err(|_| StoreError::inconsistent("interaction_json", "user_data"))
}

pub(super) fn text(document: &Document) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// The context of a command: who asks, and when.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    pub tenant: i64,
    pub at: Moment,
    pub actor: &'a Arc<str>,
    pub ready: &'a Preparation,
}

impl Ask<'_> {
    /// An entry of what the command did, which names no subject yet.
    pub fn entry(&self, kind: Kind, at: Moment, delta: String) -> Entry {
        Entry::new(self.tenant, at, kind, self.actor, delta)
    }
}
