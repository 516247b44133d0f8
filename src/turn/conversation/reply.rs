//! The reply behind an anchor, as the renderer shows it.

use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use super::{Anchor, Conversation, Marker};
use crate::agent::Rules;

/// How far from the right edge a row of text may end and still count as wrapped there.
const EDGE: usize = 12;

impl Conversation {
    /// Whether the agent has printed its marker behind the anchor, as the last thing of its reply.
    pub(in crate::turn) fn is_marked(&self, rules: &Rules, anchor: Anchor, marker: &Marker) -> bool {
        let reply: Vec<&str> = self.texts(rules, anchor).map(|(_, text)| text).collect();
        let said: Vec<&&str> = reply.iter().filter(|text| !text.trim().is_empty()).collect();
        match said[..] {
            [.., before, last] => marker.is(last) || marker.is(&format!("{}{}", before.trim(), last.trim())),
            [last] => marker.is(last),
            [] => false,
        }
    }

    /// The reply behind the anchor, as the renderer shows it: marker and decoration removed, wrapped lines whole.
    pub(in crate::turn) fn reply(&self, rules: &Rules, anchor: Anchor, marker: Option<&Marker>) -> String {
        let rows: Vec<(usize, &str)> = self.texts(rules, anchor).collect();
        let rows = marker.map_or(&rows[..], |marker| without_marker(&rows, marker));
        let width = rows
            .iter()
            .map(|(at, _)| self.rows()[*at].width())
            .max()
            .unwrap_or(0);
        let mut reply = String::new();
        let mut before: Option<(usize, &str)> = None;
        for &(at, text) in rows {
            let text = text.trim_end();
            let joint = match before {
                None => "",
                Some(before) => self.joint(before, at, width, text),
            };
            reply.push_str(joint);
            reply.push_str(if joint == "\n" || joint.is_empty() {
                text
            } else {
                text.trim_start()
            });
            before = Some((at, text));
        }
        trim(&reply).to_owned()
    }

    /// Whether anything of a reply is there.
    pub(in crate::turn) fn has_reply(&self, rules: &Rules, anchor: Anchor) -> bool {
        self.texts(rules, anchor).any(|(_, text)| !text.trim().is_empty())
    }

    /// The rows behind an anchor, or all.
    pub(in crate::turn) fn rows_behind(&self, anchor: Option<Anchor>) -> &[Arc<str>] {
        let row = anchor.map_or(0, |anchor| anchor.row);
        &self.rows()[row.min(self.rows().len())..]
    }

    /// The rows of the reply: their place, and their text without decoration.
    fn texts<'a>(&'a self, rules: &'a Rules, anchor: Anchor) -> impl Iterator<Item = (usize, &'a str)> {
        self.rows()
            .iter()
            .enumerate()
            .skip(anchor.row)
            .filter_map(|(at, row)| Some((at, rules.reply_row(row)?)))
    }

    /// What stood between two rows before they were wrapped: a line end, a blank, or nothing.
    fn joint(
        &self,
        (before, before_text): (usize, &str),
        at: usize,
        width: usize,
        text: &str,
    ) -> &'static str {
        let row = &self.rows()[before];
        if at != before + 1 || row.trim().is_empty() || text.trim().is_empty() {
            return "\n";
        }
        if self.continued()[before] {
            return "";
        }
        // A renderer wraps near the edge only; shorter rows end where the text does.
        if width + EDGE < self.cols || starts_anew(text) {
            return "\n";
        }
        let word = text.trim_start().split(' ').next().unwrap_or_default();
        if row.width() + 1 + word.width() <= width {
            return "\n";
        }
        // A row is broken at a blank, but for a word that fills it, and for scripts that need none.
        let is_wide = |c: char| !c.is_ascii();
        let needs_no_blank =
            row.width() >= width.saturating_sub(1) && row.ends_with(is_wide) && word.starts_with(is_wide);
        if before_text.trim().contains(' ') && !needs_no_blank {
            " "
        } else {
            ""
        }
    }
}

/// Rows that begin a new line whatever stands above them: list items, headings, tables, code fences.
fn starts_anew(text: &str) -> bool {
    let text = text.trim_start();
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    text.starts_with(['-', '*', '•', '#', '|', '>', '`'])
        || number.len() < text.len() && number.starts_with(['.', ')'])
}

fn without_marker<'a, 'b>(rows: &'b [(usize, &'a str)], marker: &Marker) -> &'b [(usize, &'a str)] {
    let Some(last) = rows.iter().rposition(|(_, text)| !text.trim().is_empty()) else {
        return rows;
    };
    if marker.is(rows[last].1) {
        return &rows[..last];
    }
    if last > 0 && marker.is(&format!("{}{}", rows[last - 1].1.trim(), rows[last].1.trim())) {
        return &rows[..last - 1];
    }
    rows
}

/// Without blank lines at both ends, and without blanks at the end.
fn trim(text: &str) -> &str {
    let text = text.trim_end();
    let start = text
        .char_indices()
        .scan(0, |line, (at, c)| {
            let begin = *line;
            if c == '\n' {
                *line = at + 1;
            }
            Some((begin, c))
        })
        .find(|(_, c)| !c.is_whitespace())
        .map_or(0, |(begin, _)| begin);
    &text[start..]
}
