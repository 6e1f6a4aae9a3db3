//! What the columns hold of each row, by sheet.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::error::ArrowError;

use super::documents;
use crate::domain::Moment;
use crate::domain::interaction::Coded;
use crate::store::columns::{Action, Link, Numbered, Placed};

/// The column of places.
pub const PLACE: &str = "seq";
/// The column of tenants.
pub const TENANT: &str = "tenant_id";
/// The column of beginnings.
pub const START: &str = "start_date";

/// A kind of rows. Each has its own parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// Interactions, by the cursor of the entry that recorded each.
    Interactions,
    /// Events of web actions, by the cursor of the entry that recorded each.
    WebActions,
    /// Contacts, by a number that the columns give each.
    Contacts,
}

impl Sheet {
    /// All sheets with their names.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Interactions, "interactions"),
        (Self::WebActions, "web-actions"),
        (Self::Contacts, "contacts"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The sheet with a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, other)| *other == name)
            .map(|(sheet, _)| *sheet)
    }

    /// The type of a column.
    pub fn type_of(self, column: &str) -> Option<DataType> {
        match self {
            Self::Interactions => type_of::<Placed>(column),
            Self::WebActions => type_of::<Action>(column),
            Self::Contacts => type_of::<Numbered>(column),
        }
    }
}

/// How a value is taken from a row.
pub enum Take<R> {
    /// A text.
    Text(fn(&R) -> Option<&str>),
    /// A whole number.
    Int(fn(&R) -> Option<i64>),
    /// A truth value.
    Flag(fn(&R) -> bool),
    /// A moment.
    Time(fn(&R) -> Option<Moment>),
}

/// A column.
pub struct Column<R> {
    name: &'static str,
    take: Take<R>,
}

impl<R> Column<R> {
    fn kind(&self) -> DataType {
        match self.take {
            Take::Text(_) => DataType::Utf8,
            Take::Int(_) => DataType::Int64,
            Take::Flag(_) => DataType::Boolean,
            Take::Time(_) => time_type(),
        }
    }

    fn array(&self, rows: &[R]) -> ArrayRef {
        match self.take {
            Take::Text(take) => Arc::new(rows.iter().map(take).collect::<StringArray>()),
            Take::Int(take) => Arc::new(rows.iter().map(take).collect::<Int64Array>()),
            Take::Flag(take) => Arc::new(
                rows.iter()
                    .map(|row| Some(take(row)))
                    .collect::<BooleanArray>(),
            ),
            Take::Time(take) => {
                let micros = rows.iter().map(|row| take(row).map(Moment::micros));
                Arc::new(
                    micros
                        .collect::<TimestampMicrosecondArray>()
                        .with_timezone("UTC"),
                )
            }
        }
    }
}

const fn text<R>(name: &'static str, take: fn(&R) -> Option<&str>) -> Column<R> {
    Column {
        name,
        take: Take::Text(take),
    }
}

const fn time<R>(name: &'static str, take: fn(&R) -> Option<Moment>) -> Column<R> {
    Column {
        name,
        take: Take::Time(take),
    }
}

const fn int<R>(name: &'static str, take: fn(&R) -> Option<i64>) -> Column<R> {
    Column {
        name,
        take: Take::Int(take),
    }
}

const fn flag<R>(name: &'static str, take: fn(&R) -> bool) -> Column<R> {
    Column {
        name,
        take: Take::Flag(take),
    }
}

/// What is kept as a row of a sheet: some columns, and a JSON object whose keys become columns too.
pub trait Row: Sized + 'static {
    /// The columns; places and tenants are among them.
    const COLUMNS: &'static [Column<Self>];
    /// The object.
    fn document(&self) -> &str;
}

fn link(of: &Placed) -> Option<&Link> {
    of.link.as_ref()
}

impl Row for Placed {
    const COLUMNS: &'static [Column<Self>] = &[
        int(PLACE, |of| Some(of.place)),
        text("id", |of| Some(&of.interaction.id)),
        int(TENANT, |of| Some(of.interaction.tenant_id)),
        text("media_type", |of| Some(&of.interaction.media_type)),
        text("entity_type", |of| Some(of.interaction.entity_type.name())),
        text("type", |of| of.interaction.kind.as_deref()),
        text("subtype", |of| of.interaction.subtype.as_deref()),
        text("status", |of| Some(of.interaction.status.name())),
        text("contact_id", |of| of.interaction.contact_id.as_deref()),
        text("owner_id", |of| of.interaction.owner_id.as_deref()),
        text("parent_id", |of| of.interaction.parent_id.as_deref()),
        text("thread_id", |of| Some(&of.interaction.thread_id)),
        flag("can_be_parent", |of| of.interaction.can_be_parent),
        time(START, |of| Some(of.interaction.start_date)),
        time("end_date", |of| of.interaction.end_date),
        time("created_date", |of| Some(of.interaction.created_date)),
        time("modified_date", |of| Some(of.interaction.modified_date)),
        int("revision", |of| Some(of.interaction.revision)),
        text("subject", |of| of.interaction.subject.as_deref()),
        text("queue", |of| of.interaction.queue.as_deref()),
        text("category_id", |of| of.interaction.category_id.as_deref()),
        text("external_id", |of| of.interaction.external_id.as_deref()),
        text("stopped_reason", |of| {
            of.interaction.stopped_reason.as_deref()
        }),
        text("language", |of| of.interaction.language.as_deref()),
        text("link_copy_user_data", |of| {
            link(of)?.copy_user_data.as_deref()
        }),
        text("link_copied_keys", |of| Some(&link(of)?.copied_keys)),
        text("linked_by", |of| Some(&link(of)?.linked_by)),
        time("link_date", |of| Some(link(of)?.created_date)),
    ];

    fn document(&self) -> &str {
        &self.user_data
    }
}

impl Row for Action {
    const COLUMNS: &'static [Column<Self>] = &[
        int(PLACE, |of| Some(of.place)),
        int(TENANT, |of| Some(of.tenant)),
        text("action_id", |of| Some(&of.action_id)),
        text("state", |of| Some(&of.state)),
        text("media_type", |of| of.media_type.as_deref()),
        text("map_id", |of| of.map_id.as_deref()),
        int("map_version", |of| of.map_version),
        text("customer_id", |of| of.customer_id.as_deref()),
        text("session_id", |of| of.session_id.as_deref()),
        text("reference", |of| of.reference.as_deref()),
        text("error_code", |of| of.error_code.as_deref()),
        time("event_date", |of| Some(of.event_date)),
        flag("contradicted", |of| of.contradicted),
    ];

    fn document(&self) -> &str {
        &self.event
    }
}

impl Row for Numbered {
    const COLUMNS: &'static [Column<Self>] = &[
        int(PLACE, |of| Some(of.place)),
        text("id", |of| Some(&of.contact.id)),
        int(TENANT, |of| Some(of.contact.tenant_id)),
        text("merged_into", |of| of.contact.merged_into.as_deref()),
        time("created_date", |of| Some(of.contact.created_date)),
        time("modified_date", |of| Some(of.contact.modified_date)),
        int("revision", |of| Some(of.contact.revision)),
    ];

    fn document(&self) -> &str {
        &self.attributes
    }
}

/// The type of times: UTC, to the microsecond.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn type_of<R: Row>(column: &str) -> Option<DataType> {
    let mut columns = R::COLUMNS.iter();
    columns.find(|one| one.name == column).map(Column::kind)
}

/// Rows as columns; they come in the order of their places.
///
/// # Errors
/// If a column exceeds the 2 GiB of an array.
pub fn batch<R: Row>(rows: &[R]) -> Result<RecordBatch, ArrowError> {
    let fields = R::COLUMNS
        .iter()
        .map(|column| Field::new(column.name, column.kind(), true));
    let mut fields: Vec<Field> = fields.collect();
    let mut arrays: Vec<ArrayRef> = R::COLUMNS.iter().map(|column| column.array(rows)).collect();
    let objects: Vec<&str> = rows.iter().map(Row::document).collect();
    for (name, array) in documents::columns(&objects) {
        fields.push(Field::new(name, DataType::Utf8, true));
        arrays.push(Arc::new(array));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}
