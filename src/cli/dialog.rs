//! An agent's question, for a person.

use llmux_protocol::api::Dialog;

/// What a session asks, on one line.
pub(crate) fn question(session: &str, dialog: &Dialog) -> String {
    match dialog.question.as_str() {
        "" => format!(
            "{session} asks something that could not be read ({})",
            dialog.kind.as_str()
        ),
        question => format!("{session} asks: {question}"),
    }
}

/// The line above the question, and the options as they are numbered; the selected one is pointed at.
pub(crate) fn lines(dialog: &Dialog) -> Vec<String> {
    let header = dialog.header.iter().map(|header| format!("  {header}"));
    let options = dialog.options.iter().enumerate().map(|(at, option)| {
        let pointer = if dialog.selected == Some(at) { ">" } else { " " };
        let description = option.description.iter().map(|text| format!("  ({text})"));
        format!(
            "{pointer} {}. {}{}",
            at + 1,
            option.label,
            description.collect::<String>()
        )
    });
    header.chain(options).collect()
}

/// The command that answers, or the way to do it by hand.
pub(crate) fn how_to_answer(session: &str, dialog: &Dialog) -> String {
    if dialog.options.is_empty() {
        format!("answer it by hand: llmux session attach {session}")
    } else {
        format!("llmux session answer {session} 1 --dialog {}", dialog.id)
    }
}
