//! The main job: start, prompt, watch, list, stop.

use crate::lab::Lab;

#[test]
fn a_session_is_started_prompted_seen_listed_and_stopped() {
    let lab = Lab::new();
    lab.start("shell", "one", "");
    lab.llmux(["session", "prompt", "one", "echo hello $((1+2))"])
        .ok();
    lab.shows("one", "^hello 3$");
    assert_eq!(lab.session("one").unwrap()["state"], "running");
    assert_eq!(lab.llmux(["session", "stop", "one"]).ok(), "killed one\n");
    assert_eq!(lab.llmux(["session", "list"]).ok(), "no llmux sessions\n");
    assert_eq!(lab.tmux_sessions(), ["_llmux"]);
}
