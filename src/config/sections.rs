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
    /// Serve anybody on any address.
    pub insecure: bool,
    /// Show `/metrics` without sign-in.
    pub open_metrics: bool,
    /// Seconds a stop may take.
    pub stop_seconds: u64,
}

/// `[database]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Where the store is.
    pub url: String,
    /// Reading connections.
    pub readers: u32,
    /// MiB of a SQLite file that short reads map into memory.
    pub mapped_mib: u32,
    /// Whether connections to Postgres keep prepared statements and settings.
    pub prepared: bool,
    /// Seconds a query may take.
    pub query_seconds: u64,
}

/// `[queue]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Commands.
    pub commands: usize,
    /// Bytes.
    pub bytes: usize,
}

/// `[engagement]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engagement {
    /// What is copied when a request does not say.
    pub copy_user_data: String,
    /// UserData keys by which a conversation without a parent is linked to a web engagement.
    pub link_by: Vec<String>,
    /// Hours within which that web engagement began.
    pub link_within_hours: u32,
    /// UserData keys that name the visit.
    pub session_keys: Vec<String>,
}

/// `[user_data]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserData {
    /// Keys that are never stored.
    pub transient: Vec<String>,
    /// What is lifted out of them.
    pub extract: BTreeMap<String, String>,
    /// Keys to be indexed.
    pub indexed: Vec<String>,
}

/// `[contacts]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// Ranks, each an attribute or several joined with `+`.
    pub ranks: Vec<String>,
    /// Other ranks for a media type.
    pub ranks_by_media: BTreeMap<String, Vec<String>>,
    /// Attributes that only narrow.
    pub narrowing: Vec<String>,
    /// Attributes that hold telephone numbers.
    pub phones: Vec<String>,
    /// Attributes that hold e-mail addresses.
    pub emails: Vec<String>,
    /// The region of numbers without a country code; empty: none.
    pub default_region: String,
    /// Whether further values are added to a known contact.
    pub learn: bool,
    /// Values that say nothing.
    pub placeholders: Vec<String>,
}

impl Contacts {
    /// The rules that they make.
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
    /// Web sites whose pages may send.
    pub allow_origins: Vec<String>,
    /// Events a second of one client's pages.
    pub rate: u32,
    /// Events at once of one client's pages.
    pub burst: u32,
    /// Whether a proxy in front says who the client is.
    pub trust_forwarded: bool,
    /// Bytes of a page's request.
    pub largest: usize,
}

/// `[webhooks]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Whether deliveries may lead into private networks, and go out unencrypted.
    pub allow_private: bool,
    /// Days for which it is known what was delivered.
    pub keep_days: u32,
}

/// `[gws]`
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gws {
    /// Who may sign in: `name:hash`.
    pub users: Vec<String>,
    /// The tenant whose history they see.
    pub tenant: i64,
    /// Whether what changes something must carry a CSRF token.
    pub csrf: bool,
    /// The address in `uri`; empty takes what the caller asked for.
    pub base_url: String,
    /// Web sites whose pages may call.
    pub allow_origins: Vec<String>,
    /// The key that `SetDisposition` sets.
    pub disposition_key: String,
    /// What is switched on.
    pub features: Vec<String>,
    /// What `capabilities` of a resource lists.
    pub capabilities: Capabilities,
    /// Seconds that a client's connect is held.
    pub timeout_seconds: u64,
    /// Seconds that a client may be away before its session ends.
    pub max_interval_seconds: u64,
    /// Messages that wait for one client.
    pub queue: usize,
    /// Entries of the journal that a client may be behind.
    pub behind: i64,
}

/// What `capabilities` of a Web Services resource lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capabilities {
    /// What the published samples list, also what only a routing platform can do.
    Published,
    /// What this server carries out.
    Possible,
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
