//! Strangers are never identified with each other by values that identify nobody.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{Held, forall};
use crate::both;
use crate::support::Server;

/// A placeholder, in any case and with any surroundings.
fn placeholder() -> impl Strategy<Value = String> {
    let words = select(vec![
        "anonymous",
        "unknown",
        "private",
        "restricted",
        "unavailable",
        "withheld",
        "n/a",
        "none",
        "null",
        "private number",
    ]);
    prop_oneof![
        (words, "[ .*_-]{0,2}", any::<bool>()).prop_map(|(word, around, upper)| {
            let word = if upper {
                word.to_uppercase()
            } else {
                word.to_owned()
            };
            format!("{around}{word}{around}")
        }),
        "[ 0+().-]{0,6}",
    ]
}

/// A stranger's attributes. `{}` in a text stands for letters that no other stranger has. Texts
/// that are no numbers differ only in these letters, and have the same digits.
fn stranger() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let not_a_number = select(vec![
        "client:4711{}",
        "Client:{}4711",
        "sip:4711@{}.test",
        "sips:{}@4711.test",
        "whatsapp:+4915199887766{}",
        "tel:4711;phone-context={}.test",
        "tel:2025550143;phone-context={}.test",
        "+4915199887766{}",
        "+4915199887766 x6{}",
        "4711-{}",
        "49151{}99887766",
    ]);
    let address = select(vec!["EmailAddress", "PhoneNumber"]);
    let half = (
        select(vec!["FirstName", "LastName"]),
        select(vec!["Ann", "Rossi", "Quirin"]),
    );
    vec(
        prop_oneof![
            3 => (address, placeholder()),
            2 => not_a_number.prop_map(|text| ("PhoneNumber", text.to_owned())),
            2 => half.prop_map(|(name, value)| (name, value.to_owned())),
            1 => Just(("Title", "Dr".to_owned())),
        ],
        1..4,
    )
}

/// A number in letters, at least three of them.
fn letters(mut number: usize) -> String {
    let mut text = String::from("aa");
    loop {
        text.push(char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
        number /= 26;
        if number == 0 {
            return text;
        }
    }
}

fn contact(said: &[(&'static str, String)], number: usize) -> Value {
    let mut contact = json!({});
    // a whole name identifies: leave out one half of it
    let has_first = said.iter().any(|(name, _)| *name == "FirstName");
    for (name, value) in said
        .iter()
        .filter(|(name, _)| !(has_first && *name == "LastName"))
    {
        contact[name] = json!(value.replace("{}", &letters(number)));
    }
    contact
}

both! {
    async fn no_two_strangers_are_one_by_placeholder_half_a_name_or_what_is_no_number(db) {
        let server = Server::start(db).await;
        let (server, seen, number) = (&server, &RefCell::new(HashSet::new()), &Cell::new(0));
        forall(40, &vec(stranger(), 1..5), |strangers| async move {
            for said in &strangers {
                number.set(number.get() + 1);
                let contact = contact(said, number.get());
                let stored = server.record(json!({"mediaType": "chat", "contact": contact})).await;
                let id = stored["contactId"].as_str().map(str::to_owned);
                let Some(id) = id else {
                    return Err(TestCaseError::fail(format!("{contact} is recorded without a contact")));
                };
                prop_assert!(seen.borrow_mut().insert(id), "{} is somebody else already", contact);
            }
            Held::Ok(())
        });
    }
}
