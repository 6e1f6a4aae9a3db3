//! UserData: the key-value list attached to an interaction.
//!
//! A value is a string, an integer, a number, a boolean, null, a list, or a nested document. It comes in as a JSON
//! object, or as the pair list of older clients (`[{"key", "type", "value"}]`), and is kept with its types and in its order.

use std::cell::RefCell;
use std::fmt;
use std::io;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::limits::Limits;
use super::{Fault, Refusal};

/// A UserData document: keys in the order in which they were first attached.
pub type Document = Map<String, Value>;

/// UserData as a caller gave it, before transient keys are taken out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// The keys and their values.
    pub document: Document,
    /// Keys that a pair list named more than once; the last value won.
    pub repeated: Vec<String>,
}

impl From<Document> for Given {
    fn from(document: Document) -> Self {
        Self {
            document,
            repeated: Vec::new(),
        }
    }
}

/// Marks an error message that carries a JSON pointer, relative to the UserData, in front of the sentence.
pub const POINTER_MARK: char = '\u{1}';

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trail = RefCell::new(Vec::new());
        let value = Strict(&trail).deserialize(deserializer).map_err(|error| {
            if trail.borrow().is_empty() {
                return error;
            }
            let pointer: String = trail
                .borrow()
                .iter()
                .rev()
                .map(|step| format!("/{}", escape_pointer(step)))
                .collect();
            de::Error::custom(format!(
                "{POINTER_MARK}{pointer}{POINTER_MARK}is given twice"
            ))
        })?;
        match value {
            Value::Object(document) => Ok(document.into()),
            Value::Array(pairs) => from_pairs(pairs).map_err(de::Error::custom),
            Value::Null => Ok(Self::default()),
            _ => Err(de::Error::custom(
                "is neither an object nor a list of {key, type, value}",
            )),
        }
    }
}

impl Serialize for Given {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document.serialize(serializer)
    }
}

/// Reads a document that was written before.
///
/// Never by way of `serde_json::Value`: an object whose first key is `$serde_json::private::RawValue` would be taken for something else than an
/// object with that key.
///
/// # Errors
/// When the text is no JSON object.
pub fn read(text: &str) -> Result<Document, serde_json::Error> {
    let trail = RefCell::new(Vec::new());
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict(&trail).deserialize(&mut deserializer)?;
    deserializer.end()?;
    match value {
        Value::Object(document) => Ok(document),
        _ => Err(de::Error::custom("is no object")),
    }
}

/// Escapes one step of a JSON pointer (RFC 6901).
pub fn escape_pointer(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

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

/// Reads any JSON value and refuses an object that names a key twice; leaves behind the trail to it.
struct Strict<'t>(&'t RefCell<Vec<String>>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        loop {
            match list.next_element_seed(Strict(self.0)) {
                Ok(Some(value)) => values.push(value),
                Ok(None) => return Ok(Value::Array(values)),
                Err(error) => {
                    if !self.0.borrow().is_empty() {
                        self.0.borrow_mut().push(values.len().to_string());
                    }
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut document = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if document.contains_key(&key) {
                self.0.borrow_mut().push(key);
                return Err(de::Error::custom("a key is given twice"));
            }
            match object.next_value_seed(Strict(self.0)) {
                Ok(value) => {
                    document.insert(key, value);
                }
                Err(error) => {
                    if !self.0.borrow().is_empty() {
                        self.0.borrow_mut().push(key);
                    }
                    return Err(error);
                }
            }
        }
        Ok(Value::Object(document))
    }
}

/// Roughly the bytes of memory that a key takes with its value, without their texts.
const ENTRY: usize = size_of::<(String, Value)>() + 32;

/// Checks a new document against all limits but that of its size, which its JSON text tells; `pointer` is where it stands in the request.
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

/// Checks keys and values, however many they are.
fn check_inside(
    pointer: &str,
    document: &Document,
    limits: &Limits,
    faults: &mut Vec<Fault>,
) -> usize {
    let mut weight = 0;
    check_object(pointer, document, 1, limits, &mut weight, faults);
    weight
}

/// Bytes of the JSON text.
fn length(value: &impl Serialize) -> usize {
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

/// A way into nested documents, written with dots; a dot inside a key is escaped with a backslash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyPath(pub Vec<String>);

impl KeyPath {
    /// Reads `IWAttachedDataInformation.DispositionCode\.Key`.
    pub fn parse(text: &str) -> Self {
        let mut steps = vec![String::new()];
        let mut escaped = false;
        for c in text.chars() {
            let step = steps.last_mut().expect("there is always one step");
            match c {
                _ if escaped => {
                    step.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '.' => steps.push(String::new()),
                _ => step.push(c),
            }
        }
        Self(steps)
    }

    /// The value at the end of the way.
    pub fn find<'v>(&self, document: &'v Document) -> Option<&'v Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(document.get(first)?, |value, step| {
            value.as_object()?.get(step)
        })
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", step.replace('\\', "\\\\").replace('.', "\\."))?;
        }
        Ok(())
    }
}

/// Which keys are never stored, and what is lifted out of them first.
#[derive(Clone, Debug)]
pub struct Transience {
    /// Top-level keys; `jsonEvent` among them unless the operator says otherwise.
    pub keys: Vec<String>,
    /// New key, and the way to its value.
    pub extract: Vec<(String, KeyPath)>,
}

impl Default for Transience {
    fn default() -> Self {
        Self {
            keys: vec!["jsonEvent".to_owned()],
            extract: Vec::new(),
        }
    }
}

impl Transience {
    /// Takes the transient keys out and lifts the chosen fields; returns the dropped keys.
    ///
    /// A key that the caller named itself, here or elsewhere in the request, is never replaced by an extracted one; and what was lifted falls away
    /// where the request would be refused for it.
    pub fn apply(
        &self,
        document: &mut Document,
        limits: &Limits,
        named: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        if !self.keys.iter().any(|key| document.contains_key(key)) {
            return Vec::new();
        }
        let lifted: Vec<(String, Value)> = self
            .extract
            .iter()
            .filter(|(name, path)| {
                !document.contains_key(name)
                    && !named(name)
                    && path.0.first().is_some_and(|key| self.keys.contains(key))
            })
            .filter_map(|(name, path)| Some((name.clone(), lift(document, path)?)))
            .collect();
        let dropped: Vec<String> = self
            .keys
            .iter()
            .filter(|key| document.shift_remove(key.as_str()).is_some())
            .cloned()
            .collect();
        if !lifted.is_empty() {
            let mut room = limits.user_data.saturating_sub(length(document));
            for (name, value) in lifted {
                let alone = Document::from_iter([(name, value)]);
                let (size, mut faults) = (length(&alone), Vec::new());
                check_inside("", &alone, limits, &mut faults);
                if faults.is_empty() && size <= room && document.len() < limits.keys {
                    room -= size;
                    document.extend(alone);
                }
            }
        }
        dropped
    }
}

/// Follows a path; a transient value that is a text holding JSON is read as that JSON.
fn lift(document: &Document, path: &KeyPath) -> Option<Value> {
    if let Some(value) = path.find(document) {
        return Some(value.clone());
    }
    let (first, rest) = path.0.split_first()?;
    let inner = read(document.get(first)?.as_str()?).ok()?;
    KeyPath(rest.to_vec()).find(&inner).cloned()
}

/// One request to change UserData: attach and update set keys, delete removes them. All or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// Keys to set, journaled as attached.
    pub attach: Given,
    /// Keys to set, journaled as overwritten.
    pub update: Given,
    /// Keys to remove; an absent one too is no error.
    pub delete: Vec<String>,
}

impl Edit {
    /// Checks limits, and that no key is named by two of the three. How large the outcome may be depends on what is there.
    ///
    /// Returns roughly the bytes of memory that it takes.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with every fault.
    pub fn check(&self, limits: &Limits) -> Result<usize, Refusal> {
        let mut faults = Vec::new();
        let mut weight = size_of::<Self>();
        weight += check_inside("/attach", &self.attach.document, limits, &mut faults);
        weight += check_inside("/update", &self.update.document, limits, &mut faults);
        weight += self
            .delete
            .iter()
            .map(|key| size_of::<String>() + key.len())
            .sum::<usize>();
        if self.delete.len() > limits.keys {
            faults.push(Fault::at(
                "/delete",
                format!("names more than {} keys", limits.keys),
            ));
        }
        for (index, key) in self.delete.iter().enumerate().take(limits.keys) {
            super::limits::check_text(&format!("/delete/{index}"), key, limits.key, &mut faults);
            if self.attach.document.contains_key(key) || self.update.document.contains_key(key) {
                faults.push(Fault::at(
                    format!("/delete/{index}"),
                    "is a key that the same request sets",
                ));
            }
        }
        for key in self
            .update
            .document
            .keys()
            .filter(|key| self.attach.document.contains_key(*key))
        {
            faults.push(Fault::at(
                format!("/update/{}", escape_pointer(key)),
                "is a key that the same request attaches",
            ));
        }
        if faults.is_empty() {
            Ok(weight)
        } else {
            Err(Refusal::Invalid(faults))
        }
    }

    /// Applies the edit and returns the values that it replaced or removed.
    pub fn apply(&self, document: &mut Document) -> Document {
        let mut previous = Document::new();
        for (key, value) in self.attach.document.iter().chain(&self.update.document) {
            if let Some(old) = document.insert(key.clone(), value.clone()) {
                previous.insert(key.clone(), old);
            }
        }
        for key in &self.delete {
            if let Some(old) = document.shift_remove(key) {
                previous.insert(key.clone(), old);
            }
        }
        previous
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn given(text: &str) -> Result<Given, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_given_twice_in_an_object_is_refused_with_its_pointer() {
        let error = given(r#"{"a": [0, {"b/c": 1, "b/c": 2}]}"#).unwrap_err();
        assert!(error.contains("\u{1}/a/1/b~1c\u{1}"), "{error}");
        assert!(given(r#"{"a": 1, "b": {"a": 1}}"#).is_ok());
    }

    #[test]
    fn of_a_key_repeated_in_a_pair_list_the_last_wins_and_is_named() {
        let found = given(
            r#"[{"key": "a", "type": "str", "value": "1"}, {"key": "l", "type": "kvlist", "value": [{"key": "x", "type": "int", "value": 1}]}, {"key": "a", "type": "interger", "value": 2}]"#,
        )
        .unwrap();
        assert_eq!(
            Value::Object(found.document),
            json!({"a": 2, "l": {"x": 1}})
        );
        assert_eq!(found.repeated, ["a"]);
    }

    #[test]
    fn transient_keys_leave_and_extraction_lifts_fields_first() {
        let rules = Transience {
            extract: vec![("page_url".into(), KeyPath::parse("jsonEvent.data.url"))],
            ..Transience::default()
        };
        let mut document = given(r#"{"jsonEvent": {"data": {"url": "/p"}}, "rule": "r"}"#)
            .unwrap()
            .document;
        assert_eq!(
            rules.apply(&mut document, &Limits::default(), |_| false),
            ["jsonEvent"]
        );
        assert_eq!(
            Value::Object(document),
            json!({"rule": "r", "page_url": "/p"})
        );
    }

    #[test]
    fn no_key_means_more_than_itself() {
        let text = r#"{"a":{"$serde_json::private::RawValue":"[1]"},"b":{"$serde_json::private::RawValue":5},"c":{"$serde_json::private::Number":"7"}}"#;
        assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        assert!(read("[]").is_err());
        assert!(read("{} {}").is_err());
    }

    #[test]
    fn a_path_escapes_its_dots() {
        let path = KeyPath::parse(r"Info.DispositionCode\.Key");
        assert_eq!(path.0, ["Info", "DispositionCode.Key"]);
        assert_eq!(path.to_string(), r"Info.DispositionCode\.Key");
    }

    #[test]
    fn what_is_too_deep_is_refused_with_its_place() {
        let mut value = json!(1);
        for _ in 0..70 {
            value = json!([value]);
        }
        let mut faults = Vec::new();
        let Value::Object(document) = json!({ "deep": value }) else {
            unreachable!()
        };
        check("/userData", &document, &Limits::default(), &mut faults);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].pointer.starts_with("/userData/deep/0/0"));
    }
}
