//! Commands that follow something for long: through an upgrade of the daemon, to its end, and until nobody reads them.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
};

use crate::lab::{LLMUX, Lab, eventually, until};

/// A command that goes on; it writes into files.
struct Follower {
    child: Child,
    said: PathBuf,
    complaint: PathBuf,
}

impl Follower {
    #[track_caller]
    fn new(lab: &Lab, args: &str) -> Self {
        let (said, complaint) = (lab.path(args.replace(' ', "_")), lab.path("complaint"));
        let complaint = complaint.with_extension(args.replace(' ', "_"));
        let child = lab
            .command(LLMUX)
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stdout(fs::File::create(&said).unwrap())
            .stderr(fs::File::create(&complaint).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            said,
            complaint,
        }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.said).unwrap()).into_owned()
    }

    #[track_caller]
    fn says(&self, text: &str) {
        until(&format!("{} has {text:?}", self.said.display()), || {
            self.said().contains(text)
        });
    }

    /// Waits until it ends by itself, and gives its code and complaint.
    #[track_caller]
    fn ends(&mut self) -> (Option<i32>, String) {
        let status = eventually("it ends", || self.child.try_wait().unwrap());
        (status.code(), fs::read_to_string(&self.complaint).unwrap())
    }
}

#[test]
fn what_follows_a_daemon_goes_on_with_the_next_and_ends_with_the_last() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    lab.llmux(["session", "prompt", "d", "word one", "--wait"]).ok();
    let mut waits = Follower::new(&lab, "session wait d --until text=word.two");
    let mut forever = Follower::new(&lab, "session wait d --until text=word.never");
    let mut watch = Follower::new(&lab, "session watch d");
    let mut transcript = Follower::new(&lab, "session transcript d --follow");
    let mut logs = Follower::new(&lab, "logs tail --since 2000-01-01");
    watch.says("word one");
    transcript.says("Echo: word one");
    logs.says("serving version=");
    lab.llmux(["server", "upgrade"]).ok();
    lab.llmux(["session", "prompt", "d", "word two", "--wait"]).ok();
    assert_eq!(waits.ends(), (Some(0), String::new()));
    watch.says("Echo: word two");
    transcript.says("Echo: word two");
    let turns = transcript.said();
    assert_eq!(
        turns.matches("── user").count(),
        2,
        "none is told twice:\n{turns}"
    );
    let now = lab.llmux(["logs", "list"]).ok();
    until("the lines of the next daemon follow", || {
        logs.said().contains(&now)
    });
    let lines = logs.said();
    assert_eq!(
        lines.matches("serving version=").count(),
        2,
        "none is told twice:\n{lines}"
    );
    lab.llmux(["server", "stop"]).ok();
    for follower in [&mut forever, &mut watch, &mut transcript, &mut logs] {
        let (code, complaint) = follower.ends();
        assert_eq!(code, Some(69), "{complaint}");
        assert!(
            complaint.starts_with("llmux: the daemon has left\nhint: "),
            "{complaint}"
        );
    }
}

#[test]
fn who_reads_no_more_is_missed_at_once() {
    let lab = Lab::new();
    lab.start("demo", "d", "");
    lab.llmux(["session", "prompt", "d", "hello", "--wait"]).ok();
    for args in [
        &["session", "watch", "d"][..],
        &["session", "transcript", "d", "--follow"],
        &["logs", "tail", "--since", "2000-01-01"],
        &["session", "prompt", "d", "[[hang]] hello", "--stream", "--json"],
    ] {
        let mut follower = lab.spawn(args);
        let mut first = String::new();
        let mut reader = BufReader::new(follower.stdout.take().unwrap());
        reader.read_line(&mut first).unwrap();
        drop(reader);
        let status = eventually("it ends", || follower.try_wait().unwrap());
        assert_eq!(status.code(), Some(141), "{args:?}");
    }
}
