//! `indexed_attribute`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, flag, int, text};
use crate::domain::filter::IndexedAttribute;

/// The declared attributes.
pub struct IndexedAttributes;

impl Table for IndexedAttributes {
    /// The attribute, and whether its index is ready.
    type Row<'r> = (IndexedAttribute, bool);
    const NAME: &'static str = "indexed_attribute";
    const KEY: &'static [&'static str] = &["name"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("name", |(attribute, _)| attribute.name().into()),
        int("ready", |(_, ready)| flag(*ready)),
    ];
}

/// Declared attributes. One that was declared before stays as it is.
pub static DECLARED: LazyLock<Statement<IndexedAttributes>> = LazyLock::new(Statement::insert_new);
