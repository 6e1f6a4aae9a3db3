//! Any `UserData` is returned as it was sent.

use proptest::collection::vec;
use proptest::prelude::*;

use super::node::{Node, document};
use super::{Held, forall, record_all, send};
use crate::both;
use crate::support::Server;

/// A few of the paths to scalar values in a document, in the form of filters.
fn paths(document: &Node) -> Vec<(String, &Node)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, &Node)> = vec![("userData".to_owned(), document)];
    while let Some((path, node)) = open.pop() {
        match node {
            Node::Object(members) => open.extend(members.iter().map(|(key, value)| {
                let step = key.replace('\\', "\\\\").replace('.', "\\.");
                (format!("{path}.{step}"), value)
            })),
            Node::List(_) => {}
            _ => found.push((path, node)),
        }
    }
    found.truncate(3);
    found
}

/// Whether a search compares this number exactly: `SQLite` parses very small and very large ones
/// less precisely.
fn read_exactly(value: &Node) -> bool {
    match value {
        Node::Float(bits) => {
            let size = f64::from_bits(*bits).abs();
            size == 0.0 || (1e-30..1e100).contains(&size)
        }
        _ => true,
    }
}

/// Queries a path with its value, and the path alone.
fn asked(id: &str, path: &str, value: &Node) -> String {
    let leaf = |members: Vec<(&str, Node)>| {
        Node::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    };
    let of_id = leaf(vec![("field", "id".into()), ("eq", id.into())]);
    let mut tests = vec![("field", path.into()), ("exists", Node::Bool(true))];
    if read_exactly(value) {
        tests.push(("eq", value.clone()));
    }
    let there = leaf(tests);
    leaf(vec![
        (
            "filter",
            leaf(vec![("and", Node::List(vec![of_id, there]))]),
        ),
        ("fields", Node::List(vec!["id".into(), path.into()])),
    ])
    .written(false)
}

async fn comes_back(server: &Server, id: &str, user_data: &Node) -> Held {
    let own = format!("/v1/interactions/{id}");
    let (status, got) = send(server, "GET", &own, None).await;
    prop_assert_eq!((status, got.at("userData")), (200, user_data), "read");
    let (_, now) = send(server, "GET", &format!("{own}/user-data"), None).await;
    prop_assert_eq!(now.at("userData"), user_data, "UserData alone");
    for (path, value) in paths(user_data) {
        let (status, page) = send(
            server,
            "POST",
            "/v1/interactions/search",
            Some(asked(id, &path, value)),
        )
        .await;
        prop_assert_eq!(status, 200, "{:?}", page);
        prop_assert_eq!(
            page.at("items").elements().len(),
            1,
            "{} is found by its value {:?}",
            path,
            value
        );
        let mut here = page.at("items").elements()[0].at("userData");
        let mut whole = user_data;
        while here != value {
            let [(key, inner)] = here.members() else {
                return Err(TestCaseError::fail(format!("{path} alone: {here:?}")));
            };
            (here, whole) = (inner, whole.at(key));
        }
        prop_assert_eq!(here, whole, "the chosen field keeps its shape");
    }
    Ok(())
}

async fn survives(server: &Server, user_data: &Node, escaped: bool) -> Held {
    let body = format!(
        "{{\"mediaType\":\"email\",\"userData\":{}}}",
        user_data.written(escaped)
    );
    let (status, stored) = send(server, "POST", "/v1/interactions", Some(body)).await;
    prop_assert_eq!(status, 201, "{:?}", stored);
    prop_assert_eq!(stored.at("userData"), user_data, "the answer to a new one");
    let id = stored.at("id").text();
    comes_back(server, id, user_data).await?;

    // keys not named in a later change stay as they were, also in the journal and at earlier
    // moments
    let path = format!("/v1/interactions/{id}/user-data");
    let edits = [
        "{\"attach\":{\"a key of the test\":[1]}}",
        "{\"delete\":[\"a key of the test\"]}",
    ];
    for edit in edits {
        let (status, edited) = send(server, "POST", &path, Some(edit.to_owned())).await;
        prop_assert_eq!(status, 200, "{:?}", edited);
    }
    comes_back(server, id, user_data).await?;
    let at = stored.at("modifiedDate").text();
    let (_, then) = send(server, "GET", &format!("{path}?at={at}"), None).await;
    prop_assert_eq!(then.at("userData"), user_data, "as of the first moment");
    let changes = format!("/v1/interactions/{id}/changes");
    let (_, journal) = send(server, "GET", &changes, None).await;
    let recorded = journal.at("items").elements()[0].at("delta");
    prop_assert_eq!(recorded.at("userData"), user_data, "in the journal");

    // and what is set later is returned as well
    let again = format!("{{\"update\":{}}}", user_data.written(!escaped));
    let (status, edited) = send(server, "POST", &path, Some(again)).await;
    prop_assert_eq!((status, edited.at("userData")), (200, user_data));
    Ok(())
}

both! {
    async fn any_user_data_comes_back_as_it_was_sent(db) {
        let server = Server::start(db).await;
        forall(80, &(document(), any::<bool>()), |(user_data, escaped)| {
            let server = &server;
            async move { survives(server, &user_data, escaped).await }
        });
    }

    async fn any_user_data_of_a_batch_comes_back_as_it_was_sent(db) {
        let server = Server::start(db).await;
        forall(8, &vec((document(), any::<bool>()), 1..24), |documents| {
            let server = &server;
            async move {
                let bodies: Vec<String> = documents
                    .iter()
                    .map(|(user_data, escaped)| format!("{{\"userData\":{},\"mediaType\":\"sms\"}}", user_data.written(*escaped)))
                    .collect();
                let ids = record_all(server, &bodies).await;
                for (id, (user_data, _)) in ids.iter().zip(&documents) {
                    comes_back(server, id, user_data).await?;
                }
                Ok(())
            }
        });
    }
}
