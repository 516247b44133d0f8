mod any;
mod broken;
mod gone;
mod text;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use llmux_protocol::api::{Origin, Stages, TurnState, Typed};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::*;
use crate::store::time;

/// A directory with a journal.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("turns.db")
    }

    fn open(&self) -> Journal {
        Journal::open(&self.path(), Retention::default()).unwrap()
    }

    fn open_keeping(&self, turns_per_session: usize, max_age: Duration) -> Journal {
        let retention = Retention {
            turns_per_session,
            max_age,
        };
        Journal::open(&self.path(), retention).unwrap()
    }

    /// The names of the files that were set aside.
    fn aside(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| {
            let name = entry.unwrap().file_name();
            name.into_string().unwrap()
        });
        let mut aside: Vec<_> = names.filter(|name| name.contains(".corrupt-")).collect();
        aside.sort();
        aside
    }
}

fn entry(session: &str, id: &str, state: TurnState) -> Entry {
    let request = TurnRequest::new(format!("say {id}"));
    let turn = Turn {
        id: id.to_owned(),
        session: session.to_owned(),
        agent: "demo".to_owned(),
        state,
        place: None,
        key: None,
        origin: Origin::Prompt,
        prompt: Typed {
            bytes: request.prompt.len(),
            blake3: blake3::hash(request.prompt.as_bytes()).to_hex().to_string(),
            head: request.prompt.clone(),
        },
        queued_at: time::now(),
        stages: Stages::default(),
        evidence: Vec::new(),
        reply: None,
        dialog: None,
        error: None,
    };
    Entry {
        turn,
        request,
        pane: "%1@7:9".to_owned(),
    }
}

fn keyed(session: &str, id: &str, key: &str) -> Entry {
    let mut entry = entry(session, id, TurnState::Ended);
    entry.turn.key = Some(key.to_owned());
    entry
}

/// The ids of entries or turns.
fn ids<T: HasId>(all: &[T]) -> Vec<&str> {
    all.iter().map(HasId::id).collect()
}

trait HasId {
    fn id(&self) -> &str;
}

impl HasId for Turn {
    fn id(&self) -> &str {
        &self.id
    }
}

impl HasId for Entry {
    fn id(&self) -> &str {
        &self.turn.id
    }
}

async fn put_all(journal: &Journal, entries: impl IntoIterator<Item = Entry>) {
    for entry in entries {
        journal.put(entry).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_put_is_what_is_got() {
    let place = Place::new();
    let journal = place.open();
    let mut runner = TestRunner::deterministic();
    let mut entries: Vec<Entry> = Vec::new();
    for _ in 0..200 {
        let entry = any::entry().new_tree(&mut runner).unwrap().current();
        journal.put(entry.clone()).await.unwrap();
        let id = entry.turn.id.as_str();
        assert_eq!(journal.get(id).await.unwrap().as_ref(), Some(&entry.turn));
        entries.retain(|older| older.turn.id != id);
        entries.push(entry);
    }
    drop(journal);
    let journal = place.open_keeping(usize::MAX, Duration::MAX);
    for entry in &entries {
        assert_eq!(
            journal.get(&entry.turn.id).await.unwrap().as_ref(),
            Some(&entry.turn)
        );
    }
    entries.sort_by(|a, b| a.turn.id.cmp(&b.turn.id));
    entries.retain(|entry| !entry.turn.state.is_final());
    assert_eq!(journal.unfinished().await.unwrap(), entries);
    assert_eq!(journal.get("absent").await.unwrap(), None);
}

#[tokio::test]
async fn a_session_is_listed_newest_first_page_by_page() {
    let place = Place::new();
    let journal = place.open();
    for id in ["03", "01", "05", "02", "04"] {
        journal.put(entry("a", id, TurnState::Ended)).await.unwrap();
    }
    journal.put(entry("b", "06", TurnState::Ended)).await.unwrap();
    let page = async |limit, before| {
        let entries = journal.of_session("a", limit, before).await.unwrap();
        ids(&entries).join(" ")
    };
    assert_eq!(page(10, None).await, "05 04 03 02 01");
    assert_eq!(page(2, None).await, "05 04");
    assert_eq!(page(2, Some("04")).await, "03 02");
    assert_eq!(page(usize::MAX, Some("01")).await, "");
    assert_eq!(page(0, None).await, "");
}

#[tokio::test]
async fn a_later_put_replaces_the_entry() {
    let place = Place::new();
    let journal = place.open();
    journal.put(entry("a", "1", TurnState::Queued)).await.unwrap();
    assert_eq!(ids(&journal.unfinished().await.unwrap()), ["1"]);
    journal.put(entry("a", "1", TurnState::Ended)).await.unwrap();
    assert_eq!(journal.unfinished().await.unwrap(), []);
    let listed = journal.of_session("a", 9, None).await.unwrap();
    assert_eq!((listed.len(), listed[0].state), (1, TurnState::Ended));
}

#[tokio::test]
async fn a_key_finds_the_newest_turn_of_its_own_session() {
    let place = Place::new();
    let journal = place.open();
    put_all(
        &journal,
        [
            keyed("a", "2", "k"),
            keyed("a", "1", "k"),
            keyed("b", "3", "k"),
            keyed("a", "4", "other"),
        ],
    )
    .await;
    let found = async |session, key| {
        let turn = journal.by_key(session, key).await.unwrap();
        turn.map(|turn| turn.id)
    };
    assert_eq!(found("a", "k").await.as_deref(), Some("2"));
    assert_eq!(found("b", "k").await.as_deref(), Some("3"));
    assert_eq!(found("b", "other").await, None);
    assert_eq!(found("a", "' OR 1 --").await, None);
}

#[tokio::test]
async fn a_renamed_session_takes_its_turns_along() {
    let place = Place::new();
    let journal = place.open();
    put_all(
        &journal,
        [
            entry("a", "1", TurnState::Running),
            keyed("a", "2", "k"),
            keyed("b", "3", "k"),
        ],
    )
    .await;
    journal.rename("a", "z").await.unwrap();
    assert_eq!(journal.of_session("a", 9, None).await.unwrap(), []);
    let moved = journal.of_session("z", 9, None).await.unwrap();
    assert_eq!(ids(&moved), ["2", "1"]);
    assert!(moved.iter().all(|turn| turn.session == "z"));
    assert_eq!(journal.by_key("z", "k").await.unwrap().unwrap().id, "2");
    assert_eq!(journal.unfinished().await.unwrap()[0].turn.session, "z");
}

#[tokio::test]
async fn only_final_turns_are_forgotten() {
    let place = Place::new();
    let journal = place.open();
    for n in 0..20 {
        let state = if n % 5 == 0 {
            TurnState::Blocked
        } else {
            TurnState::Ended
        };
        journal.put(entry("a", &format!("{n:02}"), state)).await.unwrap();
    }
    journal.put(entry("b", "30", TurnState::Ended)).await.unwrap();
    let mut old = ["40", "41"].map(|id| entry("b", id, TurnState::Ended));
    old[1].turn.state = TurnState::Queued;
    for mut entry in old {
        entry.turn.queued_at = "2001-01-01T00:00:00.000Z".to_owned();
        journal.put(entry).await.unwrap();
    }
    drop(journal);
    let journal = place.open_keeping(3, Duration::from_hours(1));
    let kept = journal.of_session("a", 99, None).await.unwrap();
    assert_eq!(ids(&kept), ["19", "18", "17", "15", "10", "05", "00"]);
    assert_eq!(
        ids(&journal.of_session("b", 99, None).await.unwrap()),
        ["41", "30"]
    );
}

#[tokio::test]
async fn a_journal_that_is_open_for_long_stays_bounded() {
    let place = Place::new();
    let journal = place.open_keeping(10, Duration::MAX);
    put_all(&journal, [entry("a", "0", TurnState::Running)]).await;
    for n in 0..2500 {
        let id = format!("{n:04}");
        journal.put(entry("a", &id, TurnState::Ended)).await.unwrap();
    }
    let kept = journal.of_session("a", usize::MAX, None).await.unwrap();
    // It is pruned each thousand puts, after which the newest ten and the one that runs are left.
    assert!((11..=1011).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept.last().unwrap().state, TurnState::Running);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_lose_nothing() {
    let place = Place::new();
    let journal = place.open();
    let writers = (0..16).map(|writer| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for n in 0..200 {
                let id = format!("{writer:02}-{n:03}");
                let session = format!("s{writer}");
                journal
                    .put(entry(&session, &id, TurnState::Running))
                    .await
                    .unwrap();
                assert!(journal.get(&id).await.unwrap().is_some());
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let entries = journal.unfinished().await.unwrap();
    assert_eq!(ids(&entries).into_iter().collect::<BTreeSet<_>>().len(), 16 * 200);
    assert_eq!(journal.of_session("s7", 999, None).await.unwrap().len(), 200);
}

#[tokio::test]
async fn dropping_the_handles_writes_what_is_queued() {
    let place = Place::new();
    let journal = place.open();
    for n in 0..100 {
        let mut put = Box::pin(journal.put(entry("a", &format!("{n:03}"), TurnState::Queued)));
        // Polled once it is queued; then the caller goes away.
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(put.as_mut().poll(context))).await;
        assert!(polled.is_pending() || polled.is_ready());
    }
    drop(journal);
    assert_eq!(place.open().unfinished().await.unwrap().len(), 100);
}

#[tokio::test]
async fn two_journals_of_one_file_see_each_other() {
    let place = Place::new();
    let (one, two) = (place.open(), place.open());
    for n in 0..50 {
        let (even, odd) = (format!("{:03}", 2 * n), format!("{:03}", 2 * n + 1));
        let (first, second) = tokio::join!(
            one.put(entry("a", &even, TurnState::Ended)),
            two.put(entry("a", &odd, TurnState::Ended))
        );
        first.unwrap();
        second.unwrap();
    }
    drop(one);
    assert_eq!(two.of_session("a", 999, None).await.unwrap().len(), 100);
    let clone = two.clone();
    drop(two);
    assert_eq!(clone.of_session("a", 999, None).await.unwrap().len(), 100);
}

#[tokio::test]
async fn the_files_are_private() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o644)).unwrap();
    let journal = place.open();
    journal.put(entry("a", "1", TurnState::Queued)).await.unwrap();
    let files: Vec<_> = fs::read_dir(place.0.path()).unwrap().flatten().collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn the_settings_say_what_is_kept() {
    let retention = Retention::default();
    assert_eq!(retention.turns_per_session, 1000);
    assert_eq!(retention.max_age, Duration::from_hours(90 * 24));
    let endless = crate::config::Retention {
        days: u64::MAX,
        ..crate::config::Retention::default()
    };
    assert_eq!(Retention::from(&endless).max_age.as_secs(), u64::MAX);
}

fn copy_to(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(from), name(to)).unwrap();
    }
}
