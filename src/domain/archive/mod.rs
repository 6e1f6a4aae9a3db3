//! The archive: everything in a store, as rows of typed values.
//!
//! The export, the import and the comparison share one description of each kind of row
//! ([`Kind::columns`]). `docs/archive.md` describes the format.

mod check;
mod restore;

pub use check::Wrong;
pub use restore::{Chunks, LeftOut, NextChunk, Restore, Restored, Standing};

use super::Moment;

/// The version of the format. Version 1 has no deliveries, and version 2 has no declared attributes.
/// Both are still read.
pub const VERSION: u64 = 3;

/// The kind of a row. The kinds are in the order of the archive: referenced rows come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A declared key of UserData.
    IndexedKey,
    /// A declared attribute.
    IndexedAttribute,
    /// A contact, without its attributes.
    Contact,
    /// A value of a contact's attribute.
    ContactAttribute,
    /// A whole interaction.
    Interaction,
    /// The conversation that a web engagement led to.
    Link,
    /// A state of a web action.
    WebAction,
    /// An entry of the journal.
    Change,
    /// A webhook.
    Webhook,
    /// A delivery of a webhook that waits or is dead.
    Delivery,
    /// The stored answer to a request with an `Idempotency-Key`.
    Reply,
    /// An access token, by its hash.
    Token,
}

/// The type of a column. It decides how a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A moment, in RFC 3339 with microseconds.
    Time,
    /// Bytes, in hexadecimal digits.
    Bytes,
    /// JSON text, kept byte for byte.
    Json,
}

/// A column: its name in the store, its type, and whether it is required.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name in the store. The archive writes it in camel case.
    pub name: &'static str,
    /// The type.
    pub kind: Type,
    /// Whether every row has a value.
    pub required: bool,
}

const fn must(name: &'static str, kind: Type) -> Column {
    Column {
        name,
        kind,
        required: true,
    }
}

const fn may(name: &'static str, kind: Type) -> Column {
    Column {
        name,
        kind,
        required: false,
    }
}

use Type::{Bytes, Int, Json, Text, Time};

const INDEXED_KEY: &[Column] = &[must("key", Text)];
const INDEXED_ATTRIBUTE: &[Column] = &[must("name", Text)];
const CONTACT: &[Column] = &[
    must("id", Text),
    must("tenant_id", Int),
    may("merged_into", Text),
    must("created_date", Time),
    must("modified_date", Time),
    must("revision", Int),
    must("fingerprint", Bytes),
];
const CONTACT_ATTRIBUTE: &[Column] = &[
    must("contact_id", Text),
    must("tenant_id", Int),
    must("name", Text),
    must("position", Int),
    must("value", Text),
];
const INTERACTION: &[Column] = &[
    must("seq", Int),
    must("fingerprint", Bytes),
    must("core", Json),
    must("user_data", Json),
    may("text", Text),
    may("structured_text", Text),
    may("comment", Text),
    may("participants", Json),
];
const LINK: &[Column] = &[
    must("child_id", Text),
    must("tenant_id", Int),
    must("parent_id", Text),
    may("copy_user_data", Text),
    must("copied_keys", Json),
    must("linked_by", Text),
    must("created_date", Time),
];
const WEB_ACTION: &[Column] = &[
    must("seq", Int),
    must("tenant_id", Int),
    must("action_id", Text),
    must("state", Text),
    may("media_type", Text),
    may("map_id", Text),
    may("map_version", Int),
    may("customer_id", Text),
    may("session_id", Text),
    may("reference", Text),
    may("conversation_id", Text),
    may("error_code", Text),
    must("event_date", Time),
    must("contradicted", Int),
    must("fingerprint", Bytes),
    must("event", Json),
];
const CHANGE: &[Column] = &[
    must("cursor", Int),
    must("tenant_id", Int),
    must("at", Time),
    must("kind", Text),
    may("interaction_id", Text),
    may("contact_id", Text),
    may("media_type", Text),
    may("owner_id", Text),
    may("action_id", Text),
    must("actor", Text),
    must("delta", Json),
];
const WEBHOOK: &[Column] = &[
    must("id", Text),
    must("tenant_id", Int),
    must("url", Text),
    must("kinds", Json),
    may("media_type", Text),
    may("description", Text),
    must("enabled", Int),
    may("disabled_reason", Text),
    must("deleted", Int),
    may("secrets", Json),
    must("cursor", Int),
    must("created_date", Time),
    must("modified_date", Time),
];
const DELIVERY: &[Column] = &[
    must("webhook_id", Text),
    must("cursor", Int),
    must("kind", Text),
    must("subject", Text),
    must("state", Int),
    must("attempts", Int),
    must("queued_date", Time),
    may("attempt_date", Time),
    may("next_date", Time),
    may("status", Int),
    may("error", Text),
];
const REPLY: &[Column] = &[
    must("tenant_id", Int),
    must("path", Text),
    must("key", Text),
    must("fingerprint", Bytes),
    must("status", Int),
    must("body", Text),
    may("interaction_id", Text),
    may("contact_id", Text),
    must("created_date", Time),
];
const TOKEN: &[Column] = &[
    must("id", Text),
    must("tenant_id", Int),
    must("name", Text),
    must("hash", Bytes),
    must("scopes", Text),
    must("created_date", Time),
];

impl Kind {
    /// Every kind with its name in the archive, in archive order.
    pub const ALL: [(Self, &'static str); 12] = [
        (Self::IndexedKey, "indexedKey"),
        (Self::IndexedAttribute, "indexedAttribute"),
        (Self::Contact, "contact"),
        (Self::ContactAttribute, "contactAttribute"),
        (Self::Interaction, "interaction"),
        (Self::Link, "link"),
        (Self::WebAction, "webAction"),
        (Self::Change, "change"),
        (Self::Webhook, "webhook"),
        (Self::Delivery, "delivery"),
        (Self::Reply, "reply"),
        (Self::Token, "token"),
    ];

    /// The name in the archive.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, name)| name)
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other)| *other == name)
            .map(|(kind, _)| *kind)
    }

    /// Its columns.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::IndexedKey => INDEXED_KEY,
            Self::IndexedAttribute => INDEXED_ATTRIBUTE,
            Self::Contact => CONTACT,
            Self::ContactAttribute => CONTACT_ATTRIBUTE,
            Self::Interaction => INTERACTION,
            Self::Link => LINK,
            Self::WebAction => WEB_ACTION,
            Self::Change => CHANGE,
            Self::Webhook => WEBHOOK,
            Self::Delivery => DELIVERY,
            Self::Reply => REPLY,
            Self::Token => TOKEN,
        }
    }

    /// The columns that identify a row, in sort order.
    pub fn key(self) -> &'static [&'static str] {
        match self {
            Self::IndexedKey => &["key"],
            Self::IndexedAttribute => &["name"],
            Self::Contact | Self::Webhook | Self::Token => &["id", "tenant_id"],
            Self::ContactAttribute => &["contact_id", "tenant_id", "name", "position"],
            Self::Interaction | Self::WebAction => &["seq"],
            Self::Link => &["child_id", "tenant_id"],
            Self::Change => &["cursor"],
            Self::Delivery => &["webhook_id", "cursor"],
            Self::Reply => &["tenant_id", "path", "key"],
        }
    }
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Null,
    /// Text, or JSON text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A moment.
    Time(Moment),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// The kind of a row and the values of its key, in an order that both databases share.
pub type Place = (Kind, Vec<(i64, String)>);

/// A row: its kind, and a value for each of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its kind.
    pub kind: Kind,
    /// The values, in the order of [`Kind::columns`].
    pub cells: Vec<Cell>,
}

impl Row {
    /// The value of a column; null if the kind has no such column.
    pub fn cell(&self, name: &str) -> &Cell {
        self.place_of(name)
            .and_then(|place| self.cells.get(place))
            .unwrap_or(&Cell::Null)
    }

    /// The value of a column, to be changed; `None` if the kind has no such column.
    pub fn cell_mut(&mut self, name: &str) -> Option<&mut Cell> {
        let place = self.place_of(name)?;
        self.cells.get_mut(place)
    }

    /// Sets the value of a column.
    pub fn set(&mut self, name: &str, cell: Cell) {
        if let Some(there) = self.cell_mut(name) {
            *there = cell;
        }
    }

    fn place_of(&self, name: &str) -> Option<usize> {
        let columns = self.kind.columns();
        columns.iter().position(|column| column.name == name)
    }

    /// The text of a column; empty if it has none.
    pub fn text(&self, name: &str) -> &str {
        match self.cell(name) {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    /// The number of a column; zero if it has none.
    pub fn int(&self, name: &str) -> i64 {
        match self.cell(name) {
            Cell::Int(number) => *number,
            _ => 0,
        }
    }

    /// Whether it is a kept answer that may quote the secret of a webhook: the answers to the
    /// creation of a webhook and to the rotation of its secret do.
    pub fn quotes_secret(&self) -> bool {
        let under = self.text("path").strip_prefix("/v1/webhooks");
        self.kind == Kind::Reply
            && under.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The values that identify it among rows of its kind.
    pub fn key(&self) -> Vec<&Cell> {
        self.kind.key().iter().map(|name| self.cell(name)).collect()
    }

    /// Its position among all rows of a store or an archive.
    pub fn place(&self) -> Place {
        let key = self.key().into_iter().map(|cell| match cell {
            Cell::Text(text) => (0, text.clone()),
            Cell::Int(number) => (*number, String::new()),
            _ => (0, String::new()),
        });
        (self.kind, key.collect())
    }
}
