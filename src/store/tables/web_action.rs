//! `web_action`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, bytes, flag, int, kept, reading, text, time};
use crate::domain::web_action::{Recorded, State, WebAction};
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Dialect};

/// The events of web actions.
pub struct WebActions;

/// A row of [`WebActions`].
pub struct EventRow<'r> {
    /// The cursor of the entry that recorded it.
    pub seq: i64,
    /// Tenant.
    pub tenant: i64,
    /// The event.
    pub of: &'r WebAction,
    /// All its fields as JSON text.
    pub event: &'r str,
    /// Whether a copy contradicted it.
    pub contradicted: bool,
    /// The fingerprint of the event as given.
    pub fingerprint: &'r [u8],
}

impl Table for WebActions {
    type Row<'r> = EventRow<'r>;
    const NAME: &'static str = "web_action";
    const KEY: &'static [&'static str] = &["seq"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("seq", |row| row.seq.into()),
        kept(int("tenant_id", |row| row.tenant.into())),
        kept(text("action_id", |row| row.of.action_id.as_str().into())),
        kept(text("state", |row| row.of.state.name().into())),
        text("media_type", |row| row.of.media_type.as_deref().into()),
        text("map_id", |row| row.of.map_id.as_deref().into()),
        int("map_version", |row| Arg::Int(row.of.map_version)),
        text("customer_id", |row| row.of.customer_id.as_deref().into()),
        text("session_id", |row| row.of.session_id.as_deref().into()),
        text("reference", |row| row.of.reference.as_deref().into()),
        text("conversation_id", |row| {
            row.of.conversation_id.as_deref().into()
        }),
        text("error_code", |row| row.of.error_code.as_deref().into()),
        time("event_date", |row| Arg::Time(row.of.event_date)),
        text("event", |row| row.event.into()),
        int("contradicted", |row| flag(row.contradicted)),
        bytes("fingerprint", |row| Arg::Bytes(row.fingerprint.to_vec())),
    ];
}

/// New events.
pub static NEW: LazyLock<Statement<WebActions>> = LazyLock::new(Statement::insert);
/// Events that a copy enriched.
pub static ENRICHED: LazyLock<Statement<WebActions>> = LazyLock::new(Statement::update);
/// Events that a copy contradicted, by place.
pub static CONTRADICTED: LazyLock<Statement<WebActions>> =
    LazyLock::new(|| Statement::update_and(&[], "contradicted = 1"));
/// Events without some of their fields.
pub static EVENTS: LazyLock<Statement<WebActions>> =
    LazyLock::new(|| Statement::update_of(&["event"]));
/// Events without personal data: event, visitor and error code.
pub static REDACTED: LazyLock<Statement<WebActions>> = LazyLock::new(|| {
    let set = ["event", "customer_id", "error_code"];
    Statement::update_and(&set, "fingerprint = ''")
});

/// The state with a stored name.
pub fn state(name: &str) -> Result<State, StoreError> {
    State::of_name(name).ok_or_else(|| StoreError::inconsistent("web_action", "state"))
}

reading! {
    /// Reads an event.
    WebActions, RECORDED, recorded -> Recorded:
    seq int, action_id text, state text, media_type maybe_text, session_id maybe_text,
    reference maybe_text, conversation_id maybe_text, event_date time, contradicted int,
    event text;
    Recorded {
        seq,
        action_id,
        state: self::state(&state)?,
        media_type,
        session_id,
        reference,
        conversation_id,
        event_date,
        contradicted: contradicted != 0,
        event,
    }
}
