//! Stored access tokens: never the token itself, only its hash.

use super::StoreError;
use super::dialect::{Columns, Conn, Dialect};
use crate::domain::Moment;

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

/// All tokens, oldest first.
pub async fn all<D: Dialect>(conn: &mut Conn<D>) -> Result<Vec<Token>, StoreError> {
    let sql = "SELECT id, tenant_id, name, hash, scopes, created_date FROM api_token ORDER BY created_date, id";
    let rows = D::fetch(conn, sql.into(), Vec::new()).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            Ok(Token {
                id: row.text()?,
                tenant: row.int()?,
                name: row.text()?,
                hash: row.bytes()?,
                scopes: row.text()?,
                created_date: row.time()?,
            })
        })
        .collect()
}
