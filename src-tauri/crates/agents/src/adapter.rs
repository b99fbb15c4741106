//! One conversation with an agent program over its stdin and stdout, without any IO: bytes that it
//! printed go in, events and bytes for its stdin come out. The runner owns the process.

use std::collections::BTreeMap;

use miyabi_plan::{Access, Usd};
use miyabi_protocol::{AgentProtocol, AgentSpec, ApprovalAnswer, AttemptSheet, Timestamp, Usage};

use crate::command::{self, Launch};
use crate::event::{AgentEvent, Failed};

/// What came of a step of a conversation.
#[derive(Debug, Default)]
pub struct Output {
    /// What was said, in order.
    pub events: Vec<AgentEvent>,
    /// What is to be written to the program's stdin, in order.
    pub stdin: Vec<u8>,
    /// Whether stdin is to be closed after that, so that the program ends.
    pub close_stdin: bool,
}

impl Output {
    /// Adds an event.
    pub fn say(&mut self, event: AgentEvent) {
        self.events.push(event);
    }

    /// Adds a line of JSON for the program's stdin.
    pub fn send(&mut self, line: &serde_json::Value) {
        self.stdin.extend_from_slice(line.to_string().as_bytes());
        self.stdin.push(b'\n');
    }
}

/// Whether what a person says can reach the program in the midst of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It was sent.
    Now,
    /// It has to be said when this turn has ended: in this process by [`Adapter::say`], or, when that
    /// has ended, in a new one that takes up the session.
    AfterTheTurn,
}

/// How a process ended, as the system tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
}

/// One way to speak to one kind of program. A value is made for one process.
///
/// No method panics on any input, and memory stays bounded whatever the program prints.
pub trait Adapter: Send {
    /// The program, its arguments and environment, and what it reads on stdin first. `stdin` of the
    /// launch is written at once; it is closed only when an [`Output`] says so.
    fn launch(&self) -> Launch;

    /// Whether stdin is to be closed after the launch's text.
    fn closes_stdin_at_once(&self) -> bool {
        false
    }

    /// Takes the next bytes of the program's stdout. `now` stamps requests for permission.
    fn stdout(&mut self, bytes: &[u8], now: Timestamp, out: &mut Output);

    /// Takes the next bytes of the program's stderr: by default text for people.
    fn stderr(&mut self, bytes: &[u8], out: &mut Output);

    /// Answers a request for permission. An unknown one does nothing.
    fn answer(&mut self, request: &str, answer: &ApprovalAnswer, out: &mut Output);

    /// Says something to the program at its work, or after its turn.
    fn say(&mut self, text: &str, out: &mut Output) -> Hearing;

    /// Called after [`AgentEvent::TurnEnded`] when nothing more is to be said: lets the program end.
    fn finish(&mut self, out: &mut Output);

    /// The process has ended: what is left of its streams, and why it failed, if it did. An exit code of 0 proves
    /// nothing: what the stream said decides, and a stream without a word on its end is a failure.
    fn ended(&mut self, exit: Exit, out: &mut Output) -> Option<Failed>;

    /// Tells what the session to go on in had used before, as `Resume.used` says; called before the first
    /// bytes. [`AgentEvent::Usage`] goes on from there. A program whose own figures are the session's needs no word of it.
    fn used_before(&mut self, used: Usage) {
        let _own_figures = used;
    }

    /// Whether the program cannot take up the session that it was to go on in: it refused, or its id
    /// is none. Known at the latest when the process has ended; a fresh session is to be begun then.
    fn lost_session(&self) -> bool {
        false
    }
}

/// What one process of an agent program is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The program, and arguments of the person's own.
    pub argv: Vec<String>,
    /// Added to its environment.
    pub environment: BTreeMap<String, String>,
    /// Where it starts; none for the runner's own folder.
    pub work_folder: Option<String>,
    /// The model, as the program names it.
    pub model: Option<String>,
    /// What it may do without asking.
    pub access: Access,
    /// What it may still cost.
    pub budget: Option<Usd>,
    /// What is said to it first.
    pub prompt: String,
    /// The session to go on in.
    pub resume: Option<String>,
}

impl Start {
    /// A process of this attempt, which is told this prompt in this session.
    #[must_use]
    pub fn new(
        sheet: &AttemptSheet,
        spec: &AgentSpec,
        state_dir: &str,
        prompt: String,
        resume: Option<String>,
    ) -> Self {
        Self {
            argv: spec.argv.clone(),
            environment: command::variables(sheet, state_dir, &spec.environment),
            work_folder: sheet.work_folder.clone(),
            model: spec.model.clone(),
            access: spec.access,
            budget: spec.budget,
            prompt,
            resume,
        }
    }

    /// The process, with these words for a command line and this on its stdin first.
    #[must_use]
    pub fn launch(&self, argv: Vec<String>, stdin: String) -> Launch {
        let (environment, work_folder) = (self.environment.clone(), self.work_folder.clone());
        Launch { argv, environment, work_folder, stdin }
    }
}

/// The adapter for a protocol; none for those that are not spoken over plain stdin and stdout.
#[must_use]
pub fn adapter(protocol: &AgentProtocol, start: Start) -> Option<Box<dyn Adapter>> {
    match protocol {
        AgentProtocol::Acp => Some(Box::new(crate::acp::Acp::new(start))),
        AgentProtocol::CodexExec => Some(Box::new(crate::codex::CodexExec::new(start))),
        AgentProtocol::CodexAppServer => Some(Box::new(crate::codex::CodexAppServer::new(start))),
        AgentProtocol::ClaudeStream => Some(Box::new(crate::claude::ClaudeStream::new(start))),
        AgentProtocol::Mcp { .. } | AgentProtocol::ClaudeTerminal | AgentProtocol::CodexTerminal => None,
    }
}
