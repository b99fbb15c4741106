//! The adapter for Claude Code with streams that the real program (2.1.330) printed when a scripted model
//! on loopback answered it; shortened, paths and hosts made neutral.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use miyabi_agents::claude::ClaudeStream;
use miyabi_agents::json_lines::MAX_JSON_LINE;
use miyabi_agents::{Adapter, AgentEvent, Exit, Failed, Output, Start};
use miyabi_plan::{Access, ApprovalPolicy, ApprovalRule, FailureCause, PolicyAnswer, Usd};
use miyabi_protocol::{ApprovalAnswer, Timestamp, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};

const DONE: Exit = Exit { code: Some(0), signal: None };
const FAILED: Exit = Exit { code: Some(1), signal: None };

fn start(access: Access, resume: Option<&str>) -> Start {
    Start {
        argv: Vec::new(),
        environment: BTreeMap::new(),
        work_folder: Some("/w".into()),
        model: None,
        access,
        budget: None,
        prompt: "do it".into(),
        resume: resume.map(Into::into),
    }
}

fn recorded(name: &str) -> (Vec<u8>, Vec<u8>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams/claude").join(name);
    let stdout = std::fs::read(path.with_extension("jsonl")).expect("a recorded stream");
    (stdout, std::fs::read(path.with_extension("stderr")).unwrap_or_default())
}

/// All that came of a stream.
#[derive(Debug, PartialEq)]
struct Seen {
    events: Vec<AgentEvent>,
    stdin: String,
    failure: Option<Failed>,
    lost: bool,
}

fn read_with(mut adapter: ClaudeStream, stdout: &[u8], stderr: &[u8], exit: Exit, piece: usize) -> Seen {
    let mut out = Output::default();
    for bytes in stdout.chunks(piece) {
        adapter.stdout(bytes, Timestamp::from_millis(1), &mut out);
    }
    adapter.stderr(stderr, &mut out);
    let failure = adapter.ended(exit, &mut out);
    let stdin = String::from_utf8(out.stdin).expect("text");
    Seen { events: out.events, stdin, failure, lost: adapter.lost_session() }
}

fn read(name: &str, exit: Exit, resume: Option<&str>) -> Seen {
    let (stdout, stderr) = recorded(name);
    read_with(ClaudeStream::new(start(Access::Edit, resume)), &stdout, &stderr, exit, usize::MAX)
}

fn lines(values: &[Value]) -> Vec<u8> {
    values.iter().flat_map(|value| format!("{value}\n").into_bytes()).collect()
}

fn said(values: &[Value]) -> Seen {
    read_with(ClaudeStream::new(start(Access::Edit, None)), &lines(values), b"", DONE, usize::MAX)
}

fn last_usage(seen: &Seen) -> Usage {
    let mut usages = seen.events.iter().filter_map(|event| match event {
        AgentEvent::Usage(usage) => Some(*usage),
        _ => None,
    });
    usages.next_back().expect("usage")
}

#[test]
fn every_recorded_stream_is_read_as_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams/claude");
    let files = std::fs::read_dir(folder).expect("the streams");
    let mut names: Vec<String> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let mut text = String::new();
    for name in names {
        let seen =
            read(&name, FAILED, (name.contains("session") || name.starts_with("resumed")).then_some("x"));
        let _infallible = writeln!(text, "# {name}");
        for event in &seen.events {
            let _infallible = match event {
                AgentEvent::Text(bytes) => writeln!(text, "Text({:?})", String::from_utf8_lossy(bytes)),
                event => writeln!(text, "{event:?}"),
            };
        }
        let _infallible = writeln!(text, "-> {:?} lost: {}\n", seen.failure, seen.lost);
    }
    insta::assert_snapshot!(text);
}

#[test]
fn failures_are_told_apart() {
    for (name, cause) in [
        ("status_401", FailureCause::NotLoggedIn),
        ("not_logged_in", FailureCause::NotLoggedIn),
        ("status_429", FailureCause::RateLimited),
        ("status_500", FailureCause::ProviderDown),
        ("refused_connection", FailureCause::ProviderDown),
        ("cut_stream", FailureCause::ProviderDown),
        ("prompt_too_long", FailureCause::ContextLimit),
        ("budget", FailureCause::BudgetReached),
        ("unknown_model", FailureCause::AgentFailed),
        ("interrupted_while_asking", FailureCause::Killed),
    ] {
        let seen = read(name, FAILED, None);
        let failure = seen.failure.clone().expect("a failure");
        assert_eq!(failure.cause, cause, "{name}: {failure:?}");
        let told = seen.events.iter().any(
            |event| matches!(event, AgentEvent::TurnEnded(end) if end.failure.as_ref() == Some(&failure)),
        );
        assert!(told, "{name}");
    }
}

#[test]
fn a_stream_that_stops_is_a_failure_whatever_the_exit_code() {
    let (stdout, _) = recorded("sigterm");
    let ended = |exit, stderr: &[u8]| {
        let seen = read_with(ClaudeStream::new(start(Access::Edit, None)), &stdout, stderr, exit, 100);
        let failure = seen.failure.expect("a failure");
        (failure.cause, failure.message)
    };
    let killed = |signal| (FailureCause::Killed, format!("killed by signal {signal}"));
    assert_eq!(ended(Exit { code: Some(143), signal: None }, b""), killed(15));
    assert_eq!(ended(Exit { code: None, signal: Some(9) }, b""), killed(9));
    let (cause, message) = ended(DONE, b"");
    assert_eq!(cause, FailureCause::Crashed);
    assert!(message.contains("exit code 0") && message.contains("without a word"), "{message}");
    let (cause, message) = ended(FAILED, b"one\nout of \x1b[1mmemory\n");
    assert_eq!(cause, FailureCause::Crashed);
    assert!(message.contains("memory") && !message.contains('\x1b'), "{message}");
    assert_eq!(ended(FAILED, b"Invalid API key\n").0, FailureCause::NotLoggedIn);
}

#[test]
fn a_session_that_is_gone_is_recognised() {
    for name in ["lost_session", "no_such_session_name"] {
        let seen = read(name, FAILED, Some("b5da3336"));
        assert!(seen.lost, "{name}");
        assert_eq!(seen.failure.expect("a failure").cause, FailureCause::Crashed, "{name}");
    }
    assert!(!read("resumed", DONE, Some("x")).lost);
    assert!(!read("status_500", FAILED, Some("x")).lost);
    let (_, stderr) = recorded("lost_session");
    let adapter = ClaudeStream::new(start(Access::Edit, Some("x")));
    assert!(read_with(adapter, b"", &stderr, FAILED, 1).lost, "older versions only say it on stderr");
}

#[test]
fn usage_is_the_sessions_total() {
    let dollars = |dollars| Some(Usd::from_dollars(dollars));
    let used =
        |input_tokens, output_tokens, cost| Usage { input_tokens, cached_tokens: 200, output_tokens, cost };
    let first = last_usage(&read("allowed_then_follow_up", DONE, None));
    assert_eq!(first, used(4000, 110, dollars(0.01744)), "two turns");
    let resumed = read("resumed", DONE, Some("x"));
    assert_eq!(last_usage(&resumed), used(4500, 120, dollars(0.01964)), "the earlier process is in it");
    assert_eq!(last_usage(&resumed).since(&first).cost, dollars(0.0022));
    let figures = resumed.events.iter().filter(|event| matches!(event, AgentEvent::Usage(_))).count();
    assert_eq!(figures, 1, "no total is told before it is known");
    assert_eq!(
        last_usage(&read("sigterm", FAILED, None)),
        used(1200, 1, None),
        "of a killed turn, what is known"
    );
    assert_eq!(last_usage(&read("resumed_after_sigterm", DONE, Some("x"))), used(1700, 60, dollars(0.00724)));
}

#[test]
fn what_a_killed_process_used_is_not_forgotten() {
    let before = Usage { input_tokens: 1200, cached_tokens: 200, output_tokens: 1, cost: None };
    let (stdout, _) = recorded("resumed_after_sigkill");
    let mut adapter = ClaudeStream::new(start(Access::Edit, Some("x")));
    adapter.used_before(before);
    let seen = read_with(adapter, &stdout, b"", DONE, usize::MAX);
    assert!(
        seen.events.iter().any(|event| matches!(event, AgentEvent::Usage(usage) if usage.cost.is_none()))
    );
    let added = last_usage(&seen).since(&before);
    assert_eq!(
        (added.input_tokens, added.output_tokens, added.cost),
        (500, 10, Some(Usd::from_dollars(0.0022)))
    );
}

#[test]
fn permission_is_asked_and_the_answer_sent() {
    let (stdout, _) = recorded("allowed_then_follow_up");
    let mut adapter = ClaudeStream::new(start(Access::Edit, None));
    let mut out = Output::default();
    adapter.stdout(&stdout, Timestamp::from_millis(7), &mut out);
    let ask = out.events.iter().find_map(|event| match event {
        AgentEvent::Asks(ask) => Some(ask.clone()),
        _ => None,
    });
    let ask = ask.expect("a request");
    assert_eq!((ask.tool.as_str(), ask.asked_at), ("Bash", Timestamp::from_millis(7)));
    assert_eq!(ask.what, "python3 -c \"open('b.txt','w').write('x')\"");
    assert!(ask.detail.contains("This command requires approval"), "{}", ask.detail);
    out = Output::default();
    adapter.answer("unknown", &ApprovalAnswer::Allow, &mut out);
    adapter.answer(&ask.id, &ApprovalAnswer::Allow, &mut out);
    adapter.answer(&ask.id, &ApprovalAnswer::Allow, &mut out);
    let sent: Value = serde_json::from_slice(&out.stdin).expect("one line");
    assert_eq!(sent.pointer("/response/request_id"), Some(&json!(ask.id)));
    assert_eq!(sent.pointer("/response/response/behavior"), Some(&json!("allow")));
    assert_eq!(sent.pointer("/response/response/updatedInput/command"), Some(&json!(ask.what)));
}

#[test]
fn no_rule_of_a_plan_sees_one_command_where_a_shell_would_see_two() {
    let rule = ApprovalRule {
        tool: "Bash".into(),
        pattern: Some("pytest *".into()),
        agent: None,
        answer: PolicyAnswer::Allow,
    };
    let policy = ApprovalPolicy { rules: vec![rule], ..ApprovalPolicy::default() };
    let agent = "CCG-1".parse().expect("an agent");
    for (command, expected) in [
        ("pytest -q", PolicyAnswer::Allow),
        ("pytest -q\n", PolicyAnswer::Allow),
        ("pytest -q\nrm -rf x", PolicyAnswer::Ask),
        ("pytest -q\r\nrm -rf x", PolicyAnswer::Ask),
        ("/w/pytest -q", PolicyAnswer::Ask),
    ] {
        let request = json!({"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": command}});
        let seen = said(&[json!({"type": "control_request", "request_id": "r", "request": request})]);
        let ask = seen.events.iter().find_map(|event| match event {
            AgentEvent::Asks(ask) => Some(ask),
            _ => None,
        });
        let ask = ask.expect("it asks");
        assert_eq!(policy.answer(&agent, &ask.tool, &ask.what), expected, "{command:?}: {:?}", ask.what);
    }
}

#[test]
fn full_access_asks_nobody_and_what_is_not_understood_is_answered() {
    let (mut stdout, _) = recorded("allowed_then_follow_up");
    stdout.extend(lines(&[
        json!({"type": "control_request", "request_id": "h", "request": {"subtype": "hook_callback"}}),
    ]));
    let seen = read_with(ClaudeStream::new(start(Access::Full, None)), &stdout, b"", DONE, 1000);
    assert!(!seen.events.iter().any(|event| matches!(event, AgentEvent::Asks(_))));
    let sent: Vec<&str> = seen.stdin.lines().collect();
    assert_eq!(sent.len(), 2);
    assert!(sent[0].contains("\"allow\"") && sent[1].contains("\"error\""), "{sent:?}");
}

#[test]
fn a_tool_that_somebody_denied_is_a_refused_permission() {
    let (stdout, _) = recorded("denied");
    let text = String::from_utf8(stdout).expect("text");
    let (asked, rest) = text.split_at(text.find("{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"content\":\"Not in").expect("the result"));
    let mut adapter = ClaudeStream::new(start(Access::Edit, None));
    let mut out = Output::default();
    adapter.stdout(asked.as_bytes(), Timestamp::default(), &mut out);
    let Some(AgentEvent::Asks(ask)) = out.events.last() else { panic!("it asks: {:?}", out.events) };
    let id = ask.id.clone();
    adapter.answer(&id, &ApprovalAnswer::Deny { reason: "Not in this project.".into() }, &mut out);
    adapter.stdout(rest.as_bytes(), Timestamp::default(), &mut out);
    let failure = adapter.ended(DONE, &mut out).expect("refused");
    assert_eq!(failure.cause, FailureCause::PermissionRefused);
    assert!(failure.message.contains("Bash"), "{}", failure.message);

    let by_itself = read("refused_by_the_program", DONE, None);
    assert_eq!(by_itself.failure, None, "nobody here denied it");
}

#[test]
fn a_question_nobody_waits_for_any_more_is_gone() {
    let seen = read("interrupted_while_asking", FAILED, None);
    assert!(seen.events.iter().any(|event| matches!(event, AgentEvent::AskGone { .. })));
    let ask = json!({"type": "control_request", "request_id": "q", "request": {"subtype": "can_use_tool", "tool_name": "Bash", "input": {}}});
    let killed = said(&[ask]);
    assert_eq!(killed.events.last(), Some(&AgentEvent::AskGone { id: "q".into() }));
}

#[test]
fn a_turn_with_waiting_words_goes_on() {
    let result = |waiting: u32| json!({"type": "result", "subtype": "success", "is_error": false, "result": "x", "queued_turn_count": waiting});
    let turns =
        |seen: &Seen| seen.events.iter().filter(|event| matches!(event, AgentEvent::TurnEnded(_))).count();
    let waiting = said(&[result(1)]);
    assert_eq!(
        (turns(&waiting), waiting.failure.map(|failure| failure.cause)),
        (0, Some(FailureCause::Crashed))
    );
    let both = said(&[result(1), result(0)]);
    assert_eq!((turns(&both), both.failure), (1, None));
}

#[test]
fn the_end_of_a_limit_is_known_where_the_program_says_so() {
    let failed =
        |text: &str| json!({"type": "result", "subtype": "success", "is_error": true, "result": text});
    let until = |seen: Seen| {
        let failure = seen.failure.expect("a failure");
        assert_eq!(failure.cause, FailureCause::RateLimited);
        failure.until
    };
    let time = Some(Timestamp::from_millis(1_763_822_400_000));
    assert_eq!(until(said(&[failed("Claude AI usage limit reached|1763822400")])), time);
    assert_eq!(until(said(&[failed("Claude AI usage limit reached|soon")])), None);
    let event = json!({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1_763_822_400, "rateLimitType": "five_hour"}});
    assert_eq!(until(said(&[event, failed("You've hit your limit")])), time);
}

#[test]
fn what_a_person_says_is_sent_at_once_and_the_next_turn_counts() {
    let (stdout, _) = recorded("write_and_shell");
    let mut adapter = ClaudeStream::new(start(Access::Edit, None));
    let mut out = Output::default();
    adapter.stdout(&stdout, Timestamp::default(), &mut out);
    adapter.say("and\nmore", &mut out);
    let sent: Value = serde_json::from_slice(&out.stdin).expect("one line");
    assert_eq!(sent.pointer("/message/content/0/text"), Some(&json!("and\nmore")));
    assert_eq!(adapter.ended(FAILED, &mut out).map(|failure| failure.cause), Some(FailureCause::Crashed));
}

#[test]
fn a_line_that_is_too_long_is_told_and_the_next_one_read() {
    let mut stdout = vec![b'x'; MAX_JSON_LINE + 1];
    stdout.extend(b"\n{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\"}\n");
    let seen = read_with(ClaudeStream::new(start(Access::Edit, None)), &stdout, b"", DONE, 65_536);
    assert!(matches!(&seen.events[0], AgentEvent::Notice(text) if text.contains("too long")));
    assert_eq!(seen.events[1], AgentEvent::Session { id: "s".into(), model: None });
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "system",
        "init",
        "assistant",
        "user",
        "result",
        "control_request",
        "can_use_tool",
        "text",
        "thinking",
        "tool_use",
        "tool_result",
        "control_cancel_request",
        "rate_limit_event",
        "api_retry",
        "rejected",
        "Write",
        "success",
        "é\u{1b}[1m",
        "",
    ]);
    let leaf = prop_oneof![
        word.prop_map(|word| json!(word)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|flag| json!(flag)),
        Just(Value::Null),
    ];
    let key = prop::sample::select(vec![
        "type",
        "subtype",
        "message",
        "content",
        "session_id",
        "id",
        "name",
        "input",
        "file_path",
        "command",
        "tool_use_id",
        "is_error",
        "usage",
        "modelUsage",
        "input_tokens",
        "inputTokens",
        "total_cost_usd",
        "result",
        "errors",
        "error",
        "permission_denials",
        "request",
        "request_id",
        "rate_limit_info",
        "resetsAt",
        "status",
        "queued_turn_count",
    ]);
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..8).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

fn typed_json() -> impl Strategy<Value = Value> {
    let kinds = vec![
        "system",
        "assistant",
        "user",
        "result",
        "control_request",
        "control_cancel_request",
        "rate_limit_event",
    ];
    (prop::sample::select(kinds), any_json()).prop_map(|(kind, mut value)| {
        if let Value::Object(fields) = &mut value {
            fields.insert("type".to_owned(), json!(kind));
        }
        value
    })
}

proptest! {
    #[test]
    fn no_events_panic_and_texts_stay_bounded(values in prop::collection::vec(typed_json(), 0..12), piece in 1_usize..50) {
        let stdout = lines(&values);
        let read = |piece| read_with(ClaudeStream::new(start(Access::Edit, Some("x"))), &stdout, b"\xff", DONE, piece);
        prop_assert_eq!(format!("{:?}", read(piece)), format!("{:?}", read(usize::MAX)));
    }

    #[test]
    fn no_bytes_panic(stdout in prop::collection::vec(any::<u8>(), 0..400), stderr in prop::collection::vec(any::<u8>(), 0..200)) {
        let seen = read_with(ClaudeStream::new(start(Access::Full, None)), &stdout, &stderr, DONE, 7);
        prop_assert!(seen.failure.is_some(), "a stream without a result is a failure");
    }

    #[test]
    fn a_recorded_stream_is_read_the_same_however_it_is_cut(piece in 1_usize..3000) {
        let (stdout, stderr) = recorded("allowed_then_follow_up");
        let read = |piece| read_with(ClaudeStream::new(start(Access::Edit, None)), &stdout, &stderr, DONE, piece);
        prop_assert_eq!(read(piece), read(usize::MAX));
    }
}
