//! `overrides.yaml`: what the Settings page changed. The operator's own file is never written.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Settings, Turnq, text};

const HEAD: &str = "# Written by the Settings page of llmux; each key replaces that of the configuration file.\n\
                    # Delete the file, or a key in it, to return to the configuration file.\n\
                    # It is read again when it changes.\n";

/// What may be changed there; an absent key leaves the configuration's value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Overlay {
    /// Instead of the configuration's `initPrompts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_prompts: Option<Vec<String>>,
    /// Instead of the configuration's `turnq`. Its key is kept where this has none and names the same server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turnq: Option<Turnq>,
}

impl Overlay {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not of this form.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        text::parse(path, text)
    }

    /// The text to write; a prompt of several lines stays whole.
    ///
    /// # Errors
    /// Never for values that were read or came as JSON.
    pub fn render(&self) -> Result<String, serde_saphyr::ser::Error> {
        Ok(format!("{HEAD}{}", serde_saphyr::to_string(self)?))
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.init_prompts.is_some() || self.turnq.is_some()
    }

    /// Puts its keys over those of the configuration.
    pub(super) fn apply(&self, to: &mut Settings) {
        if let Some(prompts) = &self.init_prompts {
            to.init_prompts.clone_from(prompts);
        }
        if let Some(turnq) = &self.turnq {
            let api_key = turnq.api_key.clone().or(to.turnq.key_for(turnq.url.as_deref()));
            to.turnq = Turnq {
                api_key,
                ..turnq.clone()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let overlay = Overlay {
            init_prompts: Some(vec![
                "one\n\n  two: {x}\n# three".into(),
                "- 'four'\ttab".into(),
                String::new(),
            ]),
            turnq: Some(Turnq {
                enabled: true,
                url: Some("http://127.0.0.1:1".into()),
                ..Turnq::default()
            }),
        };
        let text = overlay.render().unwrap();
        assert!(text.starts_with("# "), "{text}");
        assert_eq!(
            Overlay::parse(Path::new("o.yaml"), &text).unwrap(),
            overlay,
            "{text}"
        );
        let nothing = Overlay::default().render().unwrap();
        assert!(!Overlay::parse(Path::new("o.yaml"), &nothing).unwrap().is_active());
    }

    #[test]
    fn the_servers_key_is_not_lost() {
        let mut settings = Settings::default();
        settings.turnq.api_key = Some("k".into());
        let turnq = Some(Turnq {
            enabled: true,
            ..Turnq::default()
        });
        Overlay {
            init_prompts: None,
            turnq,
        }
        .apply(&mut settings);
        assert_eq!(
            (settings.turnq.enabled, settings.turnq.api_key.as_deref()),
            (true, Some("k"))
        );
    }

    #[test]
    fn the_key_goes_to_no_other_server_than_its_own() {
        let of = |url: &str| Some(url.to_owned());
        let own = of("https://turnq.example/a");
        for (url, stays) in [
            (own.clone(), true),
            (of("https://TURNQ.example:443/b"), true),
            (of("http://turnq.example/a"), false),
            (of("https://turnq.example:444/a"), false),
            (of("https://turnq.example.evil/a"), false),
            (of("https://evil/?https://turnq.example/a"), false),
            (of("nonsense"), false),
            (None, false),
        ] {
            let mut settings = Settings::default();
            (settings.turnq.url, settings.turnq.api_key) = (own.clone(), Some("k".into()));
            let turnq = Some(Turnq {
                url: url.clone(),
                ..Turnq::default()
            });
            Overlay {
                init_prompts: None,
                turnq,
            }
            .apply(&mut settings);
            assert_eq!(settings.turnq.api_key.is_some(), stays, "{url:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_prompts_survive(prompts in proptest::collection::vec("\\PC{0,30}(\n\\PC{0,30}){0,3}", 0..4)) {
            let overlay = Overlay { init_prompts: Some(prompts), turnq: None };
            let text = overlay.render().unwrap();
            proptest::prop_assert_eq!(Overlay::parse(Path::new("o.yaml"), &text).unwrap(), overlay);
        }
    }
}
