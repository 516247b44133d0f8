//! Gemini `generateContent`.

use serde_json::{Value, json};

use super::wire::Wire;

pub static WIRE: Wire = Wire {
    open: Vec::new,
    piece: |text| candidate(&json!({"text": text}), None),
    close: |_| vec![candidate(&json!({"text": ""}), Some("STOP"))],
    call: |tool, arguments, id| {
        let call = json!({"functionCall": {"id": id, "name": tool, "args": arguments}});
        vec![candidate(&call, Some("STOP"))]
    },
    whole: |text| candidate(&json!({"text": text}), Some("STOP")),
    end: "",
};

fn candidate(part: &Value, finish: Option<&str>) -> Value {
    json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": finish}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18},
        "modelVersion": "lab", "responseId": "lab"})
}
