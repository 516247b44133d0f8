//! Saved sign-ins: `~/.config/llmux/credentials.json`, as the Node program 0.41 keeps it, and which server is meant.

use std::{collections::BTreeMap, path::PathBuf};

use llmux_protocol::api::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Trust;
use crate::{
    config::Environment,
    store::{FileError, file, make_private},
};

const VERSION: u64 = 1;

/// One saved sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The daemon's address.
    pub server_url: String,
    /// Who is signed in.
    pub username: String,
    /// Their token.
    pub token: Secret,
    /// When, RFC 3339.
    pub saved_at: String,
    /// The fingerprint of the daemon's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The absolute path of the file with the daemon's authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Fields this version does not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Profile {
    /// The daemon it is for, and what is known of it.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination {
            server: self.server_url.clone(),
            token: Some(self.token.clone()),
            trust: Trust {
                ca_file: self.ca_file.as_ref().map(PathBuf::from),
                pin: self.pin.clone(),
            },
        }
    }

    /// The token's id; none for a token of version 1.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        let (id, _) = self.token.expose().strip_prefix("sas_")?.split_once('.')?;
        Some(id)
    }
}

/// All saved sign-ins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    version: u64,
    /// The one that `auth whoami` and `auth logout` mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<String>,
    /// By name.
    pub profiles: BTreeMap<String, Profile>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Says why the saved sign-ins can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not what it should be. It stays as it is.
    #[error("cannot understand {}: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no profile of that name.
    #[error("no profile {0:?} is saved")]
    NoProfile(String),
}

impl CredentialsError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(_) => None,
            Self::Corrupt { path, .. } => Some(format!(
                "correct {} or move it away, then sign in again",
                path.display()
            )),
            Self::NoProfile(_) => Some("see which there are: llmux auth list".to_owned()),
        }
    }
}

fn path(env: &Environment) -> PathBuf {
    env.home().join(".config/llmux/credentials.json")
}

impl Credentials {
    /// Reads the file; without one there are none.
    ///
    /// # Errors
    /// It can't be read, or is of another shape or version.
    pub fn load(env: &Environment) -> Result<Self, CredentialsError> {
        let path = path(env);
        let Some(content) = file::read(&path)? else {
            return Ok(Self {
                version: VERSION,
                ..Self::default()
            });
        };
        let corrupt = |why| CredentialsError::Corrupt {
            path: path.clone(),
            why,
        };
        // The parser's own words may quote a token.
        let found: Self = serde_json::from_slice(&content)
            .map_err(|error| corrupt(format!("line {}, column {}", error.line(), error.column())))?;
        if found.version != VERSION {
            return Err(corrupt(format!(
                "it has format version {}, not {VERSION}",
                found.version
            )));
        }
        Ok(found)
    }

    /// Reads the file, lets `change` modify it and writes it, mode 0600; no other of ours gets between.
    ///
    /// # Errors
    /// Those of [`Credentials::load`] and of `change`; the file is then as it was.
    pub fn update<T>(
        env: &Environment,
        change: impl FnOnce(&mut Self) -> Result<T, CredentialsError>,
    ) -> Result<T, CredentialsError> {
        let path = path(env);
        if let Some(dir) = path.parent() {
            make_private(dir).map_err(|e| FileError::new("make the directory of", &path, e))?;
        }
        let _lock = file::lock(&path)?;
        let mut credentials = Self::load(env)?;
        let result = change(&mut credentials)?;
        file::replace(&path, &credentials.render())?;
        Ok(result)
    }

    fn render(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("its keys are text");
        text.push(b'\n');
        text
    }

    /// The profile of that name, else the active one.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn profile(&self, name: Option<&str>) -> Result<Option<(&str, &Profile)>, CredentialsError> {
        match (name, &self.active) {
            (Some(name), _) => self
                .profiles
                .get_key_value(name)
                .map(|(name, profile)| Some((name.as_str(), profile)))
                .ok_or_else(|| CredentialsError::NoProfile(name.to_owned())),
            (None, Some(active)) => Ok(self
                .profiles
                .get_key_value(active)
                .map(|(name, profile)| (name.as_str(), profile))),
            (None, None) => Ok(None),
        }
    }

    /// Forgets a profile.
    pub fn remove(&mut self, name: &str) {
        self.profiles.remove(name);
        if self.active.as_deref() == Some(name) {
            self.active = None;
        }
    }
}

/// What a profile is called by default: host and port, or the address with all that is special made `-`.
#[must_use]
pub fn profile_name(server: &str) -> String {
    let parsed: Option<hyper::Uri> = server.parse().ok();
    let named = parsed.as_ref().and_then(|uri| {
        let port = match (uri.port_u16(), uri.scheme_str()?) {
            (Some(port), _) => port,
            (None, "https") => 443,
            (None, _) => 80,
        };
        Some(format!("{}-{port}", uri.host()?.trim_matches(['[', ']'])))
    });
    named.unwrap_or_else(|| {
        let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let tidy = |c: char| if kept(c) { c } else { '-' };
        server.to_lowercase().chars().map(tidy).collect()
    })
}

/// What the command line says about the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// `--server`
    pub server: Option<&'a str>,
    /// `--token`
    pub token: Option<&'a str>,
    /// `--profile`
    pub profile: Option<&'a str>,
}

/// A daemon that was named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destination {
    /// Its address: `http(s)://..` or `unix:PATH`.
    pub server: String,
    /// The credential for it.
    pub token: Option<Secret>,
    /// Whom to trust there, as it was saved with the credential.
    pub trust: Trust,
}

impl Destination {
    /// Whether it is a Unix socket, where the file system is the credential.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.server.starts_with("unix:")
    }
}

/// Which daemon is meant: `--server`, else `--profile`, else `LLMUX_SERVER`; none is this host's own.
///
/// Its token is `--token`, else the profile's if one was named, else `LLMUX_TOKEN`, else that of a saved profile with the same
/// address; what was saved of a server's certificate counts with the profile. A saved profile alone changes nothing: without a word about a server a command stays on this host.
///
/// # Errors
/// The profile is unknown, or the saved ones are needed and can't be read.
pub fn resolve(env: &Environment, asked: Asked<'_>) -> Result<Option<Destination>, CredentialsError> {
    let given = asked.token.map(str::to_owned);
    let named = match asked.profile {
        Some(name) => Credentials::load(env)?
            .profile(Some(name))?
            .map(|(_, profile)| profile.clone()),
        None => None,
    };
    if let (None, Some(profile)) = (asked.server, &named) {
        let saved = profile.destination();
        return Ok(Some(Destination {
            token: given.map(Secret::new).or(saved.token),
            ..saved
        }));
    }
    let Some(server) = asked.server.or_else(|| env.text("LLMUX_SERVER")) else {
        return Ok(None);
    };
    let server = server.strip_suffix('/').unwrap_or(server).to_owned();
    let given = given.or_else(|| env.text("LLMUX_TOKEN").map(str::to_owned));
    let saved = match (named, &given) {
        (Some(profile), _) => vec![profile],
        (None, None) => Credentials::load(env)?.profiles.into_values().collect(),
        (None, Some(_)) => Vec::new(),
    };
    // A token is never sent to another server than the one it was saved for.
    let saved = saved.iter().find(|profile| profile.server_url == server);
    let saved = saved.map(Profile::destination).unwrap_or_default();
    Ok(Some(Destination {
        server,
        token: given.map(Secret::new).or(saved.token),
        trust: saved.trust,
    }))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    use super::*;

    /// As 0.41 writes it.
    const OLD: &str = r#"{"version":1,"active":"box-3001","profiles":{
        "box-3001":{"serverUrl":"http://box:3001","username":"alice","token":"sas_a.one","savedAt":"2026-01-01T00:00:00.000Z"},
        "far":{"serverUrl":"https://far","username":"al","token":"sas_b.two","savedAt":"2026-01-01T00:00:00.000Z","x":1}}}"#;

    fn home(content: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(".config/llmux")).unwrap();
        fs::write(dir.path().join(".config/llmux/credentials.json"), content).unwrap();
        dir
    }

    fn env(dir: &Path, vars: &[(&str, &str)]) -> Environment {
        Environment::new(dir, dir, vars.iter().copied())
    }

    #[test]
    fn the_server_is_the_one_that_was_named_most_clearly() {
        let dir = home(OLD);
        let server = ("LLMUX_SERVER", "http://box:3001/");
        let token = ("LLMUX_TOKEN", "sas_e.env");
        let asked = |server, token, profile| Asked {
            server,
            token,
            profile,
        };
        for (vars, asked, meant) in [
            (&[][..], asked(None, None, None), None),
            (&[], asked(None, Some("t"), None), None),
            (
                &[server],
                asked(None, None, None),
                Some(("http://box:3001", Some("sas_a.one"))),
            ),
            (
                &[server, token],
                asked(None, None, None),
                Some(("http://box:3001", Some("sas_e.env"))),
            ),
            (
                &[server, token],
                asked(None, Some("t"), None),
                Some(("http://box:3001", Some("t"))),
            ),
            (
                &[server, token],
                asked(None, None, Some("far")),
                Some(("https://far", Some("sas_b.two"))),
            ),
            (
                &[server],
                asked(Some("https://far"), None, None),
                Some(("https://far", Some("sas_b.two"))),
            ),
            (
                &[server],
                asked(Some("https://new"), None, None),
                Some(("https://new", None)),
            ),
            // A profile's token goes nowhere else.
            (
                &[],
                asked(Some("https://evil"), None, Some("far")),
                Some(("https://evil", None)),
            ),
            (&[], asked(Some("unix:/s"), None, None), Some(("unix:/s", None))),
        ] {
            let found = resolve(&env(dir.path(), vars), asked).unwrap();
            let found = found
                .as_ref()
                .map(|remote| (remote.server.as_str(), remote.token.as_ref().map(Secret::expose)));
            assert_eq!(found, meant, "{asked:?} {vars:?}");
        }
        let unknown = resolve(&env(dir.path(), &[]), asked(None, None, Some("x"))).unwrap_err();
        assert_eq!(unknown.to_string(), "no profile \"x\" is saved");
    }

    #[test]
    fn what_was_saved_of_a_certificate_counts_for_its_server_only() {
        let pinned = OLD.replace("\"x\":1", "\"pin\":\"sha256:p\",\"caFile\":\"/ca\"");
        let dir = home(&pinned);
        let of = |server, token, profile| {
            let asked = Asked {
                server,
                token,
                profile,
            };
            resolve(&env(dir.path(), &[]), asked).unwrap().unwrap().trust
        };
        let saved = Trust {
            ca_file: Some("/ca".into()),
            pin: Some("sha256:p".to_owned()),
        };
        assert_eq!(of(None, None, Some("far")), saved);
        assert_eq!(of(None, Some("t"), Some("far")), saved);
        assert_eq!(of(Some("https://far"), None, None), saved);
        assert_eq!(of(Some("https://other"), None, Some("far")), Trust::default());
        assert_eq!(of(None, None, Some("box-3001")), Trust::default());
    }

    #[test]
    fn a_change_keeps_what_is_not_known_and_the_file_private() {
        let dir = home(OLD);
        let env = env(dir.path(), &[]);
        Credentials::update(&env, |saved| {
            saved.remove("box-3001");
            Ok(())
        })
        .unwrap();
        let saved = Credentials::load(&env).unwrap();
        assert_eq!((saved.active, saved.profiles.len()), (None, 1));
        assert_eq!(saved.profiles["far"].extra["x"], 1);
        let file = dir.path().join(".config/llmux/credentials.json");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{:?}", Credentials::load(&env).unwrap()).contains("sas_b"));
    }

    #[test]
    fn a_file_that_is_not_understood_is_said_and_left_alone() {
        for wrong in [
            "{",
            "{\"version\":2,\"profiles\":{}}",
            "{\"version\":1,\"profiles\":{\"a\":{\"token\":\"sas_s.s\"}}}",
        ] {
            let dir = home(wrong);
            let env = env(dir.path(), &[]);
            let error = Credentials::update(&env, |_| Ok(())).unwrap_err();
            assert!(
                matches!(error, CredentialsError::Corrupt { .. }) && !error.to_string().contains("sas_s")
            );
            let kept = fs::read_to_string(dir.path().join(".config/llmux/credentials.json")).unwrap();
            assert_eq!(kept, wrong);
        }
    }

    #[test]
    fn a_profile_is_named_after_its_server() {
        for (server, name) in [
            ("http://box:3001", "box-3001"),
            ("https://box.ts.net", "box.ts.net-443"),
            ("http://box/", "box-80"),
            ("unix:/run/LLMUX.sock", "unix--run-llmux.sock"),
        ] {
            assert_eq!(profile_name(server), name);
        }
    }
}
