//! `llmux settings`: how the daemon is set up.

use clap::{Args, Subcommand};
use llmux_protocol::api::SettingsView;

use super::{context::Context, failure::Failure, out::Out, table::plain};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show how the daemon is set up
    #[command(visible_alias = "list")]
    Show(Show),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  llmux settings show --json")]
pub(super) struct Show {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    let Verb::Show(args) = verb;
    let settings: SettingsView = context.client().await?.get("/api/settings").await?;
    let mut out = Out::new();
    if args.json {
        out.json(&settings)?;
    } else {
        lines(&settings)
            .iter()
            .try_for_each(|line| out.line(&plain(line)))?;
    }
    out.finish()
}

fn lines(settings: &SettingsView) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let turnq = &settings.turnq;
    let order = if turnq.enabled {
        turnq.mode.as_str()
    } else {
        "disabled"
    };
    let mut lines = vec![
        format!("host          {}", settings.host),
        format!("config        {}", or_dash(&settings.config_source)),
        format!("state         {}", settings.state_dir),
        format!("listen host   {}", or_dash(&settings.listen_host)),
        format!(
            "port          {}",
            or_dash(&settings.port.map(|port| port.to_string()))
        ),
        format!(
            "tmux          {}",
            if settings.tmux_available {
                "available"
            } else {
                "not available"
            }
        ),
        format!("turnq         {order}"),
        format!("init prompts  {}", settings.daemon_init_prompts.len()),
    ];
    let overlay = settings.overlay_active.then_some(settings.overlay_path.as_str());
    lines.push(format!("overlay       {}", overlay.unwrap_or("-")));
    lines.extend(
        settings
            .env
            .iter()
            .map(|(name, value)| format!("env           {name}={}", value.as_deref().unwrap_or_default())),
    );
    let warnings = settings.warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning       {warning}")));
    lines
}
