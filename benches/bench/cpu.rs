//! CPU time, in clock ticks of 10 ms.

use std::{fs, time::Duration};

/// The time that a process has used, threads that ended included: the 14th and 15th field of its `stat`. The second field
/// is a name in brackets, which may hold blanks.
pub fn of_process(pid: u64) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    ticks(after_name.split(' ').skip(11).take(2))
}

/// The time that all processes together have used: all but `idle` and `iowait` of the machine's `stat`.
pub fn of_machine() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take(8)
        .collect();
    let busy = fields.iter().enumerate().filter(|(at, _)| !matches!(at, 3 | 4));
    ticks(busy.map(|(_, field)| *field))
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * ticks)
}
