//! The `CometD` client of npm in its own process, with its acknowledgement extension enabled:
//! `tests/cometd/drive.mjs`.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::process::PATIENCE;

/// The tested versions.
pub const MAJORS: [u8; 2] = [8, 9];

/// The options of a client.
#[derive(Clone, Copy, Debug)]
pub struct Order<'o> {
    /// The version.
    pub major: u8,
    /// The user who signs in; nobody if absent.
    pub user: Option<&'o str>,
    /// What it subscribes to.
    pub subscriptions: &'o [&'o str],
    /// Whether it tries a WebSocket first.
    pub web_socket: bool,
}

/// A client.
pub struct Cometd {
    major: u8,
    orders: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
    /// The data of arrived messages, each once.
    arrived: VecDeque<Value>,
    /// The data that each subscription received.
    given: HashMap<String, VecDeque<Value>>,
    /// How many sessions were opened.
    pub sessions: usize,
    _child: Child,
}

impl Cometd {
    /// Starts a client, and waits until it is connected and every subscription is confirmed.
    pub async fn start(base: &str, order: Order<'_>) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cometd");
        assert!(
            folder.join("node_modules").exists(),
            "the CometD client is not installed: run script/test, or `npm ci` in tests/cometd"
        );
        let mut child = Command::new("node")
            .arg(folder.join("drive.mjs"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js runs");
        let mut client = Self {
            major: order.major,
            orders: child.stdin.take().expect("is piped"),
            told: BufReader::new(child.stdout.take().expect("is piped")).lines(),
            arrived: VecDeque::new(),
            given: HashMap::new(),
            sessions: 0,
            _child: child,
        };
        let mut start = json!({
            "do": "start", "major": order.major, "url": format!("{base}/api/v2/notifications"),
            "subscriptions": order.subscriptions, "webSocket": order.web_socket,
        });
        if let Some(user) = order.user {
            start["user"] = json!(user);
            start["password"] = json!("any");
        }
        client.say(start).await;
        if order.web_socket {
            let failed = client.until("handshake").await;
            assert_eq!(
                (&failed["successful"], &failed["transport"]),
                (&json!(false), &json!("websocket"))
            );
        }
        let mut missing = order.subscriptions.len();
        let mut connected = false;
        while missing > 0 || !connected {
            let event = client.event().await;
            match event["event"].as_str() {
                Some("handshake") => {
                    assert_eq!(
                        (
                            &event["successful"],
                            &event["transport"],
                            &event["acknowledges"]
                        ),
                        (&json!(true), &json!("long-polling"), &json!(true)),
                        "{event}"
                    );
                }
                Some("connected") => connected = true,
                Some("subscribed") => {
                    assert_eq!(event["successful"], true, "{event}");
                    missing -= 1;
                }
                _ => {}
            }
        }
        client
    }

    /// A client of each version for one user.
    pub async fn of_each_version(base: &str, user: &str, subscriptions: &[&str]) -> Vec<Self> {
        let mut clients = Vec::new();
        for major in MAJORS {
            let order = Order {
                major,
                user: Some(user),
                subscriptions,
                web_socket: false,
            };
            clients.push(Self::start(base, order).await);
        }
        clients
    }

    async fn say(&mut self, order: Value) {
        let line = format!("{order}\n");
        let said = self.orders.write_all(line.as_bytes()).await;
        said.expect("the client takes orders");
    }

    pub async fn subscribe(&mut self, channel: &str) {
        self.say(json!({"do": "subscribe", "channel": channel}))
            .await;
        assert_eq!(self.until("subscribed").await["successful"], true);
    }

    pub async fn unsubscribe(&mut self, channel: &str) {
        self.say(json!({"do": "unsubscribe", "channel": channel}))
            .await;
        assert_eq!(self.until("unsubscribed").await["successful"], true);
    }

    pub async fn disconnect(&mut self) {
        self.say(json!({"do": "disconnect"})).await;
        assert_eq!(self.until("disconnected").await["successful"], true);
    }

    /// The next event; messages are also stored.
    async fn event(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.told.next_line());
        let line = line
            .await
            .unwrap_or_else(|_| panic!("nothing comes from version {}", self.major))
            .expect("it can be read")
            .expect("the client goes on");
        let event: Value = serde_json::from_str(&line).expect("a line of JSON");
        match event["event"].as_str() {
            Some("arrived") => self.arrived.push_back(event["data"].clone()),
            Some("message") => {
                let to = event["to"].as_str().expect("a subscription").to_owned();
                let given = self.given.entry(to).or_default();
                given.push_back(event["data"].clone());
            }
            Some("handshake") if event["successful"] == true => self.sessions += 1,
            _ => {}
        }
        event
    }

    /// The next event with a name.
    pub async fn until(&mut self, name: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["event"] == name {
                return event;
            }
        }
    }

    /// Waits for a message with this in its UserData; returns its position among the arrived
    /// messages.
    pub async fn hears(&mut self, key: &str, value: &Value) -> usize {
        loop {
            let says = |data: &Value| user_data(data)[key] == *value;
            if let Some(place) = self.arrived.iter().position(says) {
                return place;
            }
            self.event().await;
        }
    }

    /// All messages up to the one with this mark in its UserData, each once.
    pub async fn up_to(&mut self, mark: &str) -> Vec<Value> {
        let place = self.hears("mark", &json!(mark)).await;
        self.arrived.drain(..=place).collect()
    }

    /// A number of messages that a subscription received.
    pub async fn given(&mut self, subscription: &str, count: usize) -> Vec<Value> {
        loop {
            if let Some(given) = self.given.get_mut(subscription)
                && given.len() >= count
            {
                return given.drain(..count).collect();
            }
            self.event().await;
        }
    }
}

/// The UserData of the interaction that a message is about.
pub fn user_data(data: &Value) -> &Value {
    data.as_object()
        .into_iter()
        .flatten()
        .find_map(|(_, resource)| resource.get("userData"))
        .unwrap_or(&Value::Null)
}
