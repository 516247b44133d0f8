//! Moments, as the agents write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use toml::value::{Datetime, Offset};

/// Reads RFC 3339, or `SQLite`'s form of it; a time without an offset is taken for UTC.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let moment: Datetime = text.trim().parse().ok()?;
    let (date, time) = (moment.date?, moment.time?);
    let offset = match moment.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let clock = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60;
    let secs = days * 86_400 + clock + i64::from(time.second.unwrap_or(0)) - offset;
    at(Duration::new(
        u64::try_from(secs).ok()?,
        time.nanosecond.unwrap_or(0),
    ))
}

/// Reads a moment in JSON: text, or milliseconds since 1970.
pub(super) fn of(value: &Value) -> Option<SystemTime> {
    match value {
        Value::String(text) => parse(text).or_else(|| millis(text.parse().ok()?)),
        value => millis(value.as_i64()?),
    }
}

pub(super) fn millis(millis: i64) -> Option<SystemTime> {
    at(Duration::from_millis(u64::try_from(millis).ok()?))
}

pub(super) fn nanos(nanos: u64) -> Option<SystemTime> {
    at(Duration::from_nanos(nanos))
}

fn at(since: Duration) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(since)
}

/// Days since 1970-01-01; years are counted from 1 March, so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(text: &str) -> Option<u64> {
        Some(parse(text)?.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn history_reads_each_form_of_a_moment() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T00:00:01.5Z", Some(951_782_401)),
            ("2026-11-24T18:16:00.668Z", Some(1_795_544_160)),
            ("2026-11-24 18:16:00", Some(1_795_544_160)),
            ("2026-11-24T19:16:00+01:00", Some(1_795_544_160)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-24", None),
            ("yesterday", None),
        ] {
            assert_eq!(secs(text), expected, "{text}");
        }
        assert_eq!(of(&"1795544160000".into()), of(&1_795_544_160_000_i64.into()));
        assert_eq!(of(&(-1).into()), None);
    }
}
