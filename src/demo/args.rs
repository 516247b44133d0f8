//! The flags of the demo agent. By default it behaves well; most flags make it misbehave in one known way.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The flags of `llmux demo-agent`. Times are milliseconds.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags are flags")]
pub struct DemoArgs {
    /// Wait before each chunk of a reply
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) delay: u64,
    /// Bytes in a chunk of a reply [default: 24, more for long replies]
    #[arg(long, value_name = "BYTES")]
    pub(crate) chunk: Option<usize>,

    /// Begin each reply with its number, so that equal prompts have unequal replies
    #[arg(long)]
    pub(crate) number: bool,

    /// Directory of the transcripts [default: llmux-demo in the XDG state directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) history: Option<PathBuf>,
    /// Id of the new conversation
    #[arg(long, value_name = "ID", conflicts_with = "resume")]
    pub(crate) session_id: Option<String>,
    /// Continue the conversation ID
    #[arg(long, value_name = "ID")]
    pub(crate) resume: Option<String>,

    /// Call the commands that this file of JSON names for events, such as `{"Stop": "COMMAND"}`
    #[arg(long, value_name = "FILE")]
    pub(crate) hooks: Option<PathBuf>,

    /// Draw on the alternate screen
    #[arg(long)]
    pub(crate) alt_screen: bool,
    /// Repaint the whole screen for each chunk
    #[arg(long)]
    pub(crate) full_repaint: bool,
    /// Print the whole transcript again when the size changes
    #[arg(long)]
    pub(crate) repaint_old_on_resize: bool,
    /// Tell the state by OSC 7501
    #[arg(long)]
    pub(crate) osc_status: bool,
    /// Tell the state in the terminal's title
    #[arg(long)]
    pub(crate) title: bool,
    /// How the end marker comes out of the renderer
    #[arg(long, value_enum, default_value_t = MarkerStyle::Plain)]
    pub(crate) marker_style: MarkerStyle,
    /// Dim text in the empty composer
    #[arg(long, value_name = "TEXT", default_value = "Ask the demo agent anything")]
    pub(crate) placeholder: String,
    /// Dim suggestion in the composer after a turn; Tab accepts it
    #[arg(long, value_name = "TEXT")]
    pub(crate) ghost: Option<String>,

    /// Start with a draft in the composer
    #[arg(long, value_name = "TEXT")]
    pub(crate) draft: Option<String>,
    /// Look ready, but drop all input for so long after the start
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) mount: u64,
    /// Take an Enter so soon after typed text for a newline
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) burst: u64,
    /// Take an Enter so soon after a paste for a newline
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) paste_guard: u64,
    /// Do not ask for bracketed pastes
    #[arg(long)]
    pub(crate) no_bracketed: bool,
    /// Ignore the first N Enters
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) swallow_enter: u32,
    /// Empty the composer at the first Enter, but put the prompt back into it after so long, instead of taking it
    #[arg(long, value_name = "MS")]
    pub(crate) give_back: Option<u64>,
    /// Put the prompt back into the composer when it is interrupted before the first chunk
    #[arg(long)]
    pub(crate) restore_draft: bool,
    /// Start in vim's normal mode: `i` inserts, Esc leaves
    #[arg(long)]
    pub(crate) vim: bool,
    /// Ask for trust in the folder first; the default answer is to exit
    #[arg(long)]
    pub(crate) trust: bool,
}

/// How the end marker comes out of the agent's renderer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MarkerStyle {
    /// Indented, on a row of its own
    Plain,
    /// Behind a bullet, like the first row of a reply
    Bullet,
    /// Broken over two rows
    Wrapped,
    /// Without its underscores, which the renderer took for emphasis
    Mangled,
}
