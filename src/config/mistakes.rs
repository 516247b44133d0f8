//! What a configuration says that can be read, and will not do what its author expects.

use std::collections::BTreeSet;

use llmux_protocol::SessionName;

use super::{Config, text};

impl Config {
    /// The mistakes, one sentence each, with their places. `is_agent` says whether an agent of a key is known.
    pub(crate) fn mistakes(&self, is_agent: impl Fn(&str) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        self.server_mistakes(&mut found);
        self.agent_mistakes(&mut found);
        self.session_mistakes(&is_agent, &mut found);
        self.turnq_mistakes(&mut found);
        let contact = self.notifications.contact.as_deref();
        if let Some(contact) = contact.filter(|it| !it.starts_with("mailto:") && !it.starts_with("https:")) {
            found.push(self.at(
                &["notifications", "contact"],
                &format!("notifications.contact is {contact:?}; it must begin with `mailto:` or `https:`"),
            ));
        }
        found
    }

    /// Puts before a sentence where the value of some keys stands, `FILE:LINE:COLUMN: `.
    pub(crate) fn at(&self, keys: &[&str], said: &str) -> String {
        let is_of_overlay = keys == ["initPrompts"] && self.overlay.init_prompts.is_some()
            || keys.first() == Some(&"turnq") && self.overlay.turnq.is_some();
        let Some(source) = self.source.as_ref().filter(|_| !is_of_overlay) else {
            return said.to_owned();
        };
        match text::place(source, &self.text, keys) {
            Some((line, column)) => format!("{}:{line}:{column}: {said}", source.display()),
            None => format!("{}: {said}", source.display()),
        }
    }

    fn server_mistakes(&self, found: &mut Vec<String>) {
        if self.server.port == Some(0) {
            found.push(self.at(&["server", "port"], "server.port is 0; it must be 1 to 65535"));
        }
        for host in &self.server.allowed_hosts {
            if host.trim().is_empty() || host.contains('/') {
                let said = format!(
                    "server.allowedHosts has {host:?}, which no request can name; it must be a host's name, as `box.example`"
                );
                found.push(self.at(&["server", "allowedHosts"], &said));
            }
        }
    }

    fn agent_mistakes(&self, found: &mut Vec<String>) {
        for (key, agent) in &self.agents {
            if let Err(error) = key.parse::<SessionName>() {
                let said = format!("agents.{key}: an agent's key names its first session: {error}");
                found.push(self.at(&["agents", key], &said));
            }
            if agent.cmd.as_ref().is_some_and(|cmd| cmd.trim().is_empty()) {
                let said = format!("agents.{key}.cmd is empty; it must name a program");
                found.push(self.at(&["agents", key, "cmd"], &said));
            }
            let bad = bad_variables(&format!("agents.{key}.env"), agent.env.keys());
            found.extend(bad.iter().map(|said| self.at(&["agents", key, "env"], said)));
        }
    }

    fn session_mistakes(&self, is_agent: &impl Fn(&str) -> bool, found: &mut Vec<String>) {
        let mut names = BTreeSet::new();
        let first = found.len();
        for planned in &self.sessions {
            let name = &planned.name;
            if let Err(error) = name.parse::<SessionName>() {
                found.push(format!("sessions: {error}"));
            }
            if !names.insert(name) {
                found.push(format!("sessions: {name:?} is planned twice"));
            }
            if !is_agent(&planned.agent) {
                found.push(format!(
                    "sessions: {name:?} has the unknown agent {:?}; `llmux agent list --all` shows which there are",
                    planned.agent
                ));
            }
            found.extend(bad_variables(
                &format!("sessions: {name:?}: env"),
                planned.env.keys(),
            ));
        }
        for said in found.iter_mut().skip(first) {
            *said = self.at(&["sessions"], said);
        }
    }

    fn turnq_mistakes(&self, found: &mut Vec<String>) {
        if self.turnq.max_hold_ms == Some(0) {
            found.push(self.at(
                &["turnq", "maxHoldMs"],
                "turnq.maxHoldMs is 0: each turn would give its place away at once",
            ));
        }
        let authority = self.turnq.url.as_deref().and_then(|url| url.split_once("://"));
        let authority = authority.and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
        if authority.is_some_and(|authority| authority.contains('@')) {
            found.push(self.at(
                &["turnq", "url"],
                "turnq.url names a user; the key belongs into turnq.apiKey",
            ));
        }
    }
}

fn bad_variables<'a>(place: &str, names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let bad = names.filter(|name| name.is_empty() || name.contains(['=', '\0']));
    bad.map(|name| format!("{place} has {name:?}, which can't be a variable's name"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Config;

    fn config(text: &str) -> Config {
        Config::of(Path::new("c.yaml").to_owned(), text.to_owned()).unwrap()
    }

    #[test]
    fn each_mistake_is_named() {
        let config = config(
            "server: {port: 0, allowedHosts: ['https://box.example', ok.example]}\n\
             agents: {'a/b': {cmd: x}, empty: {cmd: ' '}}\n\
             sessions: [{name: a, agent: known}, {name: a, agent: known}, {name: 'b c', agent: known}, {name: d, agent: other}, {name: e, agent: known, env: {'': x}}]\n\
             notifications: {contact: me@example.org}\nturnq: {maxHoldMs: 0, url: 'http://u:p@h/'}\n",
        );
        let found = config.mistakes(|key| key == "known");
        let said = [
            "server.port",
            "allowedHosts",
            "agents.a/b",
            "agents.empty.cmd",
            "planned twice",
            "b c",
            "other",
            "variable",
            "maxHoldMs",
            "turnq.url",
            "contact",
        ];
        assert_eq!(found.len(), said.len(), "{found:#?}");
        for (mistake, words) in found.iter().zip(said) {
            assert!(mistake.contains(words), "{mistake}: {words}");
        }
        assert!(Config::default().mistakes(|_| false).is_empty());
    }

    #[test]
    fn a_mistake_is_said_with_its_place() {
        let text = "# mine\nserver:\n  port: 0\nturnq: {maxHoldMs: 0}\n";
        let mut config = config(text);
        assert_eq!(
            config.mistakes(|_| true),
            [
                "c.yaml:3:3: server.port is 0; it must be 1 to 65535",
                "c.yaml:4:9: turnq.maxHoldMs is 0: each turn would give its place away at once"
            ]
        );
        // What the Settings page has put over it does not stand there.
        config.overlay.turnq = Some(config.turnq.clone());
        assert!(config.mistakes(|_| true)[1].starts_with("turnq.maxHoldMs"));
    }
}
