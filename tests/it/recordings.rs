//! What the rules of the catalog see in recordings of real agents.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, sync::Arc};

use bytes::Bytes;
use llmux::{
    agent::{Agent, Catalog, Overrides, Rules, Seen, Sight, dialog},
    screen::{Filter, Screen, Size},
};
use llmux_protocol::api::{ActivityState, DialogKind};
use serde::Deserialize;

/// What is known of a recording.
#[derive(Deserialize)]
struct Sidecar {
    agent: String,
    prompt: String,
    cols: u16,
    rows: u16,
    /// When each chunk came, in seconds, and where it begins.
    chunks_time_offset: Vec<(f64, usize)>,
}

#[test]
fn the_states_of_recorded_agents_are_recognised() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
    // One of them is taught as an operator teaches one.
    let taught = Overrides::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/agents.d"));
    let catalog = Catalog::new(taught, &BTreeMap::new()).unwrap();
    assert!(catalog.warnings().is_empty(), "{:?}", catalog.warnings());
    let mut seen = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let sidecar: Sidecar = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let agent = catalog.find(&sidecar.agent).unwrap();
        let raw = fs::read(path.with_extension("raw")).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        insta::assert_snapshot!(name, states(agent, &sidecar, &raw));
        seen += 1;
    }
    assert_eq!(seen, 15);
}

/// The changes of state, one a line, with the composer's text or the dialog, and the reply once it is there.
fn states(agent: &Agent, sidecar: &Sidecar, raw: &[u8]) -> String {
    let mut screen = Screen::new(Size::new(sidecar.cols, sidecar.rows));
    let mut filter = Filter::new();
    let mut out = String::new();
    let mut last = String::new();
    let ends = sidecar.chunks_time_offset.iter().skip(1).map(|chunk| chunk.1);
    for (&(time, start), end) in sidecar.chunks_time_offset.iter().zip(ends.chain([raw.len()])) {
        let chunk = Bytes::copy_from_slice(&raw[start..end]);
        screen.feed(&filter.push(chunk, &mut Vec::new()));
        let look = look(&agent.rules, &sidecar.prompt, &mut screen);
        if look != last {
            writeln!(out, "{time:6.3}  {look}").unwrap();
            last = look;
        }
    }
    out
}

fn look(rules: &Rules, prompt: &str, screen: &mut Screen) -> String {
    let page = screen.page();
    let rows = &page.rows[page.first_visible..];
    let sight = Sight {
        rows,
        bright: &page.bright,
        title: screen.title(),
        cursor: Some(page.cursor),
    };
    let seen = rules.screen(&sight);
    let state = seen.as_ref().map_or("-", |seen| seen.state.as_str());
    let title = rules.title(sight.title).map_or("-", |seen| seen.state.as_str());
    let mut out = format!("{state}, title {title}");
    if let Some(Seen {
        kind: Some(kind),
        detail,
        ..
    }) = &seen
    {
        write!(
            out,
            ", {} by {detail:?}{}",
            kind.as_str(),
            asked(*kind, rows, &page.lit)
        )
        .unwrap();
    }
    if let Some(composer) = rules.composer(&sight) {
        let collapsed = if composer.collapsed { ", collapsed" } else { "" };
        write!(out, "\n        holds {:?}{collapsed}", composer.text).unwrap();
        if seen.is_some_and(|seen| seen.state == ActivityState::Ready) && title != "busy" {
            write!(out, "{}", conversation(rules, prompt, &rows[..composer.top])).unwrap();
        }
    }
    out
}

fn asked(kind: DialogKind, rows: &[Arc<str>], lit: &[Arc<str>]) -> String {
    let dialog = dialog::read(kind, rows, lit);
    let mut out = format!("\n        {:?}, {:?}", dialog.header, dialog.question);
    for (index, option) in dialog.options.iter().enumerate() {
        let mark = if dialog.selected == Some(index) { '>' } else { '-' };
        write!(out, "\n        {mark} {}", option.label).unwrap();
    }
    out
}

/// What follows the echo of the prompt.
fn conversation(rules: &Rules, prompt: &str, rows: &[Arc<str>]) -> String {
    let head = prompt.lines().next().unwrap();
    let is_echo = |row: &Arc<str>| rules.echo(row).is_some_and(|text| text.starts_with(head));
    let Some(echo) = rows.iter().position(is_echo) else {
        return String::new();
    };
    let text = rows[echo + 1..].iter().filter_map(|row| rules.reply_row(row));
    text.filter(|row| !row.is_empty())
        .fold(String::new(), |out, row| out + "\n        | " + row)
}
