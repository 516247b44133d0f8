//! The line of one host, with real processes where it matters.

mod processes;

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command},
    time::SystemTime,
};

use tokio::task::JoinSet;

use super::{ticket::Blocker, *};

struct Place {
    temp: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            temp: tempfile::tempdir().unwrap(),
        }
    }

    fn dir(&self) -> PathBuf {
        self.temp.path().join("turnq-locks")
    }

    /// As another program would, with a line in memory of its own.
    fn program(&self) -> Arc<Local> {
        Arc::new(Local::new(self.dir()))
    }

    fn lock(&self) -> PathBuf {
        self.dir().join("llmux_a.lock")
    }

    /// A lock as the old program makes it.
    fn foreign_lock(&self, content: &str) {
        dir::open(&self.dir()).unwrap();
        fs::write(self.lock(), content).unwrap();
    }

    fn tickets(&self) -> usize {
        let names = fs::read_dir(self.dir()).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".ticket")).count()
    }

    async fn until_tickets(&self, count: usize) {
        while self.tickets() != count {
            tokio::task::yield_now().await;
        }
    }

    fn attempt(&self) -> Attempt {
        let ticket = Ticket::take(self.dir(), stem("llmux:a")).unwrap();
        ticket.attempt().unwrap()
    }

    fn is_held(&self) -> bool {
        matches!(self.attempt(), Attempt::Wait(_, Blocker::Foreign))
    }
}

/// A process that is ended with the test.
struct Other(Child);

impl Other {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn waiters_of_one_program_are_served_in_order() {
    let place = Place::new();
    let local = place.program();
    let first = local.acquire("llmux:a").await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiters = JoinSet::new();
    for number in 0..16 {
        let (local, served) = (local.clone(), served.clone());
        waiters.spawn(async move {
            let _hold = local.acquire("llmux:a").await.unwrap();
            served.lock().unwrap().push(number);
        });
    }
    tokio::task::yield_now().await;
    assert_eq!(place.tickets(), 1);
    drop(first);
    waiters.join_all().await;
    assert_eq!(*served.lock().unwrap(), (0..16).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(place.dir()).unwrap().count(), 0);
}

#[tokio::test]
async fn programs_are_served_in_the_order_in_which_they_asked() {
    let place = Place::new();
    let first = place.program().acquire("llmux:a").await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut waiters = JoinSet::new();
    for number in 0..16 {
        let (local, served) = (place.program(), served.clone());
        waiters.spawn(async move {
            let _hold = local.acquire("llmux:a").await.unwrap();
            served.lock().unwrap().push(number);
        });
        place.until_tickets(number + 2).await;
    }
    drop(first);
    waiters.join_all().await;
    assert_eq!(*served.lock().unwrap(), (0..16).collect::<Vec<_>>());
}

#[tokio::test]
async fn channels_do_not_wait_for_each_other() {
    let place = Place::new();
    let local = place.program();
    let mut held = Vec::new();
    for number in 0..200 {
        held.push(local.acquire(&format!("llmux:{number}")).await.unwrap());
    }
    assert_eq!(place.tickets(), 200);
    drop(held);
    let _one = local.acquire("llmux:x").await.unwrap();
    // Lines that nobody uses are forgotten.
    assert_eq!(local.lines.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dropped_wait_leaves_the_line() {
    let place = Place::new();
    let first = place.program().acquire("llmux:a").await.unwrap();
    let local = place.program();
    let waiting = tokio::spawn(async move { local.acquire("llmux:a").await.map(drop) });
    place.until_tickets(2).await;
    waiting.abort();
    place.until_tickets(1).await;
    drop(first);
    place.program().acquire("llmux:a").await.unwrap();
}

#[tokio::test]
async fn the_old_programs_turn_is_waited_for() {
    let place = Place::new();
    let mut holder = Other(Command::new("sleep").arg("1000").spawn().unwrap());
    place.foreign_lock(&holder.0.id().to_string());
    assert!(place.is_held());
    let local = place.program();
    let waiting = tokio::spawn(async move { local.acquire("llmux:a").await });
    place.until_tickets(1).await;
    assert!(place.lock().exists());
    // It releases.
    fs::remove_file(place.lock()).unwrap();
    drop(waiting.await.unwrap().unwrap());
    // It dies.
    place.foreign_lock(&holder.0.id().to_string());
    let local = place.program();
    let waiting = tokio::spawn(async move { local.acquire("llmux:a").await });
    place.until_tickets(1).await;
    holder.kill();
    drop(waiting.await.unwrap().unwrap());
    assert!(!place.lock().exists());
}

#[test]
fn a_lock_is_judged_as_the_old_program_does() {
    let place = Place::new();
    let old = SystemTime::now() - std::time::Duration::from_secs(31);
    for (content, held_when_new, held_when_old) in [
        ("1", true, true),
        (" 1 ", true, true),
        ("", true, false),
        ("claude", true, false),
        ("0", true, false),
        ("99999999999", false, false),
        ("4194305", false, false),
        // Ours: only the lock on it counts, whoever has that pid now.
        ("1 \n", false, false),
    ] {
        for (age, held) in [(None, held_when_new), (Some(old), held_when_old)] {
            place.foreign_lock(content);
            if let Some(age) = age {
                let file = File::options().write(true).open(place.lock()).unwrap();
                file.set_modified(age).unwrap();
            }
            assert_eq!(place.is_held(), held, "{content:?} of {age:?}");
        }
    }
    // A number that this process has now was another's then.
    place.foreign_lock(&std::process::id().to_string());
    assert!(!place.is_held());
}

#[test]
fn a_lock_that_is_locked_is_held_whatever_it_says() {
    let place = Place::new();
    place.foreign_lock("");
    let file = File::open(place.lock()).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    file.lock().unwrap();
    assert!(place.is_held());
    drop(file);
    assert!(!place.is_held());
}

#[test]
fn the_old_programs_see_the_turn_held() {
    let place = Place::new();
    let Attempt::Turn(turn) = place.attempt() else {
        panic!("it is free")
    };
    // Node's: the name is taken, and its pid is alive.
    let made = File::options().write(true).create_new(true).open(place.lock());
    assert_eq!(made.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    let content = fs::read_to_string(place.lock()).unwrap();
    assert_eq!(content.trim(), std::process::id().to_string());
    // Bun's: an flock on it fails.
    let file = File::open(place.lock()).unwrap();
    assert!(file.try_lock().is_err());
    drop(turn);
    file.try_lock().unwrap();
    assert!(!place.lock().exists());
}

#[test]
fn a_release_leaves_what_somebody_else_made() {
    let place = Place::new();
    let Attempt::Turn(turn) = place.attempt() else {
        panic!("it is free")
    };
    fs::remove_file(place.lock()).unwrap();
    place.foreign_lock("1");
    drop(turn);
    assert_eq!(fs::read_to_string(place.lock()).unwrap(), "1");
}

#[test]
fn a_directory_that_is_tidied_up_costs_nobody_the_place() {
    let place = Place::new();
    let Attempt::Turn(turn) = place.attempt() else {
        panic!("it is free")
    };
    let Attempt::Wait(waiting, Blocker::Line) = place.attempt() else {
        panic!("it is taken")
    };
    fs::remove_dir_all(place.dir()).unwrap();
    drop(turn);
    assert!(matches!(waiting.attempt().unwrap(), Attempt::Turn(_)));
}

#[tokio::test]
async fn a_directory_that_is_none_is_an_error() {
    let place = Place::new();
    fs::write(place.dir(), "").unwrap();
    let Err(error) = place.program().acquire("llmux:a").await else {
        panic!("there is no directory")
    };
    assert!(error.to_string().ends_with("it is no directory"), "{error}");
    assert!(error.is_unreachable() && error.hint().contains("TMPDIR"));
}

#[test]
fn files_are_named_as_the_old_program_names_them() {
    for (channel, name) in [
        ("llmux:a", "llmux_a"),
        ("llmux:my_app-2", "llmux_my_app-2"),
        ("llmux:a.b/c", "llmux_a_b_c"),
        ("llmux:é", "llmux__"),
        ("llmux:🙂", "llmux___"),
    ] {
        assert_eq!(stem(channel), name);
    }
}
