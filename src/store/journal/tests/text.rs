//! The text of a prompt: written once, and forgotten with its turn.

use rusqlite::Connection;

use super::*;

/// The tables as the first llmux made them.
const FIRST: &str = "
    CREATE TABLE turns (
        id TEXT PRIMARY KEY NOT NULL, session TEXT NOT NULL, state TEXT NOT NULL, final INTEGER NOT NULL,
        key TEXT, queued_at TEXT NOT NULL, turn TEXT NOT NULL, prompt TEXT NOT NULL,
        request TEXT NOT NULL, pane TEXT NOT NULL
    );
    CREATE INDEX turns_of_session ON turns (session, id);
    CREATE INDEX turns_by_key ON turns (session, key, id) WHERE key IS NOT NULL;
    CREATE INDEX turns_unfinished ON turns (id) WHERE final = 0;
    CREATE INDEX turns_by_age ON turns (queued_at);
    PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_change_does_not_write_the_text_again() {
    let place = Place::new();
    let journal = place.open();
    let mut large = entry("a", "1", TurnState::Queued);
    large.request.prompt = "x".repeat(1 << 20);
    journal.put(large.clone()).await.unwrap();
    let written = || {
        fs::metadata(format!("{}-wal", place.path().display()))
            .unwrap()
            .len()
    };
    let before = written();
    for state in [TurnState::Submitting, TurnState::Running, TurnState::Blocked] {
        large.turn.state = state;
        assert!(journal.update(&large.turn).await.unwrap());
    }
    assert!(written() - before < 100_000, "{} bytes", written() - before);
    assert_eq!(journal.unfinished().await.unwrap(), [large]);
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_comes_before_the_next() {
    let place = Place::new();
    let journal = place.open();
    let mut entry = entry("a", "1", TurnState::Queued);
    journal.put(entry.clone()).await.unwrap();
    entry.turn.state = TurnState::Running;
    journal.update_soon(&entry.turn).await.unwrap();
    assert_eq!(journal.get("1").await.unwrap().unwrap().state, TurnState::Running);
    entry.turn.state = TurnState::Blocked;
    journal.update_soon(&entry.turn).await.unwrap();
    entry.turn.state = TurnState::Ended;
    assert!(journal.update(&entry.turn).await.unwrap());
    assert_eq!(journal.get("1").await.unwrap().unwrap().state, TurnState::Ended);
}

#[tokio::test]
async fn a_turn_that_is_not_there_can_not_be_changed() {
    let place = Place::new();
    let journal = place.open();
    let absent = entry("a", "1", TurnState::Running);
    assert!(!journal.update(&absent.turn).await.unwrap());
    assert_eq!(journal.get("1").await.unwrap(), None);
}

#[tokio::test]
async fn a_change_leaves_the_name_that_a_rename_gave() {
    let place = Place::new();
    let journal = place.open();
    let entry = entry("old", "1", TurnState::Queued);
    journal.put(entry.clone()).await.unwrap();
    journal.rename("old", "new").await.unwrap();
    assert!(journal.update(&entry.turn).await.unwrap());
    assert_eq!(journal.get("1").await.unwrap().unwrap().session, "new");
}

#[tokio::test]
async fn a_text_is_forgotten_with_its_turn() {
    let place = Place::new();
    let journal = place.open();
    for n in 0..20 {
        journal
            .put(entry("a", &format!("{n:02}"), TurnState::Ended))
            .await
            .unwrap();
    }
    drop(journal);
    drop(place.open_keeping(3, Duration::MAX));
    let connection = Connection::open(place.path()).unwrap();
    let count = |table| -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        connection.query_row(&query, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("turns"), count("texts")), (3, 3));
}

#[tokio::test]
async fn a_database_of_the_first_llmux_is_brought_to_ours() {
    let place = Place::new();
    let connection = Connection::open(place.path()).unwrap();
    connection.execute_batch(FIRST).unwrap();
    let entries = [entry("a", "1", TurnState::Running), keyed("b", "2", "k")];
    for Entry { turn, request, pane } in &entries {
        connection
            .execute(
                "INSERT INTO turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rusqlite::params![
                    turn.id,
                    turn.session,
                    turn.state.as_str(),
                    turn.state.is_final(),
                    turn.key,
                    turn.queued_at,
                    serde_json::to_string(turn).unwrap(),
                    request.prompt,
                    serde_json::to_string(&TurnRequest {
                        prompt: String::new(),
                        ..request.clone()
                    })
                    .unwrap(),
                    pane
                ],
            )
            .unwrap();
    }
    drop(connection);
    let journal = place.open();
    assert_eq!(journal.unfinished().await.unwrap(), entries[..1]);
    assert_eq!(
        journal.by_key("b", "k").await.unwrap().as_ref(),
        Some(&entries[1].turn)
    );
    let mut changed = entries[0].clone();
    changed.turn.state = TurnState::Blocked;
    assert!(journal.update(&changed.turn).await.unwrap());
    drop(journal);
    assert_eq!(place.open().unfinished().await.unwrap(), [changed]);
}
