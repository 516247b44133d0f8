use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::timeout;

use super::{record::Owner, *};

const CWD: &str = "/w/demo.proj";
const FOLDER: &str = "-w-demo-proj";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

fn fixture(name: &str) -> Vec<u8> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transcripts");
    fs::read(dir.join(name).with_extension("jsonl")).unwrap()
}

/// Entries as short lines.
fn shown(entries: &[Entry]) -> Vec<String> {
    let line = |entry: &Entry| match entry {
        Entry::Prompt { text } => format!("> {text}"),
        Entry::Reply { text } => format!("< {text}"),
        Entry::End { outcome, text } => match (outcome, text) {
            (Outcome::Done, None) => "done".to_owned(),
            (Outcome::Done, Some(text)) => format!("done: {text}"),
            (Outcome::Failed(why), _) => format!("failed: {why}"),
            (Outcome::Interrupted, _) => "interrupted".to_owned(),
        },
    };
    entries.iter().map(line).collect()
}

const DEMO: &[&str] = &[
    "> hello",
    "< Echo: hello – done ✓",
    "done: Echo: hello – done ✓",
    "> two\nlines",
    "< Echo: two\nlines",
    "done: Echo: two\nlines",
];
const CLAUDE: &[&str] = &[
    "> /init now",
    "< Ready.",
    "done",
    "> list the files",
    "< I look – 1 ✓",
    "< One file.",
    "done: One file.",
    "> fail",
    "failed: API Error: 400 mock error 400",
    "> wait",
    "interrupted",
];
const CODEX: &[&str] = &[
    "> hello – ✓",
    "< I look.",
    "< One file.",
    "done: One file.",
    "> wait",
    "interrupted",
    "> fail",
    "failed: mock error 400",
];
const GEMINI: &[&str] = &["> hello – ✓", "< One file.", "> again", "< One file."];
const QWEN: &[&str] = &["> hello – ✓", "< I look.", "< One file."];

/// Each format, its fixture, the path of a transcript under the home directory, its id, and what it tells.
const FORMATS: [(Format, &str, &str, &str, &[&str]); 5] = [
    (
        Format::Demo,
        "demo",
        ".local/state/llmux-demo/-w-demo-proj/c1.jsonl",
        "c1",
        DEMO,
    ),
    (
        Format::Claude,
        "claude",
        ".claude/projects/-w-demo-proj/11111111-2222-4333-8444-555555555555.jsonl",
        "11111111-2222-4333-8444-555555555555",
        CLAUDE,
    ),
    (
        Format::Codex,
        "codex",
        ".codex/sessions/2026/11/23/rollout-2026-11-23T01-40-00-01900000-0000-7000-8000-000000000001.jsonl",
        "01900000-0000-7000-8000-000000000001",
        CODEX,
    ),
    (
        Format::Gemini,
        "gemini",
        ".gemini/tmp/demo-project/chats/session-2026-11-23T01-40-abcdef01.jsonl",
        "abcdef01-2222-4333-8444-555555555555",
        GEMINI,
    ),
    (
        Format::Qwen,
        "qwen",
        ".qwen/projects/-w-demo-proj/chats/q1.jsonl",
        "q1",
        QWEN,
    ),
];

/// A home directory and its watcher.
struct Lab {
    home: TempDir,
    watch: Watch,
}

impl Lab {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            watch: Watch::new(),
        }
    }

    fn place(&self) -> Place {
        Place::new(self.home.path(), Path::new(CWD))
    }

    fn follow(&self, format: Format, id: Option<&str>) -> Follower {
        let id = id.map(str::to_owned);
        Follower::start(format, Place { id, ..self.place() }, &self.watch)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn append(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn demo(&self, name: &str, texts: &[&str]) {
        self.append(&demo_path(name), demo_lines(CWD, texts).as_bytes());
    }
}

fn demo_path(name: &str) -> String {
    format!(".local/state/llmux-demo/{FOLDER}/{name}.jsonl")
}

fn demo_lines(cwd: &str, texts: &[&str]) -> String {
    let line = |text: &&str| format!("{{\"type\":\"user\",\"text\":\"{text}\",\"cwd\":\"{cwd}\"}}\n");
    texts.iter().map(line).collect()
}

/// Waits for as many entries; that there are no more is asked of the files, so it takes no time.
async fn told(follower: &mut Follower, count: usize) -> Vec<String> {
    let mut entries = Vec::new();
    while entries.len() < count {
        let more = timeout(PATIENCE, follower.next()).await;
        entries.extend(more.unwrap_or_else(|_| panic!("only {:?}", shown(&entries))));
    }
    entries.extend(follower.look().await);
    shown(&entries)
}

fn reader(format: Format) -> Reader {
    Reader::new(format, Owner::Cwd(vec![CWD.to_owned()]))
}

#[test]
fn every_cut_tells_the_same() {
    for (format, name, .., expected) in FORMATS {
        let bytes = fixture(name);
        for cut in 0..=bytes.len() {
            let (mut tail, mut entries) = (Tail::new(reader(format)), Vec::new());
            tail.feed(&bytes[..cut], &mut entries);
            tail.feed(&bytes[cut..], &mut entries);
            assert_eq!(shown(&entries), expected, "{name} cut at {cut}");
        }
    }
}

#[test]
fn a_line_that_is_no_record_is_passed_over() {
    for (format, name, .., expected) in FORMATS {
        let mut bytes = Vec::new();
        for line in fixture(name).split_inclusive(|&byte| byte == b'\n') {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(
                b"\n{\n[]\nnull\n7\n\"type\"\n{\"type\":7,\"message\":[],\"payload\":\"\"}\n\xff\xfe\n",
            );
            bytes.extend_from_slice(
                b"{\"type\":\"user\",\"message\":{\"content\":[7,{\"text\":[]}]},\"content\":{}}\r\n",
            );
        }
        // The demo agent has records of just that shape: a user's without text.
        let (mut tail, mut entries) = (Tail::new(reader(format)), Vec::new());
        tail.feed(&bytes, &mut entries);
        let mut lines = shown(&entries);
        lines.retain(|line| line != "> ");
        assert_eq!(lines, expected, "{name}");
    }
}

#[test]
fn a_line_that_is_too_long_is_passed_over_and_not_kept() {
    let (mut tail, mut entries) = (Tail::new(reader(Format::Demo)), Vec::new());
    tail.feed(demo_lines(CWD, &["before"]).as_bytes(), &mut entries);
    tail.feed(b"{\"type\":\"user\",\"text\":\"", &mut entries);
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        tail.feed(&chunk, &mut entries);
        // A buffer doubles as it grows.
        assert!(tail.held() <= 64 << 20);
    }
    tail.feed(b"\"}\n", &mut entries);
    tail.feed(demo_lines(CWD, &["after"]).as_bytes(), &mut entries);
    assert_eq!(shown(&entries), ["> before", "> after"]);
    assert!(tail.held() < 1 << 20);
}

#[tokio::test]
async fn a_file_that_appears_late_is_told_piece_by_piece() {
    for (format, name, path, id, expected) in FORMATS {
        for id in [None, Some(id)] {
            let lab = Lab::new();
            let mut follower = lab.follow(format, id);
            assert_eq!(follower.look().await, []);
            let writer = async {
                for piece in fixture(name).chunks(97) {
                    lab.append(path, piece);
                    tokio::task::yield_now().await;
                }
                if format == Format::Gemini {
                    // Named last: until then nobody knows whose the folder is.
                    lab.append(
                        ".gemini/projects.json",
                        b"{\"projects\":{\"/w/demo.proj\":\"demo-project\"}}",
                    );
                }
            };
            let (lines, ()) = tokio::join!(told(&mut follower, expected.len()), writer);
            assert_eq!(lines, expected, "{name} {id:?}");
            assert_eq!(follower.look().await, [], "{name} {id:?}");
        }
    }
}

#[tokio::test]
async fn without_inotify_it_is_looked_at_again_and_again() {
    let lab = Lab {
        watch: Watch::without_inotify(),
        ..Lab::new()
    };
    let mut follower = lab.follow(Format::Demo, None);
    assert_eq!(follower.look().await, []);
    lab.demo("c", &["a"]);
    assert_eq!(told(&mut follower, 1).await, ["> a"]);
    let later = async {
        tokio::task::yield_now().await;
        lab.demo("c", &["b"]);
    };
    let (lines, ()) = tokio::join!(told(&mut follower, 1), later);
    assert_eq!(lines, ["> b"]);
}

#[tokio::test]
async fn a_file_that_is_written_anew_tells_what_is_new_in_it() {
    let lab = Lab::new();
    let mut follower = lab.follow(Format::Demo, Some("c"));
    lab.demo("c", &["a", "b", "b"]);
    assert_eq!(told(&mut follower, 3).await, ["> a", "> b", "> b"]);
    let path = lab.path(&demo_path("c"));
    // Written again as it was, and longer.
    fs::remove_file(&path).unwrap();
    lab.demo("c", &["a", "b", "b", "b"]);
    assert_eq!(told(&mut follower, 1).await, ["> b"]);
    // Cut off and begun again, in place.
    fs::write(&path, demo_lines(CWD, &["c"])).unwrap();
    assert_eq!(told(&mut follower, 1).await, ["> c"]);
    // Replaced by another with the same beginning.
    let other = lab.path("other");
    fs::write(&other, demo_lines(CWD, &["c", "d"])).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(told(&mut follower, 1).await, ["> d"]);
    // Removed, and made again.
    fs::remove_file(&path).unwrap();
    assert_eq!(follower.look().await, []);
    lab.demo("c", &["c", "d", "e", "e"]);
    assert_eq!(told(&mut follower, 2).await, ["> e", "> e"]);
}

#[tokio::test]
async fn a_folder_that_is_removed_and_made_again_is_watched_again() {
    let lab = Lab::new();
    let mut follower = lab.follow(Format::Demo, None);
    for round in ["a", "b", "c"] {
        let (lines, ()) = tokio::join!(told(&mut follower, 1), async { lab.demo(round, &[round]) });
        assert_eq!(lines, [format!("> {round}")]);
        fs::remove_dir_all(lab.path(".local")).unwrap();
        if round == "b" {
            assert_eq!(follower.look().await, []);
        }
    }
}

#[tokio::test]
async fn all_files_of_the_directory_are_told_where_no_id_is_known() {
    let lab = Lab::new();
    lab.demo("old", &["old"]);
    let old = SystemTime::now() - Duration::from_hours(1);
    let file = OpenOptions::new()
        .append(true)
        .open(lab.path(&demo_path("old")))
        .unwrap();
    file.set_modified(old).unwrap();
    // The name of another directory that folds to the same.
    lab.append(
        &demo_path("stranger"),
        demo_lines("/w/demo/proj", &["x"]).as_bytes(),
    );
    let mut follower = lab.follow(Format::Demo, None);
    lab.demo("one", &["1"]);
    lab.demo("two", &["2"]);
    assert_eq!(told(&mut follower, 2).await, ["> 1", "> 2"]);
    lab.append(&demo_path("stranger"), demo_lines(CWD, &["y"]).as_bytes());
    lab.demo("one", &["3"]);
    lab.demo("after-clear", &["4"]);
    // Which of two files is read first is nobody's promise.
    let mut both = told(&mut follower, 2).await;
    both.sort_unstable();
    assert_eq!(both, ["> 3", "> 4"]);
    // It was another conversation's, until somebody went on with it.
    lab.demo("old", &["new"]);
    assert_eq!(told(&mut follower, 2).await, ["> old", "> new"]);
}

#[tokio::test]
async fn a_known_conversation_is_the_only_one() {
    for (format, name, path, id, expected) in FORMATS {
        let lab = Lab::new();
        lab.append(
            ".gemini/projects.json",
            b"{\"projects\":{\"/w/demo.proj\":\"demo-project\"}}",
        );
        let other = path.replace(&id[..id.len().min(8)], "other");
        assert_ne!(other, path);
        lab.append(&other, &fixture(name));
        // Gemini's names hold eight characters of the id.
        if format == Format::Gemini {
            let twin = String::from_utf8(fixture(name))
                .unwrap()
                .replace(id, "abcdef01-other");
            lab.append(&path.replace("T01-40", "T01-41"), twin.as_bytes());
        }
        lab.append(path, &fixture(name));
        let mut follower = lab.follow(format, Some(id));
        assert_eq!(told(&mut follower, expected.len()).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_id_leads_nowhere_else() {
    let lab = Lab::new();
    lab.append(
        ".local/state/llmux-demo/secret.jsonl",
        demo_lines(CWD, &["x"]).as_bytes(),
    );
    for id in ["../secret", "", ".", "a/../../secret", "é"] {
        assert_eq!(lab.follow(Format::Demo, Some(id)).look().await, [], "{id}");
    }
}

#[tokio::test]
async fn variables_of_the_agent_move_its_transcripts() {
    for (format, name, variable, path) in [
        (
            Format::Demo,
            "demo",
            "XDG_STATE_HOME",
            "llmux-demo/-w-demo-proj/1.jsonl",
        ),
        (
            Format::Claude,
            "claude",
            "CLAUDE_CONFIG_DIR",
            "projects/-w-demo-proj/1.jsonl",
        ),
        (
            Format::Codex,
            "codex",
            "CODEX_HOME",
            "sessions/2026/01/01/rollout-1.jsonl",
        ),
    ] {
        let lab = Lab::new();
        let mut place = lab.place();
        let dir = lab.path("moved").to_string_lossy().into_owned();
        place.env.insert(variable.to_owned(), dir);
        let mut follower = Follower::start(format, place, &lab.watch);
        lab.append(&format!("moved/{path}"), &fixture(name));
        assert!(!told(&mut follower, 1).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_working_directory_may_be_named_by_a_link() {
    let lab = Lab::new();
    fs::create_dir(lab.path("real dir")).unwrap();
    let real = lab.path("real dir").canonicalize().unwrap();
    std::os::unix::fs::symlink(&real, lab.path("link")).unwrap();
    let folded: String = real
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let place = Place::new(lab.home.path(), &lab.path("link"));
    let mut follower = Follower::start(Format::Demo, place, &lab.watch);
    lab.append(
        &format!(".local/state/llmux-demo/{folded}/1.jsonl"),
        demo_lines(&real.to_string_lossy(), &["hi"]).as_bytes(),
    );
    assert_eq!(told(&mut follower, 1).await, ["> hi"]);
}

#[tokio::test]
async fn codex_goes_on_in_a_new_day_or_in_the_day_of_a_resumed_thread() {
    let lab = Lab::new();
    let thread = |id: &str, text: &str| {
        format!(
            "{{\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\"cwd\":\"{CWD}\"}}}}\n\
             {{\"type\":\"response_item\",\"payload\":{{\"type\":\"message\",\"role\":\"user\",\"content\":[{{\"text\":\"{text}\"}}]}}}}\n"
        )
    };
    let path = |day: &str, id: &str| format!(".codex/sessions/{day}/rollout-x-{id}.jsonl");
    lab.append(&path("2025/12/31", "old"), thread("old", "once").as_bytes());
    let mut any = lab.follow(Format::Codex, None);
    let mut old = lab.follow(Format::Codex, Some("old"));
    assert_eq!(told(&mut old, 1).await, ["> once"]);
    assert_eq!(told(&mut any, 1).await, ["> once"]);
    for day in ["2026/01/01", "2026/01/02", "2026/02/01"] {
        let (lines, ()) = tokio::join!(told(&mut any, 1), async {
            lab.append(&path(day, "new"), thread("new", day).as_bytes());
        });
        assert_eq!(lines, [format!("> {day}")]);
    }
    lab.append(&path("2025/12/31", "old"), thread("old", "again").as_bytes());
    assert_eq!(told(&mut old, 1).await, ["> again"]);
}

#[tokio::test]
async fn a_cancelled_wait_loses_nothing() {
    let lab = Lab::new();
    let mut follower = lab.follow(Format::Demo, None);
    let texts: Vec<String> = (0..200).map(|n| format!("t{n}")).collect();
    let mut entries = Vec::new();
    for text in &texts {
        lab.demo("c", &[text]);
        tokio::select! {
            biased;
            more = follower.next() => entries.extend(more),
            () = tokio::task::yield_now() => {}
        }
    }
    while entries.len() < texts.len() {
        entries.extend(timeout(PATIENCE, follower.next()).await.unwrap());
    }
    let expected: Vec<String> = texts.iter().map(|text| format!("> {text}")).collect();
    assert_eq!(shown(&entries), expected);
}

#[tokio::test]
async fn a_large_file_is_told_in_order() {
    let lab = Lab::new();
    let filler = format!("{{\"type\":\"note\",\"text\":\"{}\"}}\n", "x".repeat(1 << 20));
    for n in 0..20 {
        lab.demo("c", &[&n.to_string()]);
        lab.append(&demo_path("c"), filler.as_bytes());
    }
    let mut follower = lab.follow(Format::Demo, None);
    let expected: Vec<String> = (0..20).map(|n| format!("> {n}")).collect();
    assert_eq!(told(&mut follower, 20).await, expected);
}

#[tokio::test]
async fn nobody_is_watched_for_who_has_left() {
    let lab = Lab::new();
    let mut followers = Vec::new();
    for _ in 0..300 {
        // More than a user may have inotify instances.
        let mut follower = lab.follow(Format::Demo, None);
        assert_eq!(follower.look().await, []);
        followers.push(follower);
    }
    assert_eq!(lab.watch.count(), 1);
    lab.demo("c", &["a"]);
    for follower in &mut followers {
        assert_eq!(told(follower, 1).await, ["> a"]);
    }
    drop(followers);
    assert_eq!(lab.watch.count(), 0);
}

#[tokio::test]
async fn to_read_is_not_to_change() {
    let lab = Lab::new();
    let (first, second) = (lab.path("1"), lab.path("2"));
    fs::create_dir(&first).unwrap();
    fs::create_dir(&second).unwrap();
    fs::write(first.join("f"), "x").unwrap();
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    let mut interests = bells.clone().map(|bell| Interest::new(&lab.watch, bell));
    assert!(interests[0].set(&BTreeSet::from([first.clone()])));
    assert!(interests[1].set(&BTreeSet::from([second.clone()])));
    assert!(!interests[1].set(&BTreeSet::from([second.clone()])));
    fs::read(first.join("f")).unwrap();
    fs::read_dir(&first).unwrap().for_each(drop);
    fs::write(second.join("f"), "x").unwrap();
    // Events come in order: had the first rung, it would have been before.
    timeout(PATIENCE, bells[1].notified()).await.unwrap();
    assert!(timeout(Duration::ZERO, bells[0].notified()).await.is_err());
}
