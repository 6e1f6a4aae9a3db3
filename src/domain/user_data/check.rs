//! Limits of UserData.

use std::io;

use serde::Serialize;
use serde_json::Value;

use super::{Document, escape_pointer};
use crate::domain::limits::Limits;
use crate::domain::{Fault, Refusal};

/// Roughly the bytes of memory of a key with its value, without their texts.
const ENTRY: usize = size_of::<(String, Value)>() + 32;

/// Checks a new document against all limits except its size, which is known from its JSON text.
/// `pointer` is its place in the request.
///
/// Returns roughly the bytes of memory that it takes.
pub fn check(
    pointer: &str,
    document: &Document,
    limits: &Limits,
    faults: &mut Vec<Fault>,
) -> usize {
    if document.len() > limits.keys {
        faults.push(Fault::at(
            pointer,
            format!("has more than {} keys", limits.keys),
        ));
        return 0;
    }
    check_inside(pointer, document, limits, faults)
}

/// Checks keys and values, in any number.
pub(super) fn check_inside(
    pointer: &str,
    document: &Document,
    limits: &Limits,
    faults: &mut Vec<Fault>,
) -> usize {
    let mut weight = 0;
    check_object(pointer, document, 1, limits, &mut weight, faults);
    weight
}

/// The size of a document: its keys, and the bytes of its JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Top-level keys.
    pub keys: usize,
    /// Bytes of the JSON text.
    pub bytes: usize,
}

/// Checks the size of a document that a change leaves. A document beyond a limit, which may have
/// been higher before, may still shrink.
///
/// # Errors
/// [`Refusal::Invalid`] naming the first limit that the change would exceed.
pub fn check_growth(before: Size, after: Size, limits: &Limits) -> Result<(), Refusal> {
    if after.keys > limits.keys && after.keys > before.keys {
        return Err(Refusal::invalid(
            "",
            format!("would leave more than {} keys", limits.keys),
        ));
    }
    if after.bytes > limits.user_data && after.bytes > before.bytes {
        return Err(Refusal::invalid(
            "",
            format!(
                "would leave more than {} bytes of UserData",
                limits.user_data
            ),
        ));
    }
    Ok(())
}

/// The length of the JSON text, in bytes.
pub(super) fn length(value: &impl Serialize) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

fn check_object(
    pointer: &str,
    document: &Document,
    depth: usize,
    limits: &Limits,
    weight: &mut usize,
    faults: &mut Vec<Fault>,
) {
    for (key, value) in document {
        *weight += ENTRY + key.len();
        let long = key.len() > limits.key && key.chars().count() > limits.key;
        if long || key.contains('\0') {
            let shown: String = key.chars().take(32).collect();
            let at = format!("{pointer}/{}", escape_pointer(&shown.replace('\0', "")));
            let what = if long {
                format!("is a key longer than {} characters", limits.key)
            } else {
                "is a key with a NUL character".to_owned()
            };
            faults.push(Fault::at(at, what));
            continue;
        }
        check_value(
            &|| format!("{pointer}/{}", escape_pointer(key)),
            value,
            depth,
            limits,
            weight,
            faults,
        );
    }
}

fn check_value(
    pointer: &dyn Fn() -> String,
    value: &Value,
    depth: usize,
    limits: &Limits,
    weight: &mut usize,
    faults: &mut Vec<Fault>,
) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => {
            *weight += text.len();
            if text.contains('\0') {
                faults.push(Fault::at(pointer(), "holds a NUL character"));
            }
        }
        Value::Array(_) | Value::Object(_) if depth >= limits.depth => {
            faults.push(Fault::at(
                pointer(),
                format!("is nested deeper than {} levels", limits.depth),
            ));
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                *weight += size_of::<Value>();
                check_value(
                    &|| format!("{}/{index}", pointer()),
                    value,
                    depth + 1,
                    limits,
                    weight,
                    faults,
                );
            }
        }
        Value::Object(document) => {
            check_object(&pointer(), document, depth + 1, limits, weight, faults);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_beyond_a_limit_may_shrink_but_not_grow() {
        let limits = Limits {
            keys: 3,
            user_data: 30,
            ..Limits::default()
        };
        let size = |keys, bytes| Size { keys, bytes };
        let allowed = |before, after| check_growth(before, after, &limits).is_ok();
        assert!(allowed(size(1, 10), size(3, 30)));
        assert!(!allowed(size(3, 10), size(4, 10)));
        assert!(!allowed(size(1, 30), size(1, 31)));
        assert!(allowed(size(6, 50), size(5, 40)));
        assert!(allowed(size(6, 50), size(6, 50)));
        assert!(!allowed(size(6, 50), size(5, 51)));
    }
}
