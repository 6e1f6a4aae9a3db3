//! `journal`.

use std::sync::{Arc, LazyLock};

use super::{Column, Statement, Table, int, reading, text, time};
use crate::domain::Moment;
use crate::domain::change::{Change, Kind};
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Dialect};

/// The journal. An entry about no interaction has an empty `interaction_id`: a distributed database
/// places the rows by it, and takes no NULL there.
pub struct Journal;

/// A journal entry; its cursor follows from its position.
pub struct Entry {
    /// Tenant.
    pub tenant: i64,
    /// When it happened.
    pub at: Moment,
    /// The kind.
    pub kind: Kind,
    /// The interaction.
    pub interaction_id: Option<String>,
    /// The contact.
    pub contact_id: Option<String>,
    /// The media type.
    pub media_type: Option<String>,
    /// The owner.
    pub owner_id: Option<String>,
    /// The web action.
    pub action_id: Option<String>,
    /// The actor.
    pub actor: Arc<str>,
    /// The delta as JSON text; empty if it follows from the interaction and its later entries.
    pub delta: String,
    /// What it replaced, where the delta does not tell; see [`crate::store::undo`].
    pub before: Option<String>,
}

impl Entry {
    /// An entry that names no subject yet.
    pub fn new(tenant: i64, at: Moment, kind: Kind, actor: &Arc<str>, delta: String) -> Self {
        Self {
            tenant,
            at,
            kind,
            interaction_id: None,
            contact_id: None,
            media_type: None,
            owner_id: None,
            action_id: None,
            actor: Arc::clone(actor),
            delta,
            before: None,
        }
    }

    /// The entry, about a contact.
    pub fn of_contact(mut self, id: &str) -> Self {
        self.contact_id = Some(id.to_owned());
        self
    }

    /// The entry, about a web action.
    pub fn of_web_action(mut self, id: &str, media_type: Option<&str>) -> Self {
        self.action_id = Some(id.to_owned());
        self.media_type = media_type.map(str::to_owned);
        self
    }
}

impl Table for Journal {
    type Row<'r> = (i64, &'r Entry);
    const NAME: &'static str = "journal";
    const KEY: &'static [&'static str] = &["cursor"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("cursor", |(cursor, _)| (*cursor).into()),
        int("tenant_id", |(_, entry)| entry.tenant.into()),
        time("at", |(_, entry)| entry.at.into()),
        text("kind", |(_, entry)| entry.kind.name().into()),
        text("interaction_id", |(_, entry)| {
            entry.interaction_id.as_deref().unwrap_or_default().into()
        }),
        text("contact_id", |(_, entry)| {
            entry.contact_id.as_deref().into()
        }),
        text("media_type", |(_, entry)| {
            entry.media_type.as_deref().into()
        }),
        text("owner_id", |(_, entry)| entry.owner_id.as_deref().into()),
        text("action_id", |(_, entry)| entry.action_id.as_deref().into()),
        text("actor", |(_, entry)| Arg::Shared(Arc::clone(&entry.actor))),
        text("delta", |(_, entry)| entry.delta.as_str().into()),
        text("before", |(_, entry)| entry.before.as_deref().into()),
    ];
}

/// New entries.
pub static NEW: LazyLock<Statement<Journal>> = LazyLock::new(Statement::insert);
/// The deltas of entries, by cursor.
pub static DELTAS: LazyLock<Statement<Journal>> =
    LazyLock::new(|| Statement::update_of(&["delta"]));

reading! {
    /// Reads an entry.
    Journal, CHANGE, change -> Change:
    cursor int, at time, kind text, interaction_id text, contact_id maybe_text,
    media_type maybe_text, owner_id maybe_text, action_id maybe_text, actor text, delta text;
    Change {
        cursor,
        at,
        kind,
        interaction_id: (!interaction_id.is_empty()).then_some(interaction_id),
        contact_id,
        media_type,
        owner_id,
        action_id,
        actor,
        delta,
    }
}
