//! Both databases answer every query alike, and as a direct evaluation of the filter does, with
//! indexed keys and without.

use proptest::prelude::*;

use super::items::{fill, filling};
use super::node::Node;
use super::oracle::{Item, order};
use super::questions::{Question, question, timed};
use super::{Held, attributes_indexed, forall, indexed, one, send};
use crate::both;
use crate::support::direct::Direct;
use crate::support::{Db, Server};

const ATTRIBUTES: [&str; 3] = ["createdDate", "endDate", "modifiedDate"];
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
async fn every_question_is_answered_alike_by_both_databases_and_by_way_of_declared_indexes() {
    let keys = |config: &mut annals::config::Config| {
        config.user_data.indexed = INDEXED.map(str::to_owned).to_vec();
        config.interactions.indexed = ATTRIBUTES.map(str::to_owned).to_vec();
    };
    let servers = [
        ("SQLite", Server::start(Db::Sqlite).await),
        ("Postgres", Server::start(Db::Postgres).await),
        (
            "SQLite with declared indexes",
            Server::with(Db::Sqlite, keys).await,
        ),
        (
            "Postgres with declared indexes",
            Server::with(Db::Postgres, keys).await,
        ),
    ];
    for (_, server) in &servers[2..] {
        indexed(server, INDEXED.len()).await;
        attributes_indexed(server, ATTRIBUTES.len()).await;
    }
    let (mut items, changes) = one(&filling());
    fill(&servers, &mut items, &changes).await;
    forall(300, &question(), |question| {
        let (servers, items) = (&servers, &items);
        async move { answered_alike(servers, items, &question).await }
    });
}

/// What a server finds, written so that a difference can be read.
async fn told(server: &Server, question: &Question) -> Result<String, TestCaseError> {
    let (ids, count) = found(server, question).await?;
    Ok(format!("{count}: {}", ids.join(" ")))
}

both! {
    async fn attributes_answer_alike_with_their_indexes_and_without(db) {
        let server = Server::with(db, |config| {
            config.interactions.indexed = ATTRIBUTES.map(str::to_owned).to_vec();
        }).await;
        attributes_indexed(&server, ATTRIBUTES.len()).await;
        let (mut items, changes) = one(&filling());
        let servers = [("it", server)];
        fill(&servers, &mut items, &changes).await;
        let [(_, server)] = servers;
        let all = server.get("/v1/interactions?limit=500&sort=modifiedDate").await.1;
        let all = all["items"].as_array().expect("a list");
        // some early, some late, and each attribute's own
        let times: Vec<String> = [0, 40, 75, 110, 148, 149]
            .iter()
            .flat_map(|n| ATTRIBUTES.map(|name| all[*n][name].as_str().map(str::to_owned)))
            .flatten()
            .collect();
        let direct = tokio::sync::Mutex::new(Direct::to(&server.place).await);
        forall(200, &timed(times), |question| {
            let (server, direct) = (&server, &direct);
            async move {
                let mut direct = direct.lock().await;
                direct.execute("UPDATE indexed_attribute SET ready = 1").await;
                let with = told(server, &question).await?;
                direct.execute("UPDATE indexed_attribute SET ready = 0").await;
                let without = told(server, &question).await?;
                prop_assert_eq!(with, without, "{:?} by {:?}", question.0.written(), question.1);
                Ok(())
            }
        });
    }
}
