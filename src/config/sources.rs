//! The sources of settings: a file, the environment.

use toml::{Table, Value};

use super::gws;

/// Short names of settings in the environment.
const SHORT_NAMES: [(&str, &str, &str); 2] = [
    ("ANNALS_LISTEN", "server", "listen"),
    ("ANNALS_INSECURE", "server", "insecure"),
];
/// Names with our prefix in the environment that are not settings.
pub(super) const NOT_SETTINGS: [&str; 5] = [
    "ANNALS_CONFIG",
    "ANNALS_TEST_CHROMIUM",
    "ANNALS_TEST_DATA",
    "ANNALS_TEST_POSTGRES_URL",
    "ANNALS_TOKEN",
];

/// Whether Kubernetes sets such a variable in every container beside a service named `annals`.
pub(super) fn of_kubernetes(name: &str, value: &str) -> bool {
    name.starts_with("ANNALS_SERVICE_")
        || name.starts_with("ANNALS_PORT_")
        // tcp://10.0.0.1:8080; a bare number is more likely meant as a setting
        || (name == "ANNALS_PORT" && value.contains("://"))
}

/// Describes what is wrong with a file by line number. The line itself may hold a secret, so it is
/// not shown.
pub(super) fn placed(error: &toml::de::Error, text: &str) -> String {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| before.matches('\n').count() + 1);
    match line {
        Some(line) => format!("line {line}: {}", error.message()),
        None => error.message().to_owned(),
    }
}

pub(super) fn merge(into: &mut Table, given: Table) -> Result<(), String> {
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

/// Applies the setting in an environment variable.
pub(super) fn set(settings: &mut Table, name: &str, value: &str) -> Result<(), String> {
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

/// Parses a list of users. The error does not repeat the list.
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
