//! Tokens, and what is kept for callers and clients for a while.

use crate::domain::client::CHOICE_KEPT;
use crate::domain::command::{NewToken, Outcome};
use crate::domain::{Moment, Refusal};
use crate::store::dialect::{Conn, Dialect};
use crate::store::tables::client::CURSORS;
use crate::store::tables::token;
use crate::store::{StoreError, bulk};

/// Creates an access token.
pub(super) async fn create_token<D: Dialect>(
    conn: &mut Conn<D>,
    token: &NewToken,
    at: Moment,
) -> Result<Outcome, StoreError> {
    let mut row = token::NEW.batch(1);
    row.push(&(token, at));
    row.write::<D>(conn).await?;
    Ok(Outcome::Done)
}

/// Revokes an access token.
pub(super) async fn revoke_token<D: Dialect>(
    conn: &mut Conn<D>,
    id: &str,
) -> Result<Outcome, StoreError> {
    let sql = "DELETE FROM api_token WHERE id = $1";
    if D::execute(conn, sql.into(), vec![id.into()]).await? == 0 {
        return Err(Refusal::NotFound("token", id.to_owned()).into());
    }
    Ok(Outcome::Done)
}

/// Deletes the replies stored before a moment.
pub(super) async fn forget_replies<D: Dialect>(
    conn: &mut Conn<D>,
    before: Moment,
) -> Result<Outcome, StoreError> {
    let sql = "DELETE FROM kept_reply WHERE created_date < $1";
    D::execute(conn, sql.into(), vec![before.into()]).await?;
    Ok(Outcome::Done)
}

/// Stores which cursors sessions have received.
pub(super) async fn keep_cursors<D: Dialect>(
    conn: &mut Conn<D>,
    all: &[(String, i64)],
    at: Moment,
) -> Result<Outcome, StoreError> {
    let rows = all
        .iter()
        .flat_map(|(id, cursor)| [id.as_str().into(), (*cursor).into(), at.into()])
        .collect();
    bulk::run::<D>(conn, &CURSORS, rows).await?;
    Ok(Outcome::Done)
}

/// Deletes sessions last seen before a moment, and answers given before it. Choices are kept longer.
pub(super) async fn forget_clients<D: Dialect>(
    conn: &mut Conn<D>,
    before: Moment,
) -> Result<Outcome, StoreError> {
    for (sql, before) in [
        ("DELETE FROM client_session WHERE seen_date < $1", before),
        ("DELETE FROM client_answer WHERE created_date < $1", before),
        (
            "DELETE FROM client_spelling WHERE chosen_date < $1",
            before.plus_micros(-CHOICE_KEPT),
        ),
    ] {
        D::execute(conn, sql.into(), vec![before.into()]).await?;
    }
    Ok(Outcome::Done)
}
