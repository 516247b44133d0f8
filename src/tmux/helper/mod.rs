//! The small processes around tmux, each a hidden subcommand of `llmux`.
//!
//! They exist so that the daemon needs no unsafe code to look after processes: what must happen
//! between `fork` and `exec`, or inside a pane, happens in a program of its own.

pub mod client;
pub mod guard;
mod message;
mod refusal;
mod signals;
pub mod stage;
pub mod terminal;
pub mod wrapper;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// Runs the helper that `args` (without the program's name) ask for; `None` if they ask for none.
///
/// To be called before any other command line parsing: a helper stands between a user and the start of every agent,
/// and nobody but llmux types these lines:
///
/// ```text
/// llmux run [--key KEY] [--cwd DIR] -- PROG [ARGS..]
/// llmux stage [--key KEY] -- PROG [ARGS..]
/// llmux return-tty GROUP MODES
/// llmux hub-guard ALIVE-FILE
/// llmux tmux-client PARENT-PID TMUX [ARGS..]
/// ```
#[must_use]
pub fn dispatch(args: &[OsString]) -> Option<ExitCode> {
    let (verb, rest) = args.split_first()?;
    match (verb.to_str()?, rest) {
        ("run", [dashes, program @ ..]) if dashes == "--" => Some(wrapper::run(program, None)),
        ("run" | "stage", [flag, key, rest @ ..]) if flag == "--key" => {
            message::sign_with(key.to_str()?);
            dispatch(&[&[verb.clone()], rest].concat())
        }
        ("run", [flag, cwd, dashes, program @ ..]) if flag == "--cwd" && dashes == "--" => {
            Some(wrapper::run(program, Some(Path::new(cwd))))
        }
        ("stage", [dashes, program @ ..]) if dashes == "--" => Some(stage::run(program)),
        ("return-tty", [group, modes]) => Some(terminal::return_tty(number(group)?, modes.to_str()?)),
        ("hub-guard", [alive_file]) => Some(guard::run(Path::new(alive_file))),
        ("tmux-client", rest) => {
            eprintln!("llmux: cannot become the tmux client: {}", client::exec(rest));
            Some(ExitCode::FAILURE)
        }
        _ => None,
    }
}

fn number(text: &OsStr) -> Option<i32> {
    text.to_str()?.parse().ok()
}
