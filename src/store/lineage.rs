//! Walks the families of interactions, level by level: one statement finds the next level of all
//! interactions of a level.
//!
//! A recursive statement would find a whole family at once. But a distributed Postgres runs a
//! recursive statement only for one value of the column that places the rows, and the members of a
//! family stand on different nodes.

use std::collections::HashSet;

use super::StoreError;
use super::dialect::{Arg, Columns, Conn, Dialect, RowOf};
use crate::domain::Moment;
use crate::domain::person::Relative;

/// The numbers of identifiers that statements are prepared for.
///
/// Each identifier has a placeholder of its own: of a list bound as one value, Postgres would make a
/// plan for each execution, which takes longer than the search for a few.
const SIZES: [usize; 4] = [1, 8, 64, CHUNK];
/// The largest number of identifiers bound to a statement.
pub const CHUNK: usize = 512;

/// The direction of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The given interactions, then their parents, and so on.
    Up,
    /// The children of the given interactions, then their children, and so on.
    Down,
}

/// An interaction met on a walk.
#[derive(Clone, Debug)]
pub struct Kin {
    /// Its identifier, parent and contact.
    pub of: Relative,
    /// When it began.
    pub start: Moment,
    /// The number of levels before its own.
    pub depth: usize,
}

/// The columns of `interaction i` that [`kin`] reads.
pub const COLUMNS: &str = "i.id, i.parent_id, i.contact_id, i.start_date";

/// Reads [`COLUMNS`].
pub fn kin<D: Dialect>(row: &RowOf<D>, depth: usize) -> Result<Kin, StoreError> {
    let mut row = Columns::<D>::of(row);
    Ok(Kin {
        of: Relative {
            id: row.text()?,
            parent: row.maybe_text()?,
            contact: row.maybe_text()?,
        },
        start: row.time()?,
        depth,
    })
}

/// Walks from some interactions; finds at most `most`, the nearest first, those of a level by start
/// and identifier. `goes_on` says whether the walk continues beyond an interaction.
///
/// Each interaction is found once, so a circle ends the walk. A walk down does not find those that
/// it begins with.
///
/// There is a statement for each level. They must see the same state of the store.
pub async fn walk<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    way: Way,
    from: impl IntoIterator<Item = String>,
    most: usize,
    goes_on: impl Fn(&Kin) -> bool,
) -> Result<Vec<Kin>, StoreError> {
    let mut met: HashSet<String> = HashSet::new();
    let mut level: Vec<String> = from.into_iter().collect();
    level.retain(|id| met.insert(id.clone()));
    let mut found = Vec::new();
    let mut depth = 0;
    while !level.is_empty() && found.len() < most {
        let mut next = next::<D>(conn, tenant, (way, depth), &level, most - found.len()).await?;
        if way == Way::Down {
            next.retain(|kin| !met.contains(&kin.of.id));
        }
        level.clear();
        for kin in next.iter().filter(|kin| goes_on(kin)) {
            let ahead = match way {
                Way::Up => kin.of.parent.as_ref(),
                Way::Down => Some(&kin.of.id),
            };
            if let Some(ahead) = ahead
                && met.insert(ahead.clone())
            {
                level.push(ahead.clone());
            }
        }
        found.append(&mut next);
        depth += 1;
    }
    Ok(found)
}

/// The next level: the interactions with these identifiers, or their children.
async fn next<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    (way, depth): (Way, usize),
    of: &[String],
    most: usize,
) -> Result<Vec<Kin>, StoreError> {
    let column = match way {
        Way::Up => "i.id",
        Way::Down => "i.parent_id",
    };
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut found = Vec::new();
    for chunk in of.chunks(CHUNK) {
        let mut sql = format!("SELECT {COLUMNS} FROM interaction i WHERE ");
        let mut args = one_of::<D>(&mut sql, tenant, column, chunk);
        args.push(limit.into());
        let (start, id) = (D::unindexed("i.start_date"), D::unindexed("i.id"));
        sql += &format!(" ORDER BY {start}, {id} LIMIT +");
        D::place(&mut sql, args.len());
        for row in &D::fetch(conn, sql.into(), args).await? {
            found.push(kin::<D>(row, depth)?);
        }
    }
    if of.len() > CHUNK {
        found.sort_by(|a, b| (a.start, &a.of.id).cmp(&(b.start, &b.of.id)));
        found.truncate(most);
    }
    Ok(found)
}

/// Writes the condition that an interaction is of this tenant and a column has one of these values,
/// at most [`CHUNK`]; returns the arguments. The text before it has no placeholders.
pub fn one_of<D: Dialect>(sql: &mut String, tenant: i64, column: &str, of: &[String]) -> Vec<Arg> {
    let size = SIZES.into_iter().find(|size| of.len() <= *size);
    let mut args: Vec<Arg> = vec![tenant.into()];
    args.extend(of.iter().map(|id| Arg::from(id.as_str())));
    args.resize_with(1 + size.unwrap_or(of.len()), || Arg::Text(None));
    *sql += "i.tenant_id = ";
    D::place(sql, 1);
    *sql += " AND ";
    *sql += column;
    for n in 2..=args.len() {
        *sql += if n == 2 { " IN (" } else { ", " };
        D::place(sql, n);
    }
    *sql += ")";
    args
}
