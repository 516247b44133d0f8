use std::time::Duration;

use clap::Args;
use llmux_protocol::api::Turn;

use super::target;
use crate::{
    cli::{context::Context, duration, failure::Failure, out::Out, table::table},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session turns main --limit 5")]
pub(crate) struct Turns {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// How many at most, the newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Turns, context: &Context) -> Result<(), Failure> {
    let verb = format!("turns?limit={}", args.limit);
    let mut client = context.client().await?;
    let turns: Vec<Turn> = target::on(&mut client, &args.target, async |client, name| {
        client.get(&session_path(name, &verb)).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&turns)?;
    } else if turns.is_empty() {
        out.line("no turns")?;
    } else {
        out.text(&text(&turns))?;
    }
    out.finish()
}

fn text(turns: &[Turn]) -> String {
    table(
        ["ID", "STATE", "QUEUED", "TOOK", "EVIDENCE", "PROMPT"],
        turns.iter().map(row),
    )
}

fn row(turn: &Turn) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let took = turn.stages.ended.map(Duration::from_nanos).map(duration::short);
    // What showed the last step.
    let evidence = turn.evidence.last().map(|seen| seen.source.as_str().to_owned());
    [
        turn.id.clone(),
        turn.state.as_str().to_owned(),
        turn.queued_at.clone(),
        or_dash(took),
        or_dash(evidence),
        turn.prompt.head.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::turn::sample;

    #[test]
    fn each_turn_is_a_row() {
        assert_eq!(
            text(&[sample::queued(), sample::replied("yes")]),
            "ID  STATE   QUEUED                TOOK  EVIDENCE  PROMPT\n\
             t1  queued  2026-11-24T14:00:00Z  -     -         do the thing\n\
             t1  ended   2026-11-24T14:00:00Z  8.4s  hook      do the thing\n"
        );
    }
}
