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

#[cfg(test)]
mod tests {
    use super::*;

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
