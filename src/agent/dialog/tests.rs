use std::fmt::Write as _;

use super::*;

fn dialog(text: &str) -> Dialog {
    let rows: Vec<_> = text.lines().map(Arc::from).collect();
    read(DialogKind::Question, &rows, &[])
}

/// A dialog as text: `header | question`, then its answers, the selected one after `>`.
fn shown(text: &str) -> String {
    let dialog = dialog(text);
    let mut shown = format!("{} | {}", dialog.header.unwrap_or_default(), dialog.question);
    for (index, option) in dialog.options.iter().enumerate() {
        let mark = if dialog.selected == Some(index) { '>' } else { '-' };
        write!(shown, "\n{mark} {}", option.label).unwrap();
        if let Some(description) = &option.description {
            write!(shown, ": {description}").unwrap();
        }
    }
    shown
}

#[test]
fn numbered_with_a_pointer() {
    let text = "\
● Running touch a
──────────────────────────────
 Bash command
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 touch a
╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
 Do you want to proceed?
   1. Yes
 ❯ 2. Yes, and always
   3. No

 Esc to cancel · Tab to amend";
    assert_eq!(
        shown(text),
        "touch a | Do you want to proceed?\n- Yes\n> Yes, and always\n- No"
    );
}

#[test]
fn the_command_may_stand_between_question_and_answers() {
    let text = "\
  Would you like to run the following command?

  Reason: it must be

  $ touch a


› 1. Yes, proceed (y)
  2. No, and tell Codex what to do differently (esc)

  Press enter to confirm or esc to cancel";
    assert_eq!(
        shown(text),
        "$ touch a | Would you like to run the following command?\n> Yes, proceed (y)\n- No, and tell Codex what to do differently (esc)"
    );
}

#[test]
fn boxed_numbered_with_a_wrapped_answer() {
    let text = "\
╭────────────────────────────────────────────────────────────────╮
│ Allow execution of [Shell]?                                    │
│                                                                │
│ ● 1. Allow once                                                │
│   2. Allow for this session and for every other that is begun  │
│      in this folder                                            │
│   3. No, suggest changes (esc)                                 │
│                                                                │
╰────────────────────────────────────────────────────────────────╯";
    assert_eq!(
        shown(text),
        " | Allow execution of [Shell]?\n> Allow once\n\
         - Allow for this session and for every other that is begun in this folder\n- No, suggest changes (esc)"
    );
}

#[test]
fn a_box_in_the_box_holds_the_header() {
    let text = "\
╭──────────────────────────────────────╮
│ Demo title                           │
│ ──────────────────────────────────── │
│ ╭──────────────────────────────────╮ │
│ │ touch a                          │ │
│ ╰──────────────────────────────────╯ │
│                                      │
│ Do you want to run this command?     │
│                                      │
│ ❯ 1. Yes                             │
│   2. No                              │
│                                      │
│ ↑/↓ to navigate · enter to select    │
╰──────────────────────────────────────╯";
    assert_eq!(
        shown(text),
        "touch a | Do you want to run this command?\n> Yes\n- No"
    );
}

#[test]
fn unnumbered_with_a_pointer() {
    let text = "\
 Quick safety check: Is this a project you trust?

 ❯ No, exit
   Yes, I trust this folder

 Enter to confirm · Esc to cancel";
    assert_eq!(
        shown(text),
        " | Quick safety check: Is this a project you trust?\n> No, exit\n- Yes, I trust this folder"
    );
}

#[test]
fn boxed_with_a_pointer_and_a_note_after_the_question() {
    let text = "\
 ⣾⣽⣿  ( 0s • esc to interrupt )
╭────────────────────────────────╮
│  ⎿ Will run: touch a           │
│                                │
│  Would you like to continue?   │
│                                │
│  Note: that is dangerous.      │
│                                │
│    Continue (tab)              │
│  > No, and tell (esc)          │
│                                │
╰────────────────────────────────╯
  /tmp/demo-project";
    assert_eq!(
        shown(text),
        "⎿ Will run: touch a | Would you like to continue?\n- Continue (tab)\n> No, and tell (esc)"
    );
}

#[test]
fn marks_behind_numbers() {
    let text = "\
    ◆ Run Write `a` 0.0s          0.1s [stop]

  ┃
  ┃  Allow Edit to a?
  ┃
  ┃  1 (○) Yes, and don't ask again
  ┃  2 (●) Yes
  ┃  3 (○) No, reject (type to add feedback)
  ┃

  1/4:select  │  Tab:next option";
    assert_eq!(
        shown(text),
        " | Allow Edit to a?\n- Yes, and don't ask again\n> Yes\n- No, reject (type to add feedback)"
    );
}

#[test]
fn buttons_on_one_row() {
    let text = "\
  ┃
  ┃  △ Permission required
  ┃    # Shell command
  ┃
  ┃  $ touch a
  ┃
  ┃   Allow once   Allow always   Reject         ctrl+f fullscreen  ⇆ select  enter confirm
  ┃";
    assert_eq!(
        shown(text),
        "$ touch a | Permission required\n- Allow once\n- Allow always\n- Reject"
    );
}

#[test]
fn a_question_with_letters_in_brackets() {
    assert_eq!(
        shown("\n> hello\n\nAdd a.txt to the chat? (Y)es/(N)o/(A)ll/(S)kip all/(D)on't ask again [Yes]:"),
        " | Add a.txt to the chat?\n> Yes\n- No\n- All\n- Skip all\n- Don't ask again"
    );
}

#[test]
fn hollow_marks_beside_a_filled_one() {
    let text = "\
◆  Goose would like to call the above tool, do you allow?
│  ● Allow (Allow the tool call once)
│  ○ Always Allow
│  ○ Deny
└";
    assert_eq!(
        shown(text),
        " | Goose would like to call the above tool, do you allow?\n> Allow (Allow the tool call once)\n- Always Allow\n- Deny"
    );
}

#[test]
fn a_dialog_in_ascii() {
    let text = "\
    }
*  Goose would like to call the above tool, do you allow?
|    Allow
|  > Always Allow (Always allow the tool call)
|    Deny
—";
    assert_eq!(
        shown(text),
        " | Goose would like to call the above tool, do you allow?\n- Allow\n> Always Allow (Always allow the tool call)\n- Deny"
    );
}

#[test]
fn an_answer_that_is_told_by_its_background() {
    let rows = |text: &str| text.lines().map(Arc::from).collect::<Vec<Arc<str>>>();
    let list = rows(
        "Sure?\n\n   1. Yes\n   2. Yes, and always\n   3. No\n\n  ↑↓ navigate • Enter select\n\n\n\n\n\n\n",
    );
    let lit = rows("\n\n\n   2. Yes, and always");
    let buttons = rows("Sure?\n  Allow once   Allow always   Reject      enter confirm");
    let selected = |rows: &[Arc<str>], lit: &[Arc<str>]| read(DialogKind::Approval, rows, lit).selected;
    assert_eq!(selected(&list, &lit), Some(1));
    assert_eq!(selected(&list, &[]), None);
    assert_eq!(
        selected(&buttons, &rows("\n               Allow always")),
        Some(1)
    );
    assert_eq!(
        selected(&buttons, &rows("\n  Allow once   Allow always")),
        None,
        "two are lit"
    );
}

#[test]
fn boxed_numbered_with_descriptions() {
    let text = "\
╭──────────────────────────────────────────────────────────────────────────╮
│ Select Model                                                             │
│                                                                          │
│   1. Auto (Gemini 3)                                                     │
│      Let Gemini CLI decide                                               │
│ ● 2. Manual                                                              │
│      Choose yourself                                                     │
│                                                                          │
│ (Press Esc to close)                                                     │
╰──────────────────────────────────────────────────────────────────────────╯";
    assert_eq!(
        shown(text),
        " | Select Model\n- Auto (Gemini 3): Let Gemini CLI decide\n> Manual: Choose yourself"
    );
}

#[test]
fn the_table_of_models() {
    let text = "\
  Model                 Reasoning
  ──────────────────────────────
❯ claude-sonnet ✓       high     ┃
  gpt-5                 —        ┃
  mini                           ┃

  Search models…

  ↑/↓ to navigate · ←/→ reasoning effort · enter to select";
    assert_eq!(
        shown(text),
        " | Select model\n> claude-sonnet: high\n- gpt-5\n- mini"
    );
}

#[test]
fn a_plain_list_with_marks() {
    let text = "\
Switch model

● Gemini 3 Pro
  Gemini 3 Flash

  Claude

↑/↓ navigate  enter select";
    assert_eq!(
        shown(text),
        " | Switch model\n> Gemini 3 Pro\n- Gemini 3 Flash\n- Claude"
    );
}

#[test]
fn numbered_without_a_box_and_descriptions_beside() {
    let text = "\
  Select Model and Effort
  Access legacy models by running codex -m <model>.

  1. gpt-5-codex  Optimised for codex
› 2. gpt-5        Broad world knowledge
                  with strong reasoning

  Press enter to confirm or esc to go back";
    assert_eq!(
        shown(text),
        "Select Model and Effort | Access legacy models by running codex -m <model>.\n\
         - gpt-5-codex: Optimised for codex\n> gpt-5: Broad world knowledge with strong reasoning"
    );
}

#[test]
fn a_window_to_select_from() {
    let text = "\
  ┃  hello          Select model                     esc   ┃

                    Search

                    Recent
                  ● Big Pickle OpenCode Zen
                    Mock Model   Mock              ╹▀▀▀

                    ctrl+a connect provider";
    assert_eq!(
        shown(text),
        " | Select model\n- Recent\n> Big Pickle OpenCode Zen\n- Mock Model Mock"
    );
}

#[test]
fn what_cannot_be_read_stays_empty() {
    for text in [
        "",
        "hello",
        "❯ ",
        "❯ 1. alone",
        "1. a\n3. c",
        " ❯ a\nb",
        "╭─\n│\n╰─",
    ] {
        assert_eq!(shown(text), " | ", "{text:?}");
    }
}

#[test]
fn the_id_follows_question_and_answers_but_not_the_selection() {
    let id = |text: &str| dialog(text).id;
    let first = id("Sure?\n ❯ 1. Yes\n   2. No");
    assert_eq!(first.len(), 16);
    assert_eq!(first, id("Sure?\n   1. Yes\n ❯ 2. No"));
    assert_ne!(first, id("Surely?\n ❯ 1. Yes\n   2. No"));
    assert_ne!(first, id("Sure?\n ❯ 1. Yes\n   2. Never"));
}

proptest::proptest! {
    #[test]
    fn no_rows_panic(rows in proptest::collection::vec("([ │┃❯›>●○╭╰─0-9.()\\[\\]/?:a-zé漢]|\\(Y\\)es/\\(N\\)o| {3}|Select | esc|ctrl\\+|enter confirm){0,24}", 0..12)) {
        let rows: Vec<_> = rows.into_iter().map(Arc::from).collect();
        let dialog = read(DialogKind::Approval, &rows, &[]);
        assert!(dialog.selected.is_none_or(|selected| selected < dialog.options.len()));
    }
}

/// A dialog that asks for one command of several lines, and what else is on the screen.
fn approval(above: &str, command: &str) -> String {
    format!(
        "{above}\n──────────\n Bash command\n\n{command}\n\n Do you want to proceed?\n ❯ 1. Yes\n   2. No"
    )
}

#[test]
fn the_id_covers_all_that_is_approved_and_nothing_else() {
    let id = |text: &str| dialog(text).id;
    let long = |first: &str| format!(" {first}\n{}", " echo\n".repeat(30));
    let asked = id(&approval("", &long("rm a")));
    assert_ne!(asked, id(&approval("", &long("rm b"))));
    assert_eq!(asked, id(&approval("more was printed", &long("rm a"))));
    assert_eq!(asked, id(&approval("", &long("rm\n a"))));
    assert_eq!(
        asked,
        id(&approval("", &format!(" ⠏ Running 3s\n{}", long("rm a"))))
    );
    let selected = approval("", &long("rm a"))
        .replace("❯ 1", "  1")
        .replace("  2.", "❯ 2.");
    assert_eq!((asked, Some(1)), (id(&selected), dialog(&selected).selected));
}

#[test]
fn the_header_tells_dialogs_apart() {
    let found = |header: &str| Found {
        header: Some(header.to_owned()),
        ..Found::default()
    };
    let id = |header| super::id(DialogKind::Approval, &found(header));
    assert_ne!(id("$ touch a"), id("$ touch b"));
}

#[test]
fn an_equal_dialog_that_opens_later_has_another_id() {
    let mut openings = Openings::new();
    let mut see = |answered: bool, is_open: bool| {
        if answered {
            openings.answered();
        }
        let mut dialog = is_open.then(|| dialog(&approval("", " rm a")));
        openings.see(dialog.as_mut());
        dialog
    };
    let first = see(false, true).unwrap();
    assert_eq!(see(false, true).as_ref(), Some(&first));
    assert_eq!(see(false, false), None);
    let second = see(false, true).unwrap();
    let third = see(true, true).unwrap();
    assert!(first.id != second.id && second.id != third.id);
    assert!(are_equal(&first, &second) && are_equal(&second, &third));
}
