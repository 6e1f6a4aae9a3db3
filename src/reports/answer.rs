//! The answer to a question, and its forms.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value, json};

use crate::domain::Moment;

/// The rows that answer a question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The cursor of the journal that it stands for.
    pub as_of: i64,
    /// Whether it reflects everything that was committed before the question.
    pub complete: bool,
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

impl Answer {
    /// As a JSON object: `asOf`, `complete`, `columns`, `items`.
    pub fn json(&self) -> String {
        let columns: Vec<Value> = self
            .schema
            .fields()
            .iter()
            .map(|field| json!({"name": field.name(), "type": type_name(field.data_type())}))
            .collect();
        let mut out = format!(
            "{{\"asOf\":\"{}\",\"complete\":{},\"columns\":{},\"items\":[",
            self.as_of,
            self.complete,
            Value::from(columns)
        );
        let mut first = true;
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                let members = self.schema.fields().iter().zip(batch.columns());
                let members =
                    members.map(|(field, array)| (field.name().clone(), value(array, row)));
                out += &Value::Object(members.collect::<Map<_, _>>()).to_string();
            }
        }
        out += "]}";
        out
    }

    /// As CSV (RFC 4180) with a header. A missing value is an empty field.
    pub fn csv(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::new());
        let names = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        writer
            .write_record(names)
            .expect("a Vec takes all that is written");
        for batch in &self.batches {
            for row in 0..batch.num_rows() {
                let fields = batch.columns().iter().map(|array| match value(array, row) {
                    Value::Null => String::new(),
                    Value::String(text) => text,
                    other => other.to_string(),
                });
                writer
                    .write_record(fields)
                    .expect("a Vec takes all that is written");
            }
        }
        writer
            .into_inner()
            .expect("a Vec takes all that is written")
    }
}

/// The name of a type in an answer.
pub fn type_name(kind: &DataType) -> &'static str {
    match kind {
        kind if kind.is_integer() => "integer",
        kind if kind.is_numeric() => "number",
        DataType::Boolean => "boolean",
        DataType::Timestamp(..) => "time",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Map(..) | DataType::Struct(_) => "object",
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => "list",
        _ => "string",
    }
}

/// A value as JSON. A number that JSON cannot express is null.
pub fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    macro_rules! number {
        ($kind:ty) => {
            Value::from(array.as_primitive::<$kind>().value(row))
        };
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => Value::from(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(..) => {
            let text = array.as_primitive::<Decimal128Type>().value_as_string(row);
            text.parse::<f64>().map_or(Value::Null, Value::from)
        }
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::from(array.as_string_view().value(row)),
        DataType::Timestamp(unit, _) => {
            let micros = match unit {
                TimeUnit::Second => array
                    .as_primitive::<TimestampSecondType>()
                    .value(row)
                    .saturating_mul(1_000_000),
                TimeUnit::Millisecond => array
                    .as_primitive::<TimestampMillisecondType>()
                    .value(row)
                    .saturating_mul(1000),
                TimeUnit::Microsecond => {
                    array.as_primitive::<TimestampMicrosecondType>().value(row)
                }
                TimeUnit::Nanosecond => array
                    .as_primitive::<TimestampNanosecondType>()
                    .value(row)
                    .div_euclid(1000),
            };
            Moment::from_micros(micros)
                .map_or_else(|| text(array, row), |at| Value::from(at.to_string()))
        }
        DataType::Date32 => {
            let day = array.as_primitive::<Date32Type>().value_as_date(row);
            day.map_or(Value::Null, |day| Value::from(day.to_string()))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let members = (0..entries.len()).map(|n| {
                let key = match value(keys, n) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                (key, value(values, n))
            });
            Value::Object(members.collect())
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let members = columns.map(|(field, column)| (field.name().clone(), value(column, row)));
            Value::Object(members.collect())
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row)),
        _ => text(array, row),
    }
}

fn list(elements: &dyn Array) -> Value {
    (0..elements.len()).map(|n| value(elements, n)).collect()
}

fn text(array: &dyn Array, row: usize) -> Value {
    let options = FormatOptions::default();
    ArrayFormatter::try_new(array, &options).map_or(Value::Null, |formatter| {
        Value::from(formatter.value(row).to_string())
    })
}
