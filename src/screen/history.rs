//! The texts of the rows that have left a screen: each is read once, for it never changes again.

use std::{collections::VecDeque, sync::Arc};

use alacritty_terminal::{
    grid::{Dimensions, Grid},
    index::Line,
    term::cell::Cell,
};

use super::{SCROLLBACK_LINES, cells};

/// How many rows can leave a screen in one feed and still be counted.
const COUNTED: usize = 20;
/// How many rows of history a grid may hold while it is fed.
pub(super) const ROOM: usize = SCROLLBACK_LINES + COUNTED;

/// A row as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: Arc<str>,
    /// Whether the terminal broke it off at its edge.
    pub(super) continued: bool,
}

/// How many rows the history has got since it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Growth {
    By(usize),
    /// It is another history, or has grown by more than can be counted.
    #[default]
    Unknown,
}

impl Growth {
    /// Counts the rows of a feed, given how many there were before it, and gives back those beyond [`SCROLLBACK_LINES`].
    pub(super) fn count(&mut self, before: usize, grid: &mut Grid<Cell>) {
        let now = grid.history_size();
        *self = match *self {
            Self::By(count) if (before..ROOM).contains(&now) => Self::By(count + now - before),
            _ => Self::Unknown,
        };
        if now > SCROLLBACK_LINES {
            grid.update_history(SCROLLBACK_LINES);
            grid.update_history(ROOM);
        }
    }
}

/// The texts of a history, oldest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<Text>);

impl History {
    /// Reads what is new.
    pub(super) fn read(&mut self, grid: &Grid<Cell>, growth: Growth) {
        let size = grid.history_size();
        let new = match growth {
            Growth::By(count) => count.min(size),
            Growth::Unknown => size,
        };
        self.0
            .drain(..(self.0.len() + new).saturating_sub(size).min(self.0.len()));
        let new = i32::try_from(new).unwrap_or(0);
        let lines = (-new..0).map(|line| &grid[Line(line)]);
        self.0.extend(lines.map(|row| Text {
            text: cells::text(row).into(),
            continued: cells::is_continued(row),
        }));
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Text> {
        self.0.iter()
    }
}
