//! tmux control mode, tmux(1) section CONTROL MODE, for tmux 3.2 and later.
//!
//! [`Demux`] turns what tmux prints into [`Item`]s; [`CommandLine`] is the only way to make bytes for its standard
//! input. Both are pure: whoever owns the pipes feeds and writes. Pane data and names are bytes, not text: tmux
//! cuts output anywhere, also inside a UTF-8 character.

mod command;
mod demux;
mod encode;
mod escape;
mod grammar;
mod layout;
mod notice;

pub use command::{
    BufferName, CapturePart, Command, CommandLine, DisplayTarget, Format, PaneTarget, SessionTarget, Size,
    WindowTarget,
};
pub use demux::{Demux, Item, MAX_LINE_BYTES, Reply};
pub use escape::unescape;
pub use layout::{BadLayout, Layout, PaneGeometry};
pub use notice::Notice;
