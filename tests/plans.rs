//! The plans of lists on both databases: by an index, in the order of the list, and no further than
//! the page, with fresh statistics and without any.

use std::net::SocketAddr;
use std::sync::Arc;

use annals::domain::moment::SystemClock;
use annals::feed::Feed;
use annals::server;
use annals::store::dialect::{Arg, Conn, Dialect, OnPostgres, OnSqlite, READING};
use annals::store::statements::Recorder;
use annals::store::{Schema, Store};
use annals::telemetry::Metrics;
use annals::web::access::{Access, Door};
use annals::web::rate::Rate;
use annals::web::{App, Parts};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::{Value, json};
use sqlx::Connection;
use tower::ServiceExt;

use crate::support::direct::Direct;
use crate::support::{Db, Place, Server, config};

/// Interactions in the store.
const MANY: usize = 8000;
/// Rows that a step of a plan may process for a page of ten.
const TOUCHED: f64 = 1500.0;

/// The allowed cost of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// An index gives the order; nothing is sorted.
    Walks,
    /// An index gives a few candidates, which are sorted.
    SortsFew,
    /// By design, no index helps; everything is read.
    ReadsAll,
}
use Cost::{ReadsAll, SortsFew, Walks};

fn interaction(n: usize) -> Value {
    let minute = (n * 7919) % MANY;
    let start = format!(
        "2026-03-{:02}T{:02}:{:02}:00Z",
        1 + minute / 1440,
        minute / 60 % 24,
        minute % 60
    );
    let subject = match n {
        n if n % 1000 == 3 => "rare words 환불을",
        n if n % 10 == 0 => "nothing",
        _ => "common words",
    };
    let mut body = json!({
        "id": format!("i{n}"), "mediaType": (["chat", "email", "voice"][n % 3]), "startDate": start, "subject": subject, "text": "long text",
        "type": format!("k{}", n % 5), "subtype": format!("s{}", n % 5), "queue": format!("q{}", n % 5), "categoryId": format!("g{}", n % 5), "language": "it",
        "ownerId": format!("o{}", n % 40), "externalId": format!("e{n}"), "contact": {"EmailAddress": format!("c{}@example.test", n % 400), "Street": format!("f{}", n % 400), "Nick": "Doe", "Grade": "Dr", "Company": format!("c{}", n % 9), "Language": "it", "Zip": format!("{}", n % 50),
        "City": if n.is_multiple_of(4) { "Milano" } else { "Roma" }},
        "userData": {"flag": if n.is_multiple_of(4) { "yes" } else { "no" }, "Info": {"code": n % 7}, "tags": [format!("t{}", n % 6), "vip"], "declared": format!("d{}", n % 4), "n": n},
    });
    if n.is_multiple_of(3) {
        body["endDate"] = json!("2026-04-01T00:00:00Z");
        body["stoppedReason"] = json!("done");
    }
    if n % 10 == 1 {
        body["parentId"] = json!(format!("i{}", n - 1));
    } else {
        body["threadId"] = json!(format!("t{}", n % 100));
    }
    body
}

fn web_action(n: usize) -> Value {
    json!({"actionId": format!("a{n}"), "actionState": "offered", "actionMediaType": (["webchat", "contentoffer"][n % 2]), "actionMapId": format!("m{}", n % 3), "actionMapVersion": n % 4,
        "customerId": format!("u{}", n % 500), "sessionId": format!("v{}", n % 1000), "conversationId": format!("i{}", n % 1000), "errorCode": format!("x{}", n % 9),
        "eventDate": format!("2026-03-{:02}T00:00:00Z", 1 + n % 28)})
}

/// A store with a few thousand rows in each table that lists read.
async fn filled(db: Db) -> (Arc<Place>, String) {
    let place = Arc::new(Place::new(db).await);
    let server = Server::at(Arc::clone(&place), |_| {}).await;
    if db == Db::Postgres {
        let off = "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP \
                   EXECUTE 'ALTER TABLE ' || t || ' SET (autovacuum_enabled = off)'; END LOOP; END $$";
        Direct::to(&place).await.execute(off).await;
    }
    let lines: Vec<String> = (0..MANY).map(|n| interaction(n).to_string()).collect();
    let (status, answer) = server
        .post_text("/v1/interactions/batch?reply=errors", lines.join("\n"))
        .await;
    assert_eq!(
        (status, &answer["summary"]["recorded"]),
        (200, &json!(MANY)),
        "{answer}"
    );
    for chunk in 0..6 {
        let events: Vec<Value> = (chunk * 1000..(chunk + 1) * 1000).map(web_action).collect();
        assert_eq!(server.post("/v1/web-actions", json!(events)).await.0, 200);
    }
    let ann = json!({"attributes": {"EmailAddress": "c7@example.test"}});
    let (_, ann) = server.post("/v1/contacts/identify", ann).await;
    let webhook =
        json!({"url": "https://hooks.example.test/", "kinds": ["interaction"], "enabled": false});
    let (status, webhook) = server.post("/v1/webhooks", webhook).await;
    assert_eq!(status, 201, "{webhook}");
    let webhook = webhook["id"].as_str().unwrap().to_owned();
    let (ann, same) = (ann["contactId"].as_str().unwrap(), "c8@example.test");
    let other = json!({"attributes": {"EmailAddress": same}});
    let (_, other) = server.post("/v1/contacts/identify", other).await;
    let merge = format!(
        "/v1/contacts/{}/merge",
        other["contactId"].as_str().unwrap()
    );
    let (status, merged) = server.post(&merge, json!({"into": ann})).await;
    assert_eq!(status, 200, "{merged}");
    let ann = ann.to_owned();
    server.stop().await;
    let mut direct = Direct::to(&place).await;
    direct
        .execute(&format!(
            "INSERT INTO webhook_delivery (webhook_id, cursor, kind, subject, state, attempts, queued_date) \
             SELECT '{webhook}', cursor, kind, 'interactionId:' || interaction_id, cursor % 3, 1, at FROM journal WHERE interaction_id <> ''"
        ))
        .await;
    // keys declared by the command, so that the server that fills them has ended before the queries
    let place = {
        let server = Server::at(place, |config| {
            config.user_data.indexed = vec!["declared".into(), "n".into()];
        })
        .await;
        crate::properties::indexed(&server, 2).await;
        server.stop().await
    };
    (place, format!("{ann} {webhook}"))
}

/// Every kind of list, and its allowed cost.
#[expect(clippy::too_many_lines, reason = "a table of questions")]
fn lists(names: &str) -> Vec<(String, Option<Value>, Cost)> {
    let (ann, webhook) = names.split_once(' ').unwrap();
    let mut all = Vec::new();
    let mut get = |cost: Cost, path: &str| all.push((path.to_owned(), None, cost));
    for query in [
        "",
        "sort=startDate",
        "sort=id",
        "sort=-id",
        "sort=-startDate,id",
        "mediaType=chat",
        "status=Stopped",
        "ownerId=o3",
        "threadId=t7",
        "parentId=i10",
        "externalId=e5",
        "entityType=Chat",
        "type=k1",
        "subtype=s1",
        "queue=q1",
        "categoryId=g1",
        "language=it",
        "stoppedReason=done",
        "canBeParent=true",
        "revision=1",
        "tenantId=1",
        "subject=common%20words",
        "startDate.from=2026-03-02T00:00:00Z&startDate.to=2026-03-04T00:00:00Z",
        "endDate.from=2026-03-02T00:00:00Z",
        "createdDate.from=2026-03-02T00:00:00Z",
        "modifiedDate.from=2026-03-02T00:00:00Z",
        "mediaType=chat&mediaType=email",
        "mediaType=chat&status=Stopped",
        "ownerId=o3&mediaType=chat",
        "userData.flag=yes",
        "userData.Info.code=3",
        "userData.tags=vip",
        "userData.tags.0=t1",
        "userData.flag=yes&mediaType=chat",
        "userData.flag=yes&ownerId=o2",
        "userData.declared=d1",
        "userData.declared=d1&mediaType=chat",
        "userData.declared=d1&userData.flag=no",
        "contact.City=Roma",
        "q=common",
        "q=%22common%20words%22",
        "q=common&mediaType=chat",
        "q=common&userData.flag=yes",
        "fields=id,text",
    ] {
        get(Walks, &format!("/v1/interactions?limit=10&{query}"));
    }
    for query in [
        "id=i5",
        "id=i5&id=i6",
        "ownerId=o3&ownerId=o4",
        "threadId=t1&threadId=t2",
        "q=rare",
        "q=%ED%99%98%EB%B6%88",
        "q=rare&mediaType=voice",
        "ownerId=o3&sort=id",
        "q=rare&sort=id",
        "include=webActions",
        "contact.EmailAddress=c9@example.test",
        "contact.EmailAddress=c9@example.test&contact.EmailAddress=c10@example.test",
        "contact.EmailAddress=nobody@example.test",
        "userData.declared=d1&externalId=e5",
    ] {
        get(SortsFew, &format!("/v1/interactions?limit=10&{query}"));
    }
    // no index has these orders
    for sort in ["endDate", "-endDate", "createdDate", "-modifiedDate"] {
        get(ReadsAll, &format!("/v1/interactions?limit=10&sort={sort}"));
    }
    get(SortsFew, "/v1/interactions/i11/lineage");
    for query in [
        "",
        "kind=interaction",
        "kind=interaction.recorded",
        "mediaType=chat",
        "after=5000",
        "interactionId=i4000",
    ] {
        get(Walks, &format!("/v1/changes?limit=10&{query}"));
    }
    get(SortsFew, &format!("/v1/changes?limit=10&contactId={ann}"));
    for query in [
        "",
        "customerId=u7",
        "sessionId=v7",
        "conversationId=i7",
        "errorCode=x3",
        "actionState=offered",
        "actionMediaType=webchat",
        "actionMapVersion=2",
        "eventDate.from=2026-03-02T00:00:00Z",
        "customerId=u7&actionState=offered&eventDate.to=2026-03-20T00:00:00Z",
    ] {
        get(Walks, &format!("/v1/web-actions?limit=10&{query}"));
    }
    for query in [
        "actionId=a7",
        "actionId=a7&actionId=a8",
        "customerId=u7&customerId=u8",
        "eventDate.from=2026-03-02T00:00:00Z&eventDate.to=2026-03-03T00:00:00Z",
    ] {
        get(SortsFew, &format!("/v1/web-actions?limit=10&{query}"));
    }
    for query in ["", "state=waiting", "state=dead", "interactionId=i5"] {
        get(
            SortsFew,
            &format!("/v1/webhooks/{webhook}/deliveries?limit=10&{query}"),
        );
    }
    get(SortsFew, &format!("/v1/contacts/{ann}/history?limit=10"));
    get(
        SortsFew,
        &format!("/v1/contacts/{ann}/history?limit=10&mediaType=chat"),
    );
    get(SortsFew, "/v1/threads/t7?limit=10");
    get(SortsFew, &format!("/v1/contacts/{ann}"));
    for query in [
        "",
        "sort=id",
        "sort=-modifiedDate",
        "sort=createdDate",
        "createdDate.from=2020-01-01T00:00:00Z",
        "revision=1",
    ] {
        get(Walks, &format!("/v1/contacts?limit=10&{query}"));
    }
    for query in [
        "attributes.EmailAddress=c9@example.test",
        "attributes.City=Roma&sort=id",
        "attributes.EmailAddress=nobody@example.test",
        "attributes.City=Milano",
    ] {
        get(SortsFew, &format!("/v1/contacts?limit=10&{query}"));
    }
    get(SortsFew, &format!("/v1/contacts?limit=10&mergedInto={ann}"));
    get(SortsFew, &format!("/v1/contacts?limit=10&id={ann}"));
    let contacts = [
        (
            json!({"not": {"field": "attributes.City", "eq": "Milano"}}),
            Walks,
        ),
        (
            json!({"or": [{"field": "attributes.City", "eq": "Roma"}, {"field": "attributes.Zip", "eq": "7"}]}),
            Walks,
        ),
        (json!({"field": "attributes.City", "exists": true}), Walks),
        (
            json!({"and": [{"field": "attributes.Zip", "eq": "4"}, {"field": "attributes.City", "eq": "Roma"}]}),
            SortsFew,
        ),
    ];
    for (filter, cost) in contacts {
        let body = json!({"filter": filter, "limit": 10});
        all.push(("/v1/contacts/search".to_owned(), Some(body), cost));
    }
    for (filter, cost) in [
        (json!({"field": "userData.flag", "ne": "yes"}), Walks),
        (json!({"field": "userData.tags", "contains": "vip"}), Walks),
        (
            json!({"field": "userData.flag", "in": ["yes", "maybe", 5, null, true]}),
            Walks,
        ),
        (
            json!({"field": "userData.Info.code", "gt": 2, "lte": 5}),
            Walks,
        ),
        (json!({"field": "userData.flag", "exists": true}), Walks),
        (json!({"field": "userData.flag", "prefix": "y"}), Walks),
        (json!({"field": "userData.n", "gt": 100}), Walks),
        (json!({"field": "userData.n", "gt": 7900}), SortsFew),
        (
            json!({"field": "userData.declared", "in": ["d0", "d1", "d2", "d3"]}),
            Walks,
        ),
        (json!({"field": "userData.declared", "exists": true}), Walks),
        (
            json!({"or": [{"field": "userData.flag", "eq": "yes"}, {"field": "mediaType", "eq": "email"}]}),
            Walks,
        ),
        (
            // optional words are looked up once, all of them
            json!({"or": [{"q": "common"}, {"field": "userData.declared", "eq": "d1"}]}),
            ReadsAll,
        ),
        (json!({"not": {"field": "mediaType", "eq": "email"}}), Walks),
        (json!({"not": {"q": "rare"}}), Walks),
        (
            json!({"not": {"field": "contact.City", "eq": "Milano"}}),
            Walks,
        ),
        (json!({"field": "contact.City", "exists": true}), Walks),
        (json!({"field": "contact.City", "prefix": "Ro"}), Walks),
        (json!({"field": "subject", "contains": "words"}), Walks),
        (json!({"field": "text", "contains": "long"}), Walks),
        (
            json!({"and": [{"field": "ownerId", "eq": "o3"}, {"q": "common"}]}),
            Walks,
        ),
        (
            json!({"and": [{"field": "status", "eq": "Stopped"}, {"field": "userData.flag", "eq": "yes"}, {"not": {"field": "mediaType", "eq": "email"}}]}),
            Walks,
        ),
    ] {
        all.push((
            "/v1/interactions/search".to_owned(),
            Some(json!({"filter": filter, "limit": 10})),
            cost,
        ));
    }
    all
}

/// Declares the attributes that may be indexed.
async fn with_attributes(place: Arc<Place>) -> Arc<Place> {
    let server = Server::at(place, |config| {
        config.interactions.indexed = ["createdDate", "endDate", "modifiedDate"]
            .map(str::to_owned)
            .to_vec();
    })
    .await;
    crate::properties::attributes_indexed(&server, 3).await;
    // the first fiftieth is changed last
    for n in 0..MANY / 50 {
        let path = format!("/v1/interactions/i{n}");
        let (status, answer) = server.patch(&path, json!({"comment": "changed"})).await;
        assert_eq!(status, 200, "{answer}");
    }
    server.stop().await
}

/// The lists that the indexes of attributes serve.
async fn lists_by_attributes(place: &Place) -> Vec<(String, Option<Value>, Cost)> {
    let mut direct = Direct::to(place).await;
    let latest = match direct {
        Direct::Sqlite(_) => {
            "SELECT modified_date / 1000 FROM interaction WHERE id = 'i0' AND tenant_id = 1"
        }
        Direct::Postgres(_) => {
            "SELECT CAST(FLOOR(EXTRACT(EPOCH FROM modified_date) * 1000) AS BIGINT) FROM interaction WHERE id = 'i0' AND tenant_id = 1"
        }
    };
    let changed = direct.number(latest).await;
    let mut all = Vec::new();
    let mut get = |cost: Cost, query: &str| {
        all.push((format!("/v1/interactions?limit=10&{query}"), None, cost));
    };
    for query in [
        "sort=endDate",
        "sort=-endDate",
        "sort=createdDate",
        "sort=-modifiedDate",
        "sort=-modifiedDate,id",
        "sort=-modifiedDate&mediaType=chat",
        "sort=-modifiedDate&mediaType=chat&mediaType=email&status=Stopped",
        "sort=-modifiedDate&userData.flag=yes",
        "sort=-modifiedDate&q=common",
        "sort=-modifiedDate&contact.City=Roma",
        "sort=-endDate&mediaType=chat",
        "sort=modifiedDate&modifiedDate.from=2026-03-02T00:00:00Z",
        "sort=-modifiedDate&modifiedDate.from=2026-03-02T00:00:00Z",
        "sort=modifiedDate&modifiedDate.from=2026-03-02T00:00:00Z&modifiedDate.to=2100-03-02T00:00:00Z",
        "sort=-modifiedDate&modifiedDate.from=2026-03-02T00:00:00Z&modifiedDate.to=2100-03-02T00:00:00Z",
        "sort=-modifiedDate,id&modifiedDate.from=2026-03-02T00:00:00Z",
        "sort=endDate&endDate.from=2026-03-02T00:00:00Z&endDate.to=2100-03-02T00:00:00Z",
        "sort=modifiedDate&startDate.from=2026-03-02T00:00:00Z",
        "sort=-createdDate&modifiedDate.from=2026-03-02T00:00:00Z",
        "modifiedDate.from=2026-03-02T00:00:00Z",
        "modifiedDate.from=2026-03-02T00:00:00Z&mediaType=chat",
    ] {
        get(Walks, query);
    }
    for query in [
        "",
        "&sort=id",
        "&sort=-endDate",
        "&sort=-createdDate",
        "&mediaType=chat",
        "&mediaType=chat&status=Stopped&userData.flag=no",
    ] {
        get(SortsFew, &format!("modifiedDate.from={changed}{query}"));
    }
    for query in ["count=true", "count=true&mediaType=chat"] {
        get(SortsFew, &format!("modifiedDate.from={changed}&{query}"));
    }
    get(
        Walks,
        &format!("sort=-modifiedDate&modifiedDate.from={changed}"),
    );
    get(SortsFew, "sort=-modifiedDate&q=rare");
    get(SortsFew, "sort=-modifiedDate&ownerId=o3");
    let open = json!({"field": "endDate", "exists": false});
    for sort in ["id", "-id", "-startDate", "-endDate"] {
        let body = json!({"filter": open, "sort": [sort], "limit": 10});
        all.push(("/v1/interactions/search".to_owned(), Some(body), Walks));
    }
    all
}

/// All surfaces over a store, without a listener and without background tasks.
async fn surfaces(place: &Place) -> axum::Router {
    let clock = Arc::new(SystemClock);
    let config = config(&place.url);
    let settings = server::settings(&config, Schema::Migrate, true, clock.clone());
    let store = Store::open(settings).await.expect("the store opens");
    let feed = Feed::default();
    server::router(App::new(Parts {
        clock,
        metrics: Metrics::new(&store.meters, &feed.meters, None),
        feed,
        writer: store.writer.clone(),
        reads: Arc::clone(&store.reads),
        reports: None,
        database: store.database,
        access: Access::new(Arc::clone(&store.reads), Door::Insecure),
        rate: Rate::new(1, 1),
        config,
        stopping: tokio_util::sync::CancellationToken::new(),
        tasks: tokio_util::task::TaskTracker::new(),
    }))
}

async fn ask(router: &axum::Router, path: &str, body: Option<&Value>) -> Value {
    let request = match body {
        None => Request::get(path).body(Body::empty()),
        Some(body) => Request::post(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string())),
    };
    let mut request = request.unwrap();
    let peer = SocketAddr::from(([127, 0, 0, 1], 9));
    request.extensions_mut().insert(ConnectInfo(peer));
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX)
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(status, 200, "{path} {body:?}: {answer}");
    answer
}

/// How a database explains a plan, and how the plan is checked.
trait Explains: Dialect {
    const ASK: &'static str;
    const COLUMN: usize;
    fn faults(plan: &[String], cost: Cost, probe: bool) -> Vec<String>;
}

impl Explains for OnSqlite {
    const ASK: &'static str = "EXPLAIN QUERY PLAN ";
    const COLUMN: usize = 3;

    fn faults(plan: &[String], cost: Cost, _: bool) -> Vec<String> {
        let tables = [
            "i",
            "j",
            "t",
            "x",
            "a",
            "c",
            "d",
            "journal",
            "web_action",
            "webhook_delivery",
            "contact_attribute",
        ];
        let scans = |line: &str| {
            line.strip_prefix("SCAN ").is_some_and(|rest| {
                let table = rest.split(' ').next().unwrap_or_default();
                tables.contains(&table) && !rest.contains(" USING ")
            })
        };
        let sorts = |line: &str| cost == Walks && line == "USE TEMP B-TREE FOR ORDER BY";
        let bad = |line: &&String| scans(line) || sorts(line);
        plan.iter().filter(bad).cloned().collect()
    }
}

impl Explains for OnPostgres {
    const ASK: &'static str = "EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) ";
    const COLUMN: usize = 0;

    fn faults(plan: &[String], cost: Cost, probe: bool) -> Vec<String> {
        let small = [
            "webhook",
            "webhook_sender",
            "indexed_key",
            "indexed_attribute",
            "journal_head",
            "api_token",
        ];
        let mut faults = Vec::new();
        let mut loops = 1.0;
        for line in plan {
            let number = |name: &str| {
                let after = line.split_once(name)?.1;
                let digits: String = after
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || *c == '.')
                    .collect();
                digits.parse::<f64>().ok()
            };
            let node = line.trim_start_matches([' ', '-', '>']);
            loops = number(" loops=").unwrap_or(loops);
            let rows = number("(actual rows=").or_else(|| number("Rows Removed by Filter: "));
            let scans = node.strip_prefix("Seq Scan on ").is_some_and(|rest| {
                let table = rest.split(' ').next().unwrap_or_default();
                !small.contains(&table)
            });
            let touches = !probe && rows.is_some_and(|rows| rows * loops > TOUCHED);
            if scans || (cost == Walks && node.starts_with("Sort (")) || touches {
                faults.push(line.clone());
            }
        }
        faults
    }
}

/// Queries every list and has each statement explained; returns the problems found.
async fn explained<D: Explains>(
    place: &Place,
    lists: Vec<(String, Option<Value>, Cost)>,
    conn: &mut Conn<D>,
) -> Vec<String> {
    let recorder = Recorder::default();
    let asked = recorder.within(async {
        let router = surfaces(place).await;
        let mut wrong = Vec::new();
        for (path, body, cost) in lists {
            if cost == ReadsAll {
                ask(&router, &path, body.as_ref()).await;
                continue;
            }
            recorder.take();
            let page = ask(&router, &path, body.as_ref()).await;
            let mut statements = recorder.take();
            if let Some(cursor) = page["next"].as_str() {
                let next = match &body {
                    None if path.starts_with("/v1/interactions?")
                        || path.starts_with("/v1/contacts?") =>
                    {
                        ask(&router, &format!("{path}&cursor={cursor}"), None).await
                    }
                    None => Value::Null,
                    Some(body) => {
                        let mut body = body.clone();
                        body["cursor"] = json!(cursor);
                        ask(&router, &path, Some(&body)).await
                    }
                };
                assert_ne!(next["items"], json!([]), "{path}");
                statements.extend(recorder.take());
            }
            assert!(!statements.is_empty(), "{path} asked nothing");
            for (sql, args) in statements
                .into_iter()
                .filter(|(sql, _)| !sql.starts_with("EXPLAIN") && !sql.contains("FROM api_token"))
            {
                let plan = plan::<D>(conn, &sql, args).await;
                // the number of candidates is counted up to a limit
                let probe = sql.starts_with("SELECT COUNT(*) FROM (SELECT 1");
                let faults = D::faults(&plan, cost, probe);
                if !faults.is_empty() {
                    wrong.push(format!(
                        "{path} {body:?}: {faults:#?}\n{sql}\n{}",
                        plan.join("\n")
                    ));
                }
            }
        }
        wrong
    });
    asked.await
}

/// Lists that walk the indexes of attributes, page by page, are the same without these indexes.
async fn pages_are_alike(place: &Place) {
    let open = json!({"field": "endDate", "exists": false});
    let late = json!({"field": "modifiedDate", "from": "2026-03-02T00:00:00Z"});
    let chat = json!({"field": "mediaType", "in": ["chat", "email"]});
    let router = surfaces(place).await;
    let mut direct = Direct::to(place).await;
    for (filter, sort) in [
        (json!({"and": []}), json!(["endDate"])),
        (json!({"and": []}), json!(["-endDate", "id"])),
        (open.clone(), json!(["-id"])),
        (open.clone(), json!(["-endDate", "id"])),
        (json!({"not": open}), json!(["-modifiedDate", "id"])),
        (late.clone(), json!(["-createdDate", "endDate"])),
        (
            json!({"and": [late, chat]}),
            json!(["-endDate", "-modifiedDate"]),
        ),
    ] {
        let mut told = Vec::new();
        for ready in [1, 0] {
            direct
                .execute(&format!("UPDATE indexed_attribute SET ready = {ready}"))
                .await;
            let (mut found, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let body = json!({"filter": filter, "sort": sort, "limit": 450, "fields": ["id"], "cursor": cursor});
                let mut page = ask(&router, "/v1/interactions/search", Some(&body)).await;
                found.push(page["items"].take());
                cursor = page["next"].take();
                if cursor.is_null() {
                    break;
                }
            }
            told.push(found);
        }
        assert!(told[0].len() > 5, "{filter} by {sort}");
        assert_eq!(told[0], told[1], "{filter} by {sort}");
    }
    direct
        .execute("UPDATE indexed_attribute SET ready = 1")
        .await;
}

async fn plan<D: Explains>(conn: &mut Conn<D>, sql: &str, args: Vec<Arg>) -> Vec<String> {
    let rows = D::fetch(conn, format!("{}{sql}", D::ASK).into(), args)
        .await
        .expect("the statement is explained");
    rows.iter()
        .map(|row| D::text(row, D::COLUMN).expect("a text").unwrap_or_default())
        .collect()
}

/// What is asked with statistics or without, and with attributes declared as indexed or without.
async fn asked(
    place: &Place,
    names: &str,
    analyzed: bool,
    declared: bool,
) -> Vec<(String, Option<Value>, Cost)> {
    if declared {
        pages_are_alike(place).await;
        return lists_by_attributes(place).await;
    }
    let mut asked = lists(names);
    if analyzed {
        // the indexes of attributes mislead no other list; those with an end are few enough to sort
        asked.retain(|(path, _, cost)| *cost != ReadsAll && !path.contains("endDate"));
    }
    asked
}

fn nothing_is_wrong(wrong: &[String], analyzed: bool, declared: bool) {
    assert!(
        wrong.is_empty(),
        "statistics: {analyzed}, attributes: {declared}; {} wrong\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_walks_its_indexes() {
    let (mut place, names) = filled(Db::Sqlite).await;
    for (analyzed, declared) in [(false, false), (false, true), (true, false), (true, true)] {
        if declared && !analyzed {
            place = with_attributes(place).await;
        }
        let asked = asked(&place, &names, analyzed, declared).await;
        if analyzed {
            Direct::to(&place).await.execute("ANALYZE").await;
        }
        let mut conn = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
        let wrong = Box::pin(explained::<OnSqlite>(&place, asked, &mut conn)).await;
        nothing_is_wrong(&wrong, analyzed, declared);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_walks_its_indexes() {
    let (mut place, names) = filled(Db::Postgres).await;
    for (analyzed, declared) in [(false, false), (false, true), (true, false), (true, true)] {
        if declared && !analyzed {
            place = with_attributes(place).await;
        }
        let asked = asked(&place, &names, analyzed, declared).await;
        let mut conn = sqlx::PgConnection::connect(&place.url).await.unwrap();
        if analyzed {
            Direct::to(&place).await.execute("ANALYZE").await;
        }
        for (name, value) in READING {
            OnPostgres::command(&mut conn, &format!("SET {name} = {value}"))
                .await
                .unwrap();
        }
        let wrong = Box::pin(explained::<OnPostgres>(&place, asked, &mut conn)).await;
        nothing_is_wrong(&wrong, analyzed, declared);
    }
}
