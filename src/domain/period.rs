//! Periods of a report in the local time of a time zone.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone,
    Timelike,
};
use chrono_tz::Tz;

use super::Moment;

/// A period of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// An hour. If the clocks change within an hour, a new one begins.
    Hour,
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month.
    Month,
}

impl Period {
    /// Every period with its name.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Hour, "hour"),
        (Self::Day, "day"),
        (Self::Week, "week"),
        (Self::Month, "month"),
    ];

    /// The beginning of the period that contains a moment.
    pub fn begin(self, at: Moment, zone: Tz) -> DateTime<Tz> {
        let local = at.utc().with_timezone(&zone);
        let day = local.date_naive();
        let first = match self {
            Self::Hour => return begin_of_hour(&local),
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => day.with_day(1).unwrap_or(day),
        };
        begin_of_day(first, &local)
    }
}

/// The beginning of an hour: the last time the clocks showed a full hour, or the last clock change
/// if that was later.
fn begin_of_hour(local: &DateTime<Tz>) -> DateTime<Tz> {
    let into = i64::from(local.minute()) * 60 + i64::from(local.second());
    let full = *local - TimeDelta::seconds(into) - sub_second(local);
    let offset = local.offset().fix();
    if full.offset().fix() == offset {
        return full;
    }
    first_that(&full, local, |at| at.offset().fix() == offset)
}

/// The last beginning of a day at or before `local`: midnight, the first of two midnights, or, if
/// the clocks skipped midnight, the moment they changed to.
fn begin_of_day(day: NaiveDate, local: &DateTime<Tz>) -> DateTime<Tz> {
    let midnight = NaiveDateTime::new(day, NaiveTime::MIN);
    let found = local.timezone().from_local_datetime(&midnight).earliest();
    found.unwrap_or_else(|| {
        let before = (midnight - TimeDelta::days(2)).and_utc();
        first_that(&before.with_timezone(&local.timezone()), local, |at| {
            at.naive_local() >= midnight
        })
    })
}

/// The first second at which a condition holds that is false at `from` and true at `to`.
fn first_that(
    from: &DateTime<Tz>,
    to: &DateTime<Tz>,
    holds: impl Fn(&DateTime<Tz>) -> bool,
) -> DateTime<Tz> {
    let zone = to.timezone();
    let (mut before, mut after) = (from.timestamp(), to.timestamp());
    let at = |second| match zone.timestamp_opt(second, 0) {
        chrono::LocalResult::Single(at) => at,
        _ => *to,
    };
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if holds(&at(middle)) {
            after = middle;
        } else {
            before = middle;
        }
    }
    at(after)
}

fn sub_second(local: &DateTime<Tz>) -> TimeDelta {
    TimeDelta::nanoseconds(i64::from(local.timestamp_subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(period: Period, at: &str, zone: &str) -> String {
        let zone: Tz = zone.parse().unwrap();
        period.begin(Moment::parse(at).unwrap(), zone).to_rfc3339()
    }

    #[test]
    fn periods_begin_as_the_clocks_of_the_zone_show_them() {
        use Period::{Day, Hour, Month, Week};
        // clocks go forward on 29 March 2026
        for (period, at, wanted) in [
            (Day, "2026-03-29T21:59:00Z", "2026-03-29T00:00:00+01:00"),
            (Day, "2026-03-29T22:00:00Z", "2026-03-30T00:00:00+02:00"),
            (Week, "2026-03-29T12:00:00Z", "2026-03-23T00:00:00+01:00"),
            (Month, "2026-02-28T23:30:00Z", "2026-03-01T00:00:00+01:00"),
            (Hour, "2026-03-29T01:15:00Z", "2026-03-29T03:00:00+02:00"),
            (
                Hour,
                "2026-03-29T01:15:59.999Z",
                "2026-03-29T03:00:00+02:00",
            ),
        ] {
            assert_eq!(begin(period, at, "Europe/Rome"), wanted, "{at}");
        }
    }

    #[test]
    fn an_hour_in_which_the_clocks_change_is_two() {
        for (zone, at, wanted) in [
            // half an hour back at 2:00
            (
                "Australia/Lord_Howe",
                "2023-04-01T14:45:00Z",
                "2023-04-02T01:00:00+11:00",
            ),
            (
                "Australia/Lord_Howe",
                "2023-04-01T15:00:00Z",
                "2023-04-02T01:30:00+10:30",
            ),
            (
                "Australia/Lord_Howe",
                "2023-04-01T15:15:00Z",
                "2023-04-02T01:30:00+10:30",
            ),
            (
                "Australia/Lord_Howe",
                "2023-04-01T15:30:00Z",
                "2023-04-02T02:00:00+10:30",
            ),
            // half an hour forward at 2:00
            (
                "Australia/Lord_Howe",
                "2023-09-30T15:29:00Z",
                "2023-10-01T01:00:00+10:30",
            ),
            (
                "Australia/Lord_Howe",
                "2023-09-30T15:30:00Z",
                "2023-10-01T02:30:00+11:00",
            ),
            (
                "Australia/Lord_Howe",
                "2023-09-30T16:00:00Z",
                "2023-10-01T03:00:00+11:00",
            ),
            // an hour forward at 2:45, back at 3:45
            (
                "Pacific/Chatham",
                "2023-09-23T13:59:00Z",
                "2023-09-24T02:00:00+12:45",
            ),
            (
                "Pacific/Chatham",
                "2023-09-23T14:05:00Z",
                "2023-09-24T03:45:00+13:45",
            ),
            (
                "Pacific/Chatham",
                "2023-04-01T13:50:00Z",
                "2023-04-02T03:00:00+13:45",
            ),
            (
                "Pacific/Chatham",
                "2023-04-01T14:05:00Z",
                "2023-04-02T02:45:00+12:45",
            ),
            // half an hour, permanently, at midnight and at 11:30
            (
                "America/Caracas",
                "2016-05-01T07:15:00Z",
                "2016-05-01T03:00:00-04:00",
            ),
            (
                "Asia/Pyongyang",
                "2018-05-04T15:10:00Z",
                "2018-05-05T00:00:00+09:00",
            ),
            // no change
            (
                "Asia/Kolkata",
                "2023-04-01T14:45:00Z",
                "2023-04-01T20:00:00+05:30",
            ),
            (
                "Asia/Kathmandu",
                "2023-04-01T14:20:00Z",
                "2023-04-01T20:00:00+05:45",
            ),
        ] {
            assert_eq!(begin(Period::Hour, at, zone), wanted, "{zone} {at}");
        }
    }

    #[test]
    fn a_day_without_midnight_begins_when_the_clocks_went_on() {
        for (period, zone, at, wanted) in [
            // from 0:00 to 1:00
            (
                Period::Day,
                "Asia/Beirut",
                "2022-03-27T12:00:00Z",
                "2022-03-27T01:00:00+03:00",
            ),
            (
                Period::Day,
                "America/Havana",
                "2023-03-12T12:00:00Z",
                "2023-03-12T01:00:00-04:00",
            ),
            // from 23:30 to 0:00 of the next day
            (
                Period::Day,
                "Asia/Pyongyang",
                "2018-05-05T12:00:00Z",
                "2018-05-05T00:00:00+09:00",
            ),
            // midnight occurs twice
            (
                Period::Day,
                "America/Havana",
                "2023-11-05T12:00:00Z",
                "2023-11-05T00:00:00-04:00",
            ),
            // 30 December 2011 was skipped
            (
                Period::Day,
                "Pacific/Apia",
                "2011-12-30T12:00:00Z",
                "2011-12-31T00:00:00+14:00",
            ),
            (
                Period::Week,
                "Pacific/Apia",
                "2011-12-30T12:00:00Z",
                "2011-12-26T00:00:00-10:00",
            ),
            (
                Period::Month,
                "Asia/Amman",
                "2022-04-05T12:00:00Z",
                "2022-04-01T00:00:00+03:00",
            ),
        ] {
            assert_eq!(begin(period, at, zone), wanted, "{zone} {at}");
        }
    }

    /// Every quarter of an hour around each clock change from 1990 to 2040.
    fn around_changes(zone: Tz) -> impl Iterator<Item = Moment> {
        let offset = move |day: i64| {
            let at = Moment::from_micros(day * 86_400_000_000).unwrap();
            zone.offset_from_utc_datetime(&at.utc().naive_utc()).fix()
        };
        (7305..25_567)
            .filter(move |day| offset(*day) != offset(day + 1))
            .flat_map(|day| day * 96 - 8..day * 96 + 104)
            .map(|quarter| Moment::from_micros(quarter * 900_000_000).unwrap())
    }

    #[test]
    fn the_beginning_of_a_period_is_in_it_and_an_hour_never_ends_before_one_that_began_earlier() {
        for name in [
            "Africa/Casablanca",
            "America/Asuncion",
            "America/Caracas",
            "America/Havana",
            "America/Sao_Paulo",
            "America/Scoresbysund",
            "America/St_Johns",
            "Antarctica/Troll",
            "Asia/Amman",
            "Asia/Beirut",
            "Asia/Pyongyang",
            "Asia/Tehran",
            "Atlantic/Azores",
            "Australia/Lord_Howe",
            "Europe/Rome",
            "Pacific/Apia",
            "Pacific/Chatham",
        ] {
            let zone: Tz = name.parse().unwrap();
            let mut hour: Option<DateTime<Tz>> = None;
            for at in around_changes(zone) {
                for (period, what) in Period::ALL {
                    let begin = period.begin(at, zone);
                    assert!(begin <= at.utc(), "{what} {name} {at}");
                    let first = Moment::from_micros(begin.timestamp_micros()).unwrap();
                    assert_eq!(period.begin(first, zone), begin, "{what} {name} {at}");
                }
                let begin = Period::Hour.begin(at, zone);
                assert!(hour.is_none_or(|before| before <= begin), "{name} {at}");
                assert!(at.utc().signed_duration_since(begin) < TimeDelta::hours(1));
                hour = Some(begin);
            }
        }
    }
}
