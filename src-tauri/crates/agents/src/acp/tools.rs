//! The tool calls of a turn. An agent tells of one in several updates: its name first, what it is
//! given and what came of it later.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;
use crate::adapter::Output;
use crate::event::AgentEvent;
use crate::shown::{head, one_line, shorten};

/// How many calls are remembered; the first by id is forgotten beyond that.
const MAX_CALLS: usize = 256;
/// How many files of one call are told.
const MAX_FILES: usize = 256;
/// The longest result that is told, in bytes.
const MAX_RESULT: usize = 4 * 1024;
/// The longest id.
const MAX_ID: usize = 256;

/// One call.
#[derive(Debug, Default, Clone)]
struct Call {
    tool: String,
    what: String,
    /// Whether what it is given is known.
    is_clear: bool,
    /// Whether it was told.
    told: bool,
    changes_files: bool,
    files: Vec<String>,
    places: Vec<String>,
    printed: String,
}

/// The calls that have not ended.
#[derive(Debug, Default)]
pub(super) struct Tools {
    calls: BTreeMap<String, Call>,
}

impl Tools {
    pub(super) fn update(&mut self, update: &Value, out: &mut Output) {
        let Some(id) = text(update, "toolCallId").filter(|id| id.len() <= MAX_ID) else { return };
        let call = self.calls.entry(id.to_owned()).or_default();
        call.learn(update);
        let status = text(update, "status").unwrap_or_default();
        let ended = matches!(status, "completed" | "failed");
        if !call.told && (call.is_clear || ended) {
            call.told = true;
            let (tool, what) = (call.tool.clone(), call.what.clone());
            out.say(AgentEvent::ToolCall { id: id.to_owned(), tool, what });
        }
        if ended && let Some(call) = self.calls.remove(id) {
            call.end(id, status == "failed", update, out);
        }
        while self.calls.len() > MAX_CALLS {
            self.calls.pop_first();
        }
    }

    /// The tool and what it does, of a call as a request for permission describes it.
    pub(super) fn describe(&self, described: &Value) -> (String, String) {
        let known = text(described, "toolCallId").and_then(|id| self.calls.get(id));
        let mut call = known.cloned().unwrap_or_default();
        call.learn(described);
        (call.tool, call.what)
    }

    pub(super) fn clear(&mut self) {
        self.calls.clear();
    }
}

impl Call {
    fn learn(&mut self, update: &Value) {
        let kind = text(update, "kind");
        let named = text(update, "name").or_else(|| update.pointer("/_meta/claudeCode/toolName")?.as_str());
        if let Some(name) = named {
            self.tool = one_line(name);
        } else if self.tool.is_empty() {
            self.tool = one_line(kind.unwrap_or("tool"));
        }
        if let Some(kind) = kind {
            self.changes_files = matches!(kind, "edit" | "delete" | "move");
        }
        self.learn_files(update);
        let input = update.get("rawInput").and_then(Value::as_object).filter(|input| !input.is_empty());
        // A rule of the plan that allows the first place should see that there is more.
        let places = Some(self.places.join("; ")).filter(|places| !places.is_empty());
        let said = input.and_then(command).or(places);
        let said = said.or_else(|| text(update, "title").map(ToOwned::to_owned));
        if let Some(said) = said {
            self.what = one_line(&said);
        }
        self.is_clear |= input.is_some() || text(update, "status") == Some("in_progress");
    }

    fn learn_files(&mut self, update: &Value) {
        let places = update.get("locations").and_then(Value::as_array);
        let places = places.into_iter().flatten().filter_map(|place| text(place, "path"));
        note(&mut self.places, places);
        let content = update.get("content").and_then(Value::as_array).into_iter().flatten();
        let diffs = content.filter(|part| text(part, "type") == Some("diff"));
        note(&mut self.files, diffs.filter_map(|diff| text(diff, "path")));
        let printed = update.pointer("/_meta/terminal_output_delta/data").and_then(Value::as_str);
        if let Some(printed) = printed.filter(|_| self.printed.len() < MAX_RESULT) {
            self.printed.push_str(head(printed, MAX_RESULT));
        }
    }

    fn end(mut self, id: &str, failed: bool, update: &Value, out: &mut Output) {
        let text = result_text(update).unwrap_or_else(|| std::mem::take(&mut self.printed));
        let text = shorten(text.trim_end(), MAX_RESULT);
        out.say(AgentEvent::ToolResult { id: id.to_owned(), failed, text });
        if failed {
            return;
        }
        if self.changes_files {
            let places = std::mem::take(&mut self.places);
            note(&mut self.files, places.iter().map(String::as_str));
        }
        for file in self.files {
            out.say(AgentEvent::OutputFile(file));
        }
    }
}

/// The command of a shell call, in the two shapes that agents give it, or the file of another.
fn command(input: &serde_json::Map<String, Value>) -> Option<String> {
    match input.get("command").or_else(|| input.get("cmd")) {
        Some(Value::String(command)) => Some(command.clone()),
        Some(Value::Array(words)) => {
            Some(words.iter().filter_map(Value::as_str).take(64).collect::<Vec<_>>().join(" "))
        }
        _ => {
            let path = input.get("file_path").or_else(|| input.get("path"))?;
            path.as_str().map(ToOwned::to_owned)
        }
    }
}

fn note<'a>(known: &mut Vec<String>, found: impl Iterator<Item = &'a str>) {
    for file in found {
        let is_new = !file.is_empty() && file.len() <= 4096 && known.iter().all(|other| other != file);
        if is_new && known.len() < MAX_FILES {
            known.push(file.to_owned());
        }
    }
}

fn result_text(update: &Value) -> Option<String> {
    if let Some(output) = text(update, "rawOutput") {
        return Some(output.to_owned());
    }
    let content = update.get("content").and_then(Value::as_array).into_iter().flatten();
    let texts = content.filter_map(|part| part.pointer("/content/text")?.as_str());
    let joined = texts.take(16).collect::<Vec<_>>().join("\n");
    if !joined.is_empty() {
        return Some(joined);
    }
    let output = update.get("rawOutput").filter(|output| !output.is_null())?;
    let said = ["aggregated_output", "formatted_output", "output", "stdout"]
        .iter()
        .find_map(|name| text(output, name));
    Some(said.map_or_else(|| output.to_string(), ToOwned::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_call_that_changes_several_files_is_described_by_all_of_them() {
        let places = json!([{"path": "src/a.py"}, {"path": "/etc/b"}]);
        let call = json!({"toolCallId": "1", "kind": "edit", "title": "Edit a.py", "locations": places});
        assert_eq!(Tools::default().describe(&call), ("edit".to_owned(), "src/a.py; /etc/b".to_owned()));
        let call = json!({"toolCallId": "2", "kind": "execute", "rawInput": {"command": "make\nrm x"}});
        let (_, what) = Tools::default().describe(&call);
        assert!(what.ends_with('…'), "a rule does not take the first line for all: {what}");
    }
}
