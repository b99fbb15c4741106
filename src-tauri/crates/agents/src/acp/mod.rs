//! The Agent Client Protocol over stdin and stdout (agentclientprotocol.com, version 1): any agent
//! that speaks it can be a runner's program.
//!
//! ```text
//! initialize -> session/new, or session/resume or session/load -> its mode and model -> session/prompt
//! ```
//!
//! The agent works on files and in shells of its own: none of ours are offered to it.

mod failure;
mod permission;
mod session;
mod settings;
mod speech;
mod tools;
mod turn;

use miyabi_protocol::{ApprovalAnswer, Timestamp, Usage};
use serde_json::{Value, json};

use crate::adapter::{Adapter, Exit, Hearing, Output, Start};
use crate::command::Launch;
use crate::event::{AgentEvent, Failed, TurnEnd};
use crate::json_lines::{JsonLine, JsonLines};
use crate::json_rpc::{Incoming, METHOD_NOT_FOUND, Peer};
use crate::lines::{Line, LineCutter};

use crate::shown::LastWords;
use session::Stage;

/// The version of the protocol that is spoken.
const PROTOCOL_VERSION: u64 = 1;

/// A conversation with one agent.
#[derive(Debug)]
pub struct Acp {
    start: Start,
    /// The first message, which the launch carries.
    opening: String,
    peer: Peer,
    lines: JsonLines,
    stderr: LineCutter,
    last_words: LastWords,
    stage: Stage,
    session: Option<String>,
    /// The models that it offers, for people.
    models: String,
    /// What the agent said that it can.
    can: session::Abilities,
    turn: turn::Turn,
    used: turn::Counter,
    asks: permission::Asks,
    failure: Option<Failed>,
    /// Whether the agent cannot take up the session that it was to go on in.
    is_lost: bool,
}

impl Acp {
    /// A conversation that begins with this.
    #[must_use]
    pub fn new(start: Start) -> Self {
        let mut peer = Peer::default();
        let mut first = Output::default();
        peer.call("initialize", &initialize(), &mut first);
        Self {
            start,
            opening: String::from_utf8_lossy(&first.stdin).into_owned(),
            peer,
            lines: JsonLines::default(),
            stderr: LineCutter::default(),
            last_words: LastWords::default(),
            stage: Stage::Opening,
            session: None,
            models: String::new(),
            can: session::Abilities::default(),
            turn: turn::Turn::default(),
            used: turn::Counter::default(),
            asks: permission::Asks::default(),
            failure: None,
            is_lost: false,
        }
    }

    fn line(&mut self, line: JsonLine, now: Timestamp, out: &mut Output) {
        match line {
            JsonLine::Value(message) => match self.peer.take(message, out) {
                Incoming::Answer { call, method, result } => self.answered(call, method, result, out),
                Incoming::Request { id, method, params } => self.requested(id, &method, &params, now, out),
                Incoming::Notification { method, params } => self.notified(&method, &params, out),
                Incoming::Nothing => {}
            },
            JsonLine::Text(text) => out.say(AgentEvent::Text(text)),
            JsonLine::TooLong(size) => {
                out.say(AgentEvent::Notice(format!("a message of {size} bytes was too long to be read")));
            }
        }
    }

    fn requested(&mut self, id: String, method: &str, params: &Value, now: Timestamp, out: &mut Output) {
        if method == "session/request_permission" {
            self.turn.speech.pause(out);
            let request = self.asks.ask(id, params, &self.turn.tools, now);
            out.say(AgentEvent::Asks(request));
        } else {
            self.peer.refuse(&id, METHOD_NOT_FOUND, "this client does not offer that", out);
        }
    }

    fn notified(&mut self, method: &str, params: &Value, out: &mut Output) {
        match method {
            // While a session is loaded, the agent repeats what was said in it before.
            "session/update" if self.stage == Stage::Turn => {
                let update = params.get("update").unwrap_or(&Value::Null);
                self.turn.update(update, &mut self.used, out);
            }
            "$/cancel_request" => {
                let id = params.get("requestId").and_then(crate::json_rpc::request_key);
                if let Some(id) = id.filter(|id| self.peer.withdraw(id)) {
                    self.asks.forget(&id);
                    out.say(AgentEvent::AskGone { id });
                }
            }
            _ => {}
        }
    }

    /// Ends a turn, or the whole conversation before there was one.
    fn end_turn(&mut self, failure: Option<Failed>, out: &mut Output) {
        self.turn.speech.pause(out);
        for id in self.asks.all() {
            self.peer.withdraw(&id);
            out.say(AgentEvent::AskGone { id });
        }
        self.stage = if self.session.is_some() { Stage::Idle } else { Stage::Over };
        self.failure.clone_from(&failure);
        let summary = self.turn.speech.summary();
        out.say(AgentEvent::TurnEnded(TurnEnd { failure, summary }));
    }

    fn complained(&mut self, line: Line<'_>, out: &mut Output) {
        let (Line::Whole(text) | Line::Piece(text)) = line;
        self.last_words.add(text);
        out.say(AgentEvent::Text(text.to_vec()));
    }
}

impl Adapter for Acp {
    fn launch(&self) -> Launch {
        self.start.launch(self.start.argv.clone(), self.opening.clone())
    }

    fn stdout(&mut self, bytes: &[u8], now: Timestamp, out: &mut Output) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |line| self.line(line, now, out));
        self.lines = lines;
    }

    fn stderr(&mut self, bytes: &[u8], out: &mut Output) {
        let mut lines = std::mem::take(&mut self.stderr);
        lines.push(bytes, |line| self.complained(line, out));
        self.stderr = lines;
    }

    fn answer(&mut self, request: &str, answer: &ApprovalAnswer, out: &mut Output) {
        if let Some(outcome) = self.asks.answer(request, answer) {
            if let ApprovalAnswer::Deny { reason } = answer {
                self.turn.deny(reason);
            }
            self.peer.reply(request, &outcome, out);
        }
    }

    fn say(&mut self, text: &str, out: &mut Output) -> Hearing {
        match self.stage {
            Stage::Idle => {
                self.prompt(text, out);
                Hearing::Now
            }
            Stage::Turn if self.can.steering => self.steer(text, out),
            _ => Hearing::AfterTheTurn,
        }
    }

    fn finish(&mut self, out: &mut Output) {
        if let (Stage::Turn, Some(session)) = (self.stage, &self.session) {
            self.peer.notify("session/cancel", Some(&json!({ "sessionId": session })), out);
        }
        out.close_stdin = true;
    }

    fn ended(&mut self, exit: Exit, out: &mut Output) -> Option<Failed> {
        let mut lines = std::mem::take(&mut self.lines);
        // Stamps nothing that anybody will still see: a request cannot be answered any more.
        lines.finish(|line| self.line(line, Timestamp::default(), out));
        let mut stderr = std::mem::take(&mut self.stderr);
        stderr.finish(|line| self.complained(line, out));
        self.turn.speech.pause(out);
        out.stdin.clear();
        match self.stage {
            Stage::Idle | Stage::Over => self.failure.clone(),
            _ => Some(failure::of_exit(exit, self.last_words.text())),
        }
    }

    fn used_before(&mut self, used: Usage) {
        self.used.begin_at(used);
    }

    fn lost_session(&self) -> bool {
        self.is_lost
    }
}

/// What a client says first. The probe says the same.
#[must_use]
pub fn initialize() -> Value {
    json!({
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": { "fs": { "readTextFile": false, "writeTextFile": false }, "terminal": false },
        "clientInfo": { "name": "miyabi", "title": "Miyabi Orchestra", "version": env!("CARGO_PKG_VERSION") },
    })
}

/// The text under a name; none where there is something else.
fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}
