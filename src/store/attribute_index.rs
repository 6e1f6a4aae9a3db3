//! Indexes of attributes that an operator declared.
//!
//! A declaration is a row of `indexed_attribute`, and commands of the writer change it. SQLite
//! builds the index within the command that finishes it, so a crash leaves all of it or nothing. On
//! Postgres it is built before that command, beside the writer ([`Aside`]). Searches use an index
//! once its row says that it is ready. Without the index, their answers are the same.

use sqlx::postgres::PgConnectOptions;

use super::aside::Aside;
use super::dialect::{Columns, Conn, Dialect};
use super::{StoreError, Writer};
use crate::domain::command::{Command, IndexStep, Submission};
use crate::domain::filter::IndexedAttribute;

/// The name of an attribute's index.
pub(super) fn name(attribute: IndexedAttribute) -> &'static str {
    match attribute {
        IndexedAttribute::CreatedDate => "interaction_created",
        IndexedAttribute::EndDate => "interaction_end",
        IndexedAttribute::ModifiedDate => "interaction_modified",
    }
}

/// The column of an attribute.
fn column(attribute: IndexedAttribute) -> &'static str {
    match attribute {
        IndexedAttribute::CreatedDate => "created_date",
        IndexedAttribute::EndDate => "end_date",
        IndexedAttribute::ModifiedDate => "modified_date",
    }
}

/// Creates an attribute's index. `way` is empty or `CONCURRENTLY `.
pub(super) fn create(attribute: IndexedAttribute, way: &str) -> String {
    format!(
        "CREATE INDEX {way}IF NOT EXISTS {} ON interaction (tenant_id, {}, id)",
        name(attribute),
        column(attribute)
    )
}

/// Removes an attribute's index. `way` is empty or `CONCURRENTLY `.
pub(super) fn drop_index(attribute: IndexedAttribute, way: &str) -> String {
    format!("DROP INDEX {way}IF EXISTS {}", name(attribute))
}

/// The declared attributes, and whether the index of each is ready.
pub(super) async fn declared<D: Dialect>(
    conn: &mut Conn<D>,
) -> Result<Vec<(IndexedAttribute, bool)>, StoreError> {
    let sql = "SELECT name, ready FROM indexed_attribute ORDER BY name";
    let rows = D::fetch(conn, sql.into(), Vec::new()).await?;
    rows.iter()
        .map(|row| {
            let mut row = Columns::<D>::of(row);
            let attribute = IndexedAttribute::of_name(&row.text()?)
                .ok_or_else(|| StoreError::inconsistent("indexed_attribute", "name"))?;
            Ok((attribute, row.int()? != 0))
        })
        .collect()
}

/// Builds and removes the indexes of attributes.
#[derive(Clone)]
pub struct AttributeIndexes {
    aside: Option<Aside>,
}

impl AttributeIndexes {
    /// The commands of the writer build and remove the indexes.
    pub(super) fn by_writer() -> Self {
        Self { aside: None }
    }

    /// Connections of their own do, beside the writer.
    pub(super) fn aside(options: &PgConnectOptions, keeps_session: bool) -> Self {
        Self {
            aside: Some(Aside::of(options, keeps_session)),
        }
    }

    /// Declares an attribute as indexed.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn declare(
        &self,
        writer: &Writer,
        attribute: IndexedAttribute,
    ) -> Result<(), StoreError> {
        submit(writer, IndexStep::Declare, attribute).await
    }

    /// Builds the index of a declared attribute unless it is there. On Postgres, others read and
    /// write meanwhile; on SQLite, others read.
    ///
    /// # Errors
    /// If the attribute is not declared, or the store fails.
    pub async fn build(
        &self,
        writer: &Writer,
        attribute: IndexedAttribute,
    ) -> Result<(), StoreError> {
        let turn = match &self.aside {
            Some(aside) => Some(aside.build(attribute).await?),
            None => None,
        };
        let finished = submit(writer, IndexStep::Finish, attribute).await;
        // nobody removes the index before its row says that it is ready
        drop(turn);
        finished
    }

    /// Withdraws the declaration of an attribute, and removes its index.
    ///
    /// # Errors
    /// If the attribute is not declared, or the store fails.
    pub async fn remove(
        &self,
        writer: &Writer,
        attribute: IndexedAttribute,
    ) -> Result<(), StoreError> {
        submit(writer, IndexStep::Drop, attribute).await?;
        match &self.aside {
            Some(aside) => aside.remove(attribute).await,
            None => Ok(()),
        }
    }

    /// Brings the indexes in line with the declarations: builds those that are missing, and removes
    /// those that an interruption left behind. Returns what was built.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn settle(
        &self,
        writer: &Writer,
        declared: &[(IndexedAttribute, bool)],
    ) -> Result<Vec<IndexedAttribute>, StoreError> {
        let valid = match &self.aside {
            Some(aside) => Some(aside.states().await?),
            None => None,
        };
        let mut built = Vec::new();
        for attribute in IndexedAttribute::ALL {
            let is_declared = declared.iter().find(|(other, _)| *other == attribute);
            let state = valid.as_ref().map(|all| all.get(&attribute).copied());
            match (is_declared, state) {
                (Some((_, true)), None | Some(Some(true))) | (None, None | Some(None)) => {}
                (Some(_), _) => {
                    self.build(writer, attribute).await?;
                    built.push(attribute);
                }
                (None, Some(Some(_))) => {
                    if let Some(aside) = &self.aside {
                        aside.remove(attribute).await?;
                    }
                }
            }
        }
        Ok(built)
    }
}

async fn submit(
    writer: &Writer,
    step: IndexStep,
    attribute: IndexedAttribute,
) -> Result<(), StoreError> {
    let submission = Submission {
        tenant: 1,
        actor: "index".into(),
        at: None,
        repeatable: None,
        command: Command::IndexAttribute(step, attribute),
    };
    let answer = writer.enqueue_waiting(submission).await?;
    answer.wait().await.map(drop)
}
