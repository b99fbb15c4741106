//! `codex app-server`, both sides of whose recordings are checked.

use miyabi_agents::codex::CodexAppServer;
use miyabi_agents::{Adapter, Failed, Hearing, Output};
use miyabi_plan::{Access, FailureCause};
use miyabi_protocol::ApprovalAnswer;
use serde_json::{Value, json};

use super::*;

/// What a person, the plan or the runner does while a recording is played.
#[derive(Default)]
struct Actions {
    permission: Option<ApprovalAnswer>,
    said_at_work: Option<&'static str>,
    said_after: Option<&'static str>,
}

struct Played {
    events: Vec<String>,
    failed: Option<Failed>,
    lost: bool,
}

/// Plays a recording of `codex app-server`, which holds both sides, and checks what the adapter says
/// against it.
fn play_app(name: &str, start: Start, mut actions: Actions, exit: Exit) -> Played {
    let mut codex = CodexAppServer::new(start);
    let mut sent = codex.launch().stdin;
    let (mut events, mut expected, mut closed) = (Vec::new(), Vec::new(), false);
    for recorded in recording(name).lines() {
        if let Some(ours) = recorded.strip_prefix("> ") {
            let mut ours: Value = serde_json::from_str(ours).expect("JSON");
            if let Some(version) = ours.pointer_mut("/params/clientInfo/version") {
                *version = json!(env!("CARGO_PKG_VERSION"));
            }
            expected.push(ours);
            continue;
        }
        let mut out = Output::default();
        codex.stdout(format!("{recorded}\n").as_bytes(), now(), &mut out);
        let mut at = 0;
        while let Some(event) = out.events.get(at).cloned() {
            at += 1;
            act(&mut codex, &event, &mut actions, &mut out);
            events.push(line(&event));
        }
        closed |= out.close_stdin;
        sent.push_str(std::str::from_utf8(&out.stdin).expect("text"));
    }
    let sent: Vec<Value> = sent.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(sent, expected, "{name}: what it is told");
    let mut out = Output::default();
    let failed = codex.ended(exit, &mut out);
    assert_eq!(closed, exit.signal.is_none(), "{name}: it is let go after its last turn");
    Played { events, failed, lost: codex.lost_session() }
}

fn act(codex: &mut CodexAppServer, event: &AgentEvent, actions: &mut Actions, out: &mut Output) {
    match event {
        AgentEvent::Asks(request) => {
            if let Some(answer) = &actions.permission {
                codex.answer(&request.id, answer, out);
            }
        }
        AgentEvent::ToolCall { .. } => {
            if let Some(text) = actions.said_at_work.take() {
                assert_eq!(codex.say(text, out), Hearing::Now);
            }
        }
        AgentEvent::TurnEnded(_) => match actions.said_after.take() {
            Some(text) => assert_eq!(codex.say(text, out), Hearing::Now),
            None => codex.finish(out),
        },
        _ => {}
    }
}

fn app(name: &str, prompt: &str) -> Played {
    play_app(name, start(prompt), Actions::default(), OK)
}

/// The session that a recording takes up.
fn app_session(name: &str) -> Option<String> {
    let recording = recording(name);
    let (_, rest) = recording.split_once("\"thread\":{\"id\":\"")?;
    Some(rest[..36].to_owned())
}

#[test]
fn many_turns_go_through_one_process() {
    let actions = Actions { said_after: Some("again"), ..Actions::default() };
    let played = play_app("app_write", start("write"), actions, OK);
    assert_eq!(
        played.events,
        [
            "session gpt-5.5",
            "thinks I plan.",
            "says I write.",
            "calls apply_patch: add /job/a.txt",
            "gave ",
            "wrote /job/a.txt",
            "used 1000/400/50",
            "calls shell: echo shell; exit 3",
            "failed shell",
            "used 2000/800/100",
            "says All done.",
            "used 3000/1200/150",
            "end All done.",
            "says Second.",
            "used 4000/1600/200",
            "end Second.",
        ]
    );
    assert_eq!((played.failed, played.lost), (None, false));
}

#[test]
fn a_thread_is_taken_up_again_also_after_a_kill() {
    let mut again = start("again");
    again.resume = app_session("app_resume");
    let played = play_app("app_resume", again, Actions::default(), OK);
    let expected =
        ["session gpt-5.5", "used 4000/1600/200", "says Second.", "used 5000/2000/250", "end Second."];
    assert_eq!(played.events, expected);

    let played = play_app("app_killed", start("slow"), Actions::default(), KILLED);
    assert_eq!(played.failed.map(|failed| failed.cause), Some(FailureCause::Killed));
    let mut after = start("go on");
    after.resume = app_session("app_after_kill");
    let played = play_app("app_after_kill", after, Actions::default(), OK);
    assert_eq!(played.events.last().map(String::as_str), Some("end Went on."));
}

#[test]
fn a_thread_that_codex_does_not_have_is_lost() {
    let mut unknown = start("again");
    unknown.resume = Some("0199c0de-0000-7000-8000-000000000000".into());
    let played = play_app("app_unknown", unknown, Actions::default(), OK);
    assert!(played.lost && played.failed.is_some());
    let mut named = start("x");
    named.resume = Some("my thread".into());
    assert!(CodexAppServer::new(named).lost_session());
    let config = app("app_bad_config", "x");
    assert!(!config.lost, "settings that cannot be read say nothing about a session");
    assert_eq!(config.failed.map(|failed| failed.cause), Some(FailureCause::NotStarted));
}

#[test]
fn a_permission_that_is_given_lets_codex_leave_its_sandbox() {
    let actions =
        Actions { permission: Some(ApprovalAnswer::Allow), said_after: Some("patch"), ..Actions::default() };
    let played = play_app("app_granted", start("ask"), actions, OK);
    let command = "echo x > /job/../no.txt; cat /job/../no.txt";
    assert_eq!(
        played.events,
        [
            "session gpt-5.5".to_owned(),
            format!("calls shell: {command}"),
            format!("asks shell: {command} (need it|/bin/bash -lc '{command}'|in /work)"),
            "gave x".to_owned(),
            "used 1000/400/50".to_owned(),
            "says asked".to_owned(),
            "used 2000/800/100".to_owned(),
            "end asked".to_owned(),
            "calls apply_patch: add /outside/no2.txt".to_owned(),
            "asks apply_patch: add /outside/no2.txt (/outside/no2.txt|x)".to_owned(),
            "gave ".to_owned(),
            "wrote /outside/no2.txt".to_owned(),
            "used 3000/1200/150".to_owned(),
            "says patched".to_owned(),
            "used 4000/1600/200".to_owned(),
            "end patched".to_owned(),
        ]
    );
}

#[test]
fn a_permission_that_is_refused_is_told_and_the_turn_goes_on() {
    let deny = |reason: &str| Some(ApprovalAnswer::Deny { reason: reason.into() });
    let actions = Actions { permission: deny(""), said_after: Some("patch"), ..Actions::default() };
    let played = play_app("app_denied", start("ask"), actions, OK);
    assert_eq!(played.events.iter().filter(|event| *event == "failed It was not permitted.").count(), 2);
    assert!(!played.events.iter().any(|event| event.starts_with("wrote")));
    assert_eq!(played.failed, None);

    let actions = Actions { permission: deny("steer clear of that"), ..Actions::default() };
    let played = play_app("app_denied_reason", start("ask"), actions, OK);
    assert_eq!(played.events.last().map(String::as_str), Some("end steered"), "Codex heard why");

    let mut read = start("write");
    read.access = Access::Read;
    let actions = Actions { permission: deny(""), ..Actions::default() };
    let played = play_app("app_read_only", read, actions, OK);
    assert!(played.events.contains(&"asks apply_patch: add /job/a.txt (/job/a.txt|hi)".to_owned()));
}

#[test]
fn codex_hears_a_person_in_the_midst_of_a_turn() {
    let actions = Actions { said_at_work: Some("steer it"), ..Actions::default() };
    let played = play_app("app_steer", start("slow"), actions, OK);
    assert_eq!(played.events.last().map(String::as_str), Some("end steered"));
}

#[test]
fn failures_of_an_app_server_are_told_apart() {
    for (name, expected) in [
        ("app_401", FailureCause::NotLoggedIn),
        ("app_429", FailureCause::RateLimited),
        ("app_limit", FailureCause::RateLimited),
        ("app_500", FailureCause::ProviderDown),
        ("app_refused", FailureCause::ProviderDown),
        ("app_cut", FailureCause::ProviderDown),
        ("app_context", FailureCause::ContextLimit),
    ] {
        let played = app(name, "x");
        assert_eq!(played.events.last(), Some(&format!("end {expected:?}")), "{name}");
        assert_eq!(played.failed.map(|failed| failed.cause), Some(expected), "{name}");
    }
    let until = app("app_limit", "x").failed.and_then(|failed| failed.until);
    assert_eq!(until.map(|until| until.to_string()).as_deref(), Some("2026-11-22T21:11:18.000Z"));
}

/// An app-server at its first turn, and what it was told so far left out.
pub(crate) fn at_work() -> CodexAppServer {
    let mut codex = CodexAppServer::new(start("x"));
    for message in [
        json!({"id": 1, "result": {}}),
        json!({"id": 2, "result": {"thread": {"id": "t"}, "model": "m"}}),
        json!({"id": 3, "result": {"turn": {"id": "one"}}}),
    ] {
        hear(&mut codex, &message);
    }
    codex
}

fn hear(codex: &mut CodexAppServer, message: &Value) -> (Vec<String>, String) {
    let mut out = Output::default();
    codex.stdout(format!("{message}\n").as_bytes(), now(), &mut out);
    (out.events.iter().map(line).collect(), String::from_utf8(out.stdin).expect("text"))
}

fn completed() -> Value {
    json!({"method": "turn/completed", "params": {"threadId": "t", "turn": {"id": "one", "status": "completed"}}})
}

#[test]
fn words_that_come_too_late_for_a_turn_get_a_turn_of_their_own() {
    let mut codex = at_work();
    let mut out = Output::default();
    assert_eq!(codex.say("and tests", &mut out), Hearing::Now);
    let (events, _) = hear(&mut codex, &completed());
    assert!(events.is_empty(), "the end waits until the words are heard: {events:?}");
    let late = json!({"id": 4, "error": {"code": -32600, "message": "no active turn to steer"}});
    let (events, sent) = hear(&mut codex, &late);
    assert!(events.is_empty() && sent.contains("turn/start") && sent.contains("and tests"), "{sent}");
    hear(&mut codex, &json!({"id": 5, "result": {"turn": {"id": "two"}}}));
    assert_eq!(hear(&mut codex, &completed()).0, ["end "]);
    assert_eq!(codex.ended(OK, &mut Output::default()), None);
}

#[test]
fn a_question_that_is_open_at_the_end_of_a_turn_is_gone() {
    let mut codex = at_work();
    let ask = json!({"id": 0, "method": "item/commandExecution/requestApproval", "params": {"itemId": "c", "command": "rm x"}});
    assert_eq!(hear(&mut codex, &ask).0, ["asks shell: rm x (rm x|in)"]);
    let other = json!({"method": "serverRequest/resolved", "params": {"threadId": "t", "requestId": 7}});
    assert!(hear(&mut codex, &other).0.is_empty());
    assert_eq!(hear(&mut codex, &completed()).0, ["gone", "end "]);
    let mut out = Output::default();
    codex.answer("c/0", &ApprovalAnswer::Allow, &mut out);
    assert!(out.stdin.is_empty(), "nobody waits for it");
    let unknown = json!({"id": 1, "method": "item/tool/call", "params": {}});
    assert!(hear(&mut codex, &unknown).1.contains("-32601"), "an unknown question is not left open");
}

#[test]
fn agents_that_codex_starts_itself_are_counted_and_do_not_end_its_turn() {
    let mut codex = at_work();
    let count = |thread: &str, input: u64| json!({"method": "thread/tokenUsage/updated", "params": {"threadId": thread, "tokenUsage": {"total": {"inputTokens": input}}}});
    assert_eq!(hear(&mut codex, &count("t", 10)).0, ["used 10/0/0"]);
    assert_eq!(hear(&mut codex, &count("child", 5)).0, ["used 15/0/0"]);
    assert_eq!(hear(&mut codex, &count("t", 20)).0, ["used 25/0/0"]);
    let child =
        json!({"method": "turn/completed", "params": {"threadId": "child", "turn": {"status": "failed"}}});
    assert!(hear(&mut codex, &child).0.is_empty());
    assert_eq!(
        codex.ended(OK, &mut Output::default()).map(|failed| failed.cause),
        Some(FailureCause::Crashed)
    );
}
