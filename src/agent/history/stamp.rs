//! Moments, as the agents write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

pub(super) use crate::store::time::parse;

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
            ("2026-11-24", Some(1_795_478_400)),
            ("yesterday", None),
        ] {
            assert_eq!(secs(text), expected, "{text}");
        }
        assert_eq!(of(&"1795544160000".into()), of(&1_795_544_160_000_i64.into()));
        assert_eq!(of(&(-1).into()), None);
    }
}
