//! Settings: defaults < file < environment < flags.
//!
//! The defaults are a documented file in the binary, `config.default.toml`; it also says which settings there are, so that one that is misspelt is an
//! error that names it.

pub mod gws;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::domain::command::Rules;
use crate::domain::limits::Limits;
use crate::domain::user_data::{KeyPath, Transience};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// Other names of settings in the environment.
const SHORT_NAMES: [(&str, &str, &str); 2] = [
    ("ANNALS_LISTEN", "server", "listen"),
    ("ANNALS_INSECURE", "server", "insecure"),
];
/// Names of ours in the environment that are no settings.
const NOT_SETTINGS: [&str; 5] = [
    "ANNALS_CONFIG",
    "ANNALS_TEST_CHROMIUM",
    "ANNALS_TEST_DATA",
    "ANNALS_TEST_POSTGRES_URL",
    "ANNALS_TOKEN",
];

/// All settings.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server.
    pub server: Server,
    /// The database.
    pub database: Database,
    /// The queue in front of the writer.
    pub queue: Queue,
    /// Web engagements.
    pub engagement: Engagement,
    /// UserData.
    pub user_data: UserData,
    /// Web actions from the pages of web sites.
    pub web_actions: WebActions,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Web Services v2.
    pub gws: Gws,
    /// Bounds.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

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
    /// Seconds that a client's connect is held.
    pub timeout_seconds: u64,
    /// Seconds that a client may be away before its session ends.
    pub max_interval_seconds: u64,
    /// Messages that wait for one client.
    pub queue: usize,
    /// Entries of the journal that a client may be behind.
    pub behind: i64,
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

impl Config {
    /// Reads the settings: defaults, the file if one is given, and the environment.
    ///
    /// # Errors
    /// A sentence that names the file or variable and what is wrong with it.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, String> {
        let mut settings: Table = toml::from_str(DEFAULTS).map_err(|error| error.to_string())?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let given: Table = toml::from_str(&text)
                .map_err(|error| format!("{}: {}", path.display(), placed(&error, &text)))?;
            gws::want_hashes(&given).map_err(|what| format!("{}: {what}", path.display()))?;
            merge(&mut settings, given).map_err(|what| format!("{}: {what}", path.display()))?;
        }
        for (name, value) in environment {
            if name.starts_with("ANNALS_")
                && !NOT_SETTINGS.contains(&name.as_str())
                && !name.starts_with("ANNALS_BENCH_")
                && !of_kubernetes(&name, &value)
            {
                set(&mut settings, &name, &value).map_err(|what| format!("{name}: {what}"))?;
            }
        }
        Self::of(settings)
    }

    fn of(settings: Table) -> Result<Self, String> {
        gws::check_users(&settings)?;
        let config: Self = settings
            .try_into()
            .map_err(|error: toml::de::Error| error.message().to_owned())?;
        if config.database.readers == 0
            || config.queue.commands == 0
            || config.queue.bytes < 1024 * 1024
        {
            return Err("[database] readers and [queue] commands want at least 1, [queue] bytes at least 1048576".to_owned());
        }
        if config.gws.queue == 0
            || config.gws.behind < 1
            || config.gws.timeout_seconds == 0
            || config.gws.max_interval_seconds == 0
        {
            return Err(
                "[gws] queue, behind, timeout_seconds and max_interval_seconds want at least 1"
                    .to_owned(),
            );
        }
        gws::check(&config.gws)?;
        let web_actions = &config.web_actions;
        want_origins("web_actions", &web_actions.allow_origins)?;
        if web_actions.rate == 0 || web_actions.burst == 0 || web_actions.largest < 1024 {
            return Err(
                "[web_actions] rate and burst want at least 1, largest at least 1024".to_owned(),
            );
        }
        if !["text", "json"].contains(&config.log.format.as_str()) {
            return Err("[log] format is neither text nor json".to_owned());
        }
        Ok(config)
    }

    /// The rules for commands.
    pub fn rules(&self) -> Rules {
        Rules {
            limits: self.limits.clone(),
            transience: Transience {
                keys: self.user_data.transient.clone(),
                extract: self
                    .user_data
                    .extract
                    .iter()
                    .map(|(key, path)| (key.clone(), KeyPath::parse(path)))
                    .collect(),
            },
            copy_user_data: Some(self.engagement.copy_user_data.clone()),
            session_keys: self.engagement.session_keys.clone(),
            private_webhooks: self.webhooks.allow_private,
        }
    }

    /// How long a query may take.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.database.query_seconds)
    }

    /// The documented file with the values in force; passwords are left out.
    pub fn printed(&self) -> String {
        let mut shown = self.clone();
        shown.database.url = redacted(&self.database.url);
        for user in &mut shown.gws.users {
            let name = user.split(':').next().unwrap_or_default();
            *user = format!("{name}:{HIDDEN}");
        }
        let Ok(Value::Table(values)) = Value::try_from(&shown) else {
            return DEFAULTS.to_owned();
        };
        let mut section = String::new();
        let mut out = String::new();
        for line in DEFAULTS.lines() {
            let trimmed = line.trim();
            if let Some(name) = trimmed
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                name.clone_into(&mut section);
            }
            match trimmed.split_once(" = ") {
                Some((key, _)) if !trimmed.starts_with('#') => {
                    let value = values.get(&section).and_then(|table| table.get(key));
                    out += &value.map_or_else(
                        || line.to_owned(),
                        |value| format!("{key} = {}", inline(value)),
                    );
                }
                _ => out += line,
            }
            out.push('\n');
        }
        out
    }
}

/// Refuses what is no web site, as a browser names one.
fn want_origins(section: &str, origins: &[String]) -> Result<(), String> {
    let is_origin = |origin: &&String| {
        url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == **origin)
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(()),
        Some(origin) => Err(format!(
            "[{section}] allow_origins has {origin:?}, which is no web site of the form \"https://desk.example.org\""
        )),
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", Value::String(key.clone()), inline(value)))
                .collect();
            if pairs.is_empty() {
                "{}".to_owned()
            } else {
                format!("{{ {} }}", pairs.join(", "))
            }
        }
        other => other.to_string(),
    }
}

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// A database URL without its password. What is no URL may hold one anywhere, and is hidden whole.
pub fn redacted(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Ok(mut parsed) = url::Url::parse(url) else {
        return HIDDEN.to_owned();
    };
    let secret = |name: &str| name.to_ascii_lowercase().contains("password");
    if parsed.query_pairs().any(|(name, _)| secret(&name)) {
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let mut query = parsed.query_pairs_mut();
        query.clear();
        for (name, value) in &pairs {
            query.append_pair(name, if secret(name) { HIDDEN } else { value });
        }
    } else if parsed.password().is_none() {
        return url.to_owned();
    }
    if parsed.password().is_some() && parsed.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    parsed.to_string()
}

/// Whether a variable is one of those that Kubernetes puts into every container beside a service named `annals`.
fn of_kubernetes(name: &str, value: &str) -> bool {
    name.starts_with("ANNALS_SERVICE_")
        || name.starts_with("ANNALS_PORT_")
        // tcp://10.0.0.1:8080; a bare number is a setting that somebody hoped for
        || (name == "ANNALS_PORT" && value.contains("://"))
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.printed())
    }
}

/// What is wrong with a file, by its line, which itself may hold a secret and is not shown.
fn placed(error: &toml::de::Error, text: &str) -> String {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

fn merge(into: &mut Table, given: Table) -> Result<(), String> {
    for (section, values) in given {
        let Value::Table(values) = values else {
            return Err(format!("{section} is no [section]"));
        };
        let Some(Value::Table(known)) = into.get_mut(&section) else {
            return Err(format!("there is no section [{section}]"));
        };
        for (key, value) in values {
            if !known.contains_key(&key) {
                return Err(format!("[{section}] has no setting {key}"));
            }
            known.insert(key, value);
        }
    }
    Ok(())
}

/// Sets what a variable of the environment names.
fn set(settings: &mut Table, name: &str, value: &str) -> Result<(), String> {
    let short = SHORT_NAMES
        .iter()
        .find(|(other, ..)| *other == name)
        .map(|(_, section, key)| (*section, *key));
    for (section, values) in settings.iter_mut() {
        let Value::Table(values) = values else {
            continue;
        };
        for (key, place) in values.iter_mut() {
            let long = format!("ANNALS_{section}_{key}").to_uppercase();
            if long == name || short == Some((section.as_str(), key.as_str())) {
                *place = if (section.as_str(), key.as_str()) == ("gws", "users") {
                    users(value)?
                } else {
                    typed(place, value)?
                };
                return Ok(());
            }
        }
    }
    Err("is no setting; `annals serve --print-config` lists them".to_owned())
}

/// A list of users; what is wrong with it is said without it.
fn users(text: &str) -> Result<Value, String> {
    if !text.trim_start().starts_with('[') {
        let users = gws::split_users(text).into_iter().map(Value::String);
        return Ok(Value::Array(users.collect()));
    }
    typed(&Value::Array(Vec::new()), text).map_err(|_| "is no list of texts in TOML".to_owned())
}

fn typed(like: &Value, text: &str) -> Result<Value, String> {
    let as_toml = || -> Result<Value, String> {
        let table: Table = toml::from_str(&format!("value = {text}"))
            .map_err(|error| error.message().to_owned())?;
        Ok(table["value"].clone())
    };
    match like {
        Value::String(_) => Ok(Value::String(text.to_owned())),
        Value::Array(_) if !text.trim_start().starts_with('[') => Ok(Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(std::convert::Into::into)
                .collect(),
        )),
        Value::Boolean(_) => text
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| "is neither true nor false".to_owned()),
        Value::Integer(_) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_| "is no whole number".to_owned()),
        _ => as_toml(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, String> {
        Config::load(
            None,
            environment
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn the_environment_sets_any_setting_by_its_name() {
        let config = load(&[
            ("ANNALS_LISTEN", "127.0.0.1:9"),
            ("ANNALS_USER_DATA_TRANSIENT", "jsonEvent, secret"),
            (
                "ANNALS_USER_DATA_EXTRACT",
                r#"{ page = "jsonEvent.data.url" }"#,
            ),
            ("ANNALS_LIMITS_DEPTH", "7"),
            ("HOME", "/"),
        ])
        .unwrap();
        assert_eq!(config.server.listen.port(), 9);
        assert_eq!(config.user_data.transient, ["jsonEvent", "secret"]);
        assert_eq!(config.user_data.extract["page"], "jsonEvent.data.url");
        assert_eq!(
            config.limits,
            Limits {
                depth: 7,
                ..Limits::default()
            }
        );
    }

    #[test]
    fn a_misspelt_setting_is_an_error_that_names_it() {
        assert!(
            load(&[("ANNALS_LISTENS", "x")])
                .unwrap_err()
                .starts_with("ANNALS_LISTENS")
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[server]\nlissen = \"x\"\n").unwrap();
        assert!(
            Config::load(Some(file.path()), std::iter::empty())
                .unwrap_err()
                .contains("no setting lissen")
        );
    }

    #[test]
    fn users_come_from_the_environment_plain_and_from_a_file_hashed() {
        let config = load(&[("ANNALS_GWS_USERS", "ann:open sesame,bob:x:y")]).unwrap();
        assert_eq!(config.gws.users, ["ann:open sesame", "bob:x:y"]);
        let printed = config.printed();
        assert!(
            printed.contains("ann:***") && !printed.contains("sesame"),
            "{printed}"
        );
        for wrong in ["open sesame", "[\"ann:open sesame", "[\"sesame\"]", "[7]"] {
            let error = load(&[("ANNALS_GWS_USERS", wrong)]).unwrap_err();
            assert!(
                error.contains("users") || error.starts_with("ANNALS_GWS_USERS"),
                "{error}"
            );
            assert!(!error.contains("sesame"), "{error}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, wanted) in [
            (
                "[gws]\nusers = [\"ann:open sesame\"]\n",
                "annals gws-user ann",
            ),
            ("[gws]\nusers = [\"ann:open sesame\n", "line 2"),
            ("[gws]\nusers = \"ann:open sesame\"\n", "no list"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = Config::load(Some(file.path()), std::iter::empty()).unwrap_err();
            assert!(
                error.contains(wanted) && !error.contains("sesame"),
                "{error}"
            );
        }
    }

    #[test]
    fn web_sites_and_the_address_are_checked() {
        for (name, wrong) in [
            ("ANNALS_GWS_ALLOW_ORIGINS", "*"),
            ("ANNALS_GWS_ALLOW_ORIGINS", "https://desk.example.org/"),
            ("ANNALS_GWS_ALLOW_ORIGINS", "desk.example.org"),
            ("ANNALS_GWS_BASE_URL", "annals.example.org"),
            ("ANNALS_WEB_ACTIONS_ALLOW_ORIGINS", "*"),
            ("ANNALS_WEB_ACTIONS_ALLOW_ORIGINS", "null"),
        ] {
            assert!(load(&[(name, wrong)]).unwrap_err().contains(wrong));
        }
        let right = [
            ("ANNALS_GWS_ALLOW_ORIGINS", "https://a.example,http://b:81"),
            ("ANNALS_GWS_BASE_URL", "https://annals.example.org"),
        ];
        assert!(load(&right).is_ok());
    }

    #[test]
    fn what_is_printed_can_be_read_again_and_hides_the_password() {
        let config = load(&[
            ("ANNALS_DATABASE_URL", "postgres://u:secret@h/n"),
            ("ANNALS_QUEUE_COMMANDS", "5"),
        ])
        .unwrap();
        let printed = config.printed();
        assert!(
            !printed.contains("secret") && printed.contains("commands = 5"),
            "{printed}"
        );
        assert!(toml::from_str::<Table>(&printed).is_ok());
        assert_eq!(load(&[]).unwrap().printed(), DEFAULTS);
    }

    #[test]
    fn a_password_is_hidden_wherever_a_url_may_hold_it() {
        for url in [
            "postgres://u:secret@h/n",
            "postgres://h/n?user=u&password=secret",
            "postgres://u:secret@h/n?sslmode=require&sslpassword=secret",
            "postgres://h:port/n?password=secret",
            "//u:secret@h",
        ] {
            let shown = redacted(url);
            assert!(
                !shown.contains("secret") && shown.contains("***"),
                "{shown}"
            );
        }
        for url in ["sqlite://annals.db", "postgres://u@h/n?sslmode=require"] {
            assert_eq!(redacted(url), url);
        }
    }

    #[test]
    fn what_kubernetes_adds_to_the_environment_is_no_setting() {
        let added = [
            ("ANNALS_SERVICE_HOST", "10.0.0.1"),
            ("ANNALS_SERVICE_PORT_HTTP", "8080"),
            ("ANNALS_PORT", "tcp://10.0.0.1:8080"),
            ("ANNALS_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ];
        assert!(load(&added).is_ok());
        assert!(load(&[("ANNALS_PORT", "8080")]).is_err());
        assert_eq!(load(&[]).unwrap().server.stop_seconds, 8);
    }
}
