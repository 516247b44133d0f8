//! Where a reply begins: behind the echo of its prompt, or behind what stood there before.

use std::{cell::LazyCell, sync::Arc};

use super::{Anchor, Conversation, Wanted};
use crate::agent::Rules;

/// How many rows of a prompt must stand at the top to be known for it.
const ROWS_OF_ECHO: usize = 3;
/// How many rows a prompt may fill to be known where it was typed.
const ROWS_OF_PROMPT: usize = 50;
/// How many rows an answer must have to be known by that alone.
const ROWS_OF_ANSWER: usize = 20;

/// Where the rows from before a turn stand now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Above this row.
    At(usize),
    /// Nowhere.
    Gone,
    /// The last of them stand at the end, but below other rows than before: an answer that ends as the one before did, or
    /// old rows painted anew.
    Repeated,
}

impl Conversation {
    /// Finds the echo of a prompt: the last prompt on the screen, if it is this one.
    ///
    /// Where an agent begins replies as it does echoes, it is the first one behind the rows of `before`: what
    /// follows may quote it.
    pub(in crate::turn) fn anchor(&self, rules: &Rules, wanted: &Wanted, before: &Self) -> Option<Anchor> {
        // Looked for only if it matters: this is asked at each look.
        let is_new = LazyCell::new(|| match self.end_of(rules, before) {
            Stand::At(row) => row,
            Stand::Gone if before.rows().is_empty() => 0,
            Stand::Gone | Stand::Repeated => self.rows().len(),
        });
        let mut ours = None;
        for (at, row) in self.rows().iter().enumerate().rev() {
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
        ours.map(|row| Anchor {
            row,
            visible: !self.rows()[row..].iter().any(|row| rules.is_cut(row)),
        })
    }

    /// Where what is new begins, for prompts whose echo does not fit or can't be told: behind the rows of `before`, if
    /// they still stand here, and behind rows that only repeat the prompt. That it was `echoed` is known otherwise.
    pub(in crate::turn) fn behind(
        &self,
        rules: &Rules,
        before: &Self,
        wanted: &Wanted,
        echoed: bool,
    ) -> Option<Anchor> {
        let stands = self.end_of(rules, before);
        // Where nobody knows what an echo looks like, all that was printed since Enter is the reply.
        if let Stand::At(row) = stands
            && !rules.knows_echo()
            && before.ends_with(wanted)
        {
            return (row < self.rows().len()).then_some(Anchor { row, visible: false });
        }
        if !matches!(stands, Stand::At(_))
            && let Some(&row) = self.spelled(wanted).get(before.spelled(wanted).len())
        {
            return Some(Anchor { row, visible: true });
        }
        let row = match stands {
            Stand::At(row) => row,
            Stand::Gone | Stand::Repeated => 0,
        };
        let echo = self.echo_rows(row, wanted);
        // Where all else was pushed out, the screen begins with the middle of a long echo.
        let least = match stands {
            Stand::At(_) => usize::from(!echoed),
            Stand::Gone if before.rows().is_empty() => 1,
            Stand::Gone | Stand::Repeated => ROWS_OF_ECHO,
        };
        if echo >= least {
            return (row + echo < self.rows().len()).then_some(Anchor {
                row: row + echo,
                visible: true,
            });
        }
        if stands == Stand::Repeated || row != 0 {
            return None;
        }
        if echoed {
            Some(Anchor {
                row: 0,
                visible: false,
            })
        } else {
            self.whole()
        }
    }

    /// All that is there, as a reply whose beginning was pushed out.
    pub(in crate::turn) fn whole(&self) -> Option<Anchor> {
        (self.rows().len() >= ROWS_OF_ANSWER).then_some(Anchor {
            row: 0,
            visible: false,
        })
    }

    /// Where the last rows of `before` stand here.
    fn end_of(&self, rules: &Rules, before: &Self) -> Stand {
        const TELLING: usize = 6;
        // What is neither prompt nor reply comes and goes.
        let told = |row: &str| !row.trim().is_empty() && rules.reply_row(row).is_some();
        let all: Vec<&Arc<str>> = before.rows().iter().filter(|row| told(row)).collect();
        let old = &all[all.len().saturating_sub(TELLING)..];
        let new: Vec<(usize, &Arc<str>)> = self
            .rows()
            .iter()
            .enumerate()
            .filter(|(_, row)| told(row))
            .collect();
        let stands = |window: &[(usize, &Arc<str>)]| window.iter().map(|(_, row)| row).eq(old);
        let Some(at) = new.windows(old.len().max(1)).rposition(stands) else {
            return Stand::Gone;
        };
        let end = at + old.len();
        let is_all = || {
            new[..end]
                .iter()
                .rev()
                .zip(all.iter().rev())
                .all(|((_, new), old)| new == old)
        };
        if end == new.len() && !is_all() {
            return Stand::Repeated;
        }
        let mut row = new[end - 1].0 + 1;
        while self
            .rows()
            .get(row)
            .is_some_and(|row| !told(row) && rules.echo(row).is_none())
        {
            row += 1;
        }
        Stand::At(row)
    }

    /// Whether a prompt was echoed since `before`, even one that equals the last there.
    pub(in crate::turn) fn has_new_echo(&self, rules: &Rules, before: &Self) -> bool {
        let echoes = |rows: &[Arc<str>]| -> Vec<String> {
            let texts = rows.iter().filter_map(|row| rules.echo(row));
            texts.map(str::to_owned).collect()
        };
        let (now, then) = (echoes(self.rows()), echoes(before.rows()));
        // At another width the same prompts are other rows.
        now.len() > then.len() || self.cols == before.cols && now != then
    }

    /// What stands behind an anchor, to be compared.
    pub(in crate::turn) fn tail(&self, anchor: Anchor) -> String {
        self.rows_behind(Some(anchor)).join("\n")
    }

    /// Whether the last thing is the prompt, as it was typed.
    fn ends_with(&self, wanted: &Wanted) -> bool {
        let last = &self.rows()[self.rows().len().saturating_sub(ROWS_OF_PROMPT)..];
        wanted.squeeze(&last.concat()).ends_with(wanted.key())
    }

    /// How many rows from `at` on only repeat a prompt.
    fn echo_rows(&self, at: usize, wanted: &Wanted) -> usize {
        let is_echo = |row: &&Arc<str>| wanted.key().contains(&wanted.squeeze(without_lead(row)));
        let rows = self.rows().get(at..).unwrap_or_default();
        rows.iter().take_while(is_echo).count()
    }

    /// The rows behind each place whose rows spell the whole prompt.
    fn spelled(&self, wanted: &Wanted) -> Vec<usize> {
        let behind = |at: usize| {
            let (row, rest) = self.after_echo(at, wanted, wanted.key());
            let is_whole = rest.is_empty() && row > at && !self.rows()[at].trim().is_empty();
            is_whole.then_some(row)
        };
        (0..self.rows().len()).filter_map(behind).collect()
    }

    /// The first row from `at` on that is not the prompt's `rest`, and what is left of that.
    fn after_echo<'a>(&self, mut at: usize, wanted: &Wanted, mut rest: &'a str) -> (usize, &'a str) {
        while let Some(row) = self.rows().get(at).filter(|_| !rest.is_empty()) {
            let rows = [&**row, without_lead(row)];
            let left = rows
                .iter()
                .find_map(|row| rest.strip_prefix(wanted.squeeze(row).as_str()));
            match left {
                Some(left) => rest = left,
                None if is_cut(row, wanted, rest) => rest = "",
                None => break,
            }
            at += 1;
        }
        (at, rest)
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

/// Whether a row shows how the prompt's `rest` begins, and that it is cut there.
fn is_cut(row: &str, wanted: &Wanted, rest: &str) -> bool {
    let row = row
        .trim_end_matches(|c: char| c.is_whitespace() || c == '█')
        .strip_suffix('…');
    let shown = row.map(|row| wanted.squeeze(without_lead(row)));
    shown.is_some_and(|shown| !shown.is_empty() && rest.starts_with(&shown))
}

/// A row of an echo without what agents draw before it.
fn without_lead(row: &str) -> &str {
    row.trim_start_matches(['❯', '›', '>', '│', '┃', ' '])
}

/// Whether a squeezed echo only stands for a paste that the agent does not show.
fn is_stand_in(echo: &str) -> bool {
    echo.starts_with("[Past") && echo.contains(']')
}
