use clap::Args;
use llmux_protocol::api::ScreenView;

use super::target;
use crate::{
    cli::{context::Context, failure::Failure, out::Out, table::plain},
    client::session_path,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux session screen main | tail -5")]
pub(crate) struct Screen {
    /// The session's name, or an agent's key if it has exactly one session
    #[arg(value_name = "TARGET")]
    target: String,
    /// Print JSON, with cursor, size and title
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Screen, context: &Context) -> Result<(), Failure> {
    let mut client = context.client().await?;
    let screen: ScreenView = target::on(&mut client, &args.target, async |client, name| {
        client.get(&session_path(name, "screen")).await
    })
    .await?;
    let mut out = Out::new();
    if args.json {
        out.json(&screen)?;
    } else {
        written(&screen.lines)
            .iter()
            .try_for_each(|line| out.text(&(plain(line) + "\n")))?;
    }
    out.finish()
}

/// The rows down to the last that shows something.
fn written(rows: &[String]) -> &[String] {
    let blank = rows.iter().rev().take_while(|row| row.trim().is_empty());
    &rows[..rows.len() - blank.count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_rows_below_the_text_are_cut() {
        let rows = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(written(&rows("|a||b||  |")), rows("|a||b"));
        assert_eq!(written(&rows("|")), Vec::<String>::new().as_slice());
    }
}
