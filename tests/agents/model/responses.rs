//! `OpenAI` Responses, which Codex speaks.

use serde_json::{Value, json};

use super::wire::Wire;

pub static WIRE: Wire = Wire {
    open: || {
        vec![
            json!({"type": "response.created", "response": response("in_progress", &json!([]))}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": message("in_progress", &json!([]))}),
            json!({"type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                "part": part("")}),
        ]
    },
    piece: |text| {
        json!({"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "delta": text})
    },
    close: |text| {
        let item = message("completed", &json!([part(text)]));
        vec![
            json!({"type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0,
                "text": text}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
            json!({"type": "response.completed", "response": response("completed", &json!([item]))}),
        ]
    },
    call: |tool, arguments, id| {
        let item = json!({"type": "function_call", "id": format!("fc_{id}"), "call_id": format!("call_{id}"),
            "name": tool, "arguments": arguments.to_string(), "status": "completed"});
        vec![
            json!({"type": "response.created", "response": response("in_progress", &json!([]))}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
            json!({"type": "response.completed", "response": response("completed", &json!([item]))}),
        ]
    },
    whole: |text| response("completed", &json!([message("completed", &json!([part(text)]))])),
    end: "",
};

fn response(status: &str, output: &Value) -> Value {
    json!({"id": "resp_1", "object": "response", "created_at": 1, "model": "lab", "status": status, "output": output,
        "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 18}})
}

fn message(status: &str, content: &Value) -> Value {
    json!({"type": "message", "id": "msg_1", "role": "assistant", "status": status, "content": content})
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": []})
}
