//! A recording of a terminal, judged as the oracle judges a running agent.

use std::time::Duration;

use bytes::Bytes;
use llmux_protocol::api::{ActivityState, DialogKind, Source};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    oracle::QUIET,
    picture::{Evidence, judge},
    report::{Reports, of_signal},
};
use crate::{
    agent::{Rules, Sight},
    pane::Life,
    screen::{Filter, Screen, Size},
};

/// What is known of a recording: the fields of its sidecar that are needed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Recording {
    /// Columns of the terminal.
    pub(crate) cols: u16,
    /// Rows of the terminal.
    pub(crate) rows: u16,
    /// When each chunk came, in seconds from the start, and the byte it begins with; both rise.
    pub(crate) chunks_time_offset: Vec<(f64, usize)>,
}

/// Another state than before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Change {
    /// Seconds from the start.
    pub(crate) t: f64,
    /// What the agent does from here on.
    pub(crate) state: ActivityState,
    /// What it asks, if it is blocked and that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<DialogKind>,
    /// Who says so, and what showed it.
    pub(crate) evidence: String,
}

/// Says why a recording can't be replayed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum BadRecording {
    /// A chunk begins before the one before it, or behind the end.
    #[error(
        "chunk {number} begins with byte {offset}: the recording has {size} bytes, and chunks follow each other"
    )]
    Offset {
        /// Its place, from 0.
        number: usize,
        /// Where it begins.
        offset: usize,
        /// How long the recording is.
        size: usize,
    },
    /// What comes before the first chunk would not be shown.
    #[error("no chunk begins with byte 0")]
    Beginning,
    /// A time is before the one before it, or no time.
    #[error("chunk {number} came after {time} s: times are finite and rise")]
    Time {
        /// Its place, from 0.
        number: usize,
        /// When it came.
        time: f64,
    },
}

/// Shows a recording to the rules and returns each change of state, the first state first.
///
/// # Errors
///
/// The sidecar does not fit the recording.
pub(crate) fn replay(rules: &Rules, recording: &Recording, raw: &[u8]) -> Result<Vec<Change>, BadRecording> {
    recording.check(raw.len())?;
    let mut player = Player {
        rules,
        screen: Screen::new(Size::new(recording.cols, recording.rows)),
        filter: Filter::new(),
        reports: Reports::default(),
        began: Instant::now(),
        changes: Vec::new(),
    };
    let chunks = &recording.chunks_time_offset;
    for (number, &(time, start)) in chunks.iter().enumerate() {
        let next = chunks.get(number + 1);
        let end = next.map_or(raw.len(), |chunk| chunk.1);
        player.feed(time, &raw[start..end]);
        player.judge(time, false);
        let silent = time + QUIET.as_secs_f64();
        if next.is_none_or(|chunk| chunk.0 >= silent) {
            player.judge(silent, true);
        }
    }
    Ok(player.changes)
}

impl Recording {
    fn check(&self, size: usize) -> Result<(), BadRecording> {
        let first = self.chunks_time_offset.first().map_or(size, |chunk| chunk.1);
        if first != 0 {
            return Err(BadRecording::Beginning);
        }
        let (mut last_time, mut last_offset) = (0.0, 0);
        for (number, &(time, offset)) in self.chunks_time_offset.iter().enumerate() {
            if !(last_offset..=size).contains(&offset) {
                return Err(BadRecording::Offset { number, offset, size });
            }
            if !(last_time..f64::from(u32::MAX)).contains(&time) {
                return Err(BadRecording::Time { number, time });
            }
            (last_time, last_offset) = (time, offset);
        }
        Ok(())
    }
}

struct Player<'a> {
    rules: &'a Rules,
    screen: Screen,
    filter: Filter,
    reports: Reports,
    began: Instant,
    changes: Vec<Change>,
}

impl Player<'_> {
    fn feed(&mut self, time: f64, chunk: &[u8]) {
        let mut signals = Vec::new();
        let shown = self.filter.push(Bytes::copy_from_slice(chunk), &mut signals);
        self.screen.feed(&shown);
        let at = self.began + Duration::from_secs_f64(time);
        for (source, news, detail) in signals.iter().filter_map(of_signal) {
            self.reports.add(at, source, news, detail);
        }
    }

    fn judge(&mut self, time: f64, is_quiet: bool) {
        let page = self.screen.page();
        let sight = Sight {
            rows: &page.rows[page.first_visible..],
            bright: &page.bright,
            title: self.screen.title(),
            cursor: Some(page.cursor),
        };
        let last = self.changes.last();
        let verdict = judge(&Evidence {
            life: &Life::Running,
            screen: self.rules.screen(&sight).as_ref(),
            title: self.rules.title(sight.title).as_ref(),
            reports: &self.reports,
            knows_ready: self.rules.knows_ready(),
            was_up: last.is_some_and(|last| last.state != ActivityState::Starting),
            is_quiet,
        });
        if last.is_some_and(|last| (last.state, last.kind) == (verdict.state, verdict.kind)) {
            return;
        }
        self.changes.push(Change {
            t: time,
            state: verdict.state,
            kind: verdict.kind,
            evidence: match verdict.source {
                Source::Screen | Source::Process | Source::Output => verdict.detail,
                source => format!("{}: {}", source.as_str(), verdict.detail),
            },
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::agent::{Catalog, Overrides};

    fn states(key: &str, chunks: &[(f64, &str)]) -> Vec<(f64, &'static str)> {
        let catalog = Catalog::new(Overrides::default(), &BTreeMap::new()).unwrap();
        let (mut raw, mut offsets) = (String::new(), Vec::new());
        for (time, text) in chunks {
            offsets.push((*time, raw.len()));
            raw.push_str(text);
        }
        let recording = Recording {
            cols: 40,
            rows: 10,
            chunks_time_offset: offsets,
        };
        let changes = replay(&catalog.find(key).unwrap().rules, &recording, raw.as_bytes()).unwrap();
        changes
            .iter()
            .map(|change| (change.t, change.state.as_str()))
            .collect()
    }

    const READY: &str = "\x1b[H────────────────\r\n❯ \r\n────────────────\r\n";

    #[test]
    fn each_change_of_state_comes_once_with_its_time() {
        let busy = format!(
            "\x1b[2J\x1b[5H{}",
            "· Working… (esc to interrupt)\r\n────────\r\n❯ \r\n────────\r\n"
        );
        let chunks = [
            (0.0, "hello\r\n"),
            (0.5, READY),
            (0.6, READY),
            (2.0, busy.as_str()),
        ];
        assert_eq!(
            states("demo", &chunks),
            [(0.0, "starting"), (0.5, "ready"), (2.0, "busy")]
        );
    }

    #[test]
    fn without_rules_silence_is_ready() {
        let chunks = [(0.0, "$ "), (3.0, "ls\r\n"), (3.5, "a b\r\n")];
        assert_eq!(
            states("shell", &chunks),
            [(0.0, "starting"), (1.0, "ready"), (3.0, "busy"), (4.5, "ready")]
        );
    }

    #[test]
    fn a_sidecar_that_does_not_fit_is_an_error() {
        let recording = |chunks: &[(f64, usize)]| Recording {
            cols: 0,
            rows: 0,
            chunks_time_offset: chunks.to_vec(),
        };
        let error = |chunks: &[(f64, usize)]| {
            let replayed = replay(&Rules::default(), &recording(chunks), b"abc");
            replayed.unwrap_err().to_string()
        };
        assert!(
            error(&[(0.0, 0), (1.0, 4)]).starts_with("chunk 1 begins with byte 4: the recording has 3 bytes")
        );
        assert!(error(&[(0.0, 0), (1.0, 2), (2.0, 1)]).starts_with("chunk 2 begins with byte 1"));
        assert!(error(&[(1.0, 0), (0.5, 1)]).starts_with("chunk 1 came after 0.5 s"));
        assert!(error(&[(f64::NAN, 0)]).starts_with("chunk 0 came after NaN s"));
        assert_eq!(error(&[(0.0, 1)]), "no chunk begins with byte 0");
        assert_eq!(error(&[]), "no chunk begins with byte 0");
        assert_eq!(replay(&Rules::default(), &recording(&[]), b""), Ok(Vec::new()));
    }
}
