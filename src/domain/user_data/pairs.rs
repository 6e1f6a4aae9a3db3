//! UserData as the pair list of older clients.

use serde_json::Value;

use super::Given;

/// Adds a pair. For a repeated key the last value wins, and the key is noted.
///
/// # Errors
/// A sentence without its subject, if the value is no pair.
pub(super) fn add(given: &mut Given, pair: Value) -> Result<(), String> {
    let Value::Object(mut pair) = pair else {
        return Err("is no object, as a pair of key, type and value is".to_owned());
    };
    let Some(Value::String(key)) = pair.shift_remove("key") else {
        return Err("has no text \"key\"".to_owned());
    };
    let kind = pair.shift_remove("type");
    let value = pair.shift_remove("value").unwrap_or(Value::Null);
    if let Some(unknown) = pair.keys().next() {
        return Err(format!(
            "has the member {unknown:?}; a pair has key, type and value"
        ));
    }
    let nested = kind.as_ref().and_then(Value::as_str) == Some("kvlist");
    let value = match value {
        Value::Array(pairs) if nested => {
            let mut inner = Given::default();
            for (index, pair) in pairs.into_iter().enumerate() {
                add(&mut inner, pair)
                    .map_err(|wrong| format!("holds a list whose element {index} {wrong}"))?;
            }
            let repeated = inner.repeated.iter().map(|name| format!("{key}.{name}"));
            given.repeated.extend(repeated);
            Value::Object(inner.document)
        }
        other => other,
    };
    if given.document.insert(key.clone(), value).is_some() {
        given.repeated.push(key);
    }
    Ok(())
}
