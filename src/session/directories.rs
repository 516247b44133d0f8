//! Completing the name of a directory, as a shell does.

use std::{fs, path::Path};

use super::Sessions;

/// How many are given at most,
const MOST: usize = 50;
/// and how many entries of a directory are looked at.
const MOST_ENTRIES: usize = 10_000;

impl Sessions {
    /// The directories whose path begins so, in order; a leading `~` is the home directory, and stays. Hidden ones are given
    /// only where the beginning of their name is.
    pub(crate) async fn directories(&self, beginning: String) -> Vec<String> {
        let beginning = if beginning.is_empty() {
            "~/".to_owned()
        } else {
            beginning
        };
        let (above, name) = match beginning.rfind('/') {
            Some(slash) => beginning.split_at(slash + 1),
            None if beginning == "~" => ("~/", ""),
            None => ("~/", beginning.as_str()),
        };
        let (above, name) = (above.to_owned(), name.to_owned());
        let dir = self.0.setting.environment.resolve(Path::new(&above));
        // It fails only if it panics, or when the daemon leaves.
        tokio::task::spawn_blocking(move || complete(&dir, &above, &name))
            .await
            .unwrap_or_default()
    }
}

fn complete(dir: &Path, above: &str, name: &str) -> Vec<String> {
    let entries = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .take(MOST_ENTRIES);
    let mut found: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok().map(|found| (entry, found)))
        .filter(|(_, found)| found.starts_with(name) && (name.starts_with('.') || !found.starts_with('.')))
        .filter(|(entry, _)| entry.path().is_dir())
        .map(|(_, found)| format!("{above}{found}"))
        .collect();
    found.sort();
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_that_begin_so_are_given() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["app", "api", "web", ".hidden"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("a-file"), "").unwrap();
        assert_eq!(complete(dir.path(), "~/", "a"), ["~/api", "~/app"]);
        assert_eq!(complete(dir.path(), "~/", ""), ["~/api", "~/app", "~/web"]);
        assert_eq!(complete(dir.path(), "/x/", ".h"), ["/x/.hidden"]);
        assert!(complete(&dir.path().join("none"), "~/", "").is_empty());
    }

    #[test]
    fn there_is_an_end_to_it() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..=MOST {
            fs::create_dir(dir.path().join(n.to_string())).unwrap();
        }
        assert_eq!(complete(dir.path(), "", "").len(), MOST);
    }
}
