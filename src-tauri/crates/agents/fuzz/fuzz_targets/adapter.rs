//! Arbitrary output of an agent program, cut anywhere, through each adapter and the transcript: no
//! panic, and events of bounded size. The first byte chooses the protocol, the second where it is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use miyabi_agents::event::MAX_TEXT;
use miyabi_agents::transcript::Transcript;
use miyabi_agents::{Adapter, AgentEvent, Exit, Output, Start, adapter};
use miyabi_plan::Access;
use miyabi_protocol::{AgentProtocol, ApprovalAnswer, Timestamp};

const PROTOCOLS: [AgentProtocol; 4] = [
    AgentProtocol::ClaudeStream,
    AgentProtocol::CodexExec,
    AgentProtocol::CodexAppServer,
    AgentProtocol::Acp,
];

fuzz_target!(|data: &[u8]| {
    let [choice, cut, bytes @ ..] = data else { return };
    let protocol = &PROTOCOLS[usize::from(*choice) % PROTOCOLS.len()];
    let Some(mut program) = adapter(protocol, start()) else { return };
    let mut transcript = Transcript::default();
    let at = usize::from(*cut).min(bytes.len());
    for piece in [&bytes[..at], &bytes[at..]] {
        let mut out = Output::default();
        program.stdout(piece, Timestamp::default(), &mut out);
        answer_all(program.as_mut(), &out);
        for event in &out.events {
            assert!(size(event) <= 2 * MAX_TEXT, "{event:?}");
            let _shown = transcript.show(event);
        }
    }
    let mut out = Output::default();
    let _failure = program.ended(Exit { code: Some(0), signal: None }, &mut out);
});

fn answer_all(program: &mut dyn Adapter, seen: &Output) {
    for event in &seen.events {
        if let AgentEvent::Asks(request) = event {
            program.answer(&request.id, &ApprovalAnswer::Allow, &mut Output::default());
        }
    }
}

fn size(event: &AgentEvent) -> usize {
    match event {
        AgentEvent::Text(bytes) => bytes.len(),
        AgentEvent::Message(text) | AgentEvent::Thinking(text) | AgentEvent::Notice(text) => text.len(),
        AgentEvent::ToolCall { what, .. } => what.len(),
        AgentEvent::ToolResult { text, .. } => text.len(),
        AgentEvent::Asks(request) => request.what.len() + request.detail.len(),
        _ => 0,
    }
}

fn start() -> Start {
    Start {
        argv: Vec::new(),
        environment: std::collections::BTreeMap::new(),
        work_folder: Some("/work".to_owned()),
        model: None,
        access: Access::Edit,
        budget: None,
        prompt: "do it".to_owned(),
        resume: None,
    }
}
