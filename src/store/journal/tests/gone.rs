//! Files that are deleted or replaced while they are open.

use super::*;

impl Place {
    fn file(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("turns.db{suffix}"))
    }

    fn remove(&self, suffixes: &[&str]) {
        for suffix in suffixes {
            fs::remove_file(self.file(suffix)).unwrap();
        }
    }

    /// The ids that a daemon finds which comes when this one is killed now: it has the files as they are.
    async fn found_after_a_kill(&self) -> Vec<String> {
        let crashed = Place::new();
        for suffix in ["", "-wal", ".rescued"] {
            // Not each is there.
            let _ = fs::copy(self.file(suffix), crashed.file(suffix));
        }
        let turns = crashed.open().of_session("a", 99, None).await.unwrap();
        turns.into_iter().rev().map(|turn| turn.id).collect()
    }
}

async fn filled(place: &Place) -> Journal {
    let journal = place.open();
    let entries = ["1", "2"].map(|id| entry("a", id, TurnState::Running));
    put_all(&journal, entries).await;
    journal
}

#[tokio::test]
async fn what_a_deleted_database_held_is_in_the_next() {
    for gone in [
        &["", "-wal", "-shm"][..],
        &["", "-wal"],
        &[""],
        &["-wal"],
        &["-shm"],
    ] {
        let place = Place::new();
        let journal = filled(&place).await;
        assert_eq!(journal.notices().await, Vec::<String>::new());
        place.remove(gone);
        let mut ended = entry("a", "1", TurnState::Ended).turn;
        ended.agent = "changed".to_owned();
        assert!(journal.update(&ended).await.unwrap(), "{gone:?}: it is there");
        journal.put(entry("a", "3", TurnState::Queued)).await.unwrap();
        assert_eq!(place.found_after_a_kill().await, ["1", "2", "3"], "{gone:?}");
        let notices = journal.notices().await;
        assert!(
            notices.len() == 1 && notices[0].contains("was deleted or replaced"),
            "{notices:?}"
        );
        drop(journal);
        let journal = place.open();
        assert_eq!(journal.get("1").await.unwrap(), Some(ended));
        let unfinished = journal.unfinished().await.unwrap();
        assert_eq!(
            unfinished[0],
            Entry {
                turn: unfinished[0].turn.clone(),
                ..entry("a", "2", TurnState::Running)
            }
        );
        assert_eq!(ids(&unfinished), ["2", "3"]);
        assert!(!place.file(".rescued").exists() && !place.file(".rescuing").exists());
    }
}

#[tokio::test]
async fn a_journal_that_is_not_used_any_more_is_saved_when_it_is_closed_or_asked() {
    let place = Place::new();
    let journal = filled(&place).await;
    place.remove(&["", "-wal", "-shm"]);
    drop(journal);
    assert_eq!(place.found_after_a_kill().await, ["1", "2"]);
    let journal = place.open();
    place.remove(&["", "-wal", "-shm"]);
    assert_eq!(journal.notices().await.len(), 1);
    assert_eq!(place.found_after_a_kill().await, ["1", "2"]);
}

#[tokio::test]
async fn a_database_that_somebody_puts_there_gets_what_the_other_held() {
    let (place, other) = (Place::new(), Place::new());
    let put_there = other.open();
    let mut old = entry("a", "1", TurnState::Queued);
    old.request.prompt = "an older state of it".to_owned();
    put_all(&put_there, [old, entry("a", "0", TurnState::Ended)]).await;
    drop(put_there);
    let journal = filled(&place).await;
    fs::rename(other.path(), place.path()).unwrap();
    journal.put(entry("a", "3", TurnState::Running)).await.unwrap();
    assert_eq!(place.found_after_a_kill().await, ["0", "1", "2", "3"]);
    let unfinished = journal.unfinished().await.unwrap();
    assert_eq!(
        unfinished[0],
        Entry {
            turn: unfinished[0].turn.clone(),
            ..entry("a", "1", TurnState::Running)
        }
    );
    assert_eq!(unfinished[0].turn.state, TurnState::Running);
}

#[tokio::test]
async fn garbage_that_somebody_puts_there_is_set_aside() {
    let place = Place::new();
    let journal = filled(&place).await;
    fs::write(place.file(".new"), "no database ".repeat(1000)).unwrap();
    fs::rename(place.file(".new"), place.path()).unwrap();
    journal.put(entry("a", "3", TurnState::Running)).await.unwrap();
    assert_eq!(place.found_after_a_kill().await, ["1", "2", "3"]);
    assert!(!place.aside().is_empty());
    assert_eq!(journal.notices().await.len(), 2);
}

#[tokio::test]
async fn where_nothing_can_be_written_it_is_tried_again() {
    let place = Place::new();
    let journal = filled(&place).await;
    let away = place.0.path().with_extension("away");
    fs::rename(place.0.path(), &away).unwrap();
    journal
        .put(entry("a", "3", TurnState::Running))
        .await
        .unwrap_err();
    assert_eq!(journal.notices().await.len(), 1, "it says that it can't be used");
    fs::create_dir(place.0.path()).unwrap();
    journal.put(entry("a", "3", TurnState::Running)).await.unwrap();
    assert_eq!(place.found_after_a_kill().await, ["1", "2", "3"]);
    fs::remove_dir_all(away).unwrap();
}

#[tokio::test]
async fn what_a_killed_daemon_has_saved_is_taken_back() {
    let place = Place::new();
    let journal = filled(&place).await;
    place.remove(&["", "-wal", "-shm"]);
    drop(journal);
    fs::rename(place.path(), place.file(".rescued")).unwrap();
    assert_eq!(place.found_after_a_kill().await, ["1", "2"]);
    drop(place.open());
    assert!(!place.file(".rescued").exists());
    // Half of it is nothing.
    fs::write(place.file(".rescuing"), "half").unwrap();
    assert_eq!(
        ids(&place.open().of_session("a", 9, None).await.unwrap()),
        ["2", "1"]
    );
}
