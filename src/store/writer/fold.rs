//! Updates the folded values of contacts after the rules of identification have changed.

use std::collections::BTreeSet;

use crate::domain::command::Outcome;
use crate::domain::contact::ContactRules;
use crate::store::dialect::{Arg, Columns, Conn, Dialect};
use crate::store::tables::contact::FOLDED;
use crate::store::{StoreError, bulk};

/// Contacts per transaction.
const CHUNK: i64 = 1000;

/// The next contacts after one, of all tenants; nothing if the store already follows these rules.
pub async fn contacts<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    after: &str,
) -> Result<Outcome, StoreError> {
    let fingerprint = rules.fingerprint();
    if after.is_empty() && followed::<D>(conn).await?.as_ref() == Some(&fingerprint) {
        return Ok(Outcome::Filled {
            last: None,
            done: 0,
        });
    }
    let sql = "SELECT DISTINCT contact_id FROM contact_attribute WHERE contact_id > $1 ORDER BY contact_id LIMIT +$2";
    let found = D::fetch(conn, sql.into(), vec![after.into(), CHUNK.into()]).await?;
    let ids = found
        .iter()
        .map(|row| Ok(Columns::<D>::of(row).text()?))
        .collect::<Result<BTreeSet<String>, StoreError>>()?;
    let last = ids
        .last()
        .cloned()
        .filter(|_| found.len() == usize::try_from(CHUNK).unwrap_or(0));
    let done = ids.len();
    fold::<D>(conn, rules, ids).await?;
    // until all contacts are done the store records no rules, so that a server that stops halfway
    // does not find the old ones
    let said = if last.is_none() {
        fingerprint
    } else {
        String::new()
    };
    let sql = "INSERT INTO contact_rules (id, fingerprint) VALUES (1, $1) \
               ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint";
    D::execute(conn, sql.into(), vec![said.into()]).await?;
    Ok(Outcome::Filled { last, done })
}

/// The rules that the store follows.
async fn followed<D: Dialect>(conn: &mut Conn<D>) -> Result<Option<String>, StoreError> {
    let sql = "SELECT fingerprint FROM contact_rules WHERE id = 1";
    let rows = D::fetch(conn, sql.into(), Vec::new()).await?;
    let first = rows.first().map(|row| Columns::<D>::of(row).text());
    Ok(first.transpose()?)
}

async fn fold<D: Dialect>(
    conn: &mut Conn<D>,
    rules: &ContactRules,
    ids: BTreeSet<String>,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT contact_id, tenant_id, name, position, value, folded FROM contact_attribute WHERE contact_id IN {}",
        D::any_of(1)
    );
    let ids = Arg::Texts(ids.into_iter().collect());
    let mut changed = Vec::new();
    for row in D::fetch(conn, sql.into(), vec![ids]).await? {
        let mut row = Columns::<D>::of(&row);
        let (id, tenant, name) = (row.text()?, row.int()?, row.text()?);
        let (position, value, folded) = (row.int()?, row.text()?, row.text()?);
        let wanted = rules.fold(&name, &value).unwrap_or_default();
        if wanted != folded {
            changed.extend([
                id.into(),
                tenant.into(),
                name.into(),
                position.into(),
                wanted.into(),
            ]);
        }
    }
    bulk::run::<D>(conn, &FOLDED, changed).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, SqliteConnection};

    use super::*;
    use crate::domain::command::{Command, Submission};
    use crate::domain::contact::OneOrMany;
    use crate::store::Store;
    use crate::store::dialect::OnSqlite;

    #[tokio::test]
    async fn a_change_of_rules_that_was_cut_short_is_taken_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::of_test(folder.path()).await;
        for number in 0..=CHUNK {
            let value = OneOrMany::One(format!("client:{number}"));
            let submission = Submission {
                tenant: 1,
                actor: "test".into(),
                at: None,
                repeatable: None,
                command: Command::CreateContact {
                    id: None,
                    attributes: [("PhoneNumber".to_owned(), value)].into(),
                },
            };
            store.writer.enqueue_waiting(submission).await.unwrap();
        }
        store.close().await;
        let url = format!("sqlite://{}/annals.db", folder.path().display());
        let mut conn = SqliteConnection::connect(&url).await.unwrap();
        let before = ContactRules::default();
        let other = ContactRules::in_region("GB");
        let first = contacts::<OnSqlite>(&mut conn, &other, "").await.unwrap();
        assert!(matches!(first, Outcome::Filled { last: Some(_), .. }));
        // the server stops here, and starts with the old rules
        let again = contacts::<OnSqlite>(&mut conn, &before, "").await.unwrap();
        assert!(matches!(
            again,
            Outcome::Filled {
                last: Some(_),
                done: 1000
            }
        ));
    }
}
