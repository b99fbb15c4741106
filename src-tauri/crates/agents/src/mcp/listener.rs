//! What a server says of its own accord: notifications are events, and questions of it are
//! requests for permission.

use std::collections::BTreeMap;

use miyabi_plan::FailureCause;
use miyabi_protocol::{ApprovalAnswer, ApprovalRequest, Timestamp};
use serde_json::{Value, json};

use super::{MAX_SHOWN, codex, refusal, text};
use crate::adapter::Output;
use crate::causes;
use crate::event::{AgentEvent, Failed, MAX_TEXT, TurnEnd};
use crate::json_rpc::request_key;
use crate::shown::{one_line, shorten};

/// How many questions may wait; more are refused at once.
const MAX_QUESTIONS: usize = 256;

/// A question that waits for its answer.
#[derive(Debug)]
struct Question {
    id: Value,
    /// Whether Codex asked, which wants its own word beside the protocol's.
    is_codex: bool,
    /// What is filled in when it may.
    content: Value,
}

/// Listens to one server.
#[derive(Debug, Default)]
pub struct Listener {
    questions: BTreeMap<String, Question>,
    /// Why Codex ended its turn, where it will not answer the call any more.
    aborted: Option<Failed>,
    /// What Codex said last of an error, its kind included.
    error: String,
}

impl Listener {
    /// Takes a message. One that belongs to the protocol's own course is given back, for the client.
    pub fn take(&mut self, message: Value, now: Timestamp, out: &mut Output) -> Option<Value> {
        let Some(method) = text(&message, "method") else { return Some(message) };
        let params = message.get("params").unwrap_or(&Value::Null);
        match (method, message.get("id")) {
            ("elicitation/create", Some(id)) => {
                let id = id.clone();
                self.asked(&id, params, now, out);
            }
            (_, Some(_)) => return Some(message),
            ("codex/event", None) => self.codex(params.get("msg").unwrap_or(&Value::Null), out),
            ("notifications/progress", None) => progress(params, out),
            ("notifications/message", None) => log(params, out),
            ("notifications/cancelled", None) => {
                let id = params.get("requestId").and_then(request_key);
                if let Some(id) = id.filter(|id| self.questions.remove(id).is_some()) {
                    out.say(AgentEvent::AskGone { id });
                }
            }
            (_, None) => {}
        }
        None
    }

    /// Answers a question. An unknown one does nothing.
    pub fn answer(&mut self, request: &str, answer: &ApprovalAnswer, out: &mut Output) {
        let Some(question) = self.questions.remove(request) else { return };
        let mut result = match answer {
            ApprovalAnswer::Allow => json!({ "action": "accept", "content": question.content }),
            ApprovalAnswer::Deny { .. } => json!({ "action": "decline" }),
        };
        if question.is_codex {
            result["decision"] = match answer {
                ApprovalAnswer::Allow => json!("approved"),
                ApprovalAnswer::Deny { reason } => json!({ "denied": { "rejection": reason } }),
            };
        }
        out.send(&json!({ "jsonrpc": "2.0", "id": question.id, "result": result }));
    }

    /// A turn begins.
    pub fn begin(&mut self) {
        self.aborted = None;
        self.error.clear();
    }

    /// Why the turn has ended although the call is not answered, as Codex does when it is interrupted.
    #[must_use]
    pub fn aborted(&self) -> Option<&Failed> {
        self.aborted.as_ref()
    }

    /// Reads a tool's result: the session, and how the turn ended.
    pub fn result(&mut self, result: &Value, out: &mut Output) -> TurnEnd {
        self.gone(out);
        let (session, said) = tool_result(result);
        if result.get("isError") == Some(&Value::Bool(true)) {
            // The kind of an error stands in Codex's own note on it.
            let cause = causes::of_words(&format!("{said} {}", self.error));
            let message = if said.is_empty() { "the tool failed without a word" } else { said.as_str() };
            return TurnEnd { failure: Some(Failed::new(cause, shorten(message, MAX_SHOWN))), summary: said };
        }
        if let Some(id) = session {
            out.say(AgentEvent::Session { id, model: None });
        }
        TurnEnd { failure: None, summary: said }
    }

    /// Nobody waits for an answer any more.
    pub fn gone(&mut self, out: &mut Output) {
        for (id, _) in std::mem::take(&mut self.questions) {
            out.say(AgentEvent::AskGone { id });
        }
    }

    fn codex(&mut self, message: &Value, out: &mut Output) {
        match text(message, "type") {
            Some("error") => {
                self.error = shorten(&message.to_string(), MAX_SHOWN);
                let said = one_line(text(message, "message").unwrap_or("an error without a word"));
                out.say(AgentEvent::Notice(said));
            }
            Some("turn_aborted") => {
                let reason = one_line(text(message, "reason").unwrap_or("no reason"));
                let message = format!("its turn was aborted: {reason}");
                self.aborted = Some(Failed::new(FailureCause::AgentFailed, message));
                self.gone(out);
            }
            _ => codex::event(message, out),
        }
    }

    fn asked(&mut self, id: &Value, params: &Value, now: Timestamp, out: &mut Output) {
        let key = request_key(id)
            .filter(|key| self.questions.len() < MAX_QUESTIONS && !self.questions.contains_key(key));
        let Some(key) = key else {
            return out.send(&refusal(id, "too many open questions, or this id is in use"));
        };
        let is_codex = params.get("codex_elicitation").is_some();
        let question = Question { id: id.clone(), is_codex, content: consent(params) };
        out.say(AgentEvent::Asks(describe(key.clone(), params, now)));
        self.questions.insert(key, question);
    }
}

/// The session and the words of a tool's result.
#[must_use]
pub fn tool_result(result: &Value) -> (Option<String>, String) {
    let structured = result.get("structuredContent").unwrap_or(&Value::Null);
    let names = ["threadId", "thread_id", "sessionId", "session_id", "conversationId"];
    let session = names.iter().find_map(|name| text(structured, name));
    let session = session.filter(|id| !id.is_empty() && id.len() <= 256).map(ToOwned::to_owned);
    let parts = result.get("content").and_then(Value::as_array).into_iter().flatten();
    let parts: Vec<&str> = parts.filter_map(|part| text(part, "text")).take(64).collect();
    let said = text(structured, "content").map_or_else(|| parts.join("\n"), ToOwned::to_owned);
    (session, shorten(said.trim(), MAX_TEXT - 8))
}

fn describe(id: String, params: &Value, now: Timestamp) -> ApprovalRequest {
    let message = text(params, "message").unwrap_or_default();
    let (tool, what) = match text(params, "codex_elicitation") {
        Some("exec-approval") => ("exec_command", codex::command(params)),
        Some("patch-approval") => ("apply_patch", codex::files_in_a_line(params)),
        _ => ("elicitation", message.to_owned()),
    };
    let what = if what.is_empty() { message } else { what.as_str() };
    let mut detail = vec![message.to_owned()];
    for name in ["codex_reason", "codex_cwd"] {
        detail.extend(text(params, name).map(ToOwned::to_owned));
    }
    if what.lines().count() > 1 {
        detail.push(what.to_owned());
    }
    ApprovalRequest {
        id,
        tool: tool.to_owned(),
        what: one_line(what),
        detail: shorten(&detail.join("\n"), MAX_SHOWN),
        asked_at: now,
    }
}

/// What is filled in when a question may be answered with yes: every box is ticked, and a choice
/// among words is left to the server.
fn consent(params: &Value) -> Value {
    let asked = params.pointer("/requestedSchema/properties").and_then(Value::as_object);
    let boxes = asked.into_iter().flatten().filter(|(_, field)| text(field, "type") == Some("boolean"));
    boxes.take(64).map(|(name, _)| (name.clone(), Value::Bool(true))).collect()
}

fn progress(params: &Value, out: &mut Output) {
    let number = |name| params.get(name).and_then(Value::as_f64).filter(|number| number.is_finite());
    if let (Some(done), Some(total)) = (number("progress"), number("total"))
        && total > 0.0
    {
        out.say(AgentEvent::Progress((done / total).clamp(0.0, 1.0)));
    }
    if let Some(said) = text(params, "message").filter(|said| !said.trim().is_empty()) {
        out.say(AgentEvent::Text(one_line(said).into_bytes()));
    }
}

fn log(params: &Value, out: &mut Output) {
    let data = params.get("data").unwrap_or(&Value::Null);
    let said =
        data.as_str().map_or_else(|| shorten(&data.to_string(), MAX_SHOWN), |said| shorten(said, MAX_SHOWN));
    let is_serious =
        matches!(text(params, "level"), Some("warning" | "error" | "critical" | "alert" | "emergency"));
    out.say(if is_serious { AgentEvent::Notice(said) } else { AgentEvent::Text(said.into_bytes()) });
}
