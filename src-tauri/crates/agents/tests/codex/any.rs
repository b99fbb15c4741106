//! Whatever comes: nothing panics, memory stays bounded, and pieces say what the whole says.

use miyabi_agents::codex::CodexExec;
use miyabi_agents::{Adapter, Failed, Output};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::app_server::at_work;
use super::exec::play_exec;
use super::*;

const KNOWN: [&str; 26] = [
    "thread.started",
    "turn.started",
    "item.started",
    "item.updated",
    "item.completed",
    "turn.completed",
    "turn.failed",
    "error",
    "item/started",
    "item/completed",
    "turn/started",
    "turn/completed",
    "turn/plan/updated",
    "thread/tokenUsage/updated",
    "account/rateLimits/updated",
    "warning",
    "serverRequest/resolved",
    "item/commandExecution/requestApproval",
    "item/fileChange/requestApproval",
    "item/permissions/requestApproval",
    "mcpServer/elicitation/request",
    "item/tool/requestUserInput",
    "agent_message",
    "fileChange",
    "commandExecution",
    "todo_list",
];

const KEYS: [&str; 26] = [
    "type",
    "item",
    "id",
    "text",
    "message",
    "error",
    "usage",
    "status",
    "params",
    "turn",
    "threadId",
    "thread",
    "changes",
    "kind",
    "path",
    "plan",
    "tokenUsage",
    "total",
    "rateLimits",
    "primary",
    "resetsAt",
    "usedPercent",
    "requestId",
    "result",
    "method",
    "questions",
];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(&KNOWN[..]).prop_map(Value::from),
        Just(Value::from("t")),
    ];
    leaf.prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(&KEYS[..]), inner, 0..8)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// A message whose kind is known and whose parts are anything.
fn any_message() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(&KNOWN[..]);
    (kind, prop::option::of(0..6_u64), any_value(), any_value(), any_value()).prop_map(
        |(kind, id, item, params, turn)| {
            let mut message =
                json!({"type": kind, "method": kind, "item": item, "params": params, "error": turn});
            if let Some(id) = id {
                message["id"] = json!(id);
            }
            if message["params"].is_object() {
                message["params"]["item"] = message["item"].clone();
                message["params"]["turn"] = turn;
            }
            message
        },
    )
}

fn adapters() -> [Box<dyn Adapter>; 2] {
    [Box::new(CodexExec::new(start("x"))), Box::new(at_work())]
}

/// Every event that comes of these bytes in pieces that end at these places.
fn events_of(
    codex: &mut dyn Adapter,
    bytes: &[u8],
    cuts: &[usize],
) -> (Vec<AgentEvent>, Vec<u8>, Option<Failed>) {
    let mut out = Output::default();
    let mut from = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.sort_unstable();
    for cut in cuts.into_iter().chain([bytes.len()]) {
        codex.stdout(&bytes[from..cut], now(), &mut out);
        from = cut;
    }
    let failed = codex.ended(FAILED, &mut out);
    (out.events, out.stdin, failed)
}

proptest! {
    #[test]
    fn no_message_panics_and_every_piece_says_the_same(
        messages in prop::collection::vec(any_message(), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(|message| format!("{message}\n").into_bytes()).collect();
        for (mut whole, mut cut) in adapters().into_iter().zip(adapters()) {
            let whole = events_of(whole.as_mut(), &bytes, &[]);
            let cut = events_of(cut.as_mut(), &bytes, &cuts);
            prop_assert_eq!(&whole.0, &cut.0);
            prop_assert_eq!((&whole.1, &whole.2), (&cut.1, &cut.2));
            for event in &whole.0 {
                if let AgentEvent::Progress(progress) = event {
                    prop_assert!((0.0..=1.0).contains(progress));
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        for mut codex in adapters() {
            events_of(codex.as_mut(), &bytes, &cuts);
            codex.stderr(&bytes, &mut Output::default());
        }
    }
}

#[test]
fn a_recording_says_the_same_byte_by_byte() {
    for name in ["exec_write", "exec_500", "exec_limit"] {
        let whole = play_exec(name, start("x"), "", FAILED, usize::MAX);
        assert_eq!(whole, play_exec(name, start("x"), "", FAILED, 1), "{name}");
    }
}

#[test]
fn a_line_without_an_end_takes_no_more_memory_than_a_line_may() {
    for mut codex in adapters() {
        let mut out = Output::default();
        for _ in 0..32 {
            codex.stdout(&vec![b'x'; 1 << 20], now(), &mut out);
        }
        assert!(out.events.is_empty(), "nothing is known of it yet");
        codex.stdout(b"\n", now(), &mut out);
        let lines: Vec<String> = out.events.iter().map(line).collect();
        assert_eq!(lines, [format!("notice Codex printed a line of {} bytes, which is not read.", 32 << 20)]);
    }
}

#[test]
fn a_long_text_is_shortened() {
    let (mut codex, mut out) = (CodexExec::new(start("x")), Output::default());
    let item = json!({"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": "あ".repeat(1 << 20)}});
    codex.stdout(format!("{item}\n").as_bytes(), now(), &mut out);
    let [AgentEvent::Message(text)] = out.events.as_slice() else { panic!("a message") };
    assert!(text.len() <= miyabi_agents::event::MAX_TEXT && text.ends_with('…'));
    for mut codex in adapters() {
        let mut out = Output::default();
        codex.stdout(&[vec![b'x'; 1 << 20], b"\n".to_vec()].concat(), now(), &mut out);
        let [AgentEvent::Text(text)] = out.events.as_slice() else { panic!("a line that is no JSON") };
        assert_eq!(text.len(), miyabi_agents::event::MAX_TEXT);
    }
}
