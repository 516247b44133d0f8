//! `OpenAI` Chat Completions, which most agents speak.

use serde_json::{Value, json};

use super::wire::Wire;

pub static WIRE: Wire = Wire {
    open: || vec![chunk(&json!({"role": "assistant", "content": ""}), None)],
    piece: |text| chunk(&json!({"content": text}), None),
    close: |_| vec![chunk(&json!({}), Some("stop")), usage()],
    call: |tool, arguments, id| {
        let call = json!([{"index": 0, "id": format!("call_{id}"), "type": "function",
            "function": {"name": tool, "arguments": arguments.to_string()}}]);
        vec![
            chunk(
                &json!({"role": "assistant", "content": "", "tool_calls": call}),
                None,
            ),
            chunk(&json!({}), Some("tool_calls")),
            usage(),
        ]
    },
    whole: |text| {
        json!({"id": "chat_1", "object": "chat.completion", "created": 1, "model": "lab",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": tokens()})
    },
    end: "data: [DONE]\n\n",
};

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": "lab",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

fn usage() -> Value {
    json!({"id": "chat_1", "object": "chat.completion.chunk", "created": 1, "model": "lab", "choices": [],
        "usage": tokens()})
}

fn tokens() -> Value {
    json!({"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18})
}
