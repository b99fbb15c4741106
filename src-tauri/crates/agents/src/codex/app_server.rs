//! `codex app-server`: one process for many turns, spoken to by JSON-RPC in JSON lines. It asks
//! before it leaves its sandbox, and hears what is said in the midst of a turn.
//!
//! ```text
//! initialize → initialized → thread/start | thread/resume → turn/start → item/* → turn/completed
//! ```

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use miyabi_plan::{Access, FailureCause};
use miyabi_protocol::{ApprovalAnswer, Timestamp};
use serde_json::{Value, json};

use crate::adapter::{Adapter, Exit, Hearing, Output, Start};
use crate::command::Launch;
use crate::event::{AgentEvent, Failed, TurnEnd};
use crate::json_lines::{JsonLine, JsonLines};
use crate::json_rpc::{Incoming, METHOD_NOT_FOUND, Peer, RpcError, request_key};

use super::account::Account;
use super::approvals::{self, Ask, Question};
use super::items::{Items, list, share};
use super::stderr::Stderr;
use super::{
    Stage, argv, failures, is_lost_from_the_start, lost, resumed, sandbox, says_lost, shortened, stray, text,
    without_a_word,
};

/// How many words of a person may wait until Codex has taken them.
const MAX_STEERS: usize = 32;
/// The longest text that is said in the midst of a turn, in bytes: it is kept until Codex has it.
const MAX_STEER: usize = 256 * 1024;

const INITIALIZE: &str = "initialize";
const THREAD_START: &str = "thread/start";
const THREAD_RESUME: &str = "thread/resume";
const TURN_START: &str = "turn/start";
const TURN_STEER: &str = "turn/steer";

/// One `codex app-server`.
#[derive(Debug)]
pub struct CodexAppServer {
    start: Start,
    /// The first line that it is told.
    greeting: String,
    peer: Peer,
    lines: JsonLines,
    stderr: Stderr,
    items: Items,
    thread: Option<String>,
    turn: Turn,
    /// What was said in the midst of a turn, by its call, until Codex has taken it.
    steers: BTreeMap<u64, String>,
    /// What Codex did not take, because its turn was at its end: it gets a turn of its own.
    unheard: Vec<String>,
    /// What waits for permission, by the id that the runner knows.
    asks: BTreeMap<String, Ask>,
    account: Account,
    lost_session: bool,
    now: Timestamp,
    zone: Option<TimeZone>,
}

/// Where the conversation stands.
#[derive(Debug)]
enum Turn {
    /// Before the first turn, or one is asked for.
    Coming,
    /// Codex works.
    Running(String),
    /// It has ended, and yet something that was said in its midst is not answered.
    Ending(TurnEnd),
    /// Nothing goes on.
    Over(Result<(), Failed>),
}

impl CodexAppServer {
    /// A process that is started with this.
    #[must_use]
    pub fn new(start: Start) -> Self {
        let (mut peer, mut first) = (Peer::default(), Output::default());
        let client =
            json!({ "name": "miyabi", "title": "Miyabi Orchestra", "version": env!("CARGO_PKG_VERSION") });
        let capabilities = json!({ "experimentalApi": false, "requestAttestation": false });
        peer.call(INITIALIZE, &json!({ "clientInfo": client, "capabilities": capabilities }), &mut first);
        Self {
            lost_session: is_lost_from_the_start(&start),
            stderr: Stderr::new(&start),
            start,
            greeting: String::from_utf8_lossy(&first.stdin).into_owned(),
            peer,
            lines: JsonLines::default(),
            items: Items::default(),
            thread: None,
            turn: Turn::Coming,
            steers: BTreeMap::new(),
            unheard: Vec::new(),
            asks: BTreeMap::new(),
            account: Account::default(),
            now: Timestamp::default(),
            zone: None,
        }
    }

    fn take(&mut self, line: JsonLine, out: &mut Output) {
        let message = match line {
            JsonLine::Value(message) => message,
            JsonLine::Text(bytes) => return out.say(stray(bytes)),
            JsonLine::TooLong(bytes) => {
                let notice = format!("Codex printed a line of {bytes} bytes, which is not read.");
                return out.say(AgentEvent::Notice(notice));
            }
        };
        match self.peer.take(message, out) {
            Incoming::Answer { call, method, result } => self.answered(call, method, result, out),
            Incoming::Request { id, method, params } => self.asked(&id, &method, &params, out),
            Incoming::Notification { method, params } => self.told(&method, &params, out),
            Incoming::Nothing => {}
        }
    }

    fn answered(&mut self, call: u64, method: &str, result: Result<Value, RpcError>, out: &mut Output) {
        match (method, result) {
            (INITIALIZE, Ok(_)) => {
                self.peer.notify("initialized", None, out);
                self.open_thread(out);
            }
            (THREAD_START | THREAD_RESUME, Ok(answer)) => self.thread_stands(&answer, out),
            (TURN_START, Ok(answer)) => {
                if let (Turn::Coming, Some(turn)) = (&self.turn, answer.get("turn")) {
                    self.turn = Turn::Running(text(turn, "id").to_owned());
                }
            }
            (TURN_STEER, Ok(_)) => {
                self.steers.remove(&call);
                self.end_when_all_is_heard(out);
            }
            (TURN_STEER, Err(_)) => self.not_heard(call, out),
            (_, Err(error)) => self.refused(method, &error, out),
            _ => {}
        }
    }

    fn open_thread(&mut self, out: &mut Output) {
        // In its own words: ask when a command needs to leave the sandbox. Without one, there is nothing to ask.
        let approval = if self.start.access == Access::Full { "never" } else { "on-request" };
        let mut params = json!({ "sandbox": sandbox(self.start.access), "approvalPolicy": approval });
        for (key, value) in [("cwd", &self.start.work_folder), ("model", &self.start.model)] {
            if let Some(value) = value {
                params[key] = json!(value);
            }
        }
        if let Some(session) = resumed(&self.start) {
            params["threadId"] = json!(session);
            params["excludeTurns"] = json!(true);
            self.peer.call(THREAD_RESUME, &params, out);
        } else {
            self.peer.call(THREAD_START, &params, out);
        }
    }

    fn thread_stands(&mut self, answer: &Value, out: &mut Output) {
        let id = answer.get("thread").map(|thread| shortened(text(thread, "id"))).unwrap_or_default();
        let model = Some(text(answer, "model")).filter(|model| !model.is_empty()).map(shortened);
        out.say(AgentEvent::Session { id: id.clone(), model: model.or_else(|| self.start.model.clone()) });
        self.thread = Some(id);
        let prompt = std::mem::take(&mut self.start.prompt);
        self.begin_turn(&prompt, out);
    }

    fn begin_turn(&mut self, prompt: &str, out: &mut Output) {
        let params = json!({ "threadId": self.thread, "input": said(prompt) });
        self.peer.call(TURN_START, &params, out);
        self.turn = Turn::Coming;
    }

    fn not_heard(&mut self, call: u64, out: &mut Output) {
        self.unheard.extend(self.steers.remove(&call));
        self.end_when_all_is_heard(out);
    }

    fn end_when_all_is_heard(&mut self, out: &mut Output) {
        let Turn::Ending(end) = &mut self.turn else { return };
        if !self.steers.is_empty() {
            return;
        }
        let end = std::mem::take(end);
        let unheard = std::mem::take(&mut self.unheard).join("\n\n");
        if end.failure.is_none() && !unheard.is_empty() {
            return self.begin_turn(&unheard, out);
        }
        self.turn = Turn::Over(end.failure.clone().map_or(Ok(()), Err));
        out.say(AgentEvent::TurnEnded(end));
    }

    /// A call without which nothing goes on was refused.
    fn refused(&mut self, method: &str, error: &RpcError, out: &mut Output) {
        self.lost_session |= method == THREAD_RESUME && says_lost(&error.message);
        if self.lost_session {
            return self.end_turn(Some(lost()), out);
        }
        let now = self.now;
        let message = format!("Codex refused {method}: {}", error.message);
        let mut failed = failures::told(&message, now, self.zone());
        if failed.cause == FailureCause::AgentFailed && method != TURN_START {
            failed.cause = FailureCause::NotStarted;
        }
        self.end_turn(Some(failed), out);
    }

    fn end_turn(&mut self, failure: Option<Failed>, out: &mut Output) {
        for (id, ask) in std::mem::take(&mut self.asks) {
            self.peer.withdraw(&ask.key);
            out.say(AgentEvent::AskGone { id });
        }
        self.turn = Turn::Ending(TurnEnd { failure, summary: self.items.take_summary() });
        self.end_when_all_is_heard(out);
    }

    fn asked(&mut self, key: &str, method: &str, params: &Value, out: &mut Output) {
        match approvals::question(method, params, key, &self.items, self.now) {
            Question::Asked(ask, request) => {
                self.asks.insert(request.id.clone(), ask);
                out.say(AgentEvent::Asks(request));
            }
            Question::Answered(answer) => {
                self.peer.reply(key, &answer, out);
                out.say(AgentEvent::Notice(format!(
                    "Codex asked what only a person can answer: {}",
                    shortened(method)
                )));
            }
            Question::Unknown => {
                self.peer.refuse(key, METHOD_NOT_FOUND, "this client does not offer that", out);
            }
        }
    }

    fn told(&mut self, method: &str, params: &Value, out: &mut Output) {
        let item = params.get("item").unwrap_or(&Value::Null);
        match method {
            "item/started" => self.items.started(item, out),
            "item/completed" => self.items.completed(item, out),
            "turn/started" | "turn/completed" if !self.is_ours(params) => {}
            "turn/started" => {
                let turn = params.get("turn").map(|turn| text(turn, "id")).unwrap_or_default();
                self.turn = Turn::Running(shortened(turn));
            }
            "turn/completed" => self.turn_completed(params.get("turn").unwrap_or(&Value::Null), out),
            "turn/plan/updated" => {
                let done = list(params, "plan").map(|step| text(step, "status") == "completed");
                share(done).into_iter().for_each(|share| out.say(AgentEvent::Progress(share)));
            }
            "thread/tokenUsage/updated" => {
                self.account.count(params).into_iter().for_each(|used| out.say(AgentEvent::Usage(used)));
            }
            "account/rateLimits/updated" => self.account.limits(params),
            "error" => retried(params, out),
            "warning" | "configWarning" | "guardianWarning" | "deprecationNotice" => {
                let message = [text(params, "message"), text(params, "summary")].join("");
                out.say(AgentEvent::Notice(shortened(&message)));
            }
            "serverRequest/resolved" => self.resolved(params, out),
            _ => {}
        }
    }

    fn is_ours(&self, params: &Value) -> bool {
        self.thread.as_deref().is_some_and(|thread| thread == text(params, "threadId"))
    }

    fn turn_completed(&mut self, turn: &Value, out: &mut Output) {
        let failure = match text(turn, "status") {
            "completed" => None,
            "interrupted" => Some(Failed::new(FailureCause::AgentFailed, "The turn was interrupted.")),
            _ => {
                let now = self.now;
                let error = turn.get("error").unwrap_or(&Value::Null);
                let mut failed = failures::named(error, now, self.zone());
                if failed.cause == FailureCause::RateLimited {
                    failed.until = self.account.limit_until(now).or(failed.until);
                }
                Some(failed)
            }
        };
        self.end_turn(failure, out);
    }

    fn resolved(&mut self, params: &Value, out: &mut Output) {
        let Some(key) = params.get("requestId").and_then(request_key) else { return };
        if self.peer.withdraw(&key) {
            let gone: Vec<String> =
                self.asks.iter().filter(|(_, ask)| ask.key == key).map(|(id, _)| id.clone()).collect();
            for id in gone {
                self.asks.remove(&id);
                out.say(AgentEvent::AskGone { id });
            }
        }
    }

    fn zone(&mut self) -> &TimeZone {
        self.zone.get_or_insert_with(|| super::zone_of(&self.start))
    }

    fn steer(&mut self, text: &str, out: &mut Output) -> Hearing {
        let Turn::Running(turn) = &self.turn else { return Hearing::AfterTheTurn };
        if self.steers.len() + self.unheard.len() >= MAX_STEERS || text.len() > MAX_STEER {
            return Hearing::AfterTheTurn;
        }
        let params = json!({ "threadId": self.thread, "expectedTurnId": turn, "input": said(text) });
        let call = self.peer.call(TURN_STEER, &params, out);
        self.steers.insert(call, text.to_owned());
        Hearing::Now
    }
}

/// A try of its own after an error. One that ends the turn is told with the turn's end.
fn retried(params: &Value, out: &mut Output) {
    if params.get("willRetry").and_then(Value::as_bool) != Some(true) {
        return;
    }
    let error = params.get("error").unwrap_or(&Value::Null);
    let message = match text(error, "additionalDetails") {
        "" => text(error, "message").to_owned(),
        details => format!("{} ({details})", text(error, "message")),
    };
    out.say(AgentEvent::Notice(shortened(&message)));
}

fn said(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

impl Adapter for CodexAppServer {
    fn launch(&self) -> Launch {
        self.start.launch(argv(&self.start, "app-server"), self.greeting.clone())
    }

    fn stdout(&mut self, bytes: &[u8], now: Timestamp, out: &mut Output) {
        self.now = now;
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |line| self.take(line, out));
        self.lines = lines;
    }

    fn stderr(&mut self, bytes: &[u8], out: &mut Output) {
        self.stderr.push(bytes, out);
    }

    fn answer(&mut self, request: &str, answer: &ApprovalAnswer, out: &mut Output) {
        let Some(ask) = self.asks.remove(request) else { return };
        self.peer.reply(&ask.key, &approvals::answer(&ask, answer), out);
        // A refusal of Codex's has no place for a reason: it is said beside it.
        if let ApprovalAnswer::Deny { reason } = answer
            && !reason.trim().is_empty()
        {
            self.steer(&format!("That was not permitted: {reason}"), out);
        }
    }

    fn say(&mut self, text: &str, out: &mut Output) -> Hearing {
        match self.turn {
            Turn::Over(_) if self.thread.is_some() => {
                self.begin_turn(text, out);
                Hearing::Now
            }
            _ => self.steer(text, out),
        }
    }

    fn finish(&mut self, out: &mut Output) {
        out.close_stdin = true;
    }

    fn ended(&mut self, exit: Exit, out: &mut Output) -> Option<Failed> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line| self.take(line, out));
        self.stderr.finish(out);
        match &self.turn {
            Turn::Over(Ok(())) => None,
            Turn::Over(Err(failed)) => Some(failed.clone()),
            Turn::Ending(end) => end.failure.clone(),
            Turn::Coming | Turn::Running(_) => {
                let stage = if self.thread.is_some() { Stage::Working } else { Stage::Starting };
                Some(without_a_word(exit, stage, self.stderr.last_words().as_deref()))
            }
        }
    }

    fn lost_session(&self) -> bool {
        self.lost_session
    }
}
