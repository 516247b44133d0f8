//! Programs nobody here wrote, as agents of a configuration, driven by name through the command line.

use std::fs;

use crate::lab::{Lab, has, until};

const AGENTS: &str = r#"
agents:
  bash: {cmd: bash, flags: --norc --noprofile -i, readyPrompt: '\$ ?$'}
  python: {cmd: python3 -q, readyPrompt: '^>>> ?$', env: {PYTHON_BASIC_REPL: "1"}}
  vim: {cmd: vim, flags: "-N -u NONE -n -c 'set t_BE=' -c 'inoremap jj <Esc>:wq<CR>' -c startinsert"}
  top: {cmd: top, flags: -d 1000}
  less: {cmd: less}
"#;

fn lab() -> Lab {
    let lab = Lab::new();
    lab.config(AGENTS);
    lab
}

/// Waits until the screen is what tmux itself says it is.
#[track_caller]
fn agrees_with_tmux(lab: &Lab, name: &str) {
    let mut seen = (String::new(), String::new());
    let target = format!("={name}:");
    for _ in 0..200 {
        let theirs = lab.tmux(["capture-pane", "-p", "-t", &target]).ok();
        seen = (lab.screen(name), theirs.trim_end().to_owned());
        if seen.0 == seen.1 && !seen.0.is_empty() {
            return;
        }
    }
    panic!("{name} differs\n--- llmux\n{}\n--- tmux\n{}", seen.0, seen.1);
}

#[test]
fn bash_runs_what_it_is_prompted() {
    if !has("bash") {
        return;
    }
    let lab = lab();
    lab.llmux(["session", "start", "bash", "--name", "b"]).ok();
    lab.prompt(
        "b",
        r#"printf '%s|' "$BASHOPTS" | wc -c; echo "it is $((6*7))" '$HOME;#{x}'"#,
    );
    lab.shows("b", r"^it is 42 \$HOME;#\{x\}$");
    lab.llmux(["session", "prompt", "--now", "b", "--no-enter", "echo ha"])
        .ok();
    lab.shows("b", r"\$ echo ha$");
    lab.llmux(["session", "prompt", "--now", "b", "lf"]).ok();
    lab.shows("b", "^half$");
    assert!(
        lab.llmux(["session", "wait", "b", "--until", "idle", "--timeout", "30s"])
            .ok()
            .ends_with("$\n")
    );
    agrees_with_tmux(&lab, "b");
}

#[test]
fn a_multi_line_prompt_reaches_bash_as_one_command() {
    if !has("bash") {
        return;
    }
    let lab = lab();
    lab.llmux(["session", "start", "bash", "--name", "b"]).ok();
    lab.prompt("b", "for i in 1 2 3; do\n\techo \"line $i\"\ndone");
    for line in ["^line 1$", "^line 2$", "^line 3$"] {
        lab.shows("b", line);
    }
}

#[test]
fn python_computes() {
    if !has("python3") {
        return;
    }
    let lab = lab();
    lab.llmux(["session", "start", "python"]).ok();
    assert_eq!(
        lab.llmux(["session", "wait", "python", "--timeout", "30s"])
            .ok()
            .trim(),
        ">>>"
    );
    lab.prompt("python", "print(sum(range(101)), 'größe 日本 🦀'.upper())");
    lab.shows("python", "^5050 GRÖSSE 日本 🦀$");
    lab.prompt("python", "raise SystemExit(7)");
    lab.is("python", "exited");
    assert_eq!(lab.session("python").unwrap()["exit"]["code"], 7);
}

#[test]
fn vim_edits_a_file() {
    if !has("vim") {
        return;
    }
    let lab = lab();
    let flags = "-N -u NONE -n -c 'set t_BE=' -c 'inoremap jj <Esc>:wq<CR>' -c startinsert notes.txt";
    lab.llmux(["session", "start", "vim", "--flags", flags]).ok();
    lab.shows("vim", "^~$");
    lab.prompt("vim", "first line; $HOME #{pane_id}");
    lab.prompt("vim", "日本語 é");
    lab.shows("vim", "^日本語 é$");
    agrees_with_tmux(&lab, "vim");
    let screen = lab.llmux(["session", "screen", "vim", "--json"]).json();
    assert_eq!(screen["alternate"], true);
    assert_eq!(
        (screen["cursor"]["row"].as_u64(), screen["cursor"]["col"].as_u64()),
        (Some(2), Some(0))
    );
    lab.llmux(["session", "prompt", "--now", "vim", "--no-enter", "jj"])
        .ok();
    lab.is("vim", "exited");
    assert_eq!(lab.session("vim").unwrap()["exit"]["code"], 0);
    let written = fs::read_to_string(lab.path("work/notes.txt")).unwrap();
    assert_eq!(written, "first line; $HOME #{pane_id}\n日本語 é\n\n");
}

#[test]
fn top_shows_the_machine() {
    if !has("top") {
        return;
    }
    let lab = lab();
    lab.llmux(["session", "start", "top"]).ok();
    lab.shows("top", r"PID .*COMMAND");
    agrees_with_tmux(&lab, "top");
    lab.llmux(["session", "prompt", "--now", "top", "--no-enter", "q"])
        .ok();
    lab.is("top", "exited");
}

#[test]
fn less_pages_through_a_file() {
    if !has("less") {
        return;
    }
    let lab = lab();
    let lines = (1..=500)
        .map(|n| format!("Zeile {n}: äöü 漢字 {}", "x".repeat(n % 150)))
        .collect::<Vec<_>>();
    fs::write(lab.path("work/long.txt"), lines.join("\n")).unwrap();
    lab.llmux(["session", "start", "less", "--flags", "long.txt"])
        .ok();
    lab.shows("less", "^Zeile 1: ");
    agrees_with_tmux(&lab, "less");
    lab.llmux(["session", "prompt", "--now", "less", "--no-enter", "--", " "])
        .ok();
    lab.shows("less", "^Zeile 45: ");
    lab.llmux(["session", "prompt", "--now", "less", "--no-enter", "G"])
        .ok();
    lab.shows("less", "^Zeile 500: ");
    agrees_with_tmux(&lab, "less");
    lab.llmux(["session", "prompt", "--now", "less", "--no-enter", "g/Zeile 250"])
        .ok();
    lab.shows("less", "^/Zeile 250$");
    lab.llmux(["session", "prompt", "--now", "less", "--no-enter", "--", "q"])
        .ok();
    until("the search text took the q", || {
        lab.screen("less").ends_with("/Zeile 250q")
    });
}

#[test]
fn a_password_is_taken_and_never_shown() {
    if !has("bash") {
        return;
    }
    let lab = lab();
    let script = r#"--norc -c 'read -r -s -p "Password: " p; echo; echo "got ${#p}"; exec sleep 1000'"#;
    lab.start("bash", "pw", script);
    lab.shows("pw", "^Password:");
    lab.prompt("pw", "s3cret;'\"");
    lab.shows("pw", "^got 9$");
    assert!(!lab.screen("pw").contains("s3cret"));
}
