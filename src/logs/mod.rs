//! What the program logs: to standard error, and the last lines in a ring that clients read. Without secrets.

mod layer;
mod redact;

use std::io::{self, IsTerminal};

use llmux_protocol::api::LogEntry;
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};

use self::layer::Keep;
use crate::bus::Bus;

pub use self::redact::{redact, redact_file};

/// How many lines are kept.
const KEPT: usize = 500;

/// The last lines of the log.
pub type Logs = Bus<LogEntry>;

/// Begins to log; to standard error what `filter` lets through, if there is one.
#[must_use]
pub fn begin(filter: Option<EnvFilter>) -> Logs {
    let logs = Logs::new(KEPT);
    let Some(filter) = filter else { return logs };
    let to_stderr = tracing_subscriber::fmt::layer()
        .with_writer(|| redact::Writer(io::stderr()))
        .with_ansi(io::stderr().is_terminal())
        // On a full disk, telling that nothing can be told is a panic.
        .log_internal_errors(false)
        .with_filter(filter);
    let kept = Keep(logs.clone()).with_filter(LevelFilter::INFO);
    tracing_subscriber::registry().with(to_stderr).with(kept).init();
    logs
}
