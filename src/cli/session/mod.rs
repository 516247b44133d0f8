//! `llmux session`: agents running in tmux sessions. One file per verb, or per pair of like verbs.

mod answer;
mod attach;
mod broadcast;
mod edit;
mod explain;
mod history;
mod list;
mod new_chat;
mod prompt;
mod resume;
mod screen;
mod start;
mod stop;
mod target;
mod terminal;
mod text;
mod transcript;
mod turns;
mod wait;
mod watch;

use clap::Subcommand;

pub(super) use self::{
    attach::Attach,
    explain::explained,
    list::List,
    prompt::Prompt,
    start::{Start, cwd, parent},
    stop::{Restart, Stop},
};
use super::{context::Context, failure::Failure};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List all sessions
    #[command(visible_alias = "ls")]
    List(List),
    /// Start an agent in a session of its own
    #[command(visible_alias = "spawn")]
    Start(Start),
    /// End sessions and forget them
    #[command(visible_alias = "kill")]
    Stop(Stop),
    /// Start sessions anew as they were set up
    #[command(visible_alias = "respawn")]
    Restart(Restart),
    /// Change a session's name, directory, flags, environment or init prompts
    Edit(edit::Edit),
    /// Type a prompt into a session
    #[command(visible_alias = "send")]
    Prompt(Prompt),
    /// Type a prompt into every running session of an agent
    Broadcast(broadcast::Broadcast),
    /// List a session's turns, the newest first
    Turns(turns::Turns),
    /// List the conversations that an agent has stored for a session's directory
    #[command(visible_alias = "conversations")]
    History(history::History),
    /// Start a session anew in a stored conversation
    Resume(resume::Resume),
    /// Begin a new conversation in a running session
    NewChat(new_chat::NewChat),
    /// Print the conversation that a session is in
    Transcript(transcript::Transcript),
    /// Say what an agent is doing and how that is known
    Explain(explain::Explain),
    /// Answer what an agent asks
    Answer(answer::Answer),
    /// Show a session in this terminal, with tmux
    Attach(Attach),
    /// Print what a session's screen shows
    Screen(screen::Screen),
    /// Print what a session's terminal shows, live, without touching it
    Watch(watch::Watch),
    /// Wait for a session to become ready, idle, quiet, to show a text or to end
    Wait(wait::Wait),
}

pub(super) async fn run(verb: Verb, context: Context) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list::run(&args, &context).await,
        Verb::History(args) => history::run(&args, &context).await,
        Verb::Resume(args) => resume::run(&args, &context).await,
        Verb::NewChat(args) => new_chat::run(&args, &context).await,
        Verb::Transcript(args) => transcript::run(&args, &context).await,
        Verb::Start(args) => start::run(&args, &context).await,
        Verb::Stop(args) => stop::stop(&args, &context).await,
        Verb::Restart(args) => stop::restart(&args, &context).await,
        Verb::Edit(args) => edit::run(&args, &context).await,
        Verb::Prompt(args) => prompt::run(&args, &context).await,
        Verb::Broadcast(args) => broadcast::run(&args, &context).await,
        Verb::Turns(args) => turns::run(&args, &context).await,
        Verb::Explain(args) => explain::run(&args, &context).await,
        Verb::Answer(args) => answer::run(&args, &context).await,
        Verb::Attach(args) => attach::run(&args, &context).await,
        Verb::Screen(args) => screen::run(&args, &context).await,
        Verb::Watch(args) => watch::run(&args, &context).await,
        Verb::Wait(args) => wait::run(&args, &context).await,
    }
}
