use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Connection, SqliteConnection};

use super::client::{Answers, CHANGED_SESSIONS, CHOICES, CURSORS, Sessions, Spellings};
use super::contact::{ATTRIBUTES, CONTACTS, ContactAttributes, Contacts, FOLDED};
use super::indexed_attribute::IndexedAttributes;
use super::indexed_key::IndexedKeys;
use super::interaction::{
    CHANGED, CHANGED_JSON, INDEX, Interactions, Json, Links, NEW, REVISED, Texts, UserDataIndex,
};
use super::journal::{DELTAS, Journal};
use super::reply::Replies;
use super::token::Tokens;
use super::web_action::{CONTRADICTED, ENRICHED, REDACTED, WebActions};
use super::webhook::{DATES, DELIVERIES, Deliveries, Webhooks};
use super::{Table, Type};
use crate::domain::archive;
use crate::store::Store;
use crate::store::bulk::Many;
use crate::store::dialect::{Columns, Dialect, OnPostgres, OnSqlite};
use crate::store::rows::{JSON_COLUMNS, TEXT_COLUMNS};

/// A table with its columns and their types.
type Described = (&'static str, BTreeMap<&'static str, Type>);

fn described<T: Table>() -> Described {
    let columns = T::COLUMNS.iter().map(|column| (column.name, column.kind));
    (T::NAME, columns.collect())
}

fn all() -> Vec<Described> {
    vec![
        described::<Interactions>(),
        described::<Json>(),
        described::<Texts>(),
        described::<UserDataIndex>(),
        described::<Links>(),
        described::<Journal>(),
        described::<Replies>(),
        described::<Contacts>(),
        described::<ContactAttributes>(),
        described::<Sessions>(),
        described::<Spellings>(),
        described::<Answers>(),
        described::<WebActions>(),
        described::<Webhooks>(),
        described::<Deliveries>(),
        described::<Tokens>(),
        described::<IndexedKeys>(),
        described::<IndexedAttributes>(),
    ]
}

#[tokio::test]
async fn the_descriptions_have_the_columns_that_the_migrations_make() {
    let folder = tempfile::tempdir().unwrap();
    Store::of_test(folder.path()).await.close().await;
    let url = format!("sqlite://{}/annals.db", folder.path().display());
    let mut conn = SqliteConnection::connect(&url).await.unwrap();
    for (table, columns) in all() {
        let sql = format!("SELECT name, type FROM pragma_table_info('{table}')");
        let rows = OnSqlite::fetch(&mut conn, sql.into(), Vec::new())
            .await
            .unwrap();
        let made: BTreeMap<String, String> = rows
            .iter()
            .map(|row| {
                let mut row = Columns::<OnSqlite>::of(row);
                (row.text().unwrap(), row.text().unwrap())
            })
            .collect();
        let expected: BTreeMap<String, String> = columns
            .into_iter()
            .map(|(name, kind)| {
                let kind = match kind {
                    Type::Text => "TEXT",
                    Type::Int | Type::Time => "INTEGER",
                    Type::Real => "REAL",
                    Type::Bytes => "BLOB",
                };
                (name.to_owned(), kind.to_owned())
            })
            .collect();
        assert_eq!(made, expected, "{table}");
    }
}

#[test]
fn the_archive_has_every_column_but_those_that_it_derives() {
    let tables: BTreeMap<&str, BTreeMap<&str, Type>> = all().into_iter().collect();
    for (kind, _) in archive::Kind::ALL {
        let archived: BTreeMap<&str, Type> = kind
            .columns()
            .iter()
            .map(|column| {
                let kind = match column.kind {
                    archive::Type::Text | archive::Type::Json => Type::Text,
                    archive::Type::Int => Type::Int,
                    archive::Type::Time => Type::Time,
                    archive::Type::Bytes => Type::Bytes,
                };
                (column.name, kind)
            })
            .collect();
        let (of, derived): (&[&str], &[&str]) = match kind {
            // the columns of `interaction` follow from the JSON
            archive::Kind::Interaction => (
                &["interaction_json", "interaction_text"],
                &["interaction_id", "tenant_id"],
            ),
            archive::Kind::ContactAttribute => (&["contact_attribute"], &["folded"]),
            // deltas are archived whole, so nothing needs to be undone
            archive::Kind::Change => (&["journal"], &["before"]),
            archive::Kind::IndexedKey => (&["indexed_key"], &["ready"]),
            archive::Kind::IndexedAttribute => (&["indexed_attribute"], &["ready"]),
            kind => (&[crate::store::archive::table(kind)], &[]),
        };
        let mut expected: BTreeMap<&str, Type> = of
            .iter()
            .flat_map(|table| tables[table].clone())
            .filter(|(name, _)| !derived.contains(name))
            .collect();
        if kind == archive::Kind::Interaction {
            expected.insert("fingerprint", Type::Bytes);
        }
        assert_eq!(archived, expected, "{}", kind.name());
    }
}

#[test]
fn what_is_read_of_the_content_of_an_interaction_is_all_that_changes_there() {
    fn changing<T: Table>(of: &str) -> BTreeSet<String> {
        let columns = super::changing::<T>();
        let names = columns.iter().map(|column| format!("{of}.{}", column.name));
        names.collect()
    }
    let set = |columns: &[&str]| columns.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(changing::<Json>("j"), set(&JSON_COLUMNS));
    assert_eq!(changing::<Texts>("t"), set(&TEXT_COLUMNS));
}

/// The statement for some rows on SQLite, without what ends the transaction.
fn on_sqlite(statement: &Many, rows: usize) -> String {
    let text = statement.text::<OnSqlite>(rows);
    text.replacen(OnSqlite::ALL_OR_NOTHING, "", 1)
}

/// The statement for some rows on SQLite and on Postgres.
fn both(statement: &Many, rows: usize) -> [String; 2] {
    [
        on_sqlite(statement, rows),
        statement.text::<OnPostgres>(rows),
    ]
}

#[test]
fn a_failure_on_sqlite_ends_the_transaction() {
    let begins = |statement: &Many, with: &str| {
        let text = statement.text::<OnSqlite>(2);
        assert!(text.starts_with(with), "{text}");
    };
    begins(
        &super::reply::REPLIES,
        "INSERT OR ROLLBACK INTO kept_reply (",
    );
    begins(&REVISED, "UPDATE OR ROLLBACK interaction SET ");
    // there is no such deletion
    let gone = Many::new(
        "DELETE FROM journal WHERE cursor IN (VALUES",
        &[Type::Int],
        1,
        ")",
    );
    begins(&gone, "DELETE FROM journal ");
}

#[test]
fn rows_are_inserted_with_all_columns() {
    let columns = "seq, fingerprint, created_date, id, tenant_id, media_type, entity_type, kind, \
                   subtype, status, contact_id, owner_id, can_be_parent, start_date, end_date, \
                   modified_date, revision, subject, queue, category_id, external_id, \
                   stopped_reason, language, parent_id, thread_id";
    let insert = format!("INSERT INTO interaction ({columns}) VALUES");
    let row = |from: usize| {
        let places: Vec<String> = (from..from + 25).map(|n| format!("${n}")).collect();
        format!("({})", places.join(", "))
    };
    let marks = format!("({})", ["?"; 25].join(", "));
    let expected = [
        format!("{insert} {marks}, {marks}"),
        format!("{insert} {}, {}", row(1), row(26)),
    ];
    assert_eq!(both(&NEW, 2), expected);
    let expected = "INSERT INTO contact_attribute \
                    (contact_id, tenant_id, name, position, value, folded) VALUES \
                    ($1, $2, $3, $4, $5, $6)";
    assert_eq!(ATTRIBUTES.text::<OnPostgres>(1), expected);
}

#[test]
fn an_existing_row_is_overwritten_but_for_its_key_and_what_is_kept() {
    for (statement, after) in [
        (
            &**INDEX,
            "(interaction_id, tenant_id, key, place) DO UPDATE SET text_value = excluded.text_value, \
             number_value = excluded.number_value, start_date = excluded.start_date",
        ),
        (
            &**CHOICES,
            "(tenant_id, user_name, sign_in, collection) DO UPDATE SET twin = excluded.twin, \
             chosen_date = excluded.chosen_date",
        ),
        (
            &**CONTACTS,
            "(id, tenant_id) DO UPDATE SET modified_date = excluded.modified_date, \
             revision = excluded.revision",
        ),
        (
            &**DELIVERIES,
            "(webhook_id, cursor) DO UPDATE SET state = excluded.state, \
             attempts = excluded.attempts, attempt_date = excluded.attempt_date, \
             next_date = excluded.next_date, status = excluded.status, error = excluded.error \
             WHERE excluded.state = 1 OR webhook_delivery.attempts = excluded.attempts - 1",
        ),
    ] {
        assert_eq!(statement.after, format!(" ON CONFLICT {after}"));
    }
}

#[test]
fn long_texts_have_the_key_of_the_database() {
    let after = |key: &str| {
        format!(
            " ON CONFLICT ({key}) DO UPDATE SET text = excluded.text, \
             structured_text = excluded.structured_text, comment = excluded.comment, \
             participants = excluded.participants"
        )
    };
    assert_eq!(OnSqlite::long_texts().after, after("seq"));
    let key = "interaction_id, tenant_id";
    assert_eq!(OnPostgres::long_texts().after, after(key));
}

#[test]
fn an_update_compares_the_key_with_expressions_and_casts_each_value() {
    let before = "UPDATE interaction SET media_type = v.column3, entity_type = v.column4, \
                  kind = v.column5, subtype = v.column6, status = v.column7, \
                  contact_id = v.column8, owner_id = v.column9, can_be_parent = v.column10, \
                  start_date = v.column11, end_date = v.column12, modified_date = v.column13, \
                  revision = v.column14, subject = v.column15, queue = v.column16, \
                  category_id = v.column17, external_id = v.column18, \
                  stopped_reason = v.column19, language = v.column20, parent_id = v.column21, \
                  thread_id = v.column22 FROM (VALUES";
    assert_eq!(CHANGED.before, before);
    let after = ") AS v WHERE interaction.id = v.column1 || '' \
                 AND interaction.tenant_id = v.column2 + 0";
    assert_eq!(CHANGED.after, after);
    let set = "UPDATE interaction SET modified_date = v.column3, revision = v.column4 FROM (VALUES";
    let expected = [
        format!(
            "{set} (CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS INTEGER), CAST(? AS BIGINT)){after}"
        ),
        format!(
            "{set} (CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TIMESTAMPTZ), CAST($4 AS BIGINT)){after}"
        ),
    ];
    assert_eq!(both(&REVISED, 1), expected);
    let expected = "UPDATE interaction_json SET core = v.column4, user_data = v.column5 FROM (VALUES \
                    (CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT))\
                    ) AS v WHERE interaction_json.seq = v.column1 + 0 \
                    AND interaction_json.interaction_id = v.column2 || '' \
                    AND interaction_json.tenant_id = v.column3 + 0";
    assert_eq!(on_sqlite(&CHANGED_JSON, 1), expected);
}

#[test]
fn bytes_in_an_update_have_no_cast() {
    let set = "UPDATE web_action SET media_type = v.column2, map_id = v.column3, \
               map_version = v.column4, customer_id = v.column5, session_id = v.column6, \
               reference = v.column7, conversation_id = v.column8, error_code = v.column9, \
               event_date = v.column10, event = v.column11, contradicted = v.column12, \
               fingerprint = v.column13 FROM (VALUES";
    let row = "(CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), \
               CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS TEXT), \
               CAST($9 AS TEXT), CAST($10 AS TIMESTAMPTZ), CAST($11 AS TEXT), \
               CAST($12 AS BIGINT), $13)";
    let expected = format!("{set} {row}) AS v WHERE web_action.seq = v.column1 + 0");
    assert_eq!(ENRICHED.text::<OnPostgres>(1), expected);
}

#[test]
fn statements_with_a_rule_of_their_own_have_it_in_its_place() {
    for (statement, expected) in [
        (
            &**CHANGED_SESSIONS,
            "UPDATE client_session SET subscriptions = v.column2, holder = v.column3, \
             changed = v.column4, seen_date = v.column5, \
             cursor = CASE WHEN client_session.cursor < v.column6 THEN v.column6 \
             ELSE client_session.cursor END FROM (VALUES \
             (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT), \
             CAST(? AS INTEGER), CAST(? AS BIGINT))) AS v WHERE client_session.id = v.column1 || ''",
        ),
        (
            &**CURSORS,
            "UPDATE client_session SET cursor = v.column2, seen_date = v.column3 FROM (VALUES \
             (CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS INTEGER))) AS v \
             WHERE client_session.id = v.column1 || '' \
             AND client_session.cursor <= v.column2 + 0",
        ),
        (
            &**CONTRADICTED,
            "UPDATE web_action SET contradicted = 1 FROM (VALUES (CAST(? AS BIGINT))) AS v \
             WHERE web_action.seq = v.column1 + 0",
        ),
        (
            &**REDACTED,
            "UPDATE web_action SET event = v.column2, customer_id = v.column3, \
             error_code = v.column4, fingerprint = '' FROM (VALUES \
             (CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT))) AS v \
             WHERE web_action.seq = v.column1 + 0",
        ),
        (
            &**DELTAS,
            "UPDATE journal SET delta = v.column2 FROM (VALUES \
             (CAST(? AS BIGINT), CAST(? AS TEXT))) AS v WHERE journal.cursor = v.column1 + 0",
        ),
        (
            &**FOLDED,
            "UPDATE contact_attribute SET folded = v.column5 FROM (VALUES \
             (CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), \
             CAST(? AS TEXT))) AS v WHERE contact_attribute.contact_id = v.column1 || '' \
             AND contact_attribute.tenant_id = v.column2 + 0 \
             AND contact_attribute.name = v.column3 || '' \
             AND contact_attribute.position = v.column4 + 0",
        ),
        (
            &**DATES,
            "UPDATE webhook_delivery SET next_date = v.column3 FROM (VALUES \
             (CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS INTEGER))) AS v \
             WHERE webhook_delivery.webhook_id = v.column1 || '' \
             AND webhook_delivery.cursor = v.column2 + 0",
        ),
    ] {
        let statement: &Many = statement;
        assert_eq!(on_sqlite(statement, 1), expected);
    }
}
