//! The README keeps its word: its blocks are run, in order, in a home of their own, and its configuration is read.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use crate::lab::{LLMUX, Lab, Run, has};

/// What the first line of a block begins with that can't be run here; readers see it, too.
const NEEDS: &str = "# needs ";

/// A block of the README: the line it begins at, its language, and its text.
struct Block {
    line: usize,
    language: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (at, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(""), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block {
                    line: at + 1,
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (_, Some(block)) => block.text.extend([line, "\n"]),
            (_, None) => {}
        }
    }
    blocks
}

fn of(language: &str) -> Vec<Block> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let all = blocks(&text).into_iter();
    let found: Vec<_> = all.filter(|block| block.language == language).collect();
    assert!(!found.is_empty(), "no {language} block");
    found
}

/// A checkout with a history, and `llmux` in the `PATH`.
fn checkout(lab: &mut Lab) {
    let (root, work, bin) = (
        Path::new(env!("CARGO_MANIFEST_DIR")),
        lab.path("work"),
        lab.path("bin"),
    );
    for dir in [&bin, &work.join("target/release")] {
        fs::create_dir_all(dir).unwrap();
        symlink(LLMUX, dir.join("llmux")).unwrap();
    }
    symlink(root.join("tests"), work.join("tests")).unwrap();
    fs::copy(root.join("Cargo.toml"), work.join("Cargo.toml")).unwrap();
    let git = "git init -q && git add Cargo.toml && git -c user.name=a -c user.email=a@a commit -qm first";
    assert!(lab.command("sh").args(["-c", git]).status().unwrap().success());
    lab.set(
        "PATH",
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()),
    );
    lab.set("LLMUX_PASSPHRASE", "correct horse battery");
}

fn run(lab: &Lab, block: &Block) -> Run {
    let mut command: Command = lab.command("timeout");
    command
        .args(["120", "bash", "-euo", "pipefail", "-c", &block.text])
        .stdin(Stdio::null());
    command.output().unwrap().into()
}

#[test]
fn every_command_block_works() {
    if !["bash", "git", "jq", "curl", "timeout"].into_iter().all(has) {
        return;
    }
    let mut lab = Lab::new();
    checkout(&mut lab);
    // `make run` does that; its own block needs a minute or two.
    lab.start("demo", "demo", "");
    let mut left_out = Vec::new();
    for block in of("sh") {
        if let Some(what) = block
            .text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(NEEDS))
        {
            left_out.push(what.to_owned());
            continue;
        }
        let run = run(&lab, &block);
        assert_eq!(run.code, 0, "README.md:{}\n{}\n{run}", block.line, block.text);
    }
    assert_eq!(
        left_out,
        [
            "Claude Code, installed and signed in; everything below works with the built-in `demo` agent, without an account",
            "a minute or two",
            "a daemon on a host called box, started with --tls",
            "Claude Code",
        ],
        "each block that is not run is one that nobody knows to work"
    );
}

#[test]
fn every_configuration_can_be_used() {
    let lab = Lab::new();
    for block in of("yaml") {
        let file = lab.path("work/.llmux.yaml");
        fs::write(&file, &block.text).unwrap();
        let run = lab.llmux(["config", "check"]);
        assert_eq!(run.code, 0, "README.md:{}\n{run}", block.line);
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["README.md", "MIGRATING.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            assert!(root.join(target).exists(), "{page} links to {target}");
        }
    }
}

#[test]
fn a_block_is_what_stands_between_its_fences() {
    let found = blocks("a\n```sh\nx\n\ny\n```\n```\nz\n```\n");
    let shown: Vec<_> = found
        .iter()
        .map(|block| (block.line, block.language.as_str(), block.text.as_str()))
        .collect();
    assert_eq!(shown, [(2, "sh", "x\n\ny\n"), (7, "", "z\n")]);
}
