//! Loads what the commands of a group refer to: one statement for each kind and tenant, however
//! many commands there are.
//!
//! Here is what the commands need; `interactions` and `contacts` load these, and `kept` loads
//! replies, and the last erasure. Web actions are in [`super::web_event`], sessions in
//! [`crate::store::client`].

mod contacts;
mod interactions;
mod kept;

use std::collections::{BTreeMap, BTreeSet};

use super::Queued;
use super::ledger::Ledger;
use super::web_event;
use crate::domain::command::{Command, KnownBy, Preparation};
use crate::domain::contact::Folded;
use crate::domain::web_action::WebAction;
use crate::store::StoreError;
use crate::store::client;
use crate::store::dialect::{Conn, Dialect};
use contacts::{candidates, contacts, named};
use interactions::{by_external_id, interactions};
use kept::{erased_after, replies};

pub(super) use kept::kept;

#[derive(Default)]
struct Needs<'g> {
    interactions: BTreeSet<&'g str>,
    /// External identifiers, each with the media type.
    external: BTreeSet<(&'g str, &'g str)>,
    /// Interactions that get a parent: their descendants are loaded too.
    moved: BTreeSet<&'g str>,
    /// Parents that interactions get: their ancestors are loaded too.
    parents: BTreeSet<&'g str>,
    /// Values by which a conversation finds its web engagement: index in `link_by`, and value.
    visits: BTreeSet<(usize, &'g str)>,
    /// Contacts that are only referred to, and must exist.
    named: BTreeSet<&'g str>,
    /// Contacts to be loaded.
    contacts: BTreeSet<String>,
    /// Values that identify contacts.
    values: Vec<&'g Folded>,
    /// Path and key.
    replies: BTreeSet<(&'g str, &'g str)>,
    sessions: BTreeSet<&'g str>,
    /// Users whose choices of spellings are needed.
    choosers: BTreeSet<&'g str>,
    /// Users all of whose sessions change.
    choosing: BTreeSet<&'g str>,
    /// The oldest cursor that an answer reflects.
    answers_as_of: Option<i64>,
    /// Events of web actions, each with its fingerprint.
    web_events: Vec<(&'g WebAction, &'g [u8])>,
}

/// Loads everything into the ledger.
pub(super) async fn load<D: Dialect>(
    ledger: &mut Ledger<'_>,
    conn: &mut Conn<D>,
    group: &[Queued],
) -> Result<(), StoreError> {
    let mut tenants: BTreeMap<i64, Needs<'_>> = BTreeMap::new();
    for queued in group {
        let needs = tenants.entry(queued.submission.tenant).or_default();
        needs.add(queued);
        if let Some(repeatable) = &queued.submission.repeatable {
            needs.replies.insert((&repeatable.path, &repeatable.key));
        }
    }
    for (tenant, mut needs) in tenants {
        interactions::<D>(ledger, conn, tenant, &needs).await?;
        by_external_id::<D>(ledger, conn, tenant, &needs.external).await?;
        if !needs.visits.is_empty() {
            // merges decide whether a conversation and a web engagement belong to the same person
            needs.contacts.extend(contacts_met(ledger, tenant, &needs));
        }
        needs
            .contacts
            .extend(candidates::<D>(&ledger.rules.contacts, conn, tenant, &needs.values).await?);
        contacts::<D>(ledger, conn, tenant, needs.contacts).await?;
        named::<D>(ledger, conn, tenant, &needs.named).await?;
        replies::<D>(ledger, conn, tenant, &needs.replies).await?;
        web_event::load::<D>(ledger, conn, tenant, &needs.web_events).await?;
        if let Some(as_of) = needs.answers_as_of {
            let erased = erased_after::<D>(conn, tenant, as_of).await?;
            ledger.erased.extend(erased.map(|cursor| (tenant, cursor)));
        }
        if !needs.sessions.is_empty() {
            let ids = needs.sessions.iter().map(|id| (*id).to_owned()).collect();
            let found = client::sessions::<D>(conn, ids).await?;
            ledger.load_sessions(found);
        }
        if !needs.choosing.is_empty() {
            let users = needs
                .choosing
                .iter()
                .map(|user| (*user).to_owned())
                .collect();
            let found = client::sessions_of::<D>(conn, tenant, users).await?;
            ledger.load_sessions(found);
        }
        if !needs.choosers.is_empty() {
            let users = needs
                .choosers
                .iter()
                .map(|user| (*user).to_owned())
                .collect();
            for (user, choice) in client::choices::<D>(conn, tenant, users).await? {
                let key = (
                    tenant,
                    user,
                    choice.sign_in.clone(),
                    choice.collection.clone(),
                );
                ledger.choices.insert(key, (choice, false));
            }
        }
    }
    Ok(())
}

impl<'g> Needs<'g> {
    fn add(&mut self, queued: &'g Queued) {
        match &queued.submission.command {
            Command::Record(new) | Command::Ensure { new, .. } | Command::Engage(new) => {
                if let Command::Ensure {
                    known_by: KnownBy::ExternalId,
                    ..
                } = &queued.submission.command
                {
                    let external = new.external_id.as_deref();
                    self.external
                        .extend(external.map(|id| (id, new.media_type.as_str())));
                }
                self.interactions.extend(
                    new.id
                        .as_deref()
                        .into_iter()
                        .chain(new.parent_id.as_deref()),
                );
                self.named.extend(new.contact_id.as_deref());
                if new.contact.is_some() {
                    self.values.push(&queued.ready.folded);
                }
                if new.parent_id.is_none() && new.may_be_engagement() {
                    self.visits.extend(of_visits(&queued.ready));
                }
            }
            Command::SetParent { id, parent, .. } => {
                self.interactions.extend([id.as_str(), parent]);
                self.moved.insert(id);
                self.parents.insert(parent);
            }
            Command::EditUserData { id, .. } | Command::Complete { id, .. } => {
                self.interactions.insert(id);
                if !queued.ready.visits.is_empty() {
                    self.moved.insert(id);
                    self.visits.extend(of_visits(&queued.ready));
                }
            }
            Command::Stop { id, .. } => {
                self.interactions.insert(id);
            }
            Command::Change { id, patch, .. } => {
                self.interactions.insert(id);
                if let Some(Some(parent)) = &patch.parent_id {
                    self.interactions.insert(parent);
                    self.moved.insert(id);
                    self.parents.insert(parent);
                }
                self.named
                    .extend(patch.contact_id.as_ref().and_then(Option::as_deref));
            }
            Command::CreateContact { id, .. } => self.contacts.extend(id.clone()),
            Command::ChangeContact { id, .. } => {
                self.contacts.insert(id.clone());
            }
            Command::IdentifyContact { .. } => self.values.push(&queued.ready.folded),
            Command::RecordWebAction(action) => {
                self.web_events.push((action, &queued.ready.fingerprint));
            }
            Command::Answer(answer) => {
                let oldest = self.answers_as_of.unwrap_or(i64::MAX);
                self.answers_as_of = Some(oldest.min(answer.as_of));
            }
            Command::EditSession(edit) => {
                self.sessions.insert(&edit.id);
            }
            Command::OpenSession(session) => {
                self.choosers.insert(&session.user);
            }
            Command::ChooseSpelling(choice) => {
                self.choosing.insert(&choice.user);
            }
            _ => {}
        }
    }
}

fn of_visits(ready: &Preparation) -> impl Iterator<Item = (usize, &str)> {
    let visits = ready.visits.iter();
    visits.map(|(place, value)| (*place, value.as_str()))
}

/// The contacts of the loaded interactions, and those named by the commands.
fn contacts_met(ledger: &Ledger<'_>, tenant: i64, needs: &Needs<'_>) -> Vec<String> {
    let loaded = ledger
        .interactions
        .iter()
        .filter(|((of, _), _)| *of == tenant);
    loaded
        .filter_map(|(_, held)| held.stored.interaction.contact_id.clone())
        .chain(needs.named.iter().map(|id| (*id).to_owned()))
        .collect()
}
