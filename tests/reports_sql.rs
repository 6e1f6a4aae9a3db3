//! SQL over history: right as of now, after every kind of change, and nothing but reading.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use annals::config::Config;
use annals::reports::columns::part::Part;
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use crate::both;
use crate::support::process::{Process, annals, run};
use crate::support::{Db, Place, Server, id};

/// The folder of the columns of a place.
fn folder(place: &Place) -> PathBuf {
    place.path().join("columns")
}

async fn at(place: Arc<Place>) -> Server {
    let columns = folder(&place).display().to_string();
    Server::at(place, |config: &mut Config| config.reports.folder = columns).await
}

async fn server(db: Db) -> Server {
    at(Arc::new(Place::new(db).await)).await
}

async fn ask(server: &Server, sql: &str) -> Value {
    let (status, answer) = server.post("/v1/sql", json!({"sql": sql})).await;
    assert_eq!(status, 200, "{sql}: {answer}");
    assert_eq!(answer["complete"], true);
    answer
}

/// The rows of an answer, each as a list of its values.
async fn rows(server: &Server, sql: &str) -> Vec<Vec<Value>> {
    let answer = ask(server, sql).await;
    let names: Vec<&str> = answer["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    let items = answer["items"].as_array().unwrap().iter();
    items
        .map(|item| names.iter().map(|name| item[*name].clone()).collect())
        .collect()
}

async fn refused(server: &Server, sql: &str) -> String {
    let (status, answer) = server.post("/v1/sql", json!({"sql": sql})).await;
    assert_eq!(status, 422, "{sql}: {answer}");
    answer["errors"][0]["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Everything that SQL tells of interactions, compared with what the lists tell.
async fn agrees(server: &Server) {
    let sql = "SELECT id, media_type, status, type, contact_id, parent_id, thread_id, can_be_parent, start_date, end_date, \
               created_date, modified_date, revision, subject, queue, language, duration, user_data, user_data['n'] AS n, \
               user_data['it''s'] AS its FROM interactions ORDER BY id";
    let told = ask(server, sql).await;
    let (_, list) = server.get("/v1/interactions?limit=500&sort=id").await;
    let (told, list) = (
        told["items"].as_array().unwrap(),
        list["items"].as_array().unwrap(),
    );
    assert_eq!(told.len(), list.len());
    for (row, one) in told.iter().zip(list) {
        for (column, attribute) in [
            ("id", "id"),
            ("media_type", "mediaType"),
            ("status", "status"),
            ("type", "type"),
            ("contact_id", "contactId"),
            ("parent_id", "parentId"),
            ("thread_id", "threadId"),
            ("can_be_parent", "canBeParent"),
            ("start_date", "startDate"),
            ("end_date", "endDate"),
            ("created_date", "createdDate"),
            ("modified_date", "modifiedDate"),
            ("revision", "revision"),
            ("subject", "subject"),
            ("queue", "queue"),
            ("language", "language"),
        ] {
            assert_eq!(row[column], one[attribute], "{column} of {one}");
        }
        let text = |value: &Value| match value {
            Value::Null => Value::Null,
            Value::String(text) => Value::from(text.as_str()),
            other => Value::from(other.to_string()),
        };
        let user_data = one["userData"].as_object().unwrap();
        let texts: serde_json::Map<String, Value> = user_data
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect();
        assert_eq!(row["user_data"].as_object().unwrap(), &texts);
        assert_eq!(row["n"], text(&one["userData"]["n"]));
        assert_eq!(row["its"], text(&one["userData"]["it's"]));
        assert_eq!(row["duration"].is_null(), one["endDate"].is_null());
    }
}

/// Some history with every kind of change.
async fn history(server: &Server, round: usize) {
    let mut ids = Vec::new();
    for n in 0..12 {
        let body = json!({"mediaType": if n % 3 == 0 { "webengagement" } else { "chat" }, "subject": format!("é \"{n}\""),
            "startDate": "2026-03-01T09:30:00.000001Z", "queue": (n % 2 == 0).then_some("q"),
            "userData": {"n": n, "it's": format!("a\\{n}\""), "list": [1, {"x": null}], "round": round, format!("own {round} {n}"): true}});
        ids.push(id(&server.record(body).await).to_owned());
    }
    let engaged = server
        .post(
            &format!("/v1/interactions/{}/engagements", ids[0]),
            json!({"mediaType": "chat", "copyUserData": "n;list"}),
        )
        .await;
    assert_eq!(engaged.0, 201, "{engaged:?}");
    for (n, call, body) in [
        (
            1,
            "user-data",
            json!({"attach": {"n": "seven", "new": 1.5}}),
        ),
        (
            2,
            "user-data",
            json!({"update": {"n": null}, "delete": ["list"]}),
        ),
        (3, "stop", json!({"stoppedReason": "Done"})),
        (4, "stop", json!({"endDate": "2026-03-01T09:31:00.5Z"})),
    ] {
        let (status, answer) = server
            .post(&format!("/v1/interactions/{}/{call}", ids[n]), body)
            .await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(
        server
            .patch(
                &format!("/v1/interactions/{}", ids[5]),
                json!({"subject": null, "language": "it"})
            )
            .await
            .0,
        200
    );
    assert_eq!(
        server
            .delete(&format!("/v1/interactions/{}", ids[6]))
            .await
            .0,
        204
    );
    let again = json!({"id": ids[6], "mediaType": "email", "userData": {"n": -1}});
    if round % 2 == 1 {
        server.record(again).await;
    }
}

both! {
    async fn an_answer_reflects_everything_committed_before_it(db) {
        let server = server(db).await;
        assert_eq!(rows(&server, "SELECT count(*) AS n FROM interactions").await, [[json!(0)]]);
        for round in 0..3 {
            history(&server, round).await;
            agrees(&server).await;
        }
        let head = server.journal().await.last().unwrap()["cursor"].clone();
        assert_eq!(ask(&server, "SELECT 1 AS one").await["asOf"], head);
    }

    async fn after_a_start_the_columns_go_on_where_they_were(db) {
        let mut server = server(db).await;
        for round in 0..6 {
            history(&server, round).await;
            if round % 2 == 0 {
                agrees(&server).await;
            }
            server = at(server.stop().await).await;
            agrees(&server).await;
        }
        let place = server.stop().await;
        assert!(files(&folder(&place)).len() < 6, "small files become one");
        // what a kill leaves: files of which no manifest knows
        std::fs::write(folder(&place).join("part-99999999.parquet"), "half").unwrap();
        let server = at(place).await;
        agrees(&server).await;
        assert!(!folder(&server.place).join("part-99999999.parquet").exists());
        // a file that is damaged, or a manifest
        let place = server.stop().await;
        for file in files(&folder(&place)) {
            std::fs::write(file, "nothing").unwrap();
        }
        let server = at(place).await;
        agrees(&server).await;
        let place = server.stop().await;
        std::fs::write(folder(&place).join("manifest.json"), "{").unwrap();
        let server = at(place).await;
        agrees(&server).await;
    }

    async fn columns_of_another_store_are_built_anew(db) {
        let first = server(db).await;
        history(&first, 0).await;
        agrees(&first).await;
        let first = first.stop().await;
        let place = Arc::new(Place::new(db).await);
        std::fs::create_dir(folder(&place)).unwrap();
        for entry in std::fs::read_dir(folder(&first)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), folder(&place).join(entry.file_name())).unwrap();
            }
        }
        let second = at(place).await;
        second.record(json!({"mediaType": "chat"})).await;
        agrees(&second).await;
        assert_eq!(rows(&second, "SELECT count(*) AS n FROM interactions").await, [[json!(1)]]);
    }

    async fn what_was_deleted_stands_in_no_file(db) {
        let server = server(db).await;
        history(&server, 0).await;
        let secret = server.record(json!({"mediaType": "chat", "userData": {"card": "4929 0000"}})).await;
        agrees(&server).await;
        let server = at(server.stop().await).await;
        assert!(held(&folder(&server.place)).contains("4929 0000"));
        assert_eq!(server.delete(&format!("/v1/interactions/{}", id(&secret))).await.0, 204);
        for _ in 0..100 {
            if !held(&folder(&server.place)).contains("4929 0000") {
                agrees(&server).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the deleted text is still in a file");
    }

    async fn what_was_erased_stands_in_no_file_however_old_and_after_a_stop(db) {
        let mut server = server(db).await;
        let secret = server
            .record(json!({"mediaType": "chat", "contact": {"EmailAddress": "mara@x.test"}, "userData": {"card": "4929 0000"}}))
            .await;
        let path = format!("/v1/interactions/{}/user-data", id(&secret));
        agrees(&server).await;
        server = at(server.stop().await).await;
        // the row in the first file is masked before anything is erased
        assert_eq!(server.post(&path, json!({"update": {"card": "none"}})).await.0, 200);
        agrees(&server).await;
        server = at(server.stop().await).await;
        let contact = secret["contactId"].as_str().unwrap();
        assert_eq!(server.post(&format!("/v1/contacts/{contact}/erase"), json!({})).await.0, 200);
        assert_eq!(rows(&server, "SELECT count(*) AS n FROM contacts").await, [[json!(0)]]);
        // the stop comes before the files were rewritten: the manifest remembers
        server = at(server.stop().await).await;
        for _ in 0..100 {
            let held = held(&folder(&server.place));
            if !held.contains("4929 0000") && !held.contains("mara@x.test") {
                agrees(&server).await;
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the erased text is still in a file");
    }

    async fn links_and_keys_are_tables(db) {
        let server = server(db).await;
        let parent = server.record(json!({"mediaType": "webengagement", "userData": {"rule": "hot", "score": 7, "gone": null}})).await;
        let (_, child) = server
            .post(&format!("/v1/interactions/{}/engagements", id(&parent)), json!({"mediaType": "chat", "copyUserData": "rule"}))
            .await;
        assert_eq!(
            rows(&server, "SELECT child_id, parent_id, copied_keys, linked_by FROM links").await,
            [[child["id"].clone(), parent["id"].clone(), json!("[\"rule\"]"), json!("engagement")]]
        );
        assert_eq!(
            rows(&server, "SELECT key, value, type FROM user_data ORDER BY key, value").await,
            [
                [json!("gone"), json!(null), json!("null")],
                [json!("rule"), json!("hot"), json!("string")],
                [json!("rule"), json!("hot"), json!("string")],
                [json!("score"), json!("7"), json!("integer")],
            ]
        );
        let joined = "SELECT p.user_data['rule'] AS rule, count(*) AS n FROM interactions AS p JOIN interactions c ON c.parent_id = p.id GROUP BY 1";
        assert_eq!(rows(&server, joined).await, [[json!("hot"), json!(1)]]);
        let (status, answer) = server
            .post("/v1/sql", json!({"sql": "SELECT id FROM interactions WHERE user_data['score'] = $1 AND media_type = $2", "parameters": ["7", "webengagement"]}))
            .await;
        assert_eq!((status, &answer["items"][0]["id"]), (200, &parent["id"]), "{answer}");
        let (status, csv) = server
            .post("/v1/sql", json!({"sql": "SELECT media_type AS m, user_data['gone'] AS g FROM interactions ORDER BY 1", "format": "csv"}))
            .await;
        assert_eq!((status, csv.as_str().unwrap()), (200, "m,g\r\nchat,\r\nwebengagement,\r\n"));
    }
}

both! {
    async fn contacts_and_web_actions_are_tables(db) {
        let mut server = server(db).await;
        for round in 0..2 {
            let (_, one) = server.post("/v1/contacts", json!({"attributes": {"EmailAddress": [format!("a{round}@x.test"), "b@x.test"], "LastName": ["Rossi"]}})).await;
            let (_, two) = server.post("/v1/contacts", json!({"attributes": {"LastName": [format!("Bianchi {round}")]}})).await;
            let event = json!({"actionId": format!("act-{round}"), "actionState": "qualified", "actionMapId": "m", "customerId": "c", "page": "/cart"});
            assert_eq!(server.post("/v1/web-actions", event).await.0, 201);
            assert_eq!(rows(&server, "SELECT id, merged_into, revision FROM contacts ORDER BY created_date").await.last().unwrap()[1..], [json!(null), json!(1)]);
            let (status, answer) = server.patch(&format!("/v1/contacts/{}", id(&one)), json!({"attributes": {"LastName": ["Verdi"]}})).await;
            assert_eq!(status, 200, "{answer}");
            let (status, answer) = server.post(&format!("/v1/contacts/{}/merge", id(&two)), json!({"into": id(&one)})).await;
            assert_eq!(status, 200, "{answer}");
            let of = |sql: &str| sql.replace("ONE", id(&one)).replace("TWO", id(&two));
            assert_eq!(
                rows(&server, &of("SELECT name, position, value FROM contact_attributes WHERE contact_id = 'ONE' ORDER BY 1, 2")).await,
                [
                    [json!("EmailAddress"), json!(0), json!(format!("a{round}@x.test"))],
                    [json!("EmailAddress"), json!(1), json!("b@x.test")],
                    [json!("LastName"), json!(0), json!("Verdi")],
                ]
            );
            assert_eq!(rows(&server, &of("SELECT merged_into FROM contacts WHERE id = 'TWO'")).await, [[one["id"].clone()]]);
            assert_eq!(server.post(&format!("/v1/contacts/{}/erase", id(&two)), json!({})).await.0, 200);
            assert_eq!(rows(&server, "SELECT count(*) AS n FROM contacts").await, [[json!(0)]]);
            let actions = rows(&server, "SELECT action_id, state, map_id, customer_id, contradicted, event['page'] AS page FROM web_actions ORDER BY 1").await;
            assert_eq!(actions.len(), round + 1);
            assert_eq!(actions[round], [json!(format!("act-{round}")), json!("qualified"), json!("m"), json!("c"), json!(false), json!("/cart")]);
            server = at(server.stop().await).await;
        }
    }

    async fn a_tenant_sees_its_own_rows_alone(db) {
        let place = Arc::new(Place::new(db).await);
        assert_eq!(run(&place.url, &["migrate"]).await.code, Some(0));
        let mut tokens = Vec::new();
        for (tenant, scope) in [("1", "admin"), ("2", "admin"), ("1", "write")] {
            let made = run(&place.url, &["token", "create", "--tenant", tenant, "--scope", scope]).await;
            assert_eq!(made.code, Some(0), "{made:?}");
            tokens.push(made.out.trim().to_owned());
        }
        let mut server = at(place).await;
        for (tenant, token) in [("1", &tokens[0]), ("2", &tokens[1])] {
            server.token = Some(token.clone());
            let parent = server.record(json!({"mediaType": "webengagement", "userData": {"of": tenant}, "contact": {"EmailAddress": "a@x.test"}})).await;
            let engaged = server.post(&format!("/v1/interactions/{}/engagements", id(&parent)), json!({"mediaType": "chat"})).await;
            assert_eq!(engaged.0, 201);
            assert_eq!(server.post("/v1/web-actions", json!({"actionId": "same", "actionState": "qualified"})).await.0, 201);
            for (table, count) in [("interactions", 2), ("user_data", 1), ("links", 1), ("web_actions", 1), ("contacts", 1), ("contact_attributes", 1)] {
                assert_eq!(rows(&server, &format!("SELECT count(*) AS n FROM {table}")).await, [[json!(count)]], "{table}");
            }
            assert_eq!(rows(&server, "SELECT value FROM user_data").await, [[json!(tenant)]]);
            refused(&server, "SELECT tenant_id FROM interactions").await;
        }
        server.token = Some(tokens[2].clone());
        assert_eq!(server.post("/v1/sql", json!({"sql": "SELECT 1"})).await.0, 403);
        server.token = None;
        assert_eq!(server.post("/v1/sql", json!({"sql": "SELECT 1"})).await.0, 401);
    }

    async fn a_question_is_asked_at_the_terminal(db) {
        let server = server(db).await;
        server.record(json!({"mediaType": "chat", "subject": "a, \"b\""})).await;
        let url = &server.place.url;
        let asked = run(url, &["sql", "--url", &server.base, "SELECT media_type AS m, subject, 7 AS n FROM interactions"]).await;
        assert_eq!((asked.code, asked.out.as_str()), (Some(0), "m,subject,n\r\nchat,\"a, \"\"b\"\"\",7\r\n"), "{asked:?}");
        let asked = run(url, &["sql", "--url", &server.base, "--format", "table", "SELECT media_type AS m FROM interactions"]).await;
        assert!(asked.out.contains("│ chat │"), "{asked:?}");
        let asked = run(url, &["sql", "--url", &server.base, "SELECT nothing FROM interactions"]).await;
        assert!(asked.code == Some(1) && asked.told.contains("the statement is wrong") && asked.told.contains("nothing"), "{asked:?}");
        let asked = run(url, &["sql", "--url", "http://127.0.0.1:9", "SELECT 1"]).await;
        assert!(asked.code == Some(1) && asked.told.contains("http://127.0.0.1:9 does not answer"), "{asked:?}");
    }

    async fn a_kill_in_the_midst_of_writing_files_loses_nothing(db) {
        let place = Arc::new(Place::new(db).await);
        for round in 0..8 {
            let mut command = annals(&place.url, &["serve", "--listen", "127.0.0.1:0"]);
            command.env("ANNALS_REPORTS_FOLDER", folder(&place));
            let process = Process::start(&place, command).await;
            agrees(&process.http).await;
            history(&process.http, round).await;
            agrees(&process.http).await;
            // a deletion makes the keeper write and rewrite files within a second
            let gone = process.http.record(json!({"mediaType": "chat"})).await;
            agrees(&process.http).await;
            assert_eq!(process.http.delete(&format!("/v1/interactions/{}", id(&gone))).await.0, 204);
            tokio::time::sleep(Duration::from_millis(300 + 130 * round as u64)).await;
            process.kill().await;
        }
        let server = at(place).await;
        agrees(&server).await;
    }

    async fn two_servers_do_not_share_a_folder(db) {
        let first = server(db).await;
        let columns = folder(&first.place).display().to_string();
        let second = Server::with(db, |config| config.reports.folder = columns).await;
        assert_eq!(second.post("/v1/sql", json!({"sql": "SELECT 1"})).await.0, 404);
        assert_eq!(ask(&first, "SELECT 1 AS one").await["items"], json!([{"one": 1}]));
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "parquet")
        })
        .collect()
}

/// Everything that the files of a folder hold, masked rows too.
fn held(folder: &Path) -> String {
    let mut all = String::new();
    for file in files(folder) {
        // a file may go while it is read
        let Ok(part) = Part::open(&file, RoaringTreemap::default()) else {
            continue;
        };
        let schema = part.schema();
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        for batch in part.batches(&names).into_iter().flatten() {
            all += &format!("{:?}", batch.unwrap());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_reads_and_does_nothing_else() {
    let server = server(Db::Sqlite).await;
    server
        .record(json!({"mediaType": "chat", "userData": {"a": 1}}))
        .await;
    for sql in [
        "INSERT INTO interactions (id) VALUES ('x')",
        "DELETE FROM interactions",
        "UPDATE interactions SET id = 'x'",
        "CREATE TABLE t AS SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '/etc'",
        "COPY (SELECT 1) TO '/tmp/annals-out.csv'",
        "SET datafusion.execution.batch_size = 1",
        "DROP TABLE interactions",
        "SELECT 1; SELECT 2",
        "EXPLAIN ANALYZE SELECT 1",
        "SHOW TABLES",
        "",
        "SELEC",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"/etc/passwd\"",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM information_schema.tables",
        "SELECT nothing FROM interactions",
        "SELECT nothing(1)",
        "SELECT 1 + 'x' / 0 FROM nowhere",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    ] {
        let detail = refused(&server, sql).await;
        assert!(
            !detail.is_empty() && !detail.contains("src/"),
            "{sql}: {detail}"
        );
    }
    let nested = format!("SELECT {}1{}", "(".repeat(3000), ")".repeat(3000));
    refused(&server, &nested).await;
    let chain = format!("SELECT 1 WHERE {}", vec!["1 = 1"; 1200].join(" OR "));
    assert_eq!(
        ask(&server, &chain).await["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    refused(
        &server,
        &format!("SELECT 1 WHERE {}", vec!["1 = 1"; 5000].join(" OR ")),
    )
    .await;
    refused(&server, &format!("SELECT '{}'", "x".repeat(100_000))).await;
    let (status, answer) = server
        .post("/v1/sql", json!({"sql": "SELECT 1", "parameters": [[1]]}))
        .await;
    assert_eq!(
        (status, &answer["errors"][0]["pointer"]),
        (422, &json!("/parameters/0"))
    );
    let (status, answer) = server
        .post("/v1/sql", json!({"sql": "SELECT 1", "format": "xml"}))
        .await;
    assert_eq!(
        (status, &answer["errors"][0]["pointer"]),
        (422, &json!("/format"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_has_limits() {
    let place = Arc::new(Place::new(Db::Sqlite).await);
    let columns = folder(&place).display().to_string();
    let server = Server::at(place, |config| {
        config.reports.folder = columns;
        config.reports.seconds = 2;
        config.reports.memory = 32;
        config.reports.spill = 32;
    })
    .await;
    let many = "(VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10)) AS";
    let cross: Vec<String> = (0..12).map(|n| format!("{many} t{n}(v)")).collect();
    let endless = format!(
        "SELECT count(*) FROM {} WHERE t0.v + t1.v > t2.v * 0.5",
        cross.join(" CROSS JOIN ")
    );
    let (status, answer) = server.post("/v1/sql", json!({"sql": endless})).await;
    assert_eq!(
        (status, &answer["type"]),
        (503, &json!("query-timeout")),
        "{answer}"
    );
    let rows: Vec<String> = (0..6).map(|n| format!("{many} t{n}(v)")).collect();
    let (status, _) = server
        .post(
            "/v1/sql",
            json!({"sql": format!("SELECT t0.v FROM {}", rows.join(" CROSS JOIN "))}),
        )
        .await;
    assert_eq!(status, 413);
    assert_eq!(
        ask(&server, "SELECT 1 AS one").await["items"],
        json!([{"one": 1}])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_folder_there_are_no_reports_on_postgres() {
    let server = Server::start(Db::Postgres).await;
    let (status, answer) = server.post("/v1/sql", json!({"sql": "SELECT 1"})).await;
    assert_eq!(status, 404);
    assert!(
        answer["detail"]
            .as_str()
            .unwrap()
            .contains("[reports] folder")
    );
}
