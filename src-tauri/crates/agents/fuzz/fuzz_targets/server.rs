//! Arbitrary output of an MCP server: its lines through the pure listener, its results, and the
//! transcript. No panic, and events of bounded size.

#![no_main]

use libfuzzer_sys::fuzz_target;
use miyabi_agents::event::MAX_TEXT;
use miyabi_agents::json_lines::{JsonLine, JsonLines};
use miyabi_agents::mcp::Listener;
use miyabi_agents::transcript::Transcript;
use miyabi_agents::{AgentEvent, Output};
use miyabi_protocol::{ApprovalAnswer, Timestamp};

fuzz_target!(|data: &[u8]| {
    let (mut lines, mut listener, mut out) = (JsonLines::default(), Listener::default(), Output::default());
    let mut hear = |line: JsonLine| {
        let JsonLine::Value(message) = line else { return };
        if let Some(passed) = listener.take(message, Timestamp::default(), &mut out) {
            let _end = listener.result(&passed["result"], &mut out);
        }
    };
    lines.push(data, &mut hear);
    lines.finish(&mut hear);
    let mut transcript = Transcript::default();
    for event in std::mem::take(&mut out.events) {
        if let AgentEvent::Asks(request) = &event {
            assert!(request.what.len() + request.detail.len() <= 2 * MAX_TEXT, "{request:?}");
            listener.answer(&request.id, &ApprovalAnswer::Allow, &mut out);
        }
        let _shown = transcript.show(&event);
    }
});
