use std::{fmt::Write, time::Duration};

use clap::Args;
use llmux_protocol::api::{Reply, Stages, Turn};

use crate::{
    cli::{
        context::Context,
        dialog, duration,
        failure::Failure,
        out::Out,
        table::{plain, table},
    },
    client::turn_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux turn show \"$id\" --json | jq .stages")]
pub(crate) struct Show {
    /// The turn's id
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Show, context: &Context) -> Result<(), Failure> {
    let turn: Turn = context.client().await?.get(&turn_path(&args.id, "")).await?;
    let mut out = Out::new();
    if args.json {
        out.json(&turn)?;
    } else {
        out.text(&text(&turn))?;
    }
    out.finish()
}

fn text(turn: &Turn) -> String {
    let mut text = facts(turn)
        .into_iter()
        .fold(String::new(), |text, (name, value)| {
            format!("{text}{name:<9}{}\n", plain(&value))
        });
    if turn.stages != Stages::default() {
        let _ = write!(text, "\n{}", stages(&turn.stages));
    }
    if !turn.evidence.is_empty() {
        let _ = write!(text, "\n{}", evidence(turn));
    }
    if let Some(reply) = &turn.reply {
        text += &replied(reply);
    }
    text
}

fn facts(turn: &Turn) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("turn", turn.id.clone()),
        ("session", format!("{} ({})", turn.session, turn.agent)),
        ("state", turn.state.as_str().to_owned()),
        (
            "prompt",
            format!("{} ({} bytes)", turn.prompt.head, turn.prompt.bytes),
        ),
        ("origin", turn.origin.as_str().to_owned()),
        ("queued", turn.queued_at.clone()),
    ];
    facts.extend(turn.place.map(|place| ("place", place.to_string())));
    facts.extend(turn.key.clone().map(|key| ("key", key)));
    if let Some(error) = &turn.error {
        facts.push(("error", format!("{} ({})", error.message, error.code)));
        facts.extend(error.hint.clone().map(|hint| ("hint", hint)));
    }
    if let Some(open) = &turn.dialog {
        facts.push(("dialog", dialog::question(&turn.session, open)));
        facts.extend(dialog::lines(open).into_iter().map(|line| ("", line)));
        facts.push(("hint", dialog::how_to_answer(&turn.session, open)));
    }
    facts
}

/// When each stage was reached after the turn was queued, and how long after the stage before.
fn stages(stages: &Stages) -> String {
    let reached = [
        ("started", stages.started),
        ("submitted", stages.submitted),
        ("accepted", stages.accepted),
        ("first output", stages.first_output),
        ("ended", stages.ended),
    ];
    let mut before = 0;
    let rows = reached.into_iter().filter_map(|(name, at)| {
        let at = at?;
        let took = at.saturating_sub(before);
        before = at;
        let [at, took] = [at, took].map(|nanos| duration::short(Duration::from_nanos(nanos)));
        Some([name.to_owned(), at, took])
    });
    table(["STAGE", "AFTER", "TOOK"], rows)
}

fn evidence(turn: &Turn) -> String {
    let rows = turn.evidence.iter().map(|seen| {
        [
            seen.step.as_str().to_owned(),
            seen.source.as_str().to_owned(),
            seen.detail.clone(),
        ]
    });
    table(["STEP", "SOURCE", "DETAIL"], rows)
}

fn replied(reply: &Reply) -> String {
    let whole = if reply.complete { "" } else { ", perhaps not whole" };
    let lines = reply.text.lines().map(|line| format!("  {}\n", shown(line)));
    format!(
        "\nreply ({}{whole})\n{}",
        reply.source.as_str(),
        lines.collect::<String>()
    )
}

/// A line of a reply as a person reads it: without what a terminal obeys, but for tabs.
fn shown(line: &str) -> String {
    line.split('\t').map(plain).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::turn::sample;

    #[test]
    fn a_turn_is_shown_with_what_showed_each_step() {
        assert_eq!(
            text(&sample::replied("a\tb\n\u{1b}[2J")),
            "turn     t1\n\
             session  planner (claude)\n\
             state    ended\n\
             prompt   do the thing (12 bytes)\n\
             origin   prompt\n\
             queued   2026-11-24T14:00:00Z\n\
             \n\
             STAGE         AFTER  TOOK\n\
             started       0.2ms  0.2ms\n\
             submitted     24ms   24ms\n\
             accepted      31ms   6.7ms\n\
             first output  1.2s   1.2s\n\
             ended         8.4s   7.1s\n\
             \n\
             STEP      SOURCE  DETAIL\n\
             accepted  screen  the composer is empty\n\
             ended     hook    Stop\n\
             \n\
             reply (transcript)\n  a\tb\n  \\u{1b}[2J\n"
        );
    }

    #[test]
    fn a_question_and_an_error_are_shown_with_what_to_do() {
        let blocked = text(&sample::blocked());
        for line in [
            "dialog   planner asks: Run it?\n",
            "         > 1. Yes\n",
            "hint     llmux session answer planner 1 --dialog d7\n",
        ] {
            assert!(blocked.contains(line), "{blocked}");
        }
        let refused = text(&sample::refused());
        assert!(
            refused.ends_with(
                "error    the composer holds a draft (draft)\nhint     --draft keep puts it back afterwards\n"
            ),
            "{refused}"
        );
    }
}
