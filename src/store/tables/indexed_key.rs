//! `indexed_key`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, flag, int, text};

/// The declared keys.
pub struct IndexedKeys;

impl Table for IndexedKeys {
    /// The key, and whether its index is filled.
    type Row<'r> = (String, bool);
    const NAME: &'static str = "indexed_key";
    const KEY: &'static [&'static str] = &["key"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("key", |(key, _)| key.as_str().into()),
        int("ready", |(_, ready)| flag(*ready)),
    ];
}

/// Declared keys. One that was declared before stays as it is.
pub static DECLARED: LazyLock<Statement<IndexedKeys>> = LazyLock::new(Statement::insert_new);
