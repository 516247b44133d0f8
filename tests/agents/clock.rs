//! Time stamps of receipts against the model's clock.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: i64 = 86_400_000;

/// Milliseconds from a moment to what came so many nanoseconds after a time stamp, at most half a day either way.
pub fn from(moment: SystemTime, stamp: &str, nanos: Option<u64>) -> Option<i64> {
    let to = of_day(stamp)? + i64::try_from(nanos? / 1_000_000).ok()?;
    let since = moment.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let from = i64::try_from(since).ok()? % DAY;
    Some((to - from + DAY / 2).rem_euclid(DAY) - DAY / 2)
}

/// The milliseconds of the day in `2026-11-23T08:00:00.007Z`.
fn of_day(stamp: &str) -> Option<i64> {
    let time = stamp.get(11..23)?;
    let mut parts = time.split([':', '.']).map(str::parse::<i64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds, millis) = (next()?, next()?, next()?, next()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}
