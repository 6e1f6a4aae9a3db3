//! Moments in time, kept to the microsecond, and the clock they come from.

use std::fmt;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in UTC, truncated to microseconds: what both databases can keep.
///
/// Written and read as RFC 3339; an offset is taken on input and turned into UTC.
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

    /// The moment so many microseconds after 1970; `None` outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        if !YEARS.contains(&micros) {
            return None;
        }
        DateTime::from_timestamp_micros(micros).map(Self)
    }

    /// The smallest step later.
    #[must_use]
    pub fn just_after(self) -> Self {
        Self(self.0 + chrono::TimeDelta::microseconds(1))
    }

    /// This moment moved by a signed number of microseconds, held within the years 1 to 9999.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        let moved = self.micros().saturating_add(micros);
        Self::from_micros(moved.clamp(*YEARS.start(), *YEARS.end())).unwrap_or(self)
    }

    /// As chrono has it.
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Reads RFC 3339, with any offset.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let at = DateTime::parse_from_rfc3339(text)
            .map_err(|_| "is not a time in RFC 3339, such as 2026-03-01T09:30:00Z".to_owned())?
            .to_utc();
        Self::from_micros(Self::new(at).micros())
            .ok_or_else(|| "is outside the years 1 to 9999".to_owned())
    }
}

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
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// Where the time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Moment;
}

/// The machine's clock.
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
    use super::Moment;

    #[test]
    fn an_offset_becomes_utc_and_a_finer_fraction_is_cut() {
        let at = Moment::parse("2026-03-01T10:30:00.1234567+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-03-01T09:30:00.123456Z");
        assert_eq!(Moment::from_micros(at.micros()), Some(at));
    }

    #[test]
    fn before_1970_survives_the_number() {
        let at = Moment::parse("1969-12-31T23:59:59.999999Z").unwrap();
        assert_eq!(at.micros(), -1);
        assert_eq!(Moment::from_micros(-1), Some(at));
    }
}
