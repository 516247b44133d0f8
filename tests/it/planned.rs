//! Sessions that the configuration plans, and what their programs' ends lead to.

use std::fs;

use serde_json::{Value, json};

use crate::lab::{Lab, until};

/// A home whose configuration plans these sessions; the daemon is not up yet.
fn planned(sessions: &str) -> Lab {
    let lab = Lab::new();
    let agents = "agents: {counts: {cmd: /bin/sh}}\n";
    lab.config(&format!("{agents}sessions:\n{sessions}"));
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
    let text = fs::read_to_string(lab.path(".config/llmux/config.yaml")).unwrap();
    let plan = plan(&lab, "a", code, &format!("restart: {restart}"));
    fs::write(lab.path(".config/llmux/config.yaml"), text + &plan).unwrap();
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
    assert_eq!(lab.session("a").unwrap()["restart"], "on-failure");
    lab.start("shell", "unplanned", "");
    assert_eq!(lab.session("unplanned").unwrap()["restart"], "never");
    lab.llmux(["session", "stop", "unplanned"]).ok();
    end(&lab);
    until("it is up again", || starts(&lab, "a") == 2);
    // What somebody stops stays stopped: nothing is left that could be started again.
    lab.llmux(["session", "stop", "a"]).ok();
    let list = lab.llmux(["session", "list", "--json"]).json();
    assert_eq!(list, json!([]));
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
fn a_plan_is_taken_as_it_is_written() {
    let lab = Lab::new();
    let plan = |more: &str| {
        lab.config(&format!(
            "agents: {{cat: {{cmd: /bin/cat}}}}\nsessions: [{{name: a, agent: cat, restart: never{more}}}]\n"
        ));
    };
    plan(", flags: '-u', cwd: work, env: {A: \" one\\n two=2 \", B: x}");
    lab.llmux(["session", "list"]).ok();
    lab.is("a", "running");
    let planned = lab.session("a").unwrap();
    assert_eq!(planned["env"], json!({"A": " one\n two=2 ", "B": "x"}));
    assert_eq!(planned["flags"], "-u");
    lab.tmux(["kill-session", "-t", "=a"]).ok();
    lab.is("a", "exited");
    // What is taken out of the plan is taken out of its record.
    plan("");
    lab.is("a", "running");
    let planned = lab.session("a").unwrap();
    assert_eq!((&planned["env"], &planned["flags"]), (&Value::Null, &Value::Null));
    assert_eq!(planned["cwd"], lab.home().to_str().unwrap());
}

#[test]
fn to_come_into_a_directory_runs_nothing_of_it() {
    let mut lab = Lab::new();
    let file = lab.path("work/.llmux.yaml");
    fs::write(
        &file,
        "agents: {cat: {cmd: /bin/cat}}\nsessions: [{name: a, agent: cat}]\n",
    )
    .unwrap();
    let list = lab.llmux(["session", "list", "--json"]).json();
    assert_eq!(list, json!([]));
    let said = lab.llmux(["server", "status"]).ok();
    assert!(said.contains("sessions are not started"), "{said}");
    // Read again, it is the same.
    fs::write(
        &file,
        "agents: {cat: {cmd: /bin/cat}}\nsessions: [{name: b, agent: cat}]\ninitPrompts: [x]\n",
    )
    .unwrap();
    until("it is read again", || {
        lab.llmux(["logs", "list"])
            .ok()
            .contains("another configuration is in effect")
    });
    assert_eq!(lab.llmux(["session", "list", "--json"]).json(), json!([]));
    lab.llmux(["server", "stop"]).ok();
    lab.set("LLMUX_CONFIG", file.to_str().unwrap());
    lab.llmux(["session", "list"]).ok();
    lab.is("b", "running");
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
        "server: {token: s3cret}\nagents: {cat: {cmd: cat, env: {K: s3cret}}}\nsessions: [{name: a, agent: cta}]\n\
         turnq: {apiKey: s3cret, enabled: true}\n",
    )
    .unwrap();
    let said = lab.llmux(["config", "check"]).fails(1);
    assert!(
        said.contains(".llmux.yaml:3:1: ") && said.contains("unknown agent \"cta\""),
        "{said}"
    );
    let shown = lab.llmux(["config", "show"]).ok();
    assert!(
        shown.contains("enabled: true") && !shown.contains("s3cret"),
        "{shown}"
    );
    let schema = lab.llmux(["config", "schema"]).json();
    assert!(schema["properties"]["sessions"].is_object(), "{schema}");
}
