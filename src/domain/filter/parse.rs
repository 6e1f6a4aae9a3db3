//! Reads filters from JSON and from query strings.

use chrono_tz::Tz;
use serde_json::Value;

use super::days;
use super::field::{AttributeType, Field, Searched};
use super::{Filter, Operand, Order, Test};
use crate::domain::words::WordQuery;
use crate::domain::{Moment, Refusal};

/// The deepest nesting of `and`, `or` and `not` in a filter.
pub const DEEPEST: usize = 16;
/// The largest number of characters of a full-text query.
pub const LONGEST_WORDS: usize = 1000;
/// The largest number of parts of a filter: combiners, values, words, and steps into UserData. The
/// databases bear a few times as many.
pub const MOST_PARTS: usize = 500;

/// The state of reading a filter: the number of its parts so far, which may not exceed
/// [`MOST_PARTS`], the time zone of days without a time, and what is searched.
#[derive(Debug, Default)]
pub struct Size {
    parts: usize,
    zone: Tz,
    searched: Searched,
}

impl Size {
    /// An empty filter that reads days in a time zone.
    pub fn in_zone(zone: Tz) -> Self {
        Self {
            zone,
            ..Self::default()
        }
    }

    /// The same for a search of something other than interactions.
    #[must_use]
    pub fn over(self, searched: Searched) -> Self {
        Self { searched, ..self }
    }

    /// Reads the name of a field of the searched items.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence without its subject.
    pub fn field(&self, name: &str) -> Result<Field, String> {
        Field::parse_in(self.searched, name)
    }

    fn grow(&mut self, pointer: &str, by: usize) -> Result<(), Refusal> {
        self.parts = self.parts.saturating_add(by);
        if self.parts > MOST_PARTS {
            return Err(Refusal::invalid(
                pointer,
                format!("makes the filter larger than {MOST_PARTS} parts"),
            ));
        }
        Ok(())
    }
}

/// Reads a filter in the form of `POST /v1/interactions/search`.
///
/// # Errors
/// [`Refusal::Invalid`] naming an unknown field, an unknown operator, or a value that does not fit.
pub fn parse_filter(pointer: &str, filter: &Value, zone: Tz) -> Result<Filter, Refusal> {
    parse_filter_in(pointer, filter, Size::in_zone(zone))
}

/// The same for the searched items that `size` names.
///
/// # Errors
/// As [`parse_filter`].
pub fn parse_filter_in(pointer: &str, filter: &Value, mut size: Size) -> Result<Filter, Refusal> {
    parse_node(pointer, filter, 1, &mut size)
}

fn parse_node(
    pointer: &str,
    node: &Value,
    depth: usize,
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let Some(object) = node.as_object() else {
        return Err(Refusal::invalid(pointer, "is no object"));
    };
    if depth > DEEPEST {
        return Err(Refusal::invalid(
            pointer,
            format!("is nested deeper than {DEEPEST} levels"),
        ));
    }
    if object.contains_key("field") {
        return parse_leaf(pointer, object, size);
    }
    size.grow(pointer, 1)?;
    let mut only = object.iter();
    let (Some((name, inner)), None) = (only.next(), only.next()) else {
        return Err(Refusal::invalid(
            pointer,
            "needs exactly one of and, or, not, or a field with its operators",
        ));
    };
    let at = format!("{pointer}/{name}");
    match (name.as_str(), inner) {
        ("and" | "or", Value::Array(nodes)) => {
            let parsed: Result<Vec<Filter>, Refusal> = nodes
                .iter()
                .enumerate()
                .map(|(index, node)| parse_node(&format!("{at}/{index}"), node, depth + 1, size))
                .collect();
            Ok(if name == "and" {
                Filter::And(parsed?)
            } else {
                Filter::Or(parsed?)
            })
        }
        ("and" | "or", _) => Err(Refusal::invalid(at, "is no list")),
        ("not", inner) => Ok(Filter::Not(Box::new(parse_node(
            &at,
            inner,
            depth + 1,
            size,
        )?))),
        ("q", _) if size.searched == Searched::Contacts => Err(Refusal::invalid(
            at,
            "is no combiner here: contacts have no full text",
        )),
        ("q", Value::String(text)) => parse_words(&at, text, size),
        _ => Err(Refusal::invalid(
            at,
            "is no combiner; there are and, or, not, and q for full text",
        )),
    }
}

/// Reads a full-text query.
///
/// # Errors
/// [`Refusal::Invalid`] if it has no word, or makes the filter too large.
pub fn parse_words(pointer: &str, text: &str, size: &mut Size) -> Result<Filter, Refusal> {
    if text.chars().count() > LONGEST_WORDS {
        let detail = format!("is longer than {LONGEST_WORDS} characters");
        return Err(Refusal::invalid(pointer, detail));
    }
    let query = WordQuery::parse(text).map_err(|detail| Refusal::invalid(pointer, detail))?;
    size.grow(pointer, query.0.len())?;
    Ok(Filter::Words(query))
}

fn parse_leaf(
    pointer: &str,
    leaf: &serde_json::Map<String, Value>,
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let at = format!("{pointer}/field");
    let name = leaf["field"]
        .as_str()
        .ok_or_else(|| Refusal::invalid(&at, "is no text"))?;
    let field = size.field(name).map_err(|detail| {
        let shown: String = name.chars().take(64).collect();
        Refusal::invalid(&at, format!("names {shown:?}, which {detail}"))
    })?;
    let mut tests = Vec::new();
    for (operator, value) in leaf.iter().filter(|(name, _)| *name != "field") {
        let at = format!("{pointer}/{operator}");
        tests.push(parse_test(&at, &field, operator, value, size)?);
    }
    match tests.len() {
        0 => Err(Refusal::invalid(pointer, "has a field but no operator")),
        1 => Ok(tests.remove(0)),
        _ => Ok(Filter::And(tests)),
    }
}

/// Reads one operator applied to one field.
///
/// # Errors
/// [`Refusal::Invalid`] if the operator does not exist or does not apply to the field, if the value
/// does not fit, or if the filter becomes too large.
pub fn parse_test(
    at: &str,
    field: &Field,
    operator: &str,
    value: &Value,
    size: &mut Size,
) -> Result<Filter, Refusal> {
    let values = value.as_array().map_or(1, Vec::len).max(1);
    size.grow(at, values.saturating_mul(field.weight()))?;
    if let Some(filter) = days::test(at, field, operator, value, size.zone)? {
        return Ok(filter);
    }
    let leaf = |test| Filter::Leaf(field.clone(), test);
    let one = || operand(at, field, value);
    let text = || {
        let textual = !matches!(field, Field::Core(a) if a.kind != AttributeType::Text);
        match value.as_str() {
            Some(text) if textual && !text.contains('\0') => Ok(if field.is_media_type() {
                text.to_lowercase()
            } else {
                text.to_owned()
            }),
            Some(_) if textual => Err(Refusal::invalid(at, "holds a NUL character")),
            Some(_) => Err(Refusal::invalid(
                at,
                "does not apply to a field that is no text",
            )),
            None => Err(Refusal::invalid(at, "is no text")),
        }
    };
    let ordered = |order| {
        let value = one()?;
        let fits = match field {
            Field::Core(a) => !matches!(a.kind, AttributeType::Boolean | AttributeType::Coded),
            _ => !matches!(value, Operand::Boolean(_) | Operand::Null),
        };
        if fits {
            Ok(leaf(Test::Compare(order, value)))
        } else {
            Err(Refusal::invalid(at, "compares values that have no order"))
        }
    };
    match operator {
        "eq" => Ok(leaf(Test::In(vec![one()?]))),
        "ne" => Ok(Filter::Not(Box::new(leaf(Test::In(vec![one()?]))))),
        "in" => {
            let values = value
                .as_array()
                .ok_or_else(|| Refusal::invalid(at, "is no list"))?;
            let parsed: Result<Vec<Operand>, Refusal> = values
                .iter()
                .enumerate()
                .map(|(index, value)| operand(&format!("{at}/{index}"), field, value))
                .collect();
            Ok(leaf(Test::In(parsed?)))
        }
        "gt" => ordered(Order::Gt),
        "gte" | "from" => ordered(Order::Gte),
        "lt" | "to" => ordered(Order::Lt),
        "lte" => ordered(Order::Lte),
        // in a list in UserData: an element of any type
        "contains" => Ok(leaf(Test::Contains(match field {
            Field::UserData(_) => one()?,
            _ => Operand::Text(text()?),
        }))),
        "prefix" => Ok(leaf(Test::Prefix(text()?))),
        "exists" => value
            .as_bool()
            .map(|there| leaf(Test::Exists(there)))
            .ok_or_else(|| Refusal::invalid(at, "is neither true nor false")),
        _ => Err(Refusal::invalid(
            at,
            "is no operator; there are eq, ne, in, gt, gte, lt, lte, from, to, contains, prefix, exists",
        )),
    }
}

fn operand(at: &str, field: &Field, value: &Value) -> Result<Operand, Refusal> {
    let wrong = |what: &str| Err(Refusal::invalid(at, format!("is no {what}")));
    let checked = |text: &str| {
        if text.contains('\0') {
            Err(Refusal::invalid(at, "holds a NUL character"))
        } else {
            Ok(Operand::Text(if field.is_media_type() {
                crate::domain::interaction::media_type(text)
            } else {
                text.to_owned()
            }))
        }
    };
    let attribute = match field {
        Field::Core(attribute) => attribute,
        Field::Contact(_) => return value.as_str().map_or_else(|| wrong("text"), checked),
        Field::UserData(_) => {
            return match value {
                Value::String(text) => checked(text),
                Value::Number(number) => Ok(number.as_i64().map_or_else(
                    || Operand::Number(number.as_f64().unwrap_or_default()),
                    Operand::Integer,
                )),
                Value::Bool(value) => Ok(Operand::Boolean(*value)),
                Value::Null => Ok(Operand::Null),
                Value::Array(_) | Value::Object(_) => wrong("text, number, boolean or null"),
            };
        }
    };
    match attribute.kind {
        AttributeType::Text => value.as_str().map_or_else(|| wrong("text"), checked),
        AttributeType::Time => time(at, value).map(Operand::Time),
        AttributeType::Integer => value
            .as_i64()
            .map_or_else(|| wrong("whole number"), |n| Ok(Operand::Integer(n))),
        AttributeType::Boolean => value
            .as_bool()
            .map_or_else(|| wrong("boolean"), |b| Ok(Operand::Boolean(b))),
        AttributeType::Coded => coded(at, attribute.name, value),
    }
}

/// Reads a time from a text, or from milliseconds since 1970.
pub(super) fn time(at: &str, value: &Value) -> Result<Moment, Refusal> {
    let read = match value {
        Value::String(text) => Moment::parse(text),
        Value::Number(number) => number.as_i64().map_or_else(
            || Err("is no whole number of milliseconds".to_owned()),
            Moment::from_millis,
        ),
        _ => Err("is no time, such as \"2026-03-01T09:30:00Z\"".to_owned()),
    };
    read.map_err(|detail| Refusal::invalid(at, detail))
}

fn coded(at: &str, name: &str, value: &Value) -> Result<Operand, Refusal> {
    use crate::domain::interaction::{Coded, EntityType, Status};
    fn code<T: Coded>(text: &str) -> Option<i64> {
        T::ALL
            .iter()
            .find(|(.., name)| *name == text)
            .map(|(_, code, _)| *code)
    }
    fn names<T: Coded>() -> String {
        T::ALL
            .iter()
            .map(|(.., name)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
    let text = value.as_str().unwrap_or_default();
    let (code, names) = if name == "status" {
        (code::<Status>(text), names::<Status>())
    } else {
        (code::<EntityType>(text), names::<EntityType>())
    };
    code.map(Operand::Integer)
        .ok_or_else(|| Refusal::invalid(at, format!("is none of {names}")))
}

/// The values that a text in a query string may mean: the text, and the number or boolean that it
/// reads as.
pub fn loose_operands(field: &Field, text: &str) -> Vec<Value> {
    let mut values = vec![Value::String(text.to_owned())];
    match field {
        Field::Core(attribute) => match attribute.kind {
            AttributeType::Integer | AttributeType::Time => {
                values = vec![
                    text.parse::<i64>()
                        .map_or(Value::String(text.to_owned()), Value::from),
                ];
            }
            AttributeType::Boolean => {
                values = vec![
                    text.parse::<bool>()
                        .map_or(Value::String(text.to_owned()), Value::from),
                ];
            }
            _ => {}
        },
        Field::UserData(_) => {
            if let Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) =
                serde_json::from_str(text)
            {
                values.push(value);
            }
        }
        Field::Contact(_) => {}
    }
    values
}
