//! What a bench says, as JSON and as text.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::stats::Stats;
use crate::cli::{duration, table::table};

/// What was measured, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// `turn` or `prompt`.
    pub(super) bench: String,
    pub(super) environment: Environment,
    pub(super) load: Load,
    /// How many turns a second came to their end.
    pub(super) achieved: f64,
    /// How many turns ended in each state.
    pub(super) states: BTreeMap<String, usize>,
    /// Why some did not end well: their error codes.
    pub(super) errors: BTreeMap<String, usize>,
    /// In the order in which they are reached.
    pub(super) stages: Vec<Stage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) baselines: Vec<Baseline>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) compared: Vec<Compared>,
}

/// What a result depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    pub(super) llmux: String,
    pub(super) tmux: String,
    pub(super) cores: usize,
    /// RFC 3339.
    pub(super) date: String,
}

/// What was asked of the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Load {
    pub(super) sessions: usize,
    pub(super) turns: usize,
    pub(super) concurrency: usize,
    pub(super) bytes: usize,
    /// Turns a second that were offered; without it each worker sends its next one when the last is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<f64>,
}

/// One stage of all turns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stage {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) stats: Stats,
}

/// What a script without a daemon would take, measured in the same run beside ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Baseline {
    pub(super) what: String,
    pub(super) ours: Stats,
    pub(super) measured: Stats,
    /// How many times longer the baseline takes, at p50.
    pub(super) ratio: f64,
}

/// A stage beside the same of an earlier run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compared {
    pub(super) stage: String,
    pub(super) p50_ratio: f64,
    pub(super) p99_ratio: f64,
    pub(super) worse: bool,
}

impl Report {
    /// The report for a person.
    pub(super) fn text(&self) -> String {
        let Environment {
            llmux, tmux, cores, ..
        } = &self.environment;
        let Load {
            sessions,
            turns,
            concurrency,
            bytes,
            rate,
        } = &self.load;
        let offered = rate.map_or_else(
            || "as fast as they end".to_owned(),
            |rate| format!("{rate}/s offered"),
        );
        let mut text = format!(
            "llmux {llmux}, tmux {tmux}, {cores} cores\n\
             {turns} turns of {bytes} bytes, {sessions} sessions, {concurrency} at a time, {offered}\n\
             achieved {:.1}/s; {}\n\n",
            self.achieved,
            counts(&self.states)
        );
        if !self.errors.is_empty() {
            text.insert_str(text.len() - 1, &format!("errors: {}\n", counts(&self.errors)));
        }
        text.push_str(&stages(&self.stages));
        if !self.baselines.is_empty() {
            text.push('\n');
            text.push_str(&baselines(&self.baselines));
        }
        if !self.compared.is_empty() {
            text.push('\n');
            text.push_str(&compared(&self.compared));
        }
        text
    }
}

fn counts(counts: &BTreeMap<String, usize>) -> String {
    let counts: Vec<_> = counts
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    counts.join(", ")
}

fn stages(stages: &[Stage]) -> String {
    table(
        ["STAGE", "COUNT", "P50", "P90", "P99", "MAX", "LEAST TO GREATEST"],
        stages.iter().map(|Stage { name, stats }| {
            [
                name.clone(),
                stats.count.to_string(),
                short(stats.p50_ns),
                short(stats.p90_ns),
                short(stats.p99_ns),
                short(stats.max_ns),
                stats.bars(),
            ]
        }),
    )
}

fn baselines(rows: &[Baseline]) -> String {
    table(
        ["BASELINE", "COUNT", "OURS P50", "ITS P50", "RATIO"],
        rows.iter().map(|row| {
            [
                row.what.clone(),
                row.measured.count.to_string(),
                short(row.ours.p50_ns),
                short(row.measured.p50_ns),
                format!("{:.1} x", row.ratio),
            ]
        }),
    )
}

fn compared(rows: &[Compared]) -> String {
    table(
        ["NOW : THEN", "P50", "P99", ""],
        rows.iter().map(|row| {
            [
                row.stage.clone(),
                format!("{:.2} x", row.p50_ratio),
                format!("{:.2} x", row.p99_ratio),
                if row.worse { "WORSE" } else { "" }.to_owned(),
            ]
        }),
    )
}

fn short(nanos: u64) -> String {
    duration::short(Duration::from_nanos(nanos))
}

#[cfg(test)]
pub(super) fn sample(stages: &[(&str, u64)]) -> Report {
    let stages = stages.iter().map(|(name, nanos)| Stage {
        name: (*name).to_owned(),
        stats: Stats::of(vec![*nanos]).unwrap(),
    });
    Report {
        bench: "turn".to_owned(),
        environment: Environment {
            llmux: "0.1.0".to_owned(),
            tmux: "3.3a".to_owned(),
            cores: 2,
            date: "2026-01-01T00:00:00Z".to_owned(),
        },
        load: Load {
            sessions: 1,
            turns: 1,
            concurrency: 1,
            bytes: 64,
            rate: None,
        },
        achieved: 12.0,
        states: BTreeMap::from([("ended".to_owned(), 1)]),
        errors: BTreeMap::new(),
        stages: stages.collect(),
        baselines: Vec::new(),
        compared: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let report = sample(&[("started", 1000), ("ended", 2_000_000)]);
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }

    #[test]
    fn a_person_reads_each_stage_and_what_failed() {
        let mut report = sample(&[("started", 1000), ("ended", 2_000_000)]);
        report.states.insert("refused".to_owned(), 2);
        report.errors.insert("draft".to_owned(), 2);
        let text = report.text();
        for words in [
            "1 ended, 2 refused\nerrors: 2 draft\n\n",
            "\nended    1      2.0ms",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
