//! Contacts: identifying, merging, erasing, exporting.

use serde_json::json;

use crate::both;
use crate::support::{Server, id};

both! {
    async fn a_contact_is_made_read_changed_and_deleted(db) {
        let server = Server::start(db).await;
        let (status, made) = server.post("/v1/contacts", json!({"attributes": {"EmailAddress": ["a@b.example", "c@d.example", "a@b.example"], "LastName": "Rossi"}})).await;
        assert_eq!((status, &made["attributes"]), (201, &json!({"EmailAddress": ["a@b.example", "c@d.example"], "LastName": ["Rossi"]})));
        let path = format!("/v1/contacts/{}", id(&made));
        let (status, changed) = server.patch(&path, json!({"attributes": {"LastName": null, "City": ["Roma"]}})).await;
        assert_eq!((status, &changed["revision"]), (200, &json!(2)));
        assert_eq!(server.get(&path).await.1["attributes"], json!({"EmailAddress": ["a@b.example", "c@d.example"], "City": ["Roma"]}));
        let kinds: Vec<_> = server.journal().await.iter().map(|entry| entry["kind"].clone()).collect();
        assert_eq!(kinds, ["contact.created", "contact.changed"]);
        let held = server.record(json!({"mediaType": "chat", "contactId": made["id"]})).await;
        assert_eq!(server.delete(&path).await.0, 409);
        assert_eq!(server.patch(&format!("/v1/interactions/{}", id(&held)), json!({"contactId": null})).await.0, 200);
        assert_eq!(server.delete(&path).await.0, 204);
        assert_eq!(server.get(&path).await.0, 404);
        let own = json!({"id": "0000BaCJQQH30052", "attributes": {"LastName": "Doe"}});
        assert_eq!(server.post("/v1/contacts", own.clone()).await.0, 201);
        assert_eq!(server.post("/v1/contacts", own).await.1["revision"], 1);
        assert_eq!(server.post("/v1/contacts", json!({"id": "0000BaCJQQH30052", "attributes": {}})).await.0, 409);
    }

    async fn one_person_is_one_contact_however_many_interactions_arrive_at_once(db) {
        let server = Server::start(db).await;
        let sent = (0..40).map(|n| {
            let server = &server;
            async move { server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": if n % 2 == 0 { "Ann@Example.test" } else { "ann@example.test " }}})).await }
        });
        let stored = futures_util::future::join_all(sent).await;
        assert!(stored.iter().all(|one| one["contactId"] == stored[0]["contactId"]));
        let (_, history) = server.get(&format!("/v1/contacts/{}/history?limit=500", stored[0]["contactId"].as_str().unwrap())).await;
        assert_eq!(history["items"].as_array().unwrap().len(), 40);
    }

    async fn identification_walks_down_the_ranks(db) {
        let server = Server::start(db).await;
        let make = |attributes| server.post("/v1/contacts", json!({"attributes": attributes}));
        let john = make(json!({"EmailAddress": "doe@example.test", "FirstName": "John", "LastName": "Doe"})).await.1;
        let jane = make(json!({"EmailAddress": "doe@example.test", "FirstName": "Jane", "LastName": "Doe", "PhoneNumber": "+39 06 1234"})).await.1;
        let identify = |attributes, create| server.post("/v1/contacts/identify", json!({"attributes": attributes, "create": create, "mediaType": "chat"}));
        let (_, both) = identify(json!({"EmailAddress": "DOE@example.test"}), false).await;
        assert_eq!(both["candidates"], json!([john["id"], jane["id"]]));
        assert_eq!(identify(json!({"EmailAddress": "doe@example.test", "FirstName": "jane"}), false).await.1["contactId"], jane["id"]);
        assert_eq!(identify(json!({"PhoneNumber": "+39061234"}), false).await.1["contactId"], jane["id"]);
        assert_eq!(identify(json!({"FirstName": "John", "LastName": "Doe"}), false).await.1["contactId"], john["id"]);
        let (_, nobody) = identify(json!({"EmailAddress": "new@example.test"}), false).await;
        assert_eq!((&nobody["contactId"], &nobody["created"]), (&json!(null), &json!(false)));
        let (_, made) = identify(json!({"EmailAddress": "new@example.test"}), true).await;
        assert_eq!(made["created"], true);
        assert_eq!(identify(json!({"EmailAddress": "new@example.test"}), true).await.1["contactId"], made["contactId"]);
    }

    async fn a_merge_finds_both_histories_and_can_be_undone(db) {
        let server = Server::start(db).await;
        let one = server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "one@example.test"}})).await;
        let two = server.record(json!({"mediaType": "email", "contact": {"EmailAddress": "two@example.test"}})).await;
        let (a, b) = (one["contactId"].as_str().unwrap(), two["contactId"].as_str().unwrap());
        let history = |of: String| { let server = &server; async move { server.get(&format!("/v1/contacts/{of}/history")).await.1["items"].as_array().unwrap().len() } };
        assert_eq!(server.post(&format!("/v1/contacts/{a}/merge"), json!({"into": b})).await.0, 200);
        assert_eq!((history(a.into()).await, history(b.into()).await), (1, 2));
        let (_, found) = server.post("/v1/contacts/identify", json!({"attributes": {"EmailAddress": "one@example.test"}})).await;
        assert_eq!(found["contactId"], two["contactId"], "the one that stays is meant");
        assert_eq!(server.post(&format!("/v1/contacts/{b}/merge"), json!({"into": a})).await.0, 422, "not in a circle");
        assert_eq!(server.delete(&format!("/v1/contacts/{b}")).await.0, 409);
        assert_eq!(server.post(&format!("/v1/contacts/{a}/unmerge"), json!({})).await.0, 200);
        assert_eq!((history(a.into()).await, history(b.into()).await), (1, 1));
        assert_eq!(server.post(&format!("/v1/contacts/{a}/unmerge"), json!({})).await.0, 409);
        let kinds: Vec<_> = server.journal().await.iter().skip(4).map(|entry| entry["kind"].clone()).collect();
        assert_eq!(kinds, ["contact.merged", "contact.unmerged"]);
    }

    async fn erasing_and_exporting_concern_one_person_with_all_identities(db) {
        let server = Server::start(db).await;
        let mine = json!({"mediaType": "email", "subject": "privateword", "text": "privateword", "externalId": "privateword",
            "participants": [{"participantId": "privateword"}], "userData": {"note": "privateword"}, "contact": {"EmailAddress": "privateword@example.test"}});
        let key = [("idempotency-key", "kept")];
        let (_, one) = server.post_with("/v1/interactions", &key, mine).await;
        let two = server.record(json!({"mediaType": "chat", "text": "privateword too", "contact": {"EmailAddress": "second@example.test"}})).await;
        let other = server.record(json!({"mediaType": "chat", "subject": "someone else", "contact": {"EmailAddress": "other@example.test"}})).await;
        let (a, b) = (one["contactId"].as_str().unwrap().to_owned(), two["contactId"].as_str().unwrap().to_owned());
        server.post(&format!("/v1/contacts/{a}/merge"), json!({"into": b})).await;
        let (status, export) = server.get(&format!("/v1/contacts/{b}/export")).await;
        assert_eq!((status, export["contacts"].as_array().unwrap().len(), export["interactions"].as_array().unwrap().len()), (200, 2, 2));
        assert!(export.to_string().contains("privateword") && !export.to_string().contains("someone else"));
        let (status, erased) = server.post(&format!("/v1/contacts/{b}/erase"), json!({})).await;
        assert_eq!((status, erased["contacts"].as_array().unwrap().len(), &erased["interactions"]), (200, 2, &json!(2)));
        assert_eq!(server.get(&format!("/v1/contacts/{b}")).await.0, 404);
        assert_eq!(server.get("/v1/interactions?q=privateword").await.1["items"], json!([]));
        let (_, left) = server.get(&format!("/v1/interactions/{}", id(&one))).await;
        assert_eq!((&left["userData"], &left["contactId"], &left["mediaType"]), (&json!({}), &json!(null), &json!("email")));
        let everything = format!("{left} {}", serde_json::to_string(&server.journal().await).unwrap());
        assert!(!everything.contains("privateword"), "{everything}");
        assert_eq!(server.get(&format!("/v1/interactions/{}", id(&other))).await.1["subject"], "someone else");
        let (_, then) = server.get(&format!("/v1/interactions/{}/user-data?at={}", id(&one), one["modifiedDate"].as_str().unwrap())).await;
        assert_eq!(then["userData"], json!({}));
    }

    async fn erasing_by_a_merged_identity_erases_the_whole_person_and_kept_answers(db) {
        let server = Server::start(db).await;
        let make = |name: &str| { let body = json!({"attributes": {"EmailAddress": format!("{name}@example.test"), "LastName": "Privateword"}}); let server = &server; async move { server.post("/v1/contacts", body).await.1 } };
        let (a, b) = (make("a").await, make("b").await);
        let held = server.record(json!({"mediaType": "chat", "contactId": b["id"], "text": "privateword"})).await;
        let moved = server.record(json!({"mediaType": "chat", "contactId": a["id"]})).await;
        let stranger = make("c").await;
        assert_eq!(server.patch(&format!("/v1/interactions/{}", id(&moved)), json!({"contactId": stranger["id"]})).await.0, 200);
        let key = [("idempotency-key", "m")];
        let merge = format!("/v1/contacts/{}/merge", id(&a));
        assert_eq!(server.post_with(&merge, &key, json!({"into": b["id"]})).await.0, 200);
        let (_, export) = server.get(&format!("/v1/contacts/{}/export", id(&a))).await;
        assert_eq!((export["contacts"].as_array().unwrap().len(), export["interactions"].as_array().unwrap().len()), (2, 1), "either identity exports the whole person");
        assert!(!export["changes"].to_string().contains(id(&moved)), "an interaction that is somebody else's now is not handed out");
        let (status, erased) = server.post(&format!("/v1/contacts/{}/erase", id(&a)), json!({})).await;
        assert_eq!((status, &erased["interactions"], erased["contacts"].as_array().unwrap().len()), (200, &json!(1), 2));
        assert_eq!(server.post_with(&merge, &key, json!({"into": b["id"]})).await.0, 404, "the kept answer is gone too");
        assert_eq!(server.get(&format!("/v1/interactions/{}", id(&held))).await.1["text"], json!(null));
        let journal = serde_json::to_string(&server.journal().await).unwrap();
        assert!(!journal.contains("a@example.test") && !journal.contains("b@example.test") && journal.contains("c@example.test"));
        let (_, theirs) = server.get(&format!("/v1/changes?contactId={}", id(&a))).await;
        assert!(theirs["items"].as_array().unwrap().iter().all(|entry| entry["interactionId"] == json!(null)));
    }

    async fn a_name_alone_does_not_make_two_people_one(db) {
        let server = Server::start(db).await;
        let identify = |attributes: serde_json::Value| server.post("/v1/contacts/identify", json!({"attributes": attributes}));
        let ann = identify(json!({"EmailAddress": "ann@example.test", "FirstName": "Ann", "LastName": "Rossi", "Title": "Dr"})).await.1;
        let other = identify(json!({"EmailAddress": "ann.rossi@other.test", "FirstName": "Ann", "LastName": "Rossi"})).await.1;
        assert_eq!(other["created"], true, "another address is another person");
        let third = identify(json!({"EmailAddress": "third@example.test", "PhoneNumber": "1", "FirstName": "Ann", "LastName": "Rossi"})).await.1;
        assert_eq!(third["created"], true);
        let both = identify(json!({"FirstName": "Ann", "LastName": "Rossi"})).await.1;
        assert_eq!(both["candidates"], json!([ann["contactId"], other["contactId"], third["contactId"]]));
        let numbered = identify(json!({"PhoneNumber": "2", "FirstName": "Ann", "LastName": "Rossi"})).await.1;
        assert_eq!(numbered["candidates"], json!([ann["contactId"], other["contactId"]]), "a missing number matches any");
        assert_eq!(identify(json!({"Title": "Dr"})).await.1["created"], true, "a title says nothing of who is meant");
    }

    async fn null_is_the_same_as_absent_and_no_value_the_same_as_none(db) {
        let server = Server::start(db).await;
        let sent = json!({"mediaType": "chat", "id": "i", "contact": {"EmailAddress": "a@example.test", "PhoneNumber": null}});
        let stored = server.record(sent).await;
        assert_eq!(server.post("/v1/interactions", json!({"mediaType": "chat", "id": "i", "contact": {"EmailAddress": "a@example.test"}})).await.0, 200);
        let contact = format!("/v1/contacts/{}", stored["contactId"].as_str().unwrap());
        assert_eq!(server.get(&contact).await.1["attributes"], json!({"EmailAddress": ["a@example.test"]}));
        let alone = server.record(json!({"mediaType": "chat", "contact": {"PhoneNumber": null}})).await;
        assert_eq!(alone["contactId"], json!(null));
        assert_eq!(server.post("/v1/contacts", json!({"attributes": null})).await.0, 201);
        let (status, made) = server.post("/v1/contacts", json!({"attributes": {"LastName": "Rossi", "City": null}})).await;
        assert_eq!((status, &made["attributes"]), (201, &json!({"LastName": ["Rossi"]})));
        let (status, found) = server.post("/v1/contacts/identify", json!({"attributes": {"EmailAddress": "a@example.test", "PhoneNumber": null}})).await;
        assert_eq!((status, &found["contactId"]), (200, &stored["contactId"]));
        let (status, nobody) = server.post("/v1/contacts/identify", json!({"attributes": null})).await;
        assert_eq!((status, nobody), (200, json!({"contactId": null, "created": false, "candidates": []})));
        let (status, cleared) = server.patch(&contact, json!({"attributes": {"EmailAddress": [], "City": "Roma"}})).await;
        assert_eq!((status, &cleared["attributes"]), (200, &json!({"City": ["Roma"]})));
        let parent = server.record(json!({"mediaType": "webengagement"})).await;
        let path = format!("/v1/interactions/{}/engagements", id(&parent));
        let (status, child) = server.post(&path, json!({"mediaType": "chat", "contact": {"EmailAddress": null, "City": "Roma", "PhoneNumber": "7"}})).await;
        assert_eq!(status, 201, "{child}");
    }

    async fn a_contact_made_again_is_not_created_again(db) {
        let server = Server::start(db).await;
        let own = json!({"id": "c", "attributes": {"LastName": "Doe"}});
        assert_eq!(server.post("/v1/contacts", own.clone()).await.0, 201);
        assert_eq!(server.post("/v1/contacts", own.clone()).await.0, 200);
        let key = [("idempotency-key", "k")];
        let new = json!({"attributes": {"LastName": "Private"}});
        let (first, made) = server.post_with("/v1/contacts", &key, new.clone()).await;
        assert_eq!((first, server.post_with("/v1/contacts", &key, new.clone()).await.0), (201, 201), "a repeated request has its own answer");
        let erase = format!("/v1/contacts/{}/erase", id(&made));
        assert_eq!(server.post(&erase, json!({})).await.0, 200);
        let again = server.post_with("/v1/contacts", &key, new).await.1;
        assert_ne!(again["id"], made["id"], "the kept answer went with the person");
    }
}
