//! The conversation on a screen: the rows above the composer, whose prompt begins where, and the reply below it.

use std::cell::LazyCell;

use unicode_normalization::UnicodeNormalization;
use unicode_width::UnicodeWidthStr;

use super::{composer::Wanted, marker::Marker};
use crate::{agent::Rules, screen::Page};

/// The rows of the conversation that are kept, oldest first, without the blank ones at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conversation {
    rows: Vec<String>,
    /// For each row, whether the terminal broke it off and the next one continues it.
    continued: Vec<bool>,
    cols: usize,
}

/// Where a reply begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The first row behind the prompt's echo.
    row: usize,
    /// Whether the echo itself is on the screen. If not, everything that is kept is newer than it.
    visible: bool,
}

impl Anchor {
    /// Whether the reply is known from its first row on.
    pub(super) fn is_visible(self) -> bool {
        self.visible
    }
}

impl Conversation {
    /// Takes the rows of a page that stand above row `top` of the visible ones.
    pub(super) fn new(page: Page, top: Option<usize>, cols: usize) -> Self {
        let Page {
            mut rows,
            mut continued,
            mut first_visible,
            bright: _,
        } = page;
        // Who paints the whole screen anew leaves old frames in the history, composers and all.
        let is_left = |top: usize| {
            let edges: Vec<&String> = rows
                .iter()
                .skip(first_visible + top)
                .filter(|row| is_edge(row))
                .collect();
            rows[..first_visible].iter().any(|row| edges.contains(&row))
        };
        if top.is_some_and(is_left) {
            rows.drain(..first_visible);
            continued.drain(..first_visible);
            first_visible = 0;
        }
        let end = top.map_or(rows.len(), |top| (first_visible + top).min(rows.len()));
        let end = rows[..end]
            .iter()
            .rposition(|row| !row.trim().is_empty())
            .map_or(0, |last| last + 1);
        rows.truncate(end);
        continued.truncate(end);
        Self {
            rows,
            continued,
            cols,
        }
    }

    pub(super) fn rows(&self) -> &[String] {
        &self.rows
    }

    /// Finds the echo of a prompt: the last prompt on the screen, if it is this one.
    ///
    /// Where an agent begins replies as it does echoes, it is the first one behind the rows of `before`: what
    /// follows may quote it.
    pub(super) fn anchor(&self, rules: &Rules, wanted: &Wanted, before: &Self) -> Option<Anchor> {
        // Looked for only if it matters: this is asked at each look.
        let is_new = LazyCell::new(|| match self.end_of(rules, before) {
            Some(row) => row,
            None if before.rows.is_empty() => 0,
            None => self.rows.len(),
        });
        let mut ours = None;
        for (at, row) in self.rows.iter().enumerate().rev() {
            let Some(echo) = rules.echo(row) else { continue };
            if ours.is_some() && at < *is_new {
                break;
            }
            let is_ambiguous = rules.is_ambiguous(row);
            let echo = rest_of(wanted, echo).map(|rest| self.after_echo(at + 1, wanted, rest));
            // An old reply may be how this prompt begins.
            if let Some((row, rest)) = echo
                && (!is_ambiguous || at >= *is_new || rest.is_empty())
            {
                ours = Some(row);
            }
            if !is_ambiguous {
                break;
            }
        }
        ours.map(|row| Anchor { row, visible: true })
    }

    /// Where what is new begins, for prompts whose echo does not fit or can't be told: behind the rows of `before`, if
    /// they still stand here, and behind rows that only repeat the prompt. That it was `echoed` is known otherwise.
    pub(super) fn behind(
        &self,
        rules: &Rules,
        before: &Self,
        wanted: &Wanted,
        echoed: bool,
    ) -> Option<Anchor> {
        let stands = self.end_of(rules, before);
        if stands.is_none()
            && let Some(&row) = self.spelled(wanted).get(before.spelled(wanted).len())
        {
            return Some(Anchor { row, visible: true });
        }
        let row = stands.unwrap_or(0);
        let echo = self.echo_rows(row, wanted);
        // Where all else was pushed out, the screen begins with the middle of a long echo.
        let least = match stands {
            Some(_) => usize::from(!echoed),
            None if before.rows.is_empty() => 1,
            None => ROWS_OF_ECHO,
        };
        if echo >= least {
            return (row + echo < self.rows.len()).then_some(Anchor {
                row: row + echo,
                visible: true,
            });
        }
        // A long answer has pushed everything else out.
        (row == 0 && (echoed || self.rows.len() >= ROWS_OF_ANSWER)).then_some(Anchor {
            row: 0,
            visible: false,
        })
    }

    /// The row behind the last rows of `before`, if they still stand here.
    fn end_of(&self, rules: &Rules, before: &Self) -> Option<usize> {
        const TELLING: usize = 6;
        // What is neither prompt nor reply comes and goes.
        let told = |row: &str| !row.trim().is_empty() && rules.reply_row(row).is_some();
        let old: Vec<&String> = before.rows.iter().filter(|row| told(row)).collect();
        let old = &old[old.len().saturating_sub(TELLING)..];
        let new: Vec<(usize, &String)> = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| told(row))
            .collect();
        let stands = |window: &[(usize, &String)]| window.iter().map(|(_, row)| row).eq(old);
        let at = new.windows(old.len().max(1)).rposition(stands)?;
        let mut row = new[at + old.len() - 1].0 + 1;
        while self
            .rows
            .get(row)
            .is_some_and(|row| !told(row) && rules.echo(row).is_none())
        {
            row += 1;
        }
        Some(row)
    }

    /// Whether a prompt was echoed since `before`, even one that equals the last there.
    pub(super) fn has_new_echo(&self, rules: &Rules, before: &Self) -> bool {
        let echoes = |rows: &[String]| -> Vec<String> {
            let texts = rows.iter().filter_map(|row| rules.echo(row));
            texts.map(str::to_owned).collect()
        };
        let (now, then) = (echoes(&self.rows), echoes(&before.rows));
        // At another width the same prompts are other rows.
        now.len() > then.len() || self.cols == before.cols && now != then
    }

    /// What stands behind an anchor, to be compared.
    pub(super) fn tail(&self, anchor: Anchor) -> String {
        self.rows_behind(Some(anchor)).join("\n")
    }

    /// How many rows from `at` on only repeat a prompt.
    fn echo_rows(&self, at: usize, wanted: &Wanted) -> usize {
        let is_echo = |row: &&String| wanted.key().contains(&wanted.squeeze(without_lead(row)));
        let rows = self.rows.get(at..).unwrap_or_default();
        rows.iter().take_while(is_echo).count()
    }

    /// The rows behind each place whose rows spell the whole prompt.
    fn spelled(&self, wanted: &Wanted) -> Vec<usize> {
        let behind = |at: usize| {
            let (row, rest) = self.after_echo(at, wanted, wanted.key());
            let is_whole = rest.is_empty() && row > at && !self.rows[at].trim().is_empty();
            is_whole.then_some(row)
        };
        (0..self.rows.len()).filter_map(behind).collect()
    }

    /// The first row from `at` on that is not the prompt's `rest`, and what is left of that.
    fn after_echo<'a>(&self, mut at: usize, wanted: &Wanted, mut rest: &'a str) -> (usize, &'a str) {
        while let Some(row) = self.rows.get(at).filter(|_| !rest.is_empty()) {
            let rows = [row.as_str(), without_lead(row)];
            let left = rows
                .iter()
                .find_map(|row| rest.strip_prefix(wanted.squeeze(row).as_str()));
            match left {
                Some(left) => rest = left,
                None => break,
            }
            at += 1;
        }
        (at, rest)
    }

    /// Whether the agent has printed its marker behind the anchor, as the last thing of its reply.
    pub(super) fn is_marked(&self, rules: &Rules, anchor: Anchor, marker: &Marker) -> bool {
        let reply: Vec<&str> = self.texts(rules, anchor).map(|(_, text)| text).collect();
        let said: Vec<&&str> = reply.iter().filter(|text| !text.trim().is_empty()).collect();
        match said[..] {
            [.., before, last] => marker.is(last) || marker.is(&format!("{}{}", before.trim(), last.trim())),
            [last] => marker.is(last),
            [] => false,
        }
    }

    /// The reply behind the anchor, as the renderer shows it: marker and decoration removed, wrapped lines whole.
    pub(super) fn reply(&self, rules: &Rules, anchor: Anchor, marker: Option<&Marker>) -> String {
        let rows: Vec<(usize, &str)> = self.texts(rules, anchor).collect();
        let rows = marker.map_or(&rows[..], |marker| without_marker(&rows, marker));
        let width = rows
            .iter()
            .map(|(at, _)| self.rows[*at].width())
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
    pub(super) fn has_reply(&self, rules: &Rules, anchor: Anchor) -> bool {
        self.texts(rules, anchor).any(|(_, text)| !text.trim().is_empty())
    }

    /// The rows behind an anchor, or all.
    pub(super) fn rows_behind(&self, anchor: Option<Anchor>) -> &[String] {
        let row = anchor.map_or(0, |anchor| anchor.row);
        &self.rows[row.min(self.rows.len())..]
    }

    /// The rows of the reply: their place, and their text without decoration.
    fn texts<'a>(&'a self, rules: &'a Rules, anchor: Anchor) -> impl Iterator<Item = (usize, &'a str)> {
        self.rows
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
        let row = &self.rows[before];
        if at != before + 1 || row.trim().is_empty() || text.trim().is_empty() {
            return "\n";
        }
        if self.continued[before] {
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

/// What follows of a prompt behind the first row of its echo, if it is its echo.
fn rest_of<'a>(wanted: &'a Wanted, echo: &str) -> Option<&'a str> {
    let (key, echo) = (wanted.key(), wanted.squeeze(echo));
    // A row of the prompt may end with what elsewhere says that more follows.
    let cut = echo.strip_suffix('…').filter(|_| !key.starts_with(&echo));
    let shown = cut.unwrap_or(&echo);
    let is_ours = !shown.is_empty() && key.starts_with(shown) || is_stand_in(&echo);
    is_ours.then(|| key.strip_prefix(shown).unwrap_or_default())
}

/// A row of an echo without what agents draw before it.
fn without_lead(row: &str) -> &str {
    row.trim_start_matches(['❯', '›', '>', '│', '┃', ' '])
}

/// How many rows of a prompt must stand at the top to be known for it.
const ROWS_OF_ECHO: usize = 3;
/// How many rows an answer must have to be known by that alone.
const ROWS_OF_ANSWER: usize = 20;
/// How far from the right edge a row of text may end and still count as wrapped there.
const EDGE: usize = 12;

/// Whether a row is the edge of a box, or a rule.
fn is_edge(row: &str) -> bool {
    let row = row.trim();
    row.chars().count() >= 8 && row.chars().all(|c| ('\u{2500}'..='\u{259f}').contains(&c))
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

/// A text without blanks, line ends and what has no width, to compare what renderers wrap and indent. Letters are
/// composed of their marks, as some agents do.
pub(super) fn squeeze(text: &str) -> String {
    text.nfc()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{a0}'))
        .collect()
}

/// Whether a squeezed echo only stands for a paste that the agent does not show.
fn is_stand_in(echo: &str) -> bool {
    echo.starts_with("[Past") && echo.contains(']')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::agent::{Catalog, Overrides};

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
        let rows: Vec<String> = text.lines().map(str::to_owned).collect();
        let page = Page {
            continued: vec![false; rows.len()],
            rows,
            ..Page::default()
        };
        Conversation::new(page, None, 40)
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
        let wide = "❯ x\n\n● one two three four five six seven eigh\n  nine ten eleven\n\n  - item\n  short\n  next\n";
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
        let rows: Vec<String> = frame.repeat(2).lines().map(str::to_owned).collect();
        let page = Page {
            continued: vec![false; rows.len()],
            rows,
            first_visible: 5,
            ..Page::default()
        };
        assert_eq!(Conversation::new(page, Some(2), 40).rows, ["❯ x", "● A"]);
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
            let page = Page { continued: vec![false; rows.len()], first_visible: rows.len() / 2, rows, ..Page::default() };
            let (conversation, rules) = (Conversation::new(page, Some(top), 12), rules());
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
}
