//! The prompts that each agent gets: what people, pipes and other agents send.

use crate::model::Way;

/// A prompt around a token.
pub struct Prompt {
    pub way: Way,
    text: fn(&str) -> String,
}

impl Prompt {
    const fn new(way: Way, text: fn(&str) -> String) -> Self {
        Self { way, text }
    }

    /// Its text, with this token.
    pub fn with(&self, token: &str) -> String {
        (self.text)(token)
    }
}

/// Eleven turns that end well, and among them those that do not, each followed by one that must not suffer from it.
pub const ALL: &[Prompt] = &[
    Prompt::new(Way::Plain, |token| format!("Please answer {token}.")),
    Prompt::new(Way::Plain, |token| {
        format!("Three lines, the second is blank, for {token}:\n\n    and the third is indented.")
    }),
    Prompt::new(Way::Refuse, |token| format!("The model refuses {token}.")),
    Prompt::new(Way::Plain, |token| {
        format!("统一码 и ñandú, a crab 🦀, e\u{301} and {token} とう。")
    }),
    Prompt::new(Way::Plain, |token| {
        let line = |n| format!("Line {n:02} of a prompt of four kibibytes, which is a long one: {n:05}\n");
        format!("{}It is {token}.", (0..61).map(line).collect::<String>())
    }),
    Prompt::new(Way::Mute, |token| {
        format!("Interrupted before the first word of {token}.")
    }),
    Prompt::new(Way::Plain, |token| {
        format!("-n --help is no option of {token} but its text.")
    }),
    Prompt::new(Way::Plain, |token| {
        format!(
            r#"Quote 'single' "double" $(touch {token}) `touch {token}` ${{HOME}} \n \\ %s #{{x}} ; & | > < * ~"#
        )
    }),
    Prompt::new(Way::Slow, |token| format!("Take your time for {token}.")),
    Prompt::new(Way::Hang, |token| {
        format!("Interrupted after the first words of {token}.")
    }),
    Prompt::new(Way::Tool, |token| format!("Make the file of {token}.")),
    Prompt::new(Way::Long, |token| format!("At length, please: {token}.")),
    // Terminals do not agree on how wide a joined emoji is.
    Prompt::new(Way::Joined, |token| format!("A family 👩‍👩‍👧 for {token}.")),
    Prompt::new(Way::Plain, |token| format!("And now in short {token}.")),
];
