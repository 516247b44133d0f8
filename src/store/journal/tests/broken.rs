//! What a journal survives.

use rusqlite::Connection;

use super::*;

#[tokio::test]
async fn what_was_put_is_there_after_a_crash() {
    let (place, crashed) = (Place::new(), Place::new());
    let journal = place.open();
    for n in 0..300 {
        let id = format!("{n:03}");
        journal.put(entry("a", &id, TurnState::Running)).await.unwrap();
        if n % 60 == 0 {
            // The files as they are now are what a killed process leaves.
            copy_to(&place.path(), &crashed.path());
            let found = crashed.open().unfinished().await.unwrap();
            assert_eq!(found.len(), n + 1);
        }
    }
    assert_eq!(crashed.aside(), Vec::<String>::new());
}

#[tokio::test]
async fn a_torn_log_loses_no_more_than_its_end() {
    let (place, crashed) = (Place::new(), Place::new());
    let journal = place.open();
    for n in 0..50 {
        let id = format!("{n:03}");
        journal.put(entry("a", &id, TurnState::Running)).await.unwrap();
    }
    let wal = format!("{}-wal", crashed.path().display());
    copy_to(&place.path(), &crashed.path());
    let whole = fs::read(&wal).unwrap();
    for cut in [0, 20, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        copy_to(&place.path(), &crashed.path());
        fs::write(&wal, &whole[..cut]).unwrap();
        let found = crashed.open().unfinished().await.unwrap();
        let expected: Vec<_> = (0..found.len()).map(|n| format!("{n:03}")).collect();
        assert_eq!(ids(&found), expected);
    }
    assert_eq!(crashed.aside(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_set_aside() {
    let place = Place::new();
    let garbage = "no database ".repeat(1000);
    fs::write(place.path(), &garbage).unwrap();
    fs::write(format!("{}-wal", place.path().display()), "log").unwrap();
    let journal = place.open();
    journal.put(entry("a", "1", TurnState::Running)).await.unwrap();
    assert_eq!(ids(&journal.unfinished().await.unwrap()), ["1"]);
    let aside = place.aside();
    assert!(aside[0].starts_with("turns.db.corrupt-2"), "{aside:?}");
    assert_eq!(
        fs::read_to_string(place.0.path().join(&aside[0])).unwrap(),
        garbage
    );
    let told = journal.notices().await;
    assert!(
        told.len() == 1 && told[0].contains("file is not a database") && told[0].contains(&aside[0]),
        "{told:?}"
    );
    drop(journal);
    let next = place.open();
    assert_eq!(next.unfinished().await.unwrap().len(), 1);
    assert_eq!(place.aside(), aside);
    // The next daemon tells of it, too, for as long as it is there.
    let told = next.notices().await;
    assert!(told.len() == 1 && told[0].contains(&aside[0]), "{told:?}");
}

#[tokio::test]
async fn a_database_broken_inside_is_set_aside_when_it_is_met() {
    let place = Place::new();
    let journal = place.open();
    for n in 0..500 {
        let id = format!("{n:03}");
        journal.put(entry("a", &id, TurnState::Running)).await.unwrap();
    }
    drop(journal);
    let mut content = fs::read(place.path()).unwrap();
    content[4096..].fill(0x5a);
    fs::write(place.path(), content).unwrap();
    let journal = place.open();
    assert_eq!(journal.unfinished().await.unwrap(), []);
    journal.put(entry("a", "999", TurnState::Running)).await.unwrap();
    assert_eq!(ids(&journal.unfinished().await.unwrap()), ["999"]);
    assert_eq!(place.aside().len(), 1);
}

#[tokio::test]
async fn a_database_of_a_newer_llmux_is_left_alone() {
    let place = Place::new();
    drop(place.open());
    let connection = Connection::open(place.path()).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    drop(connection);
    let before = fs::read(place.path()).unwrap();
    let error = Journal::open(&place.path(), Retention::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the journal of turns {} has schema version 7; this llmux knows versions up to 2",
            place.path().display()
        )
    );
    assert!(error.hint().contains("use the newer llmux"), "{}", error.hint());
    assert_eq!(fs::read(place.path()).unwrap(), before);
    assert_eq!(place.aside(), Vec::<String>::new());
}

#[tokio::test]
async fn a_full_disk_fails_only_the_put_that_does_not_fit() {
    let place = Place::new();
    let mut database = Database::open(&place.path(), Notices::default()).unwrap();
    database
        .with(|connection| connection.pragma_update(None, "max_page_count", 64))
        .unwrap();
    let mut large = entry("a", "2", TurnState::Running);
    large.request.prompt = "x".repeat(1 << 20);
    let mut answers = Vec::new();
    let jobs = [
        entry("a", "1", TurnState::Running),
        large,
        entry("a", "3", TurnState::Running),
    ]
    .map(|entry| {
        let (reply, answer) = oneshot::channel();
        answers.push(answer);
        Job::Write(Write::Put(Box::new(Text::of(entry).unwrap())), Some(reply))
    });
    worker::Worker::new(Retention::default()).work(&mut database, jobs.into_iter());
    let mut failed = Vec::new();
    for (index, answer) in answers.into_iter().enumerate() {
        if let Err(error) = answer.await.unwrap() {
            failed.push((index, error.hint()));
        }
    }
    let hint = format!("make room on the disk of {}", place.path().display());
    assert_eq!(failed, [(1, hint)]);
    drop(database);
    assert_eq!(ids(&place.open().unfinished().await.unwrap()), ["1", "3"]);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_does_not_hide_the_others() {
    let place = Place::new();
    let journal = place.open();
    for id in ["1", "2", "3"] {
        journal.put(entry("a", id, TurnState::Running)).await.unwrap();
    }
    let connection = Connection::open(place.path()).unwrap();
    let changed = connection.execute("UPDATE turns SET turn = '{}' WHERE id = '2'", []);
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(ids(&journal.unfinished().await.unwrap()), ["1", "3"]);
    let error = journal.get("2").await.unwrap_err();
    assert!(
        matches!(&error, JournalError::Entry { id, .. } if id == "2"),
        "{error}"
    );
}

#[test]
fn a_place_that_cannot_hold_a_file_is_named() {
    let place = Place::new();
    let path = place.0.path().join("no/such/turns.db");
    let error = Journal::open(&path, Retention::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open {}", path.display()));
}
