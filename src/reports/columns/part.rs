//! A part of the columns: rows in the order of their places, in a file or in memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
    RowSelector,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use roaring::RoaringTreemap;

use super::ColumnsError;
use super::documents::{self, Census, REST};
use super::rows::PLACE;

/// Rows of a row group.
const GROUP: usize = 32 * 1024;
/// Rows that are read at once.
const BATCH: usize = 8 * 1024;
const ZSTD: i32 = 3;

/// Batches of live rows.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ColumnsError>> + Send>;

/// A part. What changes of it is which of its rows are masked.
#[derive(Clone, Debug)]
pub struct Part {
    /// The places of all rows.
    places: Arc<RoaringTreemap>,
    /// Those whose interaction has a newer row elsewhere, or is gone.
    masked: RoaringTreemap,
    /// Whether it holds something that was deleted or erased.
    shred: bool,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Memory(RecordBatch),
    File(Arc<Stored>),
}

/// A file of a part.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    /// No manifest names it: it is removed with the last snapshot that has it.
    obsolete: AtomicBool,
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.obsolete.load(Ordering::Relaxed)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, file = %self.path.display(), "a file of the reports could not be removed");
        }
    }
}

impl Part {
    /// A part in memory.
    pub fn of(batch: RecordBatch) -> Self {
        Self {
            places: Arc::new(places(&batch)),
            masked: RoaringTreemap::new(),
            shred: false,
            body: Body::Memory(batch),
        }
    }

    /// A part from a file that [`write()`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn open(path: &Path, masked: RoaringTreemap) -> Result<Self, ColumnsError> {
        let file = File::open(path)?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        let mut part = Self {
            places: Arc::default(),
            masked: RoaringTreemap::new(),
            shred: false,
            body: Body::File(Arc::new(Stored {
                path: path.to_owned(),
                metadata,
                obsolete: AtomicBool::new(false),
            })),
        };
        let mut all = RoaringTreemap::new();
        for batch in part.rows(&[PLACE], false)? {
            all |= places(&batch?);
        }
        part.places = Arc::new(all);
        part.masked = masked;
        Ok(part)
    }

    /// The name of its file.
    pub fn file(&self) -> Option<&str> {
        match &self.body {
            Body::Memory(_) => None,
            Body::File(stored) => stored.path.file_name()?.to_str(),
        }
    }

    /// Its file is removed once nobody reads it.
    pub fn retire(&self) {
        if let Body::File(stored) = &self.body {
            stored.obsolete.store(true, Ordering::Relaxed);
        }
    }

    /// The number of rows that are not masked.
    pub fn live(&self) -> u64 {
        self.places.len() - self.masked.len()
    }

    /// The masked rows.
    pub fn masked(&self) -> &RoaringTreemap {
        &self.masked
    }

    /// Masks the rows of places.
    pub fn mask(&mut self, gone: &RoaringTreemap) {
        self.masked |= &*self.places & gone;
    }

    /// Whether some of these places have a row here that is not masked.
    pub fn overlaps(&self, gone: &RoaringTreemap) -> bool {
        let here = &*self.places & gone;
        !here.is_subset(&self.masked)
    }

    /// Whether some of these places have a row here, masked or not.
    pub fn holds(&self, places: &RoaringTreemap) -> bool {
        !self.places.is_disjoint(places)
    }

    /// It holds something that was deleted or erased.
    pub fn mark(&mut self) {
        self.shred = true;
    }

    /// Whether it holds something that was deleted or erased.
    pub fn shred(&self) -> bool {
        self.shred
    }

    /// The bytes that it takes in memory.
    pub fn memory(&self) -> usize {
        match &self.body {
            Body::Memory(batch) => batch.get_array_memory_size(),
            Body::File(_) => 0,
        }
    }

    /// All columns.
    pub fn schema(&self) -> SchemaRef {
        match &self.body {
            Body::Memory(batch) => batch.schema(),
            Body::File(stored) => Arc::clone(stored.metadata.schema()),
        }
    }

    /// Live rows of some columns; a name that the part lacks is left out.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn batches(&self, columns: &[&str]) -> Result<Batches, ColumnsError> {
        self.rows(columns, true)
    }

    fn rows(&self, columns: &[&str], live: bool) -> Result<Batches, ColumnsError> {
        let schema = self.schema();
        let wanted: Vec<usize> = schema
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| columns.contains(&field.name().as_str()))
            .map(|(place, _)| place)
            .collect();
        let masked = live && !self.masked.is_empty();
        match &self.body {
            Body::Memory(batch) => {
                let mut found = batch.project(&wanted)?;
                if masked {
                    found = filter_record_batch(&found, &self.kept(batch))?;
                }
                let mut from = 0;
                Ok(Box::new(std::iter::from_fn(move || {
                    let rows = BATCH.min(found.num_rows() - from);
                    from += rows;
                    (rows > 0).then(|| Ok(found.slice(from - rows, rows)))
                })))
            }
            Body::File(stored) => {
                let file = File::open(&stored.path)?;
                let metadata = stored.metadata.clone();
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
                let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
                let mut builder = builder.with_projection(mask).with_batch_size(BATCH);
                if masked {
                    builder = builder.with_row_selection(self.selection());
                }
                Ok(Box::new(builder.build()?.map(|batch| Ok(batch?))))
            }
        }
    }

    /// Which rows of its batch are live.
    fn kept(&self, batch: &RecordBatch) -> BooleanArray {
        let places = place_values(batch).iter();
        places
            .map(|place| Some(!self.masked.contains(place.cast_unsigned())))
            .collect()
    }

    /// The live rows of its file.
    fn selection(&self) -> RowSelection {
        let mut selectors = Vec::new();
        let mut row = 0;
        for place in &self.masked {
            let at = usize::try_from(self.places.rank(place) - 1).unwrap_or(usize::MAX);
            if at > row {
                selectors.push(RowSelector::select(at - row));
            }
            selectors.push(RowSelector::skip(1));
            row = at + 1;
        }
        let all = usize::try_from(self.places.len()).unwrap_or(usize::MAX);
        if all > row {
            selectors.push(RowSelector::select(all - row));
        }
        RowSelection::from(selectors)
    }
}

fn place_values(batch: &RecordBatch) -> &[i64] {
    let column = batch.column_by_name(PLACE).expect("every part has places");
    column.as_primitive::<Int64Type>().values()
}

fn places(batch: &RecordBatch) -> RoaringTreemap {
    let places = place_values(batch).iter();
    places.map(|place| place.cast_unsigned()).collect()
}

/// The keys that get a column where these parts become one.
fn keys(parts: &[Arc<Part>]) -> Result<Vec<String>, ColumnsError> {
    let mut census = Census::default();
    for part in parts {
        let schema = part.schema();
        let names: BTreeSet<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .filter(|name| !is_fixed(name))
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        for batch in part.batches(&names)? {
            let batch = batch?;
            for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
                let valid = array.len() - array.null_count();
                match documents::key_of(field.name()) {
                    _ if valid == 0 => {}
                    Some(key) => census.count(key, valid as u64),
                    None => {
                        for object in array.as_string::<i32>().iter().flatten() {
                            for (key, _) in documents::members(object) {
                                census.count(&key, 1);
                            }
                        }
                    }
                }
            }
        }
    }
    Ok(census.chosen())
}

/// Whether a column is neither of a key nor of the rest.
fn is_fixed(name: &str) -> bool {
    documents::key_of(name).is_none() && name != REST
}

/// The columns of a part with these keys, of the same sheet as another part.
fn schema_of(other: &Schema, keys: &[String]) -> SchemaRef {
    let fixed = other.fields().iter().filter(|field| is_fixed(field.name()));
    let fixed = fixed.map(|field| (**field).clone());
    let own = keys.iter().map(|key| documents::column_of(key));
    let own = own.chain([REST.to_owned()]);
    let own = own.map(|name| Field::new(name, DataType::Utf8, true));
    Arc::new(Schema::new(fixed.chain(own).collect::<Vec<_>>()))
}

/// The same rows with other keys.
fn rearranged(
    batch: &RecordBatch,
    keys: &[String],
    to: &SchemaRef,
) -> Result<RecordBatch, ColumnsError> {
    let from = batch.schema();
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(to.fields().len());
    for (field, array) in from.fields().iter().zip(batch.columns()) {
        if is_fixed(field.name()) {
            arrays.push(Arc::clone(array));
        }
    }
    let own: Vec<(&str, &StringArray)> = from
        .fields()
        .iter()
        .zip(batch.columns())
        .filter_map(|(field, array)| {
            Some((documents::key_of(field.name())?, array.as_string::<i32>()))
        })
        .collect();
    let rest = batch[REST].as_string::<i32>();
    for (_, array) in documents::rearranged(batch.num_rows(), &own, rest, keys) {
        arrays.push(Arc::new(array));
    }
    Ok(RecordBatch::try_new(Arc::clone(to), arrays)?)
}

/// The live rows of parts, one after the other, as batches with the same columns.
fn joined(parts: &[Arc<Part>]) -> Result<(SchemaRef, Batches), ColumnsError> {
    let keys = keys(parts)?;
    let schema = schema_of(&parts[0].schema(), &keys);
    let to = Arc::clone(&schema);
    let parts = parts.to_vec();
    let all = parts.into_iter().flat_map(move |part| -> Batches {
        let from = part.schema();
        let names: Vec<&str> = from
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        match part.batches(&names) {
            Ok(batches) => {
                let (keys, to) = (keys.clone(), Arc::clone(&to));
                Box::new(batches.map(move |batch| rearranged(&batch?, &keys, &to)))
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    });
    Ok((schema, Box::new(all)))
}

/// Makes one part in memory of several. Their places must follow each other.
///
/// # Errors
/// If a file cannot be read.
pub fn together(parts: &[Arc<Part>]) -> Result<Part, ColumnsError> {
    let (schema, batches) = joined(parts)?;
    let batches = batches.collect::<Result<Vec<_>, _>>()?;
    Ok(Part::of(in_order(concat_batches(&schema, &batches)?)?))
}

/// Sorts the rows of a batch by place.
fn in_order(batch: RecordBatch) -> Result<RecordBatch, ColumnsError> {
    if place_values(&batch).is_sorted() {
        return Ok(batch);
    }
    let order = arrow::compute::sort_to_indices(&batch[PLACE], None, None)?;
    Ok(arrow::compute::take_record_batch(&batch, &order)?)
}

/// Writes the live rows of parts to a new file, and opens it. The file is durable.
///
/// # Errors
/// If the disk is full, or a file cannot be read.
pub fn write(path: &Path, parts: &[Arc<Part>]) -> Result<Part, ColumnsError> {
    let ordered = parts
        .windows(2)
        .all(|pair| pair[0].places.max() < pair[1].places.min());
    let (schema, batches) = joined(parts)?;
    let batches: Batches = if ordered {
        batches
    } else {
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        let all = in_order(concat_batches(&schema, &batches)?)?;
        Box::new(std::iter::once(Ok(all)))
    };
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP))
        .build();
    let file = File::create_new(path)?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
    for batch in batches {
        writer.write(&batch?)?;
    }
    writer.into_inner()?.sync_all()?;
    Part::open(path, RoaringTreemap::new())
}
