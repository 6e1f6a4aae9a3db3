//! Both databases answer every query alike, and as a direct evaluation of the filter does, with
//! indexed keys and without.

use proptest::prelude::*;

use super::items::{fill, filling};
use super::node::Node;
use super::oracle::{Item, order};
use super::questions::{Question, question};
use super::{Held, forall, indexed, one, send};
use crate::support::{Db, Server};

const INDEXED: [&str; 10] = [
    "n",
    "s",
    "mix",
    "Info.code",
    r"Info.x\.y",
    "Info.deep.k\"\\\\",
    "",
    "missing",
    "list",
    "list.0",
];

/// Everything that a server finds, page by page, and the count that it returns.
async fn found(
    server: &Server,
    (condition, sort, limit): &Question,
) -> Result<(Vec<String>, i64), TestCaseError> {
    let (mut ids, mut cursor) = (Vec::new(), Node::Null);
    loop {
        let body = Node::Object(vec![
            ("filter".to_owned(), condition.written()),
            (
                "sort".to_owned(),
                Node::List(sort.iter().map(|key| (*key).into()).collect()),
            ),
            (
                "limit".to_owned(),
                Node::Int(i64::try_from(*limit).expect("small")),
            ),
            ("fields".to_owned(), Node::List(vec!["id".into()])),
            ("count".to_owned(), Node::Bool(true)),
            ("cursor".to_owned(), cursor),
        ]);
        let (status, page) = send(
            server,
            "POST",
            "/v1/interactions/search",
            Some(body.written(false)),
        )
        .await;
        prop_assert_eq!(status, 200, "{:?}", page);
        ids.extend(
            page.at("items")
                .elements()
                .iter()
                .map(|item| item.at("id").text().to_owned()),
        );
        cursor = page.at("next").clone();
        if cursor == Node::Null {
            return Ok((ids, page.at("count").int()));
        }
    }
}

async fn answered_alike(
    servers: &[(&'static str, Server)],
    items: &[Item],
    question: &Question,
) -> Held {
    let mut wanted: Vec<&Item> = items.iter().filter(|item| question.0.finds(item)).collect();
    wanted.sort_by(|a, b| order(&question.1, a, b));
    let wanted: Vec<&str> = wanted.iter().map(|item| item.core["id"].text()).collect();
    let answers = servers.iter().map(|(_, server)| found(server, question));
    let answers = futures_util::future::join_all(answers).await;
    for ((name, _), answer) in servers.iter().zip(answers) {
        let (ids, count) = answer?;
        let written = question.0.written();
        let lost = wanted
            .iter()
            .find(|id| !ids.iter().any(|other| other == *id));
        let strange = ids.iter().find(|id| !wanted.contains(&id.as_str()));
        let of = |id: &str| items.iter().find(|item| item.core["id"].text() == id);
        prop_assert_eq!(
            lost.map(|id| of(id)),
            None,
            "{} does not find it for {:?}",
            name,
            written
        );
        prop_assert_eq!(
            strange.map(|id| of(id)),
            None,
            "{} finds it for {:?}",
            name,
            written
        );
        prop_assert_eq!(&ids, &wanted, "{} in another order for {:?}", name, written);
        prop_assert_eq!(
            usize::try_from(count),
            Ok(wanted.len()),
            "{} counts {:?}",
            name,
            written
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_is_answered_alike_by_both_databases_and_by_way_of_indexed_keys() {
    let keys = |config: &mut annals::config::Config| {
        config.user_data.indexed = INDEXED.map(str::to_owned).to_vec();
    };
    let servers = [
        ("SQLite", Server::start(Db::Sqlite).await),
        ("Postgres", Server::start(Db::Postgres).await),
        (
            "SQLite with indexed keys",
            Server::with(Db::Sqlite, keys).await,
        ),
        (
            "Postgres with indexed keys",
            Server::with(Db::Postgres, keys).await,
        ),
    ];
    for (_, server) in &servers[2..] {
        indexed(server, INDEXED.len()).await;
    }
    let (mut items, changes) = one(&filling());
    fill(&servers, &mut items, &changes).await;
    forall(300, &question(), |question| {
        let (servers, items) = (&servers, &items);
        async move { answered_alike(servers, items, &question).await }
    });
}
