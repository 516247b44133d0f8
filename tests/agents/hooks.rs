//! What an agent's own hooks have told in a trial.

use crate::lab::Lab;

/// The last thing they told, or why there are none.
///
/// # Errors
///
/// They were set up, and told nothing.
pub fn heard(lab: &Lab, session: &str) -> Result<String, String> {
    let explained = lab.llmux(["session", "explain", session, "--json"]).json();
    let hooks = &explained["hooks"];
    if let Some(last) = hooks["last"]["detail"].as_str() {
        return Ok(format!("hooks: {} set up, last heard {last}", hooks["events"]));
    }
    match hooks["whyNot"].as_str() {
        Some(why) => Ok(format!("hooks: {why}")),
        None => Err(format!("the hooks that were set up told nothing: {hooks}")),
    }
}
