//! A pane's processes, found and ended.
//!
//! Some agents survive the end of their terminal. What is signalled is what descends from the pane's first process,
//! lives in its terminal session, or was started in the pane and cut loose from both (a daemon forks twice), each checked
//! to be the same process still: a process id alone may have been reused.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use llmux_protocol::PaneId;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::tmux::ServerId;

/// How often it is looked whether signalled processes are gone.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One process, told from a later one with its number by its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pid: i32,
    /// Clock ticks since boot.
    started: u64,
}

#[derive(Debug, Clone, Copy)]
struct Stat {
    process: Process,
    parent: i32,
    session: i32,
    zombie: bool,
}

/// Which pane a process was started in, as tmux tells each in its environment.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux shows a process's environment")
)]
pub(super) struct Birthplace {
    pub(super) server: ServerId,
    pub(super) pane: PaneId,
}

/// The processes of the pane whose first process is `root`, that one first if it is still there.
///
/// The kernel uses no number again that still names a terminal session: a stranger who has the root's shows that none
/// of the root's session is left.
pub(super) fn of_pane(root: Process, birthplace: Birthplace) -> Vec<Process> {
    let all = all_processes();
    let reused = all
        .iter()
        .any(|stat| stat.process.pid == root.pid && stat.process != root);
    let mut children: HashMap<i32, Vec<&Stat>> = HashMap::new();
    for stat in &all {
        children.entry(stat.parent).or_default().push(stat);
    }
    let belongs = |stat: &&Stat| {
        let by_number = stat.process == root || stat.session == root.pid;
        (by_number && !reused) || birthplace.is_of(stat.process.pid)
    };
    let mut found: Vec<&Stat> = all.iter().filter(belongs).collect();
    found.sort_by_key(|stat| stat.process != root);
    let mut seen: HashSet<i32> = found.iter().map(|stat| stat.process.pid).collect();
    let mut next = 0;
    while let Some(stat) = found.get(next).copied() {
        let new = children
            .get(&stat.process.pid)
            .into_iter()
            .flatten()
            .filter(|child| seen.insert(child.process.pid));
        found.extend(new);
        next += 1;
    }
    let living = found.into_iter().filter(|stat| !stat.zombie);
    living.map(|stat| stat.process).collect()
}

/// The files that the processes of a pane's terminal hold open for writing. A server that one of them started for all of an
/// agent's programs has a terminal session of its own, and is not theirs.
#[cfg(target_os = "linux")]
pub(super) fn written_files(root: Process) -> HashSet<PathBuf> {
    let all = all_processes();
    let ours = all.iter().filter(|stat| stat.session == root.pid && root.lives());
    ours.flat_map(|stat| written_by(stat.process.pid)).collect()
}

/// Elsewhere they can't be known without help.
#[cfg(not(target_os = "linux"))]
pub(super) fn written_files(_: Process) -> HashSet<PathBuf> {
    HashSet::new()
}

#[cfg(target_os = "linux")]
fn written_by(pid: i32) -> Vec<PathBuf> {
    let is_written = |fd: &str| {
        let about = std::fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
        let flags = about.lines().find_map(|line| line.strip_prefix("flags:"));
        // The last digit of the octal number: read, write, or both.
        flags.is_some_and(|flags| flags.trim().ends_with(['1', '2']))
    };
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    fds.filter(|fd| fd.file_name().to_str().is_some_and(is_written))
        .filter_map(|fd| std::fs::read_link(fd.path()).ok())
        .filter(|path| path.is_absolute())
        .collect()
}

/// Sends `signals` to each process that is still the same one, the last found first: children before parents.
pub(super) fn signal(processes: &[Process], signals: &[Signal]) {
    for process in processes.iter().rev().filter(|process| process.lives()) {
        let Some(pid) = Pid::from_raw(process.pid) else {
            continue;
        };
        for &signal in signals {
            // One that ends meanwhile is what is wanted.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Waits until none of them lives, at most `patience`; says whether that came true.
pub(super) async fn wait_gone(processes: &[Process], patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if !processes.iter().any(|process| process.lives()) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

impl Birthplace {
    /// Whether a process began in this pane. Pane ids are never used twice by one tmux server.
    #[cfg(target_os = "linux")]
    fn is_of(self, pid: i32) -> bool {
        // Of another user's process it can't be read, and such a one is not ours to end.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        self.is_in(&environment)
    }

    /// Elsewhere another process's environment can't be read without help.
    #[cfg(not(target_os = "linux"))]
    fn is_of(self, _: i32) -> bool {
        false
    }

    /// Looks for `TMUX=SOCKET,SERVER,SESSION` and `TMUX_PANE=%N`.
    #[cfg(target_os = "linux")]
    fn is_in(self, environment: &[u8]) -> bool {
        let value = |name: &[u8]| {
            environment
                .split(|&byte| byte == 0)
                .find_map(|variable| variable.strip_prefix(name))
                .map(String::from_utf8_lossy)
        };
        let server = self.server.pid.to_string();
        value(b"TMUX_PANE=").is_some_and(|pane| pane == self.pane.to_string())
            && value(b"TMUX=").is_some_and(|tmux| tmux.rsplit(',').nth(1) == Some(&server))
    }
}

impl Process {
    /// The process that has this number now; one that never lived if there is none.
    pub(super) fn now(pid: u32) -> Self {
        let pid = i32::try_from(pid).unwrap_or_default();
        stat(pid).map_or(Self { pid, started: 0 }, |stat| stat.process)
    }

    pub(super) fn is(self, pid: u32) -> bool {
        i32::try_from(pid) == Ok(self.pid)
    }

    fn lives(self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.process == self && !stat.zombie)
    }
}

#[cfg(target_os = "linux")]
fn all_processes() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Reads `/proc/PID/stat`, `proc_pid_stat(5)`. The program's name stands in parentheses and may hold some itself.
#[cfg(target_os = "linux")]
fn stat(pid: i32) -> Option<Stat> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |field: usize| fields.get(field)?.parse().ok();
    Some(Stat {
        process: Process {
            pid,
            started: fields.get(19)?.parse().ok()?,
        },
        parent: number(1)?,
        session: number(3)?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(not(target_os = "linux"))]
fn all_processes() -> Vec<Stat> {
    let Ok(output) = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=,ppid=,sess=,stat=,lstart="])
        .output()
    else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(read_ps)
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn stat(pid: i32) -> Option<Stat> {
    all_processes().into_iter().find(|stat| stat.process.pid == pid)
}

#[cfg(not(target_os = "linux"))]
fn read_ps(line: &str) -> Option<Stat> {
    let mut words = line.split_whitespace();
    let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let session = words.next()?.parse().unwrap_or(0);
    let zombie = words.next()?.starts_with('Z');
    let begun = words.collect::<Vec<_>>().join(" ");
    let started = begun.bytes().fold(0, |sum: u64, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    Some(Stat {
        process: Process { pid, started },
        parent,
        session,
        zombie,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io::Read,
        process::{Command, Stdio},
    };

    use super::*;

    #[tokio::test]
    async fn a_tree_is_found_and_ended_and_nothing_else_is() {
        let mut tree = Command::new("sh")
            .args([
                "-c",
                "sleep 1000 & (trap '' TERM; echo; sleep 1000; sleep 1000) & wait",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
        tree.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let nowhere = Birthplace {
            server: ServerId::default(),
            pane: PaneId(0),
        };
        let root = Process::now(tree.id());
        let earlier = Process {
            started: root.started - 1,
            ..root
        };
        assert_eq!(of_pane(earlier, nowhere), [], "its number was used again");
        let found = of_pane(root, nowhere);
        assert!(found.len() >= 3, "{found:?}");
        assert_eq!(found[0].pid, tree.id().cast_signed());
        signal(&found, &[Signal::TERM]);
        assert!(
            !wait_gone(&found, Duration::from_millis(50)).await,
            "one of them ignores TERM"
        );
        signal(&found, &[Signal::KILL]);
        assert!(wait_gone(&found, Duration::from_secs(10)).await);
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        let _ = (tree.wait(), other.wait());
    }

    #[test]
    fn only_what_is_written_in_the_terminal_session_is_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let path = |name: &str| dir.join(name);
        std::fs::write(path("read"), "").unwrap();
        // What leaves the session is a server of its own, whoever started it.
        let script = "exec 3>>written 4<read; (setsid sh -c 'exec 5>>elsewhere; echo; exec sleep 1000' & wait) & \
                      wait";
        let mut child = Command::new("setsid")
            .args(["sh", "-c", script])
            .current_dir(&dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let root = Process::now(child.id());
        let written = written_files(root);
        assert!(written.contains(&path("written")), "{written:?}");
        assert!(
            !written.contains(&path("read")) && !written.contains(&path("elsewhere")),
            "{written:?}"
        );
        let nowhere = Birthplace {
            server: ServerId::default(),
            pane: PaneId(0),
        };
        signal(&of_pane(root, nowhere), &[Signal::KILL]);
        let _ = child.wait();
        assert_eq!(written_files(root), HashSet::new());
    }

    #[test]
    fn only_the_very_pane_of_the_very_server_is_a_birthplace() {
        let here = Birthplace {
            server: ServerId { pid: 42, started: 7 },
            pane: PaneId(3),
        };
        for (environment, is) in [
            ("A=b\0TMUX=/tmp/a,b/default,42,0\0TMUX_PANE=%3\0", true),
            ("TMUX=/tmp/s,42,0\0TMUX_PANE=%33\0", false),
            ("TMUX=/tmp/s,421,0\0TMUX_PANE=%3\0", false),
            ("TMUX=/tmp/s,1,42\0TMUX_PANE=%3\0", false),
            ("TMUX_PANE=%3\0", false),
            ("TMUX=/tmp/s,42,0\0", false),
            ("X_TMUX=/tmp/s,42,0\0X_TMUX_PANE=%3\0", false),
            ("", false),
        ] {
            assert_eq!(here.is_in(environment.as_bytes()), is, "{environment:?}");
        }
    }

    #[test]
    fn a_reused_number_is_not_the_same_process() {
        let me = std::process::id().cast_signed();
        let real = stat(me).unwrap().process;
        assert!(real.lives());
        assert!(
            !Process {
                started: real.started + 1,
                ..real
            }
            .lives()
        );
    }
}
