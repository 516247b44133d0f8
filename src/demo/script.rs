//! What a prompt asks the demo agent to do: the answer, and how it comes.
//!
//! | directive | effect |
//! |---|---|
//! | `[[chunks=N]]` | the reply comes in N chunks |
//! | `[[delay=MS]]` | each chunk comes after MS milliseconds |
//! | `[[lines=N]]` | the reply has N numbered lines |
//! | `[[bytes=N]]` | the reply has N bytes |
//! | `[[ask]]` | an approval dialog opens in the middle |
//! | `[[hang]]` | nothing comes until Esc |
//! | `[[error]]` | the turn fails |
//! | `[[nomark]]` | the end marker is forgotten this once |
//! | `[[exit=N]]` | the agent exits with status N after the reply |

use std::fmt::Write as _;
use std::time::Duration;

use super::marker;

/// Longest echo of a prompt, in bytes.
const ECHO_MAX: usize = 400;

/// Largest reply that a directive may ask for, in bytes.
const REPLY_MAX: usize = 64 * 1024 * 1024;

/// A reply comes in at most so many chunks unless the prompt asks for more.
const CHUNKS_MAX: usize = 512;

const CHUNK_BYTES: usize = 24;

#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent directives")]
pub(super) struct Script {
    pub(super) reply: String,
    /// Bytes in a chunk, at least 1.
    pub(super) chunk: usize,
    pub(super) delay: Duration,
    pub(super) ask: bool,
    pub(super) hang: bool,
    pub(super) error: bool,
    pub(super) mark: bool,
    pub(super) exit: Option<u8>,
}

impl Script {
    /// Reads the directives of `prompt`; `chunk` and `delay_ms` are what holds without them.
    pub(super) fn read(prompt: &str, chunk: Option<usize>, delay_ms: u64) -> Self {
        let (text, directives) = split(prompt);
        let has = |name: &str| directives.iter().any(|&(key, _)| key == name);
        let number = |name: &str| {
            directives
                .iter()
                .find(|&&(key, _)| key == name)
                .and_then(|(_, value)| value.parse::<usize>().ok())
        };
        let reply = match (number("bytes"), number("lines")) {
            (Some(bytes), _) => filler(bytes.min(REPLY_MAX)),
            (None, Some(lines)) => numbered(lines.min(REPLY_MAX / 16)),
            (None, None) => echo(&text),
        };
        let chunk = match number("chunks") {
            Some(chunks) => reply.len().div_ceil(chunks.max(1)),
            None => chunk.unwrap_or(CHUNK_BYTES.max(reply.len() / CHUNKS_MAX)),
        };
        Self {
            chunk: chunk.max(1),
            delay: Duration::from_millis(number("delay").map_or(delay_ms, |ms| ms as u64)),
            ask: has("ask"),
            hang: has("hang"),
            error: has("error"),
            mark: !has("nomark"),
            exit: number("exit").map(|code| u8::try_from(code).unwrap_or(u8::MAX)),
            reply,
        }
    }
}

/// Separates the directives, as (name, value), from the text around them.
fn split(prompt: &str) -> (String, Vec<(&str, &str)>) {
    let mut text = String::new();
    let mut directives = Vec::new();
    let mut rest = prompt;
    while let Some((before, after)) = rest.split_once("[[") {
        let Some((inside, after)) = after.split_once("]]") else {
            break;
        };
        text.push_str(before);
        directives.push(inside.split_once('=').unwrap_or((inside, "")));
        rest = after;
    }
    text.push_str(rest);
    (text, directives)
}

/// The words of the prompt. The marker is no word: no model repeats its instructions.
fn echo(text: &str) -> String {
    let head = &text[..text.floor_char_boundary(ECHO_MAX)];
    let words = marker::strip(head)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let mut reply = format!("Echo: {words}");
    if head.len() < text.len() {
        let _ = write!(reply, "… ({} bytes)", text.len());
    }
    reply
}

fn numbered(lines: usize) -> String {
    (1..=lines)
        .map(|line| format!("Line {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Exactly `bytes` bytes of words in lines of 64.
fn filler(bytes: usize) -> String {
    const LINE: &str = "The demo agent has nothing to say and says it at some length...\n";
    let mut text = LINE.repeat(bytes / LINE.len() + 1);
    text.truncate(bytes);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(prompt: &str) -> Script {
        Script::read(prompt, None, 0)
    }

    #[test]
    fn a_plain_prompt_is_echoed() {
        assert_eq!(read("hello\n  world").reply, "Echo: hello world");
        assert_eq!(read("say it <<LLMUX_DONE_0badf00d>>").reply, "Echo: say it");
        assert!(read(&"é".repeat(1000)).reply.ends_with("… (2000 bytes)"));
    }

    #[test]
    fn directives_shape_the_reply() {
        let script = read("go [[lines=3]] [[chunks=2]][[delay=7]] [[ask]][[exit=300]]");
        assert_eq!(script.reply, "Line 1\nLine 2\nLine 3");
        assert_eq!((script.chunk, script.delay), (10, Duration::from_millis(7)));
        assert!(script.ask && !script.hang && script.mark);
        assert_eq!(script.exit, Some(255));
        assert_eq!(read("[[bytes=1000]]").reply.len(), 1000);
    }

    #[test]
    fn odd_directives_do_no_harm() {
        for odd in [
            "[[",
            "[[]]",
            "[[chunks=0]]x",
            "[[chunks=x]]",
            "]] [[ [[ask]]",
            "[[lines=0]]",
            "[[bytes=0]]",
        ] {
            assert!(read(odd).chunk >= 1, "{odd}");
        }
    }
}
