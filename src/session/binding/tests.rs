//! What tells, and what does not.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use llmux_protocol::api::BoundBy;

use super::{
    Bound, Named, Others, Said,
    evidence::{Found, Question},
};
use crate::agent::history::{History, Place, Store};

const CWD: &str = "/w/demo";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(home.folder()).unwrap();
        home
    }

    fn folder(&self) -> std::path::PathBuf {
        self.0.path().join(".claude/projects/-w-demo")
    }

    /// Adds a prompt to a conversation, as it is written now.
    fn write(&self, id: &str, prompt: &str) {
        self.write_at(id, prompt, SystemTime::now());
    }

    /// The same, as it was written then.
    fn write_at(&self, id: &str, prompt: &str, written: SystemTime) {
        let at = crate::store::time::rfc3339(written);
        let record = serde_json::json!({
            "type": "user", "cwd": CWD, "timestamp": at, "message": {"content": prompt},
        });
        let path = self.folder().join(format!("{id}.jsonl"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        fs::write(&path, format!("{text}{record}\n")).unwrap();
        let file = fs::File::options().append(true).open(path).unwrap();
        file.set_modified(written).unwrap();
    }

    fn question(&self, bound: Option<&str>, last: &Said) -> Question {
        Question {
            store: Store::Claude,
            place: Place::new(self.0.path(), Path::new(CWD)),
            bound: Bound {
                id: bound.map(str::to_owned),
                by: bound.map(|_| BoundBy::Pin),
            },
            last: Some(last.clone()),
            others: Others::default(),
            written: HashSet::new(),
        }
    }
}

fn ask(question: &Question) -> Found {
    question.ask(&History::new())
}

fn other(id: &str, by: BoundBy) -> Found {
    Found::Other(Bound {
        id: Some(id.to_owned()),
        by: Some(by),
    })
}

#[test]
fn the_one_conversation_that_holds_the_prompt_is_it() {
    let home = Home::new();
    let said = Said::now("hello\n  there");
    assert_eq!(ask(&home.question(None, &said)), Found::Nothing);
    home.write("a", "something else");
    home.write("b", "hello there");
    assert_eq!(ask(&home.question(None, &said)), other("b", BoundBy::Prompt));
    assert_eq!(ask(&home.question(Some("b"), &said)), Found::Same);
    assert_eq!(ask(&home.question(Some("a"), &said)), other("b", BoundBy::Prompt));
}

#[test]
fn what_two_conversations_hold_tells_nothing() {
    let home = Home::new();
    let said = Said::now("hello");
    home.write("a", "hello");
    home.write("b", "hello");
    assert_eq!(ask(&home.question(None, &said)), Found::Nothing);
    let mut question = home.question(None, &said);
    question.others.taken.insert("a".to_owned());
    assert_eq!(
        ask(&question),
        other("b", BoundBy::Prompt),
        "the other one is taken"
    );
}

#[test]
fn what_another_session_has_said_too_tells_nothing() {
    let home = Home::new();
    let said = Said::now("hello");
    home.write("a", "hello");
    let mut question = home.question(None, &said);
    question.others.said.push(Said::now("hel lo"));
    assert_eq!(ask(&question), Found::Nothing);
}

#[test]
fn an_equal_prompt_of_earlier_is_another_one() {
    let home = Home::new();
    // Longer ago than clocks are coarse.
    home.write_at("a", "hello", SystemTime::now() - Duration::from_millis(50));
    let said = Said::now("hello");
    assert_eq!(ask(&home.question(None, &said)), Found::Nothing);
    home.write("b", "hello");
    assert_eq!(ask(&home.question(None, &said)), other("b", BoundBy::Prompt));
}

#[test]
fn the_file_that_the_session_writes_is_better_than_its_words() {
    let home = Home::new();
    let said = Said::now("hello");
    home.write("a", "hello");
    home.write("b", "hello");
    let path = |id: &str| home.folder().join(format!("{id}.jsonl")).canonicalize().unwrap();
    let mut question = home.question(None, &said);
    question.written.insert(path("b"));
    assert_eq!(ask(&question), other("b", BoundBy::File));
    question.written.insert(path("a"));
    assert_eq!(ask(&question), Found::Nothing, "it writes both");
    question.others.taken.insert("b".to_owned());
    assert_eq!(ask(&question), other("a", BoundBy::File));
}

#[test]
fn a_file_of_before_that_is_still_open_tells_nothing() {
    let home = Home::new();
    home.write("a", "hello");
    home.write("b", "hi");
    let path = |id: &str| home.folder().join(format!("{id}.jsonl")).canonicalize().unwrap();
    let mut question = home.question(Some("b"), &Said::now("hi"));
    question.last = None;
    question.written = HashSet::from([path("a"), path("b")]);
    assert_eq!(ask(&question), Found::Nothing);
    question.written = HashSet::from([path("b")]);
    assert_eq!(ask(&question), Found::Nothing, "that is known");
    question.written = HashSet::from([path("a")]);
    assert_eq!(ask(&question), other("a", BoundBy::File));
}

#[test]
fn a_hook_is_believed_of_this_session_only() {
    let known = Bound {
        id: Some("a".to_owned()),
        by: Some(BoundBy::Pin),
    };
    let unknown = Bound::default();
    let said = [Said::now("my prompt")];
    let begins = |how: &str, is_busy| Named {
        id: "b".to_owned(),
        begins: Some(how.to_owned()),
        is_busy,
        ..Named::default()
    };
    let asked = |prompt: &str| Named {
        id: "b".to_owned(),
        prompt: Some(prompt.to_owned()),
        is_busy: true,
        ..Named::default()
    };
    assert!(begins("startup", false).is_told(&unknown, &said));
    assert!(begins("clear", false).is_told(&known, &said));
    assert!(asked("my  prompt").is_told(&known, &said));
    // Agents run agents: those begin while this one works, and are asked something else.
    assert!(!begins("startup", false).is_told(&known, &said));
    assert!(!begins("clear", true).is_told(&known, &said));
    assert!(!asked("its prompt").is_told(&unknown, &said));
    assert!(!Named::default().is_told(&unknown, &said));
}
