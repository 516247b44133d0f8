//! The text of a prompt: words, a file, or what is piped in.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    path::{Path, PathBuf},
};

use clap::Args;

use crate::cli::{context::Context, failure::Failure};

/// The longest prompt, in bytes, as the daemon has it.
const MAX_PROMPT_BYTES: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Text {
    /// The prompt, words joined by one space; put `--` before text that may begin with a dash. `-`, or no text and piped input, reads standard input
    #[arg(value_name = "TEXT")]
    words: Vec<String>,
    /// Read the prompt from a file
    #[arg(long, value_name = "FILE", conflicts_with = "words")]
    file: Option<PathBuf>,
}

impl Text {
    pub(super) fn read(&self, context: &Context) -> Result<String, Failure> {
        if let Some(file) = &self.file {
            let path = context.env.resolve(file);
            let source = path.display().to_string();
            let file = open(&path).map_err(|e| unreadable(&source, &e))?;
            return text_of(file, &source);
        }
        let piped = || !io::stdin().is_terminal();
        match &self.words[..] {
            [dash] if dash == "-" => text_of(io::stdin().lock(), "standard input"),
            [] if piped() => text_of(io::stdin().lock(), "standard input"),
            [] => Err(Failure::usage("no prompt").hint("give it as words, with --file FILE, or pipe it in")),
            words => Ok(words.join(" ")),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Ok(file)
    }
}

/// Reads a prompt; the line end that ends a text file or a pipe's output is not part of it.
fn text_of(reader: impl Read, source: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let limit = MAX_PROMPT_BYTES + 2;
    reader
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(source, &e))?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let cut = e.utf8_error().error_len().is_none() && e.as_bytes().len() as u64 == limit;
        if cut {
            too_large(source)
        } else {
            Failure::failed(format!("{source} is not UTF-8 text")).hint("a prompt is text; save it as UTF-8")
        }
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    match text.len() as u64 {
        0 => Err(Failure::failed(format!("{source} is empty; nothing was sent"))
            .hint("give the prompt as words, with --file FILE, or pipe it in")),
        1..=MAX_PROMPT_BYTES => Ok(text),
        _ => Err(too_large(source)),
    }
}

fn unreadable(source: &str, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot read {source}: {error}")).hint("--file takes the name of a text file")
}

fn too_large(source: &str) -> Failure {
    Failure::failed(format!("{source} is longer than 1 MiB, the longest prompt"))
        .hint("put it into a file and tell the agent to read that")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<String, String> {
        text_of(text, "it").map_err(|failure| failure.message())
    }

    #[test]
    fn one_line_end_is_not_part_of_a_piped_prompt() {
        for (text, prompt) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a \nb", " a \nb"),
        ] {
            assert_eq!(read(text.as_bytes()), Ok(prompt.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn what_can_not_be_a_prompt_is_refused_before_it_is_sent() {
        assert_eq!(read(b""), Err("it is empty; nothing was sent".to_owned()));
        assert_eq!(read(b"\n"), Err("it is empty; nothing was sent".to_owned()));
        assert_eq!(read(b"\xff"), Err("it is not UTF-8 text".to_owned()));
        let limit = MAX_PROMPT_BYTES as usize;
        assert_eq!(read("x".repeat(limit).as_bytes()).unwrap().len(), limit);
        for over in [
            "x".repeat(limit + 1),
            "é".repeat(limit),
            format!("x{}", "é".repeat(limit)),
        ] {
            assert!(read(over.as_bytes()).unwrap_err().contains("longer than 1 MiB"));
        }
    }
}
