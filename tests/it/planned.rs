//! Sessions that the configuration plans, and what their programs' ends lead to.

use std::fs;

use crate::lab::{Lab, until};

/// A home whose configuration plans these sessions; the daemon is not up yet.
fn planned(sessions: &str) -> Lab {
    let lab = Lab::new();
    let agents = "agents: {counts: {cmd: /bin/sh}}\n";
    fs::write(
        lab.path("work/.llmux.yaml"),
        format!("{agents}sessions:\n{sessions}"),
    )
    .unwrap();
    // Each start leaves a line; the second argument is how it ends.
    fs::write(
        lab.path("work/count.sh"),
        "echo up >> \"$1\"\nread line\nexit \"$2\"\n",
    )
    .unwrap();
    lab
}

fn starts(lab: &Lab, file: &str) -> usize {
    fs::read_to_string(lab.path(file)).map_or(0, |text| text.lines().count())
}

fn plan(lab: &Lab, name: &str, code: u8, more: &str) -> String {
    let (script, file) = (lab.path("work/count.sh"), lab.path(name));
    format!(
        "- {{name: {name}, agent: counts, cwd: '{}', flags: '{} {} {code}', {more}}}\n",
        lab.home().display(),
        script.display(),
        file.display()
    )
}

fn with_plan(restart: &str, code: u8) -> Lab {
    let lab = planned("");
    let text = fs::read_to_string(lab.path("work/.llmux.yaml")).unwrap();
    let plan = plan(&lab, "a", code, &format!("restart: {restart}"));
    fs::write(lab.path("work/.llmux.yaml"), text + &plan).unwrap();
    lab
}

/// Lets the program of `a` read its line and end.
fn end(lab: &Lab) {
    // One that ends within its first half second has not started.
    lab.llmux(["session", "wait", "a", "--until", "quiet=700ms"]).ok();
    lab.llmux(["session", "prompt", "a", "--now", "go"]).ok();
}

#[test]
fn a_planned_session_comes_up_with_the_daemon_and_again_after_a_failure() {
    let lab = with_plan("on-failure", 3);
    lab.llmux(["session", "list"]).ok();
    until("it is up", || starts(&lab, "a") == 1);
    end(&lab);
    until("it is up again", || starts(&lab, "a") == 2);
    // What somebody stops stays stopped: nothing is left that could be started again.
    lab.llmux(["session", "stop", "a"]).ok();
    let list = lab.llmux(["session", "list", "--json"]).json();
    assert_eq!(list, serde_json::json!([]));
    // The next daemon has the plan again.
    lab.llmux(["server", "stop"]).ok();
    lab.llmux(["session", "list"]).ok();
    until("it is up once more", || starts(&lab, "a") == 3);
}

#[test]
fn a_program_that_did_its_work_is_not_started_again() {
    let lab = with_plan("on-failure", 0);
    lab.llmux(["session", "list"]).ok();
    until("it is up", || starts(&lab, "a") == 1);
    end(&lab);
    until("it has ended", || {
        lab.llmux(["session", "list", "--json"]).json()[0]["state"] == "exited"
    });
    lab.llmux(["session", "restart", "a"]).ok();
    until("it is up by hand", || starts(&lab, "a") == 2);
}

#[test]
fn a_running_session_is_left_as_it_is() {
    let lab = with_plan("never", 0);
    lab.llmux(["session", "list"]).ok();
    until("it is up", || starts(&lab, "a") == 1);
    lab.llmux(["server", "stop"]).ok();
    lab.llmux(["session", "list"]).ok();
    assert_eq!(
        lab.llmux(["session", "list", "--json"]).json()[0]["state"],
        "running"
    );
    assert_eq!(starts(&lab, "a"), 1);
}

#[test]
fn a_mistake_in_the_configuration_is_named_with_its_line() {
    let lab = Lab::new();
    fs::write(lab.path("work/.llmux.yaml"), "server:\n  prot: 1\n").unwrap();
    for verb in [&["config", "check"][..], &["session", "list"]] {
        let said = lab.llmux(verb.iter()).fails(1);
        assert!(
            said.contains(".llmux.yaml:2:3: ") && said.contains("`port`"),
            "{said}"
        );
    }
    fs::write(
        lab.path("work/.llmux.yaml"),
        "agents: {a: {cmd: x, readyPrompt: '('}}\n",
    )
    .unwrap();
    lab.llmux(["config", "check"]).fails(1);
    fs::write(
        lab.path("work/.llmux.yaml"),
        "turnq: {apiKey: s3cret, enabled: true}\n",
    )
    .unwrap();
    assert!(lab.llmux(["config", "check"]).ok().contains("can be used"));
    let shown = lab.llmux(["config", "show"]).ok();
    assert!(
        shown.contains("enabled: true") && !shown.contains("s3cret"),
        "{shown}"
    );
    let schema = lab.llmux(["config", "schema"]).json();
    assert!(schema["properties"]["sessions"].is_object(), "{schema}");
}
