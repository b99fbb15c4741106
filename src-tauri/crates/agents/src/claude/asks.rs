//! Requests for permission, and what was said to them.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_plan::Access;
use miyabi_protocol::{ApprovalAnswer, ApprovalRequest, Timestamp};
use serde_json::{Value, json};

use super::messages::{Calls, at, one_line, shorten};
use crate::adapter::Output;
use crate::event::{AgentEvent, MAX_TEXT};

/// How many requests may be open; the program asks one or a few at a time.
const MOST_OPEN: usize = 64;
/// The longest input that is kept to be given back with the answer, in bytes. The program takes an
/// answer without it, too.
const LONGEST_INPUT: usize = 256 * 1024;
/// How many refusals of a turn are remembered.
const MOST_REFUSED: usize = 1024;

/// The open requests.
#[derive(Debug)]
pub(super) struct Asks {
    access: Access,
    open: BTreeMap<String, Ask>,
    /// Calls that were denied here, in this turn.
    denied: BTreeSet<String>,
}

#[derive(Debug)]
struct Ask {
    call: String,
    input: Option<Value>,
}

impl Asks {
    pub(super) fn new(access: Access) -> Self {
        Self { access, open: BTreeMap::new(), denied: BTreeSet::new() }
    }

    pub(super) fn request(&mut self, event: &Value, calls: &Calls, now: Timestamp, out: &mut Output) {
        let id = at(event, "request_id");
        let request = event.get("request").unwrap_or(&Value::Null);
        if at(request, "subtype") != "can_use_tool" {
            // It would wait for ever for an answer to what is not understood here.
            let error = json!({"subtype": "error", "request_id": id, "error": "this is not supported here"});
            out.send(&json!({"type": "control_response", "response": error}));
            return;
        }
        let input = request.get("input").unwrap_or(&Value::Null);
        let kept = (input.to_string().len() <= LONGEST_INPUT).then(|| input.clone());
        let full = self.open.len() >= MOST_OPEN;
        self.open.insert(id.to_owned(), Ask { call: shorten(at(request, "tool_use_id")), input: kept });
        if self.access == Access::Full {
            self.answer(id, &ApprovalAnswer::Allow, out);
        } else if full {
            let reason = "Too many requests wait for an answer.".to_owned();
            self.answer(id, &ApprovalAnswer::Deny { reason }, out);
        } else {
            let tool = shorten(at(request, "tool_name"));
            let what = calls.what(input, MAX_TEXT);
            let detail = detail(request, input);
            out.say(AgentEvent::Asks(ApprovalRequest {
                id: id.to_owned(),
                tool,
                what,
                detail,
                asked_at: now,
            }));
        }
    }

    pub(super) fn answer(&mut self, id: &str, answer: &ApprovalAnswer, out: &mut Output) {
        let Some(ask) = self.open.remove(id) else { return };
        let response = match (answer, ask.input) {
            (ApprovalAnswer::Allow, Some(input)) => json!({"behavior": "allow", "updatedInput": input}),
            (ApprovalAnswer::Allow, None) => json!({"behavior": "allow"}),
            (ApprovalAnswer::Deny { reason }, _) => {
                if self.denied.len() < MOST_REFUSED {
                    self.denied.insert(ask.call);
                }
                json!({"behavior": "deny", "message": reason})
            }
        };
        let response = json!({"subtype": "success", "request_id": id, "response": response});
        out.send(&json!({"type": "control_response", "response": response}));
    }

    pub(super) fn cancelled(&mut self, id: &str, out: &mut Output) {
        if self.open.remove(id).is_some() {
            out.say(AgentEvent::AskGone { id: id.to_owned() });
        }
    }

    /// The program is gone, and its questions with it.
    pub(super) fn all_gone(&mut self, out: &mut Output) {
        for (id, _) in std::mem::take(&mut self.open) {
            out.say(AgentEvent::AskGone { id });
        }
    }

    /// The tools of this turn that were denied here, as the result confirms; none without any.
    pub(super) fn refused(&mut self, result: &Value) -> Option<String> {
        let denied = std::mem::take(&mut self.denied);
        let listed = result.get("permission_denials").and_then(Value::as_array)?;
        let ours = listed.iter().filter(|denial| denied.contains(at(denial, "tool_use_id")));
        let tools: BTreeSet<String> = ours.map(|denial| one_line(at(denial, "tool_name"), 64)).collect();
        (!tools.is_empty()).then(|| shorten(&tools.into_iter().collect::<Vec<_>>().join(", ")))
    }
}

fn detail(request: &Value, input: &Value) -> String {
    let mut lines: Vec<String> = ["decision_reason", "blocked_path"]
        .map(|key| one_line(at(request, key), 500))
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect();
    lines.push(format!("{input:#}"));
    shorten(&lines.join("\n"))
}
