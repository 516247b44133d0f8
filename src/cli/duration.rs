//! Lengths of time as people write them: `500ms`, `2s`, `1.5m`, `1h`.

use std::time::Duration;

/// The longest length that is understood; longer ones are surely mistakes and would overflow sums.
const MAX_SECS: f64 = 31_536_000.0;

/// Reads a length of time. A unit is needed: nobody remembers whether a bare number means seconds or milliseconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit_secs = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(format!(
                "{text:?} is no length of time; write for example 500ms, 2s, 1m or 1h"
            ));
        }
    };
    let secs = number
        .parse::<f64>()
        .map_err(|_| format!("{number:?} is no number"))?
        * unit_secs;
    if secs > MAX_SECS {
        return Err(format!("{text} is longer than a year"));
    }
    Ok(Duration::from_secs_f64(secs))
}

/// A length of time in whole milliseconds, at least 1 unless it is 0.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// What is left of a limit in milliseconds, if there is one.
pub(crate) fn rest(limit_ms: Option<u64>, waited: Duration) -> Option<u64> {
    let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
    limit_ms.map(|ms| ms.saturating_sub(waited))
}

/// A length of time as a person reads it, cut rather than rounded.
pub(crate) fn short(duration: Duration) -> String {
    let (secs, micros) = (duration.as_secs(), duration.subsec_micros());
    match secs {
        0 if micros < 10_000 => format!("{}.{}ms", micros / 1000, micros / 100 % 10),
        0 => format!("{}ms", micros / 1000),
        1..60 => format!("{secs}.{}s", micros / 100_000),
        60..3600 => format!("{}m{:02}s", secs / 60, secs % 60),
        _ => format!("{}h{:02}m", secs / 3600, secs / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_in_the_unit_that_fits() {
        for (micros, text) in [
            (0, "0.0ms"),
            (250, "0.2ms"),
            (9_999, "9.9ms"),
            (10_000, "10ms"),
            (999_999, "999ms"),
            (59_999_999, "59.9s"),
            (60_000_000, "1m00s"),
            (3_599_000_000, "59m59s"),
            (90_060_000_000, "25h01m"),
        ] {
            assert_eq!(short(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn lengths_of_time_are_read_with_their_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("2s", 2000),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
            ("0s", 0),
            (".5s", 500),
        ] {
            assert_eq!(parse(text).map(millis), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_was_waited_is_taken_off_the_limit() {
        let waited = Duration::from_millis(30);
        assert_eq!(rest(Some(100), waited), Some(70));
        assert_eq!(rest(Some(10), waited), Some(0));
        assert_eq!(rest(None, waited), None);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1d",
            "1 s",
            "1s2",
            "1..2s",
            "99999999h",
            "infs",
            "nans",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
