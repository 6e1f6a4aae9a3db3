//! Searches for elements of lists in UserData, and for words in scripts without blanks.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::both;
use crate::properties::indexed;
use crate::support::direct::Direct;
use crate::support::{Server, ids};

async fn found(server: &Server, filter: Value) -> Vec<String> {
    let body = json!({"filter": filter, "sort": ["id"], "count": true});
    let (status, page) = server.post("/v1/interactions/search", body).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(page["count"], json!(ids(&page).len()), "{page}");
    ids(&page).into_iter().map(str::to_owned).collect()
}

async fn listed(server: &Server, query: &[(&str, &str)]) -> Vec<String> {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish();
    let (status, page) = server.get(&format!("/v1/interactions?{query}")).await;
    assert_eq!(status, 200, "{query}: {page}");
    let mut found: Vec<String> = ids(&page).into_iter().map(str::to_owned).collect();
    found.sort();
    found
}

async fn with_lists(server: &Server) {
    for (id, user_data) in [
        (
            "a",
            json!({"tags": ["vip", "gold", "vip"], "Info": {"codes": [7, "8"]}}),
        ),
        ("b", json!({"tags": "vip", "Info": {"codes": 7}})),
        (
            "c",
            json!({"tags": ["vips", 5, null, true], "Info": {"codes": [[7]]}}),
        ),
        ("d", json!({"tags": {"0": "gold"}})),
        ("e", json!({"tags": []})),
        ("f", json!({})),
    ] {
        server
            .record(json!({"id": id, "mediaType": "chat", "userData": user_data}))
            .await;
    }
}

async fn lists_are_found_by_their_elements(server: &Server) {
    for (filter, wanted) in [
        (
            json!({"field": "userData.tags", "eq": "vip"}),
            vec!["a", "b"],
        ),
        (
            json!({"field": "userData.tags", "in": ["gold", 5]}),
            vec!["a", "c"],
        ),
        (json!({"field": "userData.tags", "eq": null}), vec!["c"]),
        (
            json!({"field": "userData.tags", "ne": "vip"}),
            vec!["c", "d", "e", "f"],
        ),
        (
            json!({"not": {"field": "userData.tags", "eq": true}}),
            vec!["a", "b", "d", "e", "f"],
        ),
        // an element is compared for equality, a text for containment
        (
            json!({"field": "userData.tags", "contains": "vip"}),
            vec!["a", "b"],
        ),
        (
            json!({"field": "userData.tags", "contains": "vi"}),
            vec!["b"],
        ),
        (json!({"field": "userData.tags", "contains": 5}), vec!["c"]),
        (
            json!({"field": "userData.tags", "contains": null}),
            vec!["c"],
        ),
        (json!({"field": "userData.tags.0", "eq": "gold"}), vec!["d"]),
        (json!({"field": "userData.tags.1", "eq": "gold"}), vec!["a"]),
        (json!({"field": "userData.tags.01", "exists": true}), vec![]),
        (
            json!({"field": "userData.tags.3", "exists": true}),
            vec!["c"],
        ),
        (
            json!({"field": "userData.tags", "exists": true}),
            vec!["a", "b", "c", "d", "e"],
        ),
        (
            json!({"field": "userData.Info.codes", "eq": 7}),
            vec!["a", "b"],
        ),
        (
            json!({"field": "userData.Info.codes.0", "eq": 7}),
            vec!["a", "c"],
        ),
        (
            json!({"field": "userData.Info.codes.0.0", "eq": 7}),
            vec!["c"],
        ),
        // ordering compares the value itself
        (json!({"field": "userData.Info.codes", "gte": 7}), vec!["b"]),
        (
            json!({"field": "userData.Info.codes.0", "gte": 7}),
            vec!["a"],
        ),
        (json!({"field": "userData.tags", "prefix": "v"}), vec!["b"]),
    ] {
        assert_eq!(found(server, filter.clone()).await, wanted, "{filter}");
    }
    for (name, value, wanted) in [
        ("userData.tags", "vip", vec!["a", "b"]),
        ("userData.tags", "5", vec!["c"]),
        ("userData.tags.0", "vip", vec!["a"]),
        ("userData.Info.codes", "8", vec!["a"]),
    ] {
        assert_eq!(
            listed(server, &[(name, value)]).await,
            wanted,
            "{name}={value}"
        );
    }
}

both! {
    async fn a_list_is_found_by_its_elements_and_an_element_by_its_index(db) {
        let server = Server::start(db).await;
        with_lists(&server).await;
        lists_are_found_by_their_elements(&server).await;
        let filter = json!({"field": "userData.tags", "contains": ["vip"]});
        let (status, problem) = server.post("/v1/interactions/search", json!({"filter": filter})).await;
        assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/filter/contains")), "{problem}");
        let filter = json!({"field": "subject", "contains": 5});
        assert_eq!(server.post("/v1/interactions/search", json!({"filter": filter})).await.0, 422);
    }

    async fn declared_keys_find_elements_and_meet_each_interaction_once(db) {
        let keys = ["tags", "tags.0", "tags.1", "Info.codes", "Info.codes.0"];
        let server = Server::with(db, |config| config.user_data.indexed = keys.map(str::to_owned).to_vec()).await;
        with_lists(&server).await;
        indexed(&server, keys.len()).await;
        lists_are_found_by_their_elements(&server).await;
        let alike = format!("{}{}", "x".repeat(300), 1);
        let other = format!("{}{}", "x".repeat(300), 2);
        server.record(json!({"id": "g", "mediaType": "chat", "userData": {"tags": [alike, other, 1, 1.0]}})).await;
        assert_eq!(listed(&server, &[("userData.tags", &other)]).await, ["g"]);
        assert_eq!(listed(&server, &[("userData.tags", "1")]).await, ["g"]);
        // a list that got shorter is no longer found by its former elements
        let (status, _) = server.post("/v1/interactions/a/user-data", json!({"update": {"tags": ["gold"]}})).await;
        assert_eq!(status, 200);
        assert_eq!(listed(&server, &[("userData.tags", "vip")]).await, ["b"]);
        assert_eq!(listed(&server, &[("userData.tags", "gold")]).await, ["a"]);
    }

    async fn keys_declared_by_an_older_program_are_filled_again(db) {
        let server = Server::with(db, |config| config.user_data.indexed = vec!["tags".into()]).await;
        with_lists(&server).await;
        indexed(&server, 1).await;
        let place = server.stop().await;
        // as the migration leaves a key that an operator declared
        Direct::to(&place).await.execute("UPDATE indexed_key SET ready = 0; DELETE FROM user_data_index").await;
        let server = Server::at(place, |_| {}).await;
        indexed(&server, 1).await;
        assert_eq!(listed(&server, &[("userData.tags", "vip")]).await, ["a", "b"]);
    }

    async fn words_are_found_inside_runs_of_signs_and_emoji(db) {
        let server = Server::start(db).await;
        for (id, text) in [
            ("ko", "고객이 환불을 요청했습니다"), ("zh", "客户要求退款，马上"), ("ja", "ガスの払い戻し"), ("th", "ลูกค้าต้องการคืนเงิน"),
            ("lo", "ລູກຄ້າຕ້ອງການເງິນຄືນ"), ("km", "អតិថិជនចង់បានប្រាក់"), ("my", "ငွေပြန်အမ်းပါ"), ("e1", "thanks 👍🏽!"), ("e2", "the family 👩\u{200d}👩\u{200d}👧 ❤\u{fe0f}"), ("e3", "🇰🇷🇺🇸 games"),
            ("wrap", "要求退\n款的"), ("mix", "iPhone15手机壳"), ("la", "Refund of the card"),
        ] {
            server.record(json!({"id": id, "mediaType": "chat", "text": text})).await;
        }
        for (q, wanted) in [
            ("환불", vec!["ko"]), ("환불을", vec!["ko"]), ("을", vec!["ko"]), ("불요", vec![]), ("\"환불을 요청\"", vec!["ko"]), ("환불*", vec!["ko"]),
            ("退款", vec!["wrap", "zh"]), ("退", vec!["wrap", "zh"]), ("款", vec!["wrap", "zh"]), ("款马", vec![]), ("要求退款", vec!["wrap", "zh"]), ("客户 马上", vec!["zh"]),
            ("ガス", vec!["ja"]), ("カス", vec![]), ("ｶﾞｽ", vec!["ja"]), ("払い", vec!["ja"]), ("คืนเงิน", vec!["th"]), ("ต้องการ", vec!["th"]), ("คนเงน", vec![]),
            ("ເງິນ", vec!["lo"]), ("ប្រាក់", vec!["km"]), ("ပြန်", vec!["my"]), ("👍", vec!["e1"]), ("👍🏽", vec!["e1"]), ("👍🏿", vec![]), ("👧", vec!["e2"]),
            ("👩\u{200d}👩\u{200d}👧", vec!["e2"]), ("❤", vec!["e2"]), ("❤\u{fe0f}", vec!["e2"]), ("🇺🇸", vec!["e3"]), ("🇷🇺", vec![]), ("手机", vec!["mix"]), ("iphone15", vec!["mix"]), ("iPhone15手机", vec!["mix"]),
            ("refund", vec!["la"]), ("ref*", vec!["la"]), ("\"the card\"", vec!["la"]), ("efund", vec![]),
        ] {
            assert_eq!(listed(&server, &[("q", q)]).await, wanted, "{q}");
        }
    }

    async fn an_index_made_by_older_rules_is_made_anew_at_the_start(db) {
        let server = Server::start(db).await;
        let lines: Vec<String> = (0..1200).map(|n| json!({"id": format!("i{n}"), "mediaType": "chat", "subject": if n == 700 { "환불을" } else { "nothing" }}).to_string()).collect();
        assert_eq!(server.post_text("/v1/interactions/batch?reply=errors", lines.join("\n")).await.0, 200);
        let place = server.stop().await;
        let mut direct = Direct::to(&place).await;
        // rules that cut nothing
        let emptied = if place.url.starts_with("sqlite") { "INSERT INTO interaction_words (interaction_words) VALUES ('delete-all')" } else { "DELETE FROM interaction_words" };
        direct.execute(emptied).await;
        direct.execute("UPDATE word_index SET version = 1, done = 0").await;
        let server = Server::at(Arc::clone(&place), |_| {}).await;
        assert_eq!(listed(&server, &[("q", "환불")]).await, ["i700"]);
        // what is changed or deleted afterwards leaves the index
        assert_eq!(server.patch("/v1/interactions/i700", json!({"subject": "退款"})).await.0, 200);
        assert_eq!(listed(&server, &[("q", "환불")]).await, Vec::<String>::new());
        assert_eq!(listed(&server, &[("q", "退")]).await, ["i700"]);
        assert_eq!(direct.number("SELECT version FROM word_index").await, annals::domain::words::VERSION);
    }

    async fn emoji_that_look_like_punctuation_are_found(db) {
        let server = Server::start(db).await;
        for (id, text) in [("bang", "stop‼️ now"), ("ask", "what⁉️"), ("c", "©️ 2026"), ("r", "Annals®️"), ("hash", "dial #️⃣ first"), ("star", "dial *️⃣ first"), ("plain", "C# *a* !! 1️⃣ ™️ ℹ️")] {
            server.record(json!({"id": id, "mediaType": "chat", "text": text})).await;
        }
        for (words, wanted) in [
            ("‼️", vec!["bang"]), ("‼", vec!["bang"]), ("⁉️", vec!["ask"]), ("©️", vec!["c"]), ("®️", vec!["r"]), ("#️⃣", vec!["hash"]), ("*️⃣", vec!["star"]),
            ("\"dial #️⃣ first\"", vec!["hash"]), ("™️", vec!["plain"]), ("ℹ️", vec!["plain"]), ("1️⃣", vec!["plain"]),
        ] {
            let (status, page) = server.post("/v1/interactions/search", json!({"filter": {"q": words}, "sort": ["id"]})).await;
            assert_eq!((status, ids(&page)), (200, wanted), "{words}");
        }
    }
}
