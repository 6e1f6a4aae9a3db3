//! Searches: filters, order, pages, full text.

use serde_json::{Value, json};

use crate::both;
use crate::support::{Server, id, ids};

async fn filled(db: crate::support::Db) -> Server {
    let server = Server::start(db).await;
    for n in 0..6 {
        let media = ["chat", "email", "sms"][n % 3];
        let mut body = json!({"id": format!("i{n}"), "mediaType": media, "startDate": format!("2026-03-0{}T00:00:00Z", n + 1),
            "subject": format!("Order {n} refund"), "userData": {"score": n * 5, "mixed": if n % 2 == 0 { json!(n) } else { json!(n.to_string()) },
            "Info": {"DispositionCode.Key": if n > 3 { "resolved" } else { "open" }}}});
        if n < 2 {
            body["userData"]["noEngageCode"] = json!("busy");
            body["endDate"] = json!("2026-04-01T00:00:00Z");
        }
        server.record(body).await;
    }
    server
}

async fn found(server: &Server, filter: Value) -> Vec<String> {
    let (status, page) = server
        .post(
            "/v1/interactions/search",
            json!({"filter": filter, "sort": ["id"]}),
        )
        .await;
    assert_eq!(status, 200, "{page}");
    ids(&page).into_iter().map(str::to_owned).collect()
}

async fn listed(server: &Server, query: &str) -> Vec<String> {
    let (status, page) = server
        .get(&format!("/v1/interactions?sort=id&{query}"))
        .await;
    assert_eq!(status, 200, "{page}");
    ids(&page).into_iter().map(str::to_owned).collect()
}

async fn every_operator(server: &Server) {
    let cases = [
        (
            json!({"field": "mediaType", "eq": "chat"}),
            vec!["i0", "i3"],
        ),
        (
            json!({"field": "mediaType", "in": ["chat", "sms"]}),
            vec!["i0", "i2", "i3", "i5"],
        ),
        (
            json!({"field": "startDate", "from": "2026-03-02T00:00:00Z", "to": "2026-03-04T00:00:00Z"}),
            vec!["i1", "i2"],
        ),
        (
            json!({"field": "userData.score", "gt": 10}),
            vec!["i3", "i4", "i5"],
        ),
        (
            json!({"field": "userData.score", "gte": 10, "lt": 20.5}),
            vec!["i2", "i3", "i4"],
        ),
        (
            json!({"field": "userData.score", "lte": 5}),
            vec!["i0", "i1"],
        ),
        (
            json!({"field": "userData.score", "in": [0, 25, "25"]}),
            vec!["i0", "i5"],
        ),
        (json!({"field": "userData.mixed", "eq": "3"}), vec!["i3"]),
        (json!({"field": "userData.mixed", "eq": 3}), vec![]),
        (
            json!({"field": "userData.mixed", "gt": "1"}),
            vec!["i3", "i5"],
        ),
        (
            json!({"field": "userData.noEngageCode", "exists": true}),
            vec!["i0", "i1"],
        ),
        (
            json!({"field": "userData.noEngageCode", "exists": false}),
            vec!["i2", "i3", "i4", "i5"],
        ),
        (
            json!({"field": "userData.noEngageCode", "ne": "busy"}),
            vec!["i2", "i3", "i4", "i5"],
        ),
        (
            json!({"not": {"field": "userData.noEngageCode", "eq": "busy"}}),
            vec!["i2", "i3", "i4", "i5"],
        ),
        (
            json!({"field": "userData.Info.DispositionCode\\.Key", "eq": "resolved"}),
            vec!["i4", "i5"],
        ),
        (
            json!({"field": "userData.Info.DispositionCode\\.Key", "prefix": "op", "contains": "pe"}),
            vec!["i0", "i1", "i2", "i3"],
        ),
        (json!({"field": "subject", "contains": "r 4 r"}), vec!["i4"]),
        (json!({"field": "subject", "prefix": "Order 5"}), vec!["i5"]),
        (
            json!({"field": "endDate", "exists": false}),
            vec!["i2", "i3", "i4", "i5"],
        ),
        (
            json!({"field": "endDate", "ne": "2026-04-01T00:00:00Z"}),
            vec!["i2", "i3", "i4", "i5"],
        ),
        (
            json!({"or": [{"field": "id", "eq": "i1"}, {"and": [{"field": "status", "eq": "New"}, {"field": "id", "gt": "i4"}]}]}),
            vec!["i1", "i5"],
        ),
        (json!({"or": []}), vec![]),
        (json!({"and": []}), vec!["i0", "i1", "i2", "i3", "i4", "i5"]),
        (
            json!({"and": [{"q": "refund"}, {"not": {"q": "\"order 3\""}}]}),
            vec!["i0", "i1", "i2", "i4", "i5"],
        ),
    ];
    for (filter, wanted) in cases {
        assert_eq!(found(server, filter.clone()).await, wanted, "{filter}");
    }
}

both! {
    async fn a_value_is_found_however_json_writes_it(db) {
        let server = Server::start(db).await;
        let odd = "a\"b\\c\n\u{1f}\u{7f}\u{2028}é😀/";
        server.record(json!({"id": "odd", "mediaType": "chat", "userData": {"v": odd}})).await;
        for (id, value) in [
            ("n1", "7"), ("n2", "7.0"), ("n3", "70e-1"), ("n4", "\"7\""), ("n5", "[[], 7.0]"), ("n6", "77"), ("big1", "1e15"), ("big2", "1000000000000000"),
            ("huge1", "1e16"), ("huge2", "10000000000000000"), ("zero", "-0.0"), ("yes1", "true"), ("yes2", "\"true\""), ("none1", "null"), ("none2", "\"null\""),
        ] {
            let (status, stored) = server.post_text("/v1/interactions", format!(r#"{{"id": "{id}", "mediaType": "chat", "userData": {{"v": {value}}}}}"#)).await;
            assert_eq!(status, 201, "{stored}");
        }
        let v = |operator: &str, value: Value| {
            let mut leaf = json!({"field": "userData.v"});
            leaf[operator] = value;
            leaf
        };
        for (filter, wanted) in [
            (v("eq", json!(odd)), vec!["odd"]), (v("contains", json!("\\c\n\u{1f}")), vec!["odd"]), (v("prefix", json!("a\"b")), vec!["odd"]), (v("contains", json!("😀/")), vec!["odd"]),
            (v("eq", json!(7)), vec!["n1", "n2", "n3", "n5"]), (v("contains", json!(7)), vec!["n5"]), (v("in", json!(["7", 7])), vec!["n1", "n2", "n3", "n4", "n5"]), (v("eq", json!(7.0)), vec!["n1", "n2", "n3", "n5"]),
            (v("eq", json!(1_000_000_000_000_000_i64)), vec!["big1", "big2"]), (v("eq", json!(10_000_000_000_000_000_i64)), vec!["huge1", "huge2"]), (v("eq", json!(0)), vec!["zero"]),
            (v("eq", json!(true)), vec!["yes1"]), (v("in", json!(["true", true])), vec!["yes1", "yes2"]), (v("eq", Value::Null), vec!["none1"]), (v("in", json!([])), vec![]),
            (json!({"or": [v("eq", json!("7")), v("eq", json!(odd)), v("gt", json!(5e15))]}), vec!["huge1", "huge2", "n4", "odd"]),
            (json!({"not": {"or": [v("eq", json!(7)), v("gte", json!(77)), v("exists", json!(false))]}}), vec!["n4", "none1", "none2", "odd", "yes1", "yes2", "zero"]),
        ] {
            assert_eq!(found(&server, filter.clone()).await, wanted, "{filter}");
        }
        assert_eq!(listed(&server, "userData.v=7").await, ["n1", "n2", "n3", "n4", "n5"]);
        assert_eq!(listed(&server, "userData.v=true").await, ["yes1", "yes2"]);
        assert_eq!(listed(&server, "userData.v=null").await, ["none1", "none2"]);
    }

    async fn every_operator_means_what_it_says(db) {
        let server = filled(db).await;
        every_operator(&server).await;
    }

    async fn the_same_answers_come_by_way_of_indexed_keys(db) {
        let server = filled(db).await;
        let place = server.stop().await;
        let keys = ["score", "mixed", "noEngageCode", "Info.DispositionCode\\.Key"];
        let server = Server::at(place, |config| config.user_data.indexed = keys.map(str::to_owned).to_vec()).await;
        loop {
            let (_, fields) = server.get("/v1/fields").await;
            let ready = fields["indexedKeys"].as_array().unwrap().iter().filter(|key| key["ready"] == true).count();
            if ready == keys.len() {
                break;
            }
            tokio::task::yield_now().await;
        }
        every_operator(&server).await;
        server.record(json!({"id": "i6", "mediaType": "chat", "startDate": "2026-03-07T00:00:00Z", "userData": {"score": 25}})).await;
        assert_eq!(listed(&server, "userData.score=25").await, ["i5", "i6"]);
        assert_eq!(server.post("/v1/interactions/i5/user-data", json!({"update": {"score": 26}})).await.0, 200);
        assert_eq!(listed(&server, "userData.score=25").await, ["i6"]);
        let (_, page) = server.get("/v1/interactions?userData.score=26&limit=1").await;
        assert_eq!(ids(&page), ["i5"], "led by the index, newest first");
    }

    async fn a_query_string_value_matches_text_number_and_boolean(db) {
        let server = filled(db).await;
        assert_eq!(listed(&server, "userData.mixed=2").await, ["i2"]);
        assert_eq!(listed(&server, "userData.mixed=3").await, ["i3"]);
        assert_eq!(listed(&server, "mediaType=chat&mediaType=sms&startDate.from=2026-03-03T00:00:00Z").await, ["i2", "i3", "i5"]);
        assert_eq!(listed(&server, "mediaType=Chat&status=New").await, ["i3"]);
        server.record(json!({"id": "b", "mediaType": "x", "userData": {"yes": true}})).await;
        assert_eq!(listed(&server, "userData.yes=true").await, ["b"]);
        assert_eq!(listed(&server, "canBeParent=true&mediaType=x").await, ["b"]);
    }

    async fn pages_meet_without_gap_or_repeat_in_every_order(db) {
        let server = filled(db).await;
        for sort in ["-startDate", "startDate", "endDate", "-endDate", "id", "-id", "-createdDate", "modifiedDate", "-endDate,id", "endDate,-id"] {
            let (mut seen, mut cursor) = (Vec::new(), String::new());
            loop {
                let (status, page) = server.get(&format!("/v1/interactions?limit=2&sort={sort}{cursor}")).await;
                assert_eq!(status, 200, "{page}");
                seen.extend(ids(&page).into_iter().map(str::to_owned));
                match page["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let (_, whole) = server.get(&format!("/v1/interactions?sort={sort}")).await;
            assert_eq!(seen, ids(&whole), "{sort}");
            assert_eq!(seen.len(), 6, "{sort}");
            if sort.contains("endDate") {
                assert!(seen[0].as_str() < "i2" && seen[5].as_str() > "i1", "nulls come last: {sort} {seen:?}");
            }
        }
    }

    async fn full_text_finds_words_phrases_and_beginnings_in_every_script(db) {
        let server = Server::start(db).await;
        server.record(json!({"id": "a", "mediaType": "email", "subject": "Où est mon REMBOURSEMENT ?", "text": "My credit card was charged twice"})).await;
        server.record(json!({"id": "b", "mediaType": "email", "subject": "退款没有收到", "text": "card credit"})).await;
        for (q, wanted) in [
            ("remboursement", vec!["a"]), ("ou rembours*", vec!["a"]), ("\"credit card\"", vec!["a"]), ("credit card", vec!["a", "b"]),
            ("退款", vec!["b"]), ("款退", vec![]), ("charge", vec![]), ("\"remboursement my\"", vec![]), ("twice' OR 1=1 --", vec![]), ("CARD", vec!["a", "b"]),
        ] {
            assert_eq!(found(&server, json!({"q": q})).await, wanted, "{q}");
        }
        assert_eq!(server.get("/v1/interactions?q=%21%21").await.0, 422, "no word");
    }

    async fn chosen_fields_keep_their_shape_and_counts_come_when_asked(db) {
        let server = filled(db).await;
        let (_, page) = server.post("/v1/interactions/search", json!({"filter": {"field": "id", "eq": "i4"}, "count": true,
            "fields": ["id", "mediaType", "userData.Info.DispositionCode\\.Key", "userData.none", "text"]})).await;
        assert_eq!(page["items"][0], json!({"id": "i4", "mediaType": "email", "userData": {"Info": {"DispositionCode.Key": "resolved"}}, "text": null}));
        assert_eq!((&page["count"], &page["next"]), (&json!(1), &Value::Null));
        assert_eq!(server.get("/v1/interactions?limit=1&count=true").await.1["count"], 6);
    }

    async fn an_indexed_key_and_another_are_compared_as_texts_by_one_statement(db) {
        let server = Server::with(db, |config| { config.user_data.indexed = vec!["fast".into()]; config.database.readers = 1; }).await;
        server.record(json!({"id": "a", "mediaType": "chat", "userData": {"fast": "m", "slow": "m"}})).await;
        while server.get("/v1/fields").await.1["indexedKeys"][0]["ready"] != true {
            tokio::task::yield_now().await;
        }
        for key in ["slow", "fast", "slow"] {
            for (operator, value) in [("gt", json!("a")), ("prefix", json!("m")), ("exists", json!(true))] {
                let filter = json!({"field": format!("userData.{key}"), operator: value});
                let (status, page) = server.post("/v1/interactions/search", json!({"filter": filter, "count": true})).await;
                assert_eq!((status, &page["count"]), (200, &json!(1)), "{key} {operator}: {page}");
            }
        }
    }

    async fn whole_numbers_beyond_what_a_double_counts_keep_their_last_digit(db) {
        let server = Server::start(db).await;
        for n in [9_007_199_254_740_991_i64, 9_007_199_254_740_992, 9_007_199_254_740_993, i64::MAX] {
            server.record(json!({"id": n.to_string(), "mediaType": "chat", "userData": {"n": n}})).await;
        }
        server.record(json!({"id": "max", "mediaType": "chat", "userData": {"n": u64::MAX}})).await;
        for (test, wanted) in [
            (json!({"eq": 9_007_199_254_740_992.0}), vec!["9007199254740992"]),
            (json!({"eq": 9_007_199_254_740_993_i64}), vec!["9007199254740993"]),
            (json!({"gt": 9_007_199_254_740_992.0, "lt": 1e18}), vec!["9007199254740993"]),
            (json!({"gte": i64::MAX, "lt": u64::MAX}), vec!["9223372036854775807"]),
            (json!({"eq": u64::MAX}), vec!["max"]),
        ] {
            let mut leaf = test.clone();
            leaf["field"] = json!("userData.n");
            assert_eq!(found(&server, leaf).await, wanted, "{test}");
        }
    }

    async fn what_does_not_exist_is_refused_by_its_name(db) {
        let server = Server::start(db).await;
        for (query, pointer) in [
            ("foo=1", "?foo"), ("sort=subject", "?sort"), ("limit=501", "?limit"), ("limit=0", "?limit"), ("cursor=abc", "?cursor"), ("status=Gone", "?status"),
            ("startDate=soon", "?startDate"), ("count=maybe", "?count"), ("fields=id,nope", "?fields"), ("subject.from=2026-01-01T00:00:00Z", "?subject.from"),
        ] {
            let (status, problem) = server.get(&format!("/v1/interactions?{query}")).await;
            assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{query}");
        }
        for (filter, pointer) in [
            (json!({"field": "nope", "eq": 1}), "/filter/field"), (json!({"field": "id", "like": "x"}), "/filter/like"), (json!({"field": "id"}), "/filter"),
            (json!({"and": [{"field": "startDate", "gt": 5}]}), "/filter/and/0/gt"), (json!({"xor": []}), "/filter/xor"), (json!([]), "/filter"),
            (json!({"field": "status", "gt": "New"}), "/filter/gt"), (json!({"field": "contact.Age", "in": ["30", 30]}), "/filter/in/1"), (json!({"field": "userData.a", "in": [[1]]}), "/filter/in/0"),
        ] {
            let (status, problem) = server.post("/v1/interactions/search", json!({"filter": filter})).await;
            assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{filter}");
        }
        let (_, page) = server.get("/v1/interactions?sort=id").await;
        assert_eq!(page["next"], Value::Null);
    }

    async fn a_contacts_attributes_filter_as_they_are_now(db) {
        let server = Server::start(db).await;
        let one = server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "ann@example.test", "City": "Roma"}})).await;
        server.record(json!({"mediaType": "chat", "contact": {"EmailAddress": "bob@example.test"}})).await;
        let contact = one["contactId"].as_str().unwrap();
        assert_eq!(found(&server, json!({"field": "contact.City", "eq": "Roma"})).await, [id(&one)]);
        assert_eq!(server.patch(&format!("/v1/contacts/{contact}"), json!({"attributes": {"City": "Milano"}})).await.0, 200);
        assert_eq!(found(&server, json!({"field": "contact.City", "eq": "Roma"})).await, Vec::<String>::new());
        assert_eq!(found(&server, json!({"field": "contact.City", "prefix": "Mil"})).await, [id(&one)]);
        assert_eq!(found(&server, json!({"field": "contact.City", "exists": false})).await.len(), 1);
        assert_eq!(listed(&server, "contact.EmailAddress=bob@example.test").await.len(), 1);
    }

    async fn a_contacts_attribute_is_text_and_nothing_else(db) {
        let server = Server::start(db).await;
        for operand in [json!({"eq": 1}), json!({"gt": 5}), json!({"ne": true}), json!({"in": ["a", null]}), json!({"lte": 0.5})] {
            let mut leaf = operand.clone();
            leaf["field"] = json!("contact.Age");
            let (status, problem) = server.post("/v1/interactions/search", json!({"filter": leaf})).await;
            assert_eq!(status, 422, "{operand}: {problem}");
        }
        assert_eq!(found(&server, json!({"field": "contact.Age", "gt": "5"})).await, Vec::<String>::new());
        assert_eq!(listed(&server, "contact.Age=5").await, Vec::<String>::new());
    }

    async fn a_filter_is_refused_before_it_is_too_large_for_the_database(db) {
        let server = filled(db).await;
        let values: Vec<String> = (0..499).map(|n| n.to_string()).collect();
        let many = |count| vec![json!({"or": []}); count];
        let terms = |count| (0..count).map(|n| char::from_u32(0x4e00 + n).unwrap().to_string()).collect::<Vec<_>>().join(" ");
        let path = |steps| format!("userData.{}", vec!["a"; steps].join("."));
        for (filter, fits) in [
            (json!({"or": many(499)}), true),
            (json!({"or": many(500)}), false),
            (json!({"and": [{"field": "userData.score", "in": values}]}), true),
            (json!({"or": [{"field": "userData.score", "in": values}, {"field": "id", "eq": "x"}]}), false),
            (json!({"or": [{"field": "userData.a.b.c", "in": values}]}), false),
            (json!({"q": terms(450)}), true),
            (json!({"and": [{"q": terms(450)}, {"or": many(50)}]}), false),
            (json!({"field": path(63), "eq": 1}), true),
            (json!({"field": path(64), "eq": 1}), false),
            (json!({"and": (0..7).map(|_| json!({"field": path(63), "exists": true})).collect::<Vec<_>>()}), true),
        ] {
            let (status, page) = server.post("/v1/interactions/search", json!({"filter": filter})).await;
            assert_eq!(status, if fits { 200 } else { 422 }, "{} {page}", &filter.to_string()[..80.min(filter.to_string().len())]);
        }
        let params = |name: &str, count: usize| (0..count).map(|n| format!("&{name}={n}x")).collect::<String>();
        for (query, fits) in [
            (params("userData.score", 499), true),
            (params("userData.score", 501), false),
            (params("userData.a.b", 251), false),
            (params("id", 500), true),
            (format!("{}{}", params("id", 300), params("queue", 300)), false),
            ((0..501).map(|n| format!("&userData.k{n}=x")).collect(), false),
            (format!("&{}=1", path(63)), true),
            (format!("&{}=1", path(64)), false),
        ] {
            let (status, page) = server.get(&format!("/v1/interactions?limit=5{query}")).await;
            assert_eq!(status, if fits { 200 } else { 422 }, "{} {page}", &query[..60.min(query.len())]);
        }
    }

    async fn media_types_are_folded_wherever_they_are_compared(db) {
        let server = filled(db).await;
        server.record(json!({"id": "v", "mediaType": "Call"})).await;
        assert_eq!(found(&server, json!({"field": "mediaType", "eq": "Chat"})).await, ["i0", "i3"]);
        assert_eq!(found(&server, json!({"field": "mediaType", "in": ["CALL", "SMS"]})).await, ["i2", "i5", "v"]);
        assert_eq!(found(&server, json!({"field": "mediaType", "prefix": "Voi"})).await, ["v"]);
        assert_eq!(listed(&server, "mediaType=call&mediaType=Sms").await, ["i2", "i5", "v"]);
    }

    async fn a_text_of_long_words_is_kept_whole_and_found_by_the_first(db) {
        let server = Server::start(db).await;
        // four bytes per letter: ten thousand such words would exceed what Postgres indexes
        let text: String = (0..9_000).map(|n| format!("{}{n} ", "\u{10428}".repeat(58))).collect();
        let stored = server.record(json!({"id": "l", "mediaType": "email", "text": text})).await;
        assert_eq!(stored["text"], text);
        assert_eq!(found(&server, json!({"q": format!("{}0", "\u{10428}".repeat(58))})).await, ["l"]);
        assert_eq!(found(&server, json!({"q": format!("{}8999", "\u{10428}".repeat(58))})).await, Vec::<String>::new());
        assert_eq!(server.patch("/v1/interactions/l", json!({"text": "short"})).await.0, 200);
        assert_eq!(found(&server, json!({"q": format!("{}0", "\u{10428}".repeat(58))})).await, Vec::<String>::new());
    }

    async fn keys_that_json_escapes_are_found_as_others_are(db) {
        let server = Server::start(db).await;
        let keys = ["a \"quoted\" key", "back\\slash", "new\nline", "\u{1}\u{7f}", "tab\t", "ключ 🔑", "/slash/", "per%cent_", ""];
        for (n, key) in keys.iter().enumerate() {
            server.record(json!({"id": format!("k{n}"), "mediaType": "chat", "userData": {*key: {"in": n}, "other": "key"}})).await;
        }
        server.record(json!({"id": "none", "mediaType": "chat", "userData": {"text": keys.join(" ")}})).await;
        for (n, key) in keys.iter().enumerate() {
            let path = format!("userData.{}", key.replace('\\', "\\\\").replace('.', "\\."));
            assert_eq!(found(&server, json!({"field": path, "exists": true})).await, [format!("k{n}")], "{key:?}");
            assert_eq!(found(&server, json!({"field": format!("{path}.in"), "eq": n})).await, [format!("k{n}")], "{key:?}");
            let not = json!({"not": {"field": path, "exists": true}});
            assert_eq!(found(&server, not).await.len(), keys.len(), "{key:?}");
            let either = json!({"or": [{"field": format!("{path}.in"), "eq": n}, {"field": "userData.text", "exists": true}]});
            assert_eq!(found(&server, either).await.len(), 2, "{key:?}");
        }
    }
}
