//! Moments in time, kept to the microsecond, and the clock they come from.

pub mod text;

use std::fmt;

use chrono::{
    DateTime, NaiveDate, NaiveTime, SecondsFormat, SubsecRound, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A moment in UTC, truncated to microseconds, the precision of both databases.
///
/// Written as RFC 3339 in UTC. Read from a text ([`Moment::parse`]), or in JSON from a number
/// ([`Moment::from_millis`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(DateTime<Utc>);

/// The years that both databases and the text form can hold.
const YEARS: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

impl Moment {
    /// Truncates to microseconds.
    pub fn new(at: DateTime<Utc>) -> Self {
        Self(at.trunc_subsecs(6))
    }

    /// Microseconds since 1970, negative before.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// The moment this many microseconds after 1970; `None` outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        if !YEARS.contains(&micros) {
            return None;
        }
        DateTime::from_timestamp_micros(micros).map(Self)
    }

    /// The earliest moment that a store can hold.
    pub fn earliest() -> Self {
        Self(DateTime::from_timestamp_micros(*YEARS.start()).unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// One microsecond later.
    #[must_use]
    pub fn just_after(self) -> Self {
        Self(self.0 + chrono::TimeDelta::microseconds(1))
    }

    /// This moment, or the one just after `last` if that is later: when a change happens that follows
    /// the change at `last`, whatever the clock says.
    #[must_use]
    pub fn following(self, last: Self) -> Self {
        self.max(last.just_after())
    }

    /// This moment plus a signed number of microseconds, clamped to the years 1 to 9999.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        let moved = self.micros().saturating_add(micros);
        Self::from_micros(moved.clamp(*YEARS.start(), *YEARS.end())).unwrap_or(self)
    }

    /// The moment as a `chrono` value.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Reads a time from a text: RFC 3339 and similar forms, and RFC 2822. See [`text`].
    ///
    /// # Errors
    /// A sentence without its subject: what is ambiguous, or what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        text::parse(text)
    }

    /// Whether a text is a time in RFC 3339.
    pub fn is_rfc3339(text: &str) -> bool {
        DateTime::parse_from_rfc3339(text).is_ok()
    }

    /// Reads milliseconds since 1970. Refuses numbers so small that they may be seconds.
    ///
    /// # Errors
    /// A sentence without its subject.
    pub fn from_millis(millis: i64) -> Result<Self, String> {
        if millis.unsigned_abs() < FEWEST_MILLIS {
            return Err(
                "may be seconds or milliseconds; write the time as a text, such as \
                 2026-03-01T09:30:00Z"
                    .to_owned(),
            );
        }
        millis
            .checked_mul(1000)
            .and_then(Self::from_micros)
            .ok_or_else(|| "is outside the years 1 to 9999, read as milliseconds".to_owned())
    }

    /// The beginning of a day in a time zone. If the clocks skip midnight, the day begins at the
    /// first moment after it.
    ///
    /// # Errors
    /// A sentence without its subject, for a day outside the years 1 to 9999.
    pub fn begin_of(day: NaiveDate, zone: Tz) -> Result<Self, String> {
        let midnight = day.and_time(NaiveTime::MIN);
        // no zone has ever skipped more than a day
        let begin = (0..=2 * 24 * 4).find_map(|quarters| {
            let local = midnight.checked_add_signed(TimeDelta::minutes(15 * quarters))?;
            zone.from_local_datetime(&local).earliest()
        });
        begin
            .and_then(|begin| Self::from_micros(begin.timestamp_micros()))
            .ok_or_else(|| text::OUTSIDE.to_owned())
    }
}

/// Numbers closer to 1970 than this (March 1973 in milliseconds) would be times of this millennium
/// if they were seconds.
const FEWEST_MILLIS: u64 = 100_000_000_000;

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl de::Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time, such as \"2026-03-01T09:30:00Z\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        Moment::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, millis: i64) -> Result<Moment, E> {
        Moment::from_millis(millis).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, millis: u64) -> Result<Moment, E> {
        self.visit_i64(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Moment, E> {
        Err(E::custom(
            "is not a whole number of milliseconds since 1970",
        ))
    }
}

/// The forms of a time in requests.
impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let number = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .description(Some("Milliseconds since 1970"));
        OneOfBuilder::new().item(text).item(number).into()
    }
}

impl ToSchema for Moment {}

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Moment;
}

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock"
    )]
    fn now(&self) -> Moment {
        Moment::new(Utc::now())
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Tz};
    use chrono::NaiveDate;

    #[test]
    fn before_1970_survives_the_number() {
        let at = Moment::parse("1969-12-31T23:59:59.999999Z").unwrap();
        assert_eq!(at.micros(), -1);
        assert_eq!(Moment::from_micros(-1), Some(at));
    }

    #[test]
    fn a_number_is_milliseconds_unless_it_may_be_seconds() {
        let of = |millis| Moment::from_millis(millis).map(|at| at.to_string());
        assert_eq!(of(1_772_357_400_123).unwrap(), "2026-03-01T09:30:00.123Z");
        assert_eq!(of(-1_000_000_000_000).unwrap(), "1938-04-24T22:13:20Z");
        assert_eq!(of(253_402_300_799_999).unwrap(), "9999-12-31T23:59:59.999Z");
        for doubtful in [0, 1, 1_772_357_400, -1_772_357_400, 99_999_999_999] {
            assert!(
                of(doubtful).unwrap_err().starts_with("may be seconds"),
                "{doubtful}"
            );
        }
        for outside in [
            253_402_300_800_000,
            1_772_357_400_123_456,
            i64::MAX,
            i64::MIN,
        ] {
            assert!(
                of(outside).unwrap_err().starts_with("is outside"),
                "{outside}"
            );
        }
    }

    #[test]
    fn a_day_begins_when_its_clocks_say_so() {
        let of = |day: &str, zone: &str| {
            let (day, zone): (NaiveDate, Tz) = (day.parse().unwrap(), zone.parse().unwrap());
            Moment::begin_of(day, zone).map(|at| at.to_string())
        };
        assert_eq!(of("2026-03-01", "UTC").unwrap(), "2026-03-01T00:00:00Z");
        assert_eq!(
            of("2026-07-01", "Europe/Rome").unwrap(),
            "2026-06-30T22:00:00Z"
        );
        // in Beirut, clocks went from 0:00 to 1:00
        assert_eq!(
            of("2022-03-27", "Asia/Beirut").unwrap(),
            "2022-03-26T22:00:00Z"
        );
        // Samoa skipped a whole day, which is empty
        assert_eq!(
            of("2011-12-30", "Pacific/Apia"),
            of("2011-12-31", "Pacific/Apia")
        );
        assert!(of("0001-01-01", "Europe/Rome").is_err());
    }
}
