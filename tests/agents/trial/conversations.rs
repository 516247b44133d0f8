//! Conversations: listed, gone on with, and begun anew. What the model is sent tells which one a prompt stands in.

use llmux_protocol::api::ConversationView;

use super::{NAME, Told, Trial, turns::told};

impl Trial<'_> {
    /// The conversation of the turns is in the list, under the first thing that was said in it.
    pub(super) fn history(&mut self) -> Told {
        let all = self.conversations()?;
        let first = if self.cli.titles { "A title" } else { "lab-0-plain" };
        let has = |one: &ConversationView| one.title.contains(first) || one.title.contains("lab-0-plain");
        if all
            .iter()
            .any(|one| has(one) && !one.id.is_empty() && one.message_count > 0)
        {
            return Ok(String::new());
        }
        Err(format!("no conversation with the title {first:?} in {all:?}"))
    }

    /// By its id in a new session, then as the newest one in the running session.
    pub(super) fn resume(&mut self) -> Told {
        let all = self.conversations()?;
        let newest = all.first().ok_or("there is no conversation")?;
        self.stop_one(NAME)?;
        let mut args = self.cli.start(NAME, &self.lab, &self.model);
        args.extend(["--resume-from", &newest.id].map(str::to_owned));
        let started = self.lab.llmux(args);
        if started.code != 0 {
            return Err(format!("by id: {started}\n{}", self.screen(NAME)));
        }
        let first = self.goes_on(None).map_err(|fault| format!("by id: {fault}"))?;
        let latest = ["session", "resume", NAME, "--latest"];
        self.done(latest)
            .map_err(|fault| format!("--latest: {fault}\n{}", self.screen(NAME)))?;
        self.goes_on(Some(&first))
            .map_err(|fault| format!("--latest: {fault}"))?;
        Ok(String::new())
    }

    /// What begins a new conversation does, in a session that goes on to work.
    pub(super) fn new_chat(&mut self) -> Told {
        self.done(["session", "new-chat", NAME])
            .map_err(|fault| format!("{fault}\n{}", self.screen(NAME)))?;
        if !self.recovers(NAME) {
            return Err(format!("not ready again: {}", self.screen(NAME)));
        }
        let token = self.plain()?;
        let served = self
            .model
            .served(&token)
            .ok_or("the model never saw the prompt")?;
        // Some begin by telling the model which files are there: those that tools made bear tokens, too.
        let is_said = |said: &&String| **said != token && !self.lab.path("work").join(said).exists();
        let old: Vec<&String> = served.tokens.iter().filter(is_said).collect();
        if old.is_empty() {
            return Ok(String::new());
        }
        Err(format!("the conversation is as it was: {old:?}"))
    }

    /// Takes a turn, and sees that the model is told what was said before, this prompt or any; its token.
    fn goes_on(&mut self, before: Option<&str>) -> Told {
        if !self.recovers(NAME) {
            return Err(format!("it was never ready: {}", self.screen(NAME)));
        }
        let token = self.plain()?;
        let served = self
            .model
            .served(&token)
            .ok_or("the model never saw the prompt")?;
        let goes_on = before.map_or(served.tokens.len() > 1, |before| served.tokens.contains(before));
        if goes_on {
            return Ok(token);
        }
        Err(format!(
            "{} is not in its conversation: {:?}",
            before.unwrap_or("another prompt"),
            served.tokens
        ))
    }

    /// A turn in short; its token.
    pub(super) fn plain(&mut self) -> Told {
        self.plain_in(NAME)
    }

    pub(super) fn plain_in(&mut self, name: &str) -> Told {
        let token = self.token("plain");
        let text = format!("And now {token}, please.");
        let run = self.prompt(name, &["--wait", "--json"], &text);
        let turn = self.parsed(&run)?;
        let reply = turn.reply.as_ref().map_or("", |reply| &reply.text);
        if run.code == 0 && reply.contains(&token) {
            return Ok(token);
        }
        Err(format!(
            "{} and exit {}: {reply:?}\n{}",
            told(&turn),
            run.code,
            self.screen(name)
        ))
    }

    fn conversations(&self) -> Result<Vec<ConversationView>, String> {
        let listed = self.done(["session", "history", NAME, "--json"])?;
        serde_json::from_str(&listed).map_err(|error| format!("{error} in {listed}"))
    }
}
