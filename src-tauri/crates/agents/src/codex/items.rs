//! What Codex does within a turn. `exec` and `app-server` tell of the same items, one in
//! `snake_case`, the other in `camelCase`.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::adapter::Output;
use crate::event::AgentEvent;

use super::{cut, shortened, text, words};

/// How many items that began are remembered until they end.
const MAX_OPEN: usize = 256;
/// How many files of one change are told of.
const MAX_CHANGES: usize = 1000;
/// The longest line about what a tool does, in bytes.
pub(super) const MAX_WHAT: usize = 1000;
/// The longest path that a system knows, in bytes; a longer one is no file.
const MAX_PATH: usize = 4096;
/// The longest name that is taken over, in bytes.
const MAX_NAME: usize = 200;

/// The name of Codex's shell.
pub(super) const SHELL: &str = "shell";
/// The name of Codex's way to write files.
pub(super) const PATCH: &str = "apply_patch";

/// The items of a process.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// What began and has not ended, by id: what it does, for the question whether it may.
    open: BTreeMap<String, OpenItem>,
    /// Their ids, the oldest first.
    order: VecDeque<String>,
    /// The last words.
    summary: String,
}

/// An item that began.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenItem {
    /// In a line.
    pub(super) what: String,
    /// All that is known of it; shortened.
    pub(super) detail: String,
}

impl Items {
    /// The last words that were said, and forgets them.
    pub(super) fn take_summary(&mut self) -> String {
        std::mem::take(&mut self.summary)
    }

    /// An item that began and has not ended.
    pub(super) fn open(&self, id: &str) -> Option<&OpenItem> {
        self.open.get(id)
    }

    /// An item began, or is further.
    pub(super) fn started(&mut self, item: &Value, out: &mut Output) {
        if let Some(progress) = todo_progress(item) {
            return out.say(AgentEvent::Progress(progress));
        }
        let Some(call) = Call::read(item) else { return };
        self.begin(&call, out);
    }

    /// An item has come to its end.
    pub(super) fn completed(&mut self, item: &Value, out: &mut Output) {
        match text(item, "type") {
            "agent_message" | "agentMessage" | "plan" => self.message(text(item, "text"), out),
            "reasoning" => thinking(item, out),
            "error" => out.say(AgentEvent::Notice(shortened(text(item, "message")))),
            "contextCompaction" => {
                out.say(AgentEvent::Notice("Codex summed up the conversation to make room.".to_owned()));
            }
            "todo_list" => self.started(item, out),
            _ => {
                let Some(call) = Call::read(item) else { return };
                self.begin(&call, out);
                self.end(&call.id);
                let (failed, text) = result(item);
                out.say(AgentEvent::ToolResult { id: call.id, failed, text });
                if text_is(item, "status", "completed") {
                    changed_files(item).for_each(|path| out.say(AgentEvent::OutputFile(path.to_owned())));
                }
            }
        }
    }

    fn message(&mut self, text: &str, out: &mut Output) {
        if !text.trim().is_empty() {
            self.summary = shortened(text);
            out.say(AgentEvent::Message(self.summary.clone()));
        }
    }

    /// Tells of a call, once.
    fn begin(&mut self, call: &Call, out: &mut Output) {
        if self.open.contains_key(&call.id) {
            return;
        }
        if self.order.len() == MAX_OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.order.push_back(call.id.clone());
        let known = OpenItem { what: call.what.clone(), detail: call.detail.clone() };
        self.open.insert(call.id.clone(), known);
        out.say(AgentEvent::ToolCall {
            id: call.id.clone(),
            tool: call.tool.clone(),
            what: call.what.clone(),
        });
    }

    fn end(&mut self, id: &str) {
        self.open.remove(id);
        self.order.retain(|open| open != id);
    }
}

/// The use of a tool.
struct Call {
    id: String,
    tool: String,
    what: String,
    detail: String,
}

impl Call {
    fn read(item: &Value) -> Option<Self> {
        let id = cut(text(item, "id"), MAX_NAME);
        if id.is_empty() {
            return None;
        }
        let (tool, what, detail) = match text(item, "type") {
            "command_execution" | "commandExecution" => {
                let command = text(item, "command");
                (SHELL.to_owned(), words::script(command), command.to_owned())
            }
            "file_change" | "fileChange" => (PATCH.to_owned(), changes_in_a_line(item), diffs(item)),
            "mcp_tool_call" | "mcpToolCall" => {
                let tool = format!("mcp__{}__{}", text(item, "server"), text(item, "tool"));
                (tool, json_in_a_line(item.get("arguments")), String::new())
            }
            "dynamicToolCall" => {
                (text(item, "tool").to_owned(), json_in_a_line(item.get("arguments")), String::new())
            }
            "web_search" | "webSearch" => {
                ("web_search".to_owned(), text(item, "query").to_owned(), String::new())
            }
            "collab_tool_call" | "collabAgentToolCall" => {
                (text(item, "tool").to_owned(), text(item, "prompt").to_owned(), String::new())
            }
            _ => return None,
        };
        Some(Self { id, tool: cut(&tool, MAX_NAME), what: cut(&what, MAX_WHAT), detail: shortened(&detail) })
    }
}

fn text_is(item: &Value, key: &str, expected: &str) -> bool {
    text(item, key) == expected
}

fn thinking(item: &Value, out: &mut Output) {
    let mut parts: Vec<&str> = vec![text(item, "text")];
    for key in ["summary", "content"] {
        // The content is the raw thought, of which the summary tells; only open models give it.
        if parts.iter().all(|part| part.is_empty()) {
            parts.extend(list(item, key).filter_map(Value::as_str));
        }
    }
    let thought = parts.join("\n").trim().to_owned();
    if !thought.is_empty() {
        out.say(AgentEvent::Thinking(shortened(&thought)));
    }
}

fn result(item: &Value) -> (bool, String) {
    let exit_code = item.get("exit_code").or_else(|| item.get("exitCode")).and_then(Value::as_i64);
    let failed = matches!(text(item, "status"), "failed" | "declined")
        || exit_code.is_some_and(|code| code != 0)
        || item.get("success").and_then(Value::as_bool) == Some(false);
    let output = item.get("aggregated_output").or_else(|| item.get("aggregatedOutput"));
    let error = item.get("error").map(|error| text(error, "message")).unwrap_or_default();
    let mut said = output.and_then(Value::as_str).unwrap_or(error).to_owned();
    if said.is_empty() {
        said = item.get("result").map(mcp_text).unwrap_or_default();
    }
    if said.is_empty() && text_is(item, "status", "declined") {
        "It was not permitted.".clone_into(&mut said);
    }
    (failed, shortened(&said))
}

/// What an MCP tool gave, without pictures.
fn mcp_text(result: &Value) -> String {
    let texts = list(result, "content").map(|part| text(part, "text")).filter(|text| !text.is_empty());
    let mut joined = String::new();
    for text in texts.take(MAX_CHANGES) {
        joined.push_str(&shortened(text));
        joined.push('\n');
        if joined.len() > crate::event::MAX_TEXT {
            break;
        }
    }
    joined.trim_end().to_owned()
}

/// The share of a `todo_list` that is done.
fn todo_progress(item: &Value) -> Option<f64> {
    if text(item, "type") != "todo_list" {
        return None;
    }
    share(list(item, "items").map(|todo| todo.get("completed").and_then(Value::as_bool) == Some(true)))
}

/// Which share of the steps of a plan is done; none for a plan without any.
pub(super) fn share(steps: impl Iterator<Item = bool>) -> Option<f64> {
    let (done, all) = steps.fold((0_u32, 0_u32), |(done, all), step| (done + u32::from(step), all + 1));
    (all > 0).then(|| f64::from(done) / f64::from(all))
}

fn changed_files(item: &Value) -> impl Iterator<Item = &str> {
    list(item, "changes").take(MAX_CHANGES).flat_map(|change| {
        let moved = change.get("kind").map(|kind| text(kind, "move_path")).unwrap_or_default();
        [text(change, "path"), moved].into_iter().filter(|path| (1..=MAX_PATH).contains(&path.len()))
    })
}

fn changes_in_a_line(item: &Value) -> String {
    let mut line = String::new();
    for change in list(item, "changes") {
        let kind = change.get("kind").unwrap_or(&Value::Null);
        let kind = kind.as_str().unwrap_or_else(|| text(kind, "type"));
        if !line.is_empty() {
            // A rule of the plan that allows the first should see that there is more.
            line.push_str("; ");
        }
        line.push_str(&cut(kind, MAX_NAME));
        line.push(' ');
        line.push_str(&cut(text(change, "path"), MAX_WHAT));
        if line.len() > MAX_WHAT {
            break;
        }
    }
    line
}

fn diffs(item: &Value) -> String {
    let mut all = String::new();
    for change in list(item, "changes") {
        if all.len() > crate::event::MAX_TEXT {
            break;
        }
        all.push_str(&cut(text(change, "path"), MAX_WHAT));
        all.push('\n');
        all.push_str(&shortened(text(change, "diff")));
        all.push('\n');
    }
    all.trim_end().to_owned()
}

fn json_in_a_line(value: Option<&Value>) -> String {
    value.filter(|value| !value.is_null()).map(|value| cut(&value.to_string(), MAX_WHAT)).unwrap_or_default()
}

/// The members of a list within a value.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_of_an_item_say_the_same() {
        let exec = json!({"id": "1", "type": "command_execution", "command": "bash -lc 'ls a'",
            "aggregated_output": "x", "exit_code": 2, "status": "failed"});
        let app = json!({"id": "1", "type": "commandExecution", "command": "bash -lc 'ls a'",
            "aggregatedOutput": "x", "exitCode": 2, "status": "failed"});
        for item in [exec, app] {
            let (mut items, mut out) = (Items::default(), Output::default());
            items.started(&item, &mut out);
            items.completed(&item, &mut out);
            assert_eq!(
                out.events,
                [
                    AgentEvent::ToolCall { id: "1".into(), tool: "shell".into(), what: "ls a".into() },
                    AgentEvent::ToolResult { id: "1".into(), failed: true, text: "x".into() },
                ]
            );
        }
    }

    #[test]
    fn tools_plans_and_thoughts_are_told() {
        let (mut items, mut out) = (Items::default(), Output::default());
        items.started(
            &json!({"id": "t", "type": "todo_list", "items": [{"text": "a", "completed": true}, {"text": "b", "completed": false}]}),
            &mut out,
        );
        items.started(&json!({"id": "t", "type": "todo_list", "items": []}), &mut out);
        items.completed(
            &json!({"id": "m", "type": "mcpToolCall", "server": "db", "tool": "query", "arguments": {"q": 1},
                "status": "completed", "result": {"content": [{"type": "text", "text": "3 rows"}]}}),
            &mut out,
        );
        items.completed(
            &json!({"id": "w", "type": "web_search", "query": "rust", "status": "completed"}),
            &mut out,
        );
        items.completed(
            &json!({"id": "f", "type": "fileChange", "status": "completed", "changes":
                [{"path": "a", "kind": {"type": "update", "move_path": "b"}, "diff": ""}]}),
            &mut out,
        );
        items.completed(
            &json!({"id": "g", "type": "fileChange", "status": "declined", "changes":
                [{"path": "c", "kind": {"type": "add"}, "diff": ""}]}),
            &mut out,
        );
        items.completed(
            &json!({"id": "r", "type": "reasoning", "summary": ["x", "y"], "content": ["raw"]}),
            &mut out,
        );
        items.completed(&json!({"id": "u", "type": "userMessage", "text": "x"}), &mut out);
        let call = |id: &str, tool: &str, what: &str| AgentEvent::ToolCall {
            id: id.into(),
            tool: tool.into(),
            what: what.into(),
        };
        let gave = |id: &str, failed, text: &str| AgentEvent::ToolResult {
            id: id.into(),
            failed,
            text: text.into(),
        };
        assert_eq!(
            out.events,
            [
                AgentEvent::Progress(0.5),
                call("m", "mcp__db__query", r#"{"q":1}"#),
                gave("m", false, "3 rows"),
                call("w", "web_search", "rust"),
                gave("w", false, ""),
                call("f", "apply_patch", "update a"),
                gave("f", false, ""),
                AgentEvent::OutputFile("a".into()),
                AgentEvent::OutputFile("b".into()),
                call("g", "apply_patch", "add c"),
                gave("g", true, "It was not permitted."),
                AgentEvent::Thinking("\nx\ny".trim().into()),
            ]
        );
    }

    #[test]
    fn items_that_never_end_are_forgotten_in_time() {
        let (mut items, mut out) = (Items::default(), Output::default());
        for id in 0..MAX_OPEN * 3 {
            let item =
                json!({"id": id.to_string(), "type": "commandExecution", "command": "x".repeat(100_000)});
            items.started(&item, &mut out);
            out.events.clear();
        }
        assert_eq!((items.open.len(), items.order.len()), (MAX_OPEN, MAX_OPEN));
    }
}
