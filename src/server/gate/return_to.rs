//! Where a sign-in may lead back to.

/// The path, if it is one of ours; else none. A browser reads `//host` and `/\host` as another site, and drops tabs and line
/// ends before it looks.
pub(crate) fn own_path(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('/')?;
    let leaves = rest.starts_with(['/', '\\']) || rest.chars().any(|c| c.is_control() || c == '\\');
    (!leaves).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_returned_to() {
        for path in ["/", "/session/a", "/account?x=//y", "/a#b"] {
            assert_eq!(own_path(path), Some(path));
        }
        for text in [
            "",
            "account",
            "javascript:alert(1)",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example/",
            "\\/evil",
            "/a\\b",
        ] {
            assert_eq!(own_path(text), None, "{text}");
        }
    }
}
