//! An agent that asks before it acts: that is seen, and answered.

use llmux_protocol::api::{ActivityState, Dialog, DialogKind, TurnState};

use super::{LIMIT, Told, Trial, turns::told};
use crate::cli::Approval;

/// The session whose agent has its guards on.
const GUARDED: &str = "guarded";

impl Trial<'_> {
    /// Yes, no and cancel, each to a question of its own; then the session is as good as before.
    pub(super) fn approval(&mut self) -> Told {
        let cli = self.cli;
        let approval = cli
            .approval
            .as_ref()
            .ok_or("how it is made to ask is not known")?;
        let start = cli.start_guarded(approval, GUARDED, &self.lab, &self.model);
        let start = self.lab.llmux(start);
        if start.code != 0 || !self.recovers(GUARDED) {
            return Err(format!(
                "never ready: {start}{}\n{}",
                self.explained(GUARDED),
                self.screen(GUARDED)
            ));
        }
        let mut ends = Vec::new();
        for (choice, is_yes) in [(&*approval.yes, true), (&*approval.no, false), ("cancel", false)] {
            let end = self.asked(approval, choice, is_yes);
            ends.push(end.map_err(|fault| format!("{choice:?}: {fault}"))?);
            if !self.recovers(GUARDED) {
                return Err(format!("not ready after {choice:?}: {}", self.screen(GUARDED)));
            }
        }
        self.plain_in(GUARDED)
            .map_err(|fault| format!("the turn after it: {fault}"))?;
        self.stop_one(GUARDED)?;
        Ok(format!("({})", ends.join(", ")))
    }

    /// One question and its answer: how the turn ended.
    fn asked(&mut self, approval: &Approval, choice: &str, is_yes: bool) -> Told {
        let token = self.token(&approval.asks);
        let run = self.prompt(
            GUARDED,
            &["--wait", "--json"],
            &format!("Make the file of {token}."),
        );
        let turn = self.parsed(&run)?;
        let dialog = turn.dialog.clone();
        let (Some(dialog), TurnState::Blocked, 12) = (dialog, turn.state, run.code) else {
            return Err(format!(
                "{} and exit {}\n{}",
                told(&turn),
                run.code,
                self.screen(GUARDED)
            ));
        };
        self.is_told(&dialog)?;
        self.done(["session", "answer", GUARDED, choice, "--dialog", &dialog.id])
            .map_err(|fault| format!("{fault}\n{dialog:?}\n{}", self.screen(GUARDED)))?;
        let run = self
            .lab
            .llmux(["turn", "wait", &turn.id, "--json", "--timeout", LIMIT]);
        let turn = self.parsed(&run)?;
        let is_there = self.lab.path("work").join(&token).exists();
        let is_over = match turn.state {
            TurnState::Ended => run.code == 0,
            // Some take a no for the end of the turn.
            TurnState::Cancelled | TurnState::Failed => !is_yes,
            _ => false,
        };
        if !is_over || is_there != is_yes {
            let file = if is_there { "there" } else { "not there" };
            return Err(format!(
                "{}, the file is {file}\n{}",
                told(&turn),
                self.screen(GUARDED)
            ));
        }
        Ok(turn.state.as_str().to_owned())
    }

    /// Whether a dialog is an approval with answers, and the session's state says the same.
    fn is_told(&self, dialog: &Dialog) -> Result<(), String> {
        let seen = self.seen(GUARDED)?;
        let shown = seen.activity.dialog.as_ref().map(|dialog| &dialog.id);
        if dialog.kind != DialogKind::Approval || dialog.options.len() < 2 || dialog.question.is_empty() {
            return Err(format!("it is read as {dialog:?}\n{}", self.screen(GUARDED)));
        }
        if seen.activity.state != ActivityState::Blocked || shown != Some(&dialog.id) {
            return Err(format!("the session says {:?} of {dialog:?}", seen.activity));
        }
        Ok(())
    }
}
