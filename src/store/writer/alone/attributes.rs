//! Declares attributes as indexed. `attribute_index` has what happens around these commands.

use crate::domain::Refusal;
use crate::domain::command::{IndexStep, Outcome};
use crate::domain::filter::IndexedAttribute;
use crate::store::StoreError;
use crate::store::attribute_index::{create, drop_index};
use crate::store::dialect::{Conn, Dialect};
use crate::store::tables::indexed_attribute::DECLARED;

/// Takes a step in the life of an attribute's index.
pub(super) async fn step<D: Dialect>(
    conn: &mut Conn<D>,
    step: IndexStep,
    attribute: IndexedAttribute,
) -> Result<Outcome, StoreError> {
    let (sql, index) = match step {
        IndexStep::Declare => {
            let mut row = DECLARED.batch(1);
            row.push(&(attribute, false));
            row.write::<D>(conn).await?;
            return Ok(Outcome::Done);
        }
        IndexStep::Finish => (
            "UPDATE indexed_attribute SET ready = 1 WHERE name = $1",
            create(attribute, ""),
        ),
        IndexStep::Drop => (
            "DELETE FROM indexed_attribute WHERE name = $1",
            drop_index(attribute, ""),
        ),
    };
    let name = attribute.name();
    if D::execute(conn, sql.into(), vec![name.into()]).await? == 0 {
        return Err(Refusal::NotFound("indexed attribute", name.to_owned()).into());
    }
    if !D::INDEXES_ASIDE {
        D::command(conn, &index).await?;
    }
    Ok(Outcome::Done)
}
