//! Clients that write without pause, each to its own interactions, and record what was
//! acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::{Map, Value, json};

use crate::support::{Server, id};

/// An interaction that the server acknowledged.
pub struct Kept {
    pub id: String,
    pub parent: Option<String>,
    /// UserData as acknowledged.
    pub user_data: Map<String, Value>,
    /// UserData if the edit in flight at the end took effect.
    pub perhaps: Option<Map<String, Value>>,
    /// The number of acknowledged edits.
    pub edits: usize,
}

/// A word that only the interactions of one client in one round contain.
pub fn word(round: usize, client: usize) -> String {
    format!("round{round}client{client}")
}

/// The connection broke.
struct CutOff;

impl From<reqwest::Error> for CutOff {
    fn from(_: reqwest::Error) -> Self {
        Self
    }
}

/// A client.
pub struct Client {
    base: String,
    http: reqwest::Client,
    name: String,
    random: ChaCha12Rng,
    kept: Vec<Kept>,
    made: usize,
    acknowledged: Arc<AtomicUsize>,
}

impl Client {
    pub fn new(
        server: &Server,
        round: usize,
        number: usize,
        acknowledged: Arc<AtomicUsize>,
    ) -> Self {
        let seed = u64::try_from(round * 1000 + number).expect("few clients");
        Self {
            base: server.base.clone(),
            http: reqwest::Client::new(),
            name: word(round, number),
            random: ChaCha12Rng::seed_from_u64(seed),
            kept: Vec::new(),
            made: 0,
            acknowledged,
        }
    }

    /// Writes until the server is gone; returns what was acknowledged.
    pub async fn write_until_cut_off(mut self) -> Vec<Kept> {
        loop {
            let done = match self.random.random_range(0..10) {
                _ if self.kept.is_empty() => self.record().await,
                0..=2 => self.record().await,
                3 => self.batch().await,
                4..=7 => self.edit().await,
                _ => self.engage().await,
            };
            if done.is_err() {
                return self.kept;
            }
        }
    }

    fn content(&mut self) -> Value {
        self.made += 1;
        let mut content = json!({
            "mediaType": "webengagement", "subject": format!("{} {}", self.name, self.made), "text": "x".repeat(self.made % 50 * 40),
            "userData": {"made": self.made, "by": self.name, "pad": "y".repeat(self.made % 7 * 100)}
        });
        if self.random.random() {
            content["id"] = format!("{}n{}", self.name, self.made).into();
        }
        content
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), CutOff> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, response.json().await?))
    }

    fn keep(&mut self, id: &str, parent: Option<String>, user_data: Value) {
        let Value::Object(user_data) = user_data else {
            panic!("UserData is an object: {user_data}");
        };
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.kept.push(Kept {
            id: id.to_owned(),
            parent,
            user_data,
            perhaps: None,
            edits: 0,
        });
    }

    async fn record(&mut self) -> Result<(), CutOff> {
        let content = self.content();
        let (status, stored) = self.post("/v1/interactions", &content).await?;
        assert_eq!(status, 201, "{stored}");
        self.keep(id(&stored), None, content["userData"].clone());
        Ok(())
    }

    async fn batch(&mut self) -> Result<(), CutOff> {
        let contents: Vec<Value> = (0..self.random.random_range(1..30))
            .map(|_| self.content())
            .collect();
        let body: Vec<String> = contents.iter().map(Value::to_string).collect();
        let request = self
            .http
            .post(format!("{}/v1/interactions/batch", self.base))
            .header("content-type", "application/x-ndjson")
            .body(body.join("\n"));
        let mut parts = request.send().await?.bytes_stream();
        let mut rest = Vec::new();
        let mut lines = contents.iter();
        while let Some(part) = parts.next().await {
            rest.extend_from_slice(&part?);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let line: Value = serde_json::from_slice(&line).expect("a line of JSON");
                assert_eq!(line["status"], 201, "{line}");
                let content = lines.next().expect("as many answers as lines");
                self.keep(id(&line), None, content["userData"].clone());
            }
        }
        assert!(lines.next().is_none(), "a batch ended well and too early");
        Ok(())
    }

    async fn edit(&mut self) -> Result<(), CutOff> {
        self.made += 1;
        let key = format!("key{}", self.random.random_range(0..4));
        let place = self.random.random_range(0..self.kept.len());
        let kept = &mut self.kept[place];
        let mut wanted = kept.user_data.clone();
        let body = match self.made % 3 {
            0 => {
                wanted.remove(&key);
                json!({ "delete": [key, "never there"] })
            }
            1 => {
                wanted.insert(key.clone(), self.made.into());
                json!({ "update": { key: self.made } })
            }
            _ => {
                wanted.insert(key.clone(), self.made.into());
                wanted.insert("made".into(), self.made.into());
                json!({"attach": {key: self.made}, "update": {"made": self.made}})
            }
        };
        let path = format!("/v1/interactions/{}/user-data", kept.id);
        let before = kept.edits;
        kept.perhaps = Some(wanted.clone());
        let (status, edited) = self.post(&path, &body).await?;
        assert_eq!(status, 200, "{edited}");
        assert_eq!(edited["userData"], Value::Object(wanted.clone()));
        let kept = &mut self.kept[place];
        kept.user_data = wanted;
        kept.perhaps = None;
        kept.edits = before + 1;
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn engage(&mut self) -> Result<(), CutOff> {
        let parents: Vec<&Kept> = self
            .kept
            .iter()
            .filter(|kept| kept.parent.is_none())
            .collect();
        let parent = parents[self.random.random_range(0..parents.len())];
        let (parent, mut wanted) = (parent.id.clone(), parent.user_data.clone());
        wanted.insert("child".into(), true.into());
        let path = format!("/v1/interactions/{parent}/engagements");
        let body = json!({"mediaType": "chat", "subject": self.name, "copyUserData": "all", "userData": {"child": true}});
        let (status, child) = self.post(&path, &body).await?;
        assert_eq!(status, 201, "{child}");
        self.keep(id(&child), Some(parent), Value::Object(wanted));
        Ok(())
    }
}
