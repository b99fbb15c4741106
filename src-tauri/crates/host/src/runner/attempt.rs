//! One attempt, from what it is given to how it ended, and what is known of it meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use miyabi_agents::shown::is_hidden;
use miyabi_agents::{Failed, rehearsal};
use miyabi_plan::FailureCause;
use miyabi_protocol::status::Failure;
use miyabi_protocol::{
    ApprovalAnswer, ApprovalRequest, AttemptSheet, RunnerSpec, StateDir, Timestamp, Usage,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::sink::Sink;
use super::{command, program};
use crate::clock;

/// How many characters of a program's words are kept for people.
const MAX_WORDS: usize = 16 * 1024;

/// How an attempt ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why it failed, in lines for people; empty when it succeeded.
    pub(crate) errors: Vec<String>,
    /// Why it failed, for programs, where that is known.
    pub(crate) failure: Option<Failure>,
    /// The files that it wrote.
    pub(crate) output_files: Vec<String>,
    /// What it said last.
    pub(crate) summary: String,
}

impl Outcome {
    pub(crate) fn failed(cause: FailureCause, error: String) -> Self {
        Failed::new(cause, error).into()
    }
}

impl From<Failed> for Outcome {
    fn from(failed: Failed) -> Self {
        let Failed { cause, message, until } = failed;
        let message = plain(&message);
        Self { errors: vec![message], failure: Some(Failure { cause, until }), ..Self::default() }
    }
}

/// A program's words for people, without what a terminal would take as a command.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !is_hidden(*c) || *c == '\n').take(MAX_WORDS).collect()
}

/// What is known of an attempt while it runs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Live {
    /// From 0 to 1.
    pub(crate) progress: f64,
    /// The session of its program.
    pub(crate) session: Option<String>,
    /// The model, as the program names it.
    pub(crate) model: Option<String>,
    /// What this attempt used.
    pub(crate) usage: Option<Usage>,
    /// What it is doing, in a line.
    pub(crate) activity: Option<String>,
    /// What it waits to be allowed.
    pub(crate) asks: Vec<ApprovalRequest>,
    /// The highest number of what was said and reached it.
    pub(crate) heard: u32,
    /// Its program's process.
    pub(crate) program: Option<u32>,
}

/// What an attempt is told while it runs.
#[derive(Debug)]
pub(crate) enum Told {
    /// The answer to a request for permission.
    Answer { request: String, answer: ApprovalAnswer },
    /// Something that a person says.
    Say { number: u32, text: String },
}

/// An order to end.
#[derive(Debug)]
pub(crate) struct Stop {
    /// For people.
    pub(crate) reason: String,
    /// For programs; none where whoever gave the order knows.
    pub(crate) cause: Option<FailureCause>,
}

impl Stop {
    pub(crate) fn of(received: Result<Self, oneshot::error::RecvError>) -> Self {
        received.unwrap_or_else(|_| Self { reason: "its runner is ending".to_owned(), cause: None })
    }

    pub(crate) fn outcome(self) -> Outcome {
        let failure = self.cause.map(|cause| Failure { cause, until: None });
        Outcome { errors: vec![self.reason], failure, ..Outcome::default() }
    }
}

/// What an attempt is given.
pub(crate) struct Order {
    pub(crate) sheet: Arc<AttemptSheet>,
    pub(crate) dir: StateDir,
    pub(crate) state_dir: String,
    pub(crate) sink: Arc<Mutex<Sink>>,
    pub(crate) live: watch::Sender<Live>,
    /// Ends the attempt, and says why.
    pub(crate) stop: oneshot::Receiver<Stop>,
    pub(crate) told: mpsc::UnboundedReceiver<Told>,
    pub(crate) started_at: Timestamp,
    /// Whether orphans come to us, so that parents alone lead to every process.
    pub(crate) orphans: Orphans,
}

/// Who is the parent of a process whose own has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orphans {
    Ours,
    TheSystems,
}

pub(crate) fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries the attempt out. When this returns, no process of it is left.
pub(crate) async fn run(order: Order) -> Outcome {
    let sheet = order.sheet.clone();
    match &sheet.runner {
        RunnerSpec::Rehearsal { speed } => rehearse(*speed, order).await,
        RunnerSpec::Command { .. } => command::carry_out(order).await,
        RunnerSpec::Agent(spec) => program::carry_out(order, spec).await,
        RunnerSpec::External => {
            let why = "the agent of this sheet is not run by miyabi";
            Outcome::failed(FailureCause::NotStarted, why.to_owned())
        }
    }
}

async fn rehearse(speed: f64, mut order: Order) -> Outcome {
    let begun = Instant::now();
    for beat in rehearsal::schedule(&order.sheet, speed) {
        tokio::select! {
            stop = &mut order.stop => return Stop::of(stop).outcome(),
            () = sleep_until(begun + beat.after) => {}
        }
        if let Some(line) = beat.line {
            lock(&order.sink).raw(format!("{line}\n").as_bytes());
        }
        order.live.send_modify(|live| live.progress = beat.progress);
    }
    Outcome::default()
}

/// The time at which an attempt begins.
pub(crate) fn begins() -> Timestamp {
    clock::now()
}
