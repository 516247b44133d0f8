//! A question with a list of answers, which takes all keys while it is open.

use super::keys::Key;

#[derive(Debug)]
pub(super) struct Dialog {
    pub(super) question: &'static str,
    pub(super) tool: Option<&'static str>,
    options: [&'static str; 2],
    numbered: bool,
    selected: usize,
}

/// What came of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    Yes,
    No,
}

impl Dialog {
    /// A tool wants to run. The default is yes.
    pub(super) fn approval() -> Self {
        Self {
            question: "Do you want to proceed?",
            tool: Some("touch demo-file"),
            options: ["Yes", "No"],
            numbered: true,
            selected: 0,
        }
    }

    /// Before the first prompt in a folder. The default is hostile to a blind Enter, as in real agents.
    pub(super) fn trust() -> Self {
        Self {
            question: "Do you trust the files in this folder?",
            tool: None,
            options: ["No, exit", "Yes, I trust this folder"],
            numbered: false,
            selected: 0,
        }
    }

    pub(super) fn key(&mut self, key: &Key) -> Answer {
        match key {
            Key::Up => self.selected = 0,
            Key::Down => self.selected = 1,
            Key::Enter => return self.answer(self.selected),
            Key::Esc | Key::Ctrl('c') => return Answer::No,
            Key::Text(text) if self.numbered && text.starts_with('1') => return self.answer(0),
            Key::Text(text) if self.numbered && text.starts_with('2') => return self.answer(1),
            _ => {}
        }
        Answer::None
    }

    fn answer(&self, option: usize) -> Answer {
        if self.options[option].starts_with("Yes") {
            Answer::Yes
        } else {
            Answer::No
        }
    }

    /// The answers as rows, the selected one pointed at.
    pub(super) fn rows(&self) -> impl Iterator<Item = String> {
        self.options.iter().enumerate().map(|(index, option)| {
            let pointer = if index == self.selected { '❯' } else { ' ' };
            let number = if self.numbered {
                format!("{}. ", index + 1)
            } else {
                String::new()
            };
            format!(" {pointer} {number}{option}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blind_enter_does_not_give_trust() {
        assert_eq!(Dialog::trust().key(&Key::Enter), Answer::No);
        let mut dialog = Dialog::trust();
        assert_eq!(dialog.key(&Key::Down), Answer::None);
        assert_eq!(dialog.key(&Key::Enter), Answer::Yes);
    }

    #[test]
    fn digits_answer_an_approval() {
        assert_eq!(Dialog::approval().key(&Key::Text("1".to_owned())), Answer::Yes);
        assert_eq!(Dialog::approval().key(&Key::Text("2".to_owned())), Answer::No);
        assert_eq!(Dialog::approval().key(&Key::Esc), Answer::No);
        assert_eq!(Dialog::approval().key(&Key::Paste("1".to_owned())), Answer::None);
        assert_eq!(
            Dialog::approval().rows().collect::<Vec<_>>(),
            [" ❯ 1. Yes", "   2. No"]
        );
    }
}
