//! A conversation read from its end, and on from there.

use std::{collections::VecDeque, io, ops::ControlFlow, path::Path};

use super::{
    Part, Store, Turn, lines,
    source::{Mark, Source},
};

/// How much of a file's end is read at first; four times as much if that holds too few turns.
const WINDOW: u64 = 1 << 20;
/// How much text is kept at most, in bytes.
const MAX_KEPT: usize = 64 << 20;
/// How much is read in one step, in bytes.
const STEP: u64 = 8 << 20;

/// Reads on in one conversation. It holds no file open.
#[derive(Debug, Clone)]
pub struct Follow {
    source: Source,
    mark: Mark,
}

/// What is new.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// In their order; one with an id seen before replaces that one.
    pub turns: Vec<Turn>,
    /// The file was cut or replaced: what was told before is void.
    pub reset: bool,
    /// There is more at once; about 8 MiB are read in one step.
    pub more: bool,
}

impl Follow {
    /// Reads the last turns, and begins behind them.
    pub(super) fn begin(source: Source, last: usize) -> io::Result<(Vec<Turn>, Self)> {
        let size = match &source {
            Source::Lines(_, path) => lines::regular(path)?.len(),
            _ => 0,
        };
        let mut window = WINDOW;
        loop {
            let mut mark = Mark::default();
            mark.lines.offset = size.saturating_sub(window);
            // Its first line may have begun before; a line that begins just here is lost to a bigger window.
            mark.lines.passing = mark.lines.offset > 0;
            let is_whole = mark.lines.offset == 0;
            let mut kept = Kept::new(last, &source);
            source.each(&mut mark, u64::MAX, &|_| true, &mut |turn| {
                kept.push(turn);
                ControlFlow::Continue(())
            })?;
            if is_whole || kept.turns.len() >= last {
                return Ok((kept.turns.into(), Self { source, mark }));
            }
            window = window.saturating_mul(4);
        }
    }

    /// Reads what was added since; nothing if nothing was. It costs what was added, not what the file holds, except where the
    /// agent writes the whole conversation anew each time.
    ///
    /// # Errors
    ///
    /// Fails if the conversation can't be read, or is gone; the next call tries again.
    pub fn read_on(&mut self) -> io::Result<Step> {
        let mut step = Step::default();
        if self.source.is_replaced(&self.mark)? {
            step.reset = true;
            self.mark = Mark::default();
        }
        let mut kept = Kept::new(usize::MAX, &self.source);
        step.more = self.source.each(&mut self.mark, STEP, &|_| true, &mut |turn| {
            kept.push(turn);
            ControlFlow::Continue(())
        })?;
        step.turns = kept.turns.into();
        Ok(step)
    }

    /// The file that is read, or the database: what to watch for changes.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.source.path()
    }
}

/// The last turns, of bounded weight.
struct Kept {
    last: usize,
    joins: bool,
    turns: VecDeque<Turn>,
    weight: usize,
}

impl Kept {
    fn new(last: usize, source: &Source) -> Self {
        Self {
            last,
            joins: matches!(source, Source::Lines(Store::Grok, _)),
            turns: VecDeque::new(),
            weight: 0,
        }
    }

    fn push(&mut self, turn: Turn) {
        self.weight += turn.weight();
        if self.joins && self.join(&turn) {
            return;
        }
        // Gemini writes a message again when it knows more of it; never far behind the first.
        let mut recent = self.turns.iter_mut().rev().take(8);
        if let Some(older) = recent.find(|older| older.id == turn.id) {
            self.weight -= older.weight();
            *older = turn;
        } else {
            self.turns.push_back(turn);
        }
        while self.turns.len() > self.last || (self.weight > MAX_KEPT && self.turns.len() > 1) {
            let dropped = self.turns.pop_front();
            self.weight -= dropped.map_or(0, |turn| turn.weight().min(self.weight));
        }
    }

    /// Puts a chunk of a message behind the one before.
    fn join(&mut self, turn: &Turn) -> bool {
        let Some(before) = self.turns.back_mut().filter(|before| before.role == turn.role) else {
            return false;
        };
        let (Some(Part::Text { text }), [Part::Text { text: more }]) =
            (before.parts.last_mut(), turn.parts.as_slice())
        else {
            return false;
        };
        text.push_str(more);
        true
    }
}
