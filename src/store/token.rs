//! Stored access tokens: never the token itself, only its hash.

use super::StoreError;
use super::dialect::{Columns, Conn, Dialect};
pub use super::tables::token::Token;
use super::tables::token::{TOKEN, token};

/// All tokens, oldest first.
pub async fn all<D: Dialect>(conn: &mut Conn<D>) -> Result<Vec<Token>, StoreError> {
    let sql = format!(
        "SELECT {} FROM api_token ORDER BY created_date, id",
        TOKEN.join(", ")
    );
    let rows = D::fetch(conn, sql.into(), Vec::new()).await?;
    rows.iter()
        .map(|row| token::<D>(&mut Columns::<D>::of(row)))
        .collect()
}
