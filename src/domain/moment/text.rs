//! Reads a time from a text.
//!
//! It accepts `2026-03-01T09:30:00.5+01:00` (RFC 3339); the same with a space for the `T`, with a
//! comma for the point, without seconds, with an offset of `+0100` or `+01`, with a space before
//! the offset, or with `UTC` or `GMT` for it; and `Sun, 1 Mar 2026 09:30:00 +0100` (RFC 2822). It
//! refuses ambiguous texts, and the error names what is ambiguous.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, TimeZone};

use super::Moment;

/// The error for a year out of range.
pub(super) const OUTSIDE: &str = "is outside the years 1 to 9999";
const NOT_A_TIME: &str = "is not a time, such as 2026-03-01T09:30:00Z";
const NO_ZONE: &str = "has no time zone; end it with Z, or with an offset from UTC such as +01:00";
const LOST_PLUS: &str = "has a space where the sign of its offset should be; \
     in a query string a + is written %2B";
const NAMED_ZONE: &str =
    "names its time zone by letters; write the offset from UTC instead, such as +01:00";
const NO_SUCH: &str = "names a day or a time of day that does not exist";
const LEAP: &str = "is a leap second, which cannot be kept";
const DAY_ALONE: &str = "is a day without a time; add one, such as T00:00:00Z";
const DAY_OR_MONTH: &str = "may have the day or the month first; write 2026-03-01T09:30:00Z";
const DIGITS: &str = "is a number in a text; write the number without quotes where it is \
     milliseconds since 1970, or a time such as 2026-03-01T09:30:00Z";

pub(super) fn parse(text: &str) -> Result<Moment, String> {
    read(text.trim()).map_err(str::to_owned)
}

/// Reads a day without a time; `None` if the text is not one.
pub fn day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    let plain = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    plain.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())?
}

fn read(text: &str) -> Result<Moment, &'static str> {
    if text.len() >= 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DIGITS);
    }
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return mail(text);
    }
    let Some((date, rest)) = date(text)? else {
        return if has_day_or_month_first(text) {
            Err(DAY_OR_MONTH)
        } else {
            mail(text)
        };
    };
    if rest.is_empty() {
        return Err(DAY_ALONE);
    }
    let rest = rest.strip_prefix(['T', 't', ' ']).ok_or(NOT_A_TIME)?;
    let (time, zone) = time(rest)?;
    let offset = offset(zone)?;
    let at = offset
        .from_local_datetime(&date.and_time(time))
        .single()
        .ok_or(OUTSIDE)?;
    kept(at)
}

fn kept(at: DateTime<FixedOffset>) -> Result<Moment, &'static str> {
    let at = Moment::new(at.to_utc());
    Moment::from_micros(at.micros()).ok_or(OUTSIDE)
}

/// Reads a date at the beginning of the text; `None` if there is none.
fn date(text: &str) -> Result<Option<(NaiveDate, &str)>, &'static str> {
    let signed = text.starts_with(['+', '-']);
    let from = usize::from(signed);
    let digits = text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let Some(rest) = text[from + digits..]
        .strip_prefix('-')
        .filter(|_| digits >= 4)
    else {
        return Ok(None);
    };
    let Some((month, rest)) = pair(rest) else {
        return Ok(None);
    };
    let Some((day, rest)) = rest.strip_prefix('-').and_then(pair) else {
        return Ok(None);
    };
    if signed || digits > 4 {
        return Err(OUTSIDE);
    }
    let year: i32 = text[..4].parse().map_err(|_| NOT_A_TIME)?;
    if year == 0 {
        return Err(OUTSIDE);
    }
    let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(NO_SUCH)?;
    Ok(Some((date, rest)))
}

/// Reads the time of day, and returns the rest of the text.
fn time(text: &str) -> Result<(NaiveTime, &str), &'static str> {
    let (hour, rest) = pair(text).ok_or(NOT_A_TIME)?;
    let (minute, rest) = rest.strip_prefix(':').and_then(pair).ok_or(NOT_A_TIME)?;
    let Some((second, mut rest)) = rest.strip_prefix(':').and_then(pair) else {
        let time = NaiveTime::from_hms_opt(hour, minute, 0).ok_or(NO_SUCH)?;
        return Ok((time, rest));
    };
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Err(NOT_A_TIME);
        }
        // finer digits are cut off
        let kept = &fraction[..digits.min(6)];
        micros = format!("{kept:0<6}").parse().map_err(|_| NOT_A_TIME)?;
        rest = &fraction[digits..];
    }
    if second == 60 {
        return Err(LEAP);
    }
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros).ok_or(NO_SUCH)?;
    Ok((time, rest))
}

/// Reads an offset from UTC.
fn offset(zone: &str) -> Result<FixedOffset, &'static str> {
    let named = zone.trim_start();
    if named.is_empty() {
        return Err(NO_ZONE);
    }
    let utc = ["z", "utc", "gmt"];
    if utc.iter().any(|name| named.eq_ignore_ascii_case(name)) {
        return FixedOffset::east_opt(0).ok_or(NOT_A_TIME);
    }
    let digits = named
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    if digits && zone.len() > named.len() {
        return Err(LOST_PLUS);
    }
    if named
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'/' || byte == b'_')
    {
        return Err(NAMED_ZONE);
    }
    let east = named.starts_with('+');
    let rest = named.strip_prefix(['+', '-']).ok_or(NOT_A_TIME)?;
    let (hours, rest) = pair(rest).ok_or(NOT_A_TIME)?;
    let rest = rest
        .strip_prefix(':')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(rest);
    let (minutes, rest) = if rest.is_empty() {
        (0, rest)
    } else {
        pair(rest).ok_or(NOT_A_TIME)?
    };
    if !rest.is_empty() {
        return Err(NOT_A_TIME);
    }
    if hours > 23 || minutes > 59 {
        return Err(NO_SUCH);
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).map_err(|_| NO_SUCH)?;
    FixedOffset::east_opt(if east { seconds } else { -seconds }).ok_or(NO_SUCH)
}

/// Reads the form of RFC 2822, with a numeric offset, `GMT`, or `UT`.
fn mail(text: &str) -> Result<Moment, &'static str> {
    let mut words = text.split_ascii_whitespace().rev();
    let zone = words.next().unwrap_or_default();
    let (time, year) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let clock = time.len() >= 5
        && time
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b':');
    let years = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    if !clock || !years(year) {
        // without a zone, the last word may be the time
        return Err(
            if zone.contains(':')
                && years(time)
                && DateTime::parse_from_rfc2822(&format!("{text} +0000")).is_ok()
            {
                NO_ZONE
            } else {
                NOT_A_TIME
            },
        );
    }
    if year.len() != 4 {
        return Err("has a year of other than four digits");
    }
    if time.ends_with(":60") {
        return Err(LEAP);
    }
    let signed = zone.starts_with(['+', '-']);
    if zone.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(LOST_PLUS);
    }
    if !signed && !["GMT", "UT", "UTC", "Z"].contains(&zone) {
        return Err(NAMED_ZONE);
    }
    let text = if signed {
        text.to_owned()
    } else {
        format!("{} +0000", text.strip_suffix(zone).unwrap_or(text))
    };
    match DateTime::parse_from_rfc2822(&text) {
        Ok(at) => kept(at),
        Err(error)
            if error.kind() == chrono::format::ParseErrorKind::OutOfRange
                || error.kind() == chrono::format::ParseErrorKind::Impossible =>
        {
            Err(NO_SUCH)
        }
        Err(_) => Err(NOT_A_TIME),
    }
}

/// Whether a date begins with a day or a month: `03/04/2021`, `3.4.2021`, `03-04-2021`, also with
/// two-digit years.
fn has_day_or_month_first(text: &str) -> bool {
    let date = text.split([' ', 'T', 't', ',']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split(['/', '.', '-']).collect();
    parts.len() == 3
        && parts
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        && parts[0].len() <= 2
}

/// The first two digits, and the rest.
fn pair(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(2)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_can_mean_one_time_only_is_taken() {
        for (text, wanted) in [
            ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
            ("2026-03-01t09:30:00z", "2026-03-01T09:30:00Z"),
            (
                "2026-03-01T10:30:00.1234567+01:00",
                "2026-03-01T09:30:00.123456Z",
            ),
            ("2026-03-01T09:30:00.5-00:00", "2026-03-01T09:30:00.500Z"),
            ("2026-03-01T09:30:00,5Z", "2026-03-01T09:30:00.500Z"),
            ("2026-03-01T09:30:00+0000", "2026-03-01T09:30:00Z"),
            ("2026-03-01T15:00:00+0530", "2026-03-01T09:30:00Z"),
            ("2026-03-01T09:30:00+00", "2026-03-01T09:30:00Z"),
            ("2026-03-01 06:00:00-03:30", "2026-03-01T09:30:00Z"),
            ("2026-03-01 09:30:00 +0000", "2026-03-01T09:30:00Z"),
            ("2026-03-01 09:30:00 UTC", "2026-03-01T09:30:00Z"),
            ("2026-03-01T09:30Z", "2026-03-01T09:30:00Z"),
            (" 2026-03-01T09:30:00Z\n", "2026-03-01T09:30:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("Sun, 01 Mar 2026 10:30:00 +0100", "2026-03-01T09:30:00Z"),
            ("1 Mar 2026 09:30:00 GMT", "2026-03-01T09:30:00Z"),
            ("Sun, 1 Mar 2026 09:30 -0000", "2026-03-01T09:30:00Z"),
        ] {
            let read = parse(text).map(|at| at.to_string());
            assert_eq!(read.as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_no_time_is_refused_by_name() {
        for (told, texts) in [
            (
                NO_ZONE,
                &[
                    "2026-03-01T09:30:00",
                    "2026-03-01 09:30",
                    "Sun, 1 Mar 2026 09:30:00",
                ][..],
            ),
            (
                LOST_PLUS,
                &[
                    "2026-03-01T09:30:00 01:00",
                    "2026-03-01T09:30:00.5 0100",
                    "Fri, 1 Mar 2019 13:00:00  0100",
                ],
            ),
            (
                NAMED_ZONE,
                &[
                    "2026-03-01T09:30:00 CET",
                    "2026-03-01T09:30:00 Europe/Rome",
                    "Sun, 1 Mar 2026 09:30:00 EST",
                ],
            ),
            (
                DAY_OR_MONTH,
                &[
                    "03/04/2021",
                    "3.4.2021 10:00",
                    "03-04-2021T10:00:00Z",
                    "21/04/03",
                ],
            ),
            (DAY_ALONE, &["2026-03-01"]),
            (DIGITS, &["1772357400123", "20260301"]),
            (
                LEAP,
                &["2016-12-31T23:59:60Z", "Sat, 31 Dec 2016 23:59:60 +0000"],
            ),
            (
                OUTSIDE,
                &[
                    "0000-01-01T00:00:00Z",
                    "10000-01-01T00:00:00Z",
                    "-0001-01-01T00:00:00Z",
                    "0001-01-01T00:00:00+01:00",
                    "9999-12-31T23:59:59-01:00",
                ],
            ),
            (
                NO_SUCH,
                &[
                    "2026-02-30T09:30:00Z",
                    "2026-13-01T09:30:00Z",
                    "2026-03-01T24:00:00Z",
                    "2026-03-01T09:60:00Z",
                    "2026-03-01T09:30:00+24:00",
                    "Mon, 1 Mar 2026 09:30:00 +0000",
                ],
            ),
            (
                NOT_A_TIME,
                &[
                    "",
                    "never",
                    "2026",
                    "2026-03",
                    "2026-03-01T",
                    "2026-03-01T9:30:00Z",
                    "2026-03-01T09:30:00+1",
                    "2026-03-01T09:30:00+01:00[Europe/Rome]",
                    "2026-03-01T09:30:00.Z",
                    "20260301T093000Z",
                    "2026-03-01x09:30:00Z",
                    "é026-03-01T09:30:00Z",
                    "2026-W09-7T09:30:00Z",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(parse(text), Err(told.to_owned()), "{text}");
            }
        }
        assert!(parse("1 Mar 26 09:30:00 +0000").is_err());
    }

    #[test]
    fn a_day_is_nothing_but_a_day() {
        assert_eq!(day("2026-03-01"), NaiveDate::from_ymd_opt(2026, 3, 1));
        for other in [
            "2026-3-1",
            "2026-02-30",
            "2026-03-01T",
            "+026-03-01",
            "0000-00-00",
        ] {
            assert_eq!(day(other), None, "{other}");
        }
    }

    #[test]
    fn no_text_panics() {
        for text in [
            "+",
            "-",
            "+é",
            "2026-é",
            "2026-03-é1",
            "2026-03-01T0é",
            "2026-03-01T09:30:00+0é",
            "é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
