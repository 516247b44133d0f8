use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use super::*;
use crate::agent::{Catalog, Composer, Overrides};

fn rows(text: &str) -> Vec<Arc<str>> {
    text.lines().map(Arc::from).collect()
}

/// One for all tests, so that each pattern is compiled once.
static CATALOG: LazyLock<Catalog> =
    LazyLock::new(|| Catalog::new(Overrides::default(), &BTreeMap::new()).unwrap());

fn rules(agent: &str) -> Rules {
    CATALOG.find(agent).unwrap().rules.clone()
}

/// A screen on which nothing is dim.
fn sight(rows: &[Arc<str>]) -> Sight<'_> {
    Sight {
        rows,
        bright: rows,
        title: "",
        cursor: None,
    }
}

fn state(rules: &Rules, text: &str) -> Option<ActivityState> {
    Some(rules.screen(&sight(&rows(text)))?.state)
}

fn composer(agent: &str, text: &str) -> Composer {
    rules(agent).composer(&sight(&rows(text))).unwrap()
}

const BOX: &str = "────────────\n❯ Type a prompt\n────────────\n  ctrl+d twice to exit\n\n";

#[test]
fn the_demo_agent_is_ready_at_its_composer_and_not_while_busy_or_asking() {
    let demo = rules("demo");
    let seen = demo.screen(&sight(&rows(&format!("hello\n\n{BOX}")))).unwrap();
    assert_eq!(
        (seen.state, seen.detail.as_str()),
        (ActivityState::Ready, "❯ Type a prompt")
    );
    for (text, expected) in [
        (
            "────────────\n❯ a\n  b\n────────────\n".to_owned(),
            Some(ActivityState::Ready),
        ),
        (
            format!("✻ Working… (esc to interrupt)\n{BOX}"),
            Some(ActivityState::Busy),
        ),
        // What a resize left of an older frame says nothing.
        (
            format!("✻ Working… (esc to interrupt)\n\n{BOX}"),
            Some(ActivityState::Ready),
        ),
        (
            format!("✻ Working… (esc to interrupt)\n{BOX}● Done\n{BOX}"),
            Some(ActivityState::Ready),
        ),
        ("❯ an old prompt\n".to_owned(), None),
        (
            " Do you want to proceed?\n ❯ 1. Yes\n   2. No\n".to_owned(),
            Some(ActivityState::Blocked),
        ),
    ] {
        assert_eq!(state(&demo, &text), expected, "{text}");
    }
}

#[test]
fn the_title_tells_the_state_of_agents_that_say_it_there() {
    let title = |title: &str| rules("demo").title(title).map(|seen| seen.state);
    assert_eq!(title("✦  Working… (x)"), Some(ActivityState::Busy));
    assert_eq!(title("✋  Action Required"), Some(ActivityState::Blocked));
    assert_eq!(title("◇  Ready (x)"), Some(ActivityState::Ready));
    assert_eq!(title(""), None);
}

#[test]
fn words_of_a_dialog_in_the_conversation_ask_nothing() {
    for (agent, text) in [
        ("demo", format!(" Do you want to proceed?\n{BOX}")),
        (
            "codex",
            "• Trust this folder?\n\n› \n\n  model · /tmp\n  ? for shortcuts".to_owned(),
        ),
        (
            "gemini",
            "────────────\n YOLO\n\n * Do you trust the files in this folder?\n\n a\n b".to_owned(),
        ),
    ] {
        assert_eq!(state(&rules(agent), &text), Some(ActivityState::Ready), "{agent}");
    }
}

#[test]
fn words_of_a_busy_row_in_a_reply_are_no_work() {
    let claude =
        "● I show (esc to interrupt)\n  and esc to interrupt\n\n────────────\n❯ \n────────────\n  ⏵⏵ auto";
    assert_eq!(state(&rules("claude"), claude), Some(ActivityState::Ready));
    let footer = format!("{claude} mode on · esc to interrupt");
    assert_eq!(state(&rules("claude"), &footer), Some(ActivityState::Busy));
}

#[test]
fn goose_is_ready_without_its_placeholder_and_not_while_it_holds_a_draft() {
    let state = |composer: &str| state(&rules("goose"), &format!("  ╌╌╌ 0% 18/128k\n{composer}"));
    assert_eq!(
        state("> Enter to send · Ctrl+J newline"),
        Some(ActivityState::Ready)
    );
    assert_eq!(state(">"), Some(ActivityState::Ready));
    assert_eq!(state("> hello"), None);
}

#[test]
fn an_agent_without_rules_tells_nothing() {
    let none = Rules::default();
    assert!(!none.knows_ready() && rules("demo").knows_ready() && rules("aider").knows_ready());
    assert_eq!(state(&none, BOX), None);
    assert_eq!((none.echo("❯ a"), none.reply_row("● a")), (None, Some("● a")));
    assert_eq!(
        (none.error(&["● API Error"]), none.interrupted("x")),
        (None, false)
    );
}

#[test]
fn the_composer_begins_at_its_box_or_at_the_busy_row_above() {
    let text = format!("● hello\n\n✻ Working… (esc to interrupt)\n{BOX}");
    assert_eq!(composer("demo", &text).top, 2);
    assert_eq!(composer("demo", &format!("● hello\n\n\n{BOX}")).top, 3);
    assert_eq!(composer("demo", BOX).top, 0);
}

#[test]
fn a_draft_is_read_without_pointers_and_borders() {
    let twice = "hello\n\n  there";
    for (agent, text) in [
        ("demo", "────────\n❯ hello\n\n    there\n────────\n  foot"),
        ("claude", "────────\n❯\u{a0}hello\n\n    there\n────────\n  foot"),
        ("codex", "• old\n\n› hello\n\n    there\n\n  model · ~/a\n"),
        ("gemini", "────────\n YOLO\n\n * hello\n\n     there\n\n a\n b"),
        (
            "gemini",
            "────────\n YOLO\n▄▄▄▄▄▄▄▄\n * hello\n\n     there\n▀▀▀▀▀▀▀▀\n a\n b",
        ),
        ("qwen", "────────\n* hello\n\n    there\u{200b}\n────────\n  foot"),
        (
            "opencode",
            "  ┃\n  ┃  hello\n  ┃\n  ┃    there\n  ┃\n  ┃  Build · Model\n  ╹▀▀▀▀▀▀▀▀▀▀",
        ),
        (
            "grok",
            " ╭───────────╮\n │ ❯ hello   │\n │           │ █\n │     there │\n ╰── Model ──╯",
        ),
        (
            "continue",
            "╭───────────╮\n│ ● hello   │\n│           │\n│     there │\n╰───────────╯\n  [auto]",
        ),
        ("aider", "────────\n> hello\n>\n>   there"),
        ("goose", "  ╌╌╌ 0% 0/128k\n> hello\n\n  there"),
        ("copilot", "────────\n❯ hello\n\n    there\n────────\n foot"),
    ] {
        let composer = composer(agent, text);
        let expected = if agent == "goose" { "hello\n\nthere" } else { twice };
        assert_eq!(composer.text, expected, "{agent}");
        assert!(!composer.collapsed, "{agent}");
    }
}

#[test]
fn a_placeholder_is_no_draft() {
    for (agent, text) in [
        (
            "claude",
            "────────\n❯ Press up to edit queued messages\n────────\n  foot",
        ),
        (
            "gemini",
            "────────\n YOLO\n\n *   Type your message or @path/to/file\n\n a\n b",
        ),
        (
            "qwen",
            "────────\n*   Type your message or @path/to/file\n────────\n  foot",
        ),
        (
            "continue",
            "╭────────╮\n│ ● ▋Ask anything, @ for context, / for │\n╰────────╯",
        ),
        ("goose", "  ╌╌╌ 0% 0/128k\n> Enter to send · Ctrl+J newline"),
        (
            "grok",
            " ╭──────╮\n │ ❯ Echo: CWD │\n ╰── M ──╯\n\n  Tab/→:accept suggestion",
        ),
    ] {
        assert_eq!(composer(agent, text).text, "", "{agent}");
    }
}

#[test]
fn what_is_dim_is_no_draft() {
    let rows = rows("────────\n❯ hello world\n────────");
    for (bright, held) in [("❯", ""), ("❯ hello", "hello"), ("", "")] {
        let bright = ["", bright, ""].map(Arc::from);
        let sight = Sight {
            rows: &rows,
            bright: &bright,
            title: "",
            cursor: None,
        };
        assert_eq!(rules("demo").composer(&sight).unwrap().text, held);
    }
}

#[test]
fn a_stand_in_for_a_long_paste_is_noticed() {
    for stand_in in [
        "[Pasted text #1 +6 lines]",
        "[Pasted text #1]",
        "[Pasted Text: 7 lines]",
        "[Pasted Content 713 chars]",
        "[Pasted ~3 lines]",
        "[Paste #1 - 30 lines]",
        "[Pasted: 7 lines]",
    ] {
        let text = format!("────────\n❯ look: {stand_in} there\n────────");
        assert!(composer("demo", &text).collapsed, "{stand_in}");
    }
}

#[test]
fn a_composer_in_normal_mode_is_noticed() {
    let screen = |foot: &str| rows(&format!("────────\n❯\n────────\n  -- {foot} --"));
    assert!(rules("demo").normal_mode(&sight(&screen("NORMAL"))));
    assert!(!rules("demo").normal_mode(&sight(&screen("INSERT"))));
}

#[test]
fn rows_of_a_conversation_are_told_apart() {
    let claude = rules("claude");
    assert_eq!(claude.echo("❯ hello"), Some("hello"));
    assert_eq!(claude.echo("  hello"), None);
    assert_eq!(claude.reply_row("● hello"), Some("hello"));
    assert_eq!(claude.reply_row("    indented"), Some("  indented"));
    assert_eq!(claude.reply_row(""), Some(""));
    for chrome in [
        "✻ Baked for 3s · done 1:37 AM",
        "· Envisioning… (0s)",
        "  ⎿ \u{a0}Tip: x",
    ] {
        assert_eq!(claude.reply_row(chrome), None, "{chrome}");
    }
    assert!(claude.interrupted("  ⎿ \u{a0}Interrupted · What should Claude do instead?"));
    assert_eq!(
        claude.error(&["● API Error: 400 mock error 400"]).as_deref(),
        Some("API Error: 400 mock error 400")
    );
    assert_eq!(
        rules("qwen").reply_row("  ◆\u{fe0e} hello          █"),
        Some("hello")
    );
    assert_eq!(
        rules("grok").echo("     ❯ hello           2:34 AM"),
        Some("hello")
    );
}

#[test]
fn an_error_is_told_by_its_rows_and_its_end_belongs_to_the_conversation() {
    let opencode = rules("opencode");
    let failed = "  ┃\n  ┃  no such model\n  ┃\n\n     ▣  Build · Lab\n\n";
    let screen = format!("{failed}  ┃\n  ┃  hello\n  ┃\n  ┃  Build · Model\n  ╹▀▀▀▀▀▀▀▀▀▀");
    let told = |text: &str| opencode.error(&rows(text));
    assert_eq!(told(failed).as_deref(), Some("no such model"));
    assert_eq!(
        told("  ┃  $ ls\n  ┃\n\n     ok\n\n     ▣  Build · Lab · 2.3s"),
        None
    );
    assert_eq!(composer("opencode", &screen).top, 6);
    let qwen = rules("qwen");
    assert_eq!(
        qwen.error(&["", "  ✕ [API Error]     █"]).as_deref(),
        Some("[API Error]")
    );
    assert!(qwen.interrupted("  ●\u{fe0e} Request cancelled."));
    assert_eq!(qwen.echo("  > hello      █"), Some("hello"));
}

#[test]
fn every_pattern_of_the_catalog_is_a_regular_expression() {
    for agent in CATALOG.all() {
        for pattern in agent.rules.patterns() {
            assert!(pattern.regex().is_some(), "{} {pattern:?}", agent.key);
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_screen_panics(
        shown in proptest::collection::vec("[ ─❯›>●┃│╭╰*a漢\u{a0}1.·~/-]{0,12}", 0..9),
        bright in proptest::collection::vec("[ ❯a漢]{0,12}", 0..9),
    ) {
        let [shown, bright] = [shown, bright].map(|rows| rows.into_iter().map(Arc::from).collect::<Vec<_>>());
        let sight = Sight { rows: &shown, bright: &bright, title: "✦", cursor: None };
        for agent in ["demo", "claude", "codex", "gemini", "opencode", "grok", "aider", "goose"] {
            let rules = rules(agent);
            let _ = rules.screen(&sight);
            let _ = rules.normal_mode(&sight);
            if let Some(composer) = rules.composer(&sight) {
                assert!(composer.top < shown.len());
            }
            for row in &shown {
                let _ = (rules.echo(row), rules.reply_row(row), rules.error(&[row]), rules.interrupted(row));
            }
        }
    }
}
