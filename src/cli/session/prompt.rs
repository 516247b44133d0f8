use std::time::Duration;

use clap::{ArgGroup, Args};
use llmux_protocol::api::{DraftPolicy, Explanation, Turn, TurnRequest, TurnState, TurnWait, WaitFor};

use super::{target, text::Text};
use crate::{
    cli::{
        context::Context,
        dialog, duration,
        failure::{Exit, Failure, say},
        out::Out,
        signal::Signals,
        table::plain,
        turn::{Follow, outcome},
    },
    client::{Client, session_path},
};

const EXAMPLES: &str = "Examples:
  llmux session prompt main \"what does src/main.rs do?\"
  reply=$(llmux session prompt main --wait --timeout 10m -- \"$question\")
  git diff | llmux session prompt main - --stream
  id=$(llmux session prompt main --async \"run the tests\"); llmux turn wait \"$id\"

Ends with:
  10  refused, nothing was typed       14  the turn was cancelled
  11  typed and taken back             15  nobody can say how it ended
  12  the agent asks something         16  the agent says that it failed
  13  session gone or not running     124  it took too long (130: Ctrl-C)";

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("follow").args(["wait", "stream"]).multiple(true))]
pub(crate) struct Prompt {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    #[command(flatten)]
    text: Text,
    /// Leave the text in the composer without pressing Enter
    #[arg(long, conflicts_with = "follow")]
    no_enter: bool,
    /// Wait for the agent's reply and print it, and nothing else
    #[arg(long)]
    wait: bool,
    /// Print the reply as it grows; implies --wait
    #[arg(long)]
    stream: bool,
    /// Print the turn's id at once and leave the rest to the daemon
    #[arg(long = "async", conflicts_with = "follow")]
    detach: bool,
    /// Print the turn as JSON; with --stream, one event a line
    #[arg(long)]
    json: bool,
    /// Give the turn up if it takes longer, such as 30s or 10m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Your own key for this prompt: sent again with the same key, it is not typed again
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// What to do with half-typed text in the composer: fail, replace, or keep (put it back afterwards)
    #[arg(long, value_name = "POLICY", default_value = "fail", value_parser = draft)]
    draft: DraftPolicy,
    /// Type it at once, even while the agent works
    #[arg(long)]
    now: bool,
    /// Type it even if the agent asks something, and then at once
    #[arg(long)]
    force: bool,
    /// Take no turn of the turnq channel
    #[arg(long)]
    no_turnq: bool,
    /// Go on if the turnq coordinator can't be reached
    #[arg(long)]
    allow_uncoordinated: bool,
    /// Cancel the turn, and interrupt the agent, on Ctrl-C
    #[arg(long, requires = "follow")]
    interrupt_on_cancel: bool,
}

pub(super) async fn run(args: &Prompt, context: &Context) -> Result<(), Failure> {
    let request = request(args, args.text.read(context)?);
    let mut client = context.client().await?;
    let mut signals = Signals::listen()?;
    let sent = target::on(&mut client, &args.target, async |client, name| {
        client.post(&session_path(name, "turns"), &request).await
    });
    let turn: Turn = tokio::select! {
        turn = sent => turn?,
        exit = signals.next() => return Err(left_early(exit, &args.target)),
    };
    if !args.detach {
        say_what_it_waits_for(&mut client, &turn).await;
    }
    if !args.follows() {
        return report(args, &turn, &mut Out::new());
    }
    let mut follow = Follow {
        client,
        signals,
        id: turn.id,
        cancel: args.interrupt_on_cancel,
    };
    if args.stream {
        return outcome::check(&follow.stream(args.json).await?);
    }
    let wait = TurnWait {
        // A turn of an earlier attempt has that attempt's limit, or none.
        timeout_ms: request.timeout_ms.filter(|_| request.key.is_some()),
        through_dialogs: false,
    };
    outcome::print(&follow.end(&wait).await?, args.json, &mut Out::new())
}

/// Says so if a prompt waits behind a question: without an answer it waits for ever.
async fn say_what_it_waits_for(client: &mut Client, turn: &Turn) {
    if turn.state != TurnState::Queued || turn.place.is_none() {
        return;
    }
    let path = session_path(&turn.session, "explain");
    // The prompt is queued, whether that can be asked or not.
    let Ok(Explanation { activity, .. }) = client.get(&path).await else {
        return;
    };
    if let Some(dialog) = activity.dialog {
        say(&format!(
            "the prompt waits until this is answered: {} ({}; --force types at once)",
            dialog::question(&turn.session, &dialog),
            dialog::how_to_answer(&turn.session, &dialog)
        ));
    }
}

impl Prompt {
    fn follows(&self) -> bool {
        self.wait || self.stream
    }
}

fn request(args: &Prompt, prompt: String) -> TurnRequest {
    TurnRequest {
        enter: !args.no_enter,
        // To wait for the end takes two requests: Ctrl-C between them must find the id known.
        wait: if args.follows() || args.detach {
            WaitFor::Queued
        } else {
            WaitFor::Submitted
        },
        now: args.now,
        timeout_ms: args.timeout.map(duration::millis),
        key: args.key.clone(),
        draft: args.draft,
        force: args.force,
        no_turnq: args.no_turnq,
        allow_uncoordinated: args.allow_uncoordinated,
        ..TurnRequest::new(prompt)
    }
}

/// Says what became of a prompt whose end is not waited for.
fn report(args: &Prompt, turn: &Turn, out: &mut Out<impl std::io::Write>) -> Result<(), Failure> {
    // What becomes of a prompt that was accepted is asked of its turn.
    let outcome = if turn.state.is_final() && turn.stages.accepted.is_none() {
        outcome::check(turn)
    } else {
        Ok(())
    };
    if args.json {
        out.json(turn)?;
    } else if args.detach {
        out.line(&plain(&turn.id))?;
    } else if outcome.is_ok() {
        out.line(&plain(&receipt(turn, !args.no_enter)))?;
    }
    outcome
}

fn receipt(turn: &Turn, enter: bool) -> String {
    let Turn {
        id, session, prompt, ..
    } = turn;
    let bytes = prompt.bytes;
    match (turn.state, turn.place) {
        (TurnState::Queued, Some(place)) => {
            format!("queued {bytes} bytes → {session} (place {place}, turn {id})")
        }
        (TurnState::Queued, None) => format!("queued {bytes} bytes → {session} (turn {id})"),
        _ if enter => format!("sent {bytes} bytes → {session}"),
        _ => format!("sent {bytes} bytes → {session} (no-enter)"),
    }
}

fn left_early(exit: Exit, target: &str) -> Failure {
    Failure::new(
        exit,
        "interrupted before the daemon answered; nothing is lost: either it has the prompt and goes on, or it has not",
    )
    .hint(format!("see with: llmux session turns {target}"))
}

fn draft(text: &str) -> Result<DraftPolicy, String> {
    match text {
        "fail" => Ok(DraftPolicy::Fail),
        "replace" => Ok(DraftPolicy::Replace),
        "keep" => Ok(DraftPolicy::Keep),
        _ => Err("expected fail, replace or keep".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::turn::sample;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        prompt: Prompt,
    }

    fn parsed(flags: &[&str]) -> Result<Prompt, clap::Error> {
        let line = ["llmux", "x", "text"].iter().chain(flags);
        Line::try_parse_from(line).map(|line| line.prompt)
    }

    fn asked(flags: &[&str]) -> TurnRequest {
        request(&parsed(flags).unwrap(), "text".to_owned())
    }

    fn printed(flags: &[&str], turn: &Turn) -> (String, Result<(), Failure>) {
        let mut text = Vec::new();
        let mut out = Out::to(&mut text);
        let result = report(&parsed(flags).unwrap(), turn, &mut out);
        drop(out);
        (String::from_utf8(text).unwrap(), result)
    }

    #[test]
    fn each_flag_has_its_field() {
        assert_eq!(asked(&[]), TurnRequest::new("text"));
        for flags in [
            &["--wait"][..],
            &["--stream"],
            &["--async"],
            &["--wait", "--stream"],
        ] {
            assert_eq!(asked(flags).wait, WaitFor::Queued, "{flags:?}");
        }
        assert_eq!(asked(&["--timeout", "2s"]).timeout_ms, Some(2000));
        assert_eq!(asked(&["--key", "k"]).key.as_deref(), Some("k"));
        assert_eq!(asked(&["--draft", "keep"]).draft, DraftPolicy::Keep);
        assert_eq!(asked(&["--draft=replace"]).draft, DraftPolicy::Replace);
        let all = asked(&[
            "--no-enter",
            "--now",
            "--force",
            "--no-turnq",
            "--allow-uncoordinated",
        ]);
        let switches = (
            all.enter,
            all.now,
            all.force,
            all.no_turnq,
            all.allow_uncoordinated,
        );
        assert_eq!(switches, (false, true, true, true, true));
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for flags in [
            &["--wait", "--async"][..],
            &["--stream", "--async"],
            &["--wait", "--no-enter"],
            &["--interrupt-on-cancel"],
            &["--draft", "burn"],
            &["--timeout", "5"],
        ] {
            assert!(parsed(flags).is_err(), "{flags:?}");
        }
        assert!(parsed(&["--stream", "--interrupt-on-cancel"]).is_ok());
    }

    #[test]
    fn what_became_of_a_prompt_is_said_in_one_line() {
        for (flags, turn, said) in [
            (&[][..], sample::replied(""), "sent 12 bytes → planner\n"),
            (
                &["--no-enter"],
                sample::replied(""),
                "sent 12 bytes → planner (no-enter)\n",
            ),
            (
                &[],
                sample::queued(),
                "queued 12 bytes → planner (place 2, turn t1)\n",
            ),
            (&["--async"], sample::queued(), "t1\n"),
        ] {
            let (out, result) = printed(flags, &turn);
            assert!(result.is_ok());
            assert_eq!(out, said);
        }
    }

    #[test]
    fn a_refused_prompt_prints_nothing_but_the_turn_that_was_asked_for() {
        let (out, result) = printed(&[], &sample::refused());
        assert_eq!((out.as_str(), result.unwrap_err().kind()), ("", Exit::Refused));
        let (out, result) = printed(&["--json"], &sample::refused());
        assert_eq!(serde_json::from_str::<Turn>(&out).unwrap(), sample::refused());
        assert_eq!(result.unwrap_err().kind(), Exit::Refused);
        // It was submitted; the question is for who waits for the end.
        assert!(printed(&[], &sample::blocked()).1.is_ok());
    }
}
