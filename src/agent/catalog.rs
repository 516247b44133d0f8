//! The catalog: the built-in table with the operator's changes over it.

use std::{collections::BTreeMap, sync::Arc};

use llmux_protocol::api::AgentView;
use serde::Deserialize;

use super::{
    BadRule, Overrides, Rules,
    data::{self, Row, SubmitRow},
    history::Store,
    hooks::Hooks,
    launch::program_name,
    transcript::Format,
    trust::TrustFile,
};
use crate::{config::AgentConfig, nearest::near};

/// How long at most to wait for the echo of a paste before Enter, where the catalog does not say.
const DEFAULT_SETTLE_MS: u64 = 150;

/// The end marker that an agent is asked for, where the catalog does not say.
const DEFAULT_MARKER: &str = "<<LLMUX_DONE_{}>>";

/// What empties a composer, where the catalog does not say: C-u.
const DEFAULT_CLEAR_KEYS: &[u8] = &[0x15];

/// What takes a dialog back, where the catalog does not say: Escape.
const DEFAULT_CANCEL_KEYS: &[u8] = &[0x1b];

/// The agents that can be started, in the order they are shown.
#[derive(Debug, Clone)]
pub struct Catalog {
    agents: Vec<Arc<Agent>>,
    warnings: Vec<String>,
}

/// One agent CLI.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its key, unique in the catalog.
    pub key: String,
    /// Its name for people.
    pub display_name: String,
    /// The program, with words before the flags if need be; for a builtin, its name.
    pub cmd: String,
    /// Where its program is if not on `PATH`, below the user's data directory; `*` as the name is the newest version.
    pub elsewhere: Option<String>,
    /// The flags it is started with unless a session replaces them.
    pub flags: String,
    /// The flags, each of one word or two, that start it without its own guards.
    pub danger_flags: Vec<String>,
    /// How it remembers which folders it may trust, if that is known.
    pub trust_file: Option<TrustFile>,
    /// Whether its files may be changed before it starts.
    pub pre_spawn: bool,
    /// How it is made to tell what happens in it, if it can be for one session alone.
    pub hooks: Option<Hooks>,
    /// Whether that is done in sessions that do not say it.
    pub wants_hooks: bool,
    /// Environment set for it, below what a session sets.
    pub env: BTreeMap<String, String>,
    /// How its terminal is read.
    pub rules: Rules,
    /// How a prompt is handed in.
    pub submit: Submit,
    /// The key presses that end it politely, as bytes; empty if unknown.
    pub exit_keys: Vec<Vec<u8>>,
    /// The key presses that interrupt a turn; empty if unknown.
    pub interrupt_keys: Vec<Vec<u8>>,
    /// The key presses that empty the composer.
    pub clear_keys: Vec<Vec<u8>>,
    /// The key presses that take a dialog back.
    pub cancel_keys: Vec<Vec<u8>>,
    /// The key presses that leave the composer's normal mode; empty if it has none.
    pub insert_keys: Vec<Vec<u8>>,
    /// The end marker it is asked for, in a form that its renderer leaves alone; `{}` is the marker's own part.
    pub marker: String,
    /// How it writes its own transcript, if that is known.
    pub transcript: Option<Format>,
    /// Where it keeps its conversations, if that is known.
    pub history: Option<Store>,
    /// The words that start it in a stored conversation, `{}` being its id.
    pub resume: Option<String>,
    /// Whether it does not show what was said when it resumes a conversation.
    pub resumes_silently: bool,
    /// What begins a new conversation, typed as a prompt.
    pub new_chat: Option<String>,
    /// The flag that gives a new conversation its id.
    pub session_id_flag: Option<String>,
    /// Models to choose from.
    pub models: Vec<String>,
    /// The version of the real program that the rules were tried on; none if only its documentation was to be had.
    pub proven_with: Option<String>,
    /// How to install it.
    pub install_hint: String,
    /// Where it is documented.
    pub docs_url: String,
    /// Whether it is part of llmux instead of a program found on `PATH`.
    pub builtin: Option<Builtin>,
}

/// An agent that needs no installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    /// `llmux demo-agent`.
    Demo,
    /// `$SHELL`, else `/bin/sh`.
    Shell,
}

/// How a prompt is handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submit {
    /// How long at most to wait for the echo of the paste before Enter, in milliseconds.
    pub settle_ms: u64,
    /// How long the pane must be silent between the echo and Enter, in milliseconds, for agents that take an Enter
    /// right behind a paste for a line end.
    pub gap_ms: u64,
    /// What Enter is.
    pub enter: String,
}

impl Default for Submit {
    fn default() -> Self {
        Self {
            settle_ms: DEFAULT_SETTLE_MS,
            gap_ms: 0,
            enter: "\r".to_owned(),
        }
    }
}

/// Says what is wrong with the catalog's data or the operator's changes to it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The built-in table is no TOML of the expected shape.
    #[error("the built-in agent catalog is broken")]
    Data(#[from] toml::de::Error),
    /// The operator's ready pattern is no regular expression.
    #[error("agents.{key}.readyPrompt")]
    Rule {
        /// The agent.
        key: String,
        /// What is wrong.
        source: BadRule,
    },
}

impl Catalog {
    /// Builds the catalog: the built-in rows, the operator's files over them, and over both the configuration.
    ///
    /// A row for an unknown agent makes a new one if it names a `cmd`, else a warning.
    ///
    /// # Errors
    ///
    /// The built-in table is broken, or a `readyPrompt` of the configuration is no regular expression.
    pub fn new(files: Overrides, config: &BTreeMap<String, AgentConfig>) -> Result<Self, CatalogError> {
        let mut catalog = Self {
            agents: Vec::new(),
            warnings: files.warnings,
        };
        for row in data::rows()?.into_iter().chain(files.rows) {
            catalog.apply(row);
        }
        for (key, change) in config {
            let row = Row::of_config(key, change).map_err(|source| CatalogError::Rule {
                key: key.clone(),
                source,
            })?;
            catalog.apply(row);
        }
        Ok(catalog)
    }

    fn apply(&mut self, row: Row) {
        if let Some(agent) = self.agents.iter_mut().find(|agent| agent.key == row.key) {
            return Arc::make_mut(agent).apply(row);
        }
        if row.cmd.is_none() && row.builtin.is_none() {
            let key = &row.key;
            let near = self
                .near(key)
                .first()
                .map_or(String::new(), |near| format!("; did you mean `agents.{near}`?"));
            self.warnings.push(format!(
                "agents.{key} is no known agent and names no cmd; it is left out{near}"
            ));
            return;
        }
        let mut agent = Agent::custom(&row.key);
        agent.apply(row);
        self.agents.push(Arc::new(agent));
    }

    /// All agents, installed or not.
    pub fn all(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter().map(Arc::as_ref)
    }

    /// The agent of a key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Arc<Agent>> {
        self.agents.iter().find(|agent| agent.key == key)
    }

    /// The keys near one that does not exist, at most three.
    #[must_use]
    pub fn near(&self, key: &str) -> Vec<&str> {
        near(key, self.agents.iter().map(|agent| agent.key.as_str()))
    }

    /// What the operator's changes said that had no effect.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Agent {
    fn custom(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            display_name: key.to_owned(),
            cmd: String::new(),
            elsewhere: None,
            flags: String::new(),
            danger_flags: Vec::new(),
            trust_file: None,
            pre_spawn: true,
            hooks: None,
            wants_hooks: true,
            env: BTreeMap::new(),
            rules: Rules::default(),
            submit: Submit::default(),
            exit_keys: Vec::new(),
            interrupt_keys: Vec::new(),
            clear_keys: vec![DEFAULT_CLEAR_KEYS.to_vec()],
            cancel_keys: vec![DEFAULT_CANCEL_KEYS.to_vec()],
            insert_keys: Vec::new(),
            marker: DEFAULT_MARKER.to_owned(),
            transcript: None,
            history: None,
            resume: None,
            resumes_silently: false,
            new_chat: None,
            session_id_flag: None,
            models: Vec::new(),
            proven_with: None,
            install_hint: format!("put the program of agents.{key}.cmd on PATH"),
            docs_url: String::new(),
            builtin: None,
        }
    }

    /// Takes over what a row says.
    fn apply(&mut self, row: Row) {
        if let Some(cmd) = row.cmd {
            if self.builtin.is_some() || program_name(&cmd) != program_name(&self.cmd) {
                // Another program may refuse the flags, is somewhere else, and was not tried.
                self.session_id_flag = None;
                self.hooks = None;
                self.proven_with = None;
                self.elsewhere = None;
            }
            self.cmd = cmd;
            self.builtin = None;
        }
        if let Some(builtin) = row.builtin {
            builtin.name().clone_into(&mut self.cmd);
            self.builtin = Some(builtin);
        }
        set(&mut self.display_name, row.display_name);
        self.elsewhere = row.elsewhere.or(self.elsewhere.take());
        set(&mut self.flags, row.flags);
        if !row.danger_flags.is_empty() {
            self.danger_flags = row.danger_flags;
        }
        self.trust_file = row.trust_file.or(self.trust_file);
        set(&mut self.pre_spawn, row.pre_spawn);
        self.hooks = row.hooks.or(self.hooks.take());
        set(&mut self.wants_hooks, row.wants_hooks);
        self.env.extend(row.env);
        self.rules.overlay(row.rules);
        self.submit.overlay(row.submit);
        set(&mut self.exit_keys, row.exit_keys.map(|keys| keys.0));
        set(&mut self.interrupt_keys, row.interrupt_keys.map(|keys| keys.0));
        set(&mut self.clear_keys, row.clear_keys.map(|keys| keys.0));
        set(&mut self.cancel_keys, row.cancel_keys.map(|keys| keys.0));
        set(&mut self.insert_keys, row.insert_keys.map(|keys| keys.0));
        set(&mut self.marker, row.marker);
        self.transcript = row.transcript.or(self.transcript);
        self.history = row.history.or(self.history);
        self.resume = row.resume.or(self.resume.take());
        set(&mut self.resumes_silently, row.resumes_silently);
        self.new_chat = row.new_chat.or(self.new_chat.take());
        self.session_id_flag = row.session_id_flag.or(self.session_id_flag.take());
        set(&mut self.models, row.models);
        self.proven_with = row.proven_with.or(self.proven_with.take());
        set(&mut self.install_hint, row.install_hint);
        set(&mut self.docs_url, row.docs_url);
    }

    /// The agent as the API shows it.
    #[must_use]
    pub fn view(&self, installed: bool) -> AgentView {
        AgentView {
            key: self.key.clone(),
            display_name: self.display_name.clone(),
            cmd: self.cmd.clone(),
            flags: self.flags.clone(),
            env_defaults: self.env.clone(),
            hooks: self
                .hooks
                .as_ref()
                .map(Hooks::events)
                .unwrap_or_default()
                .to_vec(),
            installed,
            builtin: self.builtin.is_some(),
            has_history: self.history.is_some(),
            resume: self.resume.clone(),
            session_id_flag: self.session_id_flag.clone(),
            new_chat_command: self.new_chat.clone(),
            models: self.models.clone(),
            proven_with: self.proven_with.clone(),
            install_hint: self.install_hint.clone(),
            docs_url: self.docs_url.clone(),
        }
    }
}

impl Builtin {
    /// What is shown for its command.
    fn name(self) -> &'static str {
        match self {
            Self::Demo => "llmux demo-agent",
            Self::Shell => "$SHELL",
        }
    }
}

impl Submit {
    fn overlay(&mut self, row: SubmitRow) {
        set(&mut self.settle_ms, row.settle_ms);
        set(&mut self.gap_ms, row.gap_ms);
        set(&mut self.enter, row.enter);
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
