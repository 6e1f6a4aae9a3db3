//! `client_session`, `client_spelling` and `client_answer`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, flag, int, kept, reading, text, time};
use crate::domain::Moment;
use crate::domain::client::{Answer, Choice, ClientSession};
use crate::store::StoreError;
use crate::store::dialect::{Columns, Dialect};

/// The sessions of notified clients.
pub struct Sessions;

/// A row of [`Sessions`].
pub struct SessionRow<'r> {
    /// The session.
    pub of: &'r ClientSession,
    /// The number of its last change.
    pub changed: i64,
    /// When it was last seen.
    pub seen: Moment,
}

impl Table for Sessions {
    type Row<'r> = SessionRow<'r>;
    const NAME: &'static str = "client_session";
    const KEY: &'static [&'static str] = &["id"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("id", |row| row.of.id.as_str().into()),
        kept(int("tenant_id", |row| row.of.tenant_id.into())),
        kept(text("user_name", |row| row.of.user.as_str().into())),
        text("subscriptions", |row| {
            serde_json::json!(row.of.subscriptions).to_string().into()
        }),
        int("cursor", |row| row.of.cursor.into()),
        text("holder", |row| row.of.holder.as_str().into()),
        kept(text("sign_in", |row| row.of.sign_in.as_str().into())),
        int("changed", |row| row.changed.into()),
        time("seen_date", |row| row.seen.into()),
    ];
}

/// New sessions.
pub static NEW_SESSIONS: LazyLock<Statement<Sessions>> = LazyLock::new(Statement::insert);

/// Changed sessions. A cursor never moves back.
pub static CHANGED_SESSIONS: LazyLock<Statement<Sessions>> = LazyLock::new(|| {
    let set = ["subscriptions", "holder", "changed", "seen_date", "cursor"];
    Statement::update_by(&set, |column, value| match column {
        "cursor" => format!(
            "CASE WHEN client_session.cursor < {value} THEN {value} ELSE client_session.cursor END"
        ),
        _ => value,
    })
});

/// The received cursors of sessions, and when they were seen.
pub static CURSORS: LazyLock<Statement<Sessions>> = LazyLock::new(|| {
    Statement::update_of(&["cursor", "seen_date"])
        .ending(" AND client_session.cursor <= v.column2 + 0")
});

reading! {
    /// Reads a session without its choices.
    Sessions, SESSION, session -> ClientSession:
    id text, tenant_id int, user_name text, subscriptions text, cursor int, holder text,
    sign_in text;
    ClientSession {
        id,
        tenant_id,
        user: user_name,
        subscriptions: serde_json::from_str(&subscriptions)
            .map_err(|_| StoreError::inconsistent("client_session", "subscriptions"))?,
        cursor,
        holder,
        sign_in,
        choices: Vec::new(),
    }
}

/// The spellings that users chose.
pub struct Spellings;

/// A row of [`Spellings`].
pub struct SpellingRow<'r> {
    /// Tenant.
    pub tenant: i64,
    /// The user.
    pub user: &'r str,
    /// The choice.
    pub choice: &'r Choice,
}

impl Table for Spellings {
    type Row<'r> = SpellingRow<'r>;
    const NAME: &'static str = "client_spelling";
    const KEY: &'static [&'static str] = &["tenant_id", "user_name", "sign_in", "collection"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("tenant_id", |row| row.tenant.into()),
        text("user_name", |row| row.user.into()),
        text("sign_in", |row| row.choice.sign_in.as_str().into()),
        text("collection", |row| row.choice.collection.as_str().into()),
        int("twin", |row| flag(row.choice.twin)),
        time("chosen_date", |row| row.choice.at.into()),
    ];
}

/// Choices; the last one counts.
pub static CHOICES: LazyLock<Statement<Spellings>> = LazyLock::new(Statement::upsert);

reading! {
    /// Reads a choice with its user.
    Spellings, CHOICE, choice -> (String, Choice):
    user_name text, sign_in text, collection text, twin int, chosen_date time;
    {
        let choice = Choice {
            sign_in,
            collection,
            twin: twin != 0,
            at: chosen_date,
        };
        (user_name, choice)
    }
}

/// The answers to users' clients.
pub struct Answers;

/// A row of [`Answers`].
pub struct AnswerRow<'r> {
    /// Its number.
    pub cursor: i64,
    /// Tenant.
    pub tenant: i64,
    /// The answer.
    pub answer: &'r Answer,
    /// When it was given.
    pub at: Moment,
}

impl Table for Answers {
    type Row<'r> = AnswerRow<'r>;
    const NAME: &'static str = "client_answer";
    const KEY: &'static [&'static str] = &["cursor"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("cursor", |row| row.cursor.into()),
        int("tenant_id", |row| row.tenant.into()),
        text("user_name", |row| row.answer.user.as_str().into()),
        text("channel", |row| row.answer.channel.as_str().into()),
        int("reference_id", |row| row.answer.reference_id.into()),
        text("data", |row| row.answer.data.as_str().into()),
        time("created_date", |row| row.at.into()),
    ];
}

/// New answers.
pub static ANSWERS: LazyLock<Statement<Answers>> = LazyLock::new(Statement::insert);

reading! {
    /// Reads an answer with its number.
    Answers, ANSWER, answer -> (i64, Answer):
    cursor int, user_name text, channel text, reference_id int, data text;
    {
        let answer = Answer {
            user: user_name,
            channel,
            reference_id,
            data,
            as_of: cursor,
        };
        (cursor, answer)
    }
}
