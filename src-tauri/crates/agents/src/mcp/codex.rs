//! The `codex/event` notifications of `codex mcp-server` 0.153, as seen.

use miyabi_protocol::Usage;
use serde_json::Value;

use super::{MAX_SHOWN, text};
use crate::adapter::Output;
use crate::event::{AgentEvent, MAX_TEXT};
use crate::shown::{one_line, shorten};

/// What an event means, if anything: most say twice what others say.
pub(super) fn event(message: &Value, out: &mut Output) {
    match text(message, "type").unwrap_or_default() {
        "session_configured" => session(message, out),
        "agent_message" => say(message, "message", AgentEvent::Message, out),
        "agent_reasoning" => say(message, "text", AgentEvent::Thinking, out),
        "warning" | "stream_error" => say(message, "message", AgentEvent::Notice, out),
        "exec_command_begin" => began(message, "exec_command", &command(message), out),
        "patch_apply_begin" => began(message, "apply_patch", &files_in_a_line(message), out),
        "exec_command_end" => {
            ended(message, message.get("exit_code").and_then(Value::as_i64) != Some(0), out);
        }
        "patch_apply_end" => {
            let failed = message.get("success") != Some(&Value::Bool(true));
            ended(message, failed, out);
            if !failed {
                out.events.extend(files(message).into_iter().map(AgentEvent::OutputFile));
            }
        }
        "token_count" => tokens(message, out),
        _ => {}
    }
}

/// The command of an event or of a request for permission, without the shell around it.
pub(super) fn command(message: &Value) -> String {
    let words = message.get("command").or_else(|| message.get("codex_command")).and_then(Value::as_array);
    let words: Vec<&str> = words.into_iter().flatten().filter_map(Value::as_str).take(256).collect();
    match words.as_slice() {
        [shell, "-c" | "-lc", script] if shell.ends_with("sh") => (*script).to_owned(),
        words => words.join(" "),
    }
}

/// The files of a patch.
fn files(message: &Value) -> Vec<String> {
    let changes = message.get("changes").or_else(|| message.get("codex_changes")).and_then(Value::as_object);
    changes
        .into_iter()
        .flatten()
        .map(|(file, _)| file)
        .filter(|file| file.len() <= 4096)
        .take(256)
        .cloned()
        .collect()
}

/// The files of a patch as a rule of the plan sees them: one that allows the first should see that there is
/// more.
pub(super) fn files_in_a_line(message: &Value) -> String {
    files(message).join("; ")
}

fn session(message: &Value, out: &mut Output) {
    let id = text(message, "thread_id").or_else(|| text(message, "session_id"));
    if let Some(id) = id.filter(|id| id.len() <= 256) {
        let model = text(message, "model").map(|model| shorten(model, 200));
        out.say(AgentEvent::Session { id: id.to_owned(), model });
    }
}

fn say(message: &Value, name: &str, event: fn(String) -> AgentEvent, out: &mut Output) {
    let said = text(message, name).unwrap_or_default().trim();
    if !said.is_empty() {
        out.say(event(shorten(said, MAX_TEXT - 8)));
    }
}

fn began(message: &Value, tool: &str, what: &str, out: &mut Output) {
    if let Some(id) = text(message, "call_id").filter(|id| id.len() <= 256) {
        out.say(AgentEvent::ToolCall { id: id.to_owned(), tool: tool.to_owned(), what: one_line(what) });
    }
}

fn ended(message: &Value, failed: bool, out: &mut Output) {
    let Some(id) = text(message, "call_id").filter(|id| id.len() <= 256) else { return };
    let printed = text(message, "aggregated_output").or_else(|| text(message, "stdout")).unwrap_or_default();
    let printed = shorten(printed.trim_end(), MAX_SHOWN);
    out.say(AgentEvent::ToolResult { id: id.to_owned(), failed, text: printed });
}

fn tokens(message: &Value, out: &mut Output) {
    let Some(total) = message.pointer("/info/total_token_usage") else { return };
    let count = |name| total.get(name).and_then(Value::as_u64).unwrap_or_default();
    out.say(AgentEvent::Usage(Usage {
        input_tokens: count("input_tokens"),
        cached_tokens: count("cached_input_tokens"),
        output_tokens: count("output_tokens"),
        cost: None,
    }));
}
