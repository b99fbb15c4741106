//! The Agent Client Protocol, with streams that `claude-agent-acp` 0.101.0 and `codex-acp` 2.6.0
//! printed while a scripted model played the provider, and with streams that nobody would print.

use miyabi_agents::acp::Acp;
use miyabi_agents::{Adapter, AgentEvent, Exit, Failed, Hearing, Output, Start, TurnEnd};
use miyabi_plan::{Access, FailureCause, Usd};
use miyabi_protocol::{ApprovalAnswer, Timestamp, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

const CLEAN: Exit = Exit { code: Some(0), signal: None };

fn start(resume: Option<&str>) -> Start {
    Start {
        argv: vec!["agent-acp".into()],
        environment: [("KEY".to_owned(), "1".to_owned())].into(),
        work_folder: Some("/w".into()),
        model: None,
        access: Access::Edit,
        budget: None,
        prompt: "do it".into(),
        resume: resume.map(Into::into),
    }
}

struct Talk {
    acp: Acp,
    events: Vec<AgentEvent>,
    sent: Vec<Value>,
}

impl Talk {
    fn new(start: Start) -> Self {
        let acp = Acp::new(start);
        let sent = lines(acp.launch().stdin.as_bytes());
        Self { acp, events: Vec::new(), sent }
    }

    fn take(&mut self, out: Output) {
        self.sent.extend(lines(&out.stdin));
        self.events.extend(out.events);
    }

    fn hear(&mut self, line: &str) {
        let mut out = Output::default();
        self.acp.stdout(format!("{line}\n").as_bytes(), Timestamp::default(), &mut out);
        self.take(out);
    }

    fn hear_all(&mut self, messages: &[Value]) {
        for message in messages {
            self.hear(&message.to_string());
        }
    }

    fn say(&mut self, text: &str) -> Hearing {
        let mut out = Output::default();
        let hearing = self.acp.say(text, &mut out);
        self.take(out);
        hearing
    }

    fn end(&mut self, exit: Exit) -> Option<Failed> {
        let mut out = Output::default();
        let failed = self.acp.ended(exit, &mut out);
        self.take(out);
        failed
    }

    fn turn_ends(&self) -> Vec<&TurnEnd> {
        let events = self.events.iter();
        events
            .filter_map(|event| if let AgentEvent::TurnEnded(end) = event { Some(end) } else { None })
            .collect()
    }

    fn sent(&self, method: &str) -> Vec<&Value> {
        self.sent.iter().filter(|message| message["method"] == method).collect()
    }
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Plays a recorded stream; every request for permission is given this answer at once.
fn play(stream: &str, resume: Option<&str>, answer: &ApprovalAnswer) -> Talk {
    let mut talk = Talk::new(start(resume));
    for line in stream.lines() {
        let before = talk.events.len();
        talk.hear(line);
        let new = talk.events[before..].to_vec();
        for event in new {
            if let AgentEvent::Asks(request) = event {
                let mut out = Output::default();
                talk.acp.answer(&request.id, answer, &mut out);
                talk.take(out);
            }
        }
    }
    talk
}

macro_rules! stream {
    ($name:literal) => {
        include_str!(concat!("streams/acp/", $name, ".jsonl"))
    };
}

fn no() -> ApprovalAnswer {
    ApprovalAnswer::Deny { reason: "not here".into() }
}

fn good(summary: &str) -> TurnEnd {
    TurnEnd { failure: None, summary: summary.into() }
}

#[test]
fn claude_writes_a_file_and_runs_a_command() {
    let mut talk = play(stream!("claude-work"), None, &ApprovalAnswer::Allow);
    assert_eq!(talk.turn_ends(), [&good("All done.\n\nTwo files.")]);
    assert_eq!(talk.sent("session/new")[0]["params"], json!({ "cwd": "/w", "mcpServers": [] }));
    assert_eq!(talk.sent("session/set_mode")[0]["params"]["modeId"], "acceptEdits");
    assert_eq!(
        talk.sent("session/prompt")[0]["params"]["prompt"],
        json!([{ "type": "text", "text": "do it" }])
    );
    let session = talk.sent("session/prompt")[0]["params"]["sessionId"].clone();
    assert!(matches!(&talk.events[0], AgentEvent::Session { id, .. } if *id == session));
    let calls: Vec<(&str, &str)> = talk
        .events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::ToolCall { tool, what, .. } => Some((tool.as_str(), what.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("Write", "/w/a.txt"), ("Bash", "echo hi > b.txt; cat b.txt")]);
    let has = |event: AgentEvent| assert!(talk.events.contains(&event), "{event:?} in {:#?}", talk.events);
    has(AgentEvent::Thinking("hm".into()));
    has(AgentEvent::Message("I begin.".into()));
    has(AgentEvent::Message("All done.".into()));
    has(AgentEvent::OutputFile("/w/a.txt".into()));
    let result = |event: &AgentEvent| matches!(event, AgentEvent::ToolResult { failed: false, text, .. } if text == "hi");
    assert!(talk.events.iter().any(result));
    has(AgentEvent::Usage(Usage {
        input_tokens: 3000,
        cached_tokens: 0,
        output_tokens: 150,
        cost: Some(Usd::from_dollars(0.015)),
    }));
    let mut out = Output::default();
    talk.acp.finish(&mut out);
    assert!(out.close_stdin && out.stdin.is_empty());
    assert_eq!(talk.end(CLEAN), None);
}

#[test]
fn codex_runs_commands_and_what_they_print_is_put_together() {
    let mut talk = play(stream!("codex-work"), None, &ApprovalAnswer::Allow);
    assert_eq!(talk.turn_ends(), [&good("All done.\n\nTwo files.")]);
    assert_eq!(talk.sent("session/set_mode")[0]["params"]["modeId"], "workspace-write");
    let call = |event: &AgentEvent| matches!(event, AgentEvent::ToolCall { tool, what, .. } if tool == "exec_command" && what == "echo hi > b.txt; cat b.txt");
    assert!(talk.events.iter().any(call));
    let result = |event: &AgentEvent| matches!(event, AgentEvent::ToolResult { failed: false, text, .. } if text == "hi");
    assert!(talk.events.iter().any(result), "{:#?}", talk.events);
    assert_eq!(talk.end(CLEAN), None);
}

#[test]
fn a_permission_is_asked_for_and_the_answer_holds_once() {
    for (stream, answer, option, tool) in [
        (stream!("codex-allowed"), ApprovalAnswer::Allow, "allow_once", "execute"),
        (stream!("codex-denied"), no(), "cancel", "execute"),
        (stream!("claude-denied"), no(), "reject", "Bash"),
    ] {
        let talk = play(stream, None, &answer);
        let asked: Vec<_> = talk
            .events
            .iter()
            .filter_map(|event| if let AgentEvent::Asks(request) = event { Some(request) } else { None })
            .collect();
        assert_eq!(asked.len(), 1);
        assert_eq!((asked[0].tool.as_str(), asked[0].what.as_str()), (tool, "touch /tmp/outside.txt"));
        assert!(asked[0].detail.contains("\"command\""), "{}", asked[0].detail);
        let replies: Vec<&Value> =
            talk.sent.iter().filter(|message| message.get("result").is_some()).collect();
        let outcome = json!({ "outcome": { "outcome": "selected", "optionId": option } });
        assert_eq!(replies, [&json!({ "jsonrpc": "2.0", "id": 0, "result": outcome })]);
    }
}

#[test]
fn a_refusal_that_ends_the_turn_is_told_apart_from_one_that_does_not() {
    let silently = ApprovalAnswer::Deny { reason: String::new() };
    let codex = play(stream!("codex-denied"), None, &silently);
    let cause = |talk: &Talk| talk.turn_ends()[0].failure.as_ref().map(|failed| failed.cause);
    assert_eq!(cause(&codex), Some(FailureCause::PermissionRefused));
    let claude = play(stream!("claude-denied"), None, &silently);
    assert_eq!(cause(&claude), None, "it went on without");
    assert_eq!(cause(&play(stream!("codex-allowed"), None, &ApprovalAnswer::Allow)), None);
}

#[test]
fn why_something_was_denied_is_said_when_the_turn_has_ended() {
    for stream in [stream!("codex-denied"), stream!("claude-denied")] {
        let talk = play(stream, None, &no());
        let last = talk.sent.last().expect("messages");
        assert_eq!(last["method"], "session/prompt", "{last}");
        assert!(last["params"].to_string().contains("That was not permitted: not here"), "{last}");
        assert!(talk.turn_ends().is_empty(), "the work goes on");
    }
}

#[test]
fn failures_of_the_model_are_told_apart() {
    for (stream, cause) in [
        (stream!("claude-limited"), FailureCause::RateLimited),
        (stream!("codex-limited"), FailureCause::RateLimited),
        (stream!("claude-down"), FailureCause::ProviderDown),
        (stream!("codex-down"), FailureCause::ProviderDown),
        (stream!("claude-logged-out"), FailureCause::NotLoggedIn),
        (stream!("codex-logged-out"), FailureCause::NotLoggedIn),
    ] {
        let mut talk = play(stream, None, &no());
        let ends = talk.turn_ends();
        let failed = ends[0].failure.clone().expect("a failure");
        assert_eq!((ends.len(), failed.cause), (1, cause), "{failed:?}");
        assert_eq!(talk.end(CLEAN), Some(failed), "an exit code of 0 proves nothing");
    }
}

#[test]
fn a_session_is_taken_up_and_what_was_said_in_it_is_not_told_again() {
    for (stream, method) in
        [(stream!("claude-resumed"), "session/resume"), (stream!("codex-loaded"), "session/resume")]
    {
        let talk = play(stream, Some("s-1"), &no());
        assert_eq!(
            talk.sent(method)[0]["params"],
            json!({ "cwd": "/w", "mcpServers": [], "sessionId": "s-1" })
        );
        assert!(matches!(&talk.events[0], AgentEvent::Session { id, .. } if id == "s-1"));
        let heard = |event: &&AgentEvent| **event == AgentEvent::Message("I heard you.".into());
        assert_eq!(talk.events.iter().filter(heard).count(), 1);
        assert_eq!(talk.turn_ends(), [&good("I heard you.")]);
    }
}

#[test]
fn tokens_are_counted_on_from_what_the_session_had_used() {
    let mut talk = Talk::new(start(Some("s-1")));
    let before = Usage {
        input_tokens: 1000,
        cached_tokens: 0,
        output_tokens: 50,
        cost: Some(Usd::from_dollars(0.005)),
    };
    talk.acp.used_before(before);
    for line in stream!("claude-resumed").lines() {
        talk.hear(line);
    }
    let last = talk
        .events
        .iter()
        .rev()
        .find_map(|event| if let AgentEvent::Usage(usage) = event { Some(usage) } else { None });
    let both =
        Usage { input_tokens: 2000, output_tokens: 100, cost: Some(Usd::from_dollars(0.01)), ..before };
    assert_eq!(last, Some(&both), "tokens are told for a turn, money for the session");
}

/// An agent that is ready, as [`Talk::hear_all`] takes it: calls 1 to 3 are `initialize`, `session/new`, `session/prompt`.
fn ready(can: &Value) -> Vec<Value> {
    let mut answer = json!({ "protocolVersion": 1 });
    for (key, value) in can.as_object().into_iter().flatten() {
        answer[key] = value.clone();
    }
    vec![json!({ "id": 1, "result": answer }), json!({ "id": 2, "result": { "sessionId": "s" } })]
}

fn chunk(text: &str) -> Value {
    let update =
        json!({ "sessionUpdate": "agent_message_chunk", "content": { "type": "text", "text": text } });
    json!({ "method": "session/update", "params": { "sessionId": "s", "update": update } })
}

#[test]
fn an_agent_that_cannot_load_a_session_or_speaks_another_version_says_so_before_it_begins() {
    let mut talk = Talk::new(start(Some("s-1")));
    talk.hear_all(&ready(&json!({})));
    assert_eq!(
        talk.turn_ends()[0].failure.as_ref().map(|failed| failed.cause),
        Some(FailureCause::AgentFailed)
    );
    assert!(!talk.events.iter().any(|event| matches!(event, AgentEvent::Session { .. })));
    assert!(talk.acp.lost_session());
    let mut talk = Talk::new(start(Some("s-1")));
    talk.hear_all(&[
        json!({ "id": 1, "result": { "protocolVersion": 1, "agentCapabilities": { "loadSession": true } } }),
        json!({ "id": 2, "error": { "code": -32002, "message": "Resource not found" } }),
    ]);
    assert!(talk.acp.lost_session(), "it refused");
    let mut talk = Talk::new(start(None));
    talk.hear_all(&ready(&json!({ "protocolVersion": 2 })));
    assert_eq!(
        talk.turn_ends()[0].failure.as_ref().map(|failed| failed.cause),
        Some(FailureCause::NotStarted)
    );
    assert!(talk.sent("session/new").is_empty());
}

#[test]
fn a_model_that_the_agent_refuses_stops_the_attempt() {
    let mut talk = Talk::new(Start { model: Some("big".into()), ..start(None) });
    let option = json!({ "id": "model", "category": "model", "currentValue": "small", "options": [] });
    talk.hear_all(&[
        json!({ "id": 1, "result": { "protocolVersion": 1 } }),
        json!({ "id": 2, "result": { "sessionId": "s", "configOptions": [option] } }),
    ]);
    assert_eq!(talk.sent("session/set_config_option")[0]["params"]["value"], "big");
    assert!(talk.sent("session/prompt").is_empty());
    talk.hear_all(&[json!({ "id": 3, "error": { "code": -32602, "message": "no such model" } })]);
    let failed = talk.turn_ends()[0].failure.clone().expect("a failure");
    assert!(failed.message.contains("no such model"));
    assert!(talk.sent("session/prompt").is_empty());
}

#[test]
fn what_a_person_says_reaches_an_agent_at_work_or_the_next_turn_and_is_never_lost() {
    let mut talk = Talk::new(start(None));
    talk.hear_all(&ready(&json!({})));
    assert_eq!(talk.say("stop that"), Hearing::AfterTheTurn, "this agent cannot hear now");
    talk.hear_all(&[json!({ "id": 3, "result": { "stopReason": "end_turn" } })]);
    assert_eq!(talk.say("stop that"), Hearing::Now);
    assert_eq!(talk.sent("session/prompt")[1]["params"]["prompt"][0]["text"], "stop that");

    let mut talk = Talk::new(start(None));
    talk.hear_all(&ready(&json!({ "_meta": { "steering": { "supported": true } } })));
    assert_eq!(talk.say("hurry"), Hearing::Now);
    assert_eq!(talk.sent("_session/steering").len(), 1);
    talk.hear_all(&[json!({ "id": 3, "result": { "stopReason": "end_turn" } })]);
    assert!(talk.turn_ends().is_empty(), "it is not known yet whether it was heard");
    talk.hear_all(&[json!({ "id": 4, "result": { "outcome": "promptRequired" } })]);
    assert_eq!(talk.sent("session/prompt")[1]["params"]["prompt"][0]["text"], "hurry");
    assert!(talk.turn_ends().is_empty());
    talk.hear_all(&[chunk("Done."), json!({ "id": 5, "result": { "stopReason": "end_turn" } })]);
    assert_eq!(talk.turn_ends(), [&good("Done.")]);
}

#[test]
fn a_plan_shows_progress_and_a_withdrawn_request_is_gone() {
    let mut talk = Talk::new(start(None));
    talk.hear_all(&ready(&json!({})));
    let entries = json!([{ "status": "completed" }, { "status": "in_progress" }, { "status": "pending" }, { "status": "pending" }]);
    talk.hear_all(&[
        json!({ "method": "session/update", "params": { "update": { "sessionUpdate": "plan", "entries": entries } } }),
        json!({ "id": "q", "method": "session/request_permission", "params": { "toolCall": { "title": "x" }, "options": [] } }),
        json!({ "method": "$/cancel_request", "params": { "requestId": "q" } }),
        json!({ "id": 9, "method": "fs/read_text_file", "params": { "path": "/etc/passwd" } }),
    ]);
    assert!(talk.events.contains(&AgentEvent::Progress(0.25)));
    assert!(talk.events.contains(&AgentEvent::AskGone { id: "q".into() }));
    let mut out = Output::default();
    talk.acp.answer("q", &ApprovalAnswer::Allow, &mut out);
    assert!(out.stdin.is_empty(), "nobody waits for it");
    let refused = talk.sent.last().expect("an answer");
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(9), &json!(-32601)));
}

#[test]
fn an_agent_that_dies_without_an_answer_failed_whatever_its_exit_code_is() {
    let mut talk = Talk::new(start(None));
    talk.hear_all(&ready(&json!({})));
    let mut out = Output::default();
    talk.acp.stderr(b"boom\n", &mut out);
    let failed = talk.end(CLEAN).expect("a failure");
    assert_eq!(failed.cause, FailureCause::Crashed);
    assert!(failed.message.contains("boom"), "{}", failed.message);
    let killed = Talk::new(start(None)).end(Exit { code: None, signal: Some(9) });
    assert_eq!(killed.map(|failed| failed.cause), Some(FailureCause::Killed));
}

#[test]
fn a_message_without_an_end_comes_in_pieces() {
    let mut talk = Talk::new(start(None));
    talk.hear_all(&ready(&json!({})));
    for _ in 0..64 {
        talk.hear_all(&[chunk(&"ü".repeat(4096))]);
    }
    talk.hear_all(&[json!({ "id": 3, "result": { "stopReason": "end_turn" } })]);
    let pieces = talk
        .events
        .iter()
        .filter_map(|event| if let AgentEvent::Message(text) = event { Some(text) } else { None });
    let sizes: Vec<usize> = pieces.map(String::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 64 * 8192);
    assert!(sizes.iter().all(|size| *size <= miyabi_agents::event::MAX_TEXT));
    assert!(talk.turn_ends()[0].summary.len() < 20_000);
}

fn any_value() -> impl Strategy<Value = Value> {
    const WORDS: &[&str] = &[
        "tool_call",
        "tool_call_update",
        "completed",
        "failed",
        "plan",
        "usage_update",
        "text",
        "diff",
        "s",
        "USD",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        prop::sample::select(WORDS).prop_map(Value::from),
    ];
    const NAMES: &[&str] = &[
        "sessionUpdate",
        "content",
        "text",
        "toolCallId",
        "status",
        "rawInput",
        "rawOutput",
        "command",
        "locations",
        "path",
        "type",
        "entries",
        "cost",
        "amount",
        "currency",
        "_meta",
        "codex",
        "error",
        "threadStatus",
        "options",
        "optionId",
        "kind",
        "toolCall",
        "messageId",
        "title",
        "usage",
        "stopReason",
        "sessionId",
        "configOptions",
        "modes",
        "availableModes",
        "id",
        "category",
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
    fn nothing_that_an_agent_prints_panics(
        messages in prop::collection::vec((0_u8..6, any_value()), 0..40),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        size in 1_usize..40,
    ) {
        let mut talk = Talk::new(start(None));
        talk.hear_all(&ready(&json!({ "_meta": { "steering": { "supported": true } } })));
        let mut stream = Vec::new();
        for (kind, value) in messages {
            let message = match kind {
                0 => json!({ "id": 3, "result": value }),
                1 => json!({ "id": 4, "error": value }),
                2 => json!({ "id": value, "method": "session/request_permission", "params": value }),
                3 => json!({ "method": "$/cancel_request", "params": { "requestId": value } }),
                _ => json!({ "method": "session/update", "params": { "update": value } }),
            };
            stream.extend(format!("{message}\n").into_bytes());
        }
        stream.extend(bytes);
        for piece in stream.chunks(size) {
            let mut out = Output::default();
            talk.acp.stdout(piece, Timestamp::default(), &mut out);
            talk.acp.stderr(piece, &mut out);
            talk.take(out);
        }
        talk.say("x");
        talk.end(CLEAN);
        for event in &talk.events {
            if let AgentEvent::Progress(progress) = event {
                prop_assert!((0.0..=1.0).contains(progress));
            }
        }
    }
}
