//! The runner's loop: its status file, its attempt, its helpers and its signals.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use miyabi_agents::shown::is_hidden;
use miyabi_plan::{AttemptId, FailureCause, TaskId};
use miyabi_protocol::runner_link::{FromRunner, ToRunner};
use miyabi_protocol::status::{Failure, status_file_name};
use miyabi_protocol::{AgentStatus, AttemptSheet, RunnerSpec, StateDir, StatusFile, atomic};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::attempt::{self, Live, Order, Orphans, Outcome, Stop, Told, lock};
use super::decide::{Next, Seen, decide};
use super::lease::Lease;
use super::output::{result_file, result_path};
use super::setup::{Setup, SetupError};
use super::signals::{Farewell, Signals};
use super::sink::Sink;
use super::socket::{Door, speak};
use super::state::{Pace, Status};
use crate::watch::{FolderWatch, SLOW_POLL};
use crate::{clock, disk, process_tree};

/// A file that is torn or missing is looked at again after this, before anything is made of it.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// How often a runner without work looks whether its log and its socket are still there.
const IDLE_POLL: Duration = Duration::from_secs(60);

/// Serves until the window is closed or a helper says so.
///
/// # Errors
/// When it cannot begin.
pub async fn run(setup: Setup) -> Result<(), SetupError> {
    let mut signals = Signals::listen()?;
    let dir = StateDir::open(&setup.state_dir)?;
    let orphans = match process_tree::adopt_orphans() {
        Ok(()) if cfg!(target_os = "linux") => Orphans::Ours,
        _ => Orphans::TheSystems,
    };
    let name = status_file_name(&setup.agent);
    let mut folder = FolderWatch::new(dir.root(), move |changed| changed == name.as_str());
    let mut door = Door::open(&setup.socket)?;
    let (commands, mut told) = mpsc::unbounded_channel();
    let lease = Lease::new(setup.leased)?;
    let mut runner = Runner::new(setup, dir, orphans, lease);
    runner.begin();
    let mut looked_at = Instant::now();
    let farewell = loop {
        let due = runner.due();
        let period = if runner.is_restless() { SLOW_POLL } else { folder.period().min(IDLE_POLL) };
        tokio::select! {
            _ = folder.changed() => runner.look(),
            Ok(stream) = door.accept() => {
                tokio::spawn(speak(stream, runner.known.subscribe(), commands.clone()));
            }
            Some(command) = told.recv() => match command {
                ToRunner::Stop { attempt, reason } => runner.stop(&attempt, Stop { reason, cause: None }),
                ToRunner::Answer { attempt, request, answer } => {
                    runner.tell_work(&attempt, Told::Answer { request, answer });
                }
                ToRunner::Say { attempt, number, text } => {
                    runner.tell_work(&attempt, Told::Say { number, text });
                }
                ToRunner::Lease { until_boot_millis } => runner.renew_lease(until_boot_millis),
                ToRunner::Exit => break Farewell::Told,
            },
            event = next_event(&mut runner.work) => runner.take(event),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                runner.on_time();
                if folder.renew() {
                    lock(&runner.sink).renew();
                    runner.look();
                }
            }
            () = runner.lease.over() => runner.end_lease(),
            () = sleep_until(looked_at + period) => {
                looked_at = Instant::now();
                folder.renew();
                runner.on_poll(&mut door);
            }
            farewell = signals.next() => match farewell {
                Some(farewell) => break farewell,
                None => runner.interrupt(),
            },
        }
    };
    runner.end(&farewell).await;
    door.close();
    Ok(())
}

/// The attempt that runs.
struct Work {
    sheet: Arc<AttemptSheet>,
    live: watch::Receiver<Live>,
    stop: Option<oneshot::Sender<Stop>>,
    told: mpsc::UnboundedSender<Told>,
    done: JoinHandle<Outcome>,
}

enum WorkEvent {
    Live(Live),
    Ended(Outcome),
}

async fn next_event(work: &mut Option<Work>) -> WorkEvent {
    let Some(work) = work else { return std::future::pending().await };
    tokio::select! {
        biased;
        Ok(()) = work.live.changed() => WorkEvent::Live(work.live.borrow_and_update().clone()),
        outcome = &mut work.done => WorkEvent::Ended(outcome.unwrap_or_else(|error| {
            Outcome::failed(FailureCause::AgentGone, format!("the runner itself failed: {error}"))
        })),
    }
}

struct Runner {
    setup: Setup,
    dir: StateDir,
    orphans: Orphans,
    sink: Arc<Mutex<Sink>>,
    status: Status,
    lease: Lease,
    work: Option<Work>,
    known: watch::Sender<FromRunner>,
    /// When the file is looked at again, after it was torn or missing.
    look_again: Option<Instant>,
    /// What people were told about the file, so that they are told once.
    told: Option<String>,
    /// A result that the disk did not take yet.
    unsaved_result: Option<(PathBuf, Vec<u8>)>,
}

impl Runner {
    fn new(setup: Setup, dir: StateDir, orphans: Orphans, lease: Lease) -> Self {
        let sink = Arc::new(Mutex::new(Sink::new(&dir, &setup.agent)));
        let status = Status::new(&dir, &setup.agent);
        let (known, _) = watch::channel(state_of(&setup, None, None, Live::default()));
        Self {
            setup,
            dir,
            orphans,
            sink,
            status,
            lease,
            work: None,
            known,
            look_again: None,
            told: None,
            unsaved_result: None,
        }
    }

    fn begin(&mut self) {
        let Setup { agent, title, run_id, .. } = &self.setup;
        // Both are a plan's words.
        let (title, run_id) = (in_a_line(title), in_a_line(run_id));
        let header = format!(
            "\x1b[1;97;44m {agent} \x1b[0m \x1b[1m{title}\x1b[0m  run {run_id}\nwaiting for work\n\n"
        );
        lock(&self.sink).show(header.as_bytes());
        if let Err(error) = self.status.appear() {
            lock(&self.sink).warn(&error);
        }
        self.look();
    }

    /// Whether there is something to look after that nobody tells of.
    fn is_restless(&self) -> bool {
        self.work.is_some() || self.unsaved_result.is_some() || self.status.is_unsaved()
    }

    fn due(&self) -> Option<Instant> {
        self.status.due().into_iter().chain(self.look_again).min()
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.look_again.is_some_and(|at| at <= now) {
            self.look_again = None;
            self.act(Look::Second);
        }
        if self.status.due().is_some_and(|at| at <= now) {
            self.save();
        }
    }

    fn on_poll(&mut self, door: &mut Door) {
        lock(&self.sink).renew();
        if let Err(error) = door.renew() {
            self.tell(format!("{} cannot be made again: {error}", self.setup.socket.display()));
        }
        if self.work.is_none() {
            process_tree::reap(None);
        }
        self.save_result();
        self.look();
    }

    fn look(&mut self) {
        self.act(Look::First);
    }

    fn act(&mut self, look: Look) {
        let seen = self.status.look();
        let unsure = matches!(seen, Seen::Missing | Seen::Bad(_));
        if unsure && look == Look::First {
            self.look_again.get_or_insert(Instant::now() + SECOND_LOOK);
            return;
        }
        match decide(self.status.mine(), seen) {
            Next::Nothing => {}
            Next::Restore => {
                lock(&self.sink).renew();
                self.save();
            }
            Next::Acknowledged => self.status.release(),
            Next::Appear => {
                if let Err(error) = self.status.appear() {
                    self.tell(error);
                }
            }
            // Whoever offers work here is about to grant a lease, too.
            Next::Take(_) if self.lease.is_awaited() => {}
            Next::Take(_) if self.lease.is_over() => self.tell(format!("{LEASE_OVER}; it takes no work")),
            Next::Take(offer) => self.take_offer(*offer),
            Next::ProcessGone(found) => {
                let reason = "the runner was restarted; the agent's process is gone".to_owned();
                self.write(failed(*found, FailureCause::AgentGone, reason));
            }
            Next::Complain(why) => self.tell(why),
        }
    }

    fn take_offer(&mut self, offer: StatusFile) {
        let attempt = match self.attempt_of(&offer) {
            Ok(attempt) => attempt,
            Err(why) => return self.tell(why),
        };
        self.told = None;
        let started_at = attempt::begins();
        let begun = StatusFile {
            status: AgentStatus::InProgress,
            progress: 0.0,
            started_at: Some(started_at),
            output_files: Vec::new(),
            errors: Vec::new(),
            ..offer
        };
        let sheet = match self.sheet_of(&attempt) {
            Ok(sheet) => Arc::new(sheet),
            Err(why) => {
                lock(&self.sink).say("[miyabi]", &format!("{attempt} FAILED: {why}"));
                return self.write(failed(begun, FailureCause::NotStarted, why));
            }
        };
        self.write(begun);
        lock(&self.sink).say(prefix(&sheet), &format!("{attempt} {}: started", sheet.title));
        let (live, live_seen) = watch::channel(Live::default());
        let (stop, stopped) = oneshot::channel();
        let (told, received) = mpsc::unbounded_channel();
        let done = tokio::spawn(attempt::run(Order {
            sheet: sheet.clone(),
            dir: self.dir.clone(),
            state_dir: self.dir.root().to_string_lossy().into_owned(),
            sink: self.sink.clone(),
            live,
            stop: stopped,
            told: received,
            started_at,
            orphans: self.orphans,
        }));
        self.work = Some(Work { sheet, live: live_seen, stop: Some(stop), told, done });
        self.announce();
    }

    fn attempt_of(&self, offer: &StatusFile) -> Result<AttemptId, String> {
        let (Some(task), Some(stamp)) = (&offer.task_id, &offer.miyabi) else {
            return Err("the offer does not name its task and attempt; it is left alone".to_owned());
        };
        if stamp.run_id != self.setup.run_id {
            return Err(format!("the offer is of another run, {}; it is left alone", stamp.run_id));
        }
        let task = TaskId::new(task.clone()).map_err(|error| error.to_string())?;
        Ok(AttemptId { task, number: stamp.attempt })
    }

    fn sheet_of(&self, attempt: &AttemptId) -> Result<AttemptSheet, String> {
        let path = self.dir.sheet(attempt);
        let sheet: AttemptSheet = atomic::read_json(&path).map_err(|error| error.to_string())?;
        let fits = sheet.agent == self.setup.agent && sheet.attempt == *attempt;
        if !fits || sheet.run_id != self.setup.run_id {
            return Err(format!(
                "{} is for {} at {} in run {}, not for this offer",
                path.display(),
                sheet.agent,
                sheet.attempt,
                sheet.run_id
            ));
        }
        Ok(sheet)
    }

    fn take(&mut self, event: WorkEvent) {
        match event {
            WorkEvent::Live(live) => {
                if self.status.note(&live) == Pace::Now {
                    self.save();
                }
                self.announce();
            }
            WorkEvent::Ended(outcome) => self.finish(outcome),
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        let (Some(work), Some(mut mine)) = (self.work.take(), self.status.mine().cloned()) else { return };
        let Outcome { errors, failure, output_files, summary } = outcome;
        let failed = !errors.is_empty();
        let last_words = (!failed).then(|| in_a_line(&summary)).filter(|words| !words.is_empty());
        let status = if failed { AgentStatus::Failed } else { AgentStatus::Completed };
        if !matches!(work.sheet.runner, RunnerSpec::Rehearsal { .. }) {
            let summary = if failed { errors.join("\n") } else { summary };
            self.write_result(&work.sheet, status, &output_files, summary);
        }
        let attempt = &work.sheet.attempt;
        let refused = failure.is_some_and(|failure| failure.cause == FailureCause::PermissionRefused);
        let line = match errors.first() {
            // Told no, it may have found another way.
            Some(error) if refused => format!("{attempt} ended: {error}; what it wrote decides"),
            Some(error) => format!("{attempt} FAILED: {error}"),
            None => format!("{attempt} COMPLETED"),
        };
        lock(&self.sink).say(prefix(&work.sheet), &line);
        let progress = if failed { mine.progress } else { 1.0 };
        if let Some(stamp) = &mut mine.miyabi {
            // The tasks after this one are told.
            stamp.activity = last_words;
            stamp.failure = failure;
        }
        self.write(StatusFile { status, progress, output_files, errors, ..mine });
        // An offer that came meanwhile is seen by the look after our own write.
    }

    fn write_result(&mut self, sheet: &AttemptSheet, status: AgentStatus, files: &[String], summary: String) {
        let path = result_path(&self.dir, sheet);
        let result = result_file(sheet, status, files, summary, clock::now());
        match disk::json(&result) {
            Ok(bytes) => self.unsaved_result = Some((path, bytes)),
            Err(error) => self.tell(error.to_string()),
        }
        self.save_result();
    }

    fn save_result(&mut self) {
        let Some((path, bytes)) = &self.unsaved_result else { return };
        match disk::write(&self.dir, path, bytes) {
            Ok(()) => self.unsaved_result = None,
            Err(error) => self.tell(error),
        }
    }

    fn stop(&mut self, attempt: &AttemptId, order: Stop) {
        // The offer may lie there unseen; without a look it would be taken after the stop.
        if self.work.is_none() {
            self.look();
        }
        if let Some(work) = self.work.as_mut().filter(|work| work.sheet.attempt == *attempt)
            && let Some(stop) = work.stop.take()
        {
            // It may just have ended by itself.
            let _ended = stop.send(order);
        }
    }

    fn tell_work(&mut self, attempt: &AttemptId, told: Told) {
        // What it is for may lie there unseen.
        if self.work.is_none() {
            self.look();
        }
        if let Some(work) = self.work.as_ref().filter(|work| work.sheet.attempt == *attempt) {
            // It may just have ended by itself.
            let _ended = work.told.send(told);
        }
    }

    /// The agent may go on.
    fn renew_lease(&mut self, until: u64) {
        let was_over = self.lease.is_over();
        self.lease.renew(until);
        if was_over && !self.lease.is_over() {
            // An offer may have come before it.
            self.look();
        }
    }

    /// The backend may by now have given the task to somebody else.
    fn end_lease(&mut self) {
        self.lease.rest();
        if let Some(attempt) = self.work.as_ref().map(|work| work.sheet.attempt.clone()) {
            let order = Stop { reason: LEASE_OVER.to_owned(), cause: Some(FailureCause::HostLost) };
            self.stop(&attempt, order);
        }
    }

    fn interrupt(&mut self) {
        let attempt = self.work.as_ref().map(|work| work.sheet.attempt.clone());
        match attempt {
            Some(attempt) => {
                let reason = "interrupted by Ctrl-C in its tmux window".to_owned();
                self.stop(&attempt, Stop { reason, cause: None });
            }
            None => lock(&self.sink).show(b"\nwaiting for work; close the window to end this agent\n"),
        }
    }

    async fn end(&mut self, farewell: &Farewell) {
        if let Some(attempt) = self.work.as_ref().map(|work| work.sheet.attempt.clone()) {
            self.stop(&attempt, farewell.order());
        }
        while self.work.is_some() {
            let event = next_event(&mut self.work).await;
            self.take(event);
        }
    }

    fn write(&mut self, status: StatusFile) {
        let before = self.status.is_unsaved();
        if let Err(error) = self.status.set(status)
            && !before
        {
            lock(&self.sink).warn(&error);
        }
        self.announce();
    }

    fn save(&mut self) {
        self.save_result();
        let before = self.status.is_unsaved();
        match self.status.save() {
            Err(error) if !before => lock(&self.sink).warn(&error),
            Ok(()) if before => lock(&self.sink).show(b"the status file is written again\n"),
            _ => {}
        }
        self.announce();
    }

    /// Lets helpers know where this runner stands, where that changed. An end that nobody can read
    /// yet is none: the runner is still at that attempt.
    fn announce(&self) {
        let unread = || self.attempt_of(self.status.unsaved().and(self.status.mine())?).ok();
        let attempt = self.work.as_ref().map(|work| work.sheet.attempt.clone()).or_else(unread);
        let live = self.work.as_ref().map(|work| work.live.borrow().clone()).unwrap_or_default();
        let now = state_of(&self.setup, attempt, self.status.unsaved().map(str::to_owned), live);
        self.known.send_if_modified(|known| {
            let is_news = *known != now;
            *known = now;
            is_news
        });
    }

    /// Tells people once, however often it is seen.
    fn tell(&mut self, what: String) {
        if self.told.as_ref() != Some(&what) {
            lock(&self.sink).warn(&what);
            self.told = Some(what);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Second,
}

fn prefix(sheet: &AttemptSheet) -> &'static str {
    match sheet.runner {
        RunnerSpec::Rehearsal { .. } => miyabi_agents::rehearsal::PREFIX,
        RunnerSpec::Command { .. } | RunnerSpec::Agent(_) | RunnerSpec::External => "[miyabi]",
    }
}

/// Why an attempt ends, and none is begun.
const LEASE_OVER: &str =
    "its lease is over: nothing was heard of the backend for as long as it may work alone";

/// The file of an attempt that cannot go on.
fn failed(mut file: StatusFile, cause: FailureCause, why: String) -> StatusFile {
    if let Some(stamp) = &mut file.miyabi {
        stamp.failure = Some(Failure { cause, until: None });
    }
    StatusFile { status: AgentStatus::Failed, errors: vec![why], ..file }
}

fn state_of(setup: &Setup, attempt: Option<AttemptId>, problem: Option<String>, live: Live) -> FromRunner {
    FromRunner::State {
        agent: setup.agent.clone(),
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: setup.run_id.clone(),
        attempt,
        problem,
        program: live.program,
        asks: live.asks,
        heard: live.heard,
    }
}

/// A text without its line breaks and control characters, shortened.
fn in_a_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !is_hidden(*c)).take(1_000).collect()
}
