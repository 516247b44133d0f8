use super::*;
use crate::agent::{Catalog, Composer};

fn rows(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn rules(agent: &str) -> Rules {
    let catalog = Catalog::new(&std::collections::BTreeMap::new()).unwrap();
    catalog.find(agent).unwrap().rules.clone()
}

/// A screen on which nothing is dim.
fn sight(rows: &[String]) -> Sight<'_> {
    Sight {
        rows,
        bright: rows,
        title: "",
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
fn the_composer_begins_at_its_box_or_at_the_busy_row_above() {
    let text = format!("● hello\n\n✻ Working… (esc to interrupt)\n{BOX}");
    let composer = composer("demo", &text);
    assert_eq!((composer.top, composer.text.as_str()), (2, "Type a prompt"));
}
