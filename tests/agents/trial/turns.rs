//! Turns, one after the other in one session: each with its own token, so that no reply can be another's.

use std::{
    fmt::Write,
    thread::sleep,
    time::{Duration, Instant},
};

use llmux_protocol::api::{Reply, Source, Step, Turn, TurnState};

use super::{LIMIT, NAME, PATIENCE, Told, Trial};
use crate::{
    clock,
    lab::Run,
    model::{Way, reply, token},
    prompts::{self, Prompt},
    table::Outcome,
};

impl Trial<'_> {
    /// Runs all prompts; what those that are cancelled come to is told in a column of its own.
    pub(super) fn turns(&mut self) -> Told {
        let (mut tried, mut faults, mut uninterrupted) = (0, Vec::new(), Vec::new());
        let mut after_cancel = false;
        for (number, prompt) in prompts::ALL.iter().enumerate() {
            let word = prompt.way.word();
            self.next = number;
            let token = format!("lab-{number}-{word}");
            let is_long = prompt.with(&token).contains('\n');
            let cannot = is_long.then(|| self.cli.cannot.get("lines")).flatten();
            if let Some(why) = self.cli.cannot.get(word).or(cannot) {
                eprintln!("left out: {} and {token}: {why}", self.cli.key);
                continue;
            }
            tried += 1;
            let cancels = matches!(prompt.way, Way::Mute | Way::Hang);
            match self.turn(prompt, &token) {
                Ok(()) => self.draft = "fail",
                Err(fault) => {
                    eprintln!("{}: {token}: {fault}\n", self.cli.key);
                    if cancels || after_cancel {
                        uninterrupted.push(format!("{token}: {fault}"));
                    }
                    faults.push(token);
                    // What it left in the composer is no fault of the next turn.
                    self.draft = "replace";
                    if !self.recovers(NAME) {
                        eprintln!("{}: not ready again; the rest is left out", self.cli.key);
                        break;
                    }
                }
            }
            after_cancel = cancels;
        }
        let interrupt = match uninterrupted.into_iter().next() {
            None => Outcome::Good(String::new()),
            Some(fault) => Outcome::Failed(fault),
        };
        self.findings.parts.insert("interrupt", interrupt);
        if faults.is_empty() {
            return Ok(format!("{tried} of {tried}"));
        }
        let good = tried - faults.len();
        Err(format!("{good} of {tried}, not {}", faults.join(", ")))
    }

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
        let run = self.prompt(NAME, &["--wait", "--json"], text);
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
        let run = self.prompt(NAME, &["--wait", "--json"], text);
        let turn = self.parsed(&run)?;
        self.arrived(text, token)?;
        if turn.state != TurnState::Failed || run.code == 0 {
            return Err(self.unexpected(&turn, &run));
        }
        Ok(())
    }

    /// A turn that is cancelled while the model says nothing or nothing more.
    fn interrupted(&mut self, text: &str, token: &str) -> Result<(), String> {
        let id = self.prompt(NAME, &["--async"], text);
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
        if !self.recovers(NAME) {
            return Err(format!(
                "the agent was not interrupted: {}\n{}",
                told(&turn),
                self.screen(NAME)
            ));
        }
        Ok(())
    }

    /// Whether the prompt reached the model as it was sent.
    fn arrived(&self, text: &str, token: &str) -> Result<(), String> {
        let served = self
            .model
            .served(token)
            .ok_or_else(|| format!("the model never saw it\n{}", self.screen(NAME)))?;
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
        format!("{} and exit {}\n{}", told(turn), run.code, self.screen(NAME))
    }
}

/// A turn in a line.
pub(super) fn told(turn: &Turn) -> String {
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
