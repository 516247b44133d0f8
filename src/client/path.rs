//! The paths of what is asked for, with names encoded: old state files hold names with any character.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A path under `/api/sessions`.
pub(crate) fn session_path(name: &str, verb: &str) -> String {
    api_path("sessions", name, verb)
}

/// A path under `/api/turns`.
pub(crate) fn turn_path(id: &str, verb: &str) -> String {
    api_path("turns", id, verb)
}

/// The path of a session's WebSocket.
pub(crate) fn socket_path(name: &str) -> String {
    format!("/ws/{}", segment(name))
}

/// A path under `/api`: of one thing among many, and perhaps of something about it.
pub(crate) fn api_path(things: &str, name: &str, verb: &str) -> String {
    let slash = if verb.is_empty() { "" } else { "/" };
    format!("/api/{things}/{}{slash}{verb}", segment(name))
}

/// A name as one segment of a path.
fn segment(name: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
    // A segment of dots would be taken as a step up.
    match name {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        name => utf8_percent_encode(name, KEPT).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_characters_stays_one_path_segment() {
        assert_eq!(
            session_path("claude-a_1", "send"),
            "/api/sessions/claude-a_1/send"
        );
        assert_eq!(
            session_path("Claude Code/é?#%", ""),
            "/api/sessions/Claude%20Code%2F%C3%A9%3F%23%25"
        );
        assert_eq!(session_path("..", "kill"), "/api/sessions/%2E%2E/kill");
        assert_eq!(turn_path("../x", "wait"), "/api/turns/..%2Fx/wait");
    }
}
