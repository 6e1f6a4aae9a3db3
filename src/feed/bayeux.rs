//! The Bayeux protocol 1.0, as far as a notify-only server needs it
//! (`docs.cometd.org/current/reference/#_bayeux`): parses messages and builds replies.
//!
//! The transport is long polling. Messages are sent only in replies to `/meta/connect`. The batch
//! number of the acknowledgement extension is a journal cursor. A client that has acknowledged it
//! has received everything up to that cursor, whichever server it asks.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::hub::{Batch, Connect, Delivery, Denied, Ended, Hub, Pattern};
use super::{BASE, COLLECTION, KEY};
use crate::domain::Refusal;
use crate::domain::contact::OneOrMany;
use crate::json::{self, Members};

/// The only supported transport.
const LONG_POLLING: &str = "long-polling";
/// The largest number of messages of a request.
const MOST: usize = 100;
/// The largest number of characters of an `id`, which is echoed.
const LONGEST_ID: usize = 200;

/// A client's message, as far as the server reads it.
#[derive(Debug)]
struct Incoming {
    channel: Option<String>,
    id: Option<Value>,
    client_id: Option<String>,
    version: Option<String>,
    supported_connection_types: Option<Vec<String>>,
    connection_type: Option<String>,
    subscription: Option<OneOrMany>,
    advice: Option<Advice>,
    ext: Option<Ext>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Advice {
    timeout: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ext {
    ack: Option<Value>,
}

impl Incoming {
    /// Reads a message. Members that the server does not use are skipped, so they may have any
    /// value.
    fn read(text: &[u8]) -> Result<Self, Refusal> {
        let members = Members::split(text)?;
        Ok(Self {
            channel: members.read("channel")?,
            id: members.read("id")?,
            client_id: members.read("clientId")?,
            version: members.read("version")?,
            supported_connection_types: members.read("supportedConnectionTypes")?,
            connection_type: members.read("connectionType")?,
            subscription: members.read("subscription")?,
            advice: members.read("advice")?,
            ext: members.read("ext")?,
        })
    }

    fn is(&self, channel: &str) -> bool {
        self.channel.as_deref() == Some(channel)
    }

    /// Whether the client supports the acknowledgement extension; newer clients send an object for
    /// it.
    fn can_acknowledge(&self) -> bool {
        match self.ext.as_ref().and_then(|ext| ext.ack.as_ref()) {
            Some(Value::Bool(can)) => *can,
            Some(Value::Object(ack)) => ack.get("enabled") == Some(&Value::Bool(true)),
            _ => false,
        }
    }

    /// The last batch that the client received, if it uses the extension.
    fn acknowledged(&self) -> Option<i64> {
        let batch = self.ext.as_ref()?.ack.as_ref()?.as_i64()?;
        Some(batch.max(0))
    }

    /// How long the client asks to be held, capped at the server's timeout.
    fn hold(&self, most: Duration) -> Duration {
        let wanted = self.advice.as_ref().and_then(|advice| advice.timeout);
        match wanted {
            Some(millis) if millis.is_finite() && millis >= 0.0 => {
                most.min(Duration::from_secs_f64((millis / 1000.0).min(3600.0)))
            }
            _ => most,
        }
    }
}

/// The answer to a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A JSON array.
    Messages(String),
    /// The request is not valid Bayeux; the reason.
    Malformed(String),
    /// A newer connect of the same client replaced this one.
    Superseded,
}

/// The sender of a request.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// The user.
    pub user: &'a str,
    /// The sign-in session; empty if the client has none.
    pub sign_in: &'a str,
    /// The address of this server, as the client knows it.
    pub base: &'a str,
}

/// Answers the messages of one request.
pub async fn answer(hub: &Hub, asker: Asker<'_>, body: &[u8]) -> Answer {
    let Asker {
        user,
        sign_in,
        base,
    } = asker;
    let incoming = match read(body) {
        Ok(incoming) => incoming,
        Err(why) => return Answer::Malformed(why),
    };
    if incoming.len() > 1 && incoming.iter().any(|one| one.is("/meta/handshake")) {
        return Answer::Malformed("a handshake must be the only message of its request".to_owned());
    }
    if incoming
        .iter()
        .filter(|one| one.is("/meta/connect"))
        .count()
        > 1
    {
        return Answer::Malformed("a request may hold only one connect".to_owned());
    }
    let alone = incoming.len() == 1;
    let mut replies = Replies {
        text: "[".to_owned(),
        base,
    };
    for one in &incoming {
        let channel = one.channel.as_deref().unwrap_or_default();
        let mut reply = Map::new();
        if let Some(channel) = &one.channel {
            reply.insert("channel".to_owned(), json!(channel));
        }
        if let Some(id) = &one.id {
            reply.insert("id".to_owned(), id.clone());
        }
        let done = match channel {
            "" => Err(Failure::of("400::channel_missing")),
            "/meta/handshake" => handshake(hub, (user, sign_in), one, &mut reply).await,
            "/meta/connect" => match connect(hub, user, one, alone, &mut reply).await {
                Ok(Some(batch)) => {
                    for message in &batch.messages {
                        replies.message(message);
                    }
                    Ok(())
                }
                Ok(None) if alone => return Answer::Superseded,
                Ok(None) => Err(Failure::of("408::superseded")),
                Err(failure) => Err(failure),
            },
            "/meta/subscribe" => subscribe(hub, user, one, true, &mut reply).await,
            "/meta/unsubscribe" => subscribe(hub, user, one, false, &mut reply).await,
            "/meta/disconnect" => match &one.client_id {
                Some(id) => hub.close(user, id).await.map_err(Failure::from),
                None => Err(Denied::Unknown.into()),
            },
            _ if channel.starts_with("/meta/") => {
                Err(Failure::of(&format!("404:{channel}:unknown_channel")))
            }
            _ => Err(Failure::of("403::publish_denied")),
        };
        reply.insert("successful".to_owned(), json!(done.is_ok()));
        if let Some(id) = one.client_id.as_ref().filter(|_| done.is_ok()) {
            reply.insert("clientId".to_owned(), json!(id));
        }
        if let Err(failure) = done {
            reply.insert("error".to_owned(), json!(failure.error));
            let listens = channel == "/meta/handshake" || channel == "/meta/connect";
            if let Some(reconnect) = failure.reconnect.filter(|_| listens) {
                let advice = json!({"reconnect": reconnect, "interval": failure.interval});
                reply.insert("advice".to_owned(), advice);
            }
        }
        replies.reply(&Value::Object(reply));
    }
    replies.text.push(']');
    Answer::Messages(replies.text)
}

/// Reads the messages of a request: an array, or one message.
fn read(body: &[u8]) -> Result<Vec<Incoming>, String> {
    let wrong = |refusal: Refusal| format!("the body is no list of Bayeux messages: {refusal}");
    let body = json::without_mark(body).trim_ascii();
    let incoming = if body.starts_with(b"{") {
        vec![Incoming::read(body).map_err(wrong)?]
    } else {
        let all = json::elements(body).map_err(wrong)?;
        if all.is_empty() {
            return Err("the body holds no message".to_owned());
        }
        if all.len() > MOST {
            return Err(format!("the body holds more than {MOST} messages"));
        }
        let read = all.iter().map(|one| Incoming::read(one.get().as_bytes()));
        read.collect::<Result<Vec<Incoming>, _>>().map_err(wrong)?
    };
    let plain = |id: &Value| match id {
        Value::String(text) => text.len() <= LONGEST_ID,
        Value::Number(_) | Value::Null => true,
        _ => false,
    };
    if !incoming.iter().filter_map(|one| one.id.as_ref()).all(plain) {
        return Err("an id is neither a short text nor a number".to_owned());
    }
    Ok(incoming)
}

/// Why a message failed.
struct Failure {
    error: String,
    reconnect: Option<&'static str>,
    /// Milliseconds after which the client should try again.
    interval: u32,
}

impl Failure {
    fn of(error: &str) -> Self {
        Self {
            error: error.to_owned(),
            reconnect: None,
            interval: 0,
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        let (error, reconnect, interval) = match denied {
            Denied::Unknown => ("402::session_unknown".to_owned(), "handshake", 0),
            Denied::Overflow => ("409::queue_overflow".to_owned(), "handshake", 0),
            Denied::Full => (format!("503::{denied}"), "retry", 5000),
            Denied::TooMany => (format!("403::{denied}"), "none", 0),
            Denied::Store(error) => {
                tracing::warn!(%error, "a client's message could not be carried out");
                ("503::unavailable".to_owned(), "retry", 1000)
            }
        };
        Self {
            error,
            reconnect: Some(reconnect),
            interval,
        }
    }
}

async fn handshake(
    hub: &Hub,
    (user, sign_in): (&str, &str),
    one: &Incoming,
    reply: &mut Map<String, Value>,
) -> Result<(), Failure> {
    reply.insert("version".to_owned(), json!("1.0"));
    reply.insert("minimumVersion".to_owned(), json!("1.0"));
    reply.insert("supportedConnectionTypes".to_owned(), json!([LONG_POLLING]));
    let refused = |error: &str| Failure {
        reconnect: Some("none"),
        ..Failure::of(error)
    };
    if one.version.is_none() {
        return Err(refused("400::version_missing"));
    }
    let types = one.supported_connection_types.as_deref().unwrap_or(&[]);
    if !types.iter().any(|kind| kind == LONG_POLLING) {
        return Err(refused("400::unsupported_connection_types"));
    }
    let session = hub.open(user, sign_in).await?;
    reply.insert("clientId".to_owned(), json!(session.id));
    reply.insert("advice".to_owned(), advice(hub));
    if one.can_acknowledge() {
        reply.insert("ext".to_owned(), json!({"ack": true}));
    }
    Ok(())
}

fn advice(hub: &Hub) -> Value {
    let limits = hub.limits();
    json!({
        "reconnect": "retry",
        "interval": 0,
        "timeout": millis(limits.timeout),
        "maxInterval": millis(limits.max_interval),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Builds the messages that accompany the reply to a connect; `None` if a newer connect replaced
/// it.
async fn connect(
    hub: &Hub,
    user: &str,
    one: &Incoming,
    alone: bool,
    reply: &mut Map<String, Value>,
) -> Result<Option<Batch>, Failure> {
    let Some(id) = &one.client_id else {
        return Err(Denied::Unknown.into());
    };
    if one.connection_type.as_deref() != Some(LONG_POLLING) {
        return Err(Failure::of("400::unsupported_connection_type"));
    }
    let connect = Connect {
        acknowledged: one.acknowledged(),
        // holding a connect would delay the other messages of its request
        hold: if alone {
            one.hold(hub.limits().timeout)
        } else {
            Duration::ZERO
        },
    };
    match hub.connect(user, id, connect).await? {
        Ended::With(batch) => {
            if connect.acknowledged.is_some() {
                reply.insert("ext".to_owned(), json!({"ack": batch.cursor}));
            }
            reply.insert("advice".to_owned(), advice(hub));
            Ok(Some(batch))
        }
        Ended::Gone => Err(Denied::Unknown.into()),
        Ended::Superseded => Ok(None),
    }
}

async fn subscribe(
    hub: &Hub,
    user: &str,
    one: &Incoming,
    adds: bool,
    reply: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let Some(subscription) = &one.subscription else {
        return Err(Failure::of("403::subscription_missing"));
    };
    reply.insert("subscription".to_owned(), json!(subscription));
    let Some(id) = &one.client_id else {
        return Err(Denied::Unknown.into());
    };
    let mut patterns = Vec::new();
    for text in subscription.values() {
        match Pattern::parse(text) {
            Some(pattern) if !adds || hub.has_channel(&pattern) => patterns.push(pattern),
            _ => return Err(Failure::of("403::subscribe_denied")),
        }
    }
    let (add, remove) = if adds {
        (&patterns[..], &[][..])
    } else {
        (&[][..], &patterns[..])
    };
    hub.subscribe(user, id, add, remove).await?;
    Ok(())
}

/// The reply array being built.
struct Replies<'b> {
    text: String,
    base: &'b str,
}

impl Replies<'_> {
    fn next(&mut self) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
    }

    fn reply(&mut self, reply: &Value) {
        self.next();
        self.text += &reply.to_string();
    }

    fn message(&mut self, delivery: &Delivery) {
        self.next();
        self.text += "{\"channel\":";
        self.text += &Value::from(delivery.channel()).to_string();
        self.text += ",\"data\":";
        for part in delivery
            .message
            .data
            .split_inclusive([BASE, COLLECTION, KEY])
        {
            let (text, filled_in) = if let Some(text) = part.strip_suffix(BASE) {
                (text, self.base)
            } else if let Some(text) = part.strip_suffix(COLLECTION) {
                (text, delivery.collection())
            } else if let Some(text) = part.strip_suffix(KEY) {
                (text, delivery.key())
            } else {
                (part, "")
            };
            self.text += text;
            self.text += filled_in;
        }
        self.text.push('}');
    }
}
