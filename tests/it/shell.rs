//! What a shell gets from llmux: completions, with names from the daemon, and manual pages.

use std::{fs, process::Stdio};

use crate::lab::{LLMUX, Lab, has};

/// What bash offers for the last of these words, after it has read the script.
fn bash(lab: &Lab, words: &[&str]) -> Vec<String> {
    let script = r#"
        source <("$LLMUX" completions bash)
        COMP_WORDS=(llmux "$@"); COMP_CWORD=$#; COMP_TYPE=9
        $(complete -p llmux | sed 's/.*-F \([^ ]*\).*/\1/') llmux "${!#}" ""
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut command = lab.command("bash");
    command
        .env("LLMUX", LLMUX)
        .args(["--norc", "-c", script, "bash"])
        .args(words)
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().map(|line| line.trim().to_owned());
    names.filter(|line| !line.is_empty()).collect()
}

#[test]
fn bash_completes_verbs_flags_sessions_and_agents() {
    if !has("bash") {
        return;
    }
    let lab = Lab::new();
    // Without a daemon there are no sessions, and none is started to ask it.
    assert!(!bash(&lab, &["session", "stop", ""]).contains(&"planner".to_owned()));
    assert!(!lab.path("state/llmuxd").exists());
    lab.start("shell", "planner", "");
    lab.start("shell", "reviewer", "");
    assert_eq!(bash(&lab, &["session", "prompt", "pl"]), ["planner"]);
    for verb in [
        "stop", "restart", "edit", "attach", "screen", "wait", "answer", "history",
    ] {
        let offered = bash(&lab, &["session", verb, ""]);
        assert!(offered.contains(&"reviewer".to_owned()), "{verb}: {offered:?}");
    }
    assert_eq!(bash(&lab, &["session", "start", "dem"]), ["demo"]);
    assert_eq!(bash(&lab, &["session", "broad"]), ["broadcast"]);
    assert_eq!(
        bash(&lab, &["session", "prompt", "--allow-un"]),
        ["--allow-uncoordinated"]
    );
    assert!(bash(&lab, &["session", "stop", "--"]).contains(&"--cascade".to_owned()));
}

#[test]
fn zsh_and_fish_get_scripts_that_ask_the_same_program() {
    let lab = Lab::new();
    for (shell, word) in [
        ("zsh", "#compdef llmux"),
        ("fish", "complete --keep-order"),
        ("bash", "complete -o"),
    ] {
        let script = lab.llmux(["completions", shell]).ok();
        assert!(
            script.contains(word) && script.contains("LLMUX_COMPLETE"),
            "{script}"
        );
        assert!(script.contains(LLMUX), "{script}");
        if shell != "bash" && has(shell) {
            let script_file = lab.path("script");
            fs::write(&script_file, &script).unwrap();
            let status = lab.command(shell).arg("-n").arg(&script_file).status().unwrap();
            assert!(status.success(), "{shell}");
        }
    }
    lab.llmux(["completions", "tcsh"]).fails(64);
}

#[test]
fn every_command_has_a_manual_page_that_groff_reads() {
    let lab = Lab::new();
    let dir = lab.path("man1");
    lab.llmux(["man", "--dir", dir.to_str().unwrap()]).ok();
    for page in ["llmux.1", "llmux-session-prompt.1", "llmux-doctor.1"] {
        let text = fs::read_to_string(dir.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
        if has("groff") {
            let warnings = lab
                .command("groff")
                .args(["-man", "-Tutf8", "-ww", "-z"])
                .arg(dir.join(page))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&warnings.stderr).into_owned();
            assert!(
                warnings.status.success() && !said.contains("error"),
                "{page}: {said}"
            );
        }
    }
    let hidden: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .flatten()
        .map(|page| page.file_name())
        .filter(|name| {
            name.to_string_lossy().contains("demo-agent") || name.to_string_lossy().contains("help")
        })
        .collect();
    assert!(hidden.is_empty(), "{hidden:?}");
    assert!(lab.llmux(["man"]).ok().contains("llmux"));
}
