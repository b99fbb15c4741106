//! The links to this host's runners.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use miyabi_plan::{AgentId, AttemptId};
use miyabi_protocol::ApprovalRequest;
use miyabi_protocol::link::Report;
use miyabi_protocol::runner_link::{FromRunner, ToRunner};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::host::Host;
use crate::clock;
use crate::process_tree::{self, Target};
use crate::tmux::WindowPlan;

/// How long a runner may take to say where it stands: it does so at once.
const FIRST_WORD: Duration = Duration::from_secs(3);
/// How long a new runner may take to open its socket.
const START: Duration = Duration::from_secs(10);
/// How often its window is looked after meanwhile.
const OPEN_AGAIN: Duration = Duration::from_millis(500);
const KNOCK_AGAIN: Duration = Duration::from_millis(10);
/// How long a runner may take to end its attempt and itself.
pub(crate) const END: Duration = Duration::from_secs(5);

/// What a runner says of itself.
#[derive(Debug, Clone)]
pub(crate) struct RunnerState {
    pub(crate) pid: u32,
    run_id: String,
    pub(crate) attempt: Option<AttemptId>,
    /// Why it cannot write its status file.
    problem: Option<String>,
    /// The process of its agent program.
    program: Option<u32>,
    /// What its program waits to be allowed.
    asks: Vec<ApprovalRequest>,
    /// The highest number of what was said and reached its program.
    heard: u32,
}

impl RunnerState {
    /// What a backend is told of requests. Also that there are none: what it knows of may be gone since
    /// an earlier helper told of it.
    pub(crate) fn asks(&self, agent: &AgentId) -> Option<Report> {
        let attempt = self.attempt.clone()?;
        let (asks, heard) = (self.asks.clone(), self.heard);
        Some(Report::Asks { agent: agent.clone(), attempt, asks, heard })
    }

    /// What is new about requests.
    fn new_asks(&self, before: &Self, agent: &AgentId) -> Option<Report> {
        if before.attempt != self.attempt {
            let over = before.attempt.clone().filter(|_| self.attempt.is_none() && !before.asks.is_empty());
            let (asks, heard) = (Vec::new(), before.heard);
            return match over {
                Some(attempt) => Some(Report::Asks { agent: agent.clone(), attempt, asks, heard }),
                None => self.asks(agent),
            };
        }
        let attempt = self.attempt.clone()?;
        let (asks, heard) = (self.asks.clone(), self.heard);
        let changed = asks != before.asks || heard != before.heard;
        changed.then(|| Report::Asks { agent: agent.clone(), attempt, asks, heard })
    }
}

/// A runner that answers.
#[derive(Clone)]
struct Linked {
    state: watch::Receiver<RunnerState>,
    commands: mpsc::UnboundedSender<ToRunner>,
}

/// One agent's place for a runner.
#[derive(Default)]
struct Slot {
    link: Mutex<Option<Linked>>,
    /// Held while a runner is sought, started or cleared away after its end, so that what is
    /// left of an old one is never taken for a new one.
    gate: tokio::sync::Mutex<()>,
}

impl Slot {
    fn link(&self) -> MutexGuard<'_, Option<Linked>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All runners.
#[derive(Default)]
pub(crate) struct Runners {
    slots: Mutex<HashMap<AgentId, Arc<Slot>>>,
}

impl Runners {
    fn slot(&self, agent: &AgentId) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(agent.clone()).or_default().clone()
    }

    /// Where a runner stands, if it answers.
    pub(crate) fn state(&self, agent: &AgentId) -> Option<RunnerState> {
        self.slot(agent).link().as_ref().map(|link| link.state.borrow().clone())
    }

    /// Tells a runner something; says whether there is one.
    pub(crate) fn tell(&self, agent: &AgentId, command: ToRunner) -> bool {
        self.slot(agent).link().as_ref().is_some_and(|link| link.commands.send(command).is_ok())
    }

    /// The agents whose runners answer.
    pub(crate) fn agents(&self) -> Vec<AgentId> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.iter().filter(|(_, slot)| slot.link().is_some()).map(|(agent, _)| agent.clone()).collect()
    }
}

/// Finds the runner of an agent that is already there; one of another run is ended.
pub(crate) async fn find(host: &Arc<Host>, agent: &AgentId) -> Option<RunnerState> {
    let slot = host.runners.slot(agent);
    let _gate = slot.gate.lock().await;
    if let Some(state) = host.runners.state(agent) {
        return Some(state);
    }
    knock(host, &slot, agent).await
}

/// Makes sure that a runner answers; `plan` is its window.
pub(crate) async fn ensure(
    host: &Arc<Host>,
    agent: &AgentId,
    plan: impl Fn() -> WindowPlan,
) -> Result<RunnerState, String> {
    let slot = host.runners.slot(agent);
    let _gate = slot.gate.lock().await;
    if let Some(state) = host.runners.state(agent) {
        return Ok(state);
    }
    if let Some(state) = knock(host, &slot, agent).await {
        return Ok(state);
    }
    let deadline = Instant::now() + START;
    while Instant::now() < deadline {
        // A runner that was just ending may have looked alive a moment ago.
        host.windows.open(plan()).await?;
        let open_again = Instant::now() + OPEN_AGAIN;
        while Instant::now() < open_again {
            if let Some(state) = knock(host, &slot, agent).await {
                return Ok(state);
            }
            clock::sleep(KNOCK_AGAIN).await;
        }
    }
    let how = host.windows.how_it_ended(agent.to_string()).await;
    Err(format!(
        "the runner of {agent} does not answer at {} ({how}); look at its tmux window, close it, and try again",
        host.socket(agent).display()
    ))
}

/// Tries the socket once.
async fn knock(host: &Arc<Host>, slot: &Arc<Slot>, agent: &AgentId) -> Option<RunnerState> {
    let stream = UnixStream::connect(host.socket(agent)).await.ok()?;
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let first = timeout(FIRST_WORD, next_state(&mut lines, agent)).await.ok()??;
    if first.run_id != host.hello.run_id {
        end_foreign(host, agent, &first, lines, &mut writer).await;
        return None;
    }
    let (state, state_seen) = watch::channel(first.clone());
    let (commands, received) = mpsc::unbounded_channel();
    if let Some(until_boot_millis) = host.lease() {
        // The receiver is held just here.
        let _held = commands.send(ToRunner::Lease { until_boot_millis });
    }
    *slot.link() = Some(Linked { state: state_seen, commands });
    let (host, slot, agent) = (host.clone(), slot.clone(), agent.clone());
    tokio::spawn(async move {
        pass_on_problem(&host, None, &state.borrow());
        if let Some(report) = state.borrow().asks(&agent).filter(|_| !host.is_elsewhere(&agent)) {
            host.reports.send(&report);
        }
        speak(&host, lines, writer, &agent, &state, received).await;
        leave(&host, &slot, &agent, &state).await;
    });
    Some(first)
}

/// The next time that a runner says where it stands; none at its end.
async fn next_state(lines: &mut Lines<BufReader<OwnedReadHalf>>, agent: &AgentId) -> Option<RunnerState> {
    while let Ok(Some(line)) = lines.next_line().await {
        // A message that is not known comes from a newer runner and is ignored.
        let Ok(state) = serde_json::from_str(&line) else { continue };
        let FromRunner::State { agent: of, pid, version: _, run_id, attempt, problem, program, asks, heard } =
            state;
        if of == *agent {
            return Some(RunnerState { pid, run_id, attempt, problem, program, asks, heard });
        }
    }
    None
}

/// What a runner cannot write, people must hear of from somebody who can be heard.
fn pass_on_problem(host: &Host, before: Option<&RunnerState>, now: &RunnerState) {
    if let Some(message) = &now.problem
        && before.and_then(|before| before.problem.as_ref()) != Some(message)
    {
        host.reports.send(&Report::StateProblem { message: message.clone() });
    }
}

async fn speak(
    host: &Host,
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    mut writer: OwnedWriteHalf,
    agent: &AgentId,
    state: &watch::Sender<RunnerState>,
    mut commands: mpsc::UnboundedReceiver<ToRunner>,
) {
    loop {
        tokio::select! {
            next = next_state(&mut lines, agent) => match next {
                Some(next) => {
                    pass_on_problem(host, Some(&state.borrow()), &next);
                    let news = next.new_asks(&state.borrow(), agent);
                    if let Some(report) = news.filter(|_| !host.is_elsewhere(agent)) {
                        host.reports.send(&report);
                    }
                    state.send_replace(next);
                }
                None => return,
            },
            Some(command) = commands.recv() => {
                // The end of the stream is noticed by the reading side.
                let _ended = send(&mut writer, &command).await;
            }
        }
    }
}

async fn send(writer: &mut OwnedWriteHalf, command: &ToRunner) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(command)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Ends the runner of an agent that is at another site now, if one is left here.
pub(crate) async fn dismiss(host: &Host, agent: &AgentId) {
    if !host.runners.tell(agent, ToRunner::Exit) {
        return;
    }
    let deadline = Instant::now() + END;
    while let Some(state) = host.runners.state(agent) {
        if Instant::now() >= deadline {
            // What is left of it is cleared away as after any other end.
            process_tree::kill(state.pid);
            return;
        }
        clock::sleep(KNOCK_AGAIN).await;
    }
}

/// Clears away what is left of a runner that is gone, then tells.
async fn leave(host: &Arc<Host>, slot: &Slot, agent: &AgentId, state: &watch::Sender<RunnerState>) {
    let _gate = slot.gate.lock().await;
    let last = state.borrow().clone();
    *slot.link() = None;
    let left = end_all_of(host, &last, agent).await;
    let how = host.windows.how_it_ended(agent.to_string()).await;
    let mut how = format!("the runner {} of {agent} is gone: {how}", last.pid);
    if !left.is_empty() {
        how.push_str(&format!("; the system did not end its processes {left:?}"));
    }
    if host.is_elsewhere(agent) {
        return;
    }
    // What it wrote last comes before its end: a claim that it made counts.
    if let Some(status) = host.status(agent) {
        host.reports.send(&Report::Status { agent: agent.clone(), status });
    }
    host.reports.send(&Report::RunnerGone { agent: agent.clone(), how });
}

/// Ends every process that the attempts of a runner left behind, by the mark that they carry and below
/// the program that it named last.
pub(crate) async fn end_all_of(host: &Host, last: &RunnerState, agent: &AgentId) -> Vec<u32> {
    let marker = Some(host.attempt_marker(&last.run_id, agent));
    process_tree::end(&Target { marker, root: last.program, ..Target::default() }).await
}

/// Ends every process that an agent's attempts of a run left behind.
pub(crate) async fn sweep(host: &Host, run_id: &str, agent: &AgentId) -> Vec<u32> {
    let marker = Some(host.attempt_marker(run_id, agent));
    process_tree::end(&Target { marker, ..Target::default() }).await
}

/// Ends a runner that an earlier run left in this folder.
async fn end_foreign(
    host: &Host,
    agent: &AgentId,
    state: &RunnerState,
    mut lines: Lines<BufReader<OwnedReadHalf>>,
    writer: &mut OwnedWriteHalf,
) {
    let deadline = Instant::now() + END;
    // It may just be ending by itself.
    let _ended = send(writer, &ToRunner::Exit).await;
    let ended = timeout_at(deadline, async { while next_state(&mut lines, agent).await.is_some() {} }).await;
    if ended.is_err() {
        process_tree::kill(state.pid);
    }
    end_all_of(host, state, agent).await;
}
