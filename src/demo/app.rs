//! The demo agent's state machine: keys and time in, a changed view out.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::args::{DemoArgs, MarkerStyle};
use super::composer::Composer;
use super::dialog::{Answer, Dialog};
use super::frame::{self, Frame};
use super::history::{History, Role, monotonic_ns};
use super::keys::Key;
use super::marker;
use super::script::Script;
use super::status::{Status, Teller};
use super::term::Size;
use super::turn::{Step, Turn};
use super::view::{Live, Row, View};
use super::wrap::wrap;

/// How long each glyph of the spinner stays.
const SPIN: Duration = Duration::from_millis(120);

/// Bytes of a prompt that are echoed into the transcript.
const ECHO_BYTES: usize = 16 * 1024;

enum State {
    Trust(Dialog),
    Ready,
    Busy(Turn),
    Asking(Turn, Dialog),
}

/// A reply to be recorded once its last byte is on the terminal.
struct Finished {
    text: String,
    first_ns: u64,
    exit: Option<u8>,
}

pub(super) struct App {
    args: DemoArgs,
    view: View,
    composer: Composer,
    history: History,
    teller: Teller,
    state: State,
    queue: VecDeque<String>,
    marker: Option<String>,
    finished: Option<Finished>,
    spin: usize,
    spin_due: Instant,
    opened: Instant,
    enters_to_swallow: u32,
    typed_at: Option<Instant>,
    pasted_at: Option<Instant>,
    normal_mode: bool,
    ghost: bool,
    /// The control key that leaves if it is pressed again.
    leaving: Option<char>,
    exit: Option<u8>,
}

impl App {
    pub(super) fn open(mut args: DemoArgs, size: Size) -> io::Result<Self> {
        let cwd = std::env::current_dir()?;
        let resumed = args.resume.take();
        let is_resumed = resumed.is_some();
        let history = History::open(args.history.take(), &cwd, resumed.or(args.session_id.take()))?;
        if history.exists() != is_resumed {
            let text = if is_resumed {
                "there is no session"
            } else {
                "there is already a session"
            };
            return Err(io::Error::other(format!("{text} {}", history.id)));
        }
        let mut app = Self {
            view: View::new(&args, size),
            composer: Composer::default(),
            teller: Teller::new(args.osc_status, args.title, &history.cwd),
            state: if args.trust {
                State::Trust(Dialog::trust())
            } else {
                State::Ready
            },
            queue: VecDeque::new(),
            marker: None,
            finished: None,
            spin: 0,
            spin_due: Instant::now(),
            opened: Instant::now(),
            enters_to_swallow: args.swallow_enter,
            typed_at: None,
            pasted_at: None,
            normal_mode: args.vim,
            ghost: false,
            leaving: None,
            exit: None,
            history,
            args,
        };
        app.greet();
        if is_resumed {
            app.replay()?;
        }
        Ok(app)
    }

    pub(super) fn start(&mut self) {
        self.view.start();
        if let Some(draft) = self.args.draft.take() {
            self.composer.type_text(&draft);
        }
        self.opened = Instant::now();
    }

    fn greet(&mut self) {
        self.view.say([
            Row::plain("✻ llmux demo agent"),
            Row::dim(format!("  {}", self.history.cwd)),
            Row::dim(format!("  session {}", self.history.id)),
            Row::plain(""),
        ]);
    }

    fn replay(&mut self) -> io::Result<()> {
        for record in self.history.load()? {
            match record.role {
                Role::User => {
                    self.remember_marker(&record.text);
                    self.echo(&record.text);
                }
                Role::Assistant => {
                    let rows = wrap(&record.text, self.reply_width());
                    self.say_reply(rows, false);
                    self.view.say([Row::plain("")]);
                }
            }
        }
        Ok(())
    }

    /// Tells whether input is taken already: a slow mount drops it.
    pub(super) fn hears(&self) -> bool {
        self.opened.elapsed() >= Duration::from_millis(self.args.mount)
    }

    pub(super) fn exit_code(&self) -> Option<u8> {
        self.exit
    }

    pub(super) fn leave(&mut self, code: u8) {
        self.exit = Some(code);
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.view.resize(size);
        let width = self.reply_width();
        if let State::Busy(turn) | State::Asking(turn, _) = &mut self.state {
            turn.flow.resize(width);
        }
    }

    /// When [`App::tick`] has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            State::Busy(turn) => Some(turn.due().map_or(self.spin_due, |due| due.min(self.spin_due))),
            _ => None,
        }
    }

    pub(super) fn keys(&mut self, keys: Vec<Key>) {
        for key in keys {
            self.key(key);
        }
    }

    fn key(&mut self, key: Key) {
        if !matches!(key, Key::Ctrl(c) if self.leaving == Some(c)) {
            self.leaving = None;
        }
        match &mut self.state {
            State::Trust(dialog) => match dialog.key(&key) {
                Answer::Yes => self.state = State::Ready,
                Answer::No => self.exit = Some(1),
                Answer::None => {}
            },
            State::Asking(_, dialog) => match dialog.key(&key) {
                Answer::Yes => self.resume_turn(),
                Answer::No => self.interrupt(),
                Answer::None => {}
            },
            State::Ready | State::Busy(_) => self.compose(key),
        }
    }

    fn compose(&mut self, key: Key) {
        let busy = matches!(self.state, State::Busy(_));
        match key {
            Key::Ctrl('c') | Key::Esc if busy => self.interrupt(),
            Key::Ctrl('c') if !self.composer.is_empty() => self.composer.clear(),
            Key::Ctrl('d') if !self.composer.is_empty() => {}
            Key::Ctrl(c @ ('c' | 'd')) => self.press_to_leave(c),
            Key::Ctrl('u') => self.composer.clear(),
            Key::Esc => self.normal_mode = self.args.vim,
            Key::Enter => self.enter(),
            Key::Text(text) if self.normal_mode => self.command(&text),
            _ if self.normal_mode => {}
            Key::Text(text) => self.type_text(&text),
            Key::Paste(text) => {
                self.composer.paste(text);
                self.pasted_at = Some(Instant::now());
            }
            Key::Newline => self.composer.type_text("\n"),
            Key::Backspace => self.composer.backspace(),
            Key::Tab | Key::Right => self.accept_ghost(),
            Key::Up | Key::Down | Key::Ctrl(_) => {}
        }
    }

    fn type_text(&mut self, text: &str) {
        self.composer.type_text(text);
        self.typed_at = Some(Instant::now());
    }

    /// Vim's normal mode knows one command; what follows it is text.
    fn command(&mut self, text: &str) {
        if let Some((_, inserted)) = text.split_once(['i', 'a']) {
            self.normal_mode = false;
            self.type_text(inserted);
        }
    }

    fn accept_ghost(&mut self) {
        if self.ghost && self.composer.is_empty() {
            let ghost = self.args.ghost.clone().unwrap_or_default();
            self.composer.type_text(&ghost);
        }
    }

    fn press_to_leave(&mut self, c: char) {
        if self.leaving == Some(c) {
            self.exit = Some(0);
        }
        self.leaving = Some(c);
    }

    fn enter(&mut self) {
        if self.enters_to_swallow > 0 {
            self.enters_to_swallow -= 1;
        } else if within(self.typed_at, self.args.burst) || within(self.pasted_at, self.args.paste_guard) {
            self.composer.type_text("\n");
        } else if let Some(prompt) = self.composer.take() {
            match self.state {
                State::Busy(_) => self.queue.push_back(prompt),
                _ => self.submit(prompt),
            }
        }
    }

    fn submit(&mut self, prompt: String) {
        if let Err(error) = self.history.user(&prompt) {
            self.view
                .say([Row::plain(format!("● Cannot write the transcript: {error}"))]);
        }
        self.remember_marker(&prompt);
        self.echo(&prompt);
        self.ghost = false;
        self.spin_due = Instant::now() + SPIN;
        let script = Script::read(&prompt, self.args.chunk, self.args.delay);
        self.state = State::Busy(Turn::new(prompt, script, self.reply_width()));
    }

    fn remember_marker(&mut self, prompt: &str) {
        if let Some(marker) = marker::find(prompt) {
            self.marker = Some(marker.to_owned());
        }
    }

    /// Shows the prompt as the user's part of the transcript.
    fn echo(&mut self, prompt: &str) {
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
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        if self.spin_due <= now {
            self.spin += 1;
            self.spin_due = now + SPIN;
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
            self.state = State::Asking(turn, Dialog::approval());
        }
    }

    fn resume_turn(&mut self) {
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
        self.teller.tell(Status::Error);
        self.rest();
    }

    fn interrupt(&mut self) {
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
    fn say_reply(&mut self, rows: Vec<String>, begun: bool) {
        self.view.say(
            rows.into_iter()
                .enumerate()
                .map(|(index, row)| Row::plain(indented(&row, begun || index > 0))),
        );
    }

    fn reply_width(&self) -> usize {
        self.view.size.cols.saturating_sub(3)
    }

    /// Does what must wait until the last paint is on the terminal.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let Some(finished) = self.finished.take() else {
            return Ok(());
        };
        self.exit = self.exit.or(finished.exit);
        self.history.assistant(&finished.text, finished.first_ns)
    }

    pub(super) fn paint(&mut self) -> Vec<u8> {
        let status = match self.state {
            State::Trust(_) | State::Asking(..) => Status::Blocked,
            State::Busy(_) => Status::Working,
            State::Ready => Status::Idle,
        };
        self.view.send(&self.teller.follow(status));
        let live = self.live();
        self.view.paint(live)
    }

    fn live(&self) -> Live {
        let turn = match &self.state {
            State::Trust(dialog) | State::Asking(_, dialog) => {
                return frame::dialog(dialog, &self.history.cwd, self.view.size);
            }
            State::Busy(turn) => Some(turn),
            State::Ready => None,
        };
        let partial = turn
            .filter(|turn| !turn.flow.row().is_empty())
            .map(|turn| indented(turn.flow.row(), turn.begun));
        let hint = match &self.args.ghost {
            Some(ghost) if self.ghost => ghost,
            _ => &self.args.placeholder,
        };
        let footer = match self.leaving {
            Some('c') => "Press Ctrl-C again to exit",
            Some(_) => "Press Ctrl-D again to exit",
            None if self.normal_mode => "-- NORMAL --",
            None if self.args.vim => "-- INSERT --",
            None => "ctrl+d twice to exit",
        };
        Frame {
            size: self.view.size,
            partial,
            queued: self.queue.iter().map(String::as_str).collect(),
            busy: turn.map(|_| self.spin),
            composer: &self.composer,
            hint,
            footer,
        }
        .live()
    }

    pub(super) fn farewell(&mut self) -> Vec<u8> {
        self.view.send(self.teller.clear());
        self.view.stop(&Row::plain(format!(
            "Resume: llmux demo-agent --resume {}",
            self.history.id
        )))
    }
}

fn indented(row: &str, begun: bool) -> String {
    format!("{} {row}", if begun { ' ' } else { '●' })
}

fn within(since: Option<Instant>, ms: u64) -> bool {
    since.is_some_and(|since| since.elapsed() < Duration::from_millis(ms))
}
