//! Reads the journal: entries after a cursor, and UserData at a moment.

use super::StoreError;
use super::content;
use super::dialect::{Arg, Columns, Conn, Dialect};
use super::recording;
use super::tables::journal::{CHANGE, change};
use crate::domain::Moment;
use crate::domain::change::{Change, Kind};
use crate::domain::user_data::Document;

/// A query for changes.
#[derive(Clone, Debug, Default)]
pub struct ChangesQuery {
    /// After this cursor; 0 is before the first entry.
    pub after: i64,
    /// Entries of a page.
    pub limit: usize,
    /// Only these kinds; all if empty.
    pub kinds: Vec<String>,
    /// Only of this media type.
    pub media_type: Option<String>,
    /// Only of this contact.
    pub contact_id: Option<String>,
    /// Only of this interaction.
    pub interaction_id: Option<String>,
    /// Only entries about interactions, and of those only the ones without an owner or with this
    /// owner.
    pub owed_to: Option<String>,
    /// The largest number of entries to examine, whether they match or not; no limit if absent.
    pub span: Option<i64>,
}

/// A page of changes.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Oldest first.
    pub items: Vec<Change>,
    /// The cursor to resume from: everything up to it was examined.
    pub next: i64,
    /// The newest entry at the time of the query.
    pub head: i64,
}

/// The largest number of entries that a statement selects by cursor.
const AT_ONCE: usize = 32;

/// The entries at these cursors, oldest first.
pub async fn at<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    cursors: &[i64],
) -> Result<Vec<Change>, StoreError> {
    let places: Vec<String> = (2..2 + AT_ONCE).map(|n| format!("${n}")).collect();
    let sql = format!(
        "SELECT {} FROM journal WHERE tenant_id = $1 AND cursor IN ({}) ORDER BY cursor",
        CHANGE.join(", "),
        places.join(", ")
    );
    let mut found = Vec::with_capacity(cursors.len());
    for portion in cursors.chunks(AT_ONCE) {
        let mut args: Vec<Arg> = vec![tenant.into()];
        args.extend(portion.iter().map(|cursor| Arg::from(*cursor)));
        args.resize_with(AT_ONCE + 1, || Arg::Int(None));
        for row in &D::fetch(conn, sql.clone().into(), args).await? {
            found.push(change::<D>(&mut Columns::<D>::of(row))?);
        }
    }
    recording::fill_changes::<D>(conn, &mut found).await?;
    Ok(found)
}

/// A page of the journal.
///
/// The head is read first. Every entry up to it is visible, because a writer holds the head until
/// its commit.
pub async fn changes<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    query: &ChangesQuery,
) -> Result<Changes, StoreError> {
    let head = head::<D>(conn).await?;
    let until = query
        .span
        .map_or(head, |span| head.min(query.after.saturating_add(span)));
    let mut args: Vec<Arg> = vec![tenant.into(), query.after.into(), until.into()];
    let mut condition = "tenant_id = $1 AND cursor > $2 AND cursor <= $3".to_owned();
    if !query.kinds.is_empty() {
        args.push(Arg::Texts(query.kinds.clone()));
        condition += &format!(" AND {}", D::is_any("kind", args.len()));
    }
    for (column, value) in [
        ("media_type", &query.media_type),
        ("interaction_id", &query.interaction_id),
        ("contact_id", &query.contact_id),
    ] {
        if let Some(value) = value {
            args.push(value.as_str().into());
            condition += &format!(" AND {column} = ${}", args.len());
        }
    }
    if query.interaction_id.is_some() || query.owed_to.is_some() {
        condition += " AND interaction_id <> ''";
    }
    let contact = args.len();
    if let Some(owner) = &query.owed_to {
        args.push(owner.as_str().into());
        condition += &format!(" AND (owner_id IS NULL OR owner_id = ${})", args.len());
    }
    let columns = CHANGE.join(", ");
    let mut sql = if query.contact_id.is_some() && query.interaction_id.is_none() {
        of_contact(&columns, &condition, contact)
    } else {
        format!("SELECT {columns} FROM journal WHERE {condition}")
    };
    args.push(i64::try_from(query.limit).unwrap_or(i64::MAX).into());
    sql += &format!(" ORDER BY cursor LIMIT +${}", args.len());
    let rows = D::fetch(conn, sql.into(), args).await?;
    let items = rows
        .iter()
        .map(|row| change::<D>(&mut Columns::<D>::of(row)));
    let mut items = items.collect::<Result<Vec<_>, _>>()?;
    recording::fill_changes::<D>(conn, &mut items).await?;
    let next = match items.last() {
        Some(last) if items.len() == query.limit => last.cursor,
        _ => until.max(query.after),
    };
    Ok(Changes { items, next, head })
}

/// The entries of a contact that meet a condition: those about itself, and those of the
/// interactions that belong to it or once did. `contact` is the placeholder of its identifier.
///
/// No index leads from a contact to the entries of its interactions: it would cost each write a
/// page at random.
fn of_contact(columns: &str, condition: &str, contact: usize) -> String {
    format!(
        "SELECT {columns} FROM ( \
             SELECT {columns} FROM journal WHERE {condition} AND interaction_id = '' \
             UNION ALL \
             SELECT {columns} FROM ( \
                 SELECT id FROM interaction WHERE tenant_id = $1 AND contact_id = ${contact} \
                 UNION \
                 SELECT interaction_id FROM former_contact WHERE tenant_id = $1 AND contact_id = ${contact} \
             ) AS own CROSS JOIN journal WHERE interaction_id = own.id AND interaction_id <> '' AND {condition} \
         ) AS found"
    )
}

/// The cursor of the newest visible entry.
pub async fn head<D: Dialect>(conn: &mut Conn<D>) -> Result<i64, StoreError> {
    let rows = D::fetch(
        conn,
        "SELECT last_cursor FROM journal_head WHERE id = 1".into(),
        Vec::new(),
    )
    .await?;
    Ok(rows
        .first()
        .map(|row| Columns::<D>::of(row).int())
        .transpose()?
        .unwrap_or_default())
}

/// UserData and the revision at a moment; `None` if the interaction did not exist yet.
pub async fn user_data_at<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
    at: Moment,
) -> Result<Option<(Document, i64)>, StoreError> {
    let sql = format!(
        "SELECT {} FROM journal WHERE interaction_id = $1 AND interaction_id <> '' AND tenant_id = $2 AND at <= $3 ORDER BY cursor",
        CHANGE.join(", ")
    );
    let rows = D::fetch(conn, sql.into(), vec![id.into(), tenant.into(), at.into()]).await?;
    let changes = rows
        .iter()
        .map(|row| change::<D>(&mut Columns::<D>::of(row)));
    let mut changes = changes.collect::<Result<Vec<_>, _>>()?;
    recording::fill_changes::<D>(conn, &mut changes).await?;
    let mut state: Option<(Document, i64)> = None;
    for change in &changes {
        match Kind::of_name(&change.kind) {
            // a deleted identifier may be recorded again: it starts anew
            Some(Kind::InteractionRecorded | Kind::EngagementCreated) => {
                state = Some((Document::new(), 0));
            }
            Some(Kind::InteractionDeleted) => state = None,
            _ => {}
        }
        if let Some((document, revision)) = &mut state {
            content::replay(&change.delta, document)
                .map_err(|_| StoreError::inconsistent("journal", "delta"))?;
            // each entry about an interaction is one revision of it
            *revision += 1;
        }
    }
    Ok(state)
}
