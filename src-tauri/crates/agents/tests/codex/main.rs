//! The Codex adapters against recordings of the real program (0.169.0), and against arbitrary bytes.

mod any;
mod app_server;
mod exec;

use std::collections::BTreeMap;

use miyabi_agents::{AgentEvent, Exit, Start};
use miyabi_plan::Access;
use miyabi_protocol::Timestamp;

pub(crate) const OK: Exit = Exit { code: Some(0), signal: None };
pub(crate) const FAILED: Exit = Exit { code: Some(1), signal: None };
pub(crate) const KILLED: Exit = Exit { code: None, signal: Some(9) };

pub(crate) fn recording(name: &str) -> String {
    let path = format!("{}/tests/streams/codex/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(crate) fn now() -> Timestamp {
    "2026-11-22T19:11:20Z".parse().expect("a time")
}

pub(crate) fn start(prompt: &str) -> Start {
    Start {
        argv: Vec::new(),
        environment: BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]),
        work_folder: Some("/work".into()),
        model: None,
        access: Access::Edit,
        budget: None,
        prompt: prompt.into(),
        resume: None,
    }
}

/// An event in a line.
pub(crate) fn line(event: &AgentEvent) -> String {
    match event {
        AgentEvent::Session { model, .. } => format!("session {}", model.as_deref().unwrap_or("-")),
        AgentEvent::Text(bytes) => format!("text {}", String::from_utf8_lossy(bytes)),
        AgentEvent::Message(text) => format!("says {text}"),
        AgentEvent::Thinking(text) => format!("thinks {text}"),
        AgentEvent::ToolCall { tool, what, .. } => format!("calls {tool}: {what}"),
        AgentEvent::ToolResult { failed, text, .. } => {
            format!("{} {}", if *failed { "failed" } else { "gave" }, text.trim())
        }
        AgentEvent::OutputFile(path) => format!("wrote {path}"),
        AgentEvent::Usage(used) => {
            format!("used {}/{}/{}", used.input_tokens, used.cached_tokens, used.output_tokens)
        }
        AgentEvent::Asks(request) => {
            format!("asks {}: {} ({})", request.tool, request.what, request.detail.replace('\n', "|"))
        }
        AgentEvent::AskGone { .. } => "gone".to_owned(),
        AgentEvent::Notice(text) => format!("notice {text}"),
        AgentEvent::TurnEnded(end) => match &end.failure {
            None => format!("end {}", end.summary),
            Some(failed) => format!("end {:?}", failed.cause),
        },
        other => format!("{other:?}"),
    }
}
