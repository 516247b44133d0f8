//! From a prompt to its answer.

use std::io;

use tokio::time::Instant;

use super::{App, Finished, SPIN, State, indented};
use crate::demo::args::MarkerStyle;
use crate::demo::dialog::Dialog;
use crate::demo::history::monotonic_ns;
use crate::demo::marker;
use crate::demo::script::Script;
use crate::demo::status::Status;
use crate::demo::turn::{Step, Turn};
use crate::demo::view::Row;
use crate::demo::wrap::wrap;

/// Bytes of a prompt that are echoed into the transcript.
const ECHO_BYTES: usize = 16 * 1024;

impl App {
    pub(super) fn submit(&mut self, prompt: String) {
        if prompt.trim() == "/clear" {
            return self.begin_anew();
        }
        if let Err(error) = self.history.user(&prompt) {
            self.view
                .say([Row::plain(format!("● Cannot write the transcript: {error}"))]);
        }
        self.hooks.call("UserPromptSubmit", &[("prompt", &prompt)]);
        self.remember_marker(&prompt);
        self.echo(&prompt);
        self.ghost = false;
        self.spin_due = Instant::now() + SPIN;
        let mut script = Script::read(&prompt, self.args.chunk, self.args.delay);
        self.prompts += 1;
        if self.args.number {
            script.reply.insert_str(0, &format!("({}) ", self.prompts));
        }
        self.state = State::Busy(Turn::new(prompt, script, self.reply_width()));
    }

    pub(super) fn remember_marker(&mut self, prompt: &str) {
        if let Some(marker) = marker::find(prompt) {
            self.marker = Some(marker.to_owned());
        }
    }

    /// Shows the prompt as the user's part of the transcript.
    pub(super) fn echo(&mut self, prompt: &str) {
        let head = &prompt[..prompt.floor_char_boundary(ECHO_BYTES)];
        let rows = wrap(head, self.reply_width()).into_iter().enumerate();
        self.view.say(
            rows.map(|(index, row)| Row::plain(format!("{} {row}", if index == 0 { '❯' } else { ' ' }))),
        );
        if head.len() < prompt.len() {
            self.view.say([Row::dim(format!(
                "  … and {} bytes more",
                prompt.len() - head.len()
            ))]);
        }
        self.view.say([Row::plain("")]);
    }

    /// Moves the turn on, and the spinner.
    pub(in crate::demo) fn tick(&mut self) {
        let now = Instant::now();
        if self.spin_due <= now {
            self.spin += 1;
            self.spin_due = now + SPIN;
        }
        if let Some((_, prompt)) = self.given_back.take_if(|(due, _)| *due <= now) {
            self.composer.type_text(&prompt);
        }
        let State::Busy(turn) = &mut self.state else {
            return;
        };
        match turn.step() {
            Step::Wait => {}
            Step::Chunk(chunk) => {
                turn.first_ns.get_or_insert_with(monotonic_ns);
                let begun = turn.begun;
                let rows = turn.flow.push(&chunk);
                turn.begun |= !rows.is_empty();
                self.say_reply(rows, begun);
            }
            Step::Ask => self.ask(),
            Step::Fail => self.fail(),
            Step::End => self.end(),
        }
    }

    fn ask(&mut self) {
        if let State::Busy(turn) = std::mem::replace(&mut self.state, State::Ready) {
            self.hooks
                .call("PermissionRequest", &[("message", "Do you want to proceed?")]);
            self.state = State::Asking(turn, Dialog::approval());
        }
    }

    pub(super) fn resume_turn(&mut self) {
        if let State::Asking(turn, _) = std::mem::replace(&mut self.state, State::Ready) {
            self.state = State::Busy(turn);
        }
    }

    /// Ends the turn with its last rows; returns it, and whether its first row had come out.
    fn close_turn(&mut self) -> Option<Turn> {
        match std::mem::replace(&mut self.state, State::Ready) {
            State::Busy(mut turn) | State::Asking(mut turn, _) => {
                let last = turn.flow.finish();
                if !last.is_empty() {
                    self.say_reply(vec![last], turn.begun);
                    turn.begun = true;
                }
                Some(turn)
            }
            State::Trust(_) | State::Ready => None,
        }
    }

    fn end(&mut self) {
        let Some(turn) = self.close_turn() else { return };
        let mut text = turn.script.reply;
        if let Some(marker) = self.marker.clone().filter(|_| turn.script.mark) {
            let bulleted = self.args.marker_style == MarkerStyle::Bullet;
            let rows = marker::rendered(&marker, self.args.marker_style);
            self.say_reply(rows, turn.begun && !bulleted);
            text = format!("{text}\n{marker}");
        }
        self.view.say([Row::plain("")]);
        let first_ns = turn.first_ns.unwrap_or_else(monotonic_ns);
        self.finished = Some(Finished {
            text,
            first_ns,
            exit: turn.script.exit,
        });
        self.teller.tell(Status::Done);
        self.rest();
    }

    fn fail(&mut self) {
        self.close_turn();
        self.view
            .say([Row::plain("● API Error: 400 demo error"), Row::plain("")]);
        self.hooks
            .call("StopFailure", &[("error", "API Error: 400 demo error")]);
        self.teller.tell(Status::Error);
        self.rest();
    }

    pub(super) fn interrupt(&mut self) {
        let Some(turn) = self.close_turn() else { return };
        self.view.say([
            Row::plain("  ⎿ Interrupted · What should the demo agent do instead?"),
            Row::plain(""),
        ]);
        if self.args.restore_draft && turn.first_ns.is_none() {
            self.composer.type_text(&turn.prompt);
        }
        self.rest();
    }

    /// Goes on with what was queued, or becomes ready.
    fn rest(&mut self) {
        self.ghost = self.args.ghost.is_some();
        if let Some(prompt) = self.queue.pop_front() {
            // The next turn's first paint must not hide this one's end from the transcript.
            if let Err(error) = self.settle() {
                self.view
                    .say([Row::plain(format!("● Cannot write the transcript: {error}"))]);
            }
            self.submit(prompt);
        }
    }

    /// Says finished rows of a reply; `begun` once its bullet has been shown.
    pub(super) fn say_reply(&mut self, rows: Vec<String>, begun: bool) {
        self.view.say(
            rows.into_iter()
                .enumerate()
                .map(|(index, row)| Row::plain(indented(&row, begun || index > 0))),
        );
    }

    /// Does what must wait until the last paint is on the terminal.
    pub(in crate::demo) fn settle(&mut self) -> io::Result<()> {
        let Some(finished) = self.finished.take() else {
            return Ok(());
        };
        self.exit = self.exit.or(finished.exit);
        self.history.assistant(&finished.text, finished.first_ns)?;
        self.hooks
            .call("Stop", &[("last_assistant_message", &finished.text)]);
        Ok(())
    }
}
