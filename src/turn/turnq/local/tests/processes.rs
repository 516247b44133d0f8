//! Turns of several processes: this test binary, run again.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

use super::{Local, Other, Place};

const CHILD_DIR: &str = "LLMUX_TEST_TURNQ_DIR";
const CHILD_LOG: &str = "LLMUX_TEST_TURNQ_LOG";

impl Place {
    /// Another process that runs [`a_child`].
    fn child(&self, log: Option<&Path>) -> Other {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "turn::turnq::local::tests::processes::a_child",
                "--nocapture",
            ])
            .env(CHILD_DIR, self.dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(log) = log {
            command.env(CHILD_LOG, log);
        }
        Other(command.spawn().unwrap())
    }
}

impl Other {
    fn wait_for(&mut self, word: &str) {
        let mut lines = BufReader::new(self.0.stdout.as_mut().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().ends_with(word)),
            "it ended without {word}"
        );
    }
}

/// No test of its own: what the other processes run. Without its variable it does nothing.
#[tokio::test]
async fn a_child() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let local = Local::new(dir.into());
    if let Some(log) = std::env::var_os(CHILD_LOG) {
        for _ in 0..10 {
            let _hold = local.acquire("llmux:a").await.unwrap();
            let mut log = File::options().append(true).open(&log).unwrap();
            log.write_all(b"(").unwrap();
            tokio::task::yield_now().await;
            log.write_all(b")").unwrap();
        }
        return;
    }
    println!("\nwaits");
    let _hold = local.acquire("llmux:a").await.unwrap();
    println!("held");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

#[tokio::test]
async fn processes_never_have_the_turn_together() {
    let place = Place::new();
    let log = place.temp.path().join("log");
    fs::write(&log, "").unwrap();
    let mut children: Vec<_> = (0..4).map(|_| place.child(Some(&log))).collect();
    for child in &mut children {
        assert!(child.0.wait().unwrap().success());
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), "()".repeat(40));
    assert_eq!(fs::read_dir(place.dir()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_holder_that_is_killed_blocks_nobody() {
    let place = Place::new();
    let mut child = place.child(None);
    child.wait_for("held");
    let local = place.program();
    let waiting = tokio::spawn(async move { local.acquire("llmux:a").await });
    place.until_tickets(2).await;
    assert!(place.lock().exists());
    child.kill();
    let _hold = waiting.await.unwrap().unwrap();
    assert_eq!(place.tickets(), 1);
}

#[tokio::test]
async fn a_waiter_that_is_killed_blocks_nobody() {
    let place = Place::new();
    let first = place.program().acquire("llmux:a").await.unwrap();
    let mut child = place.child(None);
    child.wait_for("waits");
    place.until_tickets(2).await;
    let local = place.program();
    let waiting = tokio::spawn(async move { local.acquire("llmux:a").await });
    place.until_tickets(3).await;
    child.kill();
    drop(first);
    let _hold = waiting.await.unwrap().unwrap();
    assert_eq!(place.tickets(), 1);
}
