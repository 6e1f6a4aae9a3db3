//! A notified client without a Bayeux library.

use serde_json::{Value, json};

use super::Server;

const PATH: &str = "/api/v2/notifications";

/// A session on some server, with the batch that it last acknowledged.
pub struct Listener {
    pub id: String,
    user: Option<String>,
    batch: Option<i64>,
}

impl Listener {
    /// Handshakes as a user, with the acknowledgement extension, and subscribes.
    pub async fn of(server: &Server, user: Option<&str>, subscriptions: &[&str]) -> Self {
        Self::shake(server, user, subscriptions, true).await
    }

    /// As [`Listener::of`], without acknowledgements.
    pub async fn forgetful(server: &Server, subscriptions: &[&str]) -> Self {
        Self::shake(server, None, subscriptions, false).await
    }

    async fn shake(server: &Server, user: Option<&str>, subscriptions: &[&str], ack: bool) -> Self {
        let mut listener = Self {
            id: String::new(),
            user: user.map(str::to_owned),
            batch: ack.then_some(0),
        };
        let mut handshake = json!({"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]});
        if ack {
            handshake["ext"] = json!({"ack": true});
        }
        let replies = listener.send(server, json!([handshake])).await;
        listener.id = replies[0]["clientId"]
            .as_str()
            .expect("a session")
            .to_owned();
        if !subscriptions.is_empty() {
            listener.subscribe(server, subscriptions).await;
        }
        listener
    }

    /// Sends messages with this session's identifier, and returns the replies.
    pub async fn send(&self, server: &Server, mut messages: Value) -> Vec<Value> {
        for message in messages.as_array_mut().expect("a list") {
            if !self.id.is_empty() {
                message["clientId"] = json!(self.id);
            }
        }
        let mut request = server.request("POST", PATH).json(&messages);
        if let Some(user) = &self.user {
            request = request.basic_auth(user, Some("any"));
        }
        let response = request.send().await.expect("the server answers");
        let status = response.status();
        let text = response.text().await.expect("the answer arrives whole");
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).expect("a list of messages")
    }

    pub async fn subscribe(&self, server: &Server, subscriptions: &[&str]) {
        let message = json!({"channel": "/meta/subscribe", "subscription": subscriptions});
        let replies = self.send(server, json!([message])).await;
        assert_eq!(replies[0]["successful"], true, "{replies:?}");
    }

    /// Connects once, held for at most this many milliseconds. Returns the reply and the messages
    /// with it.
    pub async fn connect(&mut self, server: &Server, millis: u64) -> (Value, Vec<Value>) {
        let mut message = json!({"channel": "/meta/connect", "connectionType": "long-polling", "advice": {"timeout": millis}});
        if let Some(batch) = self.batch {
            message["ext"] = json!({"ack": batch});
        }
        let mut messages = self.send(server, json!([message])).await;
        let reply = messages.pop().expect("a reply");
        assert_eq!(reply["channel"], "/meta/connect");
        if let Some(batch) = reply["ext"]["ack"].as_i64() {
            self.batch = Some(batch);
        }
        (reply, messages)
    }

    /// Connects until this many messages have arrived, and once more to check that there are no
    /// others.
    pub async fn exactly(&mut self, server: &Server, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let begun = std::time::Instant::now();
        while all.len() < count && begun.elapsed().as_secs() < 30 {
            let (reply, messages) = self.connect(server, 2_000).await;
            assert_eq!(reply["successful"], true, "{reply}");
            all.extend(messages);
        }
        let (_, more) = self.connect(server, 300).await;
        all.extend(more);
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Goes back to an earlier acknowledged batch, like a client whose replies were lost.
    pub fn rewind(&mut self, batch: i64) {
        self.batch = Some(batch);
    }

    /// The batch that it last acknowledged.
    pub fn batch(&self) -> i64 {
        self.batch.expect("it acknowledges")
    }
}
