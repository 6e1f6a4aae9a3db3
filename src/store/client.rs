//! Clients that are notified of changes: their sessions, their chosen spellings, and answers to
//! their questions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect};
use super::tables::client::{ANSWER, CHOICE, SESSION, answer, choice, session};
use crate::domain::client::{Answer, Choice, ClientSession};

/// Answers per read; one may have several megabytes.
const MOST_ANSWERS: i64 = 8;

fn select_sessions() -> String {
    format!("SELECT {} FROM client_session", SESSION.join(", "))
}

/// Sessions by their identifiers; unknown ones are left out.
pub async fn sessions<D: Dialect>(
    conn: &mut Conn<D>,
    ids: Vec<String>,
) -> Result<Vec<ClientSession>, StoreError> {
    let sql = format!("{} WHERE id IN {}", select_sessions(), D::any_of(1));
    with_choices::<D>(conn, sql, vec![Arg::Texts(ids)]).await
}

/// The sessions of users, except ended ones.
pub async fn sessions_of<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    users: Vec<String>,
) -> Result<Vec<ClientSession>, StoreError> {
    let sql = format!(
        "{} WHERE tenant_id = $1 AND user_name IN {} AND holder <> ''",
        select_sessions(),
        D::any_of(2)
    );
    with_choices::<D>(conn, sql, vec![tenant.into(), Arg::Texts(users)]).await
}

/// The sessions that a statement selects, each with the choices that apply to it.
async fn with_choices<D: Dialect>(
    conn: &mut Conn<D>,
    sql: String,
    args: Vec<Arg>,
) -> Result<Vec<ClientSession>, StoreError> {
    let rows = D::fetch(conn, sql.into(), args).await?;
    let mut sessions: Vec<ClientSession> = rows
        .iter()
        .map(|row| session::<D>(&mut Columns::<D>::of(row)))
        .collect::<Result<_, _>>()?;
    let mut tenants: BTreeMap<i64, BTreeSet<&str>> = BTreeMap::new();
    for session in &sessions {
        tenants
            .entry(session.tenant_id)
            .or_default()
            .insert(&session.user);
    }
    let mut found = HashMap::new();
    for (tenant, users) in tenants {
        let users = users.into_iter().map(str::to_owned).collect();
        for (user, choice) in choices::<D>(conn, tenant, users).await? {
            found
                .entry((tenant, user))
                .or_insert_with(Vec::new)
                .push(choice);
        }
    }
    for session in &mut sessions {
        let of_user = found.get(&(session.tenant_id, session.user.clone()));
        session.choices = of_user
            .into_iter()
            .flatten()
            .filter(|choice| choice.concerns(&session.sign_in))
            .cloned()
            .collect();
    }
    Ok(sessions)
}

/// The choices of users, each with its user.
pub async fn choices<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    users: Vec<String>,
) -> Result<Vec<(String, Choice)>, StoreError> {
    let sql = format!(
        "SELECT {} FROM client_spelling WHERE tenant_id = $1 AND user_name IN {}",
        CHOICE.join(", "),
        D::any_of(2)
    );
    let rows = D::fetch(conn, sql.into(), vec![tenant.into(), Arg::Texts(users)]).await?;
    rows.iter()
        .map(|row| choice::<D>(&mut Columns::<D>::of(row)))
        .collect()
}

/// Sessions and answers outside the journal, numbered by the journal's counter.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// Changed sessions in their current state.
    pub sessions: Vec<ClientSession>,
    /// Answers, each with its number.
    pub answers: Vec<(i64, Answer)>,
    /// Whether there may be more answers in the range.
    pub more: bool,
}

/// Changed sessions and answers after one cursor and up to another; `user` limits the answers.
///
/// Sessions are returned in their current state, even if they changed again after the range: a row
/// has only the number of its last change, which hides earlier ones.
pub async fn news<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    (after, until): (i64, i64),
    user: Option<&str>,
) -> Result<News, StoreError> {
    let range = vec![tenant.into(), after.into(), until.into()];
    let mut news = News::default();
    if user.is_none() {
        let sql = format!(
            "{} WHERE tenant_id = $1 AND changed > $2",
            select_sessions()
        );
        news.sessions = with_choices::<D>(conn, sql, range[..2].to_vec()).await?;
    }
    let mut args = range;
    let mut sql = format!(
        "SELECT {} FROM client_answer WHERE tenant_id = $1 AND cursor > $2 AND cursor <= $3",
        ANSWER.join(", ")
    );
    if let Some(user) = user {
        args.push(user.into());
        sql += " AND user_name = $4";
    }
    args.push(MOST_ANSWERS.into());
    sql += &format!(" ORDER BY cursor LIMIT +${}", args.len());
    for row in D::fetch(conn, sql.into(), args).await? {
        news.answers.push(answer::<D>(&mut Columns::<D>::of(&row))?);
    }
    news.more = i64::try_from(news.answers.len()).is_ok_and(|count| count == MOST_ANSWERS);
    Ok(news)
}
