//! The helper's loop: from the first word of the backend to the end of its stream.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use miyabi_plan::AgentId;
use miyabi_protocol::frame::Frame;
use miyabi_protocol::link::{Command, Hello, LINK_VERSION, Report};
use miyabi_protocol::runner_link::ToRunner;
use miyabi_protocol::state_dir;
use miyabi_protocol::{AttemptSheet, Baseline, QueueFile, QueueTask, StateDir, Timestamp};
use miyabi_transport::{Link, LinkReceiver, LinkSender};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::folder::{Folder, stamp};
use super::follow::Logs;
use super::host::{Host, OwnQueue, RETRY, Reports};
use super::lane::{Errand, Lanes, Standing};
use super::lease::Leases;
use super::lock::{FolderLock, PATIENCE};
use super::queue::QueueText;
use super::silence::Silence;
use super::terminals::Terminals;
use super::windows::Windows;
use super::work::Works;
use super::work::places::Places;
use super::{evidence, load, runners};
use crate::process_tree::{self, Target};
use crate::tmux::{MONITOR, Role, WindowPlan};
use crate::{clock, disk};

/// How long the first word may take.
const FIRST_WORD: Duration = Duration::from_secs(60);

/// Where the helper finds what it needs.
#[derive(Debug, Clone)]
pub struct Place {
    /// This program, which runners are started from.
    pub program: PathBuf,
    /// Where sockets lie.
    pub runtime_dir: PathBuf,
    /// Where everything that outlives a reboot lies.
    pub state_home: PathBuf,
}

/// Serves one backend until the end of its stream. Runners go on.
///
/// # Errors
/// When the stream breaks in the midst of a frame, or the helper cannot serve; the backend was
/// told why.
pub async fn serve(link: Link, place: Place) -> io::Result<()> {
    let (sender, mut receiver) = link.split();
    let served = greet(&mut receiver, &sender, place).await;
    let result = match served {
        Ok(Some(mut served)) => {
            // No word was read while the folder was looked at.
            served.silence.heard();
            let result = served.serve(&mut receiver).await;
            served.leave().await;
            result
        }
        Ok(None) => Ok(()),
        Err(refused) => Err(refused),
    };
    if let Err(Ended::Refused(message)) = &result {
        // Whoever hung up does not need the reason.
        let _gone = sender.message(&Report::Refused { message: message.clone() });
    }
    if !matches!(result, Err(Ended::Silent(_))) {
        // Over a link that is dead this would never return.
        sender.written().await;
    }
    result.map_err(|ended| match ended {
        Ended::Silent(seconds) => io::Error::new(
            io::ErrorKind::TimedOut,
            format!("not a word from the backend for {seconds} s: the link is dead; runners go on, and the next helper finds them"),
        ),
        Ended::Refused(message) => io::Error::other(message),
        Ended::Broken(error) => error,
    })
}

enum Ended {
    Refused(String),
    Broken(io::Error),
    /// Nothing came for so many seconds.
    Silent(u32),
}

impl From<String> for Ended {
    fn from(message: String) -> Self {
        Self::Refused(message)
    }
}

/// The first exchange: the lock, the session, the folder, the runners that are there.
async fn greet(
    receiver: &mut LinkReceiver,
    sender: &LinkSender,
    place: Place,
) -> Result<Option<Served>, Ended> {
    let Ok(first) = tokio::time::timeout(FIRST_WORD, receiver.recv()).await else {
        // Nobody is there any more; sshd may not know it for hours.
        return Err(Ended::Silent(u32::try_from(FIRST_WORD.as_secs()).unwrap_or(u32::MAX)));
    };
    let Some(frame) = first.map_err(Ended::Broken)? else { return Ok(None) };
    let hello = match frame.message() {
        Ok(Command::Hello(hello)) => hello,
        Ok(other) => return Err(format!("the first word must be hello, not {other:?}").into()),
        Err(error) => return Err(format!("the first word is not understood: {error}").into()),
    };
    if hello.version != LINK_VERSION {
        return Err(format!(
            "the backend speaks version {} and this helper version {LINK_VERSION}; install the same miyabi on both sides",
            hello.version
        )
        .into());
    }
    let dir = StateDir::open(Path::new(&hello.state_dir)).map_err(|error| error.to_string())?;
    let lock = FolderLock::take(&dir, &hello, PATIENCE).await?;
    let reports = Reports(sender.clone());
    let windows = Windows::new(&hello, &dir, &place.program);
    let lasting = match &hello.host {
        Some(_) => state_dir::lasting_runtime_dir(&place.runtime_dir).map_err(|error| error.to_string())?,
        None => place.runtime_dir,
    };
    let sockets = lasting.join(dir.short_name());
    windows.open_session(monitor(&hello)).await?;
    reports.send(&Report::Welcome { version: env!("CARGO_PKG_VERSION").to_owned(), host: host_name() });
    let elsewhere = hello.elsewhere.iter().cloned().collect();
    let silence = Silence::new(hello.silent_seconds).map_err(Ended::Broken)?;
    let leases = Leases::new(hello.lease_seconds).map_err(Ended::Broken)?;
    let host = Arc::new(Host {
        hello,
        dir,
        program: place.program,
        sockets,
        reports,
        runners: runners::Runners::default(),
        windows,
        places: Places::new(place.state_home),
        queue: std::sync::Mutex::default(),
        elsewhere: std::sync::Mutex::new(elsewhere),
        lease: std::sync::Mutex::default(),
    });
    let folder = list(&host, lock).await;
    Ok(Some(Served::new(host, folder, sender, silence, leases)))
}

fn monitor(hello: &Hello) -> Vec<WindowPlan> {
    if hello.monitor.is_empty() {
        return Vec::new();
    }
    let last = u32::try_from(hello.windows.len() + 1).ok();
    let argv = hello.monitor.clone();
    vec![WindowPlan {
        agent: MONITOR.to_owned(),
        name: MONITOR.to_owned(),
        place: last,
        argv,
        role: Role::Work,
    }]
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

async fn list(host: &Arc<Host>, lock: FolderLock) -> Folder {
    // What an earlier helper left unfinished is begun anew by the engine.
    process_tree::end(&Target { marker: Some(host.check_marker()), ..Target::default() }).await;
    let mut living = Vec::new();
    for agent in agents_with_sockets(&host.sockets) {
        if runners::find(host, &agent).await.is_some() && !host.is_elsewhere(&agent) {
            living.push(agent);
        }
    }
    let folder = Folder::list(host.clone(), lock).await;
    for agent in folder.at_work() {
        if host.runners.state(&agent).is_none() {
            runners::sweep(host, &host.hello.run_id, &agent).await;
        }
    }
    for agent in living {
        if let Some(state) = host.runners.state(&agent) {
            host.reports.send(&Report::RunnerUp { agent, pid: state.pid, attempt: state.attempt });
        }
    }
    host.reports.send(&Report::Listed);
    for agent in agents_with_sockets(&host.sockets) {
        let asks = host.runners.state(&agent).and_then(|state| state.asks(&agent));
        if let Some(report) = asks.filter(|_| !host.is_elsewhere(&agent)) {
            host.reports.send(&report);
        }
    }
    folder
}

fn agents_with_sockets(folder: &Path) -> Vec<AgentId> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let agent = |name: &str| AgentId::new(name.strip_suffix(".sock")?).ok();
    entries.flatten().filter_map(|entry| agent(entry.file_name().to_str()?)).collect()
}

struct Served {
    host: Arc<Host>,
    folder: tokio::task::JoinHandle<String>,
    lanes: Lanes,
    logs: Logs,
    terminals: Terminals,
    works: Works,
    silence: Silence,
    leases: Leases,
    checks: Arc<Semaphore>,
    /// Everything is being ended; what else is commanded waits for that.
    stopping: Option<JoinHandle<()>>,
    waiting: VecDeque<Command>,
    /// The queue as it was commanded last.
    queue: Option<QueueText>,
    /// When it is written again, if the disk did not take it.
    save_queue_at: Option<Instant>,
}

impl Served {
    fn new(host: Arc<Host>, folder: Folder, sender: &LinkSender, silence: Silence, leases: Leases) -> Self {
        let at_once = std::thread::available_parallelism().map_or(2, usize::from).max(2);
        Self {
            logs: Logs::new(&host.dir, sender.clone()),
            terminals: Terminals::new(&host, sender.clone()),
            works: Works::new(&host, sender.clone()),
            silence,
            leases,
            stopping: None,
            waiting: VecDeque::new(),
            host,
            folder: tokio::spawn(folder.watch()),
            lanes: Lanes::default(),
            checks: Arc::new(Semaphore::new(at_once)),
            queue: None,
            save_queue_at: None,
        }
    }

    async fn serve(&mut self, receiver: &mut LinkReceiver) -> Result<(), Ended> {
        self.leases.ask(&self.host.reports);
        loop {
            if self.stopping.is_none()
                && let Some(command) = self.waiting.pop_front()
            {
                self.carry_out(command);
                continue;
            }
            let retry = self.save_queue_at;
            let frame = tokio::select! {
                frame = receiver.recv() => frame.map_err(Ended::Broken)?,
                ended = &mut self.folder => {
                    return Err(ended.unwrap_or_else(|error| error.to_string()).into());
                }
                () = ended(&mut self.stopping) => {
                    self.stopping = None;
                    continue;
                }
                silent = self.silence.over() => return Err(Ended::Silent(silent)),
                () = self.leases.due() => {
                    self.leases.ask(&self.host.reports);
                    continue;
                }
                () = tokio::time::sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => {
                    self.save_queue();
                    continue;
                }
            };
            let Some(frame) = frame else { return Ok(()) };
            self.silence.heard();
            match (frame.message(), frame) {
                (Ok(command @ (Command::Ping { .. } | Command::Lease { .. })), _) => self.carry_out(command),
                (Ok(command), _) if self.stopping.is_some() => self.waiting.push_back(command),
                (Ok(command), _) => self.carry_out(command),
                (Err(_), Frame::Bulk(chunk)) => {
                    if let Some(chunk) = self.works.input(chunk) {
                        self.terminals.typed(chunk);
                    }
                }
                (Err(error), Frame::Control(_)) => tracing::warn!(%error, "a command is not understood"),
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        let Some(command) = self.works.take(command) else { return };
        match command {
            Command::Hello(_) => tracing::warn!("a second hello is left alone"),
            Command::WriteQueue { queue } => self.write_queue(queue),
            Command::UpdateQueue { updated_at, tasks } => self.update_queue(updated_at, &tasks),
            Command::EnsureAgent { agent, window, ours } => {
                let standing = if ours { Standing::Ours } else { Standing::Others };
                self.lane(agent, Errand::Ensure { window, standing });
            }
            Command::Offer { sheet, status } => {
                self.lane(sheet.agent.clone(), Errand::Offer { sheet, status });
            }
            Command::WriteStatus { agent, status } => self.lane(agent, Errand::Write { status }),
            Command::StopAttempt { agent, attempt, reason } => {
                self.lane(agent, Errand::Stop { attempt, reason });
            }
            Command::Answer { agent, attempt, request, answer } => {
                // No runner, nobody who asks any more.
                self.host.runners.tell(&agent, ToRunner::Answer { attempt, request, answer });
            }
            Command::Say { agent, attempt, number, text } => {
                // No runner, nobody who hears: it is said again to the next one.
                self.host.runners.tell(&agent, ToRunner::Say { attempt, number, text });
            }
            Command::CheckEvidence { sheet, baseline } => self.check(*sheet, baseline),
            Command::FollowLog { stream, agent, offset, credit } => {
                self.logs.follow(stream, agent.as_ref(), offset, credit);
            }
            Command::StreamCredit { stream, bytes } => {
                self.logs.credit(stream, bytes);
                self.terminals.credit(stream, bytes);
                self.works.credit(stream, bytes);
            }
            Command::CloseStream { stream } => {
                self.logs.end(stream);
                self.terminals.close(stream);
                self.works.close(stream);
            }
            Command::OpenTerminal { stream, agent, size, credit } => {
                self.terminals.open(stream, agent, size, credit);
            }
            Command::ResizeTerminal { stream, size } => self.terminals.resize(stream, size),
            Command::Mirror { agent, status } => self.lane(agent, Errand::Mirror { status }),
            Command::ShowElsewhere { agent, window, argv } => {
                self.lane(agent, Errand::Show { window, argv });
            }
            Command::Lease { token, seconds } => {
                if let Some(until) = self.leases.granted(token, seconds) {
                    self.host.grant(until);
                }
            }
            Command::MakeTree { .. }
            | Command::KeepWork { .. }
            | Command::MergeHeads { .. }
            | Command::TakeCommit { .. }
            | Command::LookAtTrees { .. }
            | Command::Verify { .. }
            | Command::OpenGit { .. }
            | Command::EndInput { .. }
            | Command::ListTrees { .. }
            | Command::RemoveTrees { .. } => tracing::warn!("work on git that nobody took"),
            Command::StopAll => {
                self.lanes.stop();
                self.stopping = Some(tokio::spawn(stop_all(self.host.clone())));
            }
            Command::Ping { token } => {
                self.host.reports.send(&Report::Pong { token, now: clock::now() });
                self.host.reports.send(&Report::Load(load::look(self.host.dir.root())));
            }
        }
    }

    fn lane(&mut self, agent: AgentId, errand: Errand) {
        self.lanes.send(&self.host, agent, errand);
    }

    /// Written here and now, before any offer that follows: agents look their task up there.
    fn write_queue(&mut self, queue: QueueFile) {
        match QueueText::new(queue) {
            Ok(text) => {
                self.queue = Some(text);
                self.save_queue();
            }
            Err(error) => tracing::error!(%error, "a queue that is no JSON"),
        }
    }

    fn update_queue(&mut self, updated_at: Timestamp, tasks: &[QueueTask]) {
        let Some(queue) = &mut self.queue else {
            tracing::warn!("changes of a queue that was never sent are left alone");
            return;
        };
        match queue.update(updated_at, tasks) {
            Ok(()) => self.save_queue(),
            Err(error) => tracing::error!(%error, "a task that is no JSON"),
        }
    }

    fn save_queue(&mut self) {
        let told = self.save_queue_at.take().is_some();
        let Some(Ok(bytes)) = self.queue.as_ref().map(QueueText::bytes) else { return };
        let path = self.host.dir.queue();
        match disk::write(&self.host.dir, &path, &bytes) {
            Ok(()) => {
                // No await lies between the write and this, so that our own write is never
                // taken for somebody else's.
                let stamp = stamp(&path);
                *self.host.queue() = Some(OwnQueue { bytes, stamp });
            }
            Err(message) => {
                if !told {
                    self.host.reports.send(&Report::StateProblem { message });
                }
                self.save_queue_at = Some(Instant::now() + RETRY);
            }
        }
    }

    fn check(&self, sheet: AttemptSheet, baseline: Option<Baseline>) {
        let (host, checks) = (self.host.clone(), self.checks.clone());
        tokio::spawn(async move {
            // The semaphore is never closed.
            let _permit = checks.acquire().await;
            let attempt = sheet.attempt.clone();
            let state_dir = host.dir.root().to_string_lossy().into_owned();
            let report = evidence::look(&host, sheet, baseline, &state_dir).await;
            host.reports.send(&Report::Evidence { attempt, report });
        });
    }

    /// Ends what must not outlive the helper: acceptance commands, whose result nobody awaits.
    async fn leave(&mut self) {
        self.lanes.stop();
        self.terminals.close_all().await;
        self.works.leave().await;
        process_tree::end(&Target { marker: Some(self.host.check_marker()), ..Target::default() }).await;
        self.folder.abort();
        if !self.folder.is_finished() {
            // The lock goes with it, also when this process is held up later.
            let _aborted = (&mut self.folder).await;
        }
    }
}

/// Returns when a task has ended; never where there is none.
async fn ended(task: &mut Option<JoinHandle<()>>) {
    match task {
        // One that failed has ended, too.
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

/// Ends every runner, and removes the windows.
async fn stop_all(host: Arc<Host>) {
    let agents = host.runners.agents();
    for agent in &agents {
        host.runners.tell(agent, ToRunner::Exit);
    }
    let deadline = Instant::now() + runners::END;
    while !host.runners.agents().is_empty() && Instant::now() < deadline {
        clock::sleep(Duration::from_millis(10)).await;
    }
    for agent in host.runners.agents() {
        match host.runners.state(&agent) {
            Some(state) => {
                process_tree::kill(state.pid);
                runners::end_all_of(&host, &state, &agent).await;
            }
            None => {
                runners::sweep(&host, &host.hello.run_id, &agent).await;
            }
        }
    }
    if let Err(message) = host.windows.remove_all().await {
        host.reports.send(&Report::StateProblem { message });
    }
    host.reports.send(&Report::Stopped);
}
