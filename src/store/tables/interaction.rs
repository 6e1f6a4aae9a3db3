//! `interaction`, `interaction_json`, `interaction_text`, `user_data_index` and `link`.

use std::sync::LazyLock;

use super::{Column, Statement, Table, bytes, flag, int, kept, real, text, time};
use crate::domain::Moment;
use crate::domain::interaction::{Interaction, LongTexts};
use crate::store::content::Provenance;
use crate::store::core::pack;
use crate::store::dialect::Arg;

/// The columns for filters, orders and indexes.
pub struct Interactions;

/// A row of [`Interactions`].
pub struct InteractionRow<'r> {
    /// Its place.
    pub seq: i64,
    /// The fingerprint of the request that recorded it.
    pub fingerprint: &'r [u8],
    /// The interaction.
    pub of: &'r Interaction,
}

impl<'r> InteractionRow<'r> {
    /// A row for a statement that writes neither place nor fingerprint.
    pub fn there(of: &'r Interaction) -> Self {
        Self {
            seq: 0,
            fingerprint: &[],
            of,
        }
    }
}

impl Table for Interactions {
    type Row<'r> = InteractionRow<'r>;
    const NAME: &'static str = "interaction";
    const KEY: &'static [&'static str] = &["id", "tenant_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        kept(int("seq", |row| row.seq.into())),
        kept(bytes("fingerprint", |row| {
            Arg::Bytes(row.fingerprint.to_vec())
        })),
        kept(time("created_date", |row| row.of.created_date.into())),
        text("id", |row| row.of.id.as_str().into()),
        int("tenant_id", |row| row.of.tenant_id.into()),
        text("media_type", |row| row.of.media_type.as_str().into()),
        int("entity_type", |row| row.of.entity_type.code().into()),
        text("kind", |row| row.of.kind.as_deref().into()),
        text("subtype", |row| row.of.subtype.as_deref().into()),
        int("status", |row| row.of.status.code().into()),
        text("contact_id", |row| row.of.contact_id.as_deref().into()),
        text("owner_id", |row| row.of.owner_id.as_deref().into()),
        int("can_be_parent", |row| flag(row.of.can_be_parent)),
        time("start_date", |row| row.of.start_date.into()),
        time("end_date", |row| Arg::Time(row.of.end_date)),
        time("modified_date", |row| row.of.modified_date.into()),
        int("revision", |row| row.of.revision.into()),
        text("subject", |row| row.of.subject.as_deref().into()),
        text("queue", |row| row.of.queue.as_deref().into()),
        text("category_id", |row| row.of.category_id.as_deref().into()),
        text("external_id", |row| row.of.external_id.as_deref().into()),
        text("stopped_reason", |row| {
            row.of.stopped_reason.as_deref().into()
        }),
        text("language", |row| row.of.language.as_deref().into()),
        text("parent_id", |row| row.of.parent_id.as_deref().into()),
        text("thread_id", |row| row.of.thread_id.as_str().into()),
    ];
}

/// New interactions.
pub static NEW: LazyLock<Statement<Interactions>> = LazyLock::new(Statement::insert);
/// Interactions whose core attributes changed.
pub static CHANGED: LazyLock<Statement<Interactions>> = LazyLock::new(Statement::update);
/// Interactions of which only other content changed.
pub static REVISED: LazyLock<Statement<Interactions>> =
    LazyLock::new(|| Statement::update_of(&["modified_date", "revision"]));

/// What is sent of an interaction: its core attributes, packed, and its UserData as JSON text.
pub struct Json;

/// A row of [`Json`].
pub struct JsonRow<'r> {
    /// The place of the interaction.
    pub seq: i64,
    /// The interaction.
    pub of: &'r Interaction,
    /// Its UserData as JSON text.
    pub user_data: &'r str,
}

impl Table for Json {
    type Row<'r> = JsonRow<'r>;
    const NAME: &'static str = "interaction_json";
    const KEY: &'static [&'static str] = &["seq", "interaction_id", "tenant_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("seq", |row| row.seq.into()),
        text("interaction_id", |row| row.of.id.as_str().into()),
        int("tenant_id", |row| row.of.tenant_id.into()),
        text("core", |row| pack(row.of).into()),
        text("user_data", |row| row.user_data.into()),
    ];
}

/// The JSON of new interactions.
pub static NEW_JSON: LazyLock<Statement<Json>> = LazyLock::new(Statement::insert);
/// The JSON of changed interactions.
pub static CHANGED_JSON: LazyLock<Statement<Json>> = LazyLock::new(Statement::update);

/// The long texts of an interaction. The key differs between the databases
/// (`Dialect::texts`).
pub struct Texts;

/// A row of [`Texts`].
pub struct TextsRow<'r> {
    /// The place of the interaction.
    pub seq: i64,
    /// The interaction.
    pub of: &'r Interaction,
    /// Its long texts.
    pub texts: &'r LongTexts,
}

impl Table for Texts {
    type Row<'r> = TextsRow<'r>;
    const NAME: &'static str = "interaction_text";
    const KEY: &'static [&'static str] = &["seq", "interaction_id", "tenant_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        int("seq", |row| row.seq.into()),
        text("interaction_id", |row| row.of.id.as_str().into()),
        int("tenant_id", |row| row.of.tenant_id.into()),
        text("text", |row| row.texts.text.as_deref().into()),
        text("structured_text", |row| {
            row.texts.structured_text.as_deref().into()
        }),
        text("comment", |row| row.texts.comment.as_deref().into()),
        text("participants", |row| {
            let all = row.texts.participants.as_ref();
            all.map(|all| serde_json::to_string(all).unwrap_or_default())
                .into()
        }),
    ];
}

/// The index of declared keys.
pub struct UserDataIndex;

/// A row of [`UserDataIndex`].
pub struct IndexRow<'r> {
    /// The interaction.
    pub of: &'r Interaction,
    /// The declared key.
    pub key: &'r str,
    /// The index among the rows of the interaction under this key.
    pub place: usize,
    /// The value, if it is a text.
    pub text: Option<&'r str>,
    /// The value, if it is a number.
    pub number: Option<f64>,
}

impl Table for UserDataIndex {
    type Row<'r> = IndexRow<'r>;
    const NAME: &'static str = "user_data_index";
    const KEY: &'static [&'static str] = &["interaction_id", "tenant_id", "key", "place"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("interaction_id", |row| row.of.id.as_str().into()),
        int("tenant_id", |row| row.of.tenant_id.into()),
        text("key", |row| row.key.into()),
        int("place", |row| {
            i64::try_from(row.place).unwrap_or(i64::MAX).into()
        }),
        text("text_value", |row| row.text.into()),
        real("number_value", |row| Arg::Real(row.number)),
        time("start_date", |row| row.of.start_date.into()),
    ];
}

/// Rows of the index of declared keys; an existing row is overwritten.
pub static INDEX: LazyLock<Statement<UserDataIndex>> = LazyLock::new(Statement::upsert);

/// The links from web engagements to their conversations.
pub struct Links;

/// A link from a web engagement to its conversation.
#[derive(Clone)]
pub struct Link {
    /// Tenant.
    pub tenant: i64,
    /// The web engagement.
    pub parent: String,
    /// The conversation.
    pub child: String,
    /// The policy as requested, or the server's.
    pub copy: Option<String>,
    /// The keys copied.
    pub copied: Vec<String>,
    /// Its origin: `engagement`, `parentId`, `parent`, or `userData.<key>`.
    pub linked_by: String,
    /// When it was created.
    pub at: Moment,
}

impl Link {
    /// What the child's entry says of the link.
    pub fn provenance(&self) -> Provenance<'_> {
        Provenance {
            copy_user_data: self.copy.as_deref(),
            copied_keys: &self.copied,
            linked_by: &self.linked_by,
        }
    }
}

impl Table for Links {
    type Row<'r> = Link;
    const NAME: &'static str = "link";
    const KEY: &'static [&'static str] = &["child_id", "tenant_id"];
    const COLUMNS: &'static [Column<Self>] = &[
        text("child_id", |link| link.child.as_str().into()),
        int("tenant_id", |link| link.tenant.into()),
        text("parent_id", |link| link.parent.as_str().into()),
        text("copy_user_data", |link| link.copy.as_deref().into()),
        text("copied_keys", |link| {
            serde_json::json!(link.copied).to_string().into()
        }),
        text("linked_by", |link| link.linked_by.as_str().into()),
        time("created_date", |link| link.at.into()),
    ];
}

/// Links; an existing one is overwritten.
pub static LINK: LazyLock<Statement<Links>> = LazyLock::new(Statement::upsert);
