//! Merges the data of two files about one interaction.

use std::collections::HashSet;

use serde_json::Value;

use super::REST;
use super::joined::Told;
use crate::domain::Moment;
use crate::domain::interaction::{NewInteraction, Status, media_type};
use crate::domain::user_data::Document;
use crate::import::event::{Found, Gone, Item, Place, Take};
use crate::import::pairs;
use crate::import::report::WarningKind;
use crate::import::yaml::Node;

/// Builds one interaction from the data of the two files.
pub fn interaction(id: &str, told: &Told, take: &mut Take<'_>) -> Result<(), Gone> {
    let place = Place::Element("interaction", id.to_owned());
    let mut odd = Vec::new();
    match Builder::new(told, &mut odd).build(id) {
        Ok(new) => {
            for (kind, text) in odd {
                take(Found::Warning(kind, place.clone(), text))?;
            }
            take(Found::Item(place, Item::Interaction(Box::new(new))))
        }
        Err(reason) => take(Found::Refused(place, reason)),
    }
}

/// Whether two spellings mean the same.
fn same(one: &str, other: &str) -> bool {
    let folded = |text: &str| match text {
        "InProgress" => "inprocess".to_owned(),
        other => media_type(other),
    };
    one == other || folded(one) == folded(other)
}

struct Builder<'a> {
    history: Option<&'a Node>,
    details: Option<&'a Node>,
    /// The members of history and details that became attributes.
    used: [HashSet<&'a str>; 2],
    rest: Document,
    odd: &'a mut Vec<pairs::Oddity>,
}

impl<'a> Builder<'a> {
    fn new(told: &'a Told, odd: &'a mut Vec<pairs::Oddity>) -> Self {
        Self {
            history: told.history.as_ref().map(|(_, node)| node),
            details: told
                .details
                .as_ref()
                .and_then(|(_, node)| node.get("interaction")),
            used: [HashSet::new(), HashSet::new()],
            rest: Document::new(),
            odd,
        }
    }

    /// The value of an attribute under one of several names. The history takes precedence; a
    /// conflicting value in the details stays in the rest.
    fn say(
        &mut self,
        attribute: &str,
        in_history: &[&'a str],
        in_details: &[&'a str],
    ) -> Option<&'a str> {
        let find = |node: Option<&'a Node>, names: &[&'a str]| {
            names
                .iter()
                .find_map(|name| Some((*name, node?.get(name)?.text()?)))
        };
        let history = find(self.history, in_history);
        let details = find(self.details, in_details);
        if let Some((name, _)) = history {
            self.used[0].insert(name);
        }
        match (history, details) {
            (Some((_, one)), Some((_, other))) if !same(one, other) => {
                self.odd.push((
                    WarningKind::Contradiction,
                    format!("{attribute} is {one:?} in the history and {other:?} in the details; the history takes precedence"),
                ));
            }
            (_, Some((name, _))) => {
                self.used[1].insert(name);
            }
            _ => {}
        }
        history.or(details).map(|(_, text)| text)
    }

    fn moment(&mut self, name: &'static str) -> Result<Option<Moment>, String> {
        self.say(name, &[name], &[name])
            .map(|text| Moment::parse(text).map_err(|wrong| format!("{name} {wrong}")))
            .transpose()
    }

    fn build(mut self, id: &str) -> Result<NewInteraction, String> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        self.used[0].insert("id");
        if self
            .details
            .and_then(|node| node.get("id"))
            .and_then(Node::text)
            == Some(id)
        {
            self.used[1].insert("id");
        }
        let user_data = self.user_data()?;
        let media_type = self
            .say("mediaType", &["mediaType"], &["mediaType"])
            .ok_or("has no mediaType")?;
        let status = match self.say("state", &["state"], &["state"]) {
            None => None,
            Some("New") => Some(Status::New),
            Some("Pending") => Some(Status::Pending),
            Some("InProcess" | "InProgress") => Some(Status::InProcess),
            Some("Stopped") => Some(Status::Stopped),
            Some(other) => {
                return Err(format!(
                    "state is {other:?}, which is none of New, Pending, InProcess, Stopped"
                ));
            }
        };
        let mut new = NewInteraction {
            id: Some(id.to_owned()),
            media_type: media_type.to_owned(),
            status,
            kind: own(self.say("typeId", &["typeId"], &["typeId", "interactionType"])),
            subtype: own(self.say(
                "subtypeId",
                &["subtypeId"],
                &["subtypeId", "interactionSubtype"],
            )),
            thread_id: own(self.say("threadId", &["threadId"], &["threadId"])),
            parent_id: own(self.say(
                "parentInteractionId",
                &["parentInteractionId"],
                &["parentInteractionId"],
            )),
            subject: own(self.say("subject", &["subject"], &["subject"])),
            comment: own(self.say("comment", &["comment"], &["comment"])),
            queue: own(self.say("queue", &["queue"], &["queue"])),
            start_date: self.moment("startDate")?,
            end_date: self.moment("endDate")?,
            contact_id: self.contact(&user_data),
            owner_id: self.owner(),
            text: self.body("bodyAsPlainText"),
            structured_text: self.body("body"),
            ..NewInteraction::default()
        };
        self.keep_rest();
        new.user_data = self.with_rest(user_data).into();
        Ok(new)
    }

    fn user_data(&mut self) -> Result<Document, String> {
        let pairs = self.details.and_then(|node| node.get("userData"));
        let Some(Node::List(pairs)) = pairs else {
            return Ok(Document::new());
        };
        self.used[1].insert("userData");
        pairs::document(pairs, self.odd)
    }

    /// E-mails name their contact only in `UserData`.
    fn contact(&mut self, user_data: &Document) -> Option<String> {
        let said = self.say("contactId", &["contactId"], &["contactId"]);
        let attached = user_data.get("ContactId").and_then(Value::as_str);
        if let (Some(said), Some(attached)) = (said, attached)
            && said != attached
        {
            self.odd.push((
                WarningKind::Contradiction,
                format!("contactId is {said:?} and the UserData key ContactId {attached:?}; contactId takes precedence"),
            ));
        }
        said.or(attached).map(str::to_owned)
    }

    fn owner(&mut self) -> Option<String> {
        let owners = self.history.and_then(|node| node.get("ownerInformation"));
        let owner = owners.and_then(|owners| owners.list().first()?.get("userName")?.text());
        let agent = self
            .details
            .and_then(|node| node.get("agentId"))
            .and_then(Node::text);
        match (owner, agent) {
            (Some(one), Some(other)) if one != other => self.odd.push((
                WarningKind::Contradiction,
                format!("the owner is {one:?} in the history and {other:?} in the details; the history takes precedence"),
            )),
            (_, Some(_)) => {
                self.used[1].insert("agentId");
            }
            _ => {}
        }
        owner.or(agent).map(str::to_owned)
    }

    fn body(&self, form: &str) -> Option<String> {
        let body = self.details?.get("email")?.get(form)?;
        body.text().map(str::to_owned)
    }

    fn keep_rest(&mut self) {
        for (node, used) in [self.details, self.history].into_iter().zip([1, 0]) {
            let Some(Node::Map(members)) = node else {
                continue;
            };
            for (name, node) in members {
                if self.used[used].contains(name.as_str()) {
                    continue;
                }
                let mut value = node.json();
                if self.rest.get(name) == Some(&value) {
                    continue;
                }
                if name == "email"
                    && let Value::Object(email) = &mut value
                {
                    email.retain(|name, _| !["bodyAsPlainText", "body"].contains(&name.as_str()));
                }
                let taken = self.rest.contains_key(name);
                let name = if taken {
                    format!("{name} (history)")
                } else {
                    name.clone()
                };
                self.rest.insert(name, value);
            }
        }
    }

    fn with_rest(&mut self, mut user_data: Document) -> Document {
        if !self.rest.is_empty() {
            let mut key = REST.to_owned();
            while user_data.contains_key(&key) {
                key.push('_');
            }
            user_data.insert(key, Value::Object(std::mem::take(&mut self.rest)));
        }
        user_data
    }
}
