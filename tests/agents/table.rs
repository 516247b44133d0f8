//! The table at the end: a row for each agent, and below it why a column is not what it should be.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use comfy_table::{Table, presets::NOTHING};
use llmux_protocol::api::Source;

use crate::cli::Cli;

/// The parts of a trial, as the columns are named.
pub const COLUMNS: [&str; 9] = [
    "start",
    "turns",
    "hooks",
    "interrupt",
    "history",
    "resume",
    "new chat",
    "stop",
    "approval",
];

/// What came of one part of a trial.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It went as it should; what is to be told of it.
    Good(String),
    /// It did not, and why.
    Failed(String),
    /// The agent can't, and why.
    Lacks(String),
}

/// What came out of a trial.
#[derive(Debug, Default)]
pub struct Findings {
    pub parts: BTreeMap<&'static str, Outcome>,
    /// What showed that prompts were accepted, that turns were over, and where replies were read: how often each.
    pub accepted: Tally,
    pub ended: Tally,
    pub replies: Tally,
    /// From the model's last byte to the end in the receipt, in milliseconds.
    pub overheads: Vec<i64>,
}

/// How often each source was used.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Source, usize>);

/// All rows.
pub struct Report {
    table: Table,
    notes: String,
    is_good: bool,
}

impl Tally {
    pub fn add(&mut self, source: Option<Source>) {
        if let Some(source) = source {
            *self.0.entry(source).or_default() += 1;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.iter();
        let all: Vec<_> = all
            .map(|(source, times)| format!("{} {times}", source.as_str()))
            .collect();
        f.write_str(&all.join(", "))
    }
}

impl Report {
    pub fn new() -> Self {
        let mut table = Table::new();
        let columns = COLUMNS.map(str::to_uppercase);
        let head = ["AGENT", "VERSION"].map(str::to_owned).into_iter().chain(columns);
        let evidence = ["ACCEPTED BY", "ENDED BY", "REPLY FROM", "P50 OVERHEAD"];
        table
            .load_style(NOTHING)
            .set_header(head.chain(evidence.map(str::to_owned)));
        Self {
            table,
            notes: String::new(),
            is_good: true,
        }
    }

    pub fn add(&mut self, cli: &Cli, version: String, findings: &Findings) {
        let mut row = vec![cli.key.clone(), version];
        for column in COLUMNS {
            let failed = Outcome::Failed("the trial ended before it".to_owned());
            let outcome = findings.parts.get(column).unwrap_or(&failed);
            let (cell, why) = match outcome {
                Outcome::Good(told) => (format!("ok {told}"), None),
                Outcome::Failed(why) => ("FAILED".to_owned(), Some(why)),
                Outcome::Lacks(why) => ("n.a.".to_owned(), Some(why)),
            };
            self.is_good &= !matches!(outcome, Outcome::Failed(_));
            if let Some(why) = why {
                let first = why.lines().next().unwrap_or_default();
                let _ = writeln!(self.notes, "{}, {column}: {cell}: {first}", cli.key);
            }
            row.push(cell.trim_end().to_owned());
        }
        let mut overheads = findings.overheads.clone();
        overheads.sort_unstable();
        let p50 = overheads.get(overheads.len() / 2);
        row.extend([
            findings.accepted.to_string(),
            findings.ended.to_string(),
            findings.replies.to_string(),
            p50.map_or("-".to_owned(), |millis| format!("{millis} ms")),
        ]);
        self.table.add_row(row);
    }

    /// Whether nothing failed.
    pub fn is_good(&self) -> bool {
        self.is_good
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.table, self.notes)
    }
}
