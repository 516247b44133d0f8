//! Who may do what, as data: what a role allows, and what a token's scopes leave of it.

use llmux_protocol::api::{Action, Role, TokenScope};

/// What each role may do, whatever the session. A token's scopes can only take away from it.
pub(crate) const MATRIX: [(Role, &[Action]); 4] = [
    (Role::Owner, &Action::ALL),
    (Role::Admin, &Action::ALL),
    (
        Role::User,
        &[
            Action::Watch,
            Action::Type,
            Action::Prompt,
            Action::Answer,
            Action::Manage,
        ],
    ),
    (Role::Legacy, &[Action::Watch]),
];

pub(super) fn role_may(role: Role, action: Action) -> bool {
    MATRIX
        .iter()
        .any(|(known, actions)| *known == role && actions.contains(&action))
}

/// Where something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where<'a> {
    /// On this session.
    On(&'a str),
    /// On every session, or on none in particular.
    Everywhere,
    /// On some session; on which is asked later.
    Somewhere,
}

/// Whether scopes allow an action.
pub(super) fn scopes_allow(scopes: &[TokenScope], action: Action, place: Where<'_>) -> bool {
    scopes
        .iter()
        .filter(|scope| scope.actions.contains(&action))
        .any(|scope| match place {
            Where::On(session) => matches(&scope.sessions, session),
            Where::Everywhere => scope.sessions == "*",
            Where::Somewhere => true,
        })
}

/// Whether a name matches a pattern in which `*` is any text and `?` any character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and up to where the name was given to it.
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, given)) => {
                    star = Some((at, given + 1));
                    (p, n) = (at + 1, given + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope(sessions: &str, actions: &[Action]) -> TokenScope {
        TokenScope {
            sessions: sessions.to_owned(),
            actions: actions.to_vec(),
        }
    }

    #[test]
    fn only_who_has_the_daemon_may_administrate_it() {
        for (role, actions) in MATRIX {
            let admin = actions.contains(&Action::Admin);
            assert_eq!(admin, matches!(role, Role::Owner | Role::Admin), "{role:?}");
            assert!(role_may(role, Action::Watch));
        }
        assert!(!role_may(Role::Legacy, Action::Prompt));
    }

    #[test]
    fn a_pattern_is_anchored_on_both_sides() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("*", "anything", true),
            ("dev-*", "dev-1", true),
            ("dev-*", "a-dev-1", false),
            ("dev", "dev-1", false),
            ("*-ro", "a-ro", true),
            ("*-ro", "a-ro-b", false),
            ("a*b*c", "a--b--c", true),
            ("a*b*c", "abcb", false),
            ("?", "é", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "a", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn scopes_only_allow_what_they_name_where_they_name_it() {
        let scopes = [
            scope("dev-*", &[Action::Watch, Action::Prompt]),
            scope("*", &[Action::Watch]),
        ];
        let allow = |action, place| scopes_allow(&scopes, action, place);
        assert!(allow(Action::Prompt, Where::On("dev-1")));
        assert!(!allow(Action::Prompt, Where::On("main")));
        assert!(allow(Action::Watch, Where::Everywhere));
        assert!(!allow(Action::Prompt, Where::Everywhere));
        assert!(allow(Action::Prompt, Where::Somewhere));
        assert!(!allow(Action::Manage, Where::Somewhere));
        assert!(!scopes_allow(&[], Action::Watch, Where::On("dev-1")));
    }

    proptest! {
        #[test]
        fn a_pattern_says_the_same_as_its_regular_expression(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let regex = regex::escape(&pattern).replace(r"\*", ".*").replace(r"\?", ".");
            let regex = regex::Regex::new(&format!("^{regex}$")).unwrap();
            prop_assert_eq!(matches(&pattern, &name), regex.is_match(&name));
        }
    }
}
