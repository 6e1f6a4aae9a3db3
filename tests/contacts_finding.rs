//! Lists and searches of contacts.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, ids};

async fn people(server: &Server) {
    for (id, attributes) in [
        (
            "a",
            json!({"EmailAddress": "Ann@Example.test", "LastName": "Rossi", "City": "Roma"}),
        ),
        (
            "b",
            json!({"EmailAddress": ["bob@example.test", "bob@work.example"], "LastName": "Berg", "PhoneNumber": "+44 20 7946 0900"}),
        ),
        (
            "c",
            json!({"LastName": "Rosen", "City": "Oslo", "Age": "42"}),
        ),
        (
            "d",
            json!({"LastName": "ROSSI", "EmailAddress": "anonymous"}),
        ),
    ] {
        let (status, made) = server
            .post("/v1/contacts", json!({"id": id, "attributes": attributes}))
            .await;
        assert_eq!(status, 201, "{made}");
    }
    server
        .post("/v1/contacts/d/merge", json!({"into": "a"}))
        .await;
}

both! {
    async fn contacts_are_found_by_any_attribute(db) {
        let server = Server::start(db).await;
        people(&server).await;
        for (query, wanted) in [
            ("", vec!["d", "c", "b", "a"]),
            ("sort=id", vec!["a", "b", "c", "d"]),
            ("attributes.LastName=rossi&sort=id", vec!["a", "d"]),
            ("attributes.LastName=Rossi&attributes.LastName=Berg&sort=id", vec!["a", "b", "d"]),
            ("attributes.EmailAddress=BOB@work.example", vec!["b"]),
            ("attributes.PhoneNumber=0044-20-7946-0900", vec!["b"]),
            ("attributes.EmailAddress=anonymous", vec![]),
            ("attributes.City=Roma", vec!["a"]),
            ("attributes.City=roma", vec![]),
            ("mergedInto=a", vec!["d"]),
            ("revision=1&sort=-id", vec!["c", "b", "a"]),
            ("createdDate.from=2020-01-01&createdDate.to=2021-01-01", vec![]),
            ("id=b&id=c&sort=id", vec!["b", "c"]),
        ] {
            let (status, page) = server.get(&format!("/v1/contacts?{query}")).await;
            assert_eq!((status, ids(&page)), (200, wanted), "{query}");
        }
        let leaf = |name: &str, operator: &str, value: Value| json!({"field": name, operator: value});
        for (filter, wanted) in [
            (leaf("attributes.LastName", "prefix", json!("Ros")), vec!["a", "c"]),
            (leaf("attributes.LastName", "contains", json!("e")), vec!["b", "c"]),
            (leaf("attributes.City", "exists", json!(false)), vec!["b", "d"]),
            (leaf("attributes.LastName", "ne", json!("rossi")), vec!["b", "c"]),
            (leaf("attributes.Age", "gte", json!("4")), vec!["c"]),
            (json!({"not": {"or": [leaf("attributes.City", "in", json!(["Roma", "Oslo"])), leaf("mergedInto", "exists", json!(true))]}}), vec!["b"]),
            (json!({"and": []}), vec!["a", "b", "c", "d"]),
        ] {
            let (status, page) = server.post("/v1/contacts/search", json!({"filter": filter, "sort": ["id"], "count": true})).await;
            assert_eq!((status, ids(&page), &page["count"]), (200, wanted.clone(), &json!(wanted.len())), "{filter}");
        }
        let (_, page) = server.get("/v1/contacts?id=b").await;
        assert_eq!(page["items"][0], server.get("/v1/contacts/b").await.1, "whole, with all attributes");
    }

    async fn pages_go_by_key_in_each_order(db) {
        let server = Server::start(db).await;
        for n in 0..23 {
            server.post("/v1/contacts", json!({"id": format!("c{n:02}"), "attributes": {"Parity": if n % 2 == 0 { "even" } else { "odd" }}})).await;
        }
        server.patch("/v1/contacts/c03", json!({"attributes": {"City": "Roma"}})).await;
        for (sort, first) in [("createdDate", "c00"), ("-createdDate", "c22"), ("modifiedDate", "c00"), ("-modifiedDate", "c03"), ("id", "c00"), ("-id", "c22")] {
            let mut seen = Vec::new();
            let mut path = format!("/v1/contacts?sort={sort}&limit=5");
            loop {
                let (status, page) = server.get(&path).await;
                assert_eq!(status, 200, "{page}");
                seen.extend(ids(&page).into_iter().map(str::to_owned));
                let Some(next) = page["next"].as_str() else { break };
                path = format!("/v1/contacts?sort={sort}&limit=5&cursor={next}");
            }
            assert_eq!((seen.len(), seen[0].as_str()), (23, first), "{sort}");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 23, "none twice");
        }
        let (_, page) = server.get("/v1/contacts?attributes.Parity=odd&limit=2&count=true").await;
        assert_eq!((ids(&page).len(), &page["count"]), (2, &json!(11)));
    }

    async fn what_cannot_be_asked_is_named(db) {
        let server = Server::start(db).await;
        people(&server).await;
        for (query, pointer) in [("name=x", "?name"), ("sort=LastName", "?sort"), ("limit=0", "?limit"), ("cursor=x", "?cursor"), ("q=x", "?q"), ("userData.a=1", "?userData.a")] {
            let (status, problem) = server.get(&format!("/v1/contacts?{query}")).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{query}");
        }
        for (body, pointer) in [
            (json!({"filter": {"field": "subject", "eq": "x"}}), "/filter/field"),
            (json!({"filter": {"q": "x"}}), "/filter/q"),
            (json!({"filter": {"field": "attributes.City", "eq": 1}}), "/filter/eq"),
            (json!({"limit": 501}), "/limit"),
            (json!({"fields": ["id"]}), "/fields"),
        ] {
            let (status, problem) = server.post("/v1/contacts/search", body.clone()).await;
            assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!(pointer)), "{body}");
        }
        assert_eq!(server.post("/v1/contacts", json!({"id": "search"})).await.0, 422, "its path means something else");
    }

    async fn any_identity_of_a_person_finds_all_their_interactions(db) {
        let server = Server::start(db).await;
        for one in ["a", "b", "c", "d", "e"] {
            server.record(json!({"id": one, "mediaType": "chat", "contact": {"EmailAddress": format!("{one}@example.test"), "City": "Roma"}})).await;
        }
        let contact = async |of: &str| server.get(&format!("/v1/interactions/{of}")).await.1["contactId"].as_str().unwrap().to_owned();
        // a and b were merged into c, c into d; e is somebody else
        for (from, into) in [("a", "c"), ("b", "c"), ("c", "d")] {
            let merge = format!("/v1/contacts/{}/merge", contact(from).await);
            assert_eq!(server.post(&merge, json!({"into": contact(into).await})).await.0, 200);
        }
        for one in ["a", "b", "c", "d"] {
            let (_, page) = server.get(&format!("/v1/interactions?contact.EmailAddress={one}@example.test&sort=id")).await;
            assert_eq!(ids(&page), ["a", "b", "c", "d"], "{one}");
            let filter = json!({"not": {"field": "contact.EmailAddress", "eq": format!("{one}@example.test")}});
            let (_, page) = server.post("/v1/interactions/search", json!({"filter": filter, "sort": ["id"]})).await;
            assert_eq!(ids(&page), ["e"], "{one}");
        }
        let (_, page) = server.get("/v1/interactions?contact.EmailAddress=e@example.test").await;
        assert_eq!(ids(&page), ["e"]);
        let (_, page) = server.get("/v1/interactions?contact.City=Roma&sort=id").await;
        assert_eq!(ids(&page), ["a", "b", "c", "d", "e"]);
    }

    async fn a_telephone_number_is_found_with_a_plus_that_became_a_blank(db) {
        let server = Server::start(db).await;
        people(&server).await;
        server.record(json!({"id": "i", "mediaType": "voice", "contact": {"PhoneNumber": "+442079460900"}})).await;
        for number in ["+442079460900", "%2B442079460900", "+44+20+7946+0900", "00442079460900"] {
            let (_, page) = server.get(&format!("/v1/contacts?attributes.PhoneNumber={number}")).await;
            assert_eq!(ids(&page), ["b"], "{number}");
            let (_, page) = server.get(&format!("/v1/interactions?contact.PhoneNumber={number}")).await;
            assert_eq!(ids(&page), ["i"], "{number}");
            let (_, page) = server.get(&format!("/v1/contacts/b/history?contact.PhoneNumber={number}")).await;
            assert_eq!(ids(&page), ["i"], "{number}");
        }
        // other attributes are taken as they are written
        let (_, page) = server.get("/v1/contacts?attributes.Age=+42").await;
        assert_eq!(ids(&page), Vec::<&str>::new());
    }

    async fn null_in_a_list_of_values_says_nothing(db) {
        let server = Server::start(db).await;
        let nulls = json!({"EmailAddress": [null], "City": [null, "Roma", null], "PhoneNumber": null, "LastName": []});
        let stored = server.record(json!({"mediaType": "chat", "contact": nulls})).await;
        let contact = stored["contactId"].as_str().unwrap().to_owned();
        let (status, made) = server.post("/v1/contacts", json!({"attributes": nulls})).await;
        assert_eq!((status, &made["attributes"]), (201, &json!({"City": ["Roma"]})));
        let (status, found) = server.post("/v1/contacts/identify", json!({"attributes": nulls})).await;
        assert_eq!(status, 200, "{found}");
        let (status, changed) = server.patch(&format!("/v1/contacts/{contact}"), json!({"attributes": {"City": [null], "Zip": ["1", null]}})).await;
        assert_eq!((status, &changed["attributes"]), (200, &json!({"Zip": ["1"]})));
        assert_eq!(server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": [null]}})).await["contactId"], Value::Null);
        assert_eq!(server.post("/v1/contacts", json!({"attributes": {"City": [1]}})).await.0, 422);
    }

    async fn many_who_ask_at_once_get_the_histories_of_their_own_contacts(db) {
        let server = Server::start(db).await;
        let mut lines = Vec::new();
        for contact in 0..20 {
            server.post("/v1/contacts", json!({"id": format!("p{contact}"), "attributes": {"LastName": "p"}})).await;
            lines.extend((0..contact).map(|n| json!({"id": format!("i{contact}-{n:02}"), "mediaType": "chat", "contactId": format!("p{contact}"),
                "startDate": format!("2026-03-01T00:{n:02}:00Z"), "userData": {"ñ,:": "é"}})));
        }
        server.record(json!({"id": "unnamed", "mediaType": "chat"})).await;
        server.batch(&lines).await;
        // all of several numbers of contacts, so that groups of many sizes are asked for
        for many in [1, 2, 3, 5, 9, 20] {
            let server = &server;
            let asked = (0..many).map(|n| async move {
                let contact = if n % 2 == 0 { n } else { 19 - n };
                let of = format!("/v1/contacts/p{contact}/history?limit=6");
                let (status, first) = server.get(&of).await;
                assert_eq!(status, 200, "{first}");
                let mut found: Vec<String> = ids(&first).into_iter().map(str::to_owned).collect();
                let mut next = first["next"].clone();
                while let Some(cursor) = next.as_str() {
                    let (_, page) = server.get(&format!("{of}&cursor={cursor}")).await;
                    assert!(ids(&page).len() <= 6, "{page}");
                    found.extend(ids(&page).into_iter().map(str::to_owned));
                    next = page["next"].clone();
                }
                let expected: Vec<String> = (0..contact).rev().map(|n| format!("i{contact}-{n:02}")).collect();
                assert_eq!(found, expected);
            });
            let unknown = async { server.get("/v1/contacts/nobody/history").await.0 };
            assert_eq!(join(unknown, join_all(asked)).await.0, 404);
        }
    }
}
