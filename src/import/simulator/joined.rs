//! Joins history and details by identifier, and puts parents before their children.

use std::collections::{HashMap, HashSet};

use crate::import::event::{Found, Place};
use crate::import::report::Format;
use crate::import::yaml::Node;

/// The data of the two files about one interaction.
#[derive(Default)]
pub struct Told {
    /// Its entry in the history, with the index of the file.
    pub history: Option<(usize, Node)>,
    /// Its details, with the index of the file.
    pub details: Option<(usize, Node)>,
}

/// Interactions by identifier, in the order of their first appearance.
#[derive(Default)]
pub struct Joined {
    order: Vec<String>,
    told: HashMap<String, Told>,
}

impl Joined {
    /// Adds the elements of a file. Returns those without an identifier and those that are
    /// repeated.
    pub fn add(&mut self, file: usize, format: Format, node: Node) -> Vec<Found> {
        let mut refused = Vec::new();
        let Node::List(elements) = node else {
            return refused;
        };
        for (number, element) in elements.into_iter().enumerate() {
            let details = format == Format::SimulatorDetails;
            let key = if details { "interactionId" } else { "id" };
            let Some(id) = element.get(key).and_then(Node::text).map(str::to_owned) else {
                refused.push(Found::Refused(
                    Place::Element("interaction", number.to_string()),
                    format!("has no {key}"),
                ));
                continue;
            };
            let told = self.told.entry(id.clone()).or_insert_with(|| {
                self.order.push(id.clone());
                Told::default()
            });
            let slot = if details {
                &mut told.details
            } else {
                &mut told.history
            };
            if slot.is_some() {
                refused.push(Found::Refused(
                    Place::Element("interaction", id),
                    "is repeated: the id came before".to_owned(),
                ));
                continue;
            }
            *slot = Some((file, element));
        }
        refused
    }

    /// All interactions, parents before children.
    pub fn in_order(mut self) -> Vec<(String, Told)> {
        let mut done = HashSet::new();
        let mut sorted = Vec::new();
        for id in std::mem::take(&mut self.order) {
            let mut line = vec![id];
            while let Some(parent) = line.last().and_then(|id| self.parent(id)) {
                if done.contains(&parent)
                    || line.contains(&parent)
                    || !self.told.contains_key(&parent)
                {
                    break;
                }
                line.push(parent);
            }
            sorted.extend(line.into_iter().rev().filter(|id| done.insert(id.clone())));
        }
        sorted
            .into_iter()
            .filter_map(|id| self.told.remove(&id).map(|told| (id, told)))
            .collect()
    }

    fn parent(&self, id: &str) -> Option<String> {
        let told = self.told.get(id)?;
        let details = told
            .details
            .as_ref()
            .and_then(|(_, node)| node.get("interaction"));
        let history = told.history.as_ref().map(|(_, node)| node);
        [details, history]
            .into_iter()
            .flatten()
            .find_map(|node| node.get("parentInteractionId").and_then(Node::text))
            .map(str::to_owned)
    }
}
