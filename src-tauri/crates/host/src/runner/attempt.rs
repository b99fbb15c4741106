//! One attempt from its start to the end of its last process.

use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use miyabi_agents::lines::{Line, LineCutter};
use miyabi_agents::{AgentEvent, CommandStream, Launch, command, rehearsal};
use miyabi_protocol::{AttemptSheet, RunnerSpec, Timestamp};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::output::{LastWords, relative};
use super::sink::Sink;
use crate::process_tree::{self, Marker, Target};
use crate::{clock, outputs, process};

/// How much is read from a program at once.
const READ_SIZE: usize = 32 * 1024;
/// How many such reads wait for the log.
const READ_QUEUE: usize = 8;
/// How long the last output is waited for when every process is gone.
const DRAIN: Duration = Duration::from_millis(300);
/// More declared files than this are left out.
const MAX_OUTPUT_FILES: usize = 10_000;

/// How an attempt ended.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why it failed, in lines for people; empty when it succeeded.
    pub(crate) errors: Vec<String>,
    /// The files that it wrote.
    pub(crate) output_files: Vec<String>,
    /// The last lines that it printed.
    pub(crate) last_words: String,
}

impl Outcome {
    pub(crate) fn failed(error: String) -> Self {
        Self { errors: vec![error], ..Self::default() }
    }
}

/// What an attempt is given.
pub(crate) struct Order {
    pub(crate) sheet: Arc<AttemptSheet>,
    pub(crate) state_dir: String,
    pub(crate) sink: Arc<Mutex<Sink>>,
    pub(crate) progress: watch::Sender<f64>,
    /// Ends the attempt, and says why.
    pub(crate) stop: oneshot::Receiver<String>,
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
    match &order.sheet.runner {
        RunnerSpec::Rehearsal { speed } => rehearse(*speed, order).await,
        RunnerSpec::Command { .. } => carry_out(order).await,
        RunnerSpec::External => Outcome::failed("the agent of this sheet is not run by miyabi".to_owned()),
    }
}

async fn rehearse(speed: f64, mut order: Order) -> Outcome {
    let begun = Instant::now();
    for beat in rehearsal::schedule(&order.sheet, speed) {
        tokio::select! {
            reason = &mut order.stop => return Outcome::failed(stop_reason(reason)),
            () = sleep_until(begun + beat.after) => {}
        }
        if let Some(line) = beat.line {
            lock(&order.sink).raw(format!("{line}\n").as_bytes());
        }
        order.progress.send_replace(beat.progress);
    }
    Outcome::default()
}

fn stop_reason(reason: Result<String, oneshot::error::RecvError>) -> String {
    reason.unwrap_or_else(|_| "its runner is ending".to_owned())
}

async fn carry_out(order: Order) -> Outcome {
    let Some(launch) = command::launch(&order.sheet, &order.state_dir) else {
        return Outcome::failed("the sheet names no program".to_owned());
    };
    let mut child = match start(&launch) {
        Ok(child) => child,
        Err(error) => return Outcome::failed(error),
    };
    let (chunks, received) = mpsc::channel(READ_QUEUE);
    if let Some(stdin) = child.stdin.take() {
        tokio::spawn(feed(stdin, launch.stdin));
    }
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(pump(stdout, Stream::Out, chunks.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(pump(stderr, Stream::Err, chunks));
    }
    Running { order, child, received: Some(received), heard: Heard::default() }.finish().await
}

fn start(launch: &Launch) -> Result<Child, String> {
    if let Some(folder) = &launch.work_folder {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot make the work folder {folder}: {error}"))?;
    }
    let program = launch.argv.first().map_or("", String::as_str);
    process::start(launch, process::Input::Piped).map_err(|error| {
        format!("cannot start `{program}`: {error}; is it installed, executable and on the PATH?")
    })
}

async fn feed(mut stdin: ChildStdin, text: String) {
    // A program that does not read its task is free not to.
    let _unread = stdin.write_all(text.as_bytes()).await;
}

#[derive(Debug, Clone, Copy)]
enum Stream {
    Out,
    Err,
}

async fn pump(mut from: impl AsyncRead + Unpin, stream: Stream, chunks: mpsc::Sender<(Stream, Vec<u8>)>) {
    let mut buffer = vec![0; READ_SIZE];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if chunks.send((stream, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}

/// What a program has said so far.
#[derive(Default)]
struct Heard {
    stdout: CommandStream,
    stderr: LineCutter,
    last_words: LastWords,
    output_files: Vec<String>,
    progress: Option<f64>,
}

impl Heard {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let Self { stdout, stderr, last_words, output_files, progress } = self;
        match stream {
            Stream::Out => stdout.push(bytes, |event| note(event, last_words, output_files, progress)),
            Stream::Err => stderr.push(bytes, |line| match line {
                Line::Whole(bytes) | Line::Piece(bytes) => last_words.add(bytes),
            }),
        }
    }

    fn finish(&mut self) {
        let Self { stdout, stderr, last_words, output_files, progress } = self;
        stdout.finish(|event| note(event, last_words, output_files, progress));
        stderr.finish(|line| match line {
            Line::Whole(bytes) | Line::Piece(bytes) => last_words.add(bytes),
        });
    }
}

fn note(event: AgentEvent, words: &mut LastWords, files: &mut Vec<String>, progress: &mut Option<f64>) {
    match event {
        AgentEvent::Text(line) => words.add(&line),
        AgentEvent::Progress(value) => *progress = Some(value),
        AgentEvent::OutputFile(file) if files.len() < MAX_OUTPUT_FILES && !files.contains(&file) => {
            files.push(file);
        }
        _ => {}
    }
}

struct Running {
    order: Order,
    child: Child,
    received: Option<mpsc::Receiver<(Stream, Vec<u8>)>>,
    heard: Heard,
}

impl Running {
    async fn finish(mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let ended = loop {
            tokio::select! {
                chunk = next(&mut self.received) => self.take(chunk),
                status = self.child.wait() => break status.map(process::code_and_signal),
                reason = &mut self.order.stop => {
                    outcome.errors.push(stop_reason(reason));
                    break Ok((None, None));
                }
            }
        };
        let stopped = !outcome.errors.is_empty();
        let left = self.end_all(stopped).await;
        self.drain().await;
        if !stopped {
            match ended.map(|(code, signal)| command::ended(code, signal)) {
                Ok(AgentEvent::Ended { failure }) => outcome.errors.extend(failure),
                Ok(_) => {}
                Err(error) => outcome.errors.push(format!("its end could not be awaited: {error}")),
            }
        }
        if !left.is_empty() {
            outcome.errors.push(format!("the system did not end its processes {left:?}"));
        }
        self.collect(outcome).await
    }

    /// Ends every process of the attempt, and still reads what they say meanwhile.
    async fn end_all(&mut self, stopped: bool) -> Vec<u32> {
        let searched = stopped || self.order.orphans == Orphans::TheSystems;
        let marker = format!("{}={}", command::ATTEMPT_VARIABLE, command::marker(&self.order.sheet));
        let target = Target {
            below: Some(std::process::id()),
            marker: searched.then(|| Marker { entries: vec![marker] }),
            root: None,
            awaited: self.child.id(),
        };
        let left = {
            let mut end = pin!(process_tree::end(&target));
            loop {
                tokio::select! {
                    left = &mut end => break left,
                    chunk = next(&mut self.received) => {
                        take(&mut self.received, &mut self.heard, &self.order, chunk);
                    }
                }
            }
        };
        // It is dead by now; this takes leave of it.
        let _status = timeout(DRAIN, self.child.wait()).await;
        left
    }

    async fn drain(&mut self) {
        let deadline = Instant::now() + DRAIN;
        while self.received.is_some() {
            let Ok(chunk) = tokio::time::timeout_at(deadline, next(&mut self.received)).await else { break };
            self.take(chunk);
        }
        self.heard.finish();
    }

    fn take(&mut self, chunk: Option<(Stream, Vec<u8>)>) {
        take(&mut self.received, &mut self.heard, &self.order, chunk);
    }

    async fn collect(self, mut outcome: Outcome) -> Outcome {
        let Self { order, heard, .. } = self;
        outcome.last_words = heard.last_words.text();
        if !outcome.errors.is_empty() && !outcome.last_words.is_empty() {
            outcome.errors.push(outcome.last_words.clone());
        }
        let folder = order.sheet.work_folder.clone();
        outcome.output_files =
            heard.output_files.iter().map(|file| relative(folder.as_deref(), file)).collect();
        if outcome.errors.is_empty() && outcome.output_files.is_empty() && !order.sheet.outputs.is_empty() {
            outcome.output_files = look_for_outputs(&order).await;
        }
        outcome
    }
}

/// What is there to read; waits for ever when all was read.
async fn next(received: &mut Option<mpsc::Receiver<(Stream, Vec<u8>)>>) -> Option<(Stream, Vec<u8>)> {
    match received {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

fn take(
    received: &mut Option<mpsc::Receiver<(Stream, Vec<u8>)>>,
    heard: &mut Heard,
    order: &Order,
    chunk: Option<(Stream, Vec<u8>)>,
) {
    let Some((stream, bytes)) = chunk else {
        *received = None;
        return;
    };
    lock(&order.sink).raw(&bytes);
    heard.take(stream, &bytes);
    if let Some(progress) = heard.progress.take() {
        order.progress.send_replace(progress);
    }
}

/// The declared outputs that were written meanwhile, for a program that names none itself.
async fn look_for_outputs(order: &Order) -> Vec<String> {
    let (sheet, since) = (order.sheet.clone(), order.started_at);
    let look = move || {
        let folder = sheet.work_folder.as_deref()?;
        outputs::written_since(Path::new(folder), &sheet.outputs, since).ok()
    };
    tokio::task::spawn_blocking(look).await.ok().flatten().unwrap_or_default()
}

/// The time at which an attempt begins.
pub(crate) fn begins() -> Timestamp {
    clock::now()
}
