//! What the rules of the catalog see in recordings of real agents.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use bytes::Bytes;
use llmux::{
    agent::{Catalog, Sight, dialog},
    screen::{Filter, Screen, Size},
};
use llmux_protocol::api::ActivityState;
use serde::Deserialize;

/// What is known of a recording.
#[derive(Deserialize)]
struct Sidecar {
    agent: String,
    cols: u16,
    rows: u16,
    /// When each chunk came, in seconds, and where it begins.
    chunks_time_offset: Vec<(f64, usize)>,
}

#[test]
fn the_states_of_recorded_agents_are_recognised() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recordings");
    let catalog = Catalog::new(&BTreeMap::new()).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let sidecar: Sidecar = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let Some(agent) = catalog.find(&sidecar.agent) else {
            continue;
        };
        let raw = fs::read(path.with_extension("raw")).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        insta::assert_snapshot!(name, states(agent, &sidecar, &raw));
        seen += 1;
    }
    assert!(seen >= 13, "{seen} recordings of {}", catalog.all().count());
}

/// The changes of state, of the composer's text and of the title's state, one a line.
fn states(agent: &llmux::agent::Agent, sidecar: &Sidecar, raw: &[u8]) -> String {
    let mut screen = Screen::new(Size::new(sidecar.cols, sidecar.rows));
    let mut filter = Filter::new();
    let mut out = String::new();
    let mut last = String::new();
    let ends = sidecar.chunks_time_offset.iter().skip(1).map(|chunk| chunk.1);
    for (&(time, start), end) in sidecar.chunks_time_offset.iter().zip(ends.chain([raw.len()])) {
        let chunk = Bytes::copy_from_slice(&raw[start..end]);
        screen.feed(&filter.push(chunk, &mut Vec::new()));
        let line = look(agent, &screen);
        if line != last {
            writeln!(out, "{time:6.3}  {line}").unwrap();
            last = line;
        }
    }
    out
}

fn look(agent: &llmux::agent::Agent, screen: &Screen) -> String {
    let (rows, bright) = (screen.rows(), screen.bright_rows());
    let sight = Sight {
        rows: &rows,
        bright: &bright,
        title: screen.title(),
    };
    let rules = &agent.rules;
    let seen = rules.screen(&sight);
    let state = seen.as_ref().map_or("-", |seen| seen.state.as_str());
    let title = rules.title(sight.title).map_or("-", |seen| seen.state.as_str());
    let mut line = format!("{state:8} title {title:8}");
    if let Some(seen) = &seen
        && seen.state != ActivityState::Busy
    {
        let kind = seen.kind.map_or("", |kind| kind.as_str());
        write!(line, "{kind} {:?}", seen.detail).unwrap();
    }
    if let Some(composer) = rules.composer(&sight) {
        let head: String = composer.text.chars().take(40).collect();
        let above = composer
            .top
            .checked_sub(1)
            .and_then(|row| rows[..=row].iter().rfind(|row| !row.is_empty()));
        write!(
            line,
            "\n          holds {head:?} collapsed {} below {:?}",
            composer.collapsed, above
        )
        .unwrap();
    }
    if let Some(kind) = seen.and_then(|seen| seen.kind) {
        let dialog = dialog::read(kind, &rows);
        write!(line, "\n          {:?} | {}", dialog.header, dialog.question).unwrap();
        for (index, option) in dialog.options.iter().enumerate() {
            let mark = if dialog.selected == Some(index) { '>' } else { '-' };
            write!(line, "\n          {mark} {}", option.label).unwrap();
        }
    }
    line
}
