//! One answer on its way: which piece comes next, and when.

use tokio::time::Instant;

use super::script::Script;
use super::wrap::Flow;

#[derive(Debug)]
pub(super) struct Turn {
    pub(super) prompt: String,
    pub(super) script: Script,
    /// The reply on its way to rows.
    pub(super) flow: Flow,
    /// The first row of the reply has been shown, with its bullet.
    pub(super) begun: bool,
    pub(super) first_ns: Option<u64>,
    position: usize,
    asked: bool,
    due: Instant,
}

/// What happens next in a turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Chunk(String),
    Ask,
    Fail,
    End,
}

impl Turn {
    pub(super) fn new(prompt: String, script: Script, width: usize) -> Self {
        let due = Instant::now() + script.delay;
        Self {
            prompt,
            script,
            flow: Flow::new(width),
            begun: false,
            first_ns: None,
            position: 0,
            asked: false,
            due,
        }
    }

    /// When the next step is due; never while the turn hangs.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.script.hang).then_some(self.due)
    }

    pub(super) fn step(&mut self) -> Step {
        if self.script.hang || self.due > Instant::now() {
            return Step::Wait;
        }
        if self.script.error {
            return Step::Fail;
        }
        let left = &self.script.reply[self.position..];
        if self.script.ask && !self.asked && (self.position > 0 || left.len() <= self.script.chunk) {
            self.asked = true;
            return Step::Ask;
        }
        if left.is_empty() {
            return Step::End;
        }
        // At least one character, however small the chunk.
        let end = left
            .floor_char_boundary(self.script.chunk)
            .max(left.ceil_char_boundary(1));
        let chunk = left[..end].to_owned();
        self.position += end;
        self.due = Instant::now()
            + if end == left.len() {
                std::time::Duration::ZERO
            } else {
                self.script.delay
            };
        Step::Chunk(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(prompt: &str, chunk: usize) -> Vec<Step> {
        let mut turn = Turn::new(prompt.to_owned(), Script::read(prompt, Some(chunk), 0), 80);
        let mut steps = Vec::new();
        while steps
            .last()
            .is_none_or(|step| !matches!(step, Step::End | Step::Fail | Step::Wait))
        {
            steps.push(turn.step());
        }
        steps
    }

    #[test]
    fn the_chunks_make_the_reply() {
        let chunk = |text: &str| Step::Chunk(text.to_owned());
        assert_eq!(steps("é", 6), [chunk("Echo: "), chunk("é"), Step::End]);
        assert_eq!(steps("é", 7), [chunk("Echo: "), chunk("é"), Step::End]);
        assert_eq!(steps("é", 1).len(), 8);
    }

    #[test]
    fn a_question_comes_after_the_first_chunk() {
        assert_eq!(steps("[[ask]] ab", 4)[1], Step::Ask);
        assert_eq!(steps("[[ask]] ab", 100)[0], Step::Ask);
        assert_eq!(steps("[[error]]", 100), [Step::Fail]);
        assert_eq!(steps("[[hang]]", 100), [Step::Wait]);
    }
}
