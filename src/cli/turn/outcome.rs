//! How a turn's end is said: the reply on standard output, everything else on standard error and in the exit code.

use std::io::Write;

use llmux_protocol::api::{Turn, TurnState};

use crate::cli::{
    dialog,
    failure::{Exit, Failure, say},
    out::Out,
};

/// Prints the reply of a turn that ended well, or the turn as JSON however it ended.
pub(crate) fn print(turn: &Turn, json: bool, out: &mut Out<impl Write>) -> Result<(), Failure> {
    if json {
        out.json(turn)?;
    } else if let Some(text) = reply(turn) {
        out.bytes(closed(text).as_bytes())?;
    }
    check(turn)
}

/// The reply of a turn that ended well. What another turn left behind is no reply; `turn show` has it.
pub(super) fn reply(turn: &Turn) -> Option<&str> {
    if turn.state != TurnState::Ended {
        return None;
    }
    let Some(reply) = &turn.reply else {
        say("the turn has ended, but its reply can't be told from what stood on the screen before");
        return None;
    };
    if !reply.complete {
        say(&format!(
            "the reply may not be whole: only what the {} kept of it is known",
            reply.source.as_str()
        ));
    }
    Some(&reply.text)
}

/// A text with a line end.
fn closed(text: &str) -> String {
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{end}")
}

/// Whether the turn went well as far as it went; if not, why, what to do next, and how to end.
pub(crate) fn check(turn: &Turn) -> Result<(), Failure> {
    let Some(exit) = exit(turn.state) else {
        return Ok(());
    };
    let failure = match (&turn.error, &turn.dialog) {
        (Some(error), _) => Failure::new(exit, &error.message),
        (None, Some(dialog)) => Failure::new(exit, dialog::question(&turn.session, dialog)),
        (None, None) => Failure::new(exit, format!("turn {} {}", turn.id, said(turn.state))),
    };
    let hint = turn.error.as_ref().and_then(|error| error.hint.as_ref());
    let failure = hint.into_iter().fold(failure, Failure::hint);
    Err(match &turn.dialog {
        Some(dialog) => failure
            .notes(dialog::lines(dialog))
            .hint(dialog::how_to_answer(&turn.session, dialog)),
        None => failure,
    })
}

fn exit(state: TurnState) -> Option<Exit> {
    Some(match state {
        TurnState::Queued | TurnState::Submitting | TurnState::Running | TurnState::Ended => return None,
        TurnState::Blocked => Exit::Blocked,
        TurnState::Failed => Exit::AgentFailed,
        TurnState::Refused => Exit::Refused,
        TurnState::Unsubmitted => Exit::Unsubmitted,
        TurnState::Timeout => Exit::TimedOut,
        TurnState::Cancelled => Exit::Cancelled,
        TurnState::SessionGone => Exit::Gone,
        _ => Exit::Unknown,
    })
}

fn said(state: TurnState) -> &'static str {
    match state {
        TurnState::Blocked => "waits for an answer to a question that could not be read",
        TurnState::Failed => "failed",
        TurnState::Refused => "was refused; nothing was typed",
        TurnState::Unsubmitted => "was typed and taken back: the agent did not accept it",
        TurnState::Timeout => "did not end in time; the agent may still work on it",
        TurnState::Cancelled => "was cancelled",
        TurnState::SessionGone => "has no end: the agent ended first",
        _ => "is unknown: nobody can say whether it was done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::turn::sample;

    fn printed(turn: &Turn, json: bool) -> (String, Result<(), Failure>) {
        let mut text = Vec::new();
        let mut out = Out::to(&mut text);
        let result = print(turn, json, &mut out);
        drop(out);
        (String::from_utf8(text).unwrap(), result)
    }

    #[test]
    fn a_reply_is_printed_alone_and_ends_with_one_line_end() {
        for text in ["done", "done\n", "a\n\nb"] {
            let (out, result) = printed(&sample::replied(text), false);
            assert!(result.is_ok());
            assert_eq!(out, format!("{}\n", text.trim_end()));
        }
    }

    #[test]
    fn each_end_has_its_exit_code_and_no_reply() {
        for (state, exit) in [
            (TurnState::Refused, 10),
            (TurnState::Unsubmitted, 11),
            (TurnState::Blocked, 12),
            (TurnState::SessionGone, 13),
            (TurnState::Cancelled, 14),
            (TurnState::Unknown, 15),
            (TurnState::Failed, 16),
            (TurnState::Timeout, 124),
        ] {
            let turn = Turn {
                state,
                ..sample::replied("part")
            };
            let (out, result) = printed(&turn, false);
            let failure = result.unwrap_err();
            assert_eq!((failure.kind() as u8, out.as_str()), (exit, ""), "{state:?}");
            assert!(failure.message().starts_with("turn t1 "), "{}", failure.message());
            assert_eq!(failure.kind() as u8, exit);
        }
    }

    #[test]
    fn json_is_printed_however_it_ended() {
        let turn = sample::refused();
        let (out, result) = printed(&turn, true);
        assert_eq!(serde_json::from_str::<Turn>(&out).unwrap(), turn);
        let failure = result.unwrap_err();
        assert_eq!(
            (failure.kind(), failure.message().as_str()),
            (Exit::Refused, "the composer holds a draft")
        );
        assert_eq!(failure.hints(), ["--draft keep puts it back afterwards"]);
    }

    #[test]
    fn a_question_comes_with_its_options_and_how_to_answer() {
        let failure = check(&sample::blocked()).unwrap_err();
        assert_eq!(failure.message(), "planner asks: Run it?");
        assert_eq!(
            failure.noted(),
            [
                "  rm -r build",
                "> 1. Yes",
                "  2. No  (and say what to do instead)"
            ]
        );
        assert_eq!(failure.hints(), ["llmux session answer planner 1 --dialog d7"]);
    }

    #[test]
    fn what_is_still_under_way_is_no_failure() {
        for state in [TurnState::Queued, TurnState::Submitting, TurnState::Running] {
            let turn = Turn {
                state,
                ..sample::replied("")
            };
            assert!(check(&turn).is_ok());
        }
    }
}
