//! Encodes a row as a line: `{"contact": {"id": …}}`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::domain::Moment;
use crate::domain::archive::{Cell, Column, Kind, Row, Type};

/// The archive's name for a column: `tenant_id` becomes `tenantId`.
fn member(column: &Column) -> String {
    let mut out = String::with_capacity(column.name.len());
    let mut upper = false;
    for c in column.name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.push(c.to_ascii_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// Writes a row. JSON columns are written verbatim, and nulls are left out.
pub fn write(row: &Row) -> String {
    let mut out = format!("{{\"{}\":{{", row.kind.name());
    let mut first = true;
    for (column, cell) in row.kind.columns().iter().zip(&row.cells) {
        let value = match (cell, column.kind) {
            (Cell::Null, _) => continue,
            (Cell::Text(json), Type::Json) => json.clone(),
            (Cell::Text(text), _) => serde_json::Value::from(text.as_str()).to_string(),
            (Cell::Int(number), _) => number.to_string(),
            (Cell::Time(at), _) => format!("\"{at}\""),
            (Cell::Bytes(bytes), _) => format!("\"{}\"", hex::encode(bytes)),
        };
        if !first {
            out.push(',');
        }
        first = false;
        out.push_str(&format!("\"{}\":{value}", member(column)));
    }
    out.push_str("}}");
    out
}

/// Parses the single member of a line: its name and its value.
pub fn named(line: &str) -> Result<(String, Box<RawValue>), String> {
    let outer: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(line).map_err(|_| "is not one JSON object".to_owned())?;
    let mut members = outer.into_iter();
    match (members.next(), members.next()) {
        (Some(only), None) => Ok(only),
        _ => Err("is not an object with one member".to_owned()),
    }
}

/// Parses and checks the columns of a row. `head` is the newest cursor of its archive.
pub fn read(kind: Kind, json: &RawValue, head: i64) -> Result<Row, String> {
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(json.get())
        .map_err(|_| format!("has a {} that is no object", kind.name()))?;
    let mut cells = Vec::with_capacity(kind.columns().len());
    for column in kind.columns() {
        let name = member(column);
        let cell = match members.remove(&name) {
            None if column.required => return Err(format!("lacks {}.{name}", kind.name())),
            None => Cell::Null,
            Some(value) => {
                cell(column, &value).ok_or_else(|| format!("has a wrong {}.{name}", kind.name()))?
            }
        };
        cells.push(cell);
    }
    if let Some(other) = members.keys().next() {
        return Err(format!("has {}.{other}, which is not known", kind.name()));
    }
    let row = Row { kind, cells };
    row.check(head).map_err(|(name, what)| {
        let named = kind.columns().iter().find(|column| column.name == name);
        let name = named.map_or_else(|| name.to_owned(), member);
        format!("has a wrong {}.{name}: it {what}", kind.name())
    })?;
    Ok(row)
}

fn cell(column: &Column, value: &RawValue) -> Option<Cell> {
    let text = || serde_json::from_str::<String>(value.get()).ok();
    Some(match column.kind {
        Type::Text => Cell::Text(text()?),
        Type::Json => Cell::Text(value.get().to_owned()),
        Type::Int => Cell::Int(serde_json::from_str(value.get()).ok()?),
        Type::Time => Cell::Time(Moment::parse(&text()?).ok()?),
        Type::Bytes => Cell::Bytes(hex::decode(text()?).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_comes_back_as_it_was_written() {
        let row = Row {
            kind: Kind::Link,
            cells: vec![
                Cell::Text("chat \"1\"".into()),
                Cell::Int(1),
                Cell::Text("visit".into()),
                Cell::Null,
                Cell::Text("[\"a\", \"b\"]".into()),
                Cell::Text("parentId".into()),
                Cell::Time(Moment::from_micros(1_234_567).unwrap()),
            ],
        };
        let line = write(&row);
        let (name, value) = named(&line).unwrap();
        assert_eq!(name, "link");
        assert_eq!(read(Kind::Link, &value, 9), Ok(row));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let of = |line: &str| {
            let (name, value) = named(line)?;
            read(Kind::of_name(&name).unwrap(), &value, 9)
        };
        assert_eq!(of("[1]").unwrap_err(), "is not one JSON object");
        assert_eq!(
            of("{\"indexedKey\": {}}").unwrap_err(),
            "lacks indexedKey.key"
        );
        assert_eq!(
            of("{\"indexedKey\": {\"key\": 1}}").unwrap_err(),
            "has a wrong indexedKey.key"
        );
        assert_eq!(
            of("{\"indexedKey\": {\"key\": \"a\\u0000\"}}").unwrap_err(),
            "has a wrong indexedKey.key: it holds a NUL character"
        );
        assert!(
            of("{\"indexedKey\": {\"key\": \"a\", \"x\": 1}}")
                .unwrap_err()
                .contains("indexedKey.x")
        );
    }
}
