//! The sections of the settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::domain::contact::{ContactRules, Settings};

/// `[server]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Whether to serve anyone on any address without sign-in.
    pub insecure: bool,
    /// Whether `/metrics` needs no sign-in.
    pub open_metrics: bool,
    /// Seconds a stop may take.
    pub stop_seconds: u64,
}

/// `[database]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The location of the store.
    pub url: String,
    /// Connections for reading.
    pub readers: u32,
    /// MiB of a SQLite file that short reads map into memory.
    pub mapped_mib: u32,
    /// MiB of memory for the pages that SQLite's writer uses.
    pub memory: u32,
    /// MiB of SQLite's write-ahead log from which on it begins again under steady load.
    pub log: u32,
    /// Whether connections to Postgres keep prepared statements and settings.
    pub prepared: bool,
    /// Seconds a query may take.
    pub query_seconds: u64,
}

/// `[queue]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// The maximum number of commands.
    pub commands: usize,
    /// Their maximum size in bytes.
    pub bytes: usize,
}

/// `[engagement]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engagement {
    /// The UserData to copy if a request does not say.
    pub copy_user_data: String,
    /// UserData keys by which a conversation without a parent is linked to a web engagement.
    pub link_by: Vec<String>,
    /// The maximum age in hours of that web engagement.
    pub link_within_hours: u32,
    /// UserData keys that name the visit.
    pub session_keys: Vec<String>,
}

/// `[interactions]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interactions {
    /// Attributes to index.
    pub indexed: Vec<String>,
}

/// `[user_data]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserData {
    /// Keys that are never stored.
    pub transient: Vec<String>,
    /// Values to extract from transient keys.
    pub extract: BTreeMap<String, String>,
    /// Keys to index.
    pub indexed: Vec<String>,
}

/// `[contacts]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// The ranks, each an attribute or several joined with `+`.
    pub ranks: Vec<String>,
    /// Other ranks for a media type.
    pub ranks_by_media: BTreeMap<String, Vec<String>>,
    /// Attributes that only narrow the result.
    pub narrowing: Vec<String>,
    /// Attributes that hold telephone numbers.
    pub phones: Vec<String>,
    /// Attributes that hold e-mail addresses.
    pub emails: Vec<String>,
    /// The region of numbers without a country code; empty for none.
    pub default_region: String,
    /// Whether further values are added to a known contact.
    pub learn: bool,
    /// Placeholder values, which are ignored.
    pub placeholders: Vec<String>,
    /// Further placeholder values of telephone numbers and e-mail addresses.
    pub address_placeholders: Vec<String>,
}

impl Contacts {
    /// The rules from these settings.
    ///
    /// # Errors
    /// A sentence that names the setting and what is wrong with it.
    pub fn rules(&self) -> Result<ContactRules, String> {
        ContactRules::new(&Settings {
            ranks: self.ranks.clone(),
            ranks_by_media: self.ranks_by_media.clone(),
            narrowing: self.narrowing.clone(),
            phones: self.phones.clone(),
            emails: self.emails.clone(),
            placeholders: self.placeholders.clone(),
            address_placeholders: self.address_placeholders.clone(),
            default_region: self.default_region.clone(),
            learn: self.learn,
        })
        .map_err(|what| format!("[contacts] {what}"))
    }
}

/// `[web_actions]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebActions {
    /// Web sites whose pages may send events.
    pub allow_origins: Vec<String>,
    /// Events per second from one client's pages.
    pub rate: u32,
    /// Events in one burst from one client's pages.
    pub burst: u32,
    /// Whether to trust a proxy to identify the client.
    pub trust_forwarded: bool,
    /// The maximum size in bytes of a page's request.
    pub largest: usize,
}

/// `[webhooks]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether deliveries may go to private networks, and unencrypted.
    pub allow_private: bool,
    /// Days for which successful deliveries are kept.
    pub keep_days: u32,
}

/// `[gws]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gws {
    /// The users: `name:hash`.
    pub users: Vec<String>,
    /// The tenant whose history they see.
    pub tenant: i64,
    /// Whether requests that change something need a CSRF token.
    pub csrf: bool,
    /// The address in `uri`; if empty, the address that the caller requested.
    pub base_url: String,
    /// Web sites whose pages may call the API.
    pub allow_origins: Vec<String>,
    /// The key that `SetDisposition` sets.
    pub disposition_key: String,
    /// The enabled features.
    pub features: Vec<String>,
    /// The operations that `capabilities` of a resource lists.
    pub capabilities: Capabilities,
    /// Seconds that a client's connect is held.
    pub timeout_seconds: u64,
    /// Seconds without a request after which a client's session ends.
    pub max_interval_seconds: u64,
    /// The maximum number of messages that wait for one client.
    pub queue: usize,
    /// The maximum number of journal entries that a client may lag behind.
    pub behind: i64,
}

/// The operations that `capabilities` of a Web Services resource lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capabilities {
    /// Those in the published samples, including operations of a routing platform.
    Published,
    /// Those that this server supports.
    Possible,
}

/// `[reports]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// Whether there are reports.
    pub enabled: bool,
    /// The folder of the columns; empty for beside the SQLite file. On Postgres, without a folder, there
    /// are no reports.
    pub folder: String,
    /// MiB of memory for all queries together.
    pub memory: u32,
    /// MiB on disk for what does not fit into that memory.
    pub spill: u32,
    /// Seconds that a query may take.
    pub seconds: u64,
    /// Threads for queries.
    pub threads: usize,
}

/// `[log]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Level or filter.
    pub level: String,
    /// `text` or `json`.
    pub format: String,
}
