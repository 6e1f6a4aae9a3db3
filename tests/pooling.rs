//! Postgres behind a pooler in transaction mode.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::{Child, Command};

use crate::properties::indexed;
use crate::support::process::{PATIENCE, annals};
use crate::support::{Db, Place, Server, ids};

/// A pgbouncer in front of its own database; both are removed when it is dropped.
struct Pooler {
    /// Where clients connect.
    url: String,
    database: String,
    admin: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// Two connections for all clients, each assigned for one transaction.
    async fn start() -> Self {
        let admin = std::env::var("ANNALS_TEST_POSTGRES_URL")
            .expect("script/test says where the Postgres is");
        let options: PgConnectOptions = admin.parse().expect("a URL");
        let parts = url::Url::parse(&admin).expect("a URL");
        let database = format!("pooled{}", std::process::id());
        let mut conn = PgConnection::connect_with(&options)
            .await
            .expect("the Postgres answers");
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {database}")))
            .await
            .expect("a database can be made");
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("its port").port()
        };
        let folder = tempfile::TempDir::new().expect("a folder");
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n{database} = host={} port={} dbname={database} user={} password={}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 2\nmax_client_conn = 200\n",
            options.get_host(),
            options.get_port(),
            options.get_username(),
            parts.password().unwrap_or_default(),
        );
        std::fs::write(&file, settings).expect("the settings are written");
        // it does not run as root: it reads its settings first and then switches to another user
        let user = ["-u", "nobody"];
        let as_root = std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let mut command = Command::new("pgbouncer");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("PATH", format!("{path}:/usr/sbin"))
            .arg("-q")
            .args(if as_root { &user[..] } else { &[] })
            .arg(&file);
        let child = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("pgbouncer is there: script/test installs it");
        let pooler = Self {
            url: format!(
                "postgres://{}@127.0.0.1:{port}/{database}",
                options.get_username()
            ),
            database,
            admin,
            child,
            _folder: folder,
        };
        let begun = Instant::now();
        while pooler.connect().await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "pgbouncer does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        pooler
    }

    async fn connect(&self) -> sqlx::Result<PgConnection> {
        let options: PgConnectOptions = self.url.parse()?;
        PgConnection::connect_with(&options.extra_float_digits(None)).await
    }

    async fn stop(mut self) {
        self.child.kill().await.expect("it ends");
        let mut conn = PgConnection::connect(&self.admin)
            .await
            .expect("the Postgres answers");
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.database);
        conn.execute(AssertSqlSafe(drop))
            .await
            .expect("the database goes");
    }

    async fn server(&self) -> Server {
        let mut place = Place::new(Db::Sqlite).await;
        place.url.clone_from(&self.url);
        Server::at(Arc::new(place), |config| {
            config.database.prepared = false;
            config.user_data.indexed = vec!["rule".into()];
            config.database.query_seconds = 5;
        })
        .await
    }
}

async fn work(server: &Server, name: &str) {
    let body = |n: usize| {
        json!({"id": format!("{name}{n}"), "mediaType": "chat", "subject": format!("refund of {name}"),
        "contact": {"EmailAddress": format!("{name}{}@example.test", n % 7)}, "userData": {"rule": format!("r{}", n % 3), "n": n}})
    };
    let lines: Vec<String> = (0..60).map(|n| body(n).to_string()).collect();
    let (status, answer) = server
        .post_text("/v1/interactions/batch?reply=errors", lines.join("\n"))
        .await;
    assert_eq!(
        (status, &answer["summary"]["recorded"]),
        (200, &json!(60)),
        "{answer}"
    );
    let search = |filter: Value| async move {
        let (status, page) = server
            .post(
                "/v1/interactions/search",
                json!({"filter": filter, "count": true}),
            )
            .await;
        assert_eq!(status, 200, "{page}");
        page["count"].clone()
    };
    for round in 0..10 {
        let own = format!("{name}{round}");
        let (status, _) = server
            .post(
                &format!("/v1/interactions/{own}/user-data"),
                json!({"attach": {"round": round}}),
            )
            .await;
        assert_eq!(status, 200);
        assert_eq!(
            server.get(&format!("/v1/interactions/{own}")).await.1["userData"]["round"],
            json!(round)
        );
        assert_eq!(search(json!({"and": [{"q": format!("\"refund of {name}\"")}, {"field": "userData.rule", "eq": "r1"}]})).await, json!(20));
        assert_eq!(search(json!({"and": [{"field": "userData.n", "lt": 10}, {"field": "subject", "contains": name}]})).await, json!(10));
        assert_eq!(
            search(json!({"field": "contact.EmailAddress", "eq": format!("{name}1@example.test")}))
                .await,
            json!(9)
        );
        let (_, page) = server.get(&format!("/v1/interactions/{own}/lineage")).await;
        assert_eq!(page["root"], json!(own), "{page}");
        let contact = server.get(&format!("/v1/interactions/{own}")).await.1["contactId"]
            .as_str()
            .unwrap()
            .to_owned();
        let (_, page) = server
            .get(&format!("/v1/contacts/{contact}/history?limit=3"))
            .await;
        assert_eq!(ids(&page).len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_share_a_pooler_in_transaction_mode() {
    let pooler = Pooler::start().await;
    let servers = [pooler.server().await, pooler.server().await];
    for server in &servers {
        indexed(server, 1).await;
    }
    let [first, second] = &servers;
    futures_util::join!(
        work(first, "team-a-"),
        work(second, "team-b-"),
        work(first, "team-c-"),
        work(second, "team-d-")
    );
    let (_, page) = first.get("/v1/interactions?limit=1&count=true").await;
    assert_eq!(page["count"], json!(240));
    // 240 interactions, 28 contacts, 40 edits
    assert_eq!(first.journal().await.len(), 308);
    // no setting of a transaction remains on a connection that others get
    let mut other = pooler.connect().await.unwrap();
    for _ in 0..4 {
        for (setting, wanted) in [
            ("enable_sort", "on"),
            ("jit", "on"),
            ("statement_timeout", "0"),
            ("client_connection_check_interval", "0"),
        ] {
            let row = (&mut other)
                .fetch_one(AssertSqlSafe(format!("SHOW {setting}")))
                .await
                .unwrap();
            assert_eq!(sqlx::Row::get::<String, _>(&row, 0), wanted, "{setting}");
        }
    }
    drop(other);
    for server in servers {
        server.stop().await;
    }
    // commands beside a server, and a second start, behave the same
    let mut listed = annals(&pooler.url, &["index", "list"]);
    let listed = listed
        .env("ANNALS_DATABASE_PREPARED", "false")
        .output()
        .await
        .unwrap();
    assert!(
        String::from_utf8_lossy(&listed.stdout).contains("rule\tready"),
        "{listed:?}"
    );
    let server = pooler.server().await;
    assert_eq!(
        server.get("/v1/interactions?limit=1&count=true").await.1["count"],
        json!(240)
    );
    server.stop().await;
    pooler.stop().await;
}
