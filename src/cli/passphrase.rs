//! Where a passphrase comes from: a file, the environment, a terminal that does not show it; the command line as a last resort.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use clap::{
    Args,
    builder::{StringValueParser, TypedValueParser},
};
use llmux_protocol::api::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use super::{
    context::Context,
    failure::{Failure, tell},
};

/// The longest passphrase file that makes sense, in bytes.
const MAX_FILE: u64 = 4096;

#[derive(Debug, Args)]
pub(crate) struct From {
    /// Read the passphrase from a file's first line; `-` is standard input
    #[arg(long, value_name = "PATH")]
    passphrase_file: Option<PathBuf>,
    /// The passphrase; other users of this host can see it while the command runs
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "passphrase_file",
        value_parser = StringValueParser::new().map(Secret::new)
    )]
    passphrase: Option<Secret>,
}

impl From {
    /// The passphrase: the flag's, else `LLMUX_PASSPHRASE`, else typed at the terminal, twice if it is new.
    pub(crate) fn read(&self, context: &Context, new: bool) -> Result<Secret, Failure> {
        if let Some(path) = &self.passphrase_file {
            return from_file(&context.env.resolve(path), path == Path::new("-"));
        }
        if let Some(text) = &self.passphrase {
            tell(
                "warning: other users of this host can see a passphrase on a command line; use --passphrase-file",
            );
            return Ok(text.clone());
        }
        if let Some(text) = context.env.text("LLMUX_PASSPHRASE") {
            return Ok(Secret::new(text));
        }
        if !io::stdin().is_terminal() {
            return Err(
                Failure::failed("no passphrase was given, and standard input is no terminal").hint(
                    "set LLMUX_PASSPHRASE, or name a file: --passphrase-file PATH (- is standard input)",
                ),
            );
        }
        let typed = ask("Passphrase: ")?;
        if new && ask("Again: ")? != typed {
            return Err(Failure::failed("passphrases did not match"));
        }
        Ok(typed)
    }
}

fn from_file(path: &Path, stdin: bool) -> Result<Secret, Failure> {
    let fail =
        |e: io::Error| Failure::failed(format!("cannot read the passphrase from {}: {e}", path.display()));
    let mut text = String::new();
    if stdin {
        io::stdin()
            .take(MAX_FILE)
            .read_to_string(&mut text)
            .map_err(fail)?;
    } else {
        let file = File::open(path).map_err(fail)?;
        file.take(MAX_FILE).read_to_string(&mut text).map_err(fail)?;
    }
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// Asks at the terminal, which shows nothing of the answer.
fn ask(prompt: &str) -> Result<Secret, Failure> {
    let fail = |e: io::Error| Failure::failed(format!("cannot use the terminal: {e}"));
    let quiet = Quiet::begin().map_err(fail)?;
    let _ = write!(io::stderr(), "{prompt}");
    let line = line(io::stdin().lock().bytes());
    drop(quiet);
    let _ = writeln!(io::stderr());
    line.map_err(fail)?
        .map(Secret::new)
        .ok_or_else(|| Failure::failed("passphrase entry cancelled"))
}

/// A terminal that shows nothing and gives each key at once; as it was when this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        // Without signals too: Ctrl-C would leave a terminal that shows nothing.
        quiet.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Reads a line of keys; none if it was cancelled (Ctrl-C, or Ctrl-D at its beginning).
fn line(keys: impl Iterator<Item = io::Result<u8>>) -> io::Result<Option<String>> {
    let mut typed = Vec::new();
    for key in keys {
        match key? {
            b'\r' | b'\n' => return Ok(Some(String::from_utf8_lossy(&typed).into_owned())),
            0x03 => return Ok(None),
            0x04 if typed.is_empty() => return Ok(None),
            // One character back: its first byte and those that continue it.
            0x7f | 0x08 => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            byte if byte < 0x20 => {}
            byte => typed.push(byte),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        line(keys.iter().map(|key| Ok(*key))).unwrap()
    }

    #[test]
    fn keys_mean_what_they_mean_at_a_prompt() {
        for (keys, text) in [
            (&b"abc\r"[..], Some("abc")),
            (b"abc\nrest", Some("abc")),
            (b"ab\x7fc\n", Some("ac")),
            ("é\u{7f}x\n".as_bytes(), Some("x")),
            (b"\x7f\x08x\n", Some("x")),
            (b"a\x1b[Ab\n", Some("a[Ab")),
            (b"a\x04b\n", Some("ab")),
            (b"abc\x03", None),
            (b"\x04", None),
            (b"abc", None),
        ] {
            assert_eq!(typed(keys).as_deref(), text, "{keys:?}");
        }
    }

    #[test]
    fn a_files_first_line_is_the_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "correct horse\nnot this\n").unwrap();
        assert_eq!(from_file(&path, false).unwrap().expose(), "correct horse");
        assert!(from_file(&dir.path().join("gone"), false).is_err());
    }
}
