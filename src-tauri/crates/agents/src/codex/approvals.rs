//! What `codex app-server` asks while it works, and the answers in the form of each question.

use miyabi_protocol::{ApprovalAnswer, ApprovalRequest, Timestamp};
use serde_json::{Value, json};

use super::items::{Items, MAX_WHAT, PATCH, SHELL, list};
use super::{cut, shortened, text, words};

/// The longest part of a request's id that Codex chooses, in bytes.
const MAX_ID: usize = 100;
/// The largest permission profile that can be granted, in bytes of JSON: it is kept until then.
const MAX_PROFILE: usize = 16 * 1024;

/// What is said to a question that only a person could answer.
const DECIDE: &str = "Nobody is there to answer. Decide by yourself, and say in the end what you decided.";

/// A question that waits for an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    /// Its key among the open requests of the conversation.
    pub(super) key: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// A command or a change: accept or decline.
    Decision,
    /// Wider permissions, which are repeated when granted.
    Permissions(Value),
    /// A question of an MCP server, as whether its tool may be used.
    Elicitation,
}

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Question {
    /// A person or the plan answers it.
    Asked(Ask, ApprovalRequest),
    /// It is answered at once.
    Answered(Value),
    /// It is nothing that is known here.
    Unknown,
}

/// Reads a question of Codex. `key` is that of the open request.
pub(super) fn question(method: &str, params: &Value, key: &str, items: &Items, now: Timestamp) -> Question {
    let asked = |kind, tool: &str, what: &str, detail: &str| {
        // Codex counts its requests from 0 in every process, items have ids of their own.
        let id = format!("{}/{key}", cut(text(params, "itemId"), MAX_ID));
        let request = ApprovalRequest {
            id,
            tool: cut(tool, MAX_ID),
            what: cut(what, MAX_WHAT),
            detail: shortened(detail),
            asked_at: now,
        };
        Question::Asked(Ask { key: key.to_owned(), kind }, request)
    };
    match method {
        "item/commandExecution/requestApproval" => {
            let (what, detail) = command(params);
            asked(Kind::Decision, SHELL, &what, &detail)
        }
        "item/fileChange/requestApproval" => {
            let (what, detail) = change(params, items);
            asked(Kind::Decision, PATCH, &what, &detail)
        }
        "item/permissions/requestApproval" => {
            let profile = params.get("permissions").unwrap_or(&Value::Null);
            let written = profile.to_string();
            if written.len() > MAX_PROFILE {
                return Question::Answered(refused(&Kind::Permissions(Value::Null)));
            }
            let detail = with_reason(params, &written);
            asked(Kind::Permissions(profile.clone()), "permissions", &written, &detail)
        }
        "mcpServer/elicitation/request" => elicitation(params, asked),
        "item/tool/requestUserInput" => Question::Answered(decide(params)),
        _ => Question::Unknown,
    }
}

/// The answer in the form of the question.
pub(super) fn answer(ask: &Ask, answer: &ApprovalAnswer) -> Value {
    match (answer, &ask.kind) {
        (ApprovalAnswer::Deny { .. }, kind) => refused(kind),
        (ApprovalAnswer::Allow, Kind::Decision) => json!({ "decision": "accept" }),
        (ApprovalAnswer::Allow, Kind::Permissions(profile)) => {
            json!({ "permissions": profile, "scope": "turn" })
        }
        (ApprovalAnswer::Allow, Kind::Elicitation) => {
            json!({ "action": "accept", "content": {}, "_meta": null })
        }
    }
}

fn refused(kind: &Kind) -> Value {
    match kind {
        Kind::Decision => json!({ "decision": "decline" }),
        Kind::Permissions(_) => json!({ "permissions": {}, "scope": "turn" }),
        Kind::Elicitation => json!({ "action": "decline", "content": null, "_meta": null }),
    }
}

fn command(params: &Value) -> (String, String) {
    let command = text(params, "command");
    let network = params.get("networkApprovalContext").filter(|context| !context.is_null());
    let what = match network {
        Some(context) if command.is_empty() => format!("network {}", text(context, "host")),
        _ => words::script(command),
    };
    let mut detail = with_reason(params, command);
    if let Some(context) = network {
        detail = format!("{detail}\nnetwork: {}", cut(&context.to_string(), MAX_WHAT));
    }
    (what, format!("{detail}\nin {}", text(params, "cwd")).trim().to_owned())
}

fn change(params: &Value, items: &Items) -> (String, String) {
    let open = items.open(text(params, "itemId")).cloned().unwrap_or_default();
    let root = text(params, "grantRoot");
    let what = match (open.what.is_empty(), root.is_empty()) {
        (false, true) => open.what,
        // Allowed once, it may write there from then on.
        (false, false) => format!("{}; write below {root}", open.what),
        (true, false) => format!("write below {root}"),
        (true, true) => "a change of files".to_owned(),
    };
    (what, with_reason(params, &open.detail))
}

fn with_reason(params: &Value, rest: &str) -> String {
    match text(params, "reason") {
        "" => rest.to_owned(),
        reason => format!("{reason}\n{rest}"),
    }
}

/// A question of an MCP server. One that wants more than yes or no is declined.
fn elicitation(params: &Value, asked: impl Fn(Kind, &str, &str, &str) -> Question) -> Question {
    let schema = params.get("requestedSchema").unwrap_or(&Value::Null);
    let wants_words = list(schema, "required").next().is_some();
    if wants_words || text(params, "mode") == "url" {
        return Question::Answered(refused(&Kind::Elicitation));
    }
    let tool = format!("mcp__{}", text(params, "serverName"));
    let message = text(params, "message");
    asked(Kind::Elicitation, &tool, message, message)
}

fn decide(params: &Value) -> Value {
    let ids = list(params, "questions").map(|question| text(question, "id")).filter(|id| !id.is_empty());
    let answers: serde_json::Map<String, Value> =
        ids.take(MAX_ID).map(|id| (cut(id, MAX_ID), json!({ "answers": [DECIDE] }))).collect();
    json!({ "answers": answers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::ApprovalAnswer::{Allow, Deny};

    fn asked(method: &str, params: &Value) -> (Ask, ApprovalRequest) {
        match question(method, params, "3", &Items::default(), Timestamp::default()) {
            Question::Asked(ask, request) => (ask, request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_question_shows_what_is_to_be_done_and_is_answered_in_its_own_form() {
        let deny = Deny { reason: "no".into() };
        let (ask, request) = asked(
            "item/commandExecution/requestApproval",
            &json!({"itemId": "call_1", "command": "/bin/bash -lc 'rm x'", "cwd": "/w", "reason": "why"}),
        );
        assert_eq!((request.id.as_str(), request.tool.as_str()), ("call_1/3", "shell"));
        assert_eq!(
            (request.what.as_str(), request.detail.as_str()),
            ("rm x", "why\n/bin/bash -lc 'rm x'\nin /w")
        );
        assert_eq!(answer(&ask, &Allow), json!({"decision": "accept"}));
        assert_eq!(answer(&ask, &deny), json!({"decision": "decline"}));

        let profile = json!({"network": {"enabled": true}});
        let (ask, request) =
            asked("item/permissions/requestApproval", &json!({"itemId": "p", "permissions": profile}));
        assert_eq!(request.what, r#"{"network":{"enabled":true}}"#);
        assert_eq!(answer(&ask, &Allow), json!({"permissions": profile, "scope": "turn"}));
        assert_eq!(answer(&ask, &deny), json!({"permissions": {}, "scope": "turn"}));

        let (ask, request) = asked(
            "mcpServer/elicitation/request",
            &json!({"serverName": "db", "mode": "form", "message": "Drop?"}),
        );
        assert_eq!((request.tool.as_str(), request.what.as_str()), ("mcp__db", "Drop?"));
        assert_eq!(answer(&ask, &Allow)["action"], "accept");
        assert_eq!(answer(&ask, &deny)["action"], "decline");
    }

    #[test]
    fn a_change_shows_every_file_and_what_is_granted_beyond_it() {
        let mut items = Items::default();
        let changes = json!([{"path": "src/a.py", "kind": "update"}, {"path": "/etc/b", "kind": "add"}]);
        let item = json!({"id": "c", "type": "fileChange", "changes": changes});
        items.started(&item, &mut crate::adapter::Output::default());
        let what = |params: Value| match question(
            "item/fileChange/requestApproval",
            &params,
            "3",
            &items,
            Timestamp::default(),
        ) {
            Question::Asked(_, request) => request.what,
            other => panic!("{other:?}"),
        };
        assert_eq!(what(json!({"itemId": "c"})), "update src/a.py; add /etc/b");
        let granted = "update src/a.py; add /etc/b; write below /etc";
        assert_eq!(what(json!({"itemId": "c", "grantRoot": "/etc"})), granted);
        assert_eq!(what(json!({"itemId": "unknown", "grantRoot": "/etc"})), "write below /etc");
    }

    #[test]
    fn a_question_that_needs_words_is_answered_at_once() {
        let at_once =
            |method, params| match question(method, &params, "0", &Items::default(), Timestamp::default()) {
                Question::Answered(value) => value,
                other => panic!("{other:?}"),
            };
        let input =
            at_once("item/tool/requestUserInput", json!({"questions": [{"id": "q", "question": "?"}]}));
        assert_eq!(input["answers"]["q"]["answers"][0], DECIDE);
        let form = json!({"mode": "form", "requestedSchema": {"required": ["name"]}});
        assert_eq!(at_once("mcpServer/elicitation/request", form)["action"], "decline");
        let huge = json!({"permissions": {"x": "x".repeat(MAX_PROFILE)}});
        assert_eq!(at_once("item/permissions/requestApproval", huge)["permissions"], json!({}));
    }
}
