//! Clients that are told of changes: their sessions, and answers to their questions.

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect, RowOf};
use crate::domain::client::{Answer, ClientSession};

/// Answers read at once; one may have some megabytes.
const MOST_ANSWERS: i64 = 8;

const SESSION: &str =
    "SELECT id, tenant_id, user_name, subscriptions, cursor, holder FROM client_session";

fn session<D: Dialect>(row: &RowOf<D>) -> Result<ClientSession, StoreError> {
    let mut row = Columns::<D>::of(row);
    Ok(ClientSession {
        id: row.text()?,
        tenant_id: row.int()?,
        user: row.text()?,
        subscriptions: serde_json::from_str(&row.text()?)
            .map_err(|_| StoreError::inconsistent("client_session", "subscriptions"))?,
        cursor: row.int()?,
        holder: row.text()?,
    })
}

/// Sessions by their identifiers; those that are not known are left out.
pub async fn sessions<D: Dialect>(
    conn: &mut Conn<D>,
    ids: Vec<String>,
) -> Result<Vec<ClientSession>, StoreError> {
    let sql = format!("{SESSION} WHERE id IN {}", D::any_of(1));
    let rows = D::fetch(conn, sql.into(), vec![Arg::Texts(ids)]).await?;
    rows.iter().map(session::<D>).collect()
}

/// What happened beside the journal, by numbers of its counter.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Sessions that changed, as they are now.
    pub sessions: Vec<ClientSession>,
    /// Answers, each with its number.
    pub answers: Vec<(i64, Answer)>,
    /// Whether there may be more answers in the range.
    pub more: bool,
}

/// What happened beside the journal after one cursor, up to another; `user` narrows the answers.
///
/// Sessions are given as they are now, also those that changed after the range: the number of a row's last change hides those before it.
pub async fn news<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    (after, until): (i64, i64),
    user: Option<&str>,
) -> Result<News, StoreError> {
    let range = vec![tenant.into(), after.into(), until.into()];
    let mut news = News::default();
    if user.is_none() {
        let sql = format!("{SESSION} WHERE tenant_id = $1 AND changed > $2");
        let rows = D::fetch(conn, sql.into(), range[..2].to_vec()).await?;
        news.sessions = rows.iter().map(session::<D>).collect::<Result<_, _>>()?;
    }
    let mut args = range;
    let mut sql = "SELECT cursor, user_name, channel, reference_id, data FROM client_answer \
                   WHERE tenant_id = $1 AND cursor > $2 AND cursor <= $3"
        .to_owned();
    if let Some(user) = user {
        args.push(user.into());
        sql += " AND user_name = $4";
    }
    args.push(MOST_ANSWERS.into());
    sql += &format!(" ORDER BY cursor LIMIT +${}", args.len());
    for row in D::fetch(conn, sql.into(), args).await? {
        let mut row = Columns::<D>::of(&row);
        let cursor = row.int()?;
        news.answers.push((
            cursor,
            Answer {
                user: row.text()?,
                channel: row.text()?,
                reference_id: row.int()?,
                data: row.text()?,
                as_of: cursor,
            },
        ));
    }
    news.more = i64::try_from(news.answers.len()).is_ok_and(|count| count == MOST_ANSWERS);
    Ok(news)
}
