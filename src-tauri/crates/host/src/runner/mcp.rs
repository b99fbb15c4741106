//! An agent behind an MCP server. The `rmcp` client leads the conversation in a task of its own; the
//! runner still owns the process and its streams.
//!
//! To the runner it is an [`Adapter`] like the others, but for one thing: what the client wants to
//! say does not come in answer to a step, it comes [`Late`].

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use miyabi_agents::json_lines::{JsonLine, JsonLines};
use miyabi_agents::lines::{Line, LineCutter};
use miyabi_agents::mcp::{self, Listener};
use miyabi_agents::shown::LastWords;
use miyabi_agents::{Adapter, AgentEvent, Exit, Failed, Hearing, Launch, Output, Start, TurnEnd};
use miyabi_plan::{FailureCause, McpTool, McpTools};
use miyabi_protocol::{ApprovalAnswer, Timestamp};
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitationCapability, Implementation,
    PaginatedRequestParams,
};
use rmcp::service::{RoleClient, RunningService, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::{ServiceError, ServiceExt as _};
use serde_json::Value;
use tokio::sync::mpsc;

/// How many messages wait for the client; a server that sends more without need loses them.
const MAX_WAITING: usize = 1024;
/// How many pages of its list of tools are asked for.
const MAX_PAGES: usize = 50;

/// What came of the client's own steps: to be carried out as what the adapter gives.
pub(crate) type Late = mpsc::UnboundedReceiver<Output>;

/// A conversation with the server of one process, which is to be started with [`Adapter::launch`]. Must be
/// called within a tokio runtime.
pub(crate) fn client(tools: &McpTools, start: Start) -> (Box<dyn Adapter>, Late) {
    let (late, to_runner) = mpsc::unbounded_channel();
    let (to_client, incoming) = mpsc::channel(MAX_WAITING);
    let (prompts, said) = mpsc::unbounded_channel();
    let shared = Arc::new(Mutex::new(Shared::new(late.clone())));
    let talk = Talk { tools: tools.clone(), start: start.clone(), said, shared: Arc::clone(&shared) };
    tokio::spawn(talk.lead(Wire { incoming, late }));
    let server = Server {
        can_reply: tools.reply.is_some(),
        start,
        lines: JsonLines::default(),
        stderr: LineCutter::default(),
        last_words: LastWords::default(),
        to_client: Some(to_client),
        prompts,
        shared,
    };
    (Box::new(server), to_runner)
}

/// The client's own words about itself. It is asked for permissions by questions to the person.
pub(crate) fn config() -> ClientConfig {
    let mut capabilities = ClientCapabilities::default();
    capabilities.elicitation = Some(ElicitationCapability::default());
    ClientConfig::new(capabilities, Implementation::new("miyabi", env!("CARGO_PKG_VERSION")))
}

/// Where a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Turn,
    Idle,
    Over,
}

/// What the adapter and the client's task both know.
struct Shared {
    listener: Listener,
    stage: Stage,
    session: Option<String>,
    failure: Option<Failed>,
    is_lost: bool,
    late: mpsc::UnboundedSender<Output>,
}

impl Shared {
    fn new(late: mpsc::UnboundedSender<Output>) -> Self {
        Self {
            listener: Listener::default(),
            stage: Stage::Turn,
            session: None,
            failure: None,
            is_lost: false,
            late,
        }
    }

    /// Notes the session, and takes out the events that only name it again.
    fn note_session(&mut self, out: &mut Output) {
        let known = &mut self.session;
        out.events.retain(|event| {
            let AgentEvent::Session { id, .. } = event else { return true };
            let is_new = known.as_ref() != Some(id);
            *known = Some(id.clone());
            is_new
        });
    }

    fn end_turn(&mut self, end: TurnEnd, stage: Stage, out: &mut Output) {
        if self.stage == Stage::Turn {
            self.stage = stage;
            self.failure.clone_from(&end.failure);
            self.listener.gone(out);
            out.say(AgentEvent::TurnEnded(end));
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The client's side: one tool call after the other.
struct Talk {
    tools: McpTools,
    start: Start,
    said: mpsc::UnboundedReceiver<String>,
    shared: Arc<Mutex<Shared>>,
}

type Client = RunningService<RoleClient, ClientConfig>;

impl Talk {
    async fn lead(mut self, wire: Wire) {
        let Err(failed) = self.converse(wire).await else { return };
        let mut out = Output::default();
        let mut shared = lock(&self.shared);
        shared.end_turn(TurnEnd { failure: Some(failed), summary: String::new() }, Stage::Over, &mut out);
        // A runner that is gone does not listen any more.
        let _gone = shared.late.send(out);
    }

    /// Ends when the runner has no more to say, or the server is gone.
    async fn converse(&mut self, wire: Wire) -> Result<(), Failed> {
        let not_started = |error: &dyn std::fmt::Display| {
            Failed::new(
                FailureCause::NotStarted,
                format!("the MCP server did not answer the handshake: {error}"),
            )
        };
        let client = config().serve(wire).await.map_err(|error| not_started(&error))?;
        let offered = offered(&client).await.map_err(|error| not_started(&error))?;
        let mut said = std::mem::take(&mut self.start.prompt);
        let mut session = self.start.resume.clone();
        loop {
            let tool = self.tool(session.is_some())?;
            self.must_be_offered(tool, &offered)?;
            self.turn(&client, tool, &said, session.as_deref()).await;
            let Some(next) = self.said.recv().await else { return Ok(()) };
            said = next;
            session.clone_from(&lock(&self.shared).session);
        }
    }

    fn tool(&self, in_session: bool) -> Result<&McpTool, Failed> {
        if !in_session {
            return Ok(&self.tools.start);
        }
        self.tools.reply.as_ref().ok_or_else(|| {
            lock(&self.shared).is_lost = true;
            let message = "no tool is named that goes on in a session: set `reply` in the agent's `tools`";
            Failed::new(FailureCause::AgentFailed, message)
        })
    }

    fn must_be_offered(&self, tool: &McpTool, offered: &[String]) -> Result<(), Failed> {
        if offered.contains(&tool.name) {
            return Ok(());
        }
        let offered: Vec<&str> = offered.iter().take(32).map(String::as_str).collect();
        let message = format!(
            "the MCP server has no tool `{}`; it has {}: name one of them in the agent's `tools`",
            tool.name,
            if offered.is_empty() { "none".to_owned() } else { offered.join(", ") },
        );
        Err(Failed::new(FailureCause::NotStarted, message))
    }

    async fn turn(&self, client: &Client, tool: &McpTool, said: &str, session: Option<&str>) {
        lock(&self.shared).listener.begin();
        let arguments = mcp::arguments(tool, &self.start, said, session);
        let call = CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments);
        let answer = client.peer().call_tool(call).await;
        let mut out = Output::default();
        let mut shared = lock(&self.shared);
        let end = match answer {
            Ok(result) => {
                let result = serde_json::to_value(result).unwrap_or_default();
                shared.listener.result(&result, &mut out)
            }
            // The process's end says more than a closed stream.
            Err(ServiceError::TransportClosed | ServiceError::Cancelled { .. }) => return,
            Err(error) => {
                let failed = Failed::new(FailureCause::AgentFailed, format!("{}: {error}", tool.name));
                TurnEnd { failure: Some(failed), summary: String::new() }
            }
        };
        let failed = end.failure.as_ref().is_some_and(|failed| !failed.cause.is_the_programs());
        shared.is_lost |= failed && shared.session.is_none() && self.start.resume.is_some();
        shared.note_session(&mut out);
        shared.end_turn(end, Stage::Idle, &mut out);
        // A runner that is gone does not listen any more.
        let _gone = shared.late.send(out);
    }
}

/// The names of the server's tools. Its list comes in pages, and a broken server never comes to the last.
async fn offered(client: &Client) -> Result<Vec<String>, ServiceError> {
    let mut names = Vec::new();
    let mut page = PaginatedRequestParams::default();
    for _ in 0..MAX_PAGES {
        let found = client.peer().list_tools(Some(page)).await?;
        names.extend(found.tools.into_iter().map(|tool| tool.name.into_owned()));
        match found.next_cursor {
            Some(cursor) => page = PaginatedRequestParams::default().with_cursor(Some(cursor)),
            None => break,
        }
    }
    Ok(names)
}

/// The client's way to the process, by the runner.
struct Wire {
    incoming: mpsc::Receiver<Value>,
    late: mpsc::UnboundedSender<Output>,
}

impl Transport<RoleClient> for Wire {
    type Error = Infallible;

    fn name() -> Cow<'static, str> {
        "the runner".into()
    }

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        if let Ok(line) = serde_json::to_value(item) {
            let mut out = Output::default();
            out.send(&line);
            // A runner that is gone does not listen any more.
            let _gone = self.late.send(out);
        }
        ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            // What the client does not understand is in the raw log.
            if let Ok(message) = serde_json::from_value(self.incoming.recv().await?) {
                return Some(message);
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.incoming.close();
        Ok(())
    }
}

/// The server's side, as the runner sees it.
struct Server {
    start: Start,
    can_reply: bool,
    lines: JsonLines,
    stderr: LineCutter,
    last_words: LastWords,
    /// None when the process has ended.
    to_client: Option<mpsc::Sender<Value>>,
    prompts: mpsc::UnboundedSender<String>,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    fn line(&self, line: JsonLine, now: Timestamp, out: &mut Output) {
        match line {
            JsonLine::Value(message) => {
                let mut shared = lock(&self.shared);
                let passed = shared.listener.take(message, now, out);
                shared.note_session(out);
                if let Some(failed) = shared.listener.aborted().cloned() {
                    let end = TurnEnd { failure: Some(failed), summary: String::new() };
                    shared.end_turn(end, Stage::Over, out);
                }
                if let (Some(message), Some(client)) = (passed, &self.to_client) {
                    // A full queue is a server that sends what nobody asked for.
                    let _lost = client.try_send(message);
                }
            }
            JsonLine::Text(text) => out.say(AgentEvent::Text(text)),
            JsonLine::TooLong(size) => {
                out.say(AgentEvent::Notice(format!("a message of {size} bytes was too long to be read")));
            }
        }
    }

    fn said(&mut self, line: Line<'_>, out: &mut Output) {
        let (Line::Whole(text) | Line::Piece(text)) = line;
        out.say(AgentEvent::Text(text.to_vec()));
        self.last_words.add(text);
    }
}

impl Adapter for Server {
    fn launch(&self) -> Launch {
        self.start.launch(self.start.argv.clone(), String::new())
    }

    fn stdout(&mut self, bytes: &[u8], now: Timestamp, out: &mut Output) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.push(bytes, |line| self.line(line, now, out));
        self.lines = lines;
    }

    fn stderr(&mut self, bytes: &[u8], out: &mut Output) {
        let mut lines = std::mem::take(&mut self.stderr);
        lines.push(bytes, |line| self.said(line, out));
        self.stderr = lines;
    }

    fn answer(&mut self, request: &str, answer: &ApprovalAnswer, out: &mut Output) {
        lock(&self.shared).listener.answer(request, answer, out);
    }

    fn say(&mut self, text: &str, _out: &mut Output) -> Hearing {
        let mut shared = lock(&self.shared);
        let can_hear = shared.stage == Stage::Idle && shared.session.is_some() && self.can_reply;
        if !can_hear || self.prompts.send(text.to_owned()).is_err() {
            return Hearing::AfterTheTurn;
        }
        shared.stage = Stage::Turn;
        shared.failure = None;
        Hearing::Now
    }

    fn finish(&mut self, out: &mut Output) {
        out.close_stdin = true;
    }

    fn ended(&mut self, exit: Exit, out: &mut Output) -> Option<Failed> {
        let mut lines = std::mem::take(&mut self.lines);
        // Stamps nothing that anybody will still see: a question cannot be answered any more.
        lines.finish(|line| self.line(line, Timestamp::default(), out));
        let mut stderr = std::mem::take(&mut self.stderr);
        stderr.finish(|line| self.said(line, out));
        out.stdin.clear();
        self.to_client = None;
        let shared = lock(&self.shared);
        match shared.stage {
            Stage::Idle | Stage::Over => shared.failure.clone(),
            Stage::Turn => Some(of_exit(exit, self.last_words.text())),
        }
    }

    fn lost_session(&self) -> bool {
        lock(&self.shared).is_lost
    }
}

fn of_exit(exit: Exit, words: &str) -> Failed {
    let (cause, how) = match (exit.signal, exit.code) {
        (Some(signal), _) => (FailureCause::Killed, format!("killed by signal {signal}")),
        (None, Some(code)) => {
            (FailureCause::Crashed, format!("ended with exit code {code} before its answer"))
        }
        (None, None) => (FailureCause::Crashed, "ended before its answer".to_owned()),
    };
    Failed::new(cause, if words.is_empty() { how } else { format!("{how}: {words}") })
}

#[cfg(test)]
mod tests;
