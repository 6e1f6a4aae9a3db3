//! Identity: what identifies a contact, and what does not.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, id, ids};

async fn contact_of(server: &Server, contact: Value) -> Value {
    server
        .record(json!({"mediaType": "chat", "contact": contact}))
        .await["contactId"]
        .clone()
}

async fn identified(server: &Server, attributes: Value) -> Value {
    let (status, found) = server
        .post(
            "/v1/contacts/identify",
            json!({"attributes": attributes, "create": false}),
        )
        .await;
    assert_eq!(status, 200, "{found}");
    found["contactId"].clone()
}

both! {
    async fn an_address_that_says_nothing_makes_nobody_of_two_people_one(db) {
        let server = Server::start(db).await;
        for nothing in ["266696687", "-1", "private/unknown", "\u{200e}unbekannt", "", "  ", "anonymous", "UNKNOWN", "N/A", "0", "-", "+", "Private Number", "sip:anonymous@anonymous.invalid"] {
            for name in ["EmailAddress", "PhoneNumber"] {
                let ann = contact_of(&server, json!({name: nothing, "FirstName": "Ann", "LastName": format!("Ash {name} {nothing:?}")})).await;
                let bob = contact_of(&server, json!({name: nothing, "FirstName": "Bob", "LastName": format!("Birch {name} {nothing:?}")})).await;
                assert!(ann.is_string() && bob.is_string());
                assert_ne!(ann, bob, "{name} {nothing:?}");
                assert_eq!(identified(&server, json!({name: nothing})).await, Value::Null, "{nothing:?} finds nobody");
                let (_, kept) = server.get(&format!("/v1/contacts/{}", ann.as_str().unwrap())).await;
                assert_eq!(kept["attributes"][name], json!([nothing]), "it is kept all the same");
            }
        }
        // a batch and an engagement behave the same
        let told = server.batch(&[
            json!({"id": "one", "mediaType": "email", "contact": {"EmailAddress": "", "PhoneNumber": "anonymous"}}),
            json!({"id": "two", "mediaType": "email", "contact": {"EmailAddress": "", "PhoneNumber": "anonymous"}}),
        ]).await;
        assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
        let (one, two) = (server.get("/v1/interactions/one").await.1, server.get("/v1/interactions/two").await.1);
        assert_ne!(one["contactId"], two["contactId"]);
        // erasing one stranger leaves the other
        assert_eq!(server.post(&format!("/v1/contacts/{}/erase", one["contactId"].as_str().unwrap()), json!({})).await.0, 200);
        assert_eq!(server.get(&format!("/v1/contacts/{}", two["contactId"].as_str().unwrap())).await.0, 200);
    }

    async fn a_contact_of_which_nothing_is_said_is_no_contact(db) {
        let server = Server::start(db).await;
        for nothing in [json!({}), json!({"EmailAddress": null}), json!({"EmailAddress": [], "PhoneNumber": null}), Value::Null] {
            let stored = server.record(json!({"mediaType": "chat", "contact": nothing})).await;
            assert_eq!(stored["contactId"], Value::Null, "{nothing}");
        }
        let (status, found) = server.post("/v1/contacts/identify", json!({"attributes": {"EmailAddress": null}})).await;
        assert_eq!((status, found), (200, json!({"contactId": null, "created": false, "candidates": []})));
        let kinds: Vec<Value> = server.journal().await.iter().map(|entry| entry["kind"].clone()).collect();
        assert_eq!(kinds, vec![json!("interaction.recorded"); 4]);
    }

    async fn half_a_name_finds_nobody(db) {
        let server = Server::start(db).await;
        let whole = contact_of(&server, json!({"EmailAddress": "quirin@example.test", "FirstName": "Quirin", "LastName": "Aalto"})).await;
        for half in [json!({"FirstName": "Quirin"}), json!({"LastName": "Aalto"}), json!({"FirstName": "Quirin", "LastName": "unknown"})] {
            assert_eq!(identified(&server, half.clone()).await, Value::Null, "{half}");
            assert_ne!(contact_of(&server, half).await, whole);
        }
        assert_eq!(identified(&server, json!({"FirstName": "quirin", "LastName": "AALTO"})).await, whole);
    }

    async fn a_number_is_one_however_it_is_written(db) {
        let server = Server::start(db).await;
        let ann = contact_of(&server, json!({"PhoneNumber": "+44 20 7946 0900"})).await;
        for same in ["+44 (0)20 7946 0900", "00442079460900", "tel:+44-20-7946-0900", "+442079460900", "\u{202a}+44 20 7946 0900\u{202c}",
            "Tel: +44 20 7946 0900 (work)", "\"Ann\" <tel:+442079460900;isub=1>"] {
            assert_eq!(contact_of(&server, json!({"PhoneNumber": same})).await, ann, "{same}");
        }
        let mut seen = vec![ann];
        for other in ["+44 20 7946 0900;ext=6", "+44 20 7946 0901", "sip:+442079460900@example.test", "client:442079460900", "whatsapp:+442079460900",
            "020 7946 0900", "442079460900", "7042", "tel:7042;phone-context=example.test"] {
            let contact = contact_of(&server, json!({"PhoneNumber": other})).await;
            assert!(!seen.contains(&contact), "{other} is somebody else");
            seen.push(contact);
        }
        for same in ["+44 20 7946 0900 x6", "tel:+442079460900;isub=1;ext=6", "+44 20 7946 0900 (ext. 6)"] {
            assert_eq!(identified(&server, json!({"PhoneNumber": same})).await, seen[1], "{same}");
        }
        assert_eq!(identified(&server, json!({"PhoneNumber": "sip:+442079460900@EXAMPLE.test"})).await, seen[3]);
    }

    async fn a_filter_folds_what_identifies(db) {
        let server = Server::start(db).await;
        let stored = server.record(json!({"mediaType": "chat", "contact": {
            "EmailAddress": "Case.Name@Example.test", "PhoneNumber": "+49 30 111222", "FirstName": "Zoë", "City": "Berlin"}})).await;
        let contact = stored["contactId"].as_str().unwrap();
        for (query, count) in [
            ("contact.EmailAddress=case.name@EXAMPLE.test", 1), ("contact.PhoneNumber=%2B4930111222", 1), ("contact.PhoneNumber=0049-30-111222", 1),
            ("contact.FirstName=ZO%C3%8B", 1), ("contact.EmailAddress=other@example.test", 0), ("contact.PhoneNumber=anonymous", 0),
            ("contact.City=Berlin", 1), ("contact.City=berlin", 0),
        ] {
            for path in ["/v1/interactions", &format!("/v1/contacts/{contact}/history")] {
                let (status, page) = server.get(&format!("{path}?{query}")).await;
                assert_eq!((status, ids(&page).len()), (200, count), "{path} {query}");
            }
        }
        for (leaf, count) in [
            (json!({"field": "contact.PhoneNumber", "in": ["x", "+49 (0)30 111222"]}), 1),
            (json!({"field": "contact.PhoneNumber", "ne": "+49 (0)30 111222"}), 0),
            (json!({"not": {"field": "contact.EmailAddress", "eq": "CASE.NAME@example.test"}}), 0),
            (json!({"field": "contact.EmailAddress", "prefix": "Case"}), 1),
            (json!({"field": "contact.EmailAddress", "contains": "case"}), 0),
        ] {
            let (status, page) = server.post("/v1/interactions/search", json!({"filter": leaf})).await;
            assert_eq!((status, ids(&page).len()), (200, count), "{leaf}");
        }
    }

    async fn what_a_request_says_about_a_known_contact_is_kept(db) {
        let server = Server::start(db).await;
        let first = server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "zoe@example.test"}})).await;
        let second = server.record(json!({"id": "second", "mediaType": "voice", "contact": {
            "EmailAddress": ["ZOE@example.test", "zoe@work.example"], "PhoneNumber": "+4915199887766", "Nickname": "anonymous"}})).await;
        assert_eq!(second["contactId"], first["contactId"]);
        let (_, shown) = server.get("/v1/interactions/second?include=contact").await;
        assert_eq!(shown["contact"]["attributes"], json!({"EmailAddress": ["zoe@example.test", "zoe@work.example"],
            "Nickname": ["anonymous"], "PhoneNumber": ["+4915199887766"]}), "the first one stays the primary one");
        assert_eq!(shown["contact"]["revision"], 2);
        let entry = server.journal().await.into_iter().find(|entry| entry["kind"] == "contact.changed").unwrap();
        assert_eq!(entry["delta"]["attributes"]["EmailAddress"], json!(["zoe@example.test", "zoe@work.example"]));
        assert_eq!(identified(&server, json!({"PhoneNumber": "0049 151 99887766"})).await, first["contactId"]);
        // repeating it adds no entry
        let before = server.journal().await.len();
        server.record(json!({"mediaType": "sms", "contact": {"PhoneNumber": "+49 151 99887766"}})).await;
        assert_eq!(server.journal().await.len(), before + 1);
        // where two match, the owner of the new value is unknown
        for name in ["John", "Jane"] {
            server.post("/v1/contacts", json!({"attributes": {"EmailAddress": "doe@example.test", "FirstName": name}})).await;
        }
        let unclear = server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "doe@example.test", "City": "Roma"}})).await;
        assert_eq!(unclear["unkeptAttributes"], json!(["City"]), "{unclear}");
    }

    async fn what_is_not_learned_is_told(db) {
        let server = Server::with(db, |config| config.contacts.learn = false).await;
        server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "zoe@example.test"}})).await;
        let second = server.record(json!({"mediaType": "voice", "contact": {"EmailAddress": "zoe@example.test", "PhoneNumber": "+4915199887766"}})).await;
        assert_eq!(second["unkeptAttributes"], json!(["PhoneNumber"]));
        let (_, found) = server.post("/v1/contacts/identify", json!({"attributes": {"EmailAddress": "zoe@example.test", "City": "Roma"}})).await;
        assert_eq!((&found["contactId"], &found["unkeptAttributes"]), (&second["contactId"], &json!(["City"])));
        assert_eq!(identified(&server, json!({"PhoneNumber": "+4915199887766"})).await, Value::Null);
    }

    async fn an_address_of_another_contact_is_not_learned(db) {
        let server = Server::start(db).await;
        let ann = contact_of(&server, json!({"EmailAddress": "ann@example.test"})).await;
        let bob = contact_of(&server, json!({"PhoneNumber": "+44 20 7946 0900"})).await;
        let both = server.record(json!({"mediaType": "chat", "contact": {
            "EmailAddress": "ann@example.test", "PhoneNumber": ["0044 20 7946 0900", "+44 20 7946 0901"], "City": "Roma"}})).await;
        assert_eq!((&both["contactId"], &both["unkeptAttributes"]), (&ann, &json!(["PhoneNumber"])), "{both}");
        assert_eq!(contact_of(&server, json!({"PhoneNumber": "+442079460900"})).await, bob, "Bob's number stays his");
        let (_, kept) = server.get(&format!("/v1/contacts/{}", ann.as_str().unwrap())).await;
        assert_eq!(kept["attributes"], json!({"City": ["Roma"], "EmailAddress": ["ann@example.test"], "PhoneNumber": ["+44 20 7946 0901"]}));
        // also in one commit
        let told = server.batch(&[
            json!({"id": "eve", "mediaType": "chat", "contact": {"EmailAddress": "eve@example.test"}}),
            json!({"id": "dan", "mediaType": "chat", "contact": {"PhoneNumber": "+44 20 7946 0902"}}),
            json!({"id": "eve2", "mediaType": "chat", "contact": {"EmailAddress": "eve@example.test", "PhoneNumber": "+44 20 7946 0902"}}),
            json!({"id": "dan2", "mediaType": "chat", "contact": {"PhoneNumber": "0044 20 7946 0902"}}),
        ]).await;
        assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
        let (dan, again) = (server.get("/v1/interactions/dan").await.1, server.get("/v1/interactions/dan2").await.1);
        assert_eq!(dan["contactId"], again["contactId"]);
        // an address of a contact merged into this one belongs to this one
        assert_eq!(server.post(&format!("/v1/contacts/{}/merge", bob.as_str().unwrap()), json!({"into": ann})).await.0, 200);
        let own = server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "ann@example.test", "PhoneNumber": "+44 20 7946 0900"}})).await;
        assert_eq!((&own["contactId"], &own["unkeptAttributes"]), (&ann, &Value::Null), "{own}");
    }

    async fn names_learned_of_two_people_make_no_third(db) {
        let server = Server::start(db).await;
        let shared = contact_of(&server, json!({"EmailAddress": "office@example.test", "FirstName": "Ann", "LastName": "Ash"})).await;
        assert_eq!(contact_of(&server, json!({"EmailAddress": "office@example.test", "FirstName": "Bob", "LastName": "Birch"})).await, shared);
        assert_eq!(identified(&server, json!({"FirstName": "Ann", "LastName": "Birch"})).await, Value::Null);
        let stranger = contact_of(&server, json!({"FirstName": "Ann", "LastName": "Birch"})).await;
        assert!(stranger.is_string() && stranger != shared);
        // a merged contact is still found by the names of each identity
        let married = contact_of(&server, json!({"PhoneNumber": "+44 20 7946 0901", "FirstName": "Eve", "LastName": "Elm"})).await;
        let before = contact_of(&server, json!({"PhoneNumber": "+44 20 7946 0902", "FirstName": "Eva", "LastName": "Oak"})).await;
        assert_eq!(server.post(&format!("/v1/contacts/{}/merge", before.as_str().unwrap()), json!({"into": married})).await.0, 200);
        for (first, last) in [("Eve", "Elm"), ("Eva", "Oak")] {
            assert_eq!(identified(&server, json!({"FirstName": first, "LastName": last})).await, married, "{first} {last}");
        }
        assert_eq!(identified(&server, json!({"FirstName": "Eva", "LastName": "Elm"})).await, Value::Null);
    }

    async fn two_people_with_one_number_are_two_contacts(db) {
        let server = Server::start(db).await;
        let number = "+44 20 7946 0900";
        let ann = contact_of(&server, json!({"EmailAddress": "ann@example.test", "PhoneNumber": number, "FirstName": "Ann", "LastName": "Ash"})).await;
        let names_only = contact_of(&server, json!({"FirstName": "Cid", "LastName": "Cedar"})).await;
        let bob = contact_of(&server, json!({"EmailAddress": "bob@example.test", "PhoneNumber": number, "FirstName": "Bob", "LastName": "Birch"})).await;
        assert!(bob.is_string() && bob != ann, "{bob}");
        let (_, kept) = server.get(&format!("/v1/contacts/{}", ann.as_str().unwrap())).await;
        assert_eq!(kept["attributes"]["EmailAddress"], json!(["ann@example.test"]), "nothing is learned of somebody else");
        for (first, last, contact) in [("Ann", "Ash", &ann), ("Bob", "Birch", &bob)] {
            assert_eq!(&identified(&server, json!({"PhoneNumber": number, "FirstName": first, "LastName": last})).await, contact);
        }
        let cid = contact_of(&server, json!({"EmailAddress": "cid@example.test", "PhoneNumber": number, "FirstName": "Cid", "LastName": "Cedar"})).await;
        assert_eq!(cid, names_only, "the names find who is not found by the number");
        let married = contact_of(&server, json!({"EmailAddress": "ann@home.example", "PhoneNumber": number, "FirstName": "Ann", "LastName": "Oak"})).await;
        assert_eq!(married, ann, "one name differs");
    }

    async fn a_region_dials_by_its_own_prefix(db) {
        let server = Server::with(db, |config| config.contacts.default_region = "KR".into()).await;
        let paris = contact_of(&server, json!({"PhoneNumber": "+33 6 12 34 56 78"})).await;
        assert_eq!(identified(&server, json!({"PhoneNumber": "002 33 6 12 34 56 78"})).await, paris);
        assert_eq!(identified(&server, json!({"PhoneNumber": "0033 6 12 34 56 78"})).await, paris);
        assert_eq!(identified(&server, json!({"PhoneNumber": "+233 6 12 34 56 78"})).await, Value::Null);
    }

    async fn what_a_merged_identity_has_is_known_of_the_one_that_stays(db) {
        let server = Server::start(db).await;
        let stays = contact_of(&server, json!({"FirstName": "Ann", "LastName": "Rossi"})).await;
        let merged = contact_of(&server, json!({"EmailAddress": "ann@example.test", "City": "Roma"})).await;
        assert_eq!(server.post(&format!("/v1/contacts/{}/merge", merged.as_str().unwrap()), json!({"into": stays})).await.0, 200);
        let other = contact_of(&server, json!({"FirstName": "Ann", "LastName": "Rossi", "EmailAddress": "rossi@example.test"})).await;
        assert!(other.is_string() && other != stays, "of the same name, with another address");
        let before = server.journal().await.len();
        let again = json!({"FirstName": "Ann", "LastName": "Rossi", "EmailAddress": "ann@example.test", "City": "Roma"});
        assert_eq!(contact_of(&server, again).await, stays);
        assert_eq!(server.journal().await.len(), before + 1, "nothing of that is new");
    }

    async fn ranks_are_settings_for_each_medium(db) {
        let server = Server::with(db, |config| {
            config.contacts.ranks = vec!["CustomerId".into(), "EmailAddress".into()];
            config.contacts.ranks_by_media = [("chat".to_owned(), vec!["EmailAddress".to_owned()])].into();
        }).await;
        let record = |media: &str, contact: Value| { let body = json!({"mediaType": media, "contact": contact}); let server = &server; async move { server.record(body).await["contactId"].clone() } };
        let ann = record("voice", json!({"CustomerId": "K-7"})).await;
        assert_eq!(record("voice", json!({"CustomerId": "k-7"})).await, ann);
        assert_ne!(record("chat", json!({"CustomerId": "K-7"})).await, ann, "a chat has other ranks");
        let names = json!({"FirstName": "Ann", "LastName": "Rossi"});
        assert_ne!(record("voice", names.clone()).await, record("voice", names).await, "names are no rank here");
    }

    async fn ranks_of_a_medium_hold_for_all_its_names(db) {
        let server = Server::with(db, |config| {
            config.contacts.ranks_by_media = [("call".to_owned(), vec!["CustomerId".to_owned()])].into();
        }).await;
        for media in ["call", "voice"] {
            let record = || server.record(json!({"mediaType": media, "contact": {"EmailAddress": "ann@example.test"}}));
            let (one, other) = (record().await, record().await);
            assert_ne!(one["contactId"], other["contactId"], "{media}: an address is no rank here");
        }
    }

    async fn a_default_region_that_comes_later_holds_for_what_is_there(db) {
        let server = Server::start(db).await;
        let ann = contact_of(&server, json!({"PhoneNumber": "020 7946 0900"})).await;
        assert_eq!(identified(&server, json!({"PhoneNumber": "+44 20 7946 0900"})).await, Value::Null);
        let place = server.stop().await;
        let server = Server::at(Arc::clone(&place), |config| config.contacts.default_region = "GB".into()).await;
        assert_eq!(identified(&server, json!({"PhoneNumber": "+44 20 7946 0900"})).await, ann);
        let (_, page) = server.get("/v1/interactions?contact.PhoneNumber=02079460900").await;
        assert_eq!(ids(&page).len(), 1);
        assert_eq!(server.journal().await.len(), 2, "that is no change of the contact");
    }

    async fn web_services_identify_alike(db) {
        let server = Server::start(db).await;
        let known = contact_of(&server, json!({"PhoneNumber": "+44 (0)20 7946 0900"})).await;
        let other = contact_of(&server, json!({"PhoneNumber": "anonymous"})).await;
        assert!(known.is_string() && other.is_string() && known != other);
        let chat = server.record(json!({"mediaType": "webengagement", "contact": {"PhoneNumber": "0044 20 7946 0900"}})).await;
        let (_, child) = server.post(&format!("/v1/interactions/{}/engagements", id(&chat)), json!({"mediaType": "chat", "contact": {"PhoneNumber": "restricted"}})).await;
        assert_eq!(chat["contactId"], known);
        assert!(child["contactId"].is_string() && child["contactId"] != known, "{child}");
    }
}
