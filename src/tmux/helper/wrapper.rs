//! Runs one agent, unmodified, as the program of a pane.
//!
//! tmux loses the last output of a program that prints and exits at once, and forgets its exit status. So
//! this process stays in between only as a parent: it announces the start and the end as private OSC messages in
//! the pane's own output, and lingers until the daemon has read them.
//!
//! | message | when |
//! |---|---|
//! | `ESC ] 7777;llmux;started;pid=N BEL` | the program is about to run, before all its output |
//! | `ESC ] 7777;llmux;failed;code=127;REASON BEL` | it could not be started (127 not found, 126 otherwise) |
//! | `ESC ] 7777;llmux;exit;code=N BEL` | it ended, after all its output |
//! | `ESC ] 7777;llmux;exit;code=128+S;signal=S BEL` | signal S ended it |
//!
//! With `--key KEY` each message ends in `;key=KEY`, so that the daemon believes only this wrapper and no printed file.
//! A file that looks executable but that the kernel then refuses gives all three: `started`, `failed`, `exit`.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::time::{Instant, sleep, sleep_until};

use super::message::{self, End};
use super::refusal::{self, Refusal, refuse};
use super::signals::{Notice, Signals};
use super::stage;
use super::terminal::{Terminal, say};

/// How often the last message is said again while nobody acknowledges it: the daemon drops what a pane prints in the
/// instant in which it captures it.
const REPEAT: Duration = Duration::from_millis(100);

/// Longest wait for the daemon to kill the pane after the last message.
const LINGER: Duration = Duration::from_millis(500);

/// A program that stops again within this time is continued only after it: no busy loop with a program
/// that insists on stopping.
const RESUME_GAP: Duration = Duration::from_millis(100);

/// What follows when the pane is gone and the program outlives its SIGHUP, as some agents do. An agent without
/// a pane can be neither seen nor stopped.
const AFTER_HANGUP: [(Duration, Signal); 2] = [
    (Duration::from_secs(3), Signal::TERM),
    (Duration::from_secs(2), Signal::KILL),
];

/// Runs `argv` in `cwd` on this terminal and returns its exit status: hidden `llmux run [--cwd DIR] -- PROG ARGS..`.
///
/// The program is executed directly (no shell) with this environment, in a foreground process group of its own, so
/// tmux and `ps` name it and keys signal it alone. SIGHUP, SIGTERM, SIGINT and SIGQUIT are passed on to its group; after
/// SIGHUP, SIGTERM follows in 3 s and SIGKILL in 5 s. A stopped program is continued: nobody could type `fg`. After the
/// program's end it stays on its terminal for at most 500 ms, or until a signal. Processes that the program left behind in its group get the
/// SIGHUP they would get from a terminal that closes.
///
/// The status is the program's, 128 + S after signal S, 127 if it was not found, 126 if it could not be started.
#[must_use]
pub fn run(argv: &[OsString], cwd: Option<&Path>) -> ExitCode {
    // The stage comes up while this process gets ready; the program itself waits for `release`.
    let program = Program::start(argv, cwd);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(supervise(program)),
        Err(error) => refuse(&Refusal::of_wrapper(&error)),
    };
    ExitCode::from(code)
}

async fn supervise(program: Result<Program, Refusal>) -> u8 {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return refuse(&Refusal::of_wrapper(&error)),
    };
    let terminal = Terminal::find();
    let program = match program.and_then(|program| program.release(terminal.as_ref())) {
        Ok(program) => program,
        Err(refusal) => {
            let code = refuse(&refusal);
            linger(&mut signals, &refusal.message()).await;
            return code;
        }
    };
    let (end, hung_up) = program.attend(&mut signals).await;
    if !hung_up {
        announce(end, terminal.as_ref());
        linger(&mut signals, &message::ended(end)).await;
    }
    program.signal(Signal::HUP);
    end.code()
}

/// Says that the program ended, then puts the terminal in order.
fn announce(end: End, terminal: Option<&Terminal>) {
    let said = say(&message::ended(end));
    let helper = terminal.and_then(|terminal| terminal.take_back().ok());
    // The program left TOSTOP set: output from the background fails until the modes are restored.
    if let (Err(_), Some(mut helper)) = (said, helper)
        && helper.wait().is_ok()
    {
        let _ = say(&message::ended(end));
    }
}

/// Waits until the pane is killed, which is how the daemon acknowledges the last message.
async fn linger(signals: &mut Signals, last: &str) {
    if !io::stdout().is_terminal() {
        return;
    }
    let acknowledged = async {
        loop {
            tokio::select! {
                notice = signals.next() => if notice != Notice::Child { return },
                () = sleep(REPEAT) => drop(say(last)),
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, acknowledged).await;
}

/// The running program. It is never reaped here, so that its pid keeps naming its group to the end.
struct Program {
    pid: Pid,
}

impl Program {
    fn start(argv: &[OsString], cwd: Option<&Path>) -> Result<Self, Refusal> {
        let program = argv.first().ok_or_else(Refusal::no_program)?;
        refusal::check(program, cwd, std::env::var_os("PATH").as_deref())?;
        let pid = stage::start(argv, cwd).map_err(|error| Refusal::of_wrapper(&error))?;
        Ok(Self { pid })
    }

    fn release(self, terminal: Option<&Terminal>) -> Result<Self, Refusal> {
        stage::release(self.pid, terminal).map_err(|error| Refusal::of_wrapper(&error))?;
        Ok(self)
    }

    /// Cares for the program until it ends; tells how, and whether the pane was killed before.
    async fn attend(&self, signals: &mut Signals) -> (End, bool) {
        let mut ladder = AFTER_HANGUP.into_iter();
        let mut next_rung = None;
        let mut hung_up = false;
        let mut resumed = None;
        loop {
            if let Some(end) = self.end() {
                return (end, hung_up);
            }
            let due = next_rung.map_or_else(Instant::now, |(due, _)| due);
            tokio::select! {
                notice = signals.next() => match notice {
                    Notice::Child => self.resume_if_stopped(&mut resumed).await,
                    Notice::Pass(signal) => {
                        self.signal(signal);
                        if signal == Signal::HUP && !hung_up {
                            hung_up = true;
                            next_rung = rung(&mut ladder);
                        }
                    }
                },
                () = sleep_until(due), if next_rung.is_some() => {
                    if let Some((_, signal)) = next_rung {
                        self.signal(signal);
                    }
                    next_rung = rung(&mut ladder);
                }
            }
        }
    }

    fn end(&self) -> Option<End> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid), options).ok()??;
        status
            .exit_status()
            .map(End::Exited)
            .or_else(|| status.terminating_signal().map(End::Signaled))
    }

    /// Continues the program if it stopped (Ctrl-Z, or the terminal before it was in the foreground).
    async fn resume_if_stopped(&self, resumed: &mut Option<Instant>) {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
        if !matches!(waitid(WaitId::Pid(self.pid), options), Ok(Some(_))) {
            return;
        }
        if resumed.is_some_and(|before| before.elapsed() < RESUME_GAP) {
            sleep(RESUME_GAP).await;
        }
        self.signal(Signal::CONT);
        *resumed = Some(Instant::now());
    }

    fn signal(&self, signal: Signal) {
        // The group may be gone, which is fine.
        let _ = kill_process_group(self.pid, signal);
    }
}

fn rung(ladder: &mut impl Iterator<Item = (Duration, Signal)>) -> Option<(Instant, Signal)> {
    ladder
        .next()
        .map(|(wait, signal)| (Instant::now() + wait, signal))
}
