//! What each key does.

use std::time::Duration;

use tokio::time::Instant;

use super::{App, State};
use crate::demo::dialog::Answer;
use crate::demo::keys::Key;

impl App {
    pub(in crate::demo) fn keys(&mut self, keys: Vec<Key>) {
        for key in keys {
            self.key(key);
        }
    }

    fn key(&mut self, key: Key) {
        if !matches!(key, Key::Ctrl(c) if self.leaving == Some(c)) {
            self.leaving = None;
        }
        match &mut self.state {
            State::Trust(dialog) => match dialog.key(&key) {
                Answer::Yes => self.state = State::Ready,
                Answer::No => self.exit = Some(1),
                Answer::None => {}
            },
            State::Asking(_, dialog) => match dialog.key(&key) {
                Answer::Yes => self.resume_turn(),
                Answer::No => self.interrupt(),
                Answer::None => {}
            },
            State::Ready | State::Busy(_) => self.compose(key),
        }
    }

    fn compose(&mut self, key: Key) {
        let busy = matches!(self.state, State::Busy(_));
        match key {
            Key::Ctrl('c') | Key::Esc if busy => self.interrupt(),
            Key::Ctrl('c') if !self.composer.is_empty() => self.composer.clear(),
            Key::Ctrl('d') if !self.composer.is_empty() => {}
            Key::Ctrl(c @ ('c' | 'd')) => self.press_to_leave(c),
            Key::Ctrl('u') => self.composer.clear(),
            Key::Esc => self.normal_mode = self.args.vim,
            Key::Enter => self.enter(),
            Key::Text(text) if self.normal_mode => self.command(&text),
            _ if self.normal_mode => {}
            Key::Text(text) => self.type_text(&text),
            Key::Paste(text) => {
                self.composer.paste(text);
                self.pasted_at = Some(Instant::now());
            }
            Key::Newline => self.composer.type_text("\n"),
            Key::Backspace => self.composer.backspace(),
            Key::Tab | Key::Right => self.accept_ghost(),
            Key::Up | Key::Down | Key::Ctrl(_) => {}
        }
    }

    fn type_text(&mut self, text: &str) {
        self.composer.type_text(text);
        self.typed_at = Some(Instant::now());
    }

    /// Vim's normal mode knows one command; what follows it is text.
    fn command(&mut self, text: &str) {
        if let Some((_, inserted)) = text.split_once(['i', 'a']) {
            self.normal_mode = false;
            self.type_text(inserted);
        }
    }

    fn accept_ghost(&mut self) {
        if self.ghost && self.composer.is_empty() {
            let ghost = self.args.ghost.clone().unwrap_or_default();
            self.composer.type_text(&ghost);
        }
    }

    fn press_to_leave(&mut self, c: char) {
        if self.leaving == Some(c) {
            self.exit = Some(0);
        }
        self.leaving = Some(c);
    }

    fn enter(&mut self) {
        if self.enters_to_swallow > 0 {
            self.enters_to_swallow -= 1;
        } else if within(self.typed_at, self.args.burst) || within(self.pasted_at, self.args.paste_guard) {
            self.composer.type_text("\n");
        } else if let Some(prompt) = self.composer.take() {
            if let Some(ms) = self.args.give_back.take() {
                self.given_back = Some((Instant::now() + Duration::from_millis(ms), prompt));
                return;
            }
            match self.state {
                State::Busy(_) => self.queue.push_back(prompt),
                _ => self.submit(prompt),
            }
        }
    }
}

fn within(since: Option<Instant>, ms: u64) -> bool {
    since.is_some_and(|since| since.elapsed() < Duration::from_millis(ms))
}
