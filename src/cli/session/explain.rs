use std::fmt::Write;

use clap::Args;
use llmux_protocol::api::{Explanation, HooksView};

use super::target;
use crate::{
    cli::{
        context::Context,
        dialog,
        failure::Failure,
        out::Out,
        table::{plain, table},
    },
    client::session_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session explain main")]
pub(crate) struct Explain {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Explain, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let explanation: Explanation = target::on(&mut client, &args.target, async |client, name| {
        client.get(&session_path(name, "explain")).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&explanation)?;
    } else {
        out.text(&explained(&explanation))?;
    }
    out.finish()
}

/// All that is known of a session, for a person.
pub(in crate::cli) fn explained(explanation: &Explanation) -> String {
    let mut text = plain(&headline(explanation)) + "\n";
    if !explanation.votes.is_empty() {
        let rows = explanation.votes.iter().map(|vote| {
            [
                vote.source.as_str().to_owned(),
                vote.state.as_str().to_owned(),
                vote.detail.clone(),
            ]
        });
        let _ = write!(text, "\n{}", table(["SOURCE", "SAYS", "BECAUSE"], rows));
    }
    let _ = write!(
        text,
        "\ncomposer  {}\nturn      {}\nhooks     {}\n",
        plain(&composer(explanation)),
        plain(&turn(explanation)),
        plain(&hooks(&explanation.hooks)),
    );
    if let Some(id) = &explanation.conversation {
        let by = explanation.bound_by.map_or("unknown how", |by| by.as_str());
        let _ = writeln!(text, "in        conversation {} ({by})", plain(id));
    }
    for line in open_dialog(explanation) {
        let _ = writeln!(text, "{}", plain(&line));
    }
    text
}

fn headline(explanation: &Explanation) -> String {
    let activity = &explanation.activity;
    format!(
        "{} is {} ({}: {}, since {})",
        explanation.session,
        activity.state.as_str(),
        activity.source.as_str(),
        activity.detail,
        activity.since
    )
}

fn composer(explanation: &Explanation) -> String {
    match explanation.composer.as_deref() {
        None => "can't be seen".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("holds {text:?}"),
    }
}

fn turn(explanation: &Explanation) -> String {
    let turn = explanation.turn.as_ref().map_or_else(
        || "none".to_owned(),
        |turn| format!("{} {}: {}", turn.id, turn.state.as_str(), turn.prompt.head),
    );
    match explanation.queued {
        0 => turn,
        1 => format!("{turn}; 1 waits behind it"),
        queued => format!("{turn}; {queued} wait behind it"),
    }
}

fn hooks(hooks: &HooksView) -> String {
    let set_up = match &hooks.events[..] {
        [] => format!("none: {}", hooks.why_not.as_deref().unwrap_or("not known")),
        events => events.join(", "),
    };
    match &hooks.last {
        Some(last) => format!("{set_up}; last heard {} at {}", last.detail, last.at),
        None if hooks.events.is_empty() => set_up,
        None => format!("{set_up}; none was heard yet"),
    }
}

fn open_dialog(explanation: &Explanation) -> Vec<String> {
    let session = &explanation.session;
    let Some(open) = &explanation.activity.dialog else {
        return Vec::new();
    };
    let mut lines = vec![String::new(), dialog::question(session, open)];
    lines.extend(dialog::lines(open));
    lines.push(format!("answer    {}", dialog::how_to_answer(session, open)));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::turn::sample;

    #[test]
    fn what_is_believed_stands_above_why() {
        let explanation: Explanation = serde_json::from_value(json!({
            "session": "planner", "agent": "claude", "queued": 2, "turn": sample::queued(),
            "activity": {"state": "busy", "source": "status", "detail": "state=working", "since": "14:00"},
            "votes": [{"source": "status", "state": "busy", "detail": "state=working"},
                      {"source": "screen", "state": "ready", "detail": "row 3"}],
            "composer": "half a \"th",
            "hooks": {"events": ["Stop"], "last": {"detail": "hook Stop", "at": "13:59"}},
        }))
        .unwrap();
        assert_eq!(
            explained(&explanation),
            "planner is busy (status: state=working, since 14:00)\n\
             \n\
             SOURCE  SAYS   BECAUSE\n\
             status  busy   state=working\n\
             screen  ready  row 3\n\
             \n\
             composer  holds \"half a \\\"th\"\n\
             turn      t1 queued: do the thing; 2 wait behind it\n\
             hooks     Stop; last heard hook Stop at 13:59\n"
        );
    }

    #[test]
    fn an_open_question_comes_with_the_way_to_answer_it() {
        let dialog = sample::blocked().dialog.unwrap();
        let explanation: Explanation = serde_json::from_value(json!({
            "session": "planner", "agent": "claude", "queued": 0, "votes": [],
            "activity": {"state": "blocked", "source": "screen", "detail": "a dialog", "since": "14:00", "dialog": dialog},
        }))
        .unwrap();
        assert_eq!(
            explained(&explanation),
            "planner is blocked (screen: a dialog, since 14:00)\n\
             \n\
             composer  can't be seen\n\
             turn      none\n\
             hooks     none: not known\n\
             \n\
             planner asks: Run it?\n  rm -r build\n> 1. Yes\n  2. No  (and say what to do instead)\n\
             answer    llmux session answer planner 1 --dialog d7\n"
        );
    }
}
