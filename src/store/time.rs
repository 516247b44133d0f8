//! Time stamps: RFC 3339, UTC, milliseconds, such as `2026-11-23T08:00:00.000Z`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use toml::value::{Datetime, Offset};

const SECS_PER_DAY: u64 = 86_400;

/// Writes the present moment.
#[must_use]
pub fn now() -> String {
    rfc3339(SystemTime::now())
}

/// Writes a moment. A moment before 1970 is written as 1970.
#[must_use]
pub fn rfc3339(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (year, month, day) = civil(since.as_secs() / SECS_PER_DAY);
    let second = since.as_secs() % SECS_PER_DAY;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

/// Reads RFC 3339, or `SQLite`'s form of it; a time without an offset is taken for UTC, a date for its first moment.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    let moment: Datetime = text.trim().parse().ok()?;
    let date = moment.date?;
    let (hour, minute, second, nanos) = moment.time.map_or((0, 0, 0, 0), |time| {
        let (second, nanos) = (time.second.unwrap_or(0), time.nanosecond.unwrap_or(0));
        (time.hour, time.minute, second, nanos)
    });
    let offset = match moment.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let clock = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let secs = days * 86_400 + clock - offset;
    UNIX_EPOCH.checked_add(Duration::new(u64::try_from(secs).ok()?, nanos))
}

/// When something ends that is good until then; what can't be read has ended.
#[must_use]
pub(crate) fn end(text: &str) -> SystemTime {
    parse(text).unwrap_or(UNIX_EPOCH)
}

/// Days since 1970-01-01; years are counted from 1 March, so that the leap day is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Turns days since 1970-01-01 into a date of the Gregorian calendar.
///
/// Years are counted from 1 March, so that the leap day is the last of its year and months have a regular pattern;
/// 400 such years are always 146 097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_FROM_0000_03_01: u64 = 719_468;
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days + DAYS_FROM_0000_03_01;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64, millis: u64) -> String {
        rfc3339(UNIX_EPOCH + Duration::from_secs(secs) + Duration::from_millis(millis))
    }

    #[test]
    fn known_moments_are_written_right() {
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_399, 999), "2000-02-28T23:59:59.999Z");
        assert_eq!(at(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_795_420_800, 7), "2026-11-23T08:00:00.007Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn each_day_of_five_centuries_follows_the_one_before() {
        let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..183_000 {
            assert_eq!(civil(days), (year, month, day));
            let length = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }

    #[test]
    fn an_end_is_a_moment_or_a_date_and_nothing_else_is_to_come() {
        let new_year = UNIX_EPOCH + Duration::from_hours(1_130_808);
        for text in [
            "2099-01-01",
            " 2099-01-01T00:00:00Z",
            "2099-01-01 00:00:00",
            "2099-01-01T02:00:00.0+02:00",
        ] {
            assert_eq!(end(text), new_year, "{text}");
        }
        for text in [
            "",
            "when pigs fly",
            "2099",
            "10:00:00",
            "2099-13-01",
            "1969-01-01",
        ] {
            assert_eq!(end(text), UNIX_EPOCH, "{text}");
        }
    }

    #[test]
    fn a_clock_before_1970_does_not_panic() {
        assert_eq!(
            rfc3339(UNIX_EPOCH - Duration::from_secs(1)),
            "1970-01-01T00:00:00.000Z"
        );
    }
}
