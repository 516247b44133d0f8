//! No text, wherever it stands, can end its word, its command or its line.

use llmux_protocol::{
    PaneId, SessionId,
    control::{BufferName, Command, CommandLine, PaneTarget, Size},
};
use proptest::{collection::vec, prelude::*};

mod tokenizer;

const PANE: PaneId = PaneId(5);
const SESSION: SessionId = SessionId(6);

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\"';#{}$~`%\\\\\n\r\0 a=-]{0,12}"]
}

/// Commands that carry text, each with the word that must be exactly that text.
fn with_text() -> impl Strategy<Value = (Command, Vec<u8>)> {
    let buffer = BufferName(1);
    let bytes = |text: &str| text.as_bytes().to_vec();
    prop_oneof![
        vec(any::<u8>(), 0..60).prop_map(move |data| (
            Command::SetBuffer {
                buffer,
                data: data.clone()
            },
            data
        )),
        text().prop_map(move |tag| (
            Command::TagPane {
                pane: PaneTarget::Id(PANE),
                tag: tag.clone()
            },
            bytes(&tag)
        )),
        text().prop_map(move |value| {
            let word = bytes(&value);
            (
                Command::SetEnvironment {
                    session: SESSION,
                    name: "A",
                    value,
                },
                word,
            )
        }),
        text().prop_map(move |client| (
            Command::DetachClient {
                client: client.clone()
            },
            bytes(&client)
        )),
        (
            vec(text(), 2..5),
            vec((text(), text()), 0..3),
            proptest::option::of(text())
        )
            .prop_map(move |(argv, env, cwd)| {
                let word = bytes(argv.last().map_or("", String::as_str));
                let name = "n".parse().expect("a name");
                (
                    Command::NewSession {
                        name,
                        size: Size { cols: 80, rows: 24 },
                        cwd,
                        env,
                        argv,
                    },
                    word,
                )
            }),
    ]
}

proptest! {
    #[test]
    fn a_line_holds_its_commands_and_no_other(given in vec(with_text(), 1..5)) {
        let mut commands = given.iter().map(|(command, _)| command.clone());
        let first = CommandLine::new(commands.next().expect("at least one"));
        let line = commands.fold(first, CommandLine::then);
        let read = tokenizer::commands(&line.encode());
        let read = read.ok_or_else(|| TestCaseError::fail("not a plain line"))?;
        prop_assert_eq!(read.len(), line.replies());
        for (words, (command, text)) in read.iter().zip(&given) {
            prop_assert_eq!(&words[0], command.name().as_bytes());
            let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
            prop_assert_eq!(words.last(), Some(&text));
        }
    }

    #[test]
    fn a_path_is_never_a_format(path in text()) {
        let line = CommandLine::from(Command::LoadBuffer { buffer: BufferName(1), path }).encode();
        let read = tokenizer::commands(&line).ok_or_else(|| TestCaseError::fail("not a plain line"))?;
        let path = read[0].last().expect("a path");
        prop_assert!(path.starts_with(b"/") || path.starts_with(b"./"));
        let marks = path.split(|byte| *byte != b'#').filter(|run| !run.is_empty());
        prop_assert!(marks.into_iter().all(|run| run.len() % 2 == 0));
    }
}
