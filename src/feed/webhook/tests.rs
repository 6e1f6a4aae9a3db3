//! Helpers for the tests in this folder.

use crate::domain::Moment;
use crate::domain::change::Change;
use crate::domain::webhook::Delivery;

/// A journal entry with this delta.
pub fn change(cursor: i64, delta: &str) -> Change {
    Change {
        cursor,
        at: at(),
        kind: "webAction.recorded".to_owned(),
        interaction_id: None,
        contact_id: None,
        media_type: None,
        owner_id: None,
        action_id: None,
        actor: "test".to_owned(),
        delta: delta.to_owned(),
    }
}

/// A new delivery about a subject.
pub fn delivery(cursor: i64, subject: &str) -> Delivery {
    Delivery {
        subject: subject.to_owned(),
        ..Delivery::new(&change(cursor, "{}"), at())
    }
}

fn at() -> Moment {
    Moment::from_micros(0).expect("a moment")
}
