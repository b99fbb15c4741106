//! `codex exec --json`: one process a turn. The prompt comes on stdin, and what is said later goes
//! to a new process that takes up the session.

use jiff::tz::TimeZone;
use miyabi_protocol::{ApprovalAnswer, Timestamp};
use serde_json::Value;

use crate::adapter::{Adapter, Exit, Hearing, Output, Start};
use crate::command::Launch;
use crate::event::{AgentEvent, Failed, TurnEnd};
use crate::json_lines::{JsonLine, JsonLines};

use super::items::Items;
use super::stderr::Stderr;
use super::{
    Stage, argv, failures, is_lost_from_the_start, lost, resumed, sandbox, says_lost, shortened, stray, text,
    usage, without_a_word,
};

/// One `codex exec`.
#[derive(Debug)]
pub struct CodexExec {
    start: Start,
    lines: JsonLines,
    stderr: Stderr,
    items: Items,
    /// How the turn ended; none before it did.
    turn: Option<Result<(), Failed>>,
    /// The last error that was told outside of a turn's end.
    last_error: Option<String>,
    stage: Stage,
    lost_session: bool,
    /// When the last bytes came, and the host's time zone: errors tell of times on its clock.
    now: Timestamp,
    zone: Option<TimeZone>,
}

impl CodexExec {
    /// A process that is started with this.
    #[must_use]
    pub fn new(start: Start) -> Self {
        Self {
            lost_session: is_lost_from_the_start(&start),
            stderr: Stderr::new(&start),
            start,
            lines: JsonLines::default(),
            items: Items::default(),
            turn: None,
            last_error: None,
            stage: Stage::Starting,
            now: Timestamp::default(),
            zone: None,
        }
    }

    fn take(&mut self, line: JsonLine, out: &mut Output) {
        match line {
            JsonLine::Value(event) => self.event(&event, out),
            JsonLine::Text(bytes) => out.say(stray(bytes)),
            JsonLine::TooLong(bytes) => {
                out.say(AgentEvent::Notice(format!(
                    "Codex printed a line of {bytes} bytes, which is not read."
                )));
            }
        }
    }

    fn event(&mut self, event: &Value, out: &mut Output) {
        let item = event.get("item").unwrap_or(&Value::Null);
        match text(event, "type") {
            "thread.started" => self.session(text(event, "thread_id"), out),
            "turn.started" => self.turn = None,
            "item.started" | "item.updated" => self.items.started(item, out),
            "item.completed" => self.items.completed(item, out),
            "turn.completed" => {
                if let Some(totals) = event.get("usage") {
                    out.say(AgentEvent::Usage(usage(totals)));
                }
                self.end_turn(Ok(()), out);
            }
            "turn.failed" => {
                let message = event.get("error").map(|error| text(error, "message")).unwrap_or_default();
                let failed = self.failure(message);
                self.end_turn(Err(failed), out);
            }
            "error" => self.error(text(event, "message"), out),
            _ => {}
        }
    }

    fn session(&mut self, id: &str, out: &mut Output) {
        if id.is_empty() {
            return;
        }
        self.stage = Stage::Working;
        if resumed(&self.start).is_some_and(|wanted| !wanted.eq_ignore_ascii_case(id)) {
            self.lost_session = true;
            out.say(AgentEvent::Notice(
                "Codex began a new session instead of going on in the old one.".to_owned(),
            ));
        }
        out.say(AgentEvent::Session { id: shortened(id), model: self.start.model.clone() });
    }

    /// An error comes before `turn.failed` in the same words, or tells of a try of its own.
    fn error(&mut self, message: &str, out: &mut Output) {
        if message.starts_with("Reconnecting") {
            out.say(AgentEvent::Notice(shortened(message)));
        }
        self.last_error = Some(shortened(message));
    }

    fn failure(&mut self, message: &str) -> Failed {
        let message = match (message.is_empty(), &self.last_error) {
            (false, _) => message.to_owned(),
            (true, Some(error)) => error.clone(),
            (true, None) => "Codex gave no reason.".to_owned(),
        };
        let now = self.now;
        failures::told(&message, now, self.zone())
    }

    fn zone(&mut self) -> &TimeZone {
        self.zone.get_or_insert_with(|| super::zone_of(&self.start))
    }

    fn end_turn(&mut self, how: Result<(), Failed>, out: &mut Output) {
        let summary = self.items.take_summary();
        out.say(AgentEvent::TurnEnded(TurnEnd { failure: how.clone().err(), summary }));
        self.turn = Some(how);
    }

    /// Why it failed that ended without the end of a turn.
    fn without_a_turn(&mut self, exit: Exit) -> Failed {
        let words = self.stderr.last_words();
        if words.as_deref().is_some_and(says_lost) {
            self.lost_session = true;
        }
        if self.lost_session {
            return lost();
        }
        match &self.last_error {
            Some(error) if exit.signal.is_none() => {
                let error = error.clone();
                self.failure(&error)
            }
            _ => without_a_word(exit, self.stage, words.as_deref()),
        }
    }
}

impl Adapter for CodexExec {
    fn launch(&self) -> Launch {
        let mut argv = argv(&self.start, "exec");
        argv.extend(["--json", "--skip-git-repo-check", "-s", sandbox(self.start.access)].map(String::from));
        for (flag, value) in [("-m", &self.start.model), ("-C", &self.start.work_folder)] {
            if let Some(value) = value {
                argv.extend([flag.to_owned(), value.clone()]);
            }
        }
        // The sandbox stands before `resume`: after it, it would be read-only.
        if let Some(session) = resumed(&self.start) {
            argv.extend(["resume".to_owned(), session.to_owned()]);
        }
        argv.push("-".to_owned());
        self.start.launch(argv, self.start.prompt.clone())
    }

    fn closes_stdin_at_once(&self) -> bool {
        true
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

    fn answer(&mut self, _request: &str, _answer: &ApprovalAnswer, _out: &mut Output) {}

    fn say(&mut self, _text: &str, _out: &mut Output) -> Hearing {
        Hearing::AfterTheTurn
    }

    fn finish(&mut self, out: &mut Output) {
        out.close_stdin = true;
    }

    fn ended(&mut self, exit: Exit, out: &mut Output) -> Option<Failed> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.finish(|line| self.take(line, out));
        self.stderr.finish(out);
        match self.turn.take() {
            Some(Ok(())) if !self.lost_session => None,
            Some(Err(failed)) if !self.lost_session => Some(failed),
            _ => Some(self.without_a_turn(exit)),
        }
    }

    fn lost_session(&self) -> bool {
        self.lost_session
    }
}
