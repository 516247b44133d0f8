//! Keeping what is logged.

use std::fmt::{self, Write};

use llmux_protocol::api::LogEntry;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use super::{Logs, redact};
use crate::store::time;

/// The longest line that is kept, in bytes.
const LINE_BYTES: usize = 4096;

/// A layer that keeps each line.
pub(super) struct Keep(pub(super) Logs);

impl<S: Subscriber> Layer<S> for Keep {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let text = redact(&(text.message + &text.fields));
        let (ts, level) = (
            time::now(),
            event.metadata().level().as_str().to_ascii_lowercase(),
        );
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.0.publish(LogEntry {
                id: None,
                ts: ts.clone(),
                level: level.clone(),
                text: line[..line.floor_char_boundary(LINE_BYTES)].to_owned(),
            });
        }
    }
}

/// An event as text: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            let _ = write!(self.fields, " {field}={value}");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a `String` never fails.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {field}={value:?}")
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn lines_are_kept_with_their_fields_and_without_secrets() {
        let logs = Logs::new(3);
        let subscriber = tracing_subscriber::registry().with(Keep(logs.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(name = "main", code = 3, "ended");
            tracing::warn!("one\n\ntwo: token=abcdef123");
        });
        let kept: Vec<_> = logs
            .all()
            .into_iter()
            .map(|(_, entry)| (entry.level.clone(), entry.text.clone()))
            .collect();
        let line = |level: &str, text: &str| (level.to_owned(), text.to_owned());
        assert_eq!(
            kept,
            [
                line("info", "ended name=main code=3"),
                line("warn", "one"),
                line("warn", "two: token=***")
            ]
        );
    }
}
