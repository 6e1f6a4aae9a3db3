//! Settings: defaults < file < environment < flags.
//!
//! The defaults are a documented file in the binary, `default.toml`. It also lists all settings, so
//! that a misspelt setting is an error that names it.

pub mod gws;
mod print;
mod sections;
mod sources;
#[cfg(test)]
mod tests;
mod vendor;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::domain::command::Rules;
use crate::domain::filter::IndexedAttribute;
use crate::domain::limits::Limits;
use crate::domain::user_data::{KeyPath, Transience};
pub use print::redacted;
use print::{HIDDEN, inline};
pub use sections::{
    Capabilities, Contacts, Database, Engagement, Gws, Interactions, Log, Queue, Reports, Server,
    UserData, WebActions, Webhooks,
};
use sources::{NOT_SETTINGS, merge, of_kubernetes, placed, set};

/// The documented defaults.
pub const DEFAULTS: &str = include_str!("default.toml");

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
    /// Interactions.
    pub interactions: Interactions,
    /// UserData.
    pub user_data: UserData,
    /// Contacts.
    pub contacts: Contacts,
    /// Web actions from the pages of web sites.
    pub web_actions: WebActions,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Web Services v2.
    pub gws: Gws,
    /// Reports.
    pub reports: Reports,
    /// Limits.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

impl Config {
    /// Loads the settings: defaults, the file if one is given, and the environment.
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
            let mut given: Table = toml::from_str(&text)
                .map_err(|error| format!("{}: {}", path.display(), placed(&error, &text)))?;
            vendor::adopt(&mut given).map_err(|what| format!("{}: {what}", path.display()))?;
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
            return Err("[database] readers and [queue] commands must be at least 1, [queue] bytes at least 1048576".to_owned());
        }
        if config.reports.memory < 16 || config.reports.threads == 0 || config.reports.seconds == 0
        {
            return Err(
                "[reports] memory must be at least 16, threads and seconds at least 1".to_owned(),
            );
        }
        if config.gws.queue == 0
            || config.gws.behind < 1
            || config.gws.timeout_seconds == 0
            || config.gws.max_interval_seconds == 0
        {
            return Err(
                "[gws] queue, behind, timeout_seconds and max_interval_seconds must be at least 1"
                    .to_owned(),
            );
        }
        gws::check(&config.gws)?;
        config.contacts.rules()?;
        let web_actions = &config.web_actions;
        want_origins("web_actions", &web_actions.allow_origins)?;
        if web_actions.rate == 0 || web_actions.burst == 0 || web_actions.largest < 1024 {
            return Err(
                "[web_actions] rate and burst must be at least 1, largest at least 1024".to_owned(),
            );
        }
        for name in &config.interactions.indexed {
            IndexedAttribute::parse(name)
                .map_err(|detail| format!("[interactions] indexed: {name:?} {detail}"))?;
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
            contacts: self.contacts.rules().unwrap_or_default(),
            copy_user_data: Some(self.engagement.copy_user_data.clone()),
            link_by: self
                .engagement
                .link_by
                .iter()
                .map(|key| KeyPath::parse(key))
                .collect(),
            link_within: i64::from(self.engagement.link_within_hours).saturating_mul(3_600_000_000),
            session_keys: self.engagement.session_keys.clone(),
            private_webhooks: self.webhooks.allow_private,
        }
    }

    /// The rules for imported history. An imported item itself states what it is linked to and what
    /// it copied.
    pub fn import_rules(&self) -> Rules {
        Rules {
            copy_user_data: None,
            link_by: Vec::new(),
            ..self.rules()
        }
    }

    /// The UserData keys with an index: those declared for search, and those that link
    /// conversations.
    pub fn indexed_keys(&self) -> Vec<String> {
        let mut keys = self.user_data.indexed.clone();
        keys.extend(self.engagement.link_by.iter().cloned());
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The attributes with an index.
    pub fn indexed_attributes(&self) -> Vec<IndexedAttribute> {
        let names = self.interactions.indexed.iter();
        names
            .filter_map(|name| IndexedAttribute::of_name(name))
            .collect()
    }

    /// The folder of the columns; `None` if there are no reports.
    pub fn reports_folder(&self) -> Option<PathBuf> {
        if !self.reports.enabled {
            return None;
        }
        if !self.reports.folder.is_empty() {
            return Some(PathBuf::from(&self.reports.folder));
        }
        let file = self.database.url.strip_prefix("sqlite:")?;
        let file = file.strip_prefix("//").unwrap_or(file);
        let file = file.split('?').next().unwrap_or_default();
        Some(PathBuf::from(format!("{file}-columns")))
    }

    /// How long a query may take.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.database.query_seconds)
    }

    /// The documented file with the values in force, without passwords. A list that the file has in
    /// several lines stays as it is, or is printed in one line if it differs.
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
        let defaults: Table = toml::from_str(DEFAULTS).unwrap_or_default();
        let mut section = String::new();
        let mut out = String::new();
        let mut lines = DEFAULTS.lines();
        while let Some(line) = lines.next() {
            let trimmed = line.trim();
            if let Some(name) = trimmed
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                name.clone_into(&mut section);
            }
            match trimmed.split_once(" = ") {
                Some((key, _)) if !trimmed.starts_with('#') => {
                    let of = |all: &Table| all.get(&section)?.get(key).cloned();
                    let value = of(&values);
                    let in_lines = trimmed.ends_with('[');
                    if in_lines && value == of(&defaults) {
                        out += line;
                        out.push('\n');
                        continue;
                    }
                    if in_lines {
                        lines.by_ref().find(|line| line.trim() == "]");
                    }
                    out += &value.map_or_else(
                        || line.to_owned(),
                        |value| format!("{key} = {}", inline(&value)),
                    );
                }
                _ => out += line,
            }
            out.push('\n');
        }
        out
    }
}

/// Refuses a web site that is not an origin as browsers send it.
fn want_origins(section: &str, origins: &[String]) -> Result<(), String> {
    let is_origin = |origin: &&String| {
        url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == **origin)
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(()),
        Some(origin) => Err(format!(
            "[{section}] allow_origins has {origin:?}, which is not a web site of the form \"https://desk.example.org\""
        )),
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.printed())
    }
}
