//! What is made of an agent program's events: the transcript, the raw record, and what others are
//! told of the attempt.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use miyabi_agents::shown::is_hidden;
use miyabi_agents::transcript::Transcript;
use miyabi_agents::{AgentEvent, TurnEnd};
use miyabi_protocol::{AgentSpec, ApprovalAnswer, ApprovalRequest, Usage};
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::attempt::{Live, Order, Outcome, lock, plain};
use super::super::child::Stream;
use super::super::output::{LastWords, OutputFiles, relative};
use super::super::raw::RawLog;
use super::super::sink::Sink;

/// How many characters of what it does are told.
const ACTIVITY_LENGTH: usize = 160;
/// How many characters of what a person said are shown.
const SPOKEN_LENGTH: usize = 2000;
/// More requests than this do not wait at the same time: the engine looks at no more.
const MAX_ASKS: usize = 64;
/// The longest id of a request, in bytes: the engine takes a longer one for no request, and nobody would
/// ever answer it.
const MAX_ASK_ID: usize = 500;
/// The longest id of a session, in bytes.
const MAX_SESSION: usize = 1024;
/// How many characters of a model's name are told.
const MODEL_LENGTH: usize = 100;
/// How often the time alone counts as progress.
const TICK: Duration = Duration::from_secs(1);
/// What the time alone comes close to and never reaches.
const TIME_ALONE: f64 = 0.95;

/// What is told of one attempt.
pub(super) struct Telling {
    sink: Arc<Mutex<Sink>>,
    raw: RawLog,
    transcript: Transcript,
    live: Live,
    told: watch::Sender<Live>,
    work_folder: Option<String>,
    output_files: OutputFiles,
    /// What it said last to the person.
    message: String,
    /// What it printed beside its events.
    last_words: LastWords,
    begun: Instant,
    estimate: f64,
    next_tick: Instant,
    /// Whether the program tells itself how far it is.
    tells_progress: bool,
    /// What the session had used when this attempt took it up.
    base: Usage,
    /// What was used in sessions that this attempt has left.
    settled: Usage,
    /// The session's own figure.
    counted: Option<Usage>,
    /// The tools that it was denied.
    refused: Vec<String>,
}

impl Telling {
    pub(super) fn new(order: &Order, spec: &AgentSpec) -> Self {
        let begun = Instant::now();
        Self {
            sink: order.sink.clone(),
            raw: RawLog::new(&order.dir, &order.sheet),
            transcript: Transcript::default(),
            live: Live { model: spec.model.clone(), ..Live::default() },
            told: order.live.clone(),
            work_folder: order.sheet.work_folder.clone(),
            output_files: OutputFiles::default(),
            message: String::new(),
            last_words: LastWords::default(),
            begun,
            estimate: f64::from(order.sheet.estimated_seconds.max(1)),
            next_tick: begun + TICK,
            tells_progress: false,
            base: spec.resume.as_ref().map(|resume| resume.used).unwrap_or_default(),
            settled: Usage::default(),
            counted: None,
            refused: Vec::new(),
        }
    }

    /// A process has started.
    pub(super) fn process(&mut self, pid: Option<u32>) {
        self.live.program = pid;
        self.tell();
    }

    /// It and all that it started have ended, and nobody waits for an answer any more.
    pub(super) fn process_gone(&mut self) {
        self.live.program = None;
        self.live.asks.clear();
        self.tell();
    }

    /// Tells others, where anything is new.
    pub(super) fn tell(&mut self) {
        self.told.send_if_modified(|told| {
            let is_news = *told != self.live;
            if is_news {
                told.clone_from(&self.live);
            }
            is_news
        });
    }

    /// Keeps what the program printed.
    pub(super) fn printed(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some(complaint) = self.raw.printed(stream, bytes) {
            lock(&self.sink).warn(&complaint);
        }
    }

    /// Keeps what was written to it.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if let Some(complaint) = self.raw.told(bytes) {
            lock(&self.sink).warn(&complaint);
        }
    }

    /// A line of ours for people.
    pub(super) fn remark(&mut self, line: &str) {
        lock(&self.sink).say("[miyabi]", line);
    }

    /// What a person said cannot reach it now.
    pub(super) fn said_later(&mut self) {
        self.remark("what was said to it waits until its turn has ended");
    }

    /// What a person said has reached it.
    pub(super) fn spoken(&mut self, number: u32, text: &str) {
        self.live.heard = self.live.heard.max(number);
        self.remark(&format!("said to it: {}", one_line(text, SPOKEN_LENGTH)));
        self.tell();
    }

    /// What the attempt used until now, as far as is known.
    pub(super) fn used(&self) -> Option<Usage> {
        self.live.usage
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.live.model.as_deref()
    }

    pub(super) fn session(&self) -> Option<&String> {
        self.live.session.as_ref()
    }

    /// Whether it waits for a person.
    pub(super) fn asks(&self) -> bool {
        !self.live.asks.is_empty()
    }

    /// A request that cannot wait for its answer, and why.
    pub(super) fn refuses(&self, event: &AgentEvent) -> Option<(String, &'static str)> {
        let AgentEvent::Asks(request) = event else { return None };
        let why = match request.id.len() {
            length if length > MAX_ASK_ID => "the id of this request is too long",
            _ if self.live.asks.len() >= MAX_ASKS => "too many requests wait",
            _ => return None,
        };
        Some((request.id.clone(), why))
    }

    /// A request was answered; says whether it waited.
    pub(super) fn answered(&mut self, request: &str, answer: &ApprovalAnswer) -> bool {
        let Some(at) = self.live.asks.iter().position(|ask| ask.id == request) else { return false };
        let ask = self.live.asks.remove(at);
        let (word, why) = match answer {
            ApprovalAnswer::Allow => ("allowed", ""),
            ApprovalAnswer::Deny { reason } => ("denied", reason.as_str()),
        };
        self.remark(&one_line(&format!("{word}: {} {} {why}", ask.tool, ask.what), SPOKEN_LENGTH));
        let refused = matches!(answer, ApprovalAnswer::Deny { .. });
        if refused && self.refused.len() < MAX_ASKS && !self.refused.contains(&ask.tool) {
            self.refused.push(ask.tool);
        }
        true
    }

    /// What it was not allowed to use, in words; none where nothing was refused.
    pub(super) fn refused(&self) -> Option<String> {
        (!self.refused.is_empty()).then(|| one_line(&self.refused.join(", "), ACTIVITY_LENGTH))
    }

    pub(super) fn next_tick(&self) -> Instant {
        self.next_tick
    }

    /// Time has passed.
    pub(super) fn tick(&mut self) {
        self.next_tick = Instant::now() + TICK;
        if !self.tells_progress {
            let by_time = progress_by_time(self.begun.elapsed().as_secs_f64(), self.estimate);
            self.live.progress = self.live.progress.max(by_time);
        }
        self.tell();
    }

    /// What the session had used when it was last heard of.
    pub(super) fn session_used(&self) -> Usage {
        self.counted.unwrap_or(self.base)
    }

    /// From now on another session is counted, which had used this.
    pub(super) fn leave_session(&mut self, base: Usage) {
        self.live.session = None;
        if let Some(counted) = self.counted.take() {
            self.settled = self.settled.plus(&counted.since(&self.base));
        }
        self.base = base;
    }

    /// Takes in an event; gives back the end of a turn.
    pub(super) fn take(&mut self, event: AgentEvent) -> Option<TurnEnd> {
        self.show(&event);
        match event {
            AgentEvent::Session { id, model } => {
                self.live.session = is_session(&id).then_some(id);
                let model = model.map(|model| one_line(&model, MODEL_LENGTH));
                self.live.model = model.or(self.live.model.take());
            }
            AgentEvent::Text(line) => self.last_words.add(&line),
            AgentEvent::Message(text) => self.message = text,
            AgentEvent::ToolCall { tool, what, .. } => self.is_at(&format!("{tool}: {what}")),
            AgentEvent::Notice(text) => self.is_at(&text),
            AgentEvent::OutputFile(file) => self.wrote(&file),
            AgentEvent::Usage(usage) => {
                self.counted = Some(usage);
                self.live.usage = Some(self.settled.plus(&usage.since(&self.base)));
            }
            AgentEvent::Asks(request) => self.ask(request),
            AgentEvent::AskGone { id } => self.live.asks.retain(|ask| ask.id != id),
            AgentEvent::Progress(progress) => {
                self.tells_progress = true;
                self.live.progress = progress.clamp(0.0, 1.0);
            }
            AgentEvent::TurnEnded(turn) => {
                self.live.asks.clear();
                if !turn.summary.is_empty() {
                    self.message.clone_from(&turn.summary);
                }
                return Some(turn);
            }
            _ => {}
        }
        None
    }

    fn show(&mut self, event: &AgentEvent) {
        let bytes = self.transcript.show(event);
        if !bytes.is_empty() {
            lock(&self.sink).raw(&bytes);
        }
    }

    fn ask(&mut self, request: ApprovalRequest) {
        self.live.asks.retain(|ask| ask.id != request.id);
        self.is_at(&format!("waits for permission: {} {}", request.tool, request.what));
        self.live.asks.push(ApprovalRequest {
            tool: with_marks(&request.tool),
            what: with_marks(&request.what),
            detail: with_marks(&request.detail),
            ..request
        });
    }

    fn is_at(&mut self, what: &str) {
        self.live.activity = Some(one_line(what, ACTIVITY_LENGTH));
    }

    fn wrote(&mut self, file: &str) {
        self.output_files.add(relative(self.work_folder.as_deref(), file));
    }

    /// What is left when all is over: last words, and the files that it wrote.
    pub(super) fn leave(mut self, outcome: &mut Outcome) -> OutputFiles {
        self.tell();
        let last_words = self.last_words.text();
        if !outcome.errors.is_empty() && !last_words.is_empty() {
            outcome.errors.push(last_words);
        }
        outcome.summary = plain(&self.message);
        self.output_files
    }
}

/// How far an attempt is as far as the clock can tell: three quarters when its estimate is over.
fn progress_by_time(seconds: f64, estimate: f64) -> f64 {
    const AT_THE_ESTIMATE: f64 = 1.56;
    let share = 1.0 - (-AT_THE_ESTIMATE * seconds / estimate).exp();
    (TIME_ALONE * share).clamp(0.0, TIME_ALONE - 0.001)
}

/// Whether a program can be given this session again, as it is, and a person be shown it.
fn is_session(id: &str) -> bool {
    (1..=MAX_SESSION).contains(&id.len()) && !id.contains(is_hidden)
}

/// The text with a mark in the place of what a person would not see: who allows a command should see
/// that there is more to it. Its lines stay, which to a shell are more than one command.
fn with_marks(text: &str) -> String {
    let mark = |letter| if is_hidden(letter) && !matches!(letter, '\n' | '\t') { '\u{fffd}' } else { letter };
    text.replace("\r\n", "\n").chars().map(mark).collect()
}

/// A text in one line without control characters, shortened.
fn one_line(text: &str, length: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || is_hidden(c)).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > length * 4 {
            break;
        }
    }
    match line.char_indices().nth(length) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_alone_comes_close_to_the_end_and_never_reaches_it() {
        assert_eq!(progress_by_time(0.0, 600.0), 0.0);
        let at_the_estimate = progress_by_time(600.0, 600.0);
        assert!((0.7..0.8).contains(&at_the_estimate), "{at_the_estimate}");
        assert!(progress_by_time(1e12, 1.0) < TIME_ALONE);
    }

    #[test]
    fn a_person_who_allows_something_sees_all_of_it() {
        assert_eq!(with_marks("a\r\n\tb\u{202e}c\x1b[2Kd\re"), "a\n\tb\u{fffd}c\u{fffd}[2Kd\u{fffd}e");
        assert!(is_session("0199-ab c") && is_session(&"x".repeat(MAX_SESSION)));
        for odd in ["", "a\nb", "a\u{202e}b", &"x".repeat(MAX_SESSION + 1)] {
            assert!(!is_session(odd), "{odd:?}");
        }
    }

    #[test]
    fn a_line_for_people_has_no_control_characters_and_is_short() {
        assert_eq!(one_line("Bash:\tpytest\n -q \x1b[31m", 100), "Bash: pytest -q [31m");
        assert_eq!(one_line(&"é".repeat(1000), 10), format!("{}…", "é".repeat(10)));
    }
}
