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
    for noun in Cli::command()
        .get_subcommands()
        .filter(|noun| !noun.is_hide_set())
    {
        for verb in noun
            .get_subcommands()
            .filter(|verb| !matches!(verb.get_name(), "help" | "stop"))
        {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let whole = format!("llmux {} {}", noun.get_name(), verb.get_name());
            assert!(help.starts_with("Example") && help.contains(&whole), "{whole}");
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
