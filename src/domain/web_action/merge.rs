//! Merges several copies of one event.
//!
//! A page may add fields to an event and send it on, so copies with more or fewer fields arrive in
//! any order. Unless they contradict each other, the merged event does not depend on that order.

use serde_json::{Map, Value};

use super::EVENT_DATE;
use crate::domain::Moment;

/// Fields in the vendor's documentation. Copies with different values belong to different events.
const PUBLISHED: [&str; 10] = [
    "actionId",
    "actionState",
    "actionMediaType",
    "actionMapId",
    "actionMapVersion",
    "customerId",
    "customerIdType",
    "sessionId",
    "errorCode",
    "errorMessage",
];

/// Documented fields that are a number in one API and a text in the other.
const NUMBER_OR_TEXT: [&str; 2] = ["errorCode", "errorMessage"];

/// The result of merging another copy of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The event with the additions of the copy; `None` if it adds nothing.
    pub event: Option<Map<String, Value>>,
    /// Whether the copy has a different value for a field. The first value stays.
    pub contradicts: bool,
}

/// Merges another copy into a stored event. `stamped` says that the stored `eventDate` is the time
/// of receipt.
///
/// * A field that the stored event lacks is added, a documented one too.
/// * If a documented field has a different value, nothing is taken from the copy.
/// * If another field has a different value, the first value stays; the other fields are taken.
/// * `eventDate` depends on whose clock was read and never contradicts. A given one replaces the
///   time of receipt; of two given ones, the earlier counts.
pub fn merge(stored: &Map<String, Value>, stamped: bool, copy: &Map<String, Value>) -> Merged {
    let mut contradicts = false;
    let mut added = Vec::new();
    for (key, value) in copy {
        match stored.get(key) {
            Some(there) if key == EVENT_DATE => {
                if stamped || is_earlier(value, there) {
                    added.push((key, value));
                }
            }
            None => added.push((key, value)),
            Some(there) if is_same(key, there, value) => {}
            Some(_) if PUBLISHED.contains(&key.as_str()) => {
                return Merged {
                    event: None,
                    contradicts: true,
                };
            }
            Some(_) => contradicts = true,
        }
    }
    let event = (!added.is_empty()).then(|| {
        let mut event = stored.clone();
        for (key, value) in added {
            event.insert(key.clone(), value.clone());
        }
        event
    });
    Merged { event, contradicts }
}

fn is_earlier(one: &Value, other: &Value) -> bool {
    let at = |value: &Value| value.as_str().and_then(|text| Moment::parse(text).ok());
    matches!((at(one), at(other)), (Some(one), Some(other)) if one < other)
}

fn is_same(key: &str, one: &Value, other: &Value) -> bool {
    let as_text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    one == other || (NUMBER_OR_TEXT.contains(&key) && as_text(one) == as_text(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other}"),
        }
    }

    fn offered(more: Value) -> Map<String, Value> {
        let mut event = map(
            json!({"actionId": "a", "actionState": "offered", "sessionId": "s",
            "eventDate": "2026-03-01T09:30:00Z"}),
        );
        event.extend(map(more));
        event
    }

    fn merged(stored: Value, copy: Value) -> (Option<Value>, bool) {
        let Merged { event, contradicts } = merge(&offered(stored), false, &offered(copy));
        (event.map(Value::Object), contradicts)
    }

    #[test]
    fn what_a_copy_adds_is_taken() {
        let whole = |more| Some(Value::Object(offered(more)));
        for (stored, copy, event) in [
            (json!({}), json!({}), None),
            (json!({"page": 1}), json!({}), None),
            (
                json!({}),
                json!({"conversationId": "c"}),
                whole(json!({"conversationId": "c"})),
            ),
            (
                json!({"x": 1}),
                json!({"y": [2]}),
                whole(json!({"x": 1, "y": [2]})),
            ),
            (
                json!({}),
                json!({"customerId": "k"}),
                whole(json!({"customerId": "k"})),
            ),
        ] {
            assert_eq!(merged(stored, copy), (event, false));
        }
    }

    #[test]
    fn another_value_contradicts_and_the_first_stays() {
        for copy in [
            json!({"sessionId": "other", "conversationId": "c"}),
            json!({"conversationId": "c", "sessionId": "other"}),
        ] {
            assert_eq!(merged(json!({}), copy), (None, true), "nothing is taken");
        }
        assert_eq!(
            merged(
                json!({"page": 1}),
                json!({"page": 2, "conversationId": "c"})
            ),
            (
                Some(Value::Object(offered(
                    json!({"page": 1, "conversationId": "c"})
                ))),
                true
            )
        );
        assert_eq!(
            merged(json!({"page": 1}), json!({"page": "1"})),
            (None, true)
        );
    }

    #[test]
    fn a_code_is_the_same_as_a_number_and_as_a_text() {
        assert_eq!(
            merged(json!({"errorCode": 7}), json!({"errorCode": "7"})),
            (None, false)
        );
        assert_eq!(
            merged(json!({"errorMessage": "7"}), json!({"errorMessage": 7})),
            (None, false)
        );
        assert_eq!(
            merged(json!({"errorCode": 7}), json!({"errorCode": "8"})),
            (None, true)
        );
    }

    #[test]
    fn the_earlier_date_counts_and_a_given_one_before_the_time_of_receipt() {
        let dated = |date: &str| offered(json!({"eventDate": date}));
        let (early, late) = (
            dated("2026-03-01T09:30:00Z"),
            dated("2026-03-01T11:30:01+01:00"),
        );
        let same = dated("2026-03-01T10:30:00+01:00");
        let of = |stored, stamped, copy| merge(stored, stamped, copy).event;
        assert_eq!(of(&early, false, &late), None);
        assert_eq!(of(&early, false, &same), None);
        assert_eq!(of(&late, false, &early), Some(early.clone()));
        assert_eq!(of(&early, true, &late), Some(late.clone()));
        let mut bare = early.clone();
        bare.remove(EVENT_DATE);
        assert_eq!(of(&late, true, &bare), None);
    }

    proptest! {
        /// Copies with any of an event's fields, in any order and repeated, give the same event.
        #[test]
        fn copies_give_the_same_event_in_any_order(
            copies in prop::collection::vec(
                prop::collection::btree_map("[a-e]", Just(1), 0..4)
                    .prop_map(|fields| fields.into_iter().map(|(key, n)| (key, json!(n))).collect()),
                1..6,
            ),
            dates in prop::collection::vec(1_u32..9, 6),
        ) {
            let all = |copies: Vec<Map<String, Value>>| {
                let mut copies = copies.into_iter();
                let mut event = copies.next().unwrap_or_default();
                for copy in copies {
                    let merged = merge(&event, false, &copy);
                    assert!(!merged.contradicts);
                    event = merged.event.unwrap_or(event);
                }
                event
            };
            let mut copies: Vec<Map<String, Value>> = copies;
            for (copy, day) in copies.iter_mut().zip(dates) {
                copy.insert(EVENT_DATE.to_owned(), json!(format!("2026-03-0{day}T00:00:00Z")));
            }
            let forward = all(copies.clone());
            copies.reverse();
            prop_assert_eq!(&forward, &all(copies.clone()));
            let half = copies.len() / 2;
            copies.rotate_left(half);
            prop_assert_eq!(&forward, &all(copies));
        }
    }
}
