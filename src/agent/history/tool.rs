//! The tools in a record: what was called, what came of it.

use serde_json::Value;

use super::turn::Part;
use crate::agent::transcript::{
    Format,
    record::{kind, str_at, text},
};

/// The calls and the results that a record holds.
pub(super) fn parts(format: Format, record: &Value) -> (Vec<Part>, Vec<Part>) {
    match format {
        Format::Demo => (Vec::new(), Vec::new()),
        Format::Claude => claude(record),
        Format::Codex => codex(&record["payload"]),
        Format::Gemini => gemini(record),
        Format::Qwen => qwen(record),
    }
}

fn claude(record: &Value) -> (Vec<Part>, Vec<Part>) {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for block in list(&record["message"]["content"]) {
        match kind(block) {
            "tool_use" => calls.push(call(
                str_at(block, "/id"),
                str_at(block, "/name").unwrap_or_default(),
                block["input"].clone(),
            )),
            "tool_result" => results.push(result(
                str_at(block, "/tool_use_id"),
                contents(&block["content"]),
                block["is_error"] == true,
            )),
            _ => {}
        }
    }
    (calls, results)
}

fn codex(payload: &Value) -> (Vec<Part>, Vec<Part>) {
    let id = str_at(payload, "/call_id");
    let name = str_at(payload, "/name").unwrap_or_default();
    match kind(payload) {
        "function_call" => (vec![call(id, name, parsed(&payload["arguments"]))], Vec::new()),
        "custom_tool_call" => (vec![call(id, name, payload["input"].clone())], Vec::new()),
        "function_call_output" | "custom_tool_call_output" => {
            let text = contents(&payload["output"]);
            let code = text.split_once("Process exited with code ").map(|(_, rest)| rest);
            let failed = code.is_some_and(|code| !code.starts_with('0'));
            (Vec::new(), vec![result(id, text, failed)])
        }
        _ => (Vec::new(), Vec::new()),
    }
}

fn gemini(record: &Value) -> (Vec<Part>, Vec<Part>) {
    if kind(record) == "error" {
        return (
            Vec::new(),
            vec![result(None, text(&record["content"], "\n"), true)],
        );
    }
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for tool in list(&record["toolCalls"]) {
        let id = str_at(tool, "/id");
        let name = str_at(tool, "/name").unwrap_or_default();
        calls.push(call(id, name, tool["args"].clone()));
        let responses = list(&tool["result"]).filter_map(|part| part.get("functionResponse"));
        results.extend(responses.map(|response| answered(id, response)));
    }
    (calls, results)
}

fn qwen(record: &Value) -> (Vec<Part>, Vec<Part>) {
    let parts = || list(&record["message"]["parts"]);
    let calls = parts().filter_map(|part| {
        let found = part.get("functionCall")?;
        let name = str_at(found, "/name").unwrap_or_default();
        Some(call(str_at(found, "/id"), name, found["args"].clone()))
    });
    let results = parts().filter_map(|part| {
        let found = part.get("functionResponse")?;
        Some(answered(str_at(found, "/id"), found))
    });
    (calls.collect(), results.collect())
}

fn answered(id: Option<&str>, response: &Value) -> Part {
    let body = &response["response"];
    let error = body.get("error");
    let shown = error.or_else(|| body.get("output")).unwrap_or(body);
    result(id, contents(shown), error.is_some())
}

pub(super) fn call(id: Option<&str>, name: &str, input: Value) -> Part {
    Part::ToolUse {
        id: id.map(str::to_owned),
        name: name.to_owned(),
        input,
    }
}

pub(super) fn result(for_id: Option<&str>, text: String, is_error: bool) -> Part {
    Part::ToolResult {
        for_id: for_id.map(str::to_owned),
        text,
        is_error,
    }
}

/// Text of any shape: as it is, of its parts, or as JSON.
pub(super) fn contents(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(_) => text(value, "\n"),
        other => other.to_string(),
    }
}

/// JSON within text, if it is some.
pub(super) fn parsed(value: &Value) -> Value {
    let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    inner.unwrap_or_else(|| value.clone())
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
