//! What the programs' hooks tell, as events. Pure.

use miyabi_agents::event::MAX_TEXT;
use miyabi_agents::{AgentEvent, Failed, TurnEnd, causes};
use serde_json::Value;

/// How much of what it was told is looked for.
const BEGINNING: usize = 40;

/// What one line of the events' file says.
pub(super) fn understand(line: &Value) -> Vec<AgentEvent> {
    let text = |key: &str| line.get(key).and_then(Value::as_str).map(shortened);
    let session = text("session_id").or_else(|| text("thread-id"));
    let mut events: Vec<AgentEvent> =
        session.map(|id| AgentEvent::Session { id, model: text("model") }).into_iter().collect();
    let name = text("hook_event_name").or_else(|| text("type")).unwrap_or_default();
    match name.as_str() {
        "PreToolUse" => events.push(AgentEvent::ToolCall {
            id: text("tool_use_id").unwrap_or_default(),
            tool: text("tool_name").unwrap_or_default(),
            what: what(line.get("tool_input")),
        }),
        "PostToolUse" => events.extend(written(line).map(AgentEvent::OutputFile)),
        "Notification" => events.extend(text("message").map(AgentEvent::Notice)),
        "Stop" => events.push(turn_ended(text("last_assistant_message"), None)),
        "StopFailure" => {
            // A class, as in `rate_limit`, and what the person is shown.
            let class = text("error").unwrap_or_else(|| "the turn failed".to_owned());
            let told = text("last_assistant_message").filter(|told| !told.trim().is_empty());
            let message = told.unwrap_or_else(|| class.replace('_', " "));
            let failed = Failed::new(causes::of_words(&class), message);
            events.push(turn_ended(None, Some(failed)));
        }
        "agent-turn-complete" => events.push(turn_ended(text("last-assistant-message"), None)),
        _ => {}
    }
    events
}

/// Whether a line tells of a turn beside the conversation: Codex has a model make a title from what it
/// was told, and tells of that as of any other turn.
pub(super) fn is_aside(line: &Value, told: &str) -> bool {
    let beginning: String = squeezed(told).chars().take(BEGINNING).collect();
    let messages = line.get("input-messages").and_then(Value::as_array);
    messages.into_iter().flatten().filter_map(Value::as_str).any(|message| {
        let message = squeezed(message);
        !beginning.is_empty() && message.contains(&beginning) && !message.starts_with(&beginning)
    })
}

/// The text without its blanks, which a screen may change.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

fn turn_ended(summary: Option<String>, failure: Option<Failed>) -> AgentEvent {
    AgentEvent::TurnEnded(TurnEnd { summary: summary.unwrap_or_default(), failure })
}

/// What a tool is used for: the part of its input that says most.
fn what(input: Option<&Value>) -> String {
    let of = |key: &str| input.and_then(|input| input.get(key)).and_then(Value::as_str);
    let said = ["command", "file_path", "notebook_path", "pattern", "url", "query", "description", "prompt"];
    said.into_iter().find_map(of).map(shortened).unwrap_or_default()
}

fn written(line: &Value) -> Option<String> {
    let tool = line.get("tool_name")?.as_str()?;
    let input = line.get("tool_input")?;
    let file = input.get("file_path").or_else(|| input.get("notebook_path"))?.as_str()?;
    matches!(tool, "Write" | "Edit" | "MultiEdit" | "NotebookEdit").then(|| shortened(file))
}

fn shortened(text: &str) -> String {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_plan::FailureCause;
    use serde_json::json;

    #[test]
    fn hooks_of_both_programs_are_understood() {
        let claude =
            understand(&json!({"hook_event_name": "PreToolUse", "session_id": "s", "tool_name": "Bash",
            "tool_use_id": "t", "tool_input": {"command": "pytest"}}));
        assert_eq!(
            claude,
            [
                AgentEvent::Session { id: "s".into(), model: None },
                AgentEvent::ToolCall { id: "t".into(), tool: "Bash".into(), what: "pytest".into() },
            ]
        );
        let end = |line| understand(&line).pop();
        let ended =
            |summary: &str| Some(AgentEvent::TurnEnded(TurnEnd { summary: summary.into(), failure: None }));
        assert_eq!(end(json!({"hook_event_name": "Stop", "last_assistant_message": "done"})), ended("done"));
        assert_eq!(
            end(json!({"type": "agent-turn-complete", "thread-id": "x", "last-assistant-message": "ok"})),
            ended("ok")
        );
        assert_eq!(understand(&json!({"type": 5})), []);
        let failed = end(json!({"hook_event_name": "StopFailure", "error": "server_error",
            "last_assistant_message": "API Error: Connection refused"}));
        let Some(AgentEvent::TurnEnded(TurnEnd { failure: Some(failed), .. })) = failed else {
            panic!("a failed turn: {failed:?}")
        };
        assert_eq!(
            (failed.cause, failed.message.as_str()),
            (FailureCause::ProviderDown, "API Error: Connection refused")
        );
    }

    #[test]
    fn a_turn_that_only_makes_a_title_is_not_the_conversations() {
        let told = "Task-2: Core\n\nWrite it.";
        let line = |message: &str| json!({"type": "agent-turn-complete", "input-messages": [message]});
        assert!(!is_aside(&line("Task-2: Core\r\rWrite it."), told));
        assert!(!is_aside(&line("go on"), told), "a person typed that");
        assert!(is_aside(&line("Make a title of: Task-2: Core\n\nWrite it."), told));
        assert!(!is_aside(&json!({"hook_event_name": "Stop"}), told));
    }
}
