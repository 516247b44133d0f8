//! Reading what an agent's hook says. The events are the agents' own words.

use llmux_protocol::api::{DialogKind, HookRequest};
use serde_json::Value;

use super::report::News;

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
    fn what_is_not_known_is_only_noted() {
        assert_eq!(news("SessionStart", json!({"source": "startup"})), News::Note);
        assert_eq!(news("", json!(null)), News::Note);
        assert_eq!(news("Stop", json!("text")), News::Done(None));
    }
}
