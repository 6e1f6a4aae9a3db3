//! `kept_reply`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, bytes, int, reading, text, time};
use crate::domain::Moment;
use crate::domain::command::Reply;
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Dialect};

/// The replies to repeatable requests.
pub struct Replies;

/// A row of [`Replies`].
pub struct ReplyRow<'r> {
    /// Tenant.
    pub tenant: i64,
    /// The path of the request.
    pub path: &'r str,
    /// Its key.
    pub key: &'r str,
    /// The fingerprint of its body.
    pub fingerprint: &'r [u8],
    /// The reply.
    pub reply: &'r Reply,
    /// The interaction that it is about.
    pub interaction_id: Option<&'r str>,
    /// The contact that it is about.
    pub contact_id: Option<&'r str>,
    /// When it was given.
    pub at: Moment,
}

impl Table for Replies {
    type Row<'r> = ReplyRow<'r>;
    const NAME: &'static str = "kept_reply";
    const KEY: &'static [&'static str] = &["tenant_id", "path", "key"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("tenant_id", |row| row.tenant.into()),
        text("path", |row| row.path.into()),
        text("key", |row| row.key.into()),
        bytes("fingerprint", |row| Arg::Bytes(row.fingerprint.to_vec())),
        int("status", |row| i64::from(row.reply.status).into()),
        text("body", |row| row.reply.body.as_str().into()),
        text("interaction_id", |row| row.interaction_id.into()),
        text("contact_id", |row| row.contact_id.into()),
        time("created_date", |row| row.at.into()),
    ];
}

/// Replies; an earlier one of the same request, which is no longer valid, is overwritten.
pub static REPLIES: LazyLock<Statement<Replies>> = LazyLock::new(Statement::upsert);

reading! {
    /// Reads the fingerprint of a request and the reply to it.
    Replies, REPLY, reply -> (Vec<u8>, Reply):
    fingerprint bytes, status int, body text;
    {
        let status = u16::try_from(status)
            .map_err(|_| StoreError::inconsistent("kept_reply", "status"))?;
        (fingerprint, Reply { status, body })
    }
}
