use super::{args::Noun, *};

fn parsed(line: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("llmux").chain(line.iter().copied()))
}

/// The verb a command line asks for, as debug text; short and exact enough to compare.
fn verb(line: &[&str]) -> String {
    match parsed(line).unwrap().noun.map(Noun::into_verb) {
        Some(Verb::Session(verb)) => format!("{verb:?}"),
        Some(Verb::Turn(verb)) => format!("{verb:?}"),
        Some(Verb::Agent(verb)) => format!("{verb:?}"),
        Some(Verb::Server(verb)) => format!("{verb:?}"),
        Some(Verb::Bench(verb)) => format!("{verb:?}"),
        Some(Verb::Logs(verb)) => format!("{verb:?}"),
        Some(Verb::Settings(verb)) => format!("{verb:?}"),
        Some(Verb::History(verb)) => format!("{verb:?}"),
        Some(Verb::User(verb)) => format!("{verb:?}"),
        Some(Verb::Token(verb)) => format!("{verb:?}"),
        Some(Verb::Auth(verb)) => format!("{verb:?}"),
        Some(Verb::Config(verb)) => format!("{verb:?}"),
        Some(Verb::Doctor(doctor)) => format!("{doctor:?}"),
        Some(Verb::Mcp(mcp)) => format!("{mcp:?}"),
        Some(Verb::Completions(completions)) => format!("{completions:?}"),
        Some(Verb::Man(man)) => format!("{man:?}"),
        Some(Verb::Serve(start)) => format!("{start:?}"),
        Some(Verb::Hidden(hidden)) => format!("{hidden:?}"),
        Some(Verb::Help(noun)) => format!("help {noun}"),
        None => "help".to_owned(),
    }
}

fn refusal(line: &[&str]) -> (Exit, String, Vec<String>) {
    let failure = usage::explain(&parsed(line).unwrap_err()).unwrap_err();
    (failure.kind(), failure.message(), failure.hints().to_vec())
}

#[test]
fn the_grammar_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_has_an_example_in_its_help() {
    let shown = |command: &&clap::Command| !command.is_hide_set() && command.get_name() != "help";
    let example = |command: &clap::Command, whole: &str| {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(help.starts_with("Example") && help.contains(whole), "{whole}");
    };
    for noun in Cli::command().get_subcommands().filter(shown) {
        let name = format!("llmux {}", noun.get_name());
        if !noun.has_subcommands() {
            example(noun, &name);
        }
        for verb in noun.get_subcommands().filter(shown) {
            example(verb, &format!("{name} {}", verb.get_name()));
        }
    }
}

/// All help texts, in the order of the help itself.
fn reference() -> String {
    let mut text =
        "# The command line\n\n<!-- Made of the help texts; a test keeps it true. -->\n".to_owned();
    let mut command = Cli::command().term_width(100);
    command.build();
    describe(&command, "llmux", &mut text);
    text
}

fn describe(command: &clap::Command, name: &str, text: &mut String) {
    // What every verb takes is said once.
    let is_root = name == "llmux";
    let mut shown = command.clone().mut_args(|arg| {
        let hidden = arg.is_global_set() && !is_root;
        if hidden { arg.hide(true) } else { arg }
    });
    let help = shown.render_help().to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let help = help.join("\n");
    text.extend(["\n## ", name, "\n\n```text\n", help.trim_end(), "\n```\n"]);
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set() && below.get_name() != "help")
    {
        describe(below, &format!("{name} {}", below.get_name()), text);
    }
}

#[test]
fn the_reference_in_docs_is_what_the_help_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
    let (now, kept) = (reference(), std::fs::read_to_string(path).unwrap_or_default());
    if now == kept {
        return;
    }
    if std::env::var_os("LLMUX_UPDATE_CLI_REFERENCE").is_some() {
        std::fs::write(path, now).unwrap();
        return;
    }
    panic!("docs/cli.md is not what the help says; LLMUX_UPDATE_CLI_REFERENCE=1 writes it anew");
}

#[test]
fn whatever_prints_a_list_can_print_it_as_json() {
    let command = Cli::command();
    for noun in command.get_subcommands().filter(|noun| !noun.is_hide_set()) {
        for verb in noun.get_subcommands() {
            let lists = matches!(
                verb.get_name(),
                "list" | "turns" | "history" | "search" | "tail" | "transcript" | "status"
            );
            let has_json = verb.get_arguments().any(|arg| arg.get_id() == "json");
            assert!(!lists || has_json, "{} {}", noun.get_name(), verb.get_name());
        }
    }
}

#[test]
fn old_words_mean_the_same_as_the_new_ones() {
    for (old, new) in [
        (&["ls"][..], &["session", "list"][..]),
        (&["status", "--json"], &["session", "list", "--json"]),
        (&["session", "ls"], &["session", "list"]),
        (&["send", "a", "b", "c"], &["session", "prompt", "a", "b", "c"]),
        (&["session", "send", "a", "b"], &["session", "prompt", "a", "b"]),
        (
            &["spawn", "demo", "--name", "x"],
            &["session", "start", "demo", "--name", "x"],
        ),
        (&["session", "spawn", "demo"], &["session", "start", "demo"]),
        (&["kill", "a"], &["session", "stop", "a"]),
        (
            &["session", "kill", "a", "--cascade"],
            &["session", "stop", "a", "--cascade"],
        ),
        (&["restart", "a", "b"], &["session", "restart", "a", "b"]),
        (&["session", "respawn", "a"], &["session", "restart", "a"]),
        (&["attach", "a"], &["session", "attach", "a"]),
        (&["agents", "--all"], &["agent", "list", "--all"]),
        (&["serve", "--port", "80"], &["server", "start", "--port", "80"]),
    ] {
        assert_eq!(verb(old), verb(new), "{old:?}");
    }
}

#[test]
fn flags_stand_before_or_after_the_text_and_after_two_dashes_all_is_text() {
    let words = |line: &[&str]| {
        let text = verb(&[&["session", "prompt", "x"], line].concat());
        let (_, rest) = text.split_once("words: ").unwrap();
        (
            rest.split_once(']').unwrap().0.to_owned() + "]",
            text.contains("no_enter: true"),
        )
    };
    assert_eq!(words(&["-"]), ("[\"-\"]".to_owned(), false));
    assert_eq!(
        words(&["--no-enter", "a", "b"]),
        ("[\"a\", \"b\"]".to_owned(), true)
    );
    assert_eq!(words(&["text", "--no-enter"]), ("[\"text\"]".to_owned(), true));
    for text in ["--version", "--no-enter", "- item", "-R", "--"] {
        assert_eq!(words(&["--", text]), (format!("[{text:?}]"), false));
    }
    let (_, message, hints) = refusal(&["session", "prompt", "x", "- item"]);
    assert_eq!(message, "unexpected argument '- ' found");
    assert!(hints[0].contains("use '-- - '"), "{hints:?}");
}

#[test]
fn flags_that_carry_flags_take_them() {
    for line in [&["--flags", "--model opus"][..], &["--flags=--model opus"]] {
        assert!(verb(&[&["spawn", "claude"], line].concat()).contains("flags: Some(\"--model opus\")"));
    }
    assert!(verb(&["session", "edit", "a", "--flags", ""]).contains("flags: Some(\"\")"));
}

#[test]
fn global_flags_stand_anywhere() {
    for line in [&["--tmux-socket", "t", "ls"][..], &["ls", "--tmux-socket", "t"]] {
        let env = Environment::new("/".as_ref(), "/".as_ref(), []);
        assert_eq!(parsed(line).unwrap().global.tmux_socket(&env).args(), ["-L", "t"]);
    }
    for line in [
        &["--version"][..],
        &["-v"],
        &["-V"],
        &["session", "prompt", "--version"],
    ] {
        assert_eq!(
            parsed(line).unwrap_err().kind(),
            clap::error::ErrorKind::DisplayVersion,
            "{line:?}"
        );
    }
}

#[test]
fn a_hook_takes_whatever_an_agent_gives_it() {
    for words in [
        &["Stop"][..],
        &["turn-complete", "{\"type\":\"x\"}"],
        &["x", "--version"],
        &["x", "-h", "--socket"],
        &[],
    ] {
        let line = verb(&[&["hook"], words].concat());
        assert_eq!(line, format!("Hook(Hook {{ words: {words:?} }})"));
    }
}

#[test]
fn a_tokens_id_may_look_like_a_flag() {
    for id in ["-k3yWithDashes_0", "--yes_it_is_an_id", "_x", "plain"] {
        assert!(
            verb(&["token", "revoke", id, "--yes"]).contains(&format!("id: Some({id:?})")),
            "{id}"
        );
        assert!(
            verb(&["token", "rename", id, "--name", ""]).contains(&format!("id: {id:?}")),
            "{id}"
        );
    }
    assert_eq!(refusal(&["token", "revoke"]).0, Exit::Usage);
    assert_eq!(refusal(&["token", "revoke", "x", "--all"]).0, Exit::Usage);
}

#[test]
fn what_is_secret_on_a_command_line_is_not_in_its_debug_output() {
    let line = [
        "user",
        "create",
        "a",
        "--passphrase",
        "s3cret-one",
        "--token",
        "s3cret-two",
    ];
    let shown = format!("{:?}", parsed(&line).unwrap());
    assert!(
        shown.contains("passphrase: Some(***)") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn a_noun_alone_shows_its_help() {
    assert_eq!(verb(&["session"]), "help session");
    assert_eq!(verb(&["turn"]), "help turn");
    assert_eq!(verb(&[]), "help");
}

#[test]
fn a_wrong_command_line_is_explained_in_one_shape() {
    let (exit, message, hints) = refusal(&["sesion", "list"]);
    assert_eq!(
        (exit, message.as_str()),
        (Exit::Usage, "unknown command \"sesion\"")
    );
    assert!(hints[0].contains("'session'"), "{hints:?}");
    let (_, message, hints) = refusal(&["session", "list", "--jsn"]);
    assert_eq!(message, "unexpected argument '--jsn' found");
    assert_eq!(hints[0], "a similar argument exists: '--json'");
    let (_, message, _) = refusal(&["session", "stop"]);
    assert_eq!(
        message,
        "the following required arguments were not provided: <NAME>..."
    );
    let (_, message, _) = refusal(&["session", "wait", "a", "--timeout", "5"]);
    assert!(message.contains("write for example 500ms"), "{message}");
    for line in [
        &["spawn", "a", "--name", "x", "--prefix", "y"][..],
        &["serve", "--port", "0"],
    ] {
        assert_eq!(refusal(line).0, Exit::Usage);
    }
}

#[test]
fn which_of_two_flags_is_missing_is_said_by_both_names() {
    let (exit, message, _) = refusal(&["session", "resume", "main"]);
    assert_eq!(exit, Exit::Usage);
    assert!(message.contains("--conversation <ID>|--latest"), "{message}");
}

#[test]
fn a_moment_that_is_none_is_refused_with_an_example() {
    let (exit, message, _) = refusal(&["logs", "tail", "--since", "yesterday"]);
    assert_eq!(exit, Exit::Usage);
    assert!(
        message.contains("RFC 3339, such as 2026-01-31T12:00:00Z"),
        "{message}"
    );
}
