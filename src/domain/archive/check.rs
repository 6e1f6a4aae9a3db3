//! Checks of a row beyond the types of its columns, so that a wrong line is reported before any
//! line of its archive is restored.

use serde_json::Value;

use super::{Cell, Kind, Row, Type};
use crate::domain::interaction::{Interaction, Participant};
use crate::domain::user_data;
use crate::domain::web_action::State;
use crate::domain::webhook::{DeliveryState, Secret};

/// A column with an impossible value, and what is wrong with it.
pub type Wrong = (&'static str, &'static str);

impl Row {
    /// Checks the values of a row of an archive whose newest cursor is `head`.
    ///
    /// # Errors
    /// The first column with an impossible value.
    pub fn check(&self, head: i64) -> Result<(), Wrong> {
        for (column, cell) in self.kind.columns().iter().zip(&self.cells) {
            let Cell::Text(text) = cell else { continue };
            if text.contains('\0') {
                return Err((column.name, "holds a NUL character"));
            }
            if column.kind == Type::Json {
                self.check_json(column.name, text)?;
            }
        }
        for (column, least, most, what) in self.numbers(head) {
            if let Cell::Int(number) = self.cell(column)
                && !(least..=most).contains(number)
            {
                return Err((column, what));
            }
        }
        if self.kind == Kind::WebAction && State::of_name(self.text("state")).is_none() {
            return Err(("state", "is no state of a web action"));
        }
        if self.kind == Kind::Delivery {
            let state = DeliveryState::of_code(self.int("state"));
            if !matches!(state, Some(DeliveryState::Waiting | DeliveryState::Dead)) {
                return Err(("state", "is neither waiting nor dead"));
            }
        }
        Ok(())
    }

    /// Checks the JSON of a column as far as the server reads it.
    fn check_json(&self, column: &'static str, text: &str) -> Result<(), Wrong> {
        let (fits, what) = match (self.kind, column) {
            (_, "core") => (is_interaction(text), "is no interaction"),
            (_, "user_data") => (user_data::read(text).is_ok(), "is no UserData"),
            (_, "participants") => (
                parses::<Vec<Participant>>(text),
                "is no list of participants",
            ),
            (_, "secrets") => (parses::<Vec<Secret>>(text), "is no list of secrets"),
            (_, "copied_keys" | "kinds") => (parses::<Vec<String>>(text), "is no list of texts"),
            _ => (
                serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object()),
                "is no object",
            ),
        };
        if fits { Ok(()) } else { Err((column, what)) }
    }

    /// The numeric columns with bounds: the smallest value, the largest value, and the error for
    /// other values.
    fn numbers(&self, head: i64) -> Vec<(&'static str, i64, i64, &'static str)> {
        const FLAG: &str = "is neither 0 nor 1";
        const PLACE: &str = "is no place in the journal of the archive";
        match self.kind {
            Kind::Interaction => vec![("seq", 1, head, PLACE)],
            Kind::WebAction => vec![("seq", 1, head, PLACE), ("contradicted", 0, 1, FLAG)],
            Kind::Change => vec![("cursor", 1, head, PLACE)],
            Kind::Webhook => vec![
                ("cursor", 0, head, PLACE),
                ("enabled", 0, 1, FLAG),
                ("deleted", 0, 1, FLAG),
            ],
            Kind::Delivery => vec![
                ("cursor", 1, head, PLACE),
                ("attempts", 0, i64::MAX, "is less than 0"),
            ],
            Kind::Contact => vec![("revision", 1, i64::MAX, "is less than 1")],
            Kind::ContactAttribute => {
                vec![("position", 0, i64::from(i16::MAX), "is out of range")]
            }
            Kind::Reply => vec![("status", 100, 599, "is no status of HTTP")],
            Kind::IndexedKey | Kind::IndexedAttribute | Kind::Link | Kind::Token => Vec::new(),
        }
    }
}

/// Whether a text is an interaction without unknown members, which would be lost.
fn is_interaction(text: &str) -> bool {
    let parsed = serde_json::from_str::<Interaction>(text);
    let known = parsed.ok().and_then(|it| serde_json::to_value(it).ok());
    let given = serde_json::from_str::<Value>(text).ok();
    match (known, given) {
        (Some(Value::Object(known)), Some(Value::Object(given))) => {
            given.keys().all(|name| known.contains_key(name))
        }
        _ => false,
    }
}

fn parses<T: serde::de::DeserializeOwned>(text: &str) -> bool {
    serde_json::from_str::<T>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;

    fn change(cursor: i64, delta: &str) -> Row {
        let mut row = Row {
            kind: Kind::Change,
            cells: vec![Cell::Null; Kind::Change.columns().len()],
        };
        row.set("cursor", Cell::Int(cursor));
        row.set("tenant_id", Cell::Int(1));
        row.set("at", Cell::Time(Moment::from_micros(0).unwrap()));
        row.set("kind", Cell::Text("contact.erased".into()));
        row.set("contact_id", Cell::Text("c".into()));
        row.set("actor", Cell::Text("ann".into()));
        row.set("delta", Cell::Text(delta.into()));
        row
    }

    #[test]
    fn a_value_that_cannot_be_is_named() {
        assert_eq!(change(7, "{}").check(7), Ok(()));
        assert_eq!(change(8, "{}").check(7).unwrap_err().0, "cursor");
        assert_eq!(change(0, "{}").check(7).unwrap_err().0, "cursor");
        assert_eq!(change(7, "[]").check(7).unwrap_err().0, "delta");
        let mut row = change(7, "{}");
        row.set("actor", Cell::Text("a\0b".into()));
        assert_eq!(row.check(7).unwrap_err().0, "actor");
    }
}
