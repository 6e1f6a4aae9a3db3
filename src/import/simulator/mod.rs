//! The data of the agent API simulator in YAML: contacts, the contact history, and the interactions
//! with their `UserData`.
//!
//! History and details describe the same interactions, which are joined by identifier. If both have
//! a value, the history takes precedence, since it is what a contact's history shows. The details
//! fill in the rest, and the report lists each contradiction. Whatever has no attribute of its own
//! (telephone number, duration, workflow state, the details' side of a contradiction) is kept in
//! `UserData` under [`REST`], under the name that it has in the file.

mod joined;
mod merge;

use super::event::{Found, Gone, Item, Place, Take};
use super::report::Format;
use super::yaml::Node;
use crate::domain::contact::{GivenAttributes, OneOrMany};
pub use joined::Joined;
pub use merge::interaction;

/// The `UserData` key for everything that has no attribute of its own.
pub const REST: &str = "simulatorDetails";

/// The format of a YAML document, recognised by the members of its first element.
///
/// # Errors
/// What it is instead.
pub fn recognise(node: &Node) -> Result<Format, String> {
    let Some(first) = node.list().first() else {
        return Err("a YAML document that is no list".to_owned());
    };
    let has = |keys: &[&str]| keys.iter().all(|key| first.get(key).is_some());
    if has(&["interactionId", "interaction"]) {
        Ok(Format::SimulatorDetails)
    } else if has(&["id", "mediaType", "state"]) {
        Ok(Format::SimulatorHistory)
    } else if has(&["id", "firstName"]) || has(&["id", "emailAddresses"]) {
        Ok(Format::SimulatorContacts)
    } else {
        let members = match first {
            Node::Map(members) => members
                .iter()
                .take(4)
                .map(|(key, _)| key.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            _ => "no members".to_owned(),
        };
        Err(format!(
            "a YAML list of neither contacts nor interactions, but of elements with {members}"
        ))
    }
}

/// Emits the contacts.
pub fn contacts(node: &Node, take: &mut Take<'_>) -> Result<(), Gone> {
    for (number, contact) in node.list().iter().enumerate() {
        let Some(id) = contact.get("id").and_then(Node::text) else {
            take(Found::Refused(
                Place::Element("contact", number.to_string()),
                "has no id".to_owned(),
            ))?;
            continue;
        };
        let mut attributes = GivenAttributes::new();
        if let Node::Map(members) = contact {
            for (name, node) in members.iter().filter(|(name, _)| name != "id") {
                let name = match name.as_str() {
                    "title" => "Title",
                    "firstName" => "FirstName",
                    "lastName" => "LastName",
                    "phoneNumbers" => "PhoneNumber",
                    "emailAddresses" => "EmailAddress",
                    other => other,
                };
                let values = match node {
                    Node::List(values) => OneOrMany::Many(
                        values
                            .iter()
                            .filter_map(Node::text)
                            .map(str::to_owned)
                            .collect(),
                    ),
                    one => match one.text() {
                        Some(text) => OneOrMany::One(text.to_owned()),
                        None => continue,
                    },
                };
                attributes.insert(name.to_owned(), values);
            }
        }
        let place = Place::Element("contact", id.to_owned());
        take(Found::Item(
            place,
            Item::Contact {
                id: id.to_owned(),
                attributes,
            },
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::interaction::{NewInteraction, Status};
    use crate::import::report::WarningKind;
    use serde_json::{Value, json};

    const HISTORY: &str = "
- {id: B, state: InProgress, typeId: Outbound, subtypeId: OutboundReply, mediaType: email, contactId: C1, threadId: T, startDate: 2020-11-26T13:58:01.593Z,
   ownerInformation: [{DBID: 101, userName: Jo_Ann}]}
";
    const DETAILS: &str = "
- interactionId: B
  interaction:
    id: B
    mediaType: email
    state: Pending
    interactionType: Outbound
    agentId: JoAnn
    workflowState: Queued
    submitSeq: 8389080
    parentInteractionId: A
    startDate: 2020-11-26T13:58:01.593Z
    email: {from: a@mail.example, to: [b@mail.example], bodyAsPlainText: \"Hi,\\n\", body: <p>Hi</p>}
    userData:
      - {key: ContactId, type: str, value: C1}
      - {key: ContactId, type: str, value: C2}
- interactionId: A
  interaction: {id: A, mediaType: Call, phoneNumber: +441234567, callDuration: 87, state: Stopped, contactId: C1, userData: [{key: Reason, type: str, value: x}]}
";

    fn run() -> Vec<Found> {
        let mut joined = Joined::default();
        for (file, format, source) in [
            (0, Format::SimulatorHistory, HISTORY),
            (1, Format::SimulatorDetails, DETAILS),
        ] {
            let node = Node::read(source).unwrap();
            assert_eq!(recognise(&node), Ok(format));
            assert_eq!(joined.add(file, format, node), []);
        }
        let mut found = Vec::new();
        for (id, told) in joined.in_order() {
            interaction(&id, &told, &mut |one| {
                found.push(one);
                Ok(())
            })
            .unwrap();
        }
        found
    }

    #[test]
    fn history_and_details_become_one_and_nothing_is_lost() {
        let found = run();
        let items: Vec<&NewInteraction> = found
            .iter()
            .filter_map(|one| match one {
                Found::Item(_, Item::Interaction(new)) => Some(&**new),
                _ => None,
            })
            .collect();
        assert_eq!(items[0].id.as_deref(), Some("A"), "the parent comes first");
        assert_eq!(
            Value::Object(items[0].user_data.document.clone()),
            json!({"Reason": "x", "simulatorDetails": {"phoneNumber": "+441234567", "callDuration": 87}})
        );
        let reply = items[1];
        assert_eq!(
            (reply.contact_id.as_deref(), reply.owner_id.as_deref()),
            (Some("C1"), Some("Jo_Ann"))
        );
        assert_eq!(
            (reply.status, reply.parent_id.as_deref()),
            (Some(Status::InProcess), Some("A"))
        );
        assert_eq!(reply.text.as_deref(), Some("Hi,\n"));
        assert_eq!(reply.structured_text.as_deref(), Some("<p>Hi</p>"));
        assert_eq!(
            Value::Object(reply.user_data.document.clone()),
            json!({"ContactId": "C2", "simulatorDetails": {
                "state": "Pending", "agentId": "JoAnn", "workflowState": "Queued", "submitSeq": 8_389_080,
                "email": {"from": "a@mail.example", "to": ["b@mail.example"]}, "ownerInformation": [{"DBID": 101, "userName": "Jo_Ann"}]}})
        );
        let kinds: Vec<WarningKind> = found
            .iter()
            .filter_map(|one| match one {
                Found::Warning(kind, ..) => Some(*kind),
                _ => None,
            })
            .collect();
        assert_eq!(
            kinds
                .iter()
                .filter(|kind| **kind == WarningKind::Contradiction)
                .count(),
            3
        );
        assert_eq!(
            kinds
                .iter()
                .filter(|kind| **kind == WarningKind::RepeatedKey)
                .count(),
            1
        );
    }

    #[test]
    fn contacts_keep_their_identifier_and_all_their_values() {
        let node = Node::read("[{id: C1, title: Mr, firstName: Jo, phoneNumbers: [+33647001, '+33'], emailAddresses: [], CompanyName: X}]").unwrap();
        assert_eq!(recognise(&node), Ok(Format::SimulatorContacts));
        let mut found = Vec::new();
        contacts(&node, &mut |one| {
            found.push(one);
            Ok(())
        })
        .unwrap();
        let [Found::Item(_, Item::Contact { id, attributes })] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(id, "C1");
        assert_eq!(
            json!(attributes),
            json!({"CompanyName": "X", "EmailAddress": [], "FirstName": "Jo", "PhoneNumber": ["+33647001", "+33"], "Title": "Mr"})
        );
    }

    #[test]
    fn other_lists_are_told_by_their_members() {
        let node = Node::read("[{standardResponseId: x, name: y}]").unwrap();
        assert!(
            recognise(&node)
                .unwrap_err()
                .contains("standardResponseId, name")
        );
    }
}
