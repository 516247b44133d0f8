//! `/metrics`, in the text format that Prometheus reads.

use std::{
    fmt::Write,
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::header::CONTENT_TYPE,
    middleware::Next,
    response::{IntoResponse, Response},
};
use llmux_protocol::api::{DaemonStatus, Event, Turn};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::Shared;
use crate::bus::{Bus, Next as Read};

/// Upper bounds in seconds: from what a prompt costs us to what an agent takes.
const TURN_SECONDS: [f64; 14] = [
    0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 180.0, 600.0, 1800.0, 7200.0,
];
const REQUEST_SECONDS: [f64; 8] = [0.0005, 0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    agent: String,
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    agent: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

type HistogramOf<L> = Family<L, Histogram, fn() -> Histogram>;

/// What is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    stages: HistogramOf<Stage>,
    turns: Family<End, Counter>,
    answers: Family<Answer, Counter>,
    durations: HistogramOf<Route>,
    fan_out: FanOut,
}

/// What viewers of terminals get.
#[derive(Debug, Default)]
pub(super) struct FanOut {
    viewers: AtomicU64,
    pub(super) bytes: Counter,
    pub(super) snapshots: Counter,
}

/// A viewer, until it is dropped.
pub(super) struct Viewer<'a>(&'a FanOut);

impl FanOut {
    /// Counts a viewer.
    pub(super) fn viewer(&self) -> Viewer<'_> {
        self.viewers.fetch_add(1, Ordering::Relaxed);
        Viewer(self)
    }
}

impl Drop for Viewer<'_> {
    fn drop(&mut self) {
        self.0.viewers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("llmux");
        let stages: HistogramOf<Stage> = Family::new_with_constructor(|| Histogram::new(TURN_SECONDS));
        let durations: HistogramOf<Route> = Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS));
        let (turns, answers, fan_out) = (Family::default(), Family::default(), FanOut::default());
        registry.register(
            "turn_stage_seconds",
            "From a turn's queueing to each of its stages",
            stages.clone(),
        );
        registry.register("turns", "Turns that are over", turns.clone());
        registry.register("http_requests", "Requests that were answered", answers.clone());
        registry.register(
            "http_request_seconds",
            "Until the head of the answer",
            durations.clone(),
        );
        registry.register(
            "fanout_bytes",
            "Terminal output sent to viewers",
            fan_out.bytes.clone(),
        );
        registry.register(
            "fanout_snapshots",
            "Screens sent to viewers, at their start and when they were too slow",
            fan_out.snapshots.clone(),
        );
        Self(Arc::new(Inner {
            registry,
            stages,
            turns,
            answers,
            durations,
            fan_out,
        }))
    }

    pub(super) fn fan_out(&self) -> &FanOut {
        &self.0.fan_out
    }

    /// Counts turns as they end.
    pub(crate) async fn follow(self, events: Bus<Event>) {
        let mut reader = events.read(None);
        loop {
            if let Read::Item(_, event) = reader.next().await
                && let Event::Turn { turn } = &*event
                && turn.state.is_final()
            {
                self.count(turn);
            }
        }
    }

    fn count(&self, turn: &Turn) {
        let stages = &turn.stages;
        for (stage, at) in [
            ("started", stages.started),
            ("submitted", stages.submitted),
            ("accepted", stages.accepted),
            ("first_output", stages.first_output),
            ("ended", stages.ended),
        ] {
            let Some(nanos) = at else { continue };
            let agent = turn.agent.clone();
            let seconds = std::time::Duration::from_nanos(nanos).as_secs_f64();
            self.0
                .stages
                .get_or_create(&Stage { agent, stage })
                .observe(seconds);
        }
        let (agent, state) = (turn.agent.clone(), turn.state.as_str());
        self.0.turns.get_or_create(&End { agent, state }).inc();
    }

    fn text(&self, status: &DaemonStatus) -> String {
        let mut text = String::new();
        // Writing to a `String` never fails.
        let _ = encode(&mut text, &self.0.registry);
        let text = text.trim_end_matches("# EOF\n").to_owned();
        text + &gauges(status, self.0.fan_out.viewers.load(Ordering::Relaxed)) + "# EOF\n"
    }
}

/// What is looked at when it is asked for.
fn gauges(status: &DaemonStatus, viewers: u64) -> String {
    let (memory, descriptors) = process();
    let mut text = String::new();
    for (name, kind, help, value) in [
        (
            "llmux_sessions",
            "gauge",
            "Known sessions",
            status.sessions as u64,
        ),
        (
            "llmux_sessions_running",
            "gauge",
            "Sessions whose agent runs",
            status.running as u64,
        ),
        ("llmux_fanout_viewers", "gauge", "Viewers of terminals", viewers),
        (
            "llmux_tmux_connected",
            "gauge",
            "Whether the connection to tmux is up",
            u64::from(status.tmux.connected),
        ),
        (
            "llmux_tmux_reconnects",
            "counter",
            "How often the connection to tmux had to be rebuilt",
            status.tmux.reconnects,
        ),
        (
            "llmux_uptime_seconds",
            "gauge",
            "Since the daemon started",
            status.uptime_secs,
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Memory of the daemon",
            memory,
        ),
        (
            "process_open_fds",
            "gauge",
            "Open descriptors of the daemon",
            descriptors,
        ),
    ] {
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = writeln!(
            text,
            "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name}{total} {value}"
        );
    }
    text
}

/// Resident memory in bytes, and open descriptors; 0 where the system does not say.
fn process() -> (u64, u64) {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    (
        pages.unwrap_or(0) * rustix::param::page_size() as u64,
        descriptors,
    )
}

pub(super) async fn metrics(State(shared): State<Shared>) -> Response {
    let text = shared.metrics.text(&(shared.status)());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text).into_response()
}

/// Counts an answered request, by its route: paths hold names.
pub(super) async fn count(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        _ => "other",
    };
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let answer = Answer {
        method,
        route: route.clone(),
        status,
    };
    metrics.0.answers.get_or_create(&answer).inc();
    let duration = began.elapsed().as_secs_f64();
    metrics
        .0
        .durations
        .get_or_create(&Route { route })
        .observe(duration);
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_turn_that_is_over_is_counted_by_agent_state_and_stage() {
        let metrics = Metrics::new();
        let turn: Turn = serde_json::from_value(json!({
            "id": "1", "session": "s", "agent": "demo", "state": "ended", "origin": "prompt",
            "prompt": {"bytes": 1, "blake3": "", "head": ""}, "queuedAt": "", "evidence": [],
            "stages": {"started": 2_000_000, "ended": 1_500_000_000}
        }))
        .unwrap();
        metrics.count(&turn);
        let mut text = String::new();
        encode(&mut text, &metrics.0.registry).unwrap();
        for line in [
            "llmux_turns_total{agent=\"demo\",state=\"ended\"} 1",
            "llmux_turn_stage_seconds_bucket{le=\"0.005\",agent=\"demo\",stage=\"started\"} 1",
            "llmux_turn_stage_seconds_bucket{le=\"1.0\",agent=\"demo\",stage=\"ended\"} 0",
            "llmux_turn_stage_seconds_count{agent=\"demo\",stage=\"ended\"} 1",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
