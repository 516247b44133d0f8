//! A trial: one agent, one session, one turn after the other, all through the command line.

use std::{
    collections::BTreeMap,
    fmt::Write,
    thread::sleep,
    time::{Duration, Instant},
};

use llmux_protocol::api::{Reply, Source, Step, Turn, TurnState};

use crate::{
    cli::Cli,
    clock, hooks,
    lab::{Lab, Run},
    model::{Model, Way, reply, token},
    prompts::{self, Prompt},
};

const NAME: &str = "trial";
/// How long a turn may take; the slowest answer takes four seconds.
const LIMIT: &str = "40s";
const PATIENCE: Duration = Duration::from_secs(40);

/// What came out of a trial.
#[derive(Debug, Default)]
pub struct Findings {
    /// Turns that were tried, and those that went as they should.
    pub tried: usize,
    pub good: usize,
    /// What showed that prompts were accepted, that turns were over, and where replies were read: how often each.
    pub accepted: Tally,
    pub ended: Tally,
    pub replies: Tally,
    /// From the model's last byte to the end in the receipt, in milliseconds.
    pub overheads: Vec<i64>,
    /// What did not go as it should.
    pub faults: usize,
}

/// How often each source was used.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<Source, usize>);

impl Tally {
    fn add(&mut self, source: Option<Source>) {
        if let Some(source) = source {
            *self.0.entry(source).or_default() += 1;
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.0.iter();
        let all: Vec<_> = all
            .map(|(source, times)| format!("{} {times}", source.as_str()))
            .collect();
        f.write_str(&all.join(", "))
    }
}

/// Runs all prompts through an agent in a home of its own.
pub fn run(cli: &Cli) -> Findings {
    let model = Model::start(0).expect("a loopback");
    let mut lab = Lab::new();
    cli.settle(&mut lab, &model);
    lab.llmux(cli.start(NAME, &lab, &model)).ok();
    let mut trial = Trial {
        lab,
        model,
        findings: Findings::default(),
        draft: "fail",
    };
    if !trial.recovers() {
        trial.findings.faults = 1;
        let explained = trial.lab.llmux(["session", "explain", NAME]);
        eprintln!("{}: never ready: {explained}{}", cli.key, trial.screen());
        return trial.findings;
    }
    for (number, prompt) in prompts::ALL.iter().enumerate() {
        let word = prompt.way.word();
        if let Some((_, why)) = cli.cannot.iter().find(|(cannot, _)| *cannot == word) {
            eprintln!("left out: {} and {word}: {why}", cli.key);
            continue;
        }
        trial.findings.tried += 1;
        let token = format!("lab-{number}-{word}");
        match trial.turn(prompt, &token) {
            Ok(()) => {
                trial.findings.good += 1;
                trial.draft = "fail";
            }
            Err(fault) => {
                eprintln!("{}: {token}: {fault}\n", cli.key);
                trial.findings.faults += 1;
                // What it left in the composer is no fault of the next turn.
                trial.draft = "replace";
                if !trial.recovers() {
                    eprintln!("{}: not ready again; the rest is left out", cli.key);
                    break;
                }
            }
        }
    }
    let strangers = trial.model.strangers();
    if !strangers.is_empty() {
        eprintln!("{}: the model was asked for {strangers:?}", cli.key);
    }
    match hooks::heard(&trial.lab, NAME) {
        Ok(heard) => eprintln!("{}: {heard}", cli.key),
        Err(fault) => {
            eprintln!("{}: {fault}", cli.key);
            trial.findings.faults += 1;
        }
    }
    trial.lab.llmux(["session", "stop", NAME]).ok();
    trial.findings
}

struct Trial {
    lab: Lab,
    model: Model,
    findings: Findings,
    /// What the next prompt does with a draft.
    draft: &'static str,
}

impl Trial {
    fn turn(&mut self, prompt: &Prompt, token: &str) -> Result<(), String> {
        let text = prompt.with(token);
        match prompt.way {
            Way::Refuse => self.refused(&text, token),
            Way::Mute | Way::Hang => self.interrupted(&text, token),
            way => self.answered(&text, token, way),
        }
    }

    /// A turn that ends well, with the reply to this very prompt.
    fn answered(&mut self, text: &str, token: &str, way: Way) -> Result<(), String> {
        let run = self.prompt(&["--wait", "--json"], text);
        let turn = self.parsed(&run)?;
        self.note(&turn, token);
        self.arrived(text, token)
            .map_err(|fault| format!("{fault}; {}", told(&turn)))?;
        if (turn.state, run.code) != (TurnState::Ended, 0) {
            return Err(self.unexpected(&turn, &run));
        }
        let reply = turn.reply.as_ref().ok_or("it has no reply")?;
        own(reply, token, way)?;
        if way == Way::Tool && !self.lab.path("work").join(token).exists() {
            return Err("the tool did not run".to_owned());
        }
        if way != Way::Tool && self.lab.path("work").join(token).exists() {
            return Err("the prompt met a shell".to_owned());
        }
        Ok(())
    }

    /// A turn whose request the model refuses: not a success, whatever else.
    fn refused(&mut self, text: &str, token: &str) -> Result<(), String> {
        let run = self.prompt(&["--wait", "--json"], text);
        let turn = self.parsed(&run)?;
        self.arrived(text, token)?;
        if turn.state != TurnState::Failed || run.code == 0 {
            return Err(self.unexpected(&turn, &run));
        }
        Ok(())
    }

    /// A turn that is cancelled while the model says nothing or nothing more.
    fn interrupted(&mut self, text: &str, token: &str) -> Result<(), String> {
        let id = self.prompt(&["--async"], text);
        if id.code != 0 {
            return Err(id.to_string());
        }
        let id = id.stdout.trim();
        let deadline = Instant::now() + PATIENCE;
        while self.model.served(token).is_none() {
            if Instant::now() > deadline {
                return self.arrived(text, token);
            }
            sleep(Duration::from_millis(5));
        }
        let cancelled = self.lab.llmux(["turn", "cancel", id]);
        let run = self.lab.llmux(["turn", "wait", id, "--json", "--timeout", LIMIT]);
        let turn = self.parsed(&run)?;
        if cancelled.code != 0 || turn.state != TurnState::Cancelled {
            return Err(format!("{cancelled}; {}", self.unexpected(&turn, &run)));
        }
        if !self.recovers() {
            return Err(format!(
                "the agent was not interrupted: {}\n{}",
                told(&turn),
                self.screen()
            ));
        }
        Ok(())
    }

    /// Whether the agent waits for a prompt again, so that what follows is no fault of what went before.
    fn recovers(&self) -> bool {
        self.lab
            .llmux(["session", "wait", NAME, "--until", "idle", "--timeout", LIMIT])
            .code
            == 0
    }

    fn prompt(&self, flags: &[&str], text: &str) -> Run {
        let mut args = vec![
            "session",
            "prompt",
            NAME,
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
        serde_json::from_str(&run.stdout).map_err(|error| format!("{error} in {run}\n{}", self.screen()))
    }

    /// Whether the prompt reached the model as it was sent.
    fn arrived(&self, text: &str, token: &str) -> Result<(), String> {
        let served = self
            .model
            .served(token)
            .ok_or_else(|| format!("the model never saw it\n{}", self.screen()))?;
        // Claude Code composes what it can before it sends it.
        let arrived = |text: &str| text.replace("e\u{301}", "é");
        if arrived(&served.prompt).contains(&arrived(text)) {
            Ok(())
        } else {
            Err(format!(
                "it reached the model as {:?} and not as {text:?}",
                served.prompt
            ))
        }
    }

    /// Notes how the steps were known and how long the end took.
    fn note(&mut self, turn: &Turn, token: &str) {
        let by = |step| {
            let mut all = turn.evidence.iter().rev();
            all.find(|evidence| evidence.step == step)
                .map(|evidence| evidence.source)
        };
        self.findings.accepted.add(by(Step::Accepted));
        self.findings.ended.add(by(Step::Ended));
        self.findings
            .replies
            .add(turn.reply.as_ref().map(|reply| reply.source));
        let last_byte = self.model.served(token).and_then(|served| served.last_byte);
        if let (TurnState::Ended, Some(last_byte)) = (turn.state, last_byte) {
            self.findings
                .overheads
                .extend(clock::from(last_byte, &turn.queued_at, turn.stages.ended));
        }
    }

    fn unexpected(&self, turn: &Turn, run: &Run) -> String {
        format!("{} and exit {}\n{}", told(turn), run.code, self.screen())
    }

    fn screen(&self) -> String {
        let screen = self.lab.llmux(["session", "screen", NAME]).stdout;
        let rows: Vec<&str> = screen.lines().filter(|row| !row.trim().is_empty()).collect();
        rows[rows.len().saturating_sub(14)..].join("\n")
    }
}

/// A turn in a line.
fn told(turn: &Turn) -> String {
    let mut line = format!("it is {}", turn.state.as_str());
    for evidence in &turn.evidence {
        let _ = write!(
            line,
            ", {:?} by {}: {:?}",
            evidence.step,
            evidence.source.as_str(),
            evidence.detail
        );
    }
    if let Some(error) = &turn.error {
        let _ = write!(line, ", {}: {}", error.code, error.message);
    }
    line
}

/// Whether a reply is the one to this token and to no other; a screen may have kept only its end.
fn own(reply: &Reply, prompted: &str, way: Way) -> Result<(), String> {
    let (is, should) = (squeezed(&reply.text), squeezed(&self::reply(prompted, way)));
    let mut tokens = reply
        .text
        .match_indices("lab-")
        .filter_map(|(at, _)| token(&reply.text[at..]));
    let whole = if reply.source == Source::Screen {
        is.contains(&should) || !reply.complete && !is.is_empty() && should.ends_with(&is)
    } else {
        is == should || way == Way::Tool && is.ends_with(&should)
    };
    if whole && tokens.all(|token| token == prompted) {
        return Ok(());
    }
    Err(format!(
        "its reply ({}, complete: {}) is {:?}",
        reply.source.as_str(),
        reply.complete,
        reply.text
    ))
}

/// A text without its blanks, which renderers add and remove.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}
