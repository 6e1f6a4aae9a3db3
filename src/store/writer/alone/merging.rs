//! Merges contacts, and undoes merges.

use std::sync::Arc;

use crate::domain::command::Outcome;
use crate::domain::{Moment, Refusal};
use crate::store::dialect::{Arg, Conn, Dialect};
use crate::store::{StoreError, contact};

/// Merges two contacts; false if they were merged already.
pub(super) async fn merge<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    id: &str,
    into: &str,
) -> Result<bool, StoreError> {
    let family = contact::family::<D>(conn, tenant, id).await?;
    if family.is_empty() {
        return Err(Refusal::no_contact(id).into());
    }
    if family.iter().any(|member| member == into) {
        return Err(Refusal::invalid(
            "/into",
            "names the contact itself, or one that was merged into it",
        )
        .into());
    }
    let Some(target) = contact::one::<D>(conn, tenant, into).await? else {
        return Err(
            Refusal::invalid("/into", format!("names {into:?}, which is no contact")).into(),
        );
    };
    let Some(one) = contact::one::<D>(conn, tenant, id).await? else {
        return Err(Refusal::no_contact(id).into());
    };
    match &one.merged_into {
        Some(already) if already == into => return Ok(false),
        Some(other) => {
            return Err(Refusal::Conflict(format!(
                "the contact is merged into {other:?}; unmerge it first"
            ))
            .into());
        }
        None => {}
    }
    if let Some(other) = &target.merged_into {
        return Err(Refusal::Conflict(format!(
            "{into:?} is itself merged into {other:?}; merge into that one"
        ))
        .into());
    }
    set_merged::<D>(
        conn,
        at.max(one.modified_date.just_after()),
        &one,
        Some(into),
    )
    .await?;
    Ok(true)
}

pub(super) async fn unmerge<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    at: Moment,
    id: &str,
) -> Result<String, StoreError> {
    let Some(one) = contact::one::<D>(conn, tenant, id).await? else {
        return Err(Refusal::no_contact(id).into());
    };
    let Some(from) = one.merged_into.clone() else {
        return Err(Refusal::Conflict("the contact is not merged into another".to_owned()).into());
    };
    set_merged::<D>(conn, at.max(one.modified_date.just_after()), &one, None).await?;
    Ok(from)
}

async fn set_merged<D: Dialect>(
    conn: &mut Conn<D>,
    at: Moment,
    one: &crate::domain::contact::Contact,
    into: Option<&str>,
) -> Result<(), StoreError> {
    let sql = "UPDATE contact SET merged_into = $3, modified_date = $4, revision = revision + 1 \
               WHERE tenant_id = $1 AND id = $2";
    let args = vec![
        one.tenant_id.into(),
        one.id.as_str().into(),
        Arg::Text(into.map(str::to_owned)),
        at.into(),
    ];
    D::execute(conn, sql.into(), args).await?;
    Ok(())
}

pub(super) async fn contact_outcome<D: Dialect>(
    conn: &mut Conn<D>,
    tenant: i64,
    id: &str,
) -> Result<Outcome, StoreError> {
    let found = contact::one::<D>(conn, tenant, id).await?;
    Ok(Outcome::Contact(Arc::new(
        found.ok_or_else(|| Refusal::no_contact(id))?,
    )))
}
