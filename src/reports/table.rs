//! The tables of SQL, made from the columns.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Builder, MapBuilder, RecordBatch,
    RecordBatchOptions, StringArray, StringBuilder, UInt32Array, new_null_array,
};
use arrow::compute::{filter_record_batch, is_not_null, take};
use arrow::datatypes::{
    DataType, Field, Fields, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures_util::stream;

use super::columns::documents::{self, REST};
use super::columns::part::{Batches, Part};
use super::columns::rows::{START, TENANT};
use super::columns::{ColumnsError, Sheet, Snapshot};

/// What precedes the key in the name of a column of `interactions` that holds a key of UserData.
pub const KEY: &str = "user_data.";

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One row for each interaction.
    Interactions,
    /// One row for each key of each interaction's UserData.
    UserData,
    /// One row for each engagement that is linked to its web engagement.
    Links,
    /// One row for each event of a web action.
    WebActions,
    /// One row for each contact.
    Contacts,
    /// One row for each value of each contact's attributes.
    ContactAttributes,
}

/// What a column of a table is made from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A column of the sheet.
    Column(&'static str),
    /// Beginning and end: seconds between them.
    Duration,
    /// The document, as a map of texts.
    Map,
    /// A member of the document, of which each row of the table has one: its name.
    Name,
    /// Its value as text.
    Value,
    /// Its type.
    Type,
    /// The index of the value among those of its name.
    Position,
}

/// A column of a table: its name, and what it is made from.
type Made = (&'static str, Source);

const fn same(name: &'static str) -> Made {
    (name, Source::Column(name))
}

const INTERACTIONS: &[Made] = &[
    same("id"),
    same("media_type"),
    same("entity_type"),
    same("type"),
    same("subtype"),
    same("status"),
    same("contact_id"),
    same("owner_id"),
    same("parent_id"),
    same("thread_id"),
    same("can_be_parent"),
    same("start_date"),
    same("end_date"),
    ("duration", Source::Duration),
    same("created_date"),
    same("modified_date"),
    same("revision"),
    same("subject"),
    same("queue"),
    same("category_id"),
    same("external_id"),
    same("stopped_reason"),
    same("language"),
    ("user_data", Source::Map),
];
const USER_DATA: &[Made] = &[
    ("interaction_id", Source::Column("id")),
    same("start_date"),
    ("key", Source::Name),
    ("value", Source::Value),
    ("type", Source::Type),
];
const LINKS: &[Made] = &[
    ("child_id", Source::Column("id")),
    same("parent_id"),
    ("copy_user_data", Source::Column("link_copy_user_data")),
    ("copied_keys", Source::Column("link_copied_keys")),
    same("linked_by"),
    ("created_date", Source::Column("link_date")),
];
const WEB_ACTIONS: &[Made] = &[
    same("action_id"),
    same("state"),
    same("media_type"),
    same("map_id"),
    same("map_version"),
    same("customer_id"),
    same("session_id"),
    same("reference"),
    same("error_code"),
    same("event_date"),
    same("contradicted"),
    ("event", Source::Map),
];
const CONTACTS: &[Made] = &[
    same("id"),
    same("merged_into"),
    same("created_date"),
    same("modified_date"),
    same("revision"),
];
const CONTACT_ATTRIBUTES: &[Made] = &[
    ("contact_id", Source::Column("id")),
    ("name", Source::Name),
    ("position", Source::Position),
    ("value", Source::Value),
];

impl Kind {
    /// Every table with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Interactions, "interactions"),
        (Self::UserData, "user_data"),
        (Self::Links, "links"),
        (Self::WebActions, "web_actions"),
        (Self::Contacts, "contacts"),
        (Self::ContactAttributes, "contact_attributes"),
    ];

    /// The sheet that its rows come from, and its columns.
    fn parts(self) -> (Sheet, &'static [Made]) {
        match self {
            Self::Interactions => (Sheet::Interactions, INTERACTIONS),
            Self::UserData => (Sheet::Interactions, USER_DATA),
            Self::Links => (Sheet::Interactions, LINKS),
            Self::WebActions => (Sheet::WebActions, WEB_ACTIONS),
            Self::Contacts => (Sheet::Contacts, CONTACTS),
            Self::ContactAttributes => (Sheet::Contacts, CONTACT_ATTRIBUTES),
        }
    }

    /// What a column is made from.
    fn source(self, name: &str) -> Source {
        let (_, columns) = self.parts();
        let column = columns.iter().find(|(other, _)| *other == name);
        column.expect("a schema has columns of its table").1
    }

    fn field(self, name: &'static str, source: Source) -> Field {
        let (sheet, _) = self.parts();
        let kind = match source {
            Source::Column(name) => sheet
                .type_of(name)
                .expect("a table names columns of its sheet"),
            Source::Duration => DataType::Float64,
            Source::Map => map_type(),
            Source::Position => DataType::Int64,
            Source::Name | Source::Value | Source::Type => DataType::Utf8,
        };
        Field::new(name, kind, true)
    }
}

fn map_type() -> DataType {
    let entries = Fields::from(vec![
        Field::new("keys", DataType::Utf8, false),
        Field::new("values", DataType::Utf8, true),
    ]);
    DataType::Map(
        Arc::new(Field::new("entries", DataType::Struct(entries), false)),
        false,
    )
}

/// A table of one tenant, at one cursor.
pub struct Table {
    kind: Kind,
    snapshot: Arc<Snapshot>,
    tenant: i64,
    schema: SchemaRef,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("kind", &self.kind)
            .field("cursor", &self.snapshot.cursor)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// A table of the rows of a tenant. `keys` of UserData are columns of `interactions`.
    pub fn new(kind: Kind, snapshot: Arc<Snapshot>, tenant: i64, keys: &BTreeSet<String>) -> Self {
        let (_, columns) = kind.parts();
        let mut fields: Vec<Field> = columns
            .iter()
            .map(|(name, source)| kind.field(name, *source))
            .collect();
        if kind == Kind::Interactions {
            fields.extend(
                keys.iter()
                    .map(|key| Field::new(format!("{KEY}{key}"), DataType::Utf8, true)),
            );
        }
        let schema = Arc::new(Schema::new(fields));
        Self {
            kind,
            snapshot,
            tenant,
            schema,
        }
    }
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(places) => Arc::new(self.schema.project(places)?),
            None => Arc::clone(&self.schema),
        };
        let ways = state.config().target_partitions().max(1);
        let scan = Arc::new(Scan {
            kind: self.kind,
            tenant: self.tenant,
            schema: Arc::clone(&schema),
        });
        let mut shares: Vec<(u64, Vec<Arc<Part>>)> = vec![(0, Vec::new()); ways];
        for part in self.snapshot.parts(self.kind.parts().0) {
            // the largest share gets no more
            let least = shares
                .iter_mut()
                .min_by_key(|(rows, _)| *rows)
                .expect("there is a share");
            least.0 += part.live();
            least.1.push(Arc::clone(part));
        }
        let partitions = shares
            .into_iter()
            .map(|(_, parts)| -> Arc<dyn PartitionStream> {
                Arc::new(Share {
                    scan: Arc::clone(&scan),
                    parts,
                })
            })
            .collect();
        let plan = StreamingTableExec::try_new(
            schema,
            partitions,
            None,
            std::iter::empty(),
            false,
            limit,
        )?;
        Ok(Arc::new(plan))
    }
}

/// What a query takes from each part.
struct Scan {
    kind: Kind,
    tenant: i64,
    schema: SchemaRef,
}

/// The parts of one partition.
struct Share {
    scan: Arc<Scan>,
    parts: Vec<Arc<Part>>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("parts", &self.parts.len())
            .finish_non_exhaustive()
    }
}

impl PartitionStream for Share {
    fn schema(&self) -> &SchemaRef {
        &self.scan.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = Arc::clone(&self.scan);
        let batches = self.parts.clone().into_iter().flat_map(move |part| {
            let scan = Arc::clone(&scan);
            match scan.read(&part) {
                Ok(batches) => Box::new(batches.map(move |batch| scan.made(&batch?))) as Batches,
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        });
        let batches =
            batches.map(|batch| batch.map_err(|error| DataFusionError::External(Box::new(error))));
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.scan.schema),
            stream::iter(batches),
        ))
    }
}

impl Scan {
    /// The columns of a part that are needed.
    fn read(&self, part: &Part) -> std::result::Result<Batches, ColumnsError> {
        let mut names: BTreeSet<String> = BTreeSet::from([TENANT.to_owned()]);
        if self.kind == Kind::Links {
            names.insert("linked_by".to_owned());
        }
        let of = part.schema();
        let mut whole = matches!(self.kind, Kind::UserData | Kind::ContactAttributes);
        for field in self.schema.fields() {
            if let Some(key) = field.name().strip_prefix(KEY) {
                let column = documents::column_of(key);
                let own = of.field_with_name(&column).is_ok();
                names.insert(if own { column } else { REST.to_owned() });
                continue;
            }
            match self.kind.source(field.name()) {
                Source::Column(name) => {
                    names.insert(name.to_owned());
                }
                Source::Duration => names.extend([START.to_owned(), "end_date".to_owned()]),
                Source::Map => whole = true,
                Source::Name | Source::Value | Source::Type | Source::Position => {}
            }
        }
        if whole {
            let all = of.fields().iter().map(|field| field.name());
            let keys = all.filter(|name| documents::key_of(name).is_some() || *name == REST);
            names.extend(keys.cloned());
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        part.batches(&names)
    }

    /// The rows of the table from rows of a part.
    fn made(&self, batch: &RecordBatch) -> std::result::Result<RecordBatch, ColumnsError> {
        let tenants = batch[TENANT].as_primitive::<Int64Type>().values();
        let mut batch = batch.clone();
        if tenants.iter().any(|tenant| *tenant != self.tenant) {
            let own: BooleanArray = tenants
                .iter()
                .map(|tenant| Some(*tenant == self.tenant))
                .collect();
            batch = filter_record_batch(&batch, &own)?;
        }
        match self.kind {
            Kind::UserData | Kind::ContactAttributes => return self.members(&batch),
            Kind::Links => batch = filter_record_batch(&batch, &is_not_null(&batch["linked_by"])?)?,
            Kind::Interactions | Kind::WebActions | Kind::Contacts => {}
        }
        let arrays = self.schema.fields().iter().map(
            |field| -> std::result::Result<ArrayRef, ColumnsError> {
                if let Some(key) = field.name().strip_prefix(KEY) {
                    return Ok(Arc::new(texts_of(&batch, key)));
                }
                Ok(match self.kind.source(field.name()) {
                    Source::Duration => Arc::new(durations(&batch)),
                    Source::Map => map(&batch)?,
                    Source::Column(name) => Arc::clone(&batch[name]),
                    _ => unreachable!("tables of members are made elsewhere"),
                })
            },
        );
        self.batch(
            arrays.collect::<std::result::Result<_, _>>()?,
            batch.num_rows(),
        )
    }

    /// A row for each member of each document, or for each element of the lists of contacts.
    fn members(&self, batch: &RecordBatch) -> std::result::Result<RecordBatch, ColumnsError> {
        let mut rows: Vec<u32> = Vec::new();
        let (mut names, mut values, mut types) = (
            StringBuilder::new(),
            StringBuilder::new(),
            StringBuilder::new(),
        );
        let mut positions = Int64Builder::new();
        for (row, number) in (0..batch.num_rows()).zip(0..) {
            let mut push = |name: &str, value: &str, position| {
                rows.push(number);
                names.append_value(name);
                values.append_option(text_of(value).as_deref());
                types.append_value(type_of(value));
                positions.append_value(position);
            };
            each_member(batch, row, |name, value| {
                if self.kind == Kind::ContactAttributes {
                    let elements: Vec<&serde_json::value::RawValue> =
                        serde_json::from_str(value).unwrap_or_default();
                    for (element, position) in elements.iter().zip(0..) {
                        push(name, element.get(), position);
                    }
                } else {
                    push(name, value, 0);
                }
            });
        }
        let (count, places) = (rows.len(), UInt32Array::from(rows));
        let names: ArrayRef = Arc::new(names.finish());
        let values: ArrayRef = Arc::new(values.finish());
        let types: ArrayRef = Arc::new(types.finish());
        let positions: ArrayRef = Arc::new(positions.finish());
        let arrays = self.schema.fields().iter().map(
            |field| -> std::result::Result<ArrayRef, ColumnsError> {
                Ok(match self.kind.source(field.name()) {
                    Source::Name => Arc::clone(&names),
                    Source::Value => Arc::clone(&values),
                    Source::Type => Arc::clone(&types),
                    Source::Position => Arc::clone(&positions),
                    Source::Column(name) => take(&batch[name], &places, None)?,
                    Source::Duration | Source::Map => {
                        unreachable!("a table of members has neither")
                    }
                })
            },
        );
        self.batch(arrays.collect::<std::result::Result<_, _>>()?, count)
    }

    fn batch(
        &self,
        arrays: Vec<ArrayRef>,
        rows: usize,
    ) -> std::result::Result<RecordBatch, ColumnsError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            arrays,
            &options,
        )?)
    }
}

/// Seconds from beginning to end.
#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 microseconds are 285 years"
)]
fn durations(batch: &RecordBatch) -> Float64Array {
    let start = batch[START].as_primitive::<TimestampMicrosecondType>();
    let end = batch["end_date"].as_primitive::<TimestampMicrosecondType>();
    let seconds = start
        .iter()
        .zip(end.iter())
        .map(|(start, end)| Some((end? - start?) as f64 / 1e6));
    seconds.collect()
}

/// Calls `each` for the keys and values of an interaction's UserData.
fn each_member(batch: &RecordBatch, row: usize, mut each: impl FnMut(&str, &str)) {
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let name = field.name();
        let key = documents::key_of(name);
        if (key.is_none() && name != REST) || array.is_null(row) {
            continue;
        }
        let value = array.as_string::<i32>().value(row);
        match key {
            Some(key) => each(key, value),
            None => documents::members(value)
                .iter()
                .for_each(|(key, value)| each(key, value.get())),
        }
    }
}

/// The values of a key as JSON texts.
fn values_of(batch: &RecordBatch, key: &str) -> ArrayRef {
    if let Some(own) = batch.column_by_name(&documents::column_of(key)) {
        return Arc::clone(own);
    }
    match batch.column_by_name(REST) {
        Some(rest) if rest.null_count() < rest.len() => {
            let rest = rest.as_string::<i32>().iter();
            let values = rest.map(|object| documents::value(object?, key));
            Arc::new(values.collect::<StringArray>())
        }
        _ => new_null_array(&DataType::Utf8, batch.num_rows()),
    }
}

/// The values of a key as texts.
fn texts_of(batch: &RecordBatch, key: &str) -> StringArray {
    let values = values_of(batch, key);
    let mut texts = StringBuilder::with_capacity(values.len(), 0);
    for value in values.as_string::<i32>() {
        texts.append_option(value.and_then(text_of).as_deref());
    }
    texts.finish()
}

/// A JSON value as text: a text itself, nothing for null, and else its JSON text.
fn text_of(json: &str) -> Option<std::borrow::Cow<'_, str>> {
    if json == "null" {
        return None;
    }
    let quoted = json
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    Some(match quoted {
        Some(plain) if !plain.contains('\\') => plain.into(),
        Some(_) => serde_json::from_str::<String>(json)
            .unwrap_or_default()
            .into(),
        None => json.into(),
    })
}

/// The type of a JSON value.
fn type_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "list",
        Some(b't' | b'f') => "boolean",
        Some(b'n') | None => "null",
        _ if json.contains(['.', 'e', 'E']) => "number",
        _ => "integer",
    }
}

/// UserData as maps of texts.
fn map(batch: &RecordBatch) -> std::result::Result<ArrayRef, ColumnsError> {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in 0..batch.num_rows() {
        each_member(batch, row, |key, value| {
            maps.keys().append_value(key);
            maps.values().append_option(text_of(value).as_deref());
        });
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}
