//! Queries of every kind.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::items::{NAMES, TIMES, WORDS, numbers, scalars, texts, worded};
use super::node::Node;
use super::oracle::{Condition, Field, Term, Test};

const PATHS: [&[&str]; 18] = [
    &["n"],
    &["s"],
    &["mix"],
    &["list"],
    &["list"],
    &["list", "0"],
    &["list", "1"],
    &["list", "00"],
    &["list", "0", "0"],
    &["Info"],
    &["Info", "code"],
    &["Info", "x.y"],
    &["Info", "deep", "k\"\\"],
    &[""],
    &["a b"],
    &["退"],
    &["n", "under"],
    &["missing"],
];
fn equals(operand: BoxedStrategy<Node>) -> BoxedStrategy<Test> {
    let list = vec(operand.clone(), 0..4).prop_map(|all| ("in", Node::List(all)));
    let there = any::<bool>().prop_map(|there| ("exists", Node::Bool(there)));
    prop_oneof![
        3 => (select(vec!["eq", "ne"]), operand),
        2 => list,
        1 => there,
    ]
    .boxed()
}

fn ordered(operand: BoxedStrategy<Node>) -> BoxedStrategy<Test> {
    (
        select(vec!["gt", "gte", "lt", "lte", "from", "to"]),
        operand,
    )
        .boxed()
}

fn textual(operand: BoxedStrategy<Node>) -> BoxedStrategy<Test> {
    let parts = (select(vec!["contains", "prefix"]), operand.clone());
    prop_oneof![3 => equals(operand.clone()), 2 => ordered(operand), 2 => parts].boxed()
}

/// A field and tests of it.
fn leaf() -> BoxedStrategy<Condition> {
    let tested = |field: BoxedStrategy<Field>, test: BoxedStrategy<Test>| {
        (field, vec(test, 1..3)).prop_map(|(field, mut tests)| {
            // a leaf has each operator at most once
            let mut seen = Vec::new();
            tests.retain(|(operator, _)| {
                let new = !seen.contains(operator);
                seen.push(*operator);
                new
            });
            Condition::Leaf(field, tests)
        })
    };
    let core = |names: &[&'static str]| select(names.to_vec()).prop_map(Field::Core).boxed();
    let texts_of = |all: &[&'static str]| select(all.to_vec()).prop_map(Node::from).boxed();
    let any_text = texts().prop_map(Node::Text).boxed();
    let free = prop_oneof![
        3 => texts().prop_map(Node::Text),
        2 => worded().prop_map(|(written, _)| Node::Text(written)),
        1 => select(&WORDS[..]).prop_map(|(written, _)| Node::from(written)),
    ];
    let time = texts_of(&TIMES);
    let time = prop_oneof![2 => equals(time.clone()), 3 => ordered(time)].boxed();
    let revision = (0_i64..4).prop_map(Node::Int).boxed();
    let revision = prop_oneof![equals(revision.clone()), ordered(revision)].boxed();
    let paths = select(&PATHS[..])
        .prop_map(|path| Field::UserData(path.to_vec()))
        .boxed();
    let comparable = prop_oneof![numbers(), texts().prop_map(Node::Text)].boxed();
    let user_data = prop_oneof![
        4 => equals(scalars().boxed()),
        3 => ordered(comparable),
        1 => textual(any_text.clone()),
        1 => scalars().prop_map(|element| ("contains", element)),
    ];
    let customers = texts_of(&NAMES);
    let addresses = (0_usize..14)
        .prop_map(|number| Node::Text(format!("c{number}@example.test")))
        .boxed();
    prop_oneof![
        8 => tested(paths, user_data.boxed()),
        2 => tested(core(&["queue", "language"]), textual(any_text)),
        2 => tested(core(&["subject", "text", "comment"]), textual(free.boxed())),
        1 => tested(core(&["mediaType"]), textual(texts_of(&["chat", "email", "x-media", "none"]))),
        1 => tested(core(&["status"]), equals(texts_of(&["New", "Stopped", "Pending"]))),
        1 => tested(core(&["canBeParent"]), equals(any::<bool>().prop_map(Node::Bool).boxed())),
        1 => tested(core(&["revision", "tenantId"]), revision),
        2 => tested(core(&["startDate", "endDate"]), time),
        2 => tested(Just(Field::Contact("City")).boxed(), textual(customers)),
        1 => tested(Just(Field::Contact("EmailAddress")).boxed(), textual(addresses)),
    ]
    .boxed()
}

fn term() -> BoxedStrategy<Term> {
    let words = |of: &[(&str, &[&str])]| -> Vec<String> {
        of.iter()
            .flat_map(|(_, meant)| meant.iter().map(|word| (*word).to_owned()))
            .collect()
    };
    let alone = select(&WORDS[..]).prop_map(move |one| Term {
        written: one.0.to_owned(),
        words: words(&[one]),
        prefix: false,
    });
    let phrase = vec(select(&WORDS[..]), 1..4).prop_map(move |all| {
        let written: Vec<&str> = all.iter().map(|(written, _)| *written).collect();
        Term {
            written: format!("\"{}\"", written.join(" ")),
            words: words(&all),
            prefix: false,
        }
    });
    let beginnings = [
        ("ref*", vec!["ref"]),
        ("CRÉ*", vec!["cre"]),
        ("e-ma*", vec!["e", "ma"]),
        ("退*", vec!["退"]),
        ("불", vec!["불"]),
        ("불을", vec!["불을"]),
        ("ก", vec!["ก"]),
        ("👍", vec!["👍"]),
        ("n*", vec!["n"]),
        ("кар*", vec!["кар"]),
    ];
    let begins = select(beginnings.to_vec()).prop_map(|(written, words)| Term {
        written: written.to_owned(),
        words: words.into_iter().map(str::to_owned).collect(),
        prefix: true,
    });
    prop_oneof![3 => alone, 2 => phrase, 2 => begins].boxed()
}

fn condition() -> BoxedStrategy<Condition> {
    let single = prop_oneof![6 => leaf(), 1 => vec(term(), 1..3).prop_map(Condition::Words)];
    single
        .prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                3 => vec(inner.clone(), 0..4).prop_map(Condition::And),
                3 => vec(inner.clone(), 0..4).prop_map(Condition::Or),
                2 => inner.prop_map(|inner| Condition::Not(Box::new(inner))),
            ]
        })
        .boxed()
}

/// A query: filter, order, page size.
pub type Question = (Condition, Vec<&'static str>, usize);

pub fn question() -> impl Strategy<Value = Question> {
    let orders = vec![
        "startDate",
        "-startDate",
        "endDate",
        "-endDate",
        "id",
        "-id",
    ];
    (
        condition(),
        sorts(orders, 0..3),
        select(vec![500, 500, 40, 15]),
    )
}

/// A query about the attributes that may be indexed, with these times.
pub fn timed(times: Vec<String>) -> impl Strategy<Value = Question> {
    let orders = vec![
        "endDate",
        "-endDate",
        "createdDate",
        "-createdDate",
        "modifiedDate",
        "-modifiedDate",
        "startDate",
        "-id",
    ];
    let time = select(times).prop_map(Node::Text).boxed();
    let attribute = select(vec!["createdDate", "endDate", "modifiedDate"]).prop_map(Field::Core);
    let test = prop_oneof![1 => equals(time.clone()), 4 => ordered(time)];
    let leaf = (attribute, test).prop_map(|(field, test)| Condition::Leaf(field, vec![test]));
    let filter = prop_oneof![
        2 => vec(leaf.clone(), 0..3).prop_map(Condition::And),
        2 => (vec(leaf.clone(), 1..3), condition()).prop_map(|(mut all, other)| {
            all.push(other);
            Condition::And(all)
        }),
        1 => vec(leaf.clone(), 1..3).prop_map(Condition::Or),
        1 => leaf.prop_map(|leaf| Condition::Not(Box::new(leaf))),
        1 => condition(),
    ];
    (filter, sorts(orders, 0..4), select(vec![500, 40, 15]))
}

fn sorts(
    orders: Vec<&'static str>,
    number: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(orders, number)
        .prop_shuffle()
        .prop_map(|mut keys| {
            let mut seen = Vec::new();
            keys.retain(|key| {
                let name = key.trim_start_matches('-');
                let new = !seen.contains(&name);
                seen.push(name);
                new
            });
            keys
        })
}
