//! The table a bench ends with.

use std::{fmt::Display, time::Duration};

use super::lab::Lab;

/// Begins the table, and says on what it was measured.
pub fn begin(lab: &Lab, title: &str) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    println!("\n{title}");
    println!(
        "({}, {cores} cores, load average {load})",
        lab.tmux(["-V"]).ok().trim()
    );
    println!(
        "{:<44} {:>12} {:>12} {:>8}  {:<16} met",
        "what", "ours", "baseline", "ratio", "target"
    );
}

/// One comparison: what, ours, the baseline, their ratio, the target, and whether it is met.
pub fn row(what: &str, ours: impl Display, baseline: impl Display, ratio: &str, target: &str, met: bool) {
    let met = if met { "yes" } else { "MISSED" };
    println!(
        "{what:<44} {:>12} {:>12} {ratio:>8}  {target:<16} {met}",
        ours.to_string(),
        baseline.to_string()
    );
}

/// Compares times: ours may be at most `at_most` of the baseline's.
pub fn at_most(what: &str, ours: Duration, baseline: Duration, at_most: f64) {
    let ratio = ours.as_secs_f64() / baseline.as_secs_f64();
    let target = format!("<= {at_most} x");
    row(
        what,
        millis(ours),
        millis(baseline),
        &format!("{ratio:.2} x"),
        &target,
        ratio <= at_most,
    );
}

/// Compares times: ours must be at least `times` faster.
pub fn faster(what: &str, ours: Duration, baseline: Duration, times: f64) {
    let ratio = baseline.as_secs_f64() / ours.as_secs_f64();
    let target = format!(">= {times} x faster");
    row(
        what,
        millis(ours),
        millis(baseline),
        &format!("{ratio:.1} x"),
        &target,
        ratio >= times,
    );
}

/// Says a time that has a limit of its own.
pub fn limit(what: &str, ours: Duration, limit: Duration) {
    row(
        what,
        millis(ours),
        "-",
        "-",
        &format!("<= {}", millis(limit)),
        ours <= limit,
    );
}

pub fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}
