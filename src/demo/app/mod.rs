//! The demo agent's state machine: keys and time in, a changed view out.

mod answer;
mod typing;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::args::DemoArgs;
use super::composer::Composer;
use super::dialog::Dialog;
use super::frame::{self, Frame};
use super::history::{History, Role};
use super::hooks::Hooks;
use super::status::{Status, Teller};
use super::turn::Turn;
use super::view::Size;
use super::view::{Live, Row, View};
use super::wrap::wrap;

/// How long each glyph of the spinner stays.
const SPIN: Duration = Duration::from_millis(120);

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
    hooks: Hooks,
    teller: Teller,
    state: State,
    queue: VecDeque<String>,
    /// How many prompts it has got.
    prompts: usize,
    marker: Option<String>,
    finished: Option<Finished>,
    spin: usize,
    spin_due: Instant,
    opened: Instant,
    enters_to_swallow: u32,
    /// A prompt that it does not take, and when it goes back into the composer.
    given_back: Option<(Instant, String)>,
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
        let hooks = Hooks::open(args.hooks.as_deref(), &history.id)?;
        let mut app = Self {
            hooks,
            view: View::new(&args, size),
            composer: Composer::default(),
            teller: Teller::new(args.osc_status, args.title, &history.cwd),
            state: if args.trust {
                State::Trust(Dialog::trust())
            } else {
                State::Ready
            },
            queue: VecDeque::new(),
            prompts: 0,
            marker: None,
            finished: None,
            spin: 0,
            spin_due: Instant::now(),
            opened: Instant::now(),
            enters_to_swallow: args.swallow_enter,
            given_back: None,
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

    /// Begins another conversation; its file appears with the first prompt.
    fn begin_anew(&mut self) {
        self.view.clear();
        match self.history.another() {
            Ok(history) => self.history = history,
            Err(error) => self
                .view
                .say([Row::plain(format!("● Cannot begin a conversation: {error}"))]),
        }
        self.greet();
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
            _ => self.given_back.as_ref().map(|(due, _)| *due),
        }
    }

    /// Columns for text beside its indentation.
    fn reply_width(&self) -> usize {
        self.view.size.cols.saturating_sub(3)
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
