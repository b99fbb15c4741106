//! What an MCP server says, with streams that `codex mcp-server` 0.153.4 printed while a scripted
//! model played the provider, and with streams that nobody would print.

use miyabi_agents::mcp::Listener;
use miyabi_agents::{AgentEvent, Output, TurnEnd};
use miyabi_plan::FailureCause;
use miyabi_protocol::{ApprovalAnswer, Timestamp, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

macro_rules! stream {
    ($name:literal) => {
        include_str!(concat!("streams/mcp/", $name, ".jsonl"))
    };
}

#[derive(Default)]
struct Heard {
    listener: Listener,
    out: Output,
    /// What belongs to the client.
    passed: Vec<Value>,
}

impl Heard {
    fn hear(&mut self, message: Value) {
        self.passed.extend(self.listener.take(message, Timestamp::default(), &mut self.out));
    }

    fn all(stream: &str) -> Self {
        let mut heard = Self::default();
        for line in stream.lines() {
            heard.hear(serde_json::from_str(line).expect("JSON"));
        }
        heard
    }

    fn end(&mut self) -> TurnEnd {
        let result = self.passed.last().expect("an answer")["result"].clone();
        self.listener.result(&result, &mut self.out)
    }

    fn sent(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.out.stdin).expect("JSON is text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

#[test]
fn a_patch_is_shown_with_all_its_files() {
    let mut heard = Heard::default();
    let changes = json!({"/etc/b": {}, "/w/a.py": {}});
    let params =
        json!({"message": "Apply?", "codex_elicitation": "patch-approval", "codex_changes": changes});
    heard.hear(json!({"id": 1, "method": "elicitation/create", "params": params}));
    let [AgentEvent::Asks(ask)] = heard.out.events.as_slice() else { panic!("{:?}", heard.out.events) };
    assert_eq!(ask.what, "/etc/b; /w/a.py");
}

#[test]
fn codex_asks_runs_a_command_and_applies_a_patch() {
    let mut heard = Heard::all(stream!("codex-work"));
    assert_eq!(heard.passed.len(), 2, "the answers to initialize and tools/call are the client's");
    assert_eq!(heard.end(), TurnEnd { failure: None, summary: "All done.".into() });
    let has = |event: AgentEvent| {
        assert!(heard.out.events.contains(&event), "{event:?} in {:#?}", heard.out.events);
    };
    let asked = heard.out.events.iter().find_map(|event| match event {
        AgentEvent::Asks(request) => {
            Some((request.id.as_str(), request.tool.as_str(), request.what.as_str()))
        }
        _ => None,
    });
    assert_eq!(asked, Some(("0", "exec_command", "touch /out/outside.txt")), "without the shell around it");
    has(AgentEvent::OutputFile("/w/c.txt".into()));
    has(AgentEvent::Message("All done.".into()));
    has(AgentEvent::Usage(Usage { input_tokens: 3000, cached_tokens: 0, output_tokens: 150, cost: None }));
    let calls: Vec<(&str, &str)> = heard
        .out
        .events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::ToolCall { tool, what, .. } => Some((tool.as_str(), what.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("exec_command", "touch /out/outside.txt"), ("apply_patch", "/w/c.txt")]);
    assert!(
        matches!(&heard.out.events[0], AgentEvent::Session { model: Some(model), .. } if model == "gpt-5-codex")
    );
}

#[test]
fn answers_are_in_the_words_that_codex_reads() {
    let no = ApprovalAnswer::Deny { reason: "not there".into() };
    for (answer, expected) in [
        (ApprovalAnswer::Allow, json!({ "action": "accept", "content": {}, "decision": "approved" })),
        (no, json!({ "action": "decline", "decision": { "denied": { "rejection": "not there" } } })),
    ] {
        let mut heard = Heard::default();
        let asking = stream!("codex-work").lines().take_while(|line| !line.contains("exec_command_begin"));
        for line in asking {
            heard.hear(serde_json::from_str(line).expect("JSON"));
        }
        heard.listener.answer("0", &answer, &mut heard.out);
        heard.listener.answer("0", &answer, &mut heard.out);
        assert_eq!(heard.sent(), [json!({ "jsonrpc": "2.0", "id": 0, "result": expected })], "once");
    }
}

#[test]
fn a_form_of_another_server_is_ticked_and_a_question_can_be_withdrawn() {
    let mut heard = Heard::default();
    let fields = json!({ "ok": { "type": "boolean" }, "why": { "type": "string" } });
    let params =
        json!({ "message": "Push it?", "requestedSchema": { "type": "object", "properties": fields } });
    for id in ["a", "b"] {
        heard.hear(json!({ "jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params }));
    }
    heard.hear(json!({ "method": "notifications/cancelled", "params": { "requestId": "b" } }));
    assert_eq!(heard.out.events.last(), Some(&AgentEvent::AskGone { id: "b".into() }));
    heard.listener.answer("a", &ApprovalAnswer::Allow, &mut heard.out);
    heard.listener.answer("b", &ApprovalAnswer::Allow, &mut heard.out);
    let expected = json!({ "action": "accept", "content": { "ok": true } });
    assert_eq!(heard.sent(), [json!({ "jsonrpc": "2.0", "id": "a", "result": expected })]);
}

#[test]
fn failures_are_told_apart() {
    for (stream, cause) in [
        (stream!("codex-limited"), FailureCause::RateLimited),
        (stream!("codex-logged-out"), FailureCause::NotLoggedIn),
        (stream!("codex-down"), FailureCause::ProviderDown),
    ] {
        let failed = Heard::all(stream).end().failure.expect("a failure");
        assert_eq!(failed.cause, cause, "{failed:?}");
    }
}

#[test]
fn a_session_that_the_server_does_not_know_is_none() {
    let mut heard = Heard::default();
    let said = "Session not found for thread_id: t-1";
    let content = json!([{ "type": "text", "text": said }]);
    let result = json!({ "isError": true, "content": content, "structuredContent": { "threadId": "t-1", "content": said } });
    let end = heard.listener.result(&result, &mut heard.out);
    assert_eq!(
        end.failure.map(|failed| (failed.cause, failed.message)),
        Some((FailureCause::AgentFailed, said.into()))
    );
    assert!(heard.out.events.is_empty());
}

#[test]
fn an_aborted_turn_is_known_although_no_answer_comes() {
    let mut heard = Heard::default();
    heard.hear(json!({ "id": 0, "method": "elicitation/create", "params": {} }));
    heard.hear(json!({ "method": "codex/event", "params": { "msg": { "type": "turn_aborted", "reason": "interrupted" } } }));
    assert!(heard.listener.aborted().is_some_and(|failed| failed.message.contains("interrupted")));
    assert_eq!(heard.out.events.last(), Some(&AgentEvent::AskGone { id: "0".into() }));
}

fn any_value() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "token_count",
        "exec_command_begin",
        "patch_apply_end",
        "session_configured",
        "boolean",
        "-lc",
        "bash",
    ];
    const NAMES: &[&str] = &[
        "msg",
        "type",
        "message",
        "call_id",
        "command",
        "changes",
        "info",
        "total_token_usage",
        "input_tokens",
        "requestId",
        "requestedSchema",
        "properties",
        "codex_elicitation",
        "codex_command",
        "progress",
        "total",
        "data",
        "level",
        "structuredContent",
        "content",
        "text",
        "isError",
        "threadId",
        "thread_id",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..6).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_that_a_server_says_panics(messages in prop::collection::vec((0_u8..6, any_value()), 0..30)) {
        let mut heard = Heard::default();
        for (kind, value) in messages {
            match kind {
                0 => heard.hear(json!({ "id": value, "method": "elicitation/create", "params": value })),
                1 => heard.hear(json!({ "method": "notifications/progress", "params": value })),
                2 => heard.hear(json!({ "method": "notifications/cancelled", "params": value })),
                3 => heard.hear(json!({ "method": "notifications/message", "params": value })),
                4 => { heard.listener.result(&value, &mut heard.out); }
                _ => heard.hear(json!({ "method": "codex/event", "params": { "msg": value } })),
            }
        }
        for event in &heard.out.events {
            if let AgentEvent::Progress(progress) = event {
                prop_assert!((0.0..=1.0).contains(progress));
            }
        }
    }
}
