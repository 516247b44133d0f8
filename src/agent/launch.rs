//! What starts an agent: its command line, and where its program is.

use std::path::PathBuf;

use super::{
    Agent, Builtin, CommandLineError, ProgramSearch, split, transcript::chooses_conversation,
    trust::TrustFile,
};
use crate::config::Environment;

impl Agent {
    /// The words to execute: the command's, then those of `flags`, or of the agent's own flags if none are given.
    ///
    /// A leading `~/` of the program is the home directory; nothing else is expanded.
    pub fn argv(&self, flags: Option<&str>, env: &Environment) -> Result<Vec<String>, CommandLineError> {
        let mut argv = self.program(env)?;
        argv.extend(split(flags.unwrap_or(&self.flags))?);
        Ok(argv)
    }

    /// Puts words between the command and its flags: what the flags say has the last word, and may hold a `--`.
    pub fn insert(&self, words: Vec<String>, argv: &mut Vec<String>, env: &Environment) {
        let at = self.program(env).map_or(argv.len(), |program| program.len());
        argv.splice(at..at, words);
    }

    /// The flag that gives the conversation of a command line an id, unless the line chooses one itself.
    #[must_use]
    pub fn pin_flag(&self, argv: &[String]) -> Option<&str> {
        let flag = self.session_id_flag.as_deref()?;
        (!chooses_conversation(argv, flag)).then_some(flag)
    }

    /// The words that start it in a stored conversation; none if it can't be told to, or the data is no command line.
    #[must_use]
    pub fn resume_words(&self, id: &str) -> Option<Vec<String>> {
        let words = split(self.resume.as_deref()?).ok()?;
        Some(words.iter().map(|word| word.replace("{}", id)).collect())
    }

    fn program(&self, env: &Environment) -> Result<Vec<String>, CommandLineError> {
        match self.builtin {
            Some(Builtin::Demo) => Ok(vec![
                env.exe().to_string_lossy().into_owned(),
                "demo-agent".to_owned(),
            ]),
            Some(Builtin::Shell) => Ok(vec![env.text("SHELL").unwrap_or("/bin/sh").to_owned()]),
            None => {
                let mut words = split(&self.cmd)?;
                let program = words
                    .first_mut()
                    .filter(|word| !word.is_empty())
                    .ok_or(CommandLineError::Empty)?;
                if let Some(rest) = program.strip_prefix("~/") {
                    *program = env.home().join(rest).to_string_lossy().into_owned();
                }
                Ok(words)
            }
        }
    }

    /// Whether it can be started here.
    #[must_use]
    pub fn installed(&self, search: &ProgramSearch, env: &Environment) -> bool {
        if self.builtin == Some(Builtin::Demo) {
            return true;
        }
        let Ok(words) = self.program(env) else {
            return false;
        };
        search.find(&words[0]).is_some() || self.stand_in(&words, search).is_some()
    }

    /// The file to execute instead of the first of these words, if `PATH` lacks that program and its own installer has
    /// put it somewhere else.
    #[must_use]
    pub fn stand_in(&self, argv: &[String], search: &ProgramSearch) -> Option<PathBuf> {
        let program = argv.first().filter(|word| !word.contains('/'))?;
        let elsewhere = self.elsewhere.as_deref()?;
        if search.find(program).is_some() {
            return None;
        }
        search.find_elsewhere(elsewhere)
    }

    /// How it is told that it may trust a folder, if a command line starts it without its own guards.
    #[must_use]
    pub fn trusts(&self, argv: &[String]) -> Option<TrustFile> {
        let is_dangerous = self.danger_flags.iter().any(|flag| has_flag(argv, flag));
        self.trust_file.filter(|_| self.pre_spawn && is_dangerous)
    }
}

/// Whether a command line has a flag of one word, or of two, which `=` may join.
fn has_flag(argv: &[String], flag: &str) -> bool {
    let end = argv.iter().position(|word| word == "--").unwrap_or(argv.len());
    let words: Vec<&str> = flag.split_whitespace().collect();
    let joined = words.join("=");
    let argv = &argv[..end];
    !words.is_empty() && (argv.contains(&joined) || argv.windows(words.len()).any(|window| window == words))
}

/// The file name of a command's program.
pub(super) fn program_name(cmd: &str) -> Option<String> {
    let words = split(cmd).ok()?;
    words.first()?.rsplit('/').next().map(str::to_owned)
}
