//! What the wrapper tells the daemon through the pane's own output.

use std::{fmt::Write as _, sync::OnceLock};

/// Longest reason sent in a `failed` message, in bytes.
const REASON_MAX: usize = 200;

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Exited(i32),
    Signaled(i32),
}

impl End {
    /// The shell's convention: a death by signal S is 128 + S.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Exited(code) => u8::try_from(code & 0xff).unwrap_or(u8::MAX),
            Self::Signaled(signal) => u8::try_from(128 + (signal & 0x7f)).unwrap_or(u8::MAX),
        }
    }
}

pub(super) fn started(pid: i32) -> String {
    osc(&format!("started;pid={pid}"))
}

pub(super) fn failed(code: u8, reason: &str) -> String {
    osc(&format!("failed;code={code};{}", plain(reason)))
}

pub(super) fn ended(end: End) -> String {
    let mut text = format!("exit;code={}", end.code());
    if let End::Signaled(signal) = end {
        let _ = write!(text, ";signal={signal}");
    }
    osc(&text)
}

/// What tells this wrapper's messages from text that only looks like one: any file that is printed may hold such.
/// Given once, on the command line, before anything is said.
static KEY: OnceLock<String> = OnceLock::new();

/// Signs all messages of this process from now on.
pub(super) fn sign_with(key: &str) {
    // There is one command line, so it is set once.
    let _ = KEY.set(key.to_owned());
}

/// The key that all messages of this process are signed with.
pub(super) fn key() -> Option<&'static str> {
    KEY.get().map(String::as_str)
}

/// A private OSC: tmux passes it on to its control clients and shows nothing.
fn osc(text: &str) -> String {
    let key = key().map(|key| format!(";key={key}")).unwrap_or_default();
    format!("\x1b]7777;llmux;{text}{key}\x07")
}

/// Keeps only what cannot end the OSC or split its fields.
fn plain(reason: &str) -> String {
    let safe = |c: char| match c {
        ';' => ',',
        ' '..='~' => c,
        _ => '?',
    };
    reason.chars().take(REASON_MAX).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_death_carries_both_numbers() {
        assert_eq!(
            ended(End::Signaled(9)),
            "\x1b]7777;llmux;exit;code=137;signal=9\x07"
        );
        assert_eq!(ended(End::Exited(7)), "\x1b]7777;llmux;exit;code=7\x07");
    }

    #[test]
    fn a_reason_cannot_break_out_of_its_message() {
        assert_eq!(
            failed(127, "a;b\x07\x1b]é\n"),
            "\x1b]7777;llmux;failed;code=127;a,b??]??\x07"
        );
    }
}
