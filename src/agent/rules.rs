//! What an agent's screen and title say about its state.

use std::sync::Arc;

use llmux_protocol::api::{ActivityState, DialogKind};
use serde::Deserialize;

use super::{
    composer::Composer,
    rule::{Found, Pattern, Rule, Text},
};

/// What is seen of an agent's terminal.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The visible rows, top to bottom.
    pub rows: &'a [Arc<str>],
    /// The same without what is dim.
    pub bright: &'a [Arc<str>],
    /// The title.
    pub title: &'a str,
    /// The row in which the cursor stands, if that is known.
    pub cursor: Option<usize>,
}

/// All that a screen tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The state, if it is recognised.
    pub state: Option<Seen>,
    /// The composer, if it can be seen.
    pub composer: Option<Composer>,
    /// Whether the composer takes keys for commands, so that text must not be typed yet.
    pub is_normal_mode: bool,
}

/// A state that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The state.
    pub state: ActivityState,
    /// What the agent asks, if it is blocked and that is known.
    pub kind: Option<DialogKind>,
    /// What showed it.
    pub detail: String,
}

/// How an agent's terminal is read; what each rule is for is said in `assets/agents.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Rules {
    login: Option<Rule>,
    trust: Option<Rule>,
    approval: Option<Rule>,
    question: Option<Rule>,
    pub(super) busy: Option<Rule>,
    ready: Option<Rule>,
    title_blocked: Option<Pattern>,
    title_busy: Option<Pattern>,
    title_ready: Option<Pattern>,
    pub(super) composer: Option<Rule>,
    pub(super) composer_has_cursor: Option<bool>,
    pub(super) placeholder: Option<Pattern>,
    pub(super) hint: Option<Pattern>,
    pub(super) suggestion: Option<Rule>,
    pub(super) normal: Option<Rule>,
    pub(super) echo: Option<Pattern>,
    pub(super) bullet: Option<Pattern>,
    pub(super) stamp: Option<Pattern>,
    pub(super) cut: Option<Pattern>,
    pub(super) chrome: Option<Pattern>,
    pub(super) error: Option<Pattern>,
    pub(super) interrupted: Option<Pattern>,
    pub(super) cleared: Option<Pattern>,
}

impl Rules {
    /// Whether a ready screen can be told at all.
    #[must_use]
    pub fn knows_ready(&self) -> bool {
        self.ready_rule().is_some()
    }

    /// Rules that only know a ready screen.
    pub(super) fn of_ready(ready: Option<Rule>) -> Self {
        Self {
            ready,
            ..Self::default()
        }
    }

    /// Takes over each rule that `other` has.
    pub(super) fn overlay(&mut self, other: Self) {
        macro_rules! overlay {
            ($($field:ident)*) => {$(
                if other.$field.is_some() {
                    self.$field = other.$field;
                }
            )*};
        }
        overlay!(login trust approval question busy ready title_blocked title_busy title_ready);
        overlay!(composer composer_has_cursor placeholder hint suggestion normal echo bullet stamp cut chrome error interrupted cleared);
    }

    /// Reads all that a screen tells at once.
    #[must_use]
    pub fn read(&self, sight: &Sight<'_>) -> Read {
        let text = Text::new(sight.rows);
        let composer = self.composer.as_ref().and_then(|rule| rule.find(&text));
        Read {
            state: self.state(&text, composer.as_ref()),
            is_normal_mode: self
                .normal
                .as_ref()
                .is_some_and(|rule| rule.find(&text).is_some()),
            composer: composer.and_then(|found| self.composer_at(found, &text, sight)),
        }
    }

    /// What the screen shows. A question comes before busy, and busy before ready: both can be seen at once.
    #[must_use]
    pub fn screen(&self, sight: &Sight<'_>) -> Option<Seen> {
        let text = Text::new(sight.rows);
        let composer = self.composer.as_ref().and_then(|rule| rule.find(&text));
        self.state(&text, composer.as_ref())
    }

    fn state(&self, text: &Text, composer: Option<&Found>) -> Option<Seen> {
        let find = |rule: &Option<Rule>| rule.as_ref().and_then(|rule| rule.find(text));
        // Dialogs take the composer's place: beside one, their words are conversation.
        if composer.is_none() {
            for (rule, kind) in [
                (&self.login, DialogKind::Login),
                (&self.trust, DialogKind::Trust),
                (&self.approval, DialogKind::Approval),
                (&self.question, DialogKind::Question),
            ] {
                if let Some(found) = find(rule) {
                    return Some(seen(ActivityState::Blocked, Some(kind), &found));
                }
            }
        }
        if let Some(found) = find(&self.busy) {
            return Some(seen(ActivityState::Busy, None, &found));
        }
        match &self.ready {
            Some(_) => find(&self.ready).map(|found| seen(ActivityState::Ready, None, &found)),
            None => composer.map(|found| seen(ActivityState::Ready, None, found)),
        }
    }

    fn ready_rule(&self) -> Option<&Rule> {
        self.ready.as_ref().or(self.composer.as_ref())
    }

    /// What the title says, if the agent tells its state there.
    #[must_use]
    pub fn title(&self, title: &str) -> Option<Seen> {
        [
            (&self.title_blocked, ActivityState::Blocked),
            (&self.title_busy, ActivityState::Busy),
            (&self.title_ready, ActivityState::Ready),
        ]
        .into_iter()
        .find(|(pattern, _)| pattern.as_ref().is_some_and(|pattern| pattern.is_match(title)))
        .map(|(_, state)| Seen {
            state,
            kind: None,
            detail: title.to_owned(),
        })
    }

    #[cfg(test)]
    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        let rules = [
            &self.login,
            &self.trust,
            &self.approval,
            &self.question,
            &self.busy,
            &self.ready,
            &self.composer,
            &self.suggestion,
            &self.normal,
        ];
        let patterns = [
            &self.title_blocked,
            &self.title_busy,
            &self.title_ready,
            &self.placeholder,
            &self.hint,
            &self.echo,
            &self.bullet,
            &self.stamp,
            &self.cut,
            &self.chrome,
            &self.error,
            &self.interrupted,
            &self.cleared,
        ];
        let of_rules = rules.into_iter().flatten().flat_map(Rule::patterns);
        of_rules.chain(patterns.into_iter().flatten())
    }
}

fn seen(state: ActivityState, kind: Option<DialogKind>, found: &Found) -> Seen {
    Seen {
        state,
        kind,
        detail: found
            .evidence
            .trim_matches(|c: char| c.is_whitespace() || matches!(c, '│' | '┃'))
            .to_owned(),
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
