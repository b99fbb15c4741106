//! What the agent says and does: messages, thoughts, tool calls and what came of them.

use std::collections::VecDeque;

use serde_json::Value;

use crate::adapter::Output;
use crate::event::{AgentEvent, MAX_TEXT};

/// How long the line of a call may be, in bytes.
const LONGEST_CALL: usize = 300;
/// How many calls that write files may wait for their results.
const MOST_CALLS: usize = 256;
/// The arguments that say best what a tool does, the best first.
const TELLING: [&str; 12] = [
    "command",
    "file_path",
    "notebook_path",
    "pattern",
    "url",
    "query",
    "skill",
    "path",
    "description",
    "subject",
    "prompt",
    "message",
];

/// The calls whose results are awaited.
#[derive(Debug)]
pub(super) struct Calls {
    /// With a slash at its end.
    work_folder: Option<String>,
    /// Calls that write a file, by their id.
    writes: VecDeque<(String, String)>,
}

impl Calls {
    pub(super) fn new(work_folder: Option<&str>) -> Self {
        let work_folder = work_folder.map(|folder| format!("{}/", folder.trim_end_matches('/')));
        Self { work_folder, writes: VecDeque::new() }
    }

    pub(super) fn assistant(&mut self, event: &Value, out: &mut Output) {
        for block in blocks(event) {
            match at(block, "type") {
                "text" => words(at(block, "text"), AgentEvent::Message, out),
                "thinking" => words(at(block, "thinking"), AgentEvent::Thinking, out),
                "tool_use" | "server_tool_use" => self.call(block, out),
                _ => {}
            }
        }
    }

    fn call(&mut self, block: &Value, out: &mut Output) {
        let (id, tool) = (shorten(at(block, "id")), shorten(at(block, "name")));
        let input = block.get("input").unwrap_or(&Value::Null);
        let path = match tool.as_str() {
            "Write" | "Edit" | "MultiEdit" => at(input, "file_path"),
            "NotebookEdit" => at(input, "notebook_path"),
            _ => "",
        };
        if !path.is_empty() {
            if self.writes.len() >= MOST_CALLS {
                self.writes.pop_front();
            }
            self.writes.push_back((id.clone(), shorten(path)));
        }
        let what = self.what(input, LONGEST_CALL);
        out.say(AgentEvent::ToolCall { id, tool, what });
    }

    pub(super) fn results(&mut self, event: &Value, out: &mut Output) {
        for block in blocks(event) {
            if at(block, "type") != "tool_result" {
                continue;
            }
            let id = shorten(at(block, "tool_use_id"));
            let failed = block.get("is_error").and_then(Value::as_bool).unwrap_or(false);
            let written = self.writes.iter().position(|(call, _)| *call == id);
            let path = written.and_then(|index| self.writes.remove(index)).map(|(_, path)| path);
            let text = shorten(&content(block.get("content").unwrap_or(&Value::Null)));
            out.say(AgentEvent::ToolResult { id, failed, text });
            if let Some(path) = path.filter(|_| !failed) {
                out.say(AgentEvent::OutputFile(self.relative(&path).to_owned()));
            }
        }
    }

    /// What a tool does with this input, in a line. A command is whole up to the limit: rules of the plan
    /// are matched with it, so a command is not made to look like another one.
    pub(super) fn what(&self, input: &Value, limit: usize) -> String {
        let told = TELLING.iter().map(|key| (*key, at(input, key))).find(|(_, text)| !text.is_empty());
        match (told, input) {
            (Some((key, text)), _) if key.ends_with("path") => one_line(self.relative(text), limit),
            (Some((_, text)), _) => one_line(&one_after_the_other(text), limit),
            (None, Value::Object(fields)) if !fields.is_empty() => one_line(&input.to_string(), limit),
            (None, _) => String::new(),
        }
    }

    fn relative<'a>(&self, path: &'a str) -> &'a str {
        let below = self.work_folder.as_deref().and_then(|folder| path.strip_prefix(folder));
        below.filter(|rest| !rest.is_empty()).unwrap_or(path)
    }
}

fn words(text: &str, event: impl Fn(String) -> AgentEvent, out: &mut Output) {
    if !text.trim().is_empty() {
        out.say(event(shorten(text)));
    }
}

fn blocks(event: &Value) -> &[Value] {
    let content = event.get("message").and_then(|message| message.get("content"));
    content.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The text of a tool's result: a string, or blocks of which some are text.
fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().map(|block| match at(block, "type") {
                "text" => at(block, "text").to_owned(),
                kind => format!("({kind})"),
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A text of an object; empty where there is none.
pub(super) fn at<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The lines of a text in one line. To a shell the end of a line ends a command, and a rule of the plan
/// that allows the first line should see that there is more.
fn one_after_the_other(text: &str) -> String {
    let lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("; ")
}

/// At most [`MAX_TEXT`] bytes of a text.
pub(super) fn shorten(text: &str) -> String {
    cut(text, MAX_TEXT)
}

/// A text in one line without control characters.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let spaced: String =
        cut(text.trim(), limit).chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    spaced.trim_end().to_owned()
}

fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mark = "…";
    let mut end = limit.saturating_sub(mark.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &text[..end])
}
