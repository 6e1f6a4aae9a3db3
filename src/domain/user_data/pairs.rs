//! UserData as the pair list of older clients.

use serde_json::Value;

use super::Given;

/// Turns a pair list into a document. Of a repeated key the last value wins, and the key is named.
///
/// # Errors
/// A sentence, when an element is no pair.
pub fn from_pairs(pairs: Vec<Value>) -> Result<Given, String> {
    let mut given = Given::default();
    for (index, pair) in pairs.into_iter().enumerate() {
        let Value::Object(mut pair) = pair else {
            return Err(format!("element {index} of the pair list is no object"));
        };
        let Some(Value::String(key)) = pair.shift_remove("key") else {
            return Err(format!(
                "element {index} of the pair list has no text \"key\""
            ));
        };
        let kind = pair.shift_remove("type");
        let value = pair.shift_remove("value").unwrap_or(Value::Null);
        if let Some(unknown) = pair.keys().next() {
            return Err(format!(
                "element {index} of the pair list has an unknown member {unknown:?}"
            ));
        }
        let nested = kind.as_ref().and_then(Value::as_str) == Some("kvlist");
        let value = match value {
            Value::Array(inner) if nested => {
                let inner = from_pairs(inner)?;
                given
                    .repeated
                    .extend(inner.repeated.iter().map(|name| format!("{key}.{name}")));
                Value::Object(inner.document)
            }
            other => other,
        };
        if given.document.insert(key.clone(), value).is_some() {
            given.repeated.push(key);
        }
    }
    given.repeated.sort_unstable();
    given.repeated.dedup();
    Ok(given)
}
