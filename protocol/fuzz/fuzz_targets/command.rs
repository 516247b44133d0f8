//! A prompt can't run a tmux command: whatever the texts, a second reader finds our commands and no other.
#![no_main]

use libfuzzer_sys::fuzz_target;
use llmux_protocol::{
    PaneId, SessionId,
    control::{BufferName, Command, CommandLine, PaneTarget, Size},
};

#[path = "../../tests/tokenizer/mod.rs"]
mod tokenizer;

type Texts = (
    Vec<u8>,
    String,
    String,
    Option<String>,
    Vec<(String, String)>,
    Vec<String>,
);

fuzz_target!(|texts: Texts| {
    let (data, text, path, cwd, env, argv) = texts;
    let (buffer, pane, session) = (BufferName(1), PaneId(5), SessionId(6));
    let word: Vec<u8> = data.iter().copied().filter(|byte| *byte != 0).collect();
    let line = CommandLine::new(Command::SetBuffer { buffer, data })
        .then(Command::PasteBuffer {
            buffer,
            pane,
            bracketed: true,
            verbatim: true,
        })
        .then(Command::LoadBuffer { buffer, path })
        .then(Command::TagPane {
            pane: PaneTarget::Id(pane),
            tag: text.clone(),
        })
        .then(Command::SetEnvironment {
            session,
            name: "A",
            value: text.clone(),
        })
        .then(Command::DetachClient { client: text })
        .then(Command::NewSession {
            name: "n".parse().expect("a name"),
            size: Size { cols: 80, rows: 24 },
            cwd,
            env,
            argv,
        });
    let read = tokenizer::commands(&line.encode()).expect("one plain line");
    let names: Vec<&[u8]> = read.iter().map(|words| &words[0][..]).collect();
    let want: [&[u8]; 8] = [
        b"set-buffer",
        b"paste-buffer",
        b"load-buffer",
        b"set-option",
        b"set-environment",
        b"detach-client",
        b"switch-client",
        b"new-session",
    ];
    assert_eq!(names, want);
    assert_eq!(read[0].last(), Some(&word));
});
