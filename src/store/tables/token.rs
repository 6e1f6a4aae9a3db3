//! `api_token`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, bytes, int, reading, text, time};
use crate::domain::Moment;
use crate::domain::command::NewToken;
use crate::store::StoreError;
use crate::store::dialect::{Arg, Columns, Dialect};

/// The access tokens.
pub struct Tokens;

/// A token's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The public part.
    pub id: String,
    /// The tenant it is bound to.
    pub tenant: i64,
    /// A display name, which is also the actor in the journal.
    pub name: String,
    /// SHA-256 of the token.
    pub hash: Vec<u8>,
    /// `read`, `publish`, `write`, `admin`, separated by blanks.
    pub scopes: String,
    /// When it was created.
    pub created_date: Moment,
}

impl Table for Tokens {
    type Row<'r> = (&'r NewToken, Moment);
    const NAME: &'static str = "api_token";
    const KEY: &'static [&'static str] = &["id"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("id", |(token, _)| token.id.as_str().into()),
        int("tenant_id", |(token, _)| token.tenant.into()),
        text("name", |(token, _)| token.name.as_str().into()),
        bytes("hash", |(token, _)| Arg::Bytes(token.hash.clone())),
        text("scopes", |(token, _)| token.scopes.as_str().into()),
        time("created_date", |(_, at)| (*at).into()),
    ];
}

/// New tokens.
pub static NEW: LazyLock<Statement<Tokens>> = LazyLock::new(Statement::insert);

reading! {
    /// Reads a token.
    Tokens, TOKEN, token -> Token:
    id text, tenant_id int, name text, hash bytes, scopes text, created_date time;
    Token {
        id,
        tenant: tenant_id,
        name,
        hash,
        scopes,
        created_date,
    }
}
