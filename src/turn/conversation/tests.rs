use std::collections::BTreeMap;

use super::*;
use crate::agent::{Catalog, Overrides, Rules};

fn rules() -> Rules {
    rules_of("demo")
}

fn rules_of(agent: &str) -> Rules {
    Catalog::new(Overrides::default(), &BTreeMap::new())
        .unwrap()
        .find(agent)
        .unwrap()
        .rules
        .clone()
}

fn wanted(prompt: &str) -> Wanted {
    Wanted::new(prompt.as_bytes())
}

fn conversation(text: &str) -> Conversation {
    let rows: Vec<Arc<str>> = text.lines().map(Arc::from).collect();
    let page = Page {
        continued: vec![false; rows.len()],
        rows,
        ..Page::default()
    };
    Conversation::new(Arc::new(page), None, 40)
}

fn reply(text: &str, prompt: &str) -> Option<String> {
    let (conversation, rules) = (conversation(text), rules());
    let marker = Marker::read("LLMUX_DONE_0badf00d");
    let anchor = conversation.anchor(&rules, &wanted(prompt), &Conversation::default())?;
    Some(conversation.reply(&rules, anchor, marker.as_ref()))
}

#[test]
fn the_reply_stands_between_the_prompts_echo_and_the_end() {
    let screen = "❯ old\n\n● Old\n  <<LLMUX_DONE_0badf00d>>\n\n❯ new\n  one\n\n● A\n\n  B\n  <<LLMUX_DONE_0badf00d>>\n";
    assert_eq!(reply(screen, "new\none").as_deref(), Some("A\n\nB"));
    // The last prompt on the screen is another one.
    assert_eq!(reply(screen, "old"), None);
}

#[test]
fn an_echo_may_be_cut_or_end_with_an_ellipsis_of_its_own() {
    assert_eq!(reply("❯ and then…\n\n● A\n", "and then…").as_deref(), Some("A"));
    assert_eq!(
        reply("❯ and then…\n\n● A\n", "and then it went").as_deref(),
        Some("A")
    );
    assert_eq!(reply("❯ and now…\n\n● A\n", "and then it went"), None);
}

#[test]
fn where_echoes_and_replies_look_alike_the_first_new_one_is_the_echo() {
    let before = conversation("● Hello\n\n● Hi\n\nError: 400 no\n");
    for (agent, screen, expected) in [
        (
            "continue",
            "● Hello\n\n● Hi\n\n● Hi there\n\n● Hi\n\n● Hi there\n",
            "Hi\n\nHi there",
        ),
        // Two prompts in a row are one message to it.
        ("continue", "● Hello\n\n● Hi\n\n  Hi there\n\n● Yes\n", "Yes"),
        (
            "opencode",
            "  ┃  Hi there\n  ┃\n\n  ┃  $ ls\n  ┃  a\n\n     Yes\n",
            "Yes",
        ),
    ] {
        let (rules, now) = (rules_of(agent), conversation(screen));
        let wanted = wanted("Hi there");
        let anchor = now
            .anchor(&rules, &wanted, &before)
            .or_else(|| now.behind(&rules, &before, &wanted, false));
        assert_eq!(now.reply(&rules, anchor.unwrap(), None), expected, "{agent}");
    }
}

#[test]
fn where_rows_have_gone_a_prompt_is_known_by_all_of_its_text() {
    let (rules, wanted) = (rules_of("continue"), wanted("Hi there\nall"));
    let before = conversation("● Hi there\n  all\n\n● Hello\n\n● It is cut\n");
    let now = conversation("● Hi there\n  all\n\n● Hello\n\n  Hi there\n  all\n\n● Yes\n");
    let anchor = now.behind(&rules, &before, &wanted, false).unwrap();
    assert_eq!(now.reply(&rules, anchor, None), "Yes");
}

#[test]
fn an_answer_that_ends_as_the_one_before_is_found_behind_its_long_echo() {
    let rules = rules();
    let prompt = (0..60).map(|n| format!("word{n} ")).collect::<Vec<_>>().concat();
    let echo = (0..60)
        .map(|n| format!("  word{n}\n"))
        .collect::<Vec<_>>()
        .concat();
    let answer = |n: usize| {
        let lines = (2..30)
            .map(|line| format!("  Line {line}\n"))
            .collect::<Vec<_>>()
            .concat();
        format!("\n● ({n}) Line 1\n{lines}")
    };
    let before = conversation(&format!("{}{}", &echo[200..], answer(1)));
    let now = conversation(&format!("{}{}", &echo[200..], answer(2)));
    let anchor = now.behind(&rules, &before, &wanted(&prompt), false).unwrap();
    assert!(
        now.reply(&rules, anchor, None)
            .starts_with("(2) Line 1\nLine 2\n")
    );
    // Nothing has come yet, but an old row was painted anew.
    let anew = conversation(&format!("old\n{}", answer(3)));
    assert_eq!(
        anew.behind(&rules, &conversation(&answer(1)), &wanted(&prompt), false),
        None
    );
}

#[test]
fn the_echo_of_an_equal_prompt_is_new() {
    let once = conversation("❯ x\n\n● A\n");
    let is_new = |text: &str| conversation(text).has_new_echo(&rules(), &once);
    assert!(!is_new("❯ x\n\n● A\n\n● B\n"));
    assert!(is_new("❯ x\n\n● A\n\n❯ x\n\n● A\n"));
    assert!(is_new("❯ y\n\n● A\n"));
}

#[test]
fn a_marker_in_the_echo_or_of_an_older_reply_is_no_end() {
    let (rules, marker) = (rules(), Marker::read("LLMUX_DONE_0badf00d").unwrap());
    let marked = |text: &str, prompt: &str| {
        let conversation = conversation(text);
        let nothing = Conversation::default();
        let anchor = conversation.anchor(&rules, &wanted(prompt), &nothing).unwrap();
        conversation.is_marked(&rules, anchor, &marker)
    };
    let prompt = "end with\n<<LLMUX_DONE_0badf00d>>";
    let echo = "● Old\n  <<LLMUX_DONE_0badf00d>>\n\n❯ end with\n  <<LLMUX_DONE_0badf00d>>\n";
    assert!(!marked(echo, prompt));
    assert!(!marked(&format!("{echo}\n● OK so far"), prompt));
    assert!(marked(
        &format!("{echo}\n● OK\n  <<LLMUX_DONE_0badf00d>>"),
        prompt
    ));
    assert!(marked(&format!("{echo}\n● <<LLMUXDONE0badf00d>>"), prompt));
    assert!(marked(
        &format!("{echo}\n● OK\n  <<LLMUX_DON\n  E_0badf00d>>"),
        prompt
    ));
    assert!(!marked(
        &format!("{echo}\n● OK\n  <<LLMUX_DONE_0badf00e>>"),
        prompt
    ));
}

#[test]
fn wrapped_lines_come_back_whole_and_short_ones_stay_apart() {
    let wide =
        "❯ x\n\n● one two three four five six seven eigh\n  nine ten eleven\n\n  - item\n  short\n  next\n";
    assert_eq!(
        reply(wide, "x").as_deref(),
        Some("one two three four five six seven eigh nine ten eleven\n\n- item\nshort\nnext")
    );
    let word = format!("❯ x\n\n● {}\n  {}\n", "y".repeat(38), "y".repeat(5));
    assert_eq!(reply(&word, "x"), Some("y".repeat(43)));
    let cjk = format!("❯ x\n\n● {}\n  {}\n", "日".repeat(19), "本");
    assert_eq!(reply(&cjk, "x"), Some(format!("{}本", "日".repeat(19))));
}

#[test]
fn frames_that_a_repaint_left_in_the_history_are_not_read() {
    let rule = "─".repeat(20);
    let frame = format!("❯ x\n● A\n{rule}\n❯ \n{rule}\n");
    let rows: Vec<Arc<str>> = frame.repeat(2).lines().map(Arc::from).collect();
    let page = Page {
        continued: vec![false; rows.len()],
        rows,
        first_visible: 5,
        ..Page::default()
    };
    let conversation = Conversation::new(Arc::new(page), Some(2), 40);
    assert_eq!(conversation.rows().join("|"), "❯ x|● A");
}

#[test]
fn behind_a_long_echo_the_answer_is_found_without_its_beginning() {
    let lines: Vec<String> = (0..200).map(|n| format!("  line {n}")).collect();
    let prompt = lines.join("\n");
    let before = conversation("❯ old\n● Old\n");
    let echo = lines[150..].join("\n");
    let now = conversation(&format!("{echo}\n\n● Yes\n"));
    let (rules, wanted) = (rules(), wanted(&prompt));
    let anchor = now.behind(&rules, &before, &wanted, false).unwrap();
    assert_eq!(now.reply(&rules, anchor, None), "Yes");
    assert_eq!(before.behind(&rules, &before, &wanted, false), None);
}

proptest::proptest! {
    #[test]
    fn no_screen_makes_it_panic(rows in proptest::collection::vec("[❯●│ <>a-z日─]{0,12}", 0..30), top in 0usize..40, prompt in "[a-z日 \n]{0,20}") {
        let rows: Vec<Arc<str>> = rows.into_iter().map(Arc::from).collect();
        let page = Page { continued: vec![false; rows.len()], first_visible: rows.len() / 2, rows, ..Page::default() };
        let (conversation, rules) = (Conversation::new(Arc::new(page), Some(top), 12), rules());
        let marker = Marker::read("LLMUX_DONE_0badf00d").unwrap();
        let wanted = wanted(&prompt);
        let anchors = [
            conversation.anchor(&rules, &wanted, &conversation),
            conversation.anchor(&rules, &wanted, &Conversation::default()),
            conversation.behind(&rules, &conversation, &wanted, false),
            conversation.behind(&rules, &Conversation::default(), &wanted, true),
        ];
        for anchor in anchors.into_iter().flatten() {
            conversation.reply(&rules, anchor, Some(&marker));
            conversation.is_marked(&rules, anchor, &marker);
            conversation.tail(anchor);
        }
    }
}

#[test]
fn without_rules_the_reply_is_what_was_printed_since_enter() {
    let behind = |now: &str, prompt: &str| {
        let before = conversation(&format!("old\n$ {prompt}"));
        let now = conversation(&format!("old\n$ {prompt}\n{now}"));
        let anchor = now.behind(&Rules::default(), &before, &wanted(prompt), false)?;
        assert!(!anchor.is_visible());
        Some(now.reply(&Rules::default(), anchor, None))
    };
    assert_eq!(behind("42\nx\n$", "echo $((6*7)) x").as_deref(), Some("42\nx\n$"));
    assert_eq!(behind("hi\n$", "echo hi").as_deref(), Some("hi\n$"));
    assert_eq!(behind("", "true"), None);
}
