//! Interactions of every kind, and changes of them.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::node::Node;
use super::oracle::Item;
use super::{record_all, send};
use crate::support::Server;

pub const TIMES: [&str; 7] = [
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "2026-03-01T00:00:00Z",
    "2026-03-01T00:00:00.000001Z",
    "2026-03-29T02:30:00+02:00",
    "2026-03-29T00:30:00.5Z",
    "9999-12-31T23:59:59.999999Z",
];
/// Texts whose order differs between bytes, locales and UTF-16, and texts that look like other
/// types.
const TEXTS: [&str; 20] = [
    "",
    "a",
    "A",
    "ab",
    "B",
    "ä",
    "z",
    "10",
    "9",
    "true",
    "null",
    "x y",
    "100%",
    "_",
    "退款",
    "退",
    "מרחבא",
    "\u{ffff}",
    "🎉",
    "e\u{301}",
];
pub const NAMES: [&str; 8] = ["", "Roma", "roma", "Łódź", "東京", "東", "10", "🎉"];
/// Written texts, and the words in them.
pub const WORDS: [(&str, &[&str]); 17] = [
    ("Refund", &["refund"]),
    ("refunds", &["refunds"]),
    ("CRÉDIT", &["credit"]),
    ("credit", &["credit"]),
    ("card", &["card"]),
    ("e-mail", &["e", "mail"]),
    ("карта", &["карта"]),
    ("№42", &["no42"]),
    ("退款", &["退款"]),
    ("款退", &["款退"]),
    ("退", &["退"]),
    ("환불을", &["환불을"]),
    ("กิน", &["กิน"]),
    ("🎉", &["🎉"]),
    ("👍🏽", &["👍🏽"]),
    ("مرحبا", &["مرحبا"]),
    ("ｆｕｌｌ", &["full"]),
];
pub fn texts() -> BoxedStrategy<String> {
    prop_oneof![
        8 => select(&TEXTS[..]).prop_map(str::to_owned),
        // longer than what an index row holds, and different only beyond that
        1 => select(vec!["a", "b", ""]).prop_map(|end| format!("{}{end}", "ü".repeat(200))),
    ]
    .boxed()
}

pub fn numbers() -> BoxedStrategy<Node> {
    let double = 9_007_199_254_740_992.0_f64;
    prop_oneof![
        4 => (-2_i64..12).prop_map(Node::Int),
        3 => (-4_i32..24).prop_map(|n| Node::from(f64::from(n) / 2.0)),
        1 => select(vec![0.1, 0.1 + 0.2, 0.3, 1e-20, -1e25, 1e18, double, double - 1.0, -0.0, 9.3e18, 1.844_674_407_370_955_2e19]).prop_map(Node::from),
        1 => (-2_i64..3).prop_map(|n| Node::Int((1 << 53) + n)),
        1 => select(vec![Node::Int(i64::MAX), Node::Int(i64::MIN), Node::Int(i64::MAX - 1), Node::Int(1_000_000_000_000_000_000), Node::Uint(u64::MAX), Node::Uint(1 << 63)]),
    ].boxed()
}

pub fn scalars() -> BoxedStrategy<Node> {
    prop_oneof![
        4 => numbers(),
        4 => texts().prop_map(Node::Text),
        1 => any::<bool>().prop_map(Node::Bool),
        1 => Just(Node::Null),
    ]
    .boxed()
}

/// A member that is present more often than not.
fn member(
    key: &'static str,
    value: impl Strategy<Value = Node>,
) -> impl Strategy<Value = Option<(String, Node)>> {
    prop::option::weighted(0.7, value.prop_map(move |value| (key.to_owned(), value)))
}

fn object(members: impl IntoIterator<Item = Option<(String, Node)>>) -> Node {
    Node::Object(members.into_iter().flatten().collect())
}

fn user_data() -> BoxedStrategy<Node> {
    let deep = member("k\"\\", scalars()).prop_map(|inner| object([inner]));
    let codes = prop_oneof![4 => scalars(), 1 => vec(texts().prop_map(Node::Text), 0..3).prop_map(Node::List)];
    let info = (
        member("code", codes),
        member("x.y", scalars()),
        member("deep", deep),
    )
        .prop_map(|(a, b, c)| object([a, b, c]));
    let info = prop_oneof![4 => info, 1 => scalars()];
    let mix = prop_oneof![6 => scalars(), 2 => vec(scalars(), 0..3).prop_map(Node::List), 1 => Just(Node::Object(vec![]))];
    let element = prop_oneof![6 => scalars(), 1 => vec(scalars(), 0..2).prop_map(Node::List), 1 => member("0", scalars()).prop_map(|inner| object([inner]))];
    let list = vec(element, 0..4).prop_map(Node::List);
    let list =
        prop_oneof![6 => list, 1 => member("0", scalars()).prop_map(|inner| object([inner]))];
    let under = prop_oneof![8 => numbers(), 1 => scalars(), 1 => member("under", scalars()).prop_map(|inner| object([inner]))];
    (
        member("n", under),
        member("s", texts().prop_map(Node::Text)),
        member("mix", mix),
        member("Info", info),
        member("list", list),
        member("", scalars()),
        member("a b", scalars()),
        member("退", scalars()),
    )
        .prop_map(|(a, b, c, d, e, f, g, h)| object([a, b, c, d, e, f, g, h]))
        .boxed()
}

/// A text of words, and the words.
pub fn worded() -> BoxedStrategy<(String, Vec<String>)> {
    (
        vec(select(&WORDS[..]), 0..6),
        select(vec![" ", ", ", " – "]),
    )
        .prop_map(|(words, between)| {
            let written: Vec<&str> = words.iter().map(|(written, _)| *written).collect();
            let meant = words
                .iter()
                .flat_map(|(_, meant)| meant.iter().map(|word| (*word).to_owned()));
            (written.join(between), meant.collect())
        })
        .boxed()
}

/// An interaction without its identifier.
fn item() -> BoxedStrategy<Item> {
    let media = select(vec!["chat", "email", "sms", "x-media"]);
    let start = select(&TIMES[..]);
    let end = prop::option::of(Just("9999-12-31T23:59:59.999999Z"));
    let queue = prop::option::of(texts());
    let language = prop::option::of(select(vec!["it", "zh-Hant"]));
    let words = (prop::option::of(worded()), prop::option::of(worded()));
    let contact = prop::option::of(0_usize..12);
    (
        media,
        start,
        end,
        queue,
        language,
        any::<bool>(),
        words,
        contact,
        user_data(),
    )
        .prop_map(
            |(media, start, end, queue, language, parent, (subject, text), contact, user_data)| {
                let mut core = BTreeMap::from([
                    ("mediaType", media.into()),
                    ("startDate", start.into()),
                    (
                        "status",
                        if end.is_some() { "Stopped" } else { "New" }.into(),
                    ),
                    ("canBeParent", Node::Bool(parent)),
                    ("revision", Node::Int(1)),
                    ("tenantId", Node::Int(1)),
                ]);
                core.extend(end.map(|end| ("endDate", end.into())));
                core.extend(queue.map(|queue| ("queue", Node::Text(queue))));
                core.extend(language.map(|language| ("language", language.into())));
                let mut words = [Vec::new(), Vec::new()];
                for (index, (name, given)) in [("subject", subject), ("text", text)]
                    .into_iter()
                    .enumerate()
                {
                    if let Some((written, meant)) = given {
                        core.insert(name, Node::Text(written));
                        words[index] = meant;
                    }
                }
                Item {
                    core,
                    words,
                    contact: contact.map(customer).unwrap_or_default(),
                    user_data,
                }
            },
        )
        .boxed()
}

/// The attributes of a customer: their own address, and names that several share.
fn customer(number: usize) -> BTreeMap<&'static str, Vec<String>> {
    let mut attributes =
        BTreeMap::from([("EmailAddress", vec![format!("c{number}@example.test")])]);
    if !number.is_multiple_of(4) {
        let cities = [
            NAMES[number % NAMES.len()],
            NAMES[(number * 3 + 1) % NAMES.len()],
        ];
        let mut cities = cities.map(str::to_owned).to_vec();
        cities.dedup();
        attributes.insert("City", cities);
    }
    attributes
}

impl Item {
    fn body(&self) -> String {
        let mut members: Vec<(String, Node)> = Vec::new();
        for (name, value) in &self.core {
            if !matches!(*name, "status" | "revision" | "tenantId") {
                members.push(((*name).to_owned(), value.clone()));
            }
        }
        if !self.contact.is_empty() {
            let attributes = self.contact.iter().map(|(name, values)| {
                let values = values.iter().map(|value| value.as_str().into());
                ((*name).to_owned(), Node::List(values.collect()))
            });
            members.push(("contact".to_owned(), Node::Object(attributes.collect())));
        }
        members.push(("userData".to_owned(), self.user_data.clone()));
        Node::Object(members).written(false)
    }
}

/// A change of an item after it was recorded.
#[derive(Clone, Debug)]
pub enum Change {
    Attach(&'static str, Node),
    Delete(&'static str),
    Start(&'static str),
    Worded(&'static str, (String, Vec<String>)),
}

fn change() -> BoxedStrategy<Change> {
    let keys = vec!["n", "s", "mix", "", "Info", "list"];
    let lists = vec(scalars(), 0..4).prop_map(Node::List);
    prop_oneof![
        1 => (select(vec!["list", "mix"]), lists).prop_map(|(key, value)| Change::Attach(key, value)),
        3 => (select(keys.clone()), scalars()).prop_map(|(key, value)| Change::Attach(key, value)),
        2 => select(keys).prop_map(Change::Delete),
        1 => select(&TIMES[..]).prop_map(Change::Start),
        2 => (select(vec!["subject", "text"]), worded()).prop_map(|(name, worded)| Change::Worded(name, worded)),
    ].boxed()
}

/// Makes the change in a store, and returns whether it changed anything.
async fn make(server: &Server, id: &str, change: &Change) -> i64 {
    let own = format!("/v1/interactions/{id}");
    let edits = format!("{own}/user-data");
    let single = |name: &str, value: Node| Node::Object(vec![(name.to_owned(), value)]);
    let (method, path, body) = match change {
        Change::Attach(key, value) => {
            ("POST", &edits, single("attach", single(key, value.clone())))
        }
        Change::Delete(key) => (
            "POST",
            &edits,
            single("delete", Node::List(vec![(*key).into()])),
        ),
        Change::Start(start) => ("PATCH", &own, single("startDate", (*start).into())),
        Change::Worded(name, (written, _)) => {
            ("PATCH", &own, single(name, Node::Text(written.clone())))
        }
    };
    let (status, answer) = send(server, method, path, Some(body.written(false))).await;
    assert_eq!(status, 200, "{answer:?}");
    answer.at("revision").int()
}

fn apply(change: &Change, item: &mut Item) {
    match change {
        Change::Attach(key, value) => item.user_data.set(key, value.clone()),
        Change::Delete(key) => item.user_data.remove(key),
        Change::Start(start) => {
            item.core.insert("startDate", (*start).into());
        }
        Change::Worded(name, (written, meant)) => {
            item.core.insert(name, Node::Text(written.clone()));
            item.words[usize::from(*name == "text")].clone_from(meant);
        }
    }
}

/// The items, with identifiers in no order, and their changes.
pub fn filling() -> impl Strategy<Value = (Vec<Item>, Vec<(usize, Change)>)> {
    let items = vec((item(), any::<u16>()), 150).prop_map(|items| {
        let named = items
            .into_iter()
            .enumerate()
            .map(|(index, (mut item, random))| {
                let beginning = ["a", "B", "ü", "退", "🎉", "0"][usize::from(random) % 6];
                item.core.insert(
                    "id",
                    Node::Text(format!("{beginning}{}-{index}", random % 100)),
                );
                item
            });
        named.collect()
    });
    (items, vec((0_usize..150, change()), 60))
}

pub async fn fill(
    servers: &[(&'static str, Server)],
    items: &mut [Item],
    changes: &[(usize, Change)],
) {
    let bodies: Vec<String> = items.iter().map(Item::body).collect();
    for (_, server) in servers {
        record_all(server, &bodies).await;
    }
    for (which, change) in changes {
        let item = &mut items[*which];
        apply(change, item);
        let id = item.core["id"].text().to_owned();
        for (_, server) in servers {
            let revision = make(server, &id, change).await;
            item.core.insert("revision", Node::Int(revision));
        }
    }
}
