//! `contact` and `contact_attribute`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, bytes, int, kept, reading, text, time};
use crate::domain::contact::{Attributes, Contact};
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Dialect};

/// The contacts.
pub struct Contacts;

/// A row of [`Contacts`].
pub struct ContactRow<'r> {
    /// The contact.
    pub of: &'r Contact,
    /// The fingerprint of the request that created it.
    pub fingerprint: &'r [u8],
}

impl Table for Contacts {
    type Row<'r> = ContactRow<'r>;
    const NAME: &'static str = "contact";
    const KEY: &'static [&'static str] = &["id", "tenant_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("id", |row| row.of.id.as_str().into()),
        int("tenant_id", |row| row.of.tenant_id.into()),
        // a merge sets it alone
        kept(text("merged_into", |row| {
            row.of.merged_into.as_deref().into()
        })),
        kept(time("created_date", |row| row.of.created_date.into())),
        time("modified_date", |row| row.of.modified_date.into()),
        int("revision", |row| row.of.revision.into()),
        kept(bytes("fingerprint", |row| {
            Arg::Bytes(row.fingerprint.to_vec())
        })),
    ];
}

/// Contacts that are new or whose attributes changed.
pub static CONTACTS: LazyLock<Statement<Contacts>> = LazyLock::new(Statement::upsert);

/// Contacts that were merged, or whose merge was undone.
pub static MERGED: LazyLock<Statement<Contacts>> =
    LazyLock::new(|| Statement::update_of(&["merged_into", "modified_date", "revision"]));

/// Contacts that interactions no longer belong to.
pub struct FormerContacts;

/// A row of [`FormerContacts`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Former {
    /// The interaction.
    pub interaction: String,
    /// Tenant.
    pub tenant: i64,
    /// The contact that it belonged to.
    pub contact: String,
}

impl Table for FormerContacts {
    type Row<'r> = Former;
    const NAME: &'static str = "former_contact";
    const KEY: &'static [&'static str] = &["interaction_id", "tenant_id", "contact_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("interaction_id", |row| row.interaction.as_str().into()),
        int("tenant_id", |row| row.tenant.into()),
        text("contact_id", |row| row.contact.as_str().into()),
    ];
}

/// Contacts that interactions no longer belong to; an interaction may leave one again.
pub static FORMER: LazyLock<Statement<FormerContacts>> = LazyLock::new(Statement::insert_new);

reading! {
    /// Reads a contact without its attributes.
    Contacts, CONTACT, contact -> Contact:
    id text, tenant_id int, merged_into maybe_text, created_date time, modified_date time,
    revision int;
    Contact {
        id,
        tenant_id,
        merged_into,
        created_date,
        modified_date,
        revision,
        attributes: Attributes::new(),
    }
}

/// The attributes of contacts, a row for each value.
pub struct ContactAttributes;

/// A row of [`ContactAttributes`].
pub struct AttributeRow<'r> {
    /// The contact.
    pub of: &'r Contact,
    /// The attribute.
    pub name: &'r str,
    /// The index of the value; the primary value is the first.
    pub position: usize,
    /// The value.
    pub value: &'r str,
    /// The value in the form that identifies a contact; empty if it does not.
    pub folded: String,
}

impl Table for ContactAttributes {
    type Row<'r> = AttributeRow<'r>;
    const NAME: &'static str = "contact_attribute";
    const KEY: &'static [&'static str] = &["contact_id", "tenant_id", "name", "position"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("contact_id", |row| row.of.id.as_str().into()),
        int("tenant_id", |row| row.of.tenant_id.into()),
        text("name", |row| row.name.into()),
        int("position", |row| {
            i64::try_from(row.position).unwrap_or(i64::MAX).into()
        }),
        text("value", |row| row.value.into()),
        text("folded", |row| row.folded.as_str().into()),
    ];
}

/// New attributes.
pub static ATTRIBUTES: LazyLock<Statement<ContactAttributes>> = LazyLock::new(Statement::insert);
/// The folded values of attributes.
pub static FOLDED: LazyLock<Statement<ContactAttributes>> =
    LazyLock::new(|| Statement::update_of(&["folded"]));
