//! Commands: every write of every surface.
//!
//! A surface builds a [`Command`] and hands it over in a [`Submission`]. [`Command::prepare`] runs
//! on the caller's task. It does all work that needs no access to the store: limits, transient
//! keys, fingerprints, words. That leaves little work for the writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive::{Chunks, Restore, Restored};
use super::client::{Answer, ClientSession, NewChoice, SessionEdit};
use super::contact::{Attributes, Contact, ContactRules, Folded, GivenAttributes, OneOrMany};
use super::filter::IndexedAttribute;
use super::interaction::{
    Interaction, InteractionPatch, LongTexts, NewInteraction, WEB_ENGAGEMENT,
};
use super::limits::{Limits, check_id, check_text};
use super::propagation::CopyPolicy;
use super::user_data::{Edit, Given, KeyPath, Transience};
use super::web_action::WebAction;
use super::webhook::{Secret, Webhook, WebhookCommand};
use super::{Fault, Moment, Refusal, Requirement};

/// A whole interaction as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The narrow row.
    pub interaction: Interaction,
    /// The long texts, if requested.
    pub texts: Option<LongTexts>,
    /// UserData as JSON text.
    pub user_data: String,
}

/// How long the answer to a repeatable request is kept, in microseconds: 24 hours.
pub const REPLY_KEPT: i64 = 24 * 3600 * 1_000_000;

/// A write.
#[derive(Clone, Debug)]
pub enum Command {
    /// Records one interaction.
    Record(Box<NewInteraction>),
    /// Records an interaction unless it exists already. If it exists, nothing changes, whatever its
    /// content.
    Ensure {
        /// The interaction.
        new: Box<NewInteraction>,
        /// How an existing interaction is found.
        known_by: KnownBy,
        /// What must hold of the existing interaction.
        requires: Requirement,
    },
    /// Records the child of a web engagement. Like [`Command::Record`], but refused if the parent
    /// is no web engagement.
    Engage(Box<NewInteraction>),
    /// Links an interaction to its parent.
    SetParent {
        /// The interaction.
        id: String,
        /// The parent.
        parent: String,
        /// Which keys it copies from the parent, in the form of `copyUserData`; `None` if the
        /// request says nothing.
        copy: Option<String>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Changes UserData.
    EditUserData {
        /// The interaction.
        id: String,
        /// The change.
        edit: Box<Edit>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Patches core attributes.
    Change {
        /// The interaction.
        id: String,
        /// The patch.
        patch: Box<InteractionPatch>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Stops an interaction.
    Stop {
        /// The interaction.
        id: String,
        /// The reason.
        reason: Option<String>,
        /// When it ended; now if absent.
        end: Option<Moment>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Stores UserData and stops an interaction, both in one commit.
    Complete {
        /// The interaction.
        id: String,
        /// The change of UserData.
        edit: Box<Edit>,
        /// How long it lasted from its start, in microseconds. If absent, it ended at the stored
        /// end, or now if none is stored.
        lasted: Option<i64>,
        /// What must hold of it.
        requires: Requirement,
    },
    /// Deletes an interaction.
    Delete {
        /// The interaction.
        id: String,
        /// Whether all its descendants are deleted too.
        cascade: bool,
        /// The revision it must have.
        if_match: Option<i64>,
    },
    /// Creates a contact.
    CreateContact {
        /// The caller's own identifier.
        id: Option<String>,
        /// The known attributes.
        attributes: GivenAttributes,
    },
    /// Sets and clears attributes of a contact.
    ChangeContact {
        /// The contact.
        id: String,
        /// New values; `None` clears.
        attributes: BTreeMap<String, Option<OneOrMany>>,
        /// The revision that it must have.
        if_match: Option<i64>,
    },
    /// Finds the matching contact, or creates it.
    IdentifyContact {
        /// The known attributes.
        attributes: GivenAttributes,
        /// The media type whose ranks apply; the ranks of all media if absent.
        media_type: Option<String>,
        /// Whether to create a contact if none matches, and to add new values to a matching one.
        create: bool,
    },
    /// Restores the next rows of an archive.
    Restore(Box<Restore>),
    /// Restores an archive in one transaction and rolls it back, to learn what a restore would do.
    Rehearse(Arc<dyn Chunks>),
    /// Folds the values of the next contacts again after a change of the rules. Carries the last
    /// contact done.
    FoldContacts {
        /// The contact after which to continue.
        after: String,
    },
    /// Indexes the words of the next interactions again, if the index follows older rules.
    IndexWords,
    /// Deletes a contact that has no interactions.
    DeleteContact {
        /// The contact.
        id: String,
        /// The revision it must have.
        if_match: Option<i64>,
    },
    /// Merges a contact into another.
    MergeContact {
        /// The contact to merge.
        id: String,
        /// The contact that it is merged into.
        into: String,
    },
    /// Undoes a merge.
    UnmergeContact(String),
    /// Erases a person's data.
    EraseContact(String),
    /// Creates an access token.
    CreateToken(NewToken),
    /// Revokes an access token.
    RevokeToken(String),
    /// Declares an indexed key.
    DeclareKey(KeyPath),
    /// Indexes the next interactions under a declared key. Carries the last interaction done.
    FillKey {
        /// The key.
        key: KeyPath,
        /// The interaction after which to continue.
        after: String,
    },
    /// Drops an indexed key.
    DropKey(KeyPath),
    /// Takes a step in the life of the index of an attribute.
    IndexAttribute(IndexStep, IndexedAttribute),
    /// Deletes the replies stored before this moment.
    ForgetReplies(Moment),
    /// Opens the session of a notified client.
    OpenSession(Box<ClientSession>),
    /// Changes a session.
    EditSession(SessionEdit),
    /// Stores which spelling of a collection a user's clients chose.
    ChooseSpelling(Box<NewChoice>),
    /// Stores which cursors sessions have received.
    KeepCursors(Vec<(String, i64)>),
    /// Records a state of a web action.
    RecordWebAction(Box<WebAction>),
    /// Sends an answer to a user's clients.
    Answer(Box<Answer>),
    /// Deletes sessions last seen before this moment, and answers given before it.
    ForgetClients(Moment),
    /// Writes about webhooks.
    Webhook(Box<WebhookCommand>),
}

/// A step in the life of the index of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexStep {
    /// The attribute is declared. Its index is to be built.
    Declare,
    /// The index is complete: searches may use it. On SQLite, this step builds it.
    Finish,
    /// The declaration is withdrawn, and searches no longer use the index. On SQLite, this step
    /// removes it.
    Drop,
}

/// How an interaction that was recorded already is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// Its identifier.
    Id,
    /// Its external identifier within its media type; the oldest match counts.
    ExternalId,
}

/// An access token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Identifier: the public part of the token.
    pub id: String,
    /// A display name.
    pub name: String,
    /// The tenant it is bound to.
    pub tenant: i64,
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// `read`, `write`, `admin`, separated by blanks.
    pub scopes: String,
}

/// The outcome of a command.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// An interaction is stored.
    Recorded {
        /// As stored.
        stored: Arc<Stored>,
        /// False if it existed before.
        created: bool,
        /// Transient keys that were not stored.
        dropped: Vec<String>,
        /// Keys that a pair list named more than once.
        repeated: Vec<String>,
        /// For an engagement: the keys copied from the parent.
        copied: Option<Vec<String>>,
        /// Given attributes that the contact lacks and that were not added to it.
        unkept: Vec<String>,
        /// Its journal entry; `None` if it existed before.
        cursor: Option<i64>,
    },
    /// UserData was changed.
    Edited {
        /// As stored.
        stored: Arc<Stored>,
        /// Transient keys that were not stored.
        dropped: Vec<String>,
        /// Keys that a pair list named more than once.
        repeated: Vec<String>,
        /// Its journal entry; `None` if nothing changed.
        cursor: Option<i64>,
    },
    /// Core attributes were changed.
    Changed {
        /// As stored.
        stored: Arc<Stored>,
        /// Keys copied from the new parent.
        copied: Option<Vec<String>>,
        /// Its journal entry; `None` if nothing changed.
        cursor: Option<i64>,
    },
    /// These interactions were deleted.
    Deleted(Vec<String>),
    /// A contact is stored.
    Contact(Arc<Contact>),
    /// A contact was created.
    ContactMade(Arc<Contact>),
    /// A contact was identified.
    Identified {
        /// The matching contact, the oldest of several.
        contact_id: Option<String>,
        /// Whether it was created.
        created: bool,
        /// All matching contacts.
        candidates: Vec<String>,
        /// Given attributes that the contact lacks and that were not added to it.
        unkept: Vec<String>,
    },
    /// What was erased: contacts and interactions.
    Erased {
        /// The contacts, including merged identities.
        contacts: Vec<String>,
        /// The number of interactions whose content was erased.
        interactions: usize,
        /// Interactions shared with somebody else, and the keys that were erased from them.
        shared: Vec<super::person::Shared>,
    },
    /// Rows of an archive were restored.
    Restored(Restored),
    /// Part of the index was filled.
    Filled {
        /// The last interaction done; `None` once all are done.
        last: Option<String>,
        /// How many were examined.
        done: usize,
    },
    /// A state of a web action is stored.
    WebAction {
        /// The action.
        action_id: String,
        /// False if the state existed before.
        created: bool,
        /// Whether this copy added to the stored event.
        enriched: bool,
        /// Whether this copy has another value for a field. The first value stays.
        contradicts: bool,
        /// Its journal entry; `None` if nothing is new.
        cursor: Option<i64>,
    },
    /// The session after the command.
    Session(Arc<ClientSession>),
    /// The webhook after the command.
    Webhook {
        /// The webhook.
        webhook: Box<Webhook>,
        /// Whether it was created.
        created: bool,
        /// Its new secret.
        secret: Option<Secret>,
    },
    /// The number of deliveries that are sent again or were deleted.
    Deliveries(u64),
    /// Done, without a result.
    Done,
    /// The same request was answered before, with this answer.
    Replayed(Reply),
}

/// The stored answer to a repeatable request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON text.
    pub body: String,
}

/// Makes a request repeatable: the caller's key, and how the answer is written.
#[derive(Clone)]
pub struct Repeatable {
    /// The path of the request.
    pub path: String,
    /// The caller's key.
    pub key: String,
    /// A fingerprint of the body.
    pub fingerprint: Vec<u8>,
    /// Writes the answer.
    pub render: fn(&Outcome) -> Reply,
}

impl Repeatable {
    /// The kept reply to an earlier request with this key.
    ///
    /// # Errors
    /// [`Refusal::Conflict`] if that request had another body, by its fingerprint.
    pub fn replay(&self, fingerprint: &[u8], reply: &Reply) -> Result<Reply, Refusal> {
        if fingerprint == self.fingerprint {
            Ok(reply.clone())
        } else {
            Err(Refusal::Conflict(format!(
                "the Idempotency-Key {:?} was sent before with another body",
                self.key
            )))
        }
    }
}

impl Outcome {
    /// The interaction and the contact that the reply is about: once these are erased, it is not
    /// kept.
    pub fn about(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Recorded { stored, .. }
            | Self::Edited { stored, .. }
            | Self::Changed { stored, .. } => {
                let of = &stored.interaction;
                (Some(&of.id), of.contact_id.as_deref())
            }
            Self::Contact(contact) | Self::ContactMade(contact) => (None, Some(&contact.id)),
            Self::Identified { contact_id, .. } => (None, contact_id.as_deref()),
            _ => (None, None),
        }
    }
}

/// A command on its way to the writer.
pub struct Submission {
    /// The tenant.
    pub tenant: i64,
    /// The caller: a token's name, a user, `import`, …
    pub actor: Arc<str>,
    /// When it happened, for imported history; now if absent.
    pub at: Option<Moment>,
    /// Set if the caller sent an `Idempotency-Key`.
    pub repeatable: Option<Repeatable>,
    /// The command.
    pub command: Command,
}

/// What is prepared before the command enters the queue.
#[derive(Clone, Debug, Default)]
pub struct Preparation {
    /// Fingerprint of a new interaction.
    pub fingerprint: Vec<u8>,
    /// UserData as JSON text.
    pub user_data: String,
    /// Words of the subject and the text.
    pub words: String,
    /// Values of the keys that link a conversation to its web engagement, each with the key's index
    /// in `link_by`.
    pub visits: Vec<(usize, String)>,
    /// Transient keys that were removed.
    pub dropped: Vec<String>,
    /// Keys that a pair list named more than once.
    pub repeated: Vec<String>,
    /// Checked attributes of a contact.
    pub attributes: Attributes,
    /// The folded values that identify a contact.
    pub folded: Folded,
    /// Roughly the bytes of memory that the command takes in the queue, with everything prepared.
    pub weight: usize,
}

/// The settings for checking and preparing commands.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Limits.
    pub limits: Limits,
    /// Transient keys and extraction rules.
    pub transience: Transience,
    /// How contacts are identified.
    pub contacts: ContactRules,
    /// What an engagement copies if its request says nothing.
    pub copy_user_data: Option<String>,
    /// UserData keys that link a conversation without a parent to a web engagement.
    pub link_by: Vec<KeyPath>,
    /// How long before a conversation its web engagement may have begun, in microseconds.
    pub link_within: i64,
    /// UserData keys that name the visit of a web engagement.
    pub session_keys: Vec<String>,
    /// Whether webhooks may lead into private networks and use unencrypted connections.
    pub private_webhooks: bool,
}

impl Rules {
    /// The copy policy for an engagement: as requested, else the server's setting, else nothing.
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
                    // the prepared text is enough; dropping the tree here spares the writer that
                    // work
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
                // no value is the same as absent
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
            | Self::IndexAttribute(..)
            | Self::DeleteContact { .. }
            | Self::MergeContact { .. }
            | Self::UnmergeContact(_)
            | Self::EraseContact(_)
            | Self::CreateToken(_)
            | Self::RevokeToken(_)
            | Self::ForgetReplies(_)
            | Self::FoldContacts { .. }
            | Self::IndexWords
            | Self::Restore(_)
            | Self::Rehearse(_)
            | Self::ForgetClients(_) => {}
            Self::RecordWebAction(action) => {
                // without the time of receipt, so that a repeated event has the same fingerprint
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

    /// Whether the command deletes content of which no page may keep a copy.
    pub fn shreds(&self) -> bool {
        matches!(
            self,
            Self::Delete { .. } | Self::EraseContact(_) | Self::DeleteContact { .. }
        )
    }

    /// Refuses a NUL character in names and identifiers; Postgres could not even look for it.
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
            | Self::DeleteContact { id, .. }
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
            | Self::IndexAttribute(..)
            | Self::ForgetReplies(_)
            | Self::FoldContacts { .. }
            | Self::IndexWords
            | Self::Restore(_)
            | Self::Rehearse(_)
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

    /// Whether the command may run while an archive is restored in part: the restore itself, and
    /// what the opening of a store does.
    pub fn restores(&self) -> bool {
        matches!(
            self,
            Self::Restore(_) | Self::Rehearse(_) | Self::FoldContacts { .. } | Self::IndexWords
        )
    }

    /// Whether the command's transaction is rolled back although it succeeds.
    pub fn is_rehearsed(&self) -> bool {
        matches!(self, Self::Rehearse(_))
    }

    /// Whether the command needs its own statements, and so its own transaction.
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

/// Roughly the bytes of memory that texts take.
fn weigh(texts: &[String]) -> usize {
    texts.iter().map(|text| 64 + text.len()).sum()
}

impl Preparation {
    /// Prepares a new interaction. Returns roughly the bytes of memory of its UserData tree.
    fn interaction(
        &mut self,
        new: &mut NewInteraction,
        tenant: i64,
        rules: &Rules,
    ) -> Result<usize, Refusal> {
        let limits = &rules.limits;
        (self.dropped, self.repeated) = new.receive(&rules.transience, limits);
        let tree = new.check(tenant, limits)?;
        // always the caller's tenant: given or not, the content is the same
        new.tenant_id = None;
        if let Some(contact) = &mut new.contact {
            self.attributes("/contact", contact, rules)?;
            // null is the same as absent: the content is the same
            contact.retain(|_, values| *values != OneOrMany::Nothing);
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

    /// Prepares a change of UserData: removes transient keys, then checks the rest.
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

    /// Checks the attributes of a contact. They are kept twice: as given and as checked.
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
