//! Contacts: creating, changing and identifying them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Ask, Ledger};
use crate::domain::change::Kind;
use crate::domain::command::Outcome;
use crate::domain::contact::{self, Attributes, Candidate, Contact, Folded, add_values};
use crate::domain::interaction::NewInteraction;
use crate::domain::requirement::want_revision;
use crate::domain::{Moment, Refusal};
use crate::store::content;

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

impl Ledger<'_> {
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

    pub(super) fn known_contact(&self, ask: &Ask<'_>, id: &str) -> Result<(), Refusal> {
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

    pub(super) fn create_contact(
        &mut self,
        ask: &Ask<'_>,
        id: Option<&str>,
    ) -> Result<Outcome, Refusal> {
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
        self.journal
            .push(ask.entry(kind, at, delta).of_contact(&contact.id));
    }

    pub(super) fn change_contact<'n>(
        &mut self,
        ask: &Ask<'_>,
        id: &str,
        cleared: impl Iterator<Item = &'n String> + Clone,
        if_match: Option<i64>,
    ) -> Result<Outcome, Refusal> {
        let held = self
            .contacts
            .get(&(ask.tenant, id.to_owned()))
            .ok_or_else(|| Refusal::no_contact(id))?;
        let there = &held.contact;
        want_revision("contact", there.revision, if_match)?;
        let at = ask.at.following(there.modified_date);
        let mut delta: BTreeMap<&str, Option<&Vec<String>>> = ask
            .ready
            .attributes
            .iter()
            .map(|(name, values)| (name.as_str(), Some(values)))
            .collect();
        for name in cleared.clone() {
            delta.insert(name, None);
        }
        let Some(after) = there.changed(at, &ask.ready.attributes, cleared)? else {
            return Ok(Outcome::Contact(Arc::clone(there)));
        };
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

    pub(super) fn identify(
        &mut self,
        ask: &Ask<'_>,
        media_type: Option<&str>,
        create: bool,
    ) -> Outcome {
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
        let at = ask.at.following(held.contact.modified_date);
        let after = held.contact.learned(at, &new);
        let changed: BTreeMap<&String, &Vec<String>> = after
            .attributes
            .iter()
            .filter(|(name, _)| new.contains_key(*name))
            .collect();
        let delta = serde_json::json!({ "attributes": changed }).to_string();
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
