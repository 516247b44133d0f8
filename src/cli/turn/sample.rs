//! Turns made by hand, for tests.

use llmux_protocol::api::Turn;
use serde_json::{Value, json};

fn turn(more: &Value) -> Turn {
    let mut turn = json!({
        "id": "t1", "session": "planner", "agent": "claude", "state": "ended", "origin": "prompt",
        "prompt": {"bytes": 12, "blake3": "00", "head": "do the thing"},
        "queuedAt": "2026-11-24T14:00:00Z",
        "stages": {"started": 200_000, "submitted": 24_300_000, "accepted": 31_000_000,
                   "firstOutput": 1_250_000_000_u64, "ended": 8_400_000_000_u64},
        "evidence": [
            {"step": "accepted", "source": "screen", "detail": "the composer is empty"},
            {"step": "ended", "source": "hook", "detail": "Stop"}
        ]
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        turn[key] = value.clone();
    }
    serde_json::from_value(turn).unwrap()
}

pub(crate) fn replied(text: &str) -> Turn {
    turn(&json!({"reply": {"text": text, "source": "transcript", "complete": true}}))
}

pub(crate) fn queued() -> Turn {
    turn(&json!({"state": "queued", "place": 2, "stages": {}, "evidence": []}))
}

pub(crate) fn refused() -> Turn {
    turn(
        &json!({"state": "refused", "stages": {}, "evidence": [], "error": {
            "code": "draft", "message": "the composer holds a draft", "hint": "--draft keep puts it back afterwards"
        }}),
    )
}

pub(crate) fn blocked() -> Turn {
    turn(&json!({"state": "blocked", "dialog": {
        "id": "d7", "kind": "approval", "header": "rm -r build", "question": "Run it?", "selected": 0,
        "options": [{"label": "Yes"}, {"label": "No", "description": "and say what to do instead"}]
    }}))
}
