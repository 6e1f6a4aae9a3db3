//! The baseline of claims (a) and (h): the same bytes by plain multi-row inserts into the same
//! tables and indexes, and nothing else.

use annals::domain::words;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{
    Arguments, AssertSqlSafe, ConnectOptions, Connection, Row, Sqlite, SqliteConnection,
    Transaction, TypeInfo, Value, ValueRef,
};

/// Rows per transaction.
pub const GROUP: usize = 1000;

/// A table, and how the rows in a range of cursors are read back from it.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
    pub from: &'static str,
}

/// The condition for a table with the cursor in `seq`.
pub const BY_SEQ: &str = "WHERE r.seq > $1 AND r.seq <= $2 ORDER BY r.seq";

/// The journal.
pub const JOURNAL: Table = Table {
    name: "journal",
    columns: &[
        "cursor",
        "tenant_id",
        "at",
        "kind",
        "interaction_id",
        "contact_id",
        "media_type",
        "owner_id",
        "action_id",
        "actor",
        "delta",
    ],
    from: "WHERE r.cursor > $1 AND r.cursor <= $2 ORDER BY r.cursor",
};

const TABLES: [Table; 4] = [
    Table {
        name: "interaction",
        columns: &[
            "seq",
            "id",
            "tenant_id",
            "media_type",
            "entity_type",
            "kind",
            "subtype",
            "status",
            "contact_id",
            "owner_id",
            "parent_id",
            "thread_id",
            "can_be_parent",
            "start_date",
            "end_date",
            "created_date",
            "modified_date",
            "revision",
            "subject",
            "queue",
            "category_id",
            "external_id",
            "stopped_reason",
            "language",
            "fingerprint",
        ],
        from: BY_SEQ,
    },
    Table {
        name: "interaction_json",
        columns: &["seq", "interaction_id", "tenant_id", "core", "user_data"],
        from: BY_SEQ,
    },
    Table {
        name: "interaction_text",
        columns: &[
            "seq",
            "interaction_id",
            "tenant_id",
            "text",
            "structured_text",
            "comment",
            "participants",
        ],
        from: BY_SEQ,
    },
    JOURNAL,
];

/// A value of a row.
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl Cell {
    fn bytes(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Int(_) => 8,
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
        }
    }
}

/// A table's name, its columns, and its rows.
pub type Filled = (&'static str, &'static [&'static str], Vec<Vec<Cell>>);

/// The rows of one transaction by table, each with the number of its columns.
pub struct Prebuilt {
    tables: Vec<Filled>,
    last_cursor: i64,
    /// Bytes of all values.
    pub bytes: usize,
}

fn cell(row: &sqlx::sqlite::SqliteRow, column: usize) -> Cell {
    let value = row
        .try_get_raw(column)
        .expect("the column was selected")
        .to_owned();
    match value.type_info().name() {
        _ if value.is_null() => Cell::Null,
        "INTEGER" => Cell::Int(value.decode()),
        "BLOB" => Cell::Blob(value.decode()),
        _ => Cell::Text(value.decode()),
    }
}

/// Bytes of all values.
pub fn bytes(filled: &Filled) -> usize {
    filled.2.iter().flatten().map(Cell::bytes).sum()
}

/// Reads back the rows of one table that the store wrote after one cursor and up to another.
pub async fn read(conn: &mut SqliteConnection, table: &Table, after: i64, until: i64) -> Filled {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|name| format!("r.{name}"))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} r {}",
        columns.join(", "),
        table.name,
        table.from
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(after)
        .bind(until)
        .fetch_all(conn)
        .await
        .expect("the store's rows can be read");
    let rows = rows
        .iter()
        .map(|row| (0..table.columns.len()).map(|n| cell(row, n)).collect())
        .collect();
    (table.name, table.columns, rows)
}

/// Reads back what the store wrote after one cursor and up to another.
pub async fn read_back(conn: &mut SqliteConnection, after: i64, until: i64) -> Prebuilt {
    let mut tables = Vec::new();
    for table in &TABLES {
        tables.push(read(conn, table, after, until).await);
    }
    let sql = "SELECT i.seq, i.subject, t.text FROM interaction i \
               LEFT JOIN interaction_text t ON t.seq = i.seq \
               WHERE i.seq > $1 AND i.seq <= $2 ORDER BY i.seq";
    let texts: Vec<(i64, Option<String>, Option<String>)> = sqlx::query_as(sql)
        .bind(after)
        .bind(until)
        .fetch_all(&mut *conn)
        .await
        .expect("the store's texts can be read");
    let found = texts
        .into_iter()
        .filter_map(|(seq, subject, text)| {
            let joined = words::joined(subject.as_deref().into_iter().chain(text.as_deref()));
            (!joined.is_empty()).then(|| vec![Cell::Int(seq), Cell::Text(joined)])
        })
        .collect();
    tables.push(("interaction_words", &["rowid", "words"], found));
    let bytes = tables.iter().map(bytes).sum();
    Prebuilt {
        tables,
        last_cursor: until,
        bytes,
    }
}

/// A connection with the settings of the store's writer.
pub async fn connect(path: &std::path::Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false)
        .pragma("wal_autocheckpoint", "0")
        .pragma("cache_size", "-32768")
        .busy_timeout(std::time::Duration::from_secs(30))
        .connect()
        .await
        .expect("the file can be opened")
}

/// Begins a write transaction.
pub async fn begin(conn: &mut SqliteConnection) -> Transaction<'_, Sqlite> {
    conn.begin_with("BEGIN IMMEDIATE")
        .await
        .expect("nobody else writes")
}

/// Inserts rows with one statement.
pub async fn insert_rows(conn: &mut SqliteConnection, (table, columns, rows): Filled) {
    if rows.is_empty() {
        return;
    }
    let mut sql = format!("INSERT INTO {table} ({}) VALUES ", columns.join(", "));
    let row = format!("({})", vec!["?"; columns.len()].join(", "));
    for n in 0..rows.len() {
        if n > 0 {
            sql.push_str(", ");
        }
        sql.push_str(&row);
    }
    let mut args = SqliteArguments::default();
    args.reserve(rows.len() * columns.len(), 0);
    for value in rows.into_iter().flatten() {
        match value {
            Cell::Null => args.add(None::<i64>),
            Cell::Int(number) => args.add(number),
            Cell::Text(text) => args.add(text),
            Cell::Blob(bytes) => args.add(bytes),
        }
        .expect("every value can be bound");
    }
    sqlx::query_with(AssertSqlSafe(sql), args)
        .execute(conn)
        .await
        .expect("the rows fit");
}

/// Inserts prebuilt rows: one transaction, one statement per table.
pub async fn insert(conn: &mut SqliteConnection, rows: Prebuilt) {
    let mut transaction = begin(conn).await;
    for filled in rows.tables {
        insert_rows(&mut transaction, filled).await;
    }
    sqlx::query("UPDATE journal_head SET last_cursor = ? WHERE id = 1")
        .bind(rows.last_cursor)
        .execute(&mut *transaction)
        .await
        .expect("there is a head");
    transaction.commit().await.expect("the disk has room");
}
