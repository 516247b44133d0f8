//! `llmux server install`: the daemon as a service of the user, by systemd or launchd.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::{Args, Parser};

use super::units::{Service, is_wanted};
use crate::cli::{
    Cli,
    context::Context,
    failure::{Failure, say, tell},
    out::Out,
};

/// The service's name for launchd.
const LABEL: &str = "io.cordfuse.llmux";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  llmux server install\n  llmux server install -- --port 8080 --tls\n  llmux server install --dry-run\n\nThe variables that the daemon needs (PATH above all, where your agents are) are taken from here. Install it again when they change."
)]
pub(crate) struct Install {
    /// Print the files, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Flags of `llmux server start`
    #[arg(last = true, value_name = "FLAGS")]
    flags: Vec<String>,
}

/// The service manager of this system.
#[derive(Debug, Clone, Copy)]
enum Manager {
    Systemd,
    Launchd,
}

impl Manager {
    fn here() -> Self {
        if cfg!(target_os = "macos") {
            Self::Launchd
        } else {
            Self::Systemd
        }
    }

    /// The files of the service, by their paths.
    fn files(self, service: &Service<'_>, context: &Context) -> Vec<(PathBuf, String)> {
        let [service_path, socket_path] = self.paths(context);
        match self {
            Self::Systemd => vec![
                (service_path, service.systemd()),
                (socket_path, service.systemd_socket()),
            ],
            Self::Launchd => vec![(service_path, service.launchd(LABEL))],
        }
    }

    fn paths(self, context: &Context) -> [PathBuf; 2] {
        match self {
            Self::Systemd => {
                let dir = context.env.xdg("XDG_CONFIG_HOME", ".config").join("systemd/user");
                [dir.join("llmux.service"), dir.join("llmux.socket")]
            }
            Self::Launchd => {
                let list = context
                    .env
                    .home()
                    .join(format!("Library/LaunchAgents/{LABEL}.plist"));
                [list.clone(), list]
            }
        }
    }

    /// Asks whether it can be told anything, before anything is changed.
    fn check(self) -> Result<(), Failure> {
        match self {
            Self::Systemd => carry_out(&words("systemctl --user show-environment")).map_err(|failure| {
                failure
                    .about("there is no systemd session of this user here; nothing was changed")
                    .hint("log in as the user itself (no su, no sudo); in a container, run `llmux server start`")
                    .hint("`llmux server install --dry-run` prints the files")
            }),
            Self::Launchd => Ok(()),
        }
    }

    /// The commands that make it serve, now and after each start of the system.
    fn enable(self, context: &Context) -> Vec<Vec<String>> {
        match self {
            Self::Systemd => vec![
                words("systemctl --user daemon-reload"),
                words("systemctl --user enable llmux.socket llmux.service"),
                words("systemctl --user restart llmux.socket llmux.service"),
            ],
            Self::Launchd => {
                let [list, _] = self.paths(context);
                let mut command = words(&format!("launchctl bootstrap gui/{}", uid()));
                command.push(list.to_string_lossy().into_owned());
                vec![command]
            }
        }
    }

    /// The commands that end it.
    fn disable(self) -> Vec<Vec<String>> {
        match self {
            Self::Systemd => vec![words("systemctl --user disable --now llmux.socket llmux.service")],
            Self::Launchd => vec![words(&format!("launchctl bootout gui/{}/{LABEL}", uid()))],
        }
    }
}

pub(super) async fn install(args: &Install, context: &Context) -> Result<(), Failure> {
    context.only_here("server install")?;
    let line = ["llmux", "server", "start"]
        .into_iter()
        .chain(args.flags.iter().map(String::as_str));
    if let Err(error) = Cli::try_parse_from(line) {
        return crate::cli::usage::explain(&error);
    }
    let manager = Manager::here();
    let state = context.state()?;
    let socket = state.socket(&context.env)?;
    let variables: Vec<_> = variables(context);
    let service = Service {
        exe: context.env.exe(),
        flags: &args.flags,
        socket: &socket,
        variables: &variables,
        log: &state.daemon_log(),
    };
    let files = manager.files(&service, context);
    let mut out = Out::new();
    if args.dry_run {
        for (path, text) in &files {
            out.line(&format!("# {}", path.display()))?;
            out.text(text)?;
        }
        return out.finish();
    }
    manager.check()?;
    for (path, text) in &files {
        write(path, text)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
        out.line(&format!("wrote {}", path.display()))?;
    }
    // The service's own socket takes this one's place.
    super::end_background(context).await?;
    for command in manager.enable(context) {
        carry_out(&command).map_err(|failure| {
            failure.hint("the files are written; `llmux server uninstall` removes them")
        })?;
    }
    if matches!(manager, Manager::Systemd) {
        tell("to keep it running while you are logged out: loginctl enable-linger");
    }
    out.line("installed")
}

pub(super) fn uninstall(context: &Context) -> Result<(), Failure> {
    context.only_here("server uninstall")?;
    let manager = Manager::here();
    let paths = manager.paths(context);
    let mut out = Out::new();
    if !paths.iter().any(|path| path.exists()) {
        return out.line("not installed");
    }
    for command in manager.disable() {
        // What does not run can't be ended; its files go nevertheless.
        if let Err(failure) = carry_out(&command) {
            say(&failure.message());
        }
    }
    for path in &paths {
        match fs::remove_file(path) {
            Ok(()) => out.line(&format!("removed {}", path.display()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::failed(format!(
                    "cannot remove {}: {error}",
                    path.display()
                )));
            }
        }
    }
    if matches!(manager, Manager::Systemd)
        && let Err(failure) = carry_out(&words("systemctl --user daemon-reload"))
    {
        say(&failure.message());
    }
    out.line("uninstalled; agents keep running")
}

/// Whether systemd runs the daemon.
pub(super) fn is_active() -> bool {
    let asked = Command::new("systemctl")
        .args(["--user", "--quiet", "is-active", "llmux.service"])
        .stderr(std::process::Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// Has systemd put a new daemon in the place of the old one; clients wait at the socket meanwhile.
pub(super) fn restart() -> Result<(), Failure> {
    carry_out(&words("systemctl --user restart llmux.service"))
}

fn variables(context: &Context) -> Vec<(String, String)> {
    let wanted = context
        .env
        .vars()
        .filter(|(name, value)| is_wanted(name) && !value.is_empty());
    let mut found: Vec<_> = wanted
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
        .collect();
    found.sort();
    found
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, text)
}

fn carry_out(command: &[String]) -> Result<(), Failure> {
    let line = command.join(" ");
    let Some((program, args)) = command.split_first() else {
        return Ok(());
    };
    match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().next().unwrap_or_default();
            Err(Failure::failed(format!(
                "`{line}` failed ({}): {said}",
                output.status
            )))
        }
        Err(error) => Err(Failure::failed(format!("cannot run `{line}`: {error}"))),
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
