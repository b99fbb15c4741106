//! Claude Code without a screen: `claude -p` with JSON lines both ways, one process for all turns of an
//! attempt. Seen with 2.1.330; events that are not known are left to the raw log.
//!
//! What one would not guess:
//! - `is_error` of a result decides, never its subtype or the exit code.
//! - `usage` of a result is its turn's; `modelUsage` and `total_cost_usd` are the session's, also after
//!   `--resume`, but for what a killed process had not written down. What [`AgentEvent::Usage`] carries is
//!   therefore what [`Adapter::used_before`] told plus what the results add to it.
//! - A refused tool ends in "success". The turn counts as [`FailureCause::PermissionRefused`] when a
//!   request that this adapter denied (a person, the plan or the time-out said no) stands among the
//!   result's `permission_denials`. What the program refused by its own settings is its own matter: the
//!   agent was told, and the evidence decides.
//! - `bypassPermissions` is refused to root. Full access is therefore `acceptEdits` with every request
//!   allowed at once, which also leaves the person's own deny rules in force.

mod args;
mod asks;
mod failures;
mod messages;
mod usage;

use miyabi_plan::FailureCause;
use miyabi_protocol::{ApprovalAnswer, Timestamp, Usage};
use serde_json::{Value, json};

use crate::adapter::{Adapter, Exit, Hearing, Output, Start};
use crate::command::Launch;
use crate::event::{AgentEvent, Failed, TurnEnd};
use crate::json_lines::{JsonLine, JsonLines};
use crate::lines::{Line, LineCutter};

use asks::Asks;
use failures::Signs;
use messages::{Calls, at, shorten};
use usage::Totals;

/// A conversation with one process of Claude Code.
#[derive(Debug)]
pub struct ClaudeStream {
    start: Start,
    stdout: JsonLines,
    stderr: LineCutter,
    session: String,
    calls: Calls,
    asks: Asks,
    totals: Totals,
    signs: Signs,
    turn: Turn,
}

/// Where the conversation stands.
#[derive(Debug)]
enum Turn {
    /// The program works on what it was told.
    Runs,
    /// Its last turn has ended so.
    Ended(Option<Failed>),
}

impl ClaudeStream {
    /// A conversation for a process that is started so.
    #[must_use]
    pub fn new(start: Start) -> Self {
        Self {
            stdout: JsonLines::default(),
            stderr: LineCutter::default(),
            session: String::new(),
            calls: Calls::new(start.work_folder.as_deref()),
            asks: Asks::new(start.access),
            totals: Totals::new(start.resume.is_none().then(Usage::default)),
            signs: Signs::default(),
            turn: Turn::Runs,
            start,
        }
    }

    fn line(&mut self, line: JsonLine, now: Timestamp, out: &mut Output) {
        match line {
            JsonLine::Value(value) => self.event(&value, now, out),
            JsonLine::Text(text) => {
                self.signs.words(&text);
                out.say(AgentEvent::Text(shorten(&String::from_utf8_lossy(&text)).into_bytes()));
            }
            JsonLine::TooLong(bytes) => {
                out.say(AgentEvent::Notice(format!(
                    "an event of {bytes} bytes is too long and was left out"
                )));
            }
        }
    }

    fn event(&mut self, event: &Value, now: Timestamp, out: &mut Output) {
        match at(event, "type") {
            "system" => self.system(event, out),
            "assistant" => {
                if self.signs.assistant(event) {
                    return;
                }
                self.totals.message(event, out);
                self.calls.assistant(event, out);
            }
            "user" => self.calls.results(event, out),
            "control_request" => self.asks.request(event, &self.calls, now, out),
            "control_cancel_request" => self.asks.cancelled(at(event, "request_id"), out),
            "rate_limit_event" => self.signs.rate_limit(event, out),
            "result" => self.result(event, out),
            _ => {}
        }
    }

    fn system(&mut self, event: &Value, out: &mut Output) {
        match at(event, "subtype") {
            // It comes again with every turn.
            "init" if at(event, "session_id") != self.session => {
                self.session = shorten(at(event, "session_id"));
                let model = Some(at(event, "model")).filter(|model| !model.is_empty()).map(shorten);
                out.say(AgentEvent::Session { id: self.session.clone(), model });
            }
            "api_retry" => out.say(AgentEvent::Notice(failures::retry(event))),
            "permission_denied" => {
                let (tool, why) = (at(event, "tool_name"), at(event, "message"));
                out.say(AgentEvent::Notice(shorten(&format!("{tool} was refused by the program: {why}"))));
            }
            "informational" => out.say(AgentEvent::Notice(shorten(at(event, "content")))),
            "compact_boundary" => {
                out.say(AgentEvent::Notice("the conversation was summarised to make room".to_owned()));
            }
            _ => {}
        }
    }

    fn result(&mut self, event: &Value, out: &mut Output) {
        self.totals.result(event, out);
        let refused = self.asks.refused(event);
        let failure = self.signs.result(event).or_else(|| {
            refused.map(|tools| {
                Failed::new(FailureCause::PermissionRefused, format!("it was not allowed to use {tools}"))
            })
        });
        // Something that was said meanwhile waits inside the program, which goes on with it by itself.
        let goes_on =
            event.get("queued_turn_count").and_then(Value::as_u64).is_some_and(|waiting| waiting > 0);
        if goes_on && failure.is_none() {
            return;
        }
        let summary = shorten(at(event, "result"));
        out.say(AgentEvent::TurnEnded(TurnEnd { failure: failure.clone(), summary }));
        self.turn = Turn::Ended(failure);
    }
}

impl Adapter for ClaudeStream {
    fn launch(&self) -> Launch {
        args::launch(&self.start)
    }

    fn stdout(&mut self, bytes: &[u8], now: Timestamp, out: &mut Output) {
        let mut cutter = std::mem::take(&mut self.stdout);
        cutter.push(bytes, |line| self.line(line, now, out));
        self.stdout = cutter;
    }

    fn stderr(&mut self, bytes: &[u8], out: &mut Output) {
        let signs = &mut self.signs;
        self.stderr.push(bytes, |line| complaint(line, signs, out));
    }

    fn answer(&mut self, request: &str, answer: &ApprovalAnswer, out: &mut Output) {
        self.asks.answer(request, answer, out);
    }

    fn say(&mut self, text: &str, out: &mut Output) -> Hearing {
        out.send(&user_message(text));
        self.turn = Turn::Runs;
        Hearing::Now
    }

    fn finish(&mut self, out: &mut Output) {
        out.close_stdin = true;
    }

    fn ended(&mut self, exit: Exit, out: &mut Output) -> Option<Failed> {
        let mut cutter = std::mem::take(&mut self.stdout);
        cutter.finish(|line| self.line(line, Timestamp::default(), out));
        let signs = &mut self.signs;
        self.stderr.finish(|line| complaint(line, signs, out));
        self.asks.all_gone(out);
        match &self.turn {
            Turn::Ended(failure) => failure.clone(),
            Turn::Runs => Some(self.signs.without_a_word(exit)),
        }
    }

    fn used_before(&mut self, used: Usage) {
        self.totals = Totals::new(Some(used));
    }

    fn lost_session(&self) -> bool {
        self.start.resume.is_some() && self.signs.lost_session()
    }
}

fn complaint(line: Line<'_>, signs: &mut Signs, out: &mut Output) {
    let (Line::Whole(bytes) | Line::Piece(bytes)) = line;
    signs.words(bytes);
    out.say(AgentEvent::Text(bytes.to_vec()));
}

/// What a person says, as the program reads it on stdin.
fn user_message(text: &str) -> Value {
    json!({"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": text}]}})
}
