//! Reading what an agent's hook says. The events are the agents' own words.

use llmux_protocol::api::{DialogKind, HookRequest};
use serde_json::Value;

use super::report::News;
use crate::session::Named;

/// What a call of a hook means, and how to name it.
pub(super) fn read(request: &HookRequest) -> (News, String) {
    let HookRequest { event, payload, .. } = request;
    let text = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| payload.get(name).and_then(Value::as_str))
            .map(str::to_owned)
    };
    // Codex puts the event into its only argument.
    let event = payload
        .get("hook_event_name")
        .or_else(|| payload.get("type"))
        .and_then(Value::as_str)
        .unwrap_or(event);
    let news = match event {
        "Stop" | "agentStop" | "AfterAgent" | "agent-turn-complete" => News::Done(text(&[
            "last_assistant_message",
            "lastAssistantMessage",
            "last-assistant-message",
            "prompt_response",
        ])),
        "StopFailure" => {
            News::Failed(text(&["error", "message"]).unwrap_or_else(|| "its hook says so".to_owned()))
        }
        "StopCancelled" => News::Interrupted,
        "UserPromptSubmit" | "userPromptSubmitted" | "BeforeAgent" => News::Accepted(text(&["prompt"])),
        "PermissionRequest" => News::Blocked(
            DialogKind::Approval,
            text(&["message", "tool_name"]).unwrap_or_default(),
        ),
        _ => News::Note,
    };
    (news, format!("hook {event}"))
}

/// The longest id of a conversation.
const MAX_ID: usize = 128;

/// The conversation that a call of a hook names. `is_busy`: the agent works.
pub(super) fn conversation(request: &HookRequest, is_busy: bool) -> Option<Named> {
    let payload = &request.payload;
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| payload.get(name)?.as_str());
        found.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let event = text(&["hook_event_name", "type"]).unwrap_or_else(|| request.event.clone());
    let is_start = event.eq_ignore_ascii_case("SessionStart");
    // Codex tells all messages of a turn.
    let messages = payload.get("input-messages").and_then(Value::as_array);
    let last = || Some(messages?.last()?.as_str()?.to_owned());
    let id = text(&[
        "session_id",
        "sessionId",
        "thread-id",
        "thread_id",
        "conversation_id",
    ])?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (id.len() <= MAX_ID && id.bytes().all(is_id)).then(|| Named {
        id,
        begins: is_start.then(|| text(&["source"]).unwrap_or_else(|| "startup".to_owned())),
        prompt: text(&["prompt"]).or_else(last),
        is_busy,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn news(event: &str, payload: Value) -> News {
        read(&HookRequest {
            event: event.to_owned(),
            payload,
            pane: None,
        })
        .0
    }

    #[test]
    fn the_end_of_a_turn_is_known_in_each_agents_words() {
        let done = |text: &str| News::Done(Some(text.to_owned()));
        assert_eq!(news("Stop", json!({"last_assistant_message": "a"})), done("a"));
        assert_eq!(news("agentStop", json!({})), News::Done(None));
        assert_eq!(news("AfterAgent", json!({"prompt_response": "b"})), done("b"));
        assert_eq!(
            news(
                "notify",
                json!({"type": "agent-turn-complete", "last-assistant-message": "c"})
            ),
            done("c")
        );
    }

    #[test]
    fn a_conversation_is_named_in_each_agents_words() {
        let named = |event: &str, payload: Value| {
            let event = event.to_owned();
            conversation(
                &HookRequest {
                    event,
                    payload,
                    pane: None,
                },
                false,
            )
        };
        let is = |id: &str, begins: Option<&str>, prompt: Option<&str>| {
            Some(Named {
                id: id.to_owned(),
                begins: begins.map(str::to_owned),
                prompt: prompt.map(str::to_owned),
                is_busy: false,
            })
        };
        assert_eq!(
            named("SessionStart", json!({"session_id": "a", "source": "clear"})),
            is("a", Some("clear"), None)
        );
        assert_eq!(
            named("sessionStart", json!({"sessionId": "b"})),
            is("b", Some("startup"), None)
        );
        assert_eq!(
            named("UserPromptSubmit", json!({"session_id": "c", "prompt": "hi"})),
            is("c", None, Some("hi"))
        );
        assert_eq!(
            named(
                "notify",
                json!({"type": "agent-turn-complete", "thread-id": "d", "input-messages": ["x", "y"]})
            ),
            is("d", None, Some("y"))
        );
        for payload in [
            json!({}),
            json!({"session_id": ""}),
            json!("text"),
            json!({"session_id": 7}),
            json!({"session_id": "a b"}),
        ] {
            assert_eq!(named("Stop", payload), None);
        }
    }

    #[test]
    fn what_is_not_known_is_only_noted() {
        assert_eq!(news("SessionStart", json!({"source": "startup"})), News::Note);
        assert_eq!(news("", json!(null)), News::Note);
        assert_eq!(news("Stop", json!("text")), News::Done(None));
    }
}
