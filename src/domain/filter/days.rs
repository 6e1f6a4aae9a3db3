//! Days without a time in filters of times.
//!
//! A day means the whole day, in the time zone of the query: `eq` is within the day, `gt` after it,
//! `gte` and `from` at or after its beginning, `lt` and `to` before it, `lte` before its end.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use serde_json::Value;

use super::field::{AttributeType, Field};
use super::parse::time;
use super::{Filter, Operand, Order, Test};
use crate::domain::moment::text;
use crate::domain::{Moment, Refusal};

/// Reads a test of a time by days; `None` if the field is no time, or the value is no day.
///
/// # Errors
/// [`Refusal::Invalid`] for a day outside the years 1 to 9999.
pub(super) fn test(
    at: &str,
    field: &Field,
    operator: &str,
    value: &Value,
    zone: Tz,
) -> Result<Option<Filter>, Refusal> {
    if !matches!(field, Field::Core(attribute) if attribute.kind == AttributeType::Time) {
        return Ok(None);
    }
    let compare = |order, at| Filter::Leaf(field.clone(), Test::Compare(order, Operand::Time(at)));
    let within = |at: &str, day| {
        let (begin, end) = (begin(at, day, zone)?, end(at, day, zone)?);
        Ok::<_, Refusal>(Filter::And(vec![
            compare(Order::Gte, begin),
            compare(Order::Lt, end),
        ]))
    };
    if operator == "in" {
        let values = value.as_array().map_or(&[][..], Vec::as_slice);
        if !values.iter().any(|value| day(value).is_some()) {
            return Ok(None);
        }
        let any: Result<Vec<Filter>, Refusal> = values
            .iter()
            .enumerate()
            .map(|(index, value)| {
                let at = format!("{at}/{index}");
                if let Some(day) = day(value) {
                    return within(&at, day);
                }
                let one = Operand::Time(time(&at, value)?);
                Ok(Filter::Leaf(field.clone(), Test::In(vec![one])))
            })
            .collect();
        return any.map(Filter::Or).map(Some);
    }
    let Some(day) = day(value) else {
        return Ok(None);
    };
    Ok(Some(match operator {
        "eq" => within(at, day)?,
        "ne" => Filter::Not(Box::new(within(at, day)?)),
        "gt" => compare(Order::Gte, end(at, day, zone)?),
        "gte" | "from" => compare(Order::Gte, begin(at, day, zone)?),
        "lt" | "to" => compare(Order::Lt, begin(at, day, zone)?),
        "lte" => compare(Order::Lt, end(at, day, zone)?),
        _ => return Ok(None),
    }))
}

fn day(value: &Value) -> Option<NaiveDate> {
    value.as_str().and_then(text::day)
}

fn begin(at: &str, day: NaiveDate, zone: Tz) -> Result<Moment, Refusal> {
    Moment::begin_of(day, zone).map_err(|detail| Refusal::invalid(at, detail))
}

fn end(at: &str, day: NaiveDate, zone: Tz) -> Result<Moment, Refusal> {
    let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
    begin(at, next, zone)
}
