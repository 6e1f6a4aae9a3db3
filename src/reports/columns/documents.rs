//! JSON objects as columns: one for each of the most frequent keys, and one for the rest.
//!
//! The values of a key are the JSON texts of its values, and null where an object lacks the key. So
//! the text `"7"` and the number `7` stay different, and a value that is null is told from one that
//! is missing.

use std::borrow::Cow;
use std::collections::HashMap;

use arrow::array::{Array, StringArray, StringBuilder};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What precedes the key in the name of its column.
pub const KEY: char = '.';
/// The column of what has no column of its own, as JSON objects.
pub const REST: &str = "rest";
/// Columns of keys in a part.
pub const MOST_KEYS: usize = 200;
/// Different keys that are counted. Whoever invents a new key each time must not fill the memory.
const MOST_COUNTED: usize = 10_000;

/// The name of the column of a key.
pub fn column_of(key: &str) -> String {
    format!("{KEY}{key}")
}

/// The key whose column has this name.
pub fn key_of(column: &str) -> Option<&str> {
    column.strip_prefix(KEY)
}

/// The members of a JSON object: keys, and values as JSON text.
struct Members<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Of)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

/// The members of a JSON object; none if the text is something else.
pub fn members(json: &str) -> Vec<(Cow<'_, str>, &RawValue)> {
    serde_json::from_str(json).map_or_else(|_| Vec::new(), |Members(members)| members)
}

/// The value of a key in a JSON object, as JSON text.
pub fn value<'j>(json: &'j str, key: &str) -> Option<&'j str> {
    let mut members = members(json).into_iter();
    members
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.get())
}

/// Counts the keys of objects, and chooses those that get a column.
#[derive(Default)]
pub struct Census(HashMap<String, u64>);

impl Census {
    /// Counts a key of an object that stands for some objects.
    pub fn count(&mut self, key: &str, objects: u64) {
        if let Some(count) = self.0.get_mut(key) {
            *count += objects;
        } else if self.0.len() < MOST_COUNTED {
            self.0.insert(key.to_owned(), objects);
        }
    }

    /// The most frequent keys, in the order of their names.
    pub fn chosen(self) -> Vec<String> {
        let mut all: Vec<(String, u64)> = self.0.into_iter().collect();
        all.sort_unstable_by(|(a, x), (b, y)| y.cmp(x).then_with(|| a.cmp(b)));
        all.truncate(MOST_KEYS);
        let mut keys: Vec<String> = all.into_iter().map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    }
}

/// The columns of some objects: their names and values.
pub fn columns(objects: &[&str]) -> Vec<(String, StringArray)> {
    let mut census = Census::default();
    for object in objects {
        for (key, _) in members(object) {
            census.count(&key, 1);
        }
    }
    let mut sheet = Sheet::of(census.chosen());
    for object in objects {
        let members = members(object);
        sheet.push(members.iter().map(|(key, value)| (&**key, value.get())));
    }
    sheet.finish()
}

/// Columns that are being filled.
struct Sheet {
    keys: Vec<String>,
    places: HashMap<String, usize>,
    /// The values of each key, and how many objects they cover.
    columns: Vec<(StringBuilder, usize)>,
    rest: StringBuilder,
    objects: usize,
}

impl Sheet {
    fn of(keys: Vec<String>) -> Self {
        let places = keys.iter().cloned().zip(0..).collect();
        let columns = keys.iter().map(|_| (StringBuilder::new(), 0)).collect();
        Self {
            keys,
            places,
            columns,
            rest: StringBuilder::new(),
            objects: 0,
        }
    }

    fn push<'m>(&mut self, members: impl Iterator<Item = (&'m str, &'m str)>) {
        let mut rest = String::new();
        for (key, value) in members {
            if let Some(place) = self.places.get(key) {
                let (column, covered) = &mut self.columns[*place];
                column.append_nulls(self.objects - *covered);
                column.append_value(value);
                *covered = self.objects + 1;
            } else {
                add_member(&mut rest, key, value);
            }
        }
        if rest.is_empty() {
            self.rest.append_null();
        } else {
            rest.push('}');
            self.rest.append_value(&rest);
        }
        self.objects += 1;
    }

    fn finish(mut self) -> Vec<(String, StringArray)> {
        let objects = self.objects;
        let mut columns: Vec<(String, StringArray)> = self
            .keys
            .iter()
            .zip(self.columns)
            .map(|(key, (mut column, covered))| {
                column.append_nulls(objects - covered);
                (column_of(key), column.finish())
            })
            .collect();
        columns.push((REST.to_owned(), self.rest.finish()));
        columns
    }
}

/// Adds a member to an object that is being written, without the brace at its end.
fn add_member(object: &mut String, key: &str, value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    *object += &serde_json::Value::from(key).to_string();
    object.push(':');
    *object += value;
}

/// The columns of some keys, and of the rest, from columns of other keys.
pub fn rearranged(
    objects: usize,
    from: &[(&str, &StringArray)],
    rest: &StringArray,
    keys: &[String],
) -> Vec<(String, StringArray)> {
    let kept = |key: &str| {
        keys.binary_search_by(|known| known.as_str().cmp(key))
            .is_ok()
    };
    let stays = rest.null_count() == objects && from.iter().all(|(key, _)| kept(key));
    if stays {
        let known: HashMap<&str, &StringArray> = from.iter().copied().collect();
        let mut columns: Vec<(String, StringArray)> = keys
            .iter()
            .map(|key| {
                let array = known
                    .get(key.as_str())
                    .map_or_else(|| StringArray::new_null(objects), |array| (*array).clone());
                (column_of(key), array)
            })
            .collect();
        columns.push((REST.to_owned(), rest.clone()));
        return columns;
    }
    let mut sheet = Sheet::of(keys.to_vec());
    for row in 0..objects {
        let own = from
            .iter()
            .filter(|(_, array)| array.is_valid(row))
            .map(|(key, array)| (*key, array.value(row)));
        let others = if rest.is_valid(row) {
            members(rest.value(row))
        } else {
            Vec::new()
        };
        let others = others.iter().map(|(key, value)| (&**key, value.get()));
        sheet.push(own.chain(others));
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(columns: &[(String, StringArray)], row: usize) -> String {
        let mut object = String::new();
        for (name, array) in columns {
            if array.is_null(row) {
                continue;
            }
            match key_of(name) {
                Some(key) => add_member(&mut object, key, array.value(row)),
                None => {
                    for (key, value) in members(array.value(row)) {
                        add_member(&mut object, &key, value.get());
                    }
                }
            }
        }
        object.push('}');
        object
    }

    #[test]
    fn frequent_keys_get_columns_and_nothing_is_lost() {
        let frequent: String = (0..MOST_KEYS)
            .map(|n| format!(",\"k{n:03}\":{n}"))
            .collect();
        let objects = [
            format!("{{\"a\\\"b\":\"7\",\"n\":null{frequent}}}"),
            format!("{{\"n\":7{frequent}}}"),
            "{}".to_owned(),
            "{\"rare\":{\"x\":[1,2]}}".to_owned(),
        ];
        let texts: Vec<&str> = objects.iter().map(String::as_str).collect();
        let columns = columns(&texts);
        assert_eq!(columns.len(), MOST_KEYS + 1);
        for (row, text) in texts.iter().enumerate() {
            let mut expected: Vec<_> = members(text)
                .iter()
                .map(|(k, v)| (k.to_string(), v.get().to_owned()))
                .collect();
            let back = object(&columns, row);
            let mut got: Vec<_> = members(&back)
                .iter()
                .map(|(k, v)| (k.to_string(), v.get().to_owned()))
                .collect();
            expected.sort();
            got.sort();
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn rearranging_keeps_every_value() {
        let texts = ["{\"a\":1,\"b\":\"x\"}", "{\"b\":null}", "{\"c\":{}}"];
        let first = columns(&texts);
        let from: Vec<(&str, &StringArray)> = first
            .iter()
            .filter_map(|(name, array)| Some((key_of(name)?, array)))
            .collect();
        let rest = &first.last().unwrap().1;
        let keys = ["b".to_owned(), "d".to_owned()];
        let second = rearranged(3, &from, rest, &keys);
        assert_eq!(second[0].0, ".b");
        assert_eq!(object(&second, 0), "{\"b\":\"x\",\"a\":1}");
        assert_eq!(object(&second, 1), "{\"b\":null}");
        assert_eq!(object(&second, 2), "{\"c\":{}}");
        let from: Vec<(&str, &StringArray)> = second
            .iter()
            .filter_map(|(name, array)| Some((key_of(name)?, array)))
            .collect();
        let third = rearranged(
            3,
            &from,
            &second.last().unwrap().1,
            &["a".to_owned(), "c".to_owned()],
        );
        assert_eq!(object(&third, 0), "{\"a\":1,\"b\":\"x\"}");
        assert_eq!(object(&third, 2), "{\"c\":{}}");
    }
}
