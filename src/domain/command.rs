//! Commands: every write of every surface.
//!
//! A surface builds a [`Command`] and hands it over in a [`Submission`]. [`Command::prepare`] does, on the caller's own time, all
//! that needs no look into the store: limits, transient keys, fingerprints, words. What is left for the writer is short.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive::{Restore, Restored};
use super::client::{Answer, ClientSession, NewChoice, SessionEdit};
use super::contact::{Attributes, Contact, ContactRules, Folded, GivenAttributes};
use super::interaction::{
    Interaction, InteractionPatch, LongTexts, NewInteraction, WEB_ENGAGEMENT,
};
use super::limits::{Limits, check_id, check_text};
use super::propagation::CopyPolicy;
use super::user_data::{Edit, Given, KeyPath, Transience};
use super::web_action::WebAction;
use super::webhook::{Secret, Webhook, WebhookCommand};
use super::{Fault, Moment, Refusal, Requirement};

/// An interaction as stored, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The narrow row.
    pub interaction: Interaction,
    /// The long texts, where they were asked for.
    pub texts: Option<LongTexts>,
    /// UserData as JSON text.
    pub user_data: String,
}

/// How long a reply is kept for a repeated request, in microseconds: 24 hours.
pub const REPLY_KEPT: i64 = 24 * 3600 * 1_000_000;

/// A write.
#[derive(Clone, Debug)]
pub enum Command {
    /// Records one interaction.
    Record(Box<NewInteraction>),
    /// Records an interaction unless it is known; then nothing changes, whatever its content.
    Ensure {
        /// The interaction.
        new: Box<NewInteraction>,
        /// How it is known.
        known_by: KnownBy,
        /// What must hold of the interaction that is stored already.
        requires: Requirement,
    },
    /// Records the child that a web engagement led to: the same as [`Command::Record`], but refused where the parent is
    /// no web engagement.
    Engage(Box<NewInteraction>),
    /// Links an interaction to the one it came from.
    SetParent {
        /// Which.
        id: String,
        /// The one it came from.
        parent: String,
        /// What it takes along, as `copyUserData` says it; `None` where nothing was said.
        copy: Option<String>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Changes UserData.
    EditUserData {
        /// Of which interaction.
        id: String,
        /// How.
        edit: Box<Edit>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Patches core attributes.
    Change {
        /// Of which interaction.
        id: String,
        /// How.
        patch: Box<InteractionPatch>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Stops an interaction.
    Stop {
        /// Which.
        id: String,
        /// Why.
        reason: Option<String>,
        /// When it ended; now when absent.
        end: Option<Moment>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Stores UserData and stops an interaction: both in one commit, or neither.
    Complete {
        /// Which.
        id: String,
        /// How UserData changes.
        edit: Box<Edit>,
        /// How long it lasted from its start, in microseconds. When absent it ended at the end
        /// that is stored already, else now.
        lasted: Option<i64>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Deletes an interaction.
    Delete {
        /// Which.
        id: String,
        /// With all its descendants.
        cascade: bool,
    },
    /// Makes a contact.
    CreateContact {
        /// The caller's own identifier.
        id: Option<String>,
        /// What is known.
        attributes: GivenAttributes,
    },
    /// Sets and clears attributes of a contact.
    ChangeContact {
        /// Which.
        id: String,
        /// New values, `None` clears.
        attributes: BTreeMap<String, Option<super::contact::OneOrMany>>,
        /// The revision it must have.
        if_match: Option<i64>,
    },
    /// Finds the contact meant, or makes it.
    IdentifyContact {
        /// What is known.
        attributes: GivenAttributes,
        /// The medium by whose ranks; the ranks of all media when absent.
        media_type: Option<String>,
        /// Whether to make one when nobody fits, and to add to a known one what is new.
        create: bool,
    },
    /// Restores the next rows of an archive.
    Restore(Box<Restore>),
    /// Folds the values of the next contacts anew where the rules changed; the last contact done is given.
    FoldContacts {
        /// The contact after which to go on.
        after: String,
    },
    /// Indexes the words of the next interactions anew, where the index follows older rules.
    IndexWords,
    /// Deletes a contact that has no interactions.
    DeleteContact(String),
    /// Merges a contact into another.
    MergeContact {
        /// Which.
        id: String,
        /// Into which.
        into: String,
    },
    /// Undoes a merge.
    UnmergeContact(String),
    /// Erases what concerns one person.
    EraseContact(String),
    /// Makes an access token.
    CreateToken(NewToken),
    /// Takes an access token back.
    RevokeToken(String),
    /// Declares an indexed key.
    DeclareKey(KeyPath),
    /// Indexes the next interactions under a declared key; the last one done is given.
    FillKey {
        /// The key.
        key: KeyPath,
        /// The interaction after which to go on.
        after: String,
    },
    /// Takes an indexed key back.
    DropKey(KeyPath),
    /// Forgets replies kept before this moment.
    ForgetReplies(Moment),
    /// Opens the session of a client that listens.
    OpenSession(Box<ClientSession>),
    /// Changes a session.
    EditSession(SessionEdit),
    /// Remembers which spelling of a collection a user's clients chose.
    ChooseSpelling(Box<NewChoice>),
    /// Notes what sessions have received: each with its cursor.
    KeepCursors(Vec<(String, i64)>),
    /// Records a state of a web action.
    RecordWebAction(Box<WebAction>),
    /// Hands a user's clients an answer.
    Answer(Box<Answer>),
    /// Forgets sessions that were last seen, and answers that were given, before this moment.
    ForgetClients(Moment),
    /// Does something to webhooks.
    Webhook(Box<WebhookCommand>),
}

/// What tells that an interaction is recorded already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Its identifier.
    Id,
    /// Its external identifier, among those of its media type; the oldest counts.
    ExternalId,
}

/// An access token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Identifier, the public part of the token.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The tenant it is bound to.
    pub tenant: i64,
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// `read`, `write`, `admin`, joined with blanks.
    pub scopes: String,
}

/// What came of a command.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An interaction stands in the store.
    Recorded {
        /// As stored.
        stored: Arc<Stored>,
        /// False when it existed before.
        created: bool,
        /// Transient keys that were not stored.
        dropped: Vec<String>,
        /// Keys that a pair list repeated.
        repeated: Vec<String>,
        /// Keys copied from the parent, for an engagement.
        copied: Option<Vec<String>>,
        /// Attributes that were given, are not known of the contact, and were not added to it.
        unkept: Vec<String>,
        /// The journal entry that tells of it; `None` when it existed before.
        cursor: Option<i64>,
    },
    /// UserData was changed.
    Edited {
        /// As stored.
        stored: Arc<Stored>,
        /// Transient keys that were not stored.
        dropped: Vec<String>,
        /// Keys that a pair list repeated.
        repeated: Vec<String>,
        /// The journal entry that tells of it; `None` when nothing changed.
        cursor: Option<i64>,
    },
    /// Core attributes were changed.
    Changed {
        /// As stored.
        stored: Arc<Stored>,
        /// Keys copied from a parent that it got.
        copied: Option<Vec<String>>,
        /// The journal entry that tells of it; `None` when nothing changed.
        cursor: Option<i64>,
    },
    /// These interactions are gone.
    Deleted(Vec<String>),
    /// A contact stands in the store.
    Contact(Arc<Contact>),
    /// A contact was made.
    ContactMade(Arc<Contact>),
    /// A contact was looked for.
    Identified {
        /// The one meant, or the oldest of several.
        contact_id: Option<String>,
        /// Whether it was made.
        created: bool,
        /// All that fit.
        candidates: Vec<String>,
        /// Attributes that were given, are not known of the contact, and were not added to it.
        unkept: Vec<String>,
    },
    /// What was erased: contacts and interactions.
    Erased {
        /// Contacts, merged identities among them.
        contacts: Vec<String>,
        /// Interactions whose content was erased.
        interactions: usize,
        /// Interactions that are somebody else's too, with the keys that they lost.
        shared: Vec<super::person::Shared>,
    },
    /// Rows of an archive were restored.
    Restored(Restored),
    /// A part of the index was filled.
    Filled {
        /// The last interaction done; `None` when all are.
        last: Option<String>,
        /// How many were looked at.
        done: usize,
    },
    /// A state of a web action stands in the store.
    WebAction {
        /// The action.
        action_id: String,
        /// False when the state existed before.
        created: bool,
        /// Whether this copy added to the stored event.
        enriched: bool,
        /// Whether this copy has another value for a field. The first value stays.
        contradicts: bool,
        /// The journal entry that tells of it; `None` when nothing is new.
        cursor: Option<i64>,
    },
    /// A session as it is now.
    Session(Arc<ClientSession>),
    /// A webhook as it is now.
    Webhook {
        /// As it is.
        webhook: Box<Webhook>,
        /// Whether it was made.
        created: bool,
        /// The secret that it got.
        secret: Option<Secret>,
    },
    /// How many deliveries are sent again or were deleted.
    Deliveries(u64),
    /// It is done and there is nothing to say.
    Done,
    /// The same request was answered before; this was the answer.
    Replayed(Reply),
}

/// An answer that is kept for a repeated request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON text.
    pub body: String,
}

/// Makes a request repeatable: the key its caller chose, and how its answer is written.
#[derive(Clone)]
pub struct Repeatable {
    /// The path it was sent to.
    pub path: String,
    /// The caller's key.
    pub key: String,
    /// A fingerprint of the body.
    pub fingerprint: Vec<u8>,
    /// Writes the answer.
    pub render: fn(&Outcome) -> Reply,
}

/// A command on its way to the writer.
pub struct Submission {
    /// The tenant.
    pub tenant: i64,
    /// Who asks: a token's name, a user, `import`, …
    pub actor: Arc<str>,
    /// When it happened, for history that is brought in; now when absent.
    pub at: Option<Moment>,
    /// Set where the caller sent an `Idempotency-Key`.
    pub repeatable: Option<Repeatable>,
    /// What to do.
    pub command: Command,
}

/// What was made ready before the command joined the queue.
#[derive(Clone, Debug, Default)]
pub struct Preparation {
    /// Fingerprint of a new interaction.
    pub fingerprint: Vec<u8>,
    /// UserData as JSON text.
    pub user_data: String,
    /// Words of subject and text.
    pub words: String,
    /// Values of the keys by which a conversation is linked to its web engagement: place in `link_by`, value.
    pub visits: Vec<(usize, String)>,
    /// Transient keys taken out.
    pub dropped: Vec<String>,
    /// Keys repeated in a pair list.
    pub repeated: Vec<String>,
    /// Attributes of a contact, checked.
    pub attributes: Attributes,
    /// Those by which a contact is identified, folded.
    pub folded: Folded,
    /// Roughly how many bytes of memory the command takes while it waits, with all that was made ready.
    pub weight: usize,
}

/// The settings that decide what a command may hold and what it becomes.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Bounds.
    pub limits: Limits,
    /// Transient keys and extraction.
    pub transience: Transience,
    /// How contacts are identified.
    pub contacts: ContactRules,
    /// What an engagement copies when its request says nothing.
    pub copy_user_data: Option<String>,
    /// Keys of UserData by which a conversation without a parent is linked to a web engagement.
    pub link_by: Vec<KeyPath>,
    /// How long before a conversation its web engagement may have begun, in microseconds.
    pub link_within: i64,
    /// Keys of UserData that name the visit of a web engagement.
    pub session_keys: Vec<String>,
    /// Whether webhooks may lead into private networks, and go out unencrypted.
    pub private_webhooks: bool,
}

impl Rules {
    /// The policy for an engagement: what was said, else the server's setting, else nothing.
    pub fn copy_policy(&self, said: Option<&str>) -> CopyPolicy {
        said.or(self.copy_user_data.as_deref())
            .map_or(CopyPolicy::No, CopyPolicy::parse)
    }
}

impl Command {
    /// Checks and prepares the command.
    ///
    /// # Errors
    /// The refusal that the caller gets.
    #[expect(clippy::too_many_lines, reason = "an arm a command")]
    pub fn prepare(&mut self, tenant: i64, rules: &Rules) -> Result<Preparation, Refusal> {
        let limits = &rules.limits;
        self.want_no_nul()?;
        let mut ready = Preparation {
            weight: 512,
            ..Preparation::default()
        };
        match self {
            Self::Record(new) | Self::Ensure { new, .. } => {
                let tree = ready.interaction(new, tenant, rules)?;
                let linked = new.parent_id.is_some() || !rules.link_by.is_empty();
                if new.copy_user_data.is_some() && !(new.may_be_engagement() && linked) {
                    return Err(super::propagation::nothing_to_copy());
                }
                if new.may_be_engagement() && linked {
                    ready.weight += tree;
                } else {
                    // the text in the preparation is enough; dropping the tree here spares the writer that work
                    new.user_data = Given::default();
                }
            }
            Self::Engage(child) => {
                ready.weight += ready.interaction(child, tenant, rules)?;
                if !child.may_be_engagement() {
                    return Err(Refusal::invalid(
                        "/mediaType",
                        "is neither chat nor webcallback",
                    ));
                }
            }
            Self::SetParent { parent, .. } => {
                let mut faults = Vec::new();
                check_id("/parentId", parent, limits, &mut faults);
                if !faults.is_empty() {
                    return Err(Refusal::Invalid(faults));
                }
            }
            Self::EditUserData { edit, .. } | Self::Complete { edit, .. } => {
                ready.edit(edit, rules)?;
            }
            Self::Change { patch, .. } => ready.weight += patch.check(limits)?,
            Self::Stop { reason, .. } => {
                let mut faults = Vec::new();
                check_text(
                    "/stoppedReason",
                    reason.as_deref().unwrap_or_default(),
                    super::interaction::SHORT,
                    &mut faults,
                );
                if !faults.is_empty() {
                    return Err(Refusal::Invalid(faults));
                }
            }
            Self::CreateContact { id, attributes } => {
                if let Some(id) = id {
                    super::contact::check_own_id(id, limits)?;
                }
                ready.attributes("/attributes", attributes, rules)?;
                ready.fingerprint = super::interaction::fingerprint(&(&id, &ready.attributes));
            }
            Self::ChangeContact { attributes, .. } => {
                // no value is the same as none
                for values in attributes.values_mut() {
                    *values = values.take().filter(|values| !values.values().is_empty());
                }
                let set = attributes
                    .iter()
                    .filter_map(|(n, v)| Some((n.clone(), v.clone()?)))
                    .collect();
                ready.attributes("/attributes", &set, rules)?;
                ready.weight += attributes.keys().map(|name| 64 + name.len()).sum::<usize>();
            }
            Self::IdentifyContact { attributes, .. } => {
                ready.attributes("/attributes", attributes, rules)?;
            }
            Self::DeclareKey(key) | Self::DropKey(key) | Self::FillKey { key, .. } => {
                if key.0.iter().any(|step| step.contains('\0')) {
                    return Err(Refusal::invalid("/key", "holds a NUL character"));
                }
            }
            Self::Delete { .. }
            | Self::DeleteContact(_)
            | Self::MergeContact { .. }
            | Self::UnmergeContact(_)
            | Self::EraseContact(_)
            | Self::CreateToken(_)
            | Self::RevokeToken(_)
            | Self::ForgetReplies(_)
            | Self::FoldContacts { .. }
            | Self::IndexWords
            | Self::Restore(_)
            | Self::ForgetClients(_) => {}
            Self::RecordWebAction(action) => {
                // without the time of receipt, so that the same event sent again is the same
                ready.fingerprint = super::interaction::fingerprint(&action.event);
                ready.user_data = serde_json::to_string(&action.event).unwrap_or_default();
                ready.weight += 2 * ready.user_data.len();
            }
            Self::OpenSession(session) => ready.weight += weigh(&session.subscriptions),
            Self::EditSession(edit) => ready.weight += weigh(&edit.add) + weigh(&edit.remove),
            Self::ChooseSpelling(choice) => ready.weight += choice.user.len(),
            Self::KeepCursors(all) => ready.weight += 64 * all.len(),
            Self::Answer(answer) => ready.weight += answer.data.len(),
            Self::Webhook(command) => {
                command.check(rules.private_webhooks)?;
                ready.weight += command.weight();
            }
        }
        Ok(ready)
    }

    /// Whether the command takes content away that no page may keep a copy of.
    pub fn shreds(&self) -> bool {
        matches!(
            self,
            Self::Delete { .. } | Self::EraseContact(_) | Self::DeleteContact(_)
        )
    }

    /// Refuses a NUL character in what only names something: Postgres could not even look for it.
    fn want_no_nul(&self) -> Result<(), Refusal> {
        let (named, into, copy) = match self {
            Self::SetParent { id, copy, .. } => (Some(id), None, copy.as_ref()),
            Self::MergeContact { id, into } => (Some(id), Some(into), None),
            Self::EditUserData { id, .. }
            | Self::Change { id, .. }
            | Self::Stop { id, .. }
            | Self::Complete { id, .. }
            | Self::Delete { id, .. }
            | Self::ChangeContact { id, .. }
            | Self::DeleteContact(id)
            | Self::UnmergeContact(id)
            | Self::EraseContact(id)
            | Self::RevokeToken(id)
            | Self::EditSession(SessionEdit { id, .. }) => (Some(id), None, None),
            Self::Record(_)
            | Self::Ensure { .. }
            | Self::Engage(_)
            | Self::CreateContact { .. }
            | Self::IdentifyContact { .. }
            | Self::CreateToken(_)
            | Self::DeclareKey(_)
            | Self::FillKey { .. }
            | Self::DropKey(_)
            | Self::ForgetReplies(_)
            | Self::FoldContacts { .. }
            | Self::IndexWords
            | Self::Restore(_)
            | Self::RecordWebAction(_)
            | Self::OpenSession(_)
            | Self::ChooseSpelling(_)
            | Self::KeepCursors(_)
            | Self::Answer(_)
            | Self::ForgetClients(_)
            | Self::Webhook(_) => (None, None, None),
        };
        let faults: Vec<Fault> = [("path", named), ("/into", into), ("/copyUserData", copy)]
            .into_iter()
            .filter(|(_, text)| text.is_some_and(|text| text.contains('\0')))
            .map(|(at, _)| Fault::at(at, "holds a NUL character"))
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(faults))
        }
    }

    /// Whether the command needs statements of its own and so a transaction of its own.
    pub fn alone(&self) -> bool {
        !matches!(
            self,
            Self::Record(_)
                | Self::Ensure { .. }
                | Self::Engage(_)
                | Self::SetParent { .. }
                | Self::EditUserData { .. }
                | Self::Change { .. }
                | Self::Stop { .. }
                | Self::Complete { .. }
                | Self::CreateContact { .. }
                | Self::ChangeContact { .. }
                | Self::IdentifyContact { .. }
                | Self::RecordWebAction(_)
                | Self::OpenSession(_)
                | Self::EditSession(_)
                | Self::ChooseSpelling(_)
                | Self::Answer(_)
        )
    }
}

/// Roughly the bytes of memory of some texts.
fn weigh(texts: &[String]) -> usize {
    texts.iter().map(|text| 64 + text.len()).sum()
}

impl Preparation {
    /// Prepares a new interaction. Returns roughly the bytes of memory that its UserData takes as a tree.
    fn interaction(
        &mut self,
        new: &mut NewInteraction,
        tenant: i64,
        rules: &Rules,
    ) -> Result<usize, Refusal> {
        let limits = &rules.limits;
        (self.dropped, self.repeated) = new.receive(&rules.transience, limits);
        let tree = new.check(tenant, limits)?;
        // it is the caller's: said or not, the content is the same
        new.tenant_id = None;
        if let Some(contact) = &new.contact {
            self.attributes("/contact", contact, rules)?;
        }
        self.fingerprint = new.fingerprint();
        self.user_data = serde_json::to_string(&new.user_data).unwrap_or_default();
        if self.user_data.len() > limits.user_data {
            return Err(Refusal::invalid(
                "/userData",
                format!("is larger than {} bytes", limits.user_data),
            ));
        }
        if new.media_type == WEB_ENGAGEMENT || new.may_be_engagement() {
            self.visits = super::propagation::visits(&rules.link_by, &new.user_data.document);
        }
        self.words = super::words::joined(
            new.subject
                .as_deref()
                .into_iter()
                .chain(new.text.as_deref()),
        );
        self.weight += new.weight() + self.user_data.len() + self.words.len();
        Ok(tree)
    }

    /// Prepares a change of UserData: takes transient keys out, then checks what is left.
    fn edit(&mut self, edit: &mut Edit, rules: &Rules) -> Result<(), Refusal> {
        let limits = &rules.limits;
        let Edit {
            attach,
            update,
            delete,
            ..
        } = edit;
        let (set, change) = (&mut attach.document, &mut update.document);
        let transience = &rules.transience;
        let deleted = |name: &str| delete.iter().any(|key| key == name);
        self.dropped = transience.apply(set, limits, |name| {
            change.contains_key(name) || deleted(name)
        });
        let also = transience.apply(change, limits, |name| {
            set.contains_key(name) || deleted(name)
        });
        self.dropped.extend(also);
        self.dropped.sort_unstable();
        self.dropped.dedup();
        self.visits = super::propagation::visits(&rules.link_by, set);
        self.visits
            .extend(super::propagation::visits(&rules.link_by, change));
        self.repeated.append(&mut attach.repeated);
        self.repeated.append(&mut update.repeated);
        self.weight += edit.check(limits)?;
        Ok(())
    }

    /// Checks a contact's attributes, which are kept twice: as given and as checked.
    fn attributes(
        &mut self,
        pointer: &str,
        given: &GivenAttributes,
        rules: &Rules,
    ) -> Result<(), Refusal> {
        self.attributes = super::contact::receive(pointer, given, &rules.limits)?;
        self.folded = rules.contacts.fold_all(&self.attributes);
        self.weight += 2 * super::contact::weight(given);
        Ok(())
    }
}
