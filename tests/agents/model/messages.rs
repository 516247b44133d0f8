//! Anthropic Messages, which Claude Code speaks.

use serde_json::{Value, json};

use super::wire::Wire;

pub static WIRE: Wire = Wire {
    open: || vec![start(), block(&json!({"type": "text", "text": ""}))],
    piece: |text| delta(&json!({"type": "text_delta", "text": text})),
    close: |_| stop("end_turn"),
    call: |tool, arguments, id| {
        let id = format!("toolu_{id}");
        let mut events = vec![
            start(),
            block(&json!({"type": "tool_use", "id": id, "name": tool, "input": {}})),
            delta(&json!({"type": "input_json_delta", "partial_json": arguments.to_string()})),
        ];
        events.extend(stop("tool_use"));
        events
    },
    whole: |text| message(&json!([{"type": "text", "text": text}]), Some("end_turn")),
    end: "",
};

fn message(content: &Value, stop_reason: Option<&str>) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "lab", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": {"input_tokens": 9, "output_tokens": 9}})
}

fn start() -> Value {
    json!({"type": "message_start", "message": message(&json!([]), None)})
}

fn block(content: &Value) -> Value {
    json!({"type": "content_block_start", "index": 0, "content_block": content})
}

fn delta(delta: &Value) -> Value {
    json!({"type": "content_block_delta", "index": 0, "delta": delta})
}

fn stop(reason: &str) -> Vec<Value> {
    vec![
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": 9}}),
        json!({"type": "message_stop"}),
    ]
}
