//! A trial: one agent, from its start to its end, all through the command line.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use llmux_protocol::api::Turn;

use crate::{
    cli::Cli,
    hooks,
    lab::{Lab, Run},
    model::Model,
    table::{COLUMNS, Findings, Outcome},
};

mod approval;
mod conversations;
mod life;
mod turns;

/// The session that takes the turns.
const NAME: &str = "trial";
/// How long a turn may take; the slowest answer takes four seconds.
const LIMIT: &str = "40s";
/// How long an agent may take to come up: some compile themselves first, on a machine that has more to do.
const COMES_UP: &str = "180s";
const PATIENCE: Duration = Duration::from_secs(40);

/// Runs an agent in a home of its own.
pub fn run(cli: &Cli) -> Findings {
    let mut lab = Lab::new();
    let model = Model::start(&lab.path("work")).expect("a loopback");
    cli.settle(&mut lab, &model);
    let mut trial = Trial {
        cli,
        lab,
        model,
        findings: Findings::default(),
        draft: "fail",
        next: 0,
    };
    if let Some(why) = &cli.login {
        trial.part("start", Trial::login);
        trial.part("stop", Trial::stop);
        for column in COLUMNS {
            let lacks = || Outcome::Lacks(why.clone());
            trial.findings.parts.entry(column).or_insert_with(lacks);
        }
        return trial.findings;
    }
    if trial.part("start", Trial::start) {
        trial.part("turns", Trial::turns);
        trial.part("hooks", |trial| hooks::heard(&trial.lab, NAME));
        trial.part("history", Trial::history);
        trial.part("resume", Trial::resume);
        trial.part("new chat", Trial::new_chat);
        trial.part("stop", Trial::stop);
        trial.part("approval", Trial::approval);
    }
    let strangers = trial.model.strangers();
    if !strangers.is_empty() {
        eprintln!("{}: the model was asked for {strangers:?}", cli.key);
    }
    trial.findings
}

struct Trial<'a> {
    cli: &'a Cli,
    lab: Lab,
    model: Model,
    findings: Findings,
    /// What the next prompt does with a draft.
    draft: &'static str,
    /// The number of the next token.
    next: usize,
}

/// What is to be told of a part that went well, or why it did not.
type Told = Result<String, String>;

impl Trial<'_> {
    /// Runs one part, and says whether it went well. One that panics has failed, and the others go on.
    fn part(&mut self, column: &'static str, run: impl FnOnce(&mut Self) -> Told) -> bool {
        let outcome = match self.cli.lacks.get(column) {
            Some(why) => Outcome::Lacks(why.clone()),
            None => match catch_unwind(AssertUnwindSafe(|| run(self))) {
                Ok(Ok(told)) => Outcome::Good(told),
                Ok(Err(why)) => Outcome::Failed(why),
                Err(_) => Outcome::Failed("it panicked, see above".to_owned()),
            },
        };
        if let Outcome::Failed(why) = &outcome {
            eprintln!("{}: {column}: {why}\n", self.cli.key);
        }
        let is_good = matches!(outcome, Outcome::Good(_));
        self.findings.parts.insert(column, outcome);
        is_good
    }

    /// A token that no prompt had before.
    fn token(&mut self, word: &str) -> String {
        self.next += 1;
        format!("lab-{}-{word}", self.next)
    }

    /// Whether the agent waits for a prompt again, so that what follows is no fault of what went before.
    fn recovers(&self, name: &str) -> bool {
        self.lab
            .llmux(["session", "wait", name, "--until", "idle", "--timeout", LIMIT])
            .code
            == 0
    }

    fn prompt(&self, name: &str, flags: &[&str], text: &str) -> Run {
        let mut args = vec![
            "session",
            "prompt",
            name,
            "--timeout",
            LIMIT,
            "--draft",
            self.draft,
        ];
        args.extend(flags);
        args.extend(["--", text]);
        self.lab.llmux(args)
    }

    fn parsed(&self, run: &Run) -> Result<Turn, String> {
        serde_json::from_str(&run.stdout).map_err(|error| format!("{error} in {run}\n{}", self.screen(NAME)))
    }

    fn screen(&self, name: &str) -> String {
        let screen = self.lab.llmux(["session", "screen", name]).stdout;
        let rows: Vec<&str> = screen.lines().filter(|row| !row.trim().is_empty()).collect();
        rows[rows.len().saturating_sub(24)..].join("\n")
    }

    /// A command that must succeed.
    fn done<const N: usize>(&self, args: [&str; N]) -> Result<String, String> {
        let run = self.lab.llmux(args);
        if run.code == 0 {
            Ok(run.stdout)
        } else {
            Err(format!("{args:?}: {run}"))
        }
    }
}

/// A time for the table.
fn since(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}
