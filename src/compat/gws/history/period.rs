//! The period of a request.

use chrono::{Days, Months, NaiveDate, NaiveDateTime, NaiveTime};

use crate::compat::gws::answer::Failure;
use crate::compat::gws::parameters::Parameters;
use crate::domain::Moment;

/// A half-open interval of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment in it.
    pub from: Moment,
    /// The first moment after it.
    pub until: Moment,
}

/// A day or a moment, in UTC unless it states an offset.
enum Given {
    Day(NaiveDate),
    Moment(Moment),
}

impl Period {
    /// Parses `fromDate` and `toDate`, both inclusive. The default is the month up to and including
    /// the current day.
    ///
    /// # Errors
    /// Naming the one that is not a date, or both if they are in the wrong order.
    pub fn read(parameters: &Parameters, now: Moment) -> Result<Self, Failure> {
        let read =
            |name: &str| {
                let given = parameters.word(name)?;
                given
                    .map(|text| {
                        parse(&text).ok_or_else(|| Failure::invalid(format!(
                    "{name} is no date of the form 2026-03-01 or 2026-03-01T09:30:00.000Z"
                )))
                    })
                    .transpose()
            };
        let today = now.utc().date_naive();
        let month_ago = today.checked_sub_months(Months::new(1)).unwrap_or(today);
        let from = read("fromDate")?.unwrap_or(Given::Day(month_ago));
        let to = read("toDate")?.unwrap_or(Given::Day(today));
        let period = Self {
            from: from.begins(),
            until: to.ends(),
        };
        if period.until <= period.from {
            return Err(Failure::invalid("toDate is before fromDate"));
        }
        Ok(period)
    }
}

impl Given {
    fn begins(&self) -> Moment {
        match self {
            Self::Day(day) => midnight(*day),
            Self::Moment(at) => *at,
        }
    }

    fn ends(&self) -> Moment {
        match self {
            Self::Day(day) => midnight(day.checked_add_days(Days::new(1)).unwrap_or(*day)),
            // moments are shown in milliseconds, and a moment that was shown is inside a period
            // that ends with it
            Self::Moment(at) => at.plus_micros(1000 - at.micros().rem_euclid(1000)),
        }
    }
}

fn midnight(day: NaiveDate) -> Moment {
    Moment::new(day.and_time(NaiveTime::MIN).and_utc()).plus_micros(0)
}

fn parse(text: &str) -> Option<Given> {
    let text = text.trim();
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let begins = day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        return Moment::from_micros(begins).map(|_| Given::Day(day));
    }
    if let Ok(at) = Moment::parse(text) {
        return Some(Given::Moment(at));
    }
    let text = text.to_ascii_uppercase().replacen(' ', "T", 1);
    let without_zone = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f");
    let at = without_zone.ok()?.and_utc();
    Moment::from_micros(at.timestamp_micros()).map(Given::Moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(text: &str) -> Option<(String, String)> {
        let given = parse(text)?;
        Some((given.begins().to_string(), given.ends().to_string()))
    }

    #[test]
    fn days_and_moments_are_taken_in_the_forms_that_clients_send() {
        let day = bounds("2014-03-26").unwrap();
        assert_eq!(
            day,
            ("2014-03-26T00:00:00Z".into(), "2014-03-27T00:00:00Z".into())
        );
        for form in [
            "2014-03-26T16:02:22.040Z",
            "2014-03-26t16:02:22.040z",
            "2014-03-26T18:02:22.040+02:00",
            "2014-03-26 18:02:22.040+0200",
            "2014-03-26T16:02:22.040",
            "2014-03-26T16:02:22.0400Z ",
        ] {
            let (begins, ends) = bounds(form).unwrap_or_default();
            assert_eq!(begins, "2014-03-26T16:02:22.040Z", "{form}");
            assert_eq!(ends, "2014-03-26T16:02:22.041Z", "{form}");
        }
        for none in [
            "",
            "today",
            "26.03.2014",
            "2014-13-01",
            "2014-03-26T",
            "99999-01-01",
            "-5-01-01",
            "2014-03-26T25:00:00Z",
        ] {
            assert_eq!(bounds(none), None, "{none}");
        }
        assert!(bounds("9999-12-31").is_some());
    }
}
