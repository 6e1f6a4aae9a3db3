//! The results of a filter by a direct evaluation of its description: the reference for both
//! databases.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::node::Node;

/// An interaction as the reference sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Core attributes that are not null, in the form of filters.
    pub core: BTreeMap<&'static str, Node>,
    /// The words of subject and of text, one after the other.
    pub words: [Vec<String>; 2],
    /// The contact's attributes.
    pub contact: BTreeMap<&'static str, Vec<String>>,
    /// `UserData`.
    pub user_data: Node,
}

/// The field of a condition.
#[derive(Clone, Debug)]
pub enum Field {
    Core(&'static str),
    UserData(Vec<&'static str>),
    Contact(&'static str),
}

/// An operator and its operand.
pub type Test = (&'static str, Node);

/// Consecutive words, the last of which may be a prefix.
#[derive(Clone, Debug)]
pub struct Term {
    /// The term as written in the query.
    pub written: String,
    /// Its words.
    pub words: Vec<String>,
    /// Whether the last word is a prefix.
    pub prefix: bool,
}

/// A filter.
#[derive(Clone, Debug)]
pub enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Leaf(Field, Vec<Test>),
    Words(Vec<Term>),
}

fn object(members: Vec<(&str, Node)>) -> Node {
    let owned = members
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value));
    Node::Object(owned.collect())
}

impl Field {
    /// The field's name in a filter.
    pub fn name(&self) -> String {
        match self {
            Self::Core(name) => (*name).to_owned(),
            Self::Contact(name) => format!("contact.{name}"),
            Self::UserData(steps) => {
                let steps: Vec<String> = steps
                    .iter()
                    .map(|step| step.replace('\\', "\\\\").replace('.', "\\."))
                    .collect();
                format!("userData.{}", steps.join("."))
            }
        }
    }

    fn is_time(&self) -> bool {
        matches!(self, Self::Core(name) if name.ends_with("Date"))
    }

    /// The values of an interaction in this field; empty if it has none.
    fn values(&self, item: &Item) -> Vec<Node> {
        match self {
            Self::Core(name) => item.core.get(name).into_iter().cloned().collect(),
            Self::Contact(name) => {
                let values = item.contact.get(name).into_iter().flatten();
                values.map(|value| value.as_str().into()).collect()
            }
            Self::UserData(steps) => {
                let found = steps
                    .iter()
                    .try_fold(&item.user_data, |node, step| match node {
                        Node::List(elements) => elements
                            .iter()
                            .enumerate()
                            .find(|(index, _)| index.to_string() == *step)
                            .map(|(_, element)| element),
                        node => node.find(step),
                    });
                found.into_iter().cloned().collect()
            }
        }
    }
}

impl Condition {
    /// The filter in the form of `POST /v1/interactions/search`.
    pub fn written(&self) -> Node {
        let all = |parts: &[Condition]| Node::List(parts.iter().map(Self::written).collect());
        match self {
            Self::And(parts) => object(vec![("and", all(parts))]),
            Self::Or(parts) => object(vec![("or", all(parts))]),
            Self::Not(inner) => object(vec![("not", inner.written())]),
            Self::Leaf(field, tests) => {
                let mut members = vec![("field", Node::Text(field.name()))];
                members.extend(tests.iter().cloned());
                object(members)
            }
            Self::Words(terms) => {
                let written: Vec<&str> = terms.iter().map(|term| term.written.as_str()).collect();
                object(vec![("q", Node::Text(written.join(" ")))])
            }
        }
    }

    /// Whether it matches an interaction.
    pub fn finds(&self, item: &Item) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.finds(item)),
            Self::Or(parts) => parts.iter().any(|part| part.finds(item)),
            Self::Not(inner) => !inner.finds(item),
            Self::Leaf(field, tests) => tests.iter().all(|test| holds(field, test, item)),
            Self::Words(terms) => terms
                .iter()
                .all(|term| item.words.iter().any(|text| term.stands_in(text))),
        }
    }
}

/// Whether a word is a run of signs without blanks, any part of which is found.
fn is_run(word: &str) -> bool {
    word.chars().all(|c| {
        matches!(
            c,
            '退' | '款' | '환' | '불' | '을' | 'ก' | 'น' | 'ิ' | '🎉' | '👍' | '🏽'
        )
    })
}

impl Term {
    fn stands_in(&self, text: &[String]) -> bool {
        let last = self.words.len() - 1;
        text.windows(self.words.len()).any(|there| {
            there
                .iter()
                .zip(&self.words)
                .enumerate()
                .all(|(index, (there, word))| match (is_run(word), index) {
                    (true, 0) if last == 0 => is_run(there) && there.contains(word.as_str()),
                    (true, 0) => is_run(there) && there.ends_with(word.as_str()),
                    (true, _) if index == last => is_run(there) && there.starts_with(word.as_str()),
                    (false, _) if self.prefix && index == last => there.starts_with(word.as_str()),
                    _ => there == word,
                })
        })
    }
}

fn holds(field: &Field, (operator, operand): &Test, item: &Item) -> bool {
    let values = field.values(item);
    // a list equals whatever one of its elements equals
    let equals = |value: &Node, operand: &Node| {
        let elements: &[Node] = match value {
            Node::List(elements) => elements,
            value => std::slice::from_ref(value),
        };
        elements.iter().any(|one| equal(field, one, operand))
    };
    let compares = |wanted: &[Ordering]| {
        values.iter().any(|value| {
            compared(field, value, operand).is_some_and(|order| wanted.contains(&order))
        })
    };
    let texts = |fits: fn(&str, &str) -> bool| {
        values.iter().any(|value| matches!((value, operand), (Node::Text(value), Node::Text(part)) if fits(value, part)))
    };
    match *operator {
        "eq" => values.iter().any(|value| equals(value, operand)),
        "ne" => !values.iter().any(|value| equals(value, operand)),
        "in" => values
            .iter()
            .any(|value| operand.elements().iter().any(|one| equals(value, one))),
        "gt" => compares(&[Ordering::Greater]),
        "gte" | "from" => compares(&[Ordering::Greater, Ordering::Equal]),
        "lt" | "to" => compares(&[Ordering::Less]),
        "lte" => compares(&[Ordering::Less, Ordering::Equal]),
        "contains" => {
            let has = |value: &Node| matches!(value, Node::List(_)) && equals(value, operand);
            values.iter().any(has) || texts(|value, part| value.contains(part))
        }
        "prefix" => texts(|value, part| value.starts_with(part)),
        "exists" => Node::Bool(!values.is_empty()) == *operand,
        other => panic!("{other} is no operator"),
    }
}

fn equal(field: &Field, value: &Node, operand: &Node) -> bool {
    match (value, operand) {
        (Node::Null, Node::Null) => true,
        (Node::Bool(a), Node::Bool(b)) => a == b,
        _ => compared(field, value, operand) == Some(Ordering::Equal),
    }
}

/// Compares texts by their bytes, numbers by value, and times by moment; nothing else, and not
/// across types.
fn compared(field: &Field, value: &Node, operand: &Node) -> Option<Ordering> {
    match (value, operand) {
        (Node::Text(a), Node::Text(b)) if field.is_time() => Some(time(a).cmp(&time(b))),
        (Node::Text(a), Node::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => numbers(value, operand),
    }
}

/// Reads a time.
pub fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text)
        .expect("RFC 3339")
        .to_utc()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "numbers above the largest i64 are compared as doubles"
)]
fn double(number: &Node) -> Option<f64> {
    match number {
        Node::Uint(number) => Some(*number as f64),
        Node::Float(bits) => Some(f64::from_bits(*bits)),
        _ => None,
    }
}

fn numbers(a: &Node, b: &Node) -> Option<Ordering> {
    match (a, b) {
        (Node::Int(a), Node::Int(b)) => Some(a.cmp(b)),
        (Node::Int(a), b) => Some(whole(*a, double(b)?)),
        (a, Node::Int(b)) => Some(whole(*b, double(a)?).reverse()),
        (a, b) => double(a)?.partial_cmp(&double(b)?),
    }
}

/// Compares a whole number and a double without rounding either.
#[expect(
    clippy::cast_possible_truncation,
    reason = "every double that is left has a whole part in range of i128"
)]
fn whole(a: i64, b: f64) -> Ordering {
    if b.abs() >= 1e30 {
        return if b > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        };
    }
    let floor = b.floor();
    i128::from(a).cmp(&(floor as i128)).then(if b > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}

/// The order of a list: by these keys, with missing values last; an empty order means newest first.
pub fn order(sort: &[&str], a: &Item, b: &Item) -> Ordering {
    let mut keys = if sort.is_empty() {
        vec!["-startDate"]
    } else {
        sort.to_vec()
    };
    let last = if keys[keys.len() - 1].starts_with('-') {
        "-id"
    } else {
        "id"
    };
    keys.push(last);
    keys.iter()
        .map(|key| {
            let name = key.trim_start_matches('-');
            let found = match (a.core.get(name), b.core.get(name)) {
                (Some(a), Some(b)) if name == "id" => a.text().as_bytes().cmp(b.text().as_bytes()),
                (Some(a), Some(b)) => time(a.text()).cmp(&time(b.text())),
                (a, b) => return a.is_none().cmp(&b.is_none()),
            };
            if key.starts_with('-') {
                found.reverse()
            } else {
                found
            }
        })
        .find(|found| *found != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}
