//! Agents behind an MCP server: which tools are called and with what, and what the server says
//! meanwhile. Pure; the conversation itself is the runner's.

mod codex;
mod listener;

use std::collections::BTreeMap;

use miyabi_plan::{Access, McpTool};
use serde_json::{Map, Value, json};

use crate::adapter::Start;

pub use listener::{Listener, tool_result};

/// The longest text of a result or a detail, in bytes.
const MAX_SHOWN: usize = 4 * 1024;

/// What a tool is called with: placeholders filled in, and arguments left out whose text is a
/// placeholder without a value.
#[must_use]
pub fn arguments(tool: &McpTool, start: &Start, prompt: &str, session: Option<&str>) -> Map<String, Value> {
    let known = BTreeMap::from([
        ("{{prompt}}", Some(prompt)),
        ("{{work_folder}}", start.work_folder.as_deref()),
        ("{{session}}", session),
        ("{{model}}", start.model.as_deref()),
        ("{{sandbox}}", Some(sandbox(start.access))),
    ]);
    let filled = |text: &str| match known.get(text.trim()) {
        Some(value) => value.map(ToOwned::to_owned),
        None => Some(fill(text, &known)),
    };
    let entries = tool.arguments.iter();
    entries.filter_map(|(name, text)| Some((name.clone(), Value::from(filled(text)?)))).collect()
}

/// Fills in the placeholders in one pass, so that a prompt which holds one stays as it is.
fn fill(text: &str, known: &BTreeMap<&str, Option<&str>>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, after) = rest.split_at(at);
        filled.push_str(before);
        let end = after.find("}}").map_or(after.len(), |end| end + 2);
        let (name, left) = after.split_at(end);
        filled.push_str(known.get(name).map_or(name, |value| value.unwrap_or_default()));
        rest = left;
    }
    filled.push_str(rest);
    filled
}

/// Codex's word for what an agent may do, which other servers around it use too.
#[must_use]
pub const fn sandbox(access: Access) -> &'static str {
    match access {
        Access::Read => "read-only",
        Access::Edit => "workspace-write",
        Access::Full => "danger-full-access",
    }
}

/// The text under a name; none where there is something else.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The answer to a request that is not understood.
fn refusal(id: &Value, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32602, "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Start {
        Start {
            argv: Vec::new(),
            environment: BTreeMap::new(),
            work_folder: Some("/w".into()),
            model: None,
            access: Access::Edit,
            budget: None,
            prompt: String::new(),
            resume: None,
        }
    }

    #[test]
    fn a_tool_is_called_with_what_the_plan_says() {
        let tool = |arguments: &[(&str, &str)]| McpTool {
            name: "codex".into(),
            arguments: arguments.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
        };
        let first = tool(&[
            ("prompt", "{{prompt}}"),
            ("cwd", "{{work_folder}}"),
            ("model", "{{model}}"),
            ("sandbox", "{{sandbox}}"),
            ("approval-policy", "on-request"),
        ]);
        let first = arguments(&first, &start(), "do {{model}}", None);
        let expected = json!({
            "prompt": "do {{model}}", "cwd": "/w", "sandbox": "workspace-write", "approval-policy": "on-request",
        });
        assert_eq!(
            Value::from(first),
            expected,
            "what is not known is left out, and a prompt is not a template"
        );
        let reply = tool(&[("prompt", "{{prompt}}"), ("threadId", "{{session}}")]);
        let reply = arguments(&reply, &start(), "and now", Some("t-1"));
        assert_eq!(Value::from(reply), json!({ "prompt": "and now", "threadId": "t-1" }));
    }

    #[test]
    fn placeholders_stand_anywhere_in_a_text() {
        let of = |text: &str| {
            let tool = McpTool { name: "x".into(), arguments: [("a".to_owned(), text.to_owned())].into() };
            arguments(&tool, &start(), "P {{session}}", None).remove("a")
        };
        assert_eq!(of("{{work_folder}}: {{prompt}} {{model}}!"), Some(json!("/w: P {{session}} !")));
        assert_eq!(of("{{nope}} {{"), Some(json!("{{nope}} {{")));
        assert_eq!(of("{{model}}"), None);
        assert_eq!(of(""), Some(json!("")));
    }
}
