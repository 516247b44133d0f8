//! What a line must hold to be worth parsing: looked for in its bytes, since JSON escapes quotes within text.

use memchr::memmem;

use super::Store;

/// Words behind a prefix, such as `"type":"` and `user"`.
#[derive(Clone, Copy)]
pub(super) struct Words {
    pub(super) prefix: &'static [u8],
    /// None stands for any.
    pub(super) words: &'static [&'static [u8]],
}

/// How the lines of a store look.
pub(super) struct Shape {
    /// A message of the user or the agent.
    pub(super) message: Words,
    /// A line that may give a turn.
    pub(super) turn: Words,
    /// What stands before the time of a line.
    pub(super) stamp: &'static [u8],
}

const TYPE: &[u8] = br#""type":""#;
const TIMESTAMP: &[u8] = br#""timestamp":""#;

impl Words {
    const fn types(words: &'static [&'static [u8]]) -> Self {
        Self { prefix: TYPE, words }
    }

    /// The most bytes that tell whether a word is there.
    pub(super) fn longest(&self) -> usize {
        self.words.iter().map(|word| word.len()).max().unwrap_or(0)
    }

    pub(super) fn at(&self, rest: &[u8]) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| rest.starts_with(word))
    }

    pub(super) fn are_in(&self, line: &[u8]) -> bool {
        memmem::find_iter(line, self.prefix).any(|at| self.at(&line[at + self.prefix.len()..]))
    }
}

impl Shape {
    pub(super) fn of(store: Store) -> Self {
        let (message, turn): (&[&[u8]], &[&[u8]]) = match store {
            Store::Claude => (
                &[b"user\"", b"assistant\""],
                &[b"user\"", b"assistant\"", b"system\""],
            ),
            Store::Codex => (&[], &[b"response_item\""]),
            Store::Gemini => (
                &[b"user\"", b"gemini\""],
                &[b"user\"", b"gemini\"", b"error\"", b"info\""],
            ),
            Store::Qwen => (
                &[b"user\"", b"assistant\"", b"gemini\""],
                &[
                    b"user\"",
                    b"assistant\"",
                    b"gemini\"",
                    b"tool_result\"",
                    b"error\"",
                ],
            ),
            Store::Agy => (&[b"USER_INPUT\"", b"PLANNER_RESPONSE\""], &[]),
            Store::Copilot => (
                &[b"user.message\"", b"assistant.message\""],
                &[
                    b"user.message\"",
                    b"assistant.message\"",
                    b"tool.execution_complete\"",
                ],
            ),
            _ => (&[b"user\"", b"assistant\""], &[b"user\"", b"assistant\""]),
        };
        let mut shape = Self {
            message: Words::types(message),
            turn: Words::types(turn),
            stamp: TIMESTAMP,
        };
        match store {
            Store::Codex => {
                shape.message = Words {
                    prefix: br#""role":""#,
                    words: &[b"user\"", b"assistant\""],
                }
            }
            Store::Demo => shape.stamp = br#""at_unix_ns":"#,
            Store::Agy => shape.stamp = br#""created_at":""#,
            Store::Grok => {
                shape.turn = Words {
                    prefix: br#""sessionUpdate":""#,
                    words: &[b"user_message_chunk\"", b"agent_message_chunk\"", b"tool_call"],
                }
            }
            _ => {}
        }
        shape
    }
}
