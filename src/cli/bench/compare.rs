//! A run beside an earlier one.

use std::{fs, path::Path, time::Duration};

use super::report::{Compared, Report};
use crate::cli::failure::Failure;

/// How many times longer a stage may take than before.
const WORSE: f64 = 1.5;

/// Reads the report of an earlier run of the same bench.
pub(super) fn read(path: &Path, bench: &str) -> Result<Report, Failure> {
    let name = path.display();
    let text = fs::read(path).map_err(|error| Failure::failed(format!("cannot read {name}: {error}")))?;
    let report: Report = serde_json::from_slice(&text).map_err(|error| {
        Failure::failed(format!("{name} is no report of a bench: {error}"))
            .hint(format!("make one with: llmux bench {bench} --json > FILE"))
    })?;
    if report.bench == bench {
        Ok(report)
    } else {
        Err(Failure::failed(format!(
            "{name} is a report of `bench {}`, not of `bench {bench}`",
            report.bench
        )))
    }
}

/// Compares the stages that both runs have.
pub(super) fn compare(now: &Report, then: &Report) -> Vec<Compared> {
    let pairs = now.stages.iter().filter_map(|now| {
        let then = then.stages.iter().find(|then| then.name == now.name)?;
        Some((now, then))
    });
    pairs
        .map(|(now, then)| {
            let p50_ratio = ratio(now.stats.p50_ns, then.stats.p50_ns);
            let p99_ratio = ratio(now.stats.p99_ns, then.stats.p99_ns);
            Compared {
                stage: now.name.clone(),
                p50_ratio,
                p99_ratio,
                worse: p50_ratio > WORSE || p99_ratio > WORSE,
            }
        })
        .collect()
}

/// How many times longer one takes than the other.
pub(super) fn ratio(one: u64, other: u64) -> f64 {
    let secs = |nanos| Duration::from_nanos(nanos).as_secs_f64();
    secs(one) / secs(other.max(1))
}

/// Fails if a stage takes much longer than before.
pub(super) fn check(compared: &[Compared]) -> Result<(), Failure> {
    let worse: Vec<_> = compared
        .iter()
        .filter(|row| row.worse)
        .map(|row| row.stage.as_str())
        .collect();
    if worse.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "more than {WORSE} times slower than before: {}",
        worse.join(", ")
    ))
    .hint("run it again: on a busy machine single runs differ that much"))
}

#[cfg(test)]
mod tests {
    use super::{super::report::sample, *};

    #[test]
    fn only_what_takes_half_as_long_again_is_worse() {
        let then = sample(&[("started", 100), ("submitted", 100), ("gone", 5)]);
        let now = sample(&[("started", 150), ("submitted", 151), ("new", 5)]);
        let compared = compare(&now, &then);
        let worse: Vec<_> = compared
            .iter()
            .map(|row| (row.stage.as_str(), row.worse))
            .collect();
        assert_eq!(worse, [("started", false), ("submitted", true)]);
        let message = check(&compared).unwrap_err().message();
        assert!(message.ends_with(": submitted"), "{message}");
        assert!(check(&compared[..1]).is_ok());
    }

    #[test]
    fn a_run_is_as_fast_as_itself() {
        let run = sample(&[("started", 0), ("ended", 7)]);
        assert!(check(&compare(&run, &run)).is_ok());
    }

    #[test]
    fn only_a_report_of_the_same_bench_is_compared() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("then.json");
        assert!(
            read(&path, "turn")
                .unwrap_err()
                .message()
                .starts_with("cannot read")
        );
        fs::write(&path, serde_json::to_string(&sample(&[])).unwrap()).unwrap();
        assert!(read(&path, "turn").is_ok());
        assert!(read(&path, "prompt").unwrap_err().message().contains("not of"));
        fs::write(&path, "{}").unwrap();
        assert!(read(&path, "turn").unwrap_err().message().contains("no report"));
    }
}
