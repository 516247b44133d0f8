//! The built-in agent: `llmux demo-agent`.
//!
//! A small TUI that behaves like the agent CLIs llmux runs, without a model behind it: its answers are made from the
//! prompt alone. It exists so that llmux can be tried, tested and measured on a machine without any agent, and so that
//! each bad habit of a real one can be switched on by a flag.
//!
//! | file | what |
//! |---|---|
//! | `args` | the flags |
//! | `keys` | bytes in, keys out |
//! | `composer`, `dialog` | what is being typed; what is being asked |
//! | `script`, `turn`, `marker` | what a prompt asks for; the answer as it streams |
//! | `wrap`, `view`, `status` | text to rows; rows to the screen; the state beside it |
//! | `history` | the JSONL transcript |
//! | `hooks` | commands called when something happens |
//! | `app`, `frame` | the state machine; the rows it shows |

mod app;
mod args;
mod composer;
mod dialog;
mod frame;
mod history;
mod hooks;
mod keys;
mod marker;
mod script;
mod status;
mod turn;
mod view;
mod wrap;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use rustix::termios::OptionalActions;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

pub use args::{DemoArgs, MarkerStyle};

use app::App;
use keys::Parser;
use view::Size;

use crate::tty;

/// How long a lone ESC byte may be the start of a key sequence.
const ESC_WAIT: Duration = Duration::from_millis(25);

/// Runs the demo agent on this terminal until its user leaves; returns its exit status.
#[must_use]
pub fn run(args: DemoArgs) -> ExitCode {
    if !io::stdin().is_terminal() {
        eprintln!("llmux demo-agent: needs a terminal");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(drive(args))) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("llmux demo-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn drive(args: DemoArgs) -> io::Result<u8> {
    let mut app = App::open(args, Size::now())?;
    let _raw = tty::Raw::enter(OptionalActions::Now)?;
    let (mut resized, mut hangup, mut terminate) = (
        signal(SignalKind::window_change())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::terminate())?,
    );
    let mut input = tty::typed();
    let mut keys = Parser::default();
    let mut esc_due = None;
    app.start();
    loop {
        write(&app.paint())?;
        app.settle()?;
        if let Some(code) = app.exit_code() {
            write(&app.farewell())?;
            return Ok(code);
        }
        let due = [app.due(), esc_due].into_iter().flatten().min();
        tokio::select! {
            bytes = input.recv() => {
                let Some(bytes) = bytes else { return Ok(0) };
                if app.hears() {
                    app.keys(keys.feed(&bytes));
                    esc_due = keys.is_waiting().then(|| Instant::now() + ESC_WAIT);
                }
            }
            _ = resized.recv() => app.resize(Size::now()),
            _ = hangup.recv() => return Ok(129),
            _ = terminate.recv() => app.leave(143),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                if esc_due.is_some_and(|due| due <= Instant::now()) {
                    esc_due = None;
                    app.keys(keys.flush());
                }
                app.tick();
            }
        }
    }
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
