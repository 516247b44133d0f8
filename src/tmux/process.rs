//! Starts the one tmux client, so that it can never outlive the daemon.
//!
//! The client is started through `llmux tmux-client`, which gives it a session of its own (a Ctrl-C in the daemon's
//! terminal is not for it) and a parent-death signal. That signal fires when the *thread* that started the process
//! ends, so all clients are started by one thread that lives as long as the daemon.

use std::{ffi::OsString, fs::File, io, path::PathBuf, process::Stdio, sync::mpsc, thread, time::Duration};

use tokio::{
    net::unix::pipe::Sender,
    process::{Child, ChildStdout, Command},
    runtime::Handle,
    sync::oneshot,
};

use super::Socket;

/// The hub session's name. No agent session can have it: a session name starts with a letter or digit.
pub(crate) const HUB_NAME: &str = "_llmux";

/// Variables that must not reach the tmux server when our client starts it: every pane would inherit them.
const PRIVATE_ENV: &[&str] = &[
    "LLMUX_TOKEN",
    "LLMUX_PASSPHRASE",
    "LLMUX_SERVER",
    "LLMUX_SOCKET",
    "LLMUX_LOG",
    // What a service manager tells the daemon alone.
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// Where things are that starting a client needs.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The tmux server's socket.
    pub(crate) socket: Socket,
    /// This program.
    pub(crate) exe: PathBuf,
    /// A private directory for alive-files.
    pub(crate) runtime_dir: PathBuf,
}

/// How much later than the answer to another client ours may be read on a busy machine.
const PROBE_GRACE: Duration = Duration::from_secs(1);

type Job = (Command, oneshot::Sender<io::Result<Child>>);

/// The thread that starts clients.
pub(super) struct Spawner(mpsc::SyncSender<Job>);

impl Spawner {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, inbox) = mpsc::sync_channel::<Job>(1);
        let runtime = Handle::current();
        thread::Builder::new()
            .name("tmux-spawner".into())
            .spawn(move || {
                let _context = runtime.enter();
                for (mut command, reply) in inbox {
                    // A caller that went away drops the child, which kills it.
                    let _ = reply.send(command.spawn());
                }
            })?;
        Ok(Self(jobs))
    }

    async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts tmux clients is gone");
        self.0.send((command, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// A running tmux client, and the lock whose release makes the hub's guard remove the hub.
pub(super) struct Client {
    pub(super) child: Child,
    pub(super) alive: AliveFile,
}

/// Starts `tmux -C new-session` on the hub, which must not exist yet.
pub(super) async fn start_client(spawner: &Spawner, setting: &Setting) -> io::Result<Client> {
    let alive = AliveFile::create(setting)?;
    let mut command = Command::new(&setting.exe);
    command
        .arg("tmux-client")
        .arg(std::process::id().to_string())
        .arg("tmux")
        .args(hub_arguments(setting, &alive));
    for name in PRIVATE_ENV {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let child = spawner.spawn(command).await?;
    Ok(Client { child, alive })
}

/// Returns when the server has answered another client, and what it sent to us before that must have come too.
pub(super) async fn probe(setting: Setting) {
    // Whatever it answers, and if there is no server, proves that none sleeps.
    let _ = tmux(&setting, &["display-message", "-p", ""]).output().await;
    tokio::time::sleep(PROBE_GRACE).await;
}

/// A client of our own that runs one command.
fn tmux(setting: &Setting, arguments: &[&str]) -> Command {
    let mut command = Command::new("tmux");
    command.args(setting.socket.args()).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// The client's pipes.
pub(super) struct Pipes {
    pub(super) stdin: Sender,
    pub(super) stdout: ChildStdout,
}

impl Pipes {
    /// Takes them from a client.
    pub(super) fn take(client: &mut Child) -> io::Result<Self> {
        let (Some(stdin), Some(stdout)) = (client.stdin.take(), client.stdout.take()) else {
            return Err(io::Error::other("the tmux client has no pipes"));
        };
        let stdin = Sender::from_owned_fd(stdin.into_owned_fd()?)?;
        Ok(Self { stdin, stdout })
    }
}

/// Waits until a pipe takes something; returns how much it took. Cancel safe.
pub(super) async fn write_some(pipe: &Sender, bytes: &[u8]) -> io::Result<usize> {
    loop {
        pipe.writable().await?;
        match pipe.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return written,
        }
    }
}

/// Makes sure that there is no hub, and says whether that is so. One to which nobody is attached is ended: its guard was
/// killed, or could not do its duty. One with a client belongs to a living daemon.
///
/// A control client must not find that out for itself: when a session or a client goes while one is connecting, a tmux
/// before 3.7 can crash (tmux#4980).
pub(super) async fn clear_hub(setting: &Setting) -> io::Result<bool> {
    let format = "#{session_attached} #{session_name}";
    let list = tmux(setting, &["list-sessions", "-F", format]).output().await?;
    let list = String::from_utf8_lossy(&list.stdout);
    let hub = list
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(_, name)| *name == HUB_NAME);
    match hub {
        None => Ok(true),
        Some(("0", _)) => {
            tracing::warn!("removing a hub session that nobody guards");
            let target = format!("={HUB_NAME}");
            // If it is gone by now, that is what is wanted.
            tmux(setting, &["kill-session", "-t", &target]).output().await?;
            Ok(true)
        }
        Some(_) => Ok(false),
    }
}

fn hub_arguments(setting: &Setting, alive: &AliveFile) -> Vec<OsString> {
    let mut arguments = setting.socket.args();
    arguments.extend(
        [
            "-u",
            "-C",
            "new-session",
            "-s",
            HUB_NAME,
            "-n",
            "llmux",
            "-x",
            "80",
            "-y",
            "24",
        ]
        .map(OsString::from),
    );
    arguments.extend([
        setting.exe.clone().into(),
        "hub-guard".into(),
        alive.path.clone().into(),
    ]);
    arguments
}

/// A file that is locked while a connection lives; the hub's guard waits for the lock.
pub(super) struct AliveFile {
    path: PathBuf,
    _locked: File,
}

impl AliveFile {
    fn create(setting: &Setting) -> io::Result<Self> {
        let file = tempfile::Builder::new()
            .prefix("hub-")
            .suffix(".alive")
            .tempfile_in(&setting.runtime_dir)?;
        file.as_file().lock()?;
        let (locked, path) = file.keep().map_err(|error| error.error)?;
        Ok(Self {
            path,
            _locked: locked,
        })
    }
}

impl Drop for AliveFile {
    fn drop(&mut self) {
        // The guard has the file open already, or never came up; nobody looks for the name.
        let _ = std::fs::remove_file(&self.path);
    }
}
