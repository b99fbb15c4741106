//! The run's loop: inputs in, the engine's facts to the journal, its effects to the helpers, views
//! to the clients.

use std::collections::BTreeMap;
use std::time::Duration;

use miyabi_api::{Answer, ApiError, Envelope, ErrorCode, Event as ApiEvent, Notice, ReportFormat};
use miyabi_engine::{Engine, Entry, Event, Fact, Step};
use miyabi_plan::{AgentId, Site};
use miyabi_protocol::frame::Chunk;
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::opening::backend_socket;
use miyabi_protocol::{Carriage, RunOpening, StateDir, StatusFile, SummaryFile, Timestamp, TreeOrder};
use miyabi_transport::LinkSender;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clients::Clients;
use crate::error::BackendError;
use crate::git::{Carriers, Pusher};
use crate::hand_over::Looks;
use crate::hold::{Hold, remove_stale_socket};
use crate::journal_file::JournalFile;
use crate::ledger::{Ledger, Settled};
use crate::notices::NoticeMaker;
use crate::orchestrator_log::OrchestratorLog;
use crate::run_folder::RunFolder;
use crate::site::{ContactSeen, Slot};
use crate::sites::{Sites, Start};
use crate::stopping::Stopping;
use crate::streams::{ClientId, Streams};
use crate::trees::Gatherings;
use crate::view::Views;
use crate::{Options, clock, narration, server, work};

/// How long changes are gathered before clients are told.
const GATHER: Duration = Duration::from_millis(50);
/// How often this machine is asked for its load while somebody watches; hosts are asked by the probe.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How often while nobody does: tasks wait for room.
const PING_UNWATCHED_EVERY: Duration = Duration::from_secs(30);
/// How long a full disk is waited for before the journal is written again.
const WRITE_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The token of the ping that follows the last files of a run.
pub(crate) const AFTER_THE_END: u32 = 1;
/// How long the end of a run is kept from clients when the helper does not answer.
const END_HIDDEN_AT_MOST: Duration = Duration::from_secs(1);
/// A gap between the two clocks that is longer than this was a sleep of the machine.
const SLEPT_AT_LEAST: Duration = Duration::from_secs(10);
/// How many inputs are taken together, so that one sync of the journal serves them all.
const BATCH: usize = 256;

/// All that can come to the loop.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every input is a report, and one lives at a time")]
pub(crate) enum Input {
    Reported(Site, Report, Slot),
    LinkDown(Site, String),
    Contact(Site, ContactSeen),
    ClientJoined(ClientId, LinkSender),
    ClientLeft(ClientId),
    Asked(ClientId, Envelope),
    Typed(ClientId, Chunk),
    /// A commit was carried, or what is wrong with that.
    Carried(Carriage, Option<String>),
    /// A work tree's files are filled in, or cannot be.
    Filled(Site, Box<TreeOrder>, Result<(), String>),
    /// What was looked for beside the loop.
    Found(ClientId, u32, Result<Answer, ApiError>),
    /// A line for the log.
    Told(String),
    Quit,
}

/// Serves a run until it is told to stop.
///
/// # Errors
/// When the run does not exist, somebody else serves it, or its files are not usable.
pub async fn orchestrate(options: Options) -> Result<(), BackendError> {
    let folder = RunFolder::of(&options.state_home, &options.run_id)?;
    let opening = folder.opening()?;
    let state_dir = StateDir::open(opening.state_dir.as_ref())?;
    let _hold = Hold::take(&options.state_home, &state_dir, &options.run_id)?;
    let (journal, entries) = JournalFile::open(&folder.journal())?;

    let (inputs, received) = mpsc::unbounded_channel();
    watch_signals(&inputs);
    let socket = backend_socket(&options.runtime_dir, &state_dir.short_name());
    let mut backend = Backend::new(options, opening, folder, (&state_dir, journal), &entries, &inputs);
    backend.start_sites(&inputs);
    server::listen(&socket, inputs)?;
    backend.serve(received).await;
    remove_stale_socket(&socket)
}

/// A closed window (SIGHUP) is no reason to stop; Ctrl-C in it, or a shutdown, is. Agents go on.
fn watch_signals(inputs: &mpsc::UnboundedSender<Input>) {
    if let Ok(mut hangup) = signal(SignalKind::hangup()) {
        tokio::spawn(async move { while hangup.recv().await.is_some() {} });
    }
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let inputs = inputs.clone();
        if let Ok(mut stop) = signal(kind) {
            tokio::spawn(async move {
                if stop.recv().await.is_some() {
                    drop(inputs.send(Input::Quit));
                }
            });
        }
    }
}

pub(crate) struct Backend {
    pub(crate) options: Options,
    pub(crate) folder: RunFolder,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    pub(crate) carriers: Carriers,
    pub(crate) pusher: Option<Pusher>,
    pub(crate) gatherings: Gatherings,
    pub(crate) looks: Looks,
    pub(crate) engine: Engine,
    pub(crate) sites: Sites,
    pub(crate) streams: Streams,
    /// The files of agents that are elsewhere, as they are shown here.
    pub(crate) mirrors: BTreeMap<AgentId, StatusFile>,
    pub(crate) clients: Clients,
    pub(crate) views: Views,
    notices: NoticeMaker,
    log: OrchestratorLog,
    summary: Option<SummaryFile>,
    pub(crate) ledger: Ledger,
    write_again_at: Option<Instant>,
    tell_at: Option<Instant>,
    /// Until when clients are not told, because the files must show the end of the run first.
    end_hidden_until: Option<Instant>,
    /// The two clocks at the last look: the monotonic one stands still while the machine sleeps.
    awake: (Instant, Timestamp),
    pub(crate) ping_at: Instant,
    pub(crate) stopping: Option<Stopping>,
}

impl Backend {
    fn new(
        options: Options,
        opening: RunOpening,
        folder: RunFolder,
        (state_dir, journal): (&StateDir, JournalFile),
        entries: &[Entry],
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> Self {
        let now = clock::now();
        let mut notices = NoticeMaker::new(&opening);
        let mut views = Views::new(&opening);
        let (mut engine, opened) = match Engine::replay(entries) {
            Some(engine) => (engine, Step::default()),
            None => Engine::open(opening, now),
        };
        for notice in entries.iter().filter_map(|entry| notices.make(entry, engine.state())) {
            views.add_notice(notice);
        }
        let started = engine.backend_started(now);
        let streams = Streams::default();
        let mut backend = Self {
            carriers: work::carriers(&options, &streams, inputs),
            pusher: work::pusher(engine.state(), inputs),
            gatherings: Gatherings::default(),
            looks: Looks::default(),
            inputs: inputs.clone(),
            streams,
            views,
            notices,
            log: OrchestratorLog::new(state_dir),
            options,
            folder,
            engine,
            sites: Sites::default(),
            mirrors: BTreeMap::new(),
            clients: Clients::default(),
            summary: None,
            ledger: Ledger::over(journal),
            write_again_at: None,
            tell_at: None,
            end_hidden_until: None,
            awake: (Instant::now(), clock::now()),
            ping_at: Instant::now(),
            stopping: None,
        };
        backend.take(opened);
        backend.take(started);
        backend.save();
        backend
    }

    fn start_sites(&mut self, inputs: &mpsc::UnboundedSender<Input>) {
        let state = self.engine.state();
        self.sites = Sites::start(&Start {
            opening: &state.opening,
            state,
            options: &self.options,
            folder: &self.folder,
            streams: &self.streams,
            inputs,
        });
    }

    async fn serve(&mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        loop {
            let deadline = self.deadline();
            let mut quits = false;
            tokio::select! {
                input = inputs.recv() => match input {
                    Some(input) => quits = self.take_batch(input, &mut inputs),
                    None => return,
                },
                () = tokio::time::sleep_until(deadline) => self.note_sleep(),
            }
            self.run_timers();
            self.save();
            if quits || self.has_stopped() {
                return;
            }
        }
    }

    /// Tells the engine of a sleep before anything else that came after it, so that a closed lid
    /// counts against nobody's time limit.
    fn note_sleep(&mut self) {
        let before = std::mem::replace(&mut self.awake, (Instant::now(), clock::now()));
        if let Some(millis) = slept(before, self.awake) {
            self.handle(Event::Slept { millis });
            self.sites.slept();
        }
    }

    fn take_batch(&mut self, first: Input, inputs: &mut mpsc::UnboundedReceiver<Input>) -> bool {
        self.note_sleep();
        let mut quits = self.on_input(first);
        for _ in 1..BATCH {
            let Ok(next) = inputs.try_recv() else { break };
            quits |= self.on_input(next);
        }
        quits
    }

    fn deadline(&self) -> Instant {
        let engine = self.engine.wake_at().map(|at| {
            let millis = at.millis_since(clock::now()).max(0);
            Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        });
        let ping = self.wants_load().then_some(self.ping_at);
        let lease = self.stopping.is_none().then(|| self.sites.next_lease_end()).flatten();
        let stop = self.stopping.as_ref().map(Stopping::until);
        let far = Instant::now() + Duration::from_secs(3600);
        let gathered = self.gatherings.until();
        let all = [engine, ping, lease, stop, gathered, self.tell_at, self.write_again_at];
        all.into_iter().flatten().fold(far, Instant::min)
    }

    fn wants_load(&self) -> bool {
        self.clients.has_subscribers() || !self.engine.state().phase().has_ended()
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        let time = clock::now();
        if self.stopping.is_none() && self.engine.wake_at().is_some_and(|at| at <= time) {
            let step = self.engine.handle(time, Event::Tick);
            self.take(step);
        }
        if self.wants_load() && self.ping_at <= now {
            let watched = self.clients.has_subscribers();
            self.ping_at = now + if watched { PING_EVERY } else { PING_UNWATCHED_EVERY };
            self.sites.send(&Site::Here, Command::Ping { token: 0 });
        }
        self.look_at_leases();
        self.end_gatherings();
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell();
        }
    }

    fn on_input(&mut self, input: Input) -> bool {
        match input {
            Input::Reported(site, report, _slot) => self.on_report(&site, report),
            Input::LinkDown(site, why) => self.on_link_down(&site, why),
            Input::Contact(site, contact) => {
                self.views.hosts.set_contact(site, contact);
                self.tell_soon();
            }
            Input::ClientJoined(id, sender) => self.clients.join(id, sender),
            Input::ClientLeft(id) => {
                self.clients.leave(id);
                self.close_streams(id, None);
            }
            Input::Asked(client, envelope) => self.on_request(client, envelope),
            Input::Typed(client, chunk) => {
                if let Some((site, chunk)) = self.streams.typed(client, chunk) {
                    self.sites.type_into(&site, chunk);
                }
            }
            Input::Carried(carriage, problem) => self.handle(Event::Carried { carriage, problem }),
            Input::Filled(site, order, result) => self.on_filled(&site, order, result),
            Input::Found(client, id, result) => self.clients.answer(client, id, result),
            Input::Told(text) => self.narrate(&text),
            Input::Quit => {
                self.write_summary();
                self.log.add(
                    "the backend ends; agents go on, and `miyabi run --resume` takes the run up again\n",
                );
                return true;
            }
        }
        false
    }

    pub(crate) fn files_show_the_end(&mut self) {
        self.end_hidden_until = None;
        self.tell();
    }

    pub(crate) fn handle(&mut self, event: Event) {
        // Agents that are being ended show failed attempts: those are no news to decide on.
        if self.stopping.is_some() {
            return;
        }
        let step = self.engine.handle(clock::now(), event);
        self.take(step);
        self.tell_soon();
    }

    pub(crate) fn take(&mut self, step: Step) {
        self.ledger.take(step);
    }

    /// Brings what was decided to the disk, then carries it out.
    fn save(&mut self) {
        let waits = self.write_again_at.is_some_and(|at| at > Instant::now());
        if waits || self.ledger.is_settled() {
            return;
        }
        match self.ledger.settle() {
            Ok(settled) => {
                self.write_again_at = None;
                self.carry_out(settled);
            }
            Err(error) => {
                if self.write_again_at.is_none() {
                    self.tell_of_full_disk(&error);
                }
                self.write_again_at = Some(Instant::now() + WRITE_AGAIN_AFTER);
            }
        }
    }

    /// Told where people look: the journal, which holds every other notice, cannot take this one.
    fn tell_of_full_disk(&mut self, error: &BackendError) {
        let text = format!("{error}; everything waits until it can be written");
        let now = clock::now();
        self.log.add(&narration::line(now, &text));
        let notice = self.notices.of_unwritten(now, text);
        self.notify(notice);
        self.tell_soon();
    }

    fn notify(&mut self, notice: Notice) {
        self.clients.tell_subscribers(&ApiEvent::Notice(notice.clone()));
        self.views.add_notice(notice);
    }

    fn carry_out(&mut self, settled: Settled) {
        for (site, command) in settled.commands {
            if let Command::Offer { sheet, .. } = &command
                && let Err(error) = self.folder.keep_prompt(sheet)
            {
                let text = format!("the prompt of {} cannot be kept: {error}", sheet.attempt);
                self.narrate(&text);
            }
            match command {
                Command::MakeTree { order } if !order.copies.is_empty() => self.fill(site, order),
                command => self.send_decided(&site, command),
            }
        }
        for carriage in settled.carriages {
            self.carry(carriage);
        }
        for (client, request) in settled.answers {
            self.clients.answer(client, request, Ok(Answer::Done));
        }
        self.publish(&settled.entries);
    }

    fn publish(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        self.follow_agents(entries);
        self.push_branches(entries);
        let mut lines = String::new();
        for entry in entries {
            if let Some(text) = narration::narrate(&entry.fact) {
                lines.push_str(&narration::line(entry.at, &text));
            }
            if let Some(notice) = self.notices.make(entry, self.engine.state()) {
                self.notify(notice);
            }
        }
        if !lines.is_empty() {
            self.log.add(&lines);
        }
        self.tell_soon();
        if entries.iter().any(|entry| matches!(entry.fact, Fact::Ended { .. })) {
            // The queue was sent before: whoever hears of the end finds it in the files as well.
            self.end_hidden_until = Some(Instant::now() + END_HIDDEN_AT_MOST);
            self.sites.send(&Site::Here, Command::Ping { token: AFTER_THE_END });
            self.write_reports();
        }
    }

    fn write_summary(&mut self) {
        let state = self.engine.state();
        let completed = state.tasks.iter().filter(|task| task.standing == miyabi_engine::Standing::Completed);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let summary = SummaryFile {
            phase: state.phase(),
            completed: count(completed.count()),
            total: count(state.tasks.len()),
            updated_at: clock::now(),
        };
        let is_news = self
            .summary
            .as_ref()
            .is_none_or(|last| SummaryFile { updated_at: last.updated_at, ..summary.clone() } != *last);
        if is_news {
            if let Err(error) = self.folder.write_summary(&summary) {
                tracing::warn!(%error, "the run's summary is out of date");
            }
            self.summary = Some(summary);
        }
    }

    /// The report is kept with the run, whoever may ask for it later.
    fn write_reports(&self) {
        for (format, extension) in
            [(ReportFormat::Markdown, "md"), (ReportFormat::Html, "html"), (ReportFormat::Json, "json")]
        {
            let path = self.folder.report(extension);
            let written = self.report(format).and_then(|text| {
                miyabi_protocol::atomic::write(
                    &path,
                    text.as_bytes(),
                    miyabi_protocol::atomic::Durability::Relaxed,
                )
                .map_err(|error| ApiError::new(ErrorCode::Environment, error.to_string()))
            });
            match written {
                Ok(()) if extension == "md" => {
                    self.log.add(&narration::line(clock::now(), &format!("report: {}", path.display())));
                }
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "the report could not be kept"),
            }
        }
    }

    pub(crate) fn report(&self, format: ReportFormat) -> Result<String, ApiError> {
        let entries = self
            .folder
            .entries()
            .map_err(|error| ApiError::new(ErrorCode::Environment, error.to_string()))?;
        Ok(miyabi_report::render(&self.views.now(&self.engine, clock::now()), &entries, format))
    }

    /// Adds a line to the log that no fact tells of.
    pub(crate) fn narrate(&self, text: &str) {
        self.log.add(&narration::line(clock::now(), text));
    }

    fn tell_soon(&mut self) {
        self.tell_at.get_or_insert_with(|| Instant::now() + GATHER);
    }

    pub(crate) fn tell(&mut self) {
        if let Some(until) = self.end_hidden_until.filter(|until| *until > Instant::now()) {
            self.tell_at = Some(until);
            return;
        }
        self.tell_at = None;
        self.write_summary();
        if let Some(patch) = self.views.patch(&self.engine, clock::now()) {
            self.clients.tell_subscribers(&ApiEvent::Changed(Box::new(patch)));
        }
    }
}

/// For how long, in milliseconds, the machine slept between two looks at both clocks.
fn slept(before: (Instant, Timestamp), now: (Instant, Timestamp)) -> Option<i64> {
    let awake = now.0.saturating_duration_since(before.0);
    let millis = now.1.millis_since(before.1) - i64::try_from(awake.as_millis()).ok()?;
    (millis >= i64::try_from(SLEPT_AT_LEAST.as_millis()).ok()?).then_some(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_time_that_the_monotonic_clock_missed_is_a_sleep() {
        let (start, begun) = (Instant::now(), Timestamp::from_millis(1_000_000));
        let after = |awake: u64, wall: i64| {
            slept((start, begun), (start + Duration::from_secs(awake), begun.plus_millis(wall * 1000)))
        };
        assert_eq!(after(3600, 3600), None, "a busy hour");
        assert_eq!(after(5, 3605), Some(3_600_000), "a closed lid");
        assert_eq!(after(5, 12), None, "a clock that was set a little");
        assert_eq!(after(5, -600), None, "a clock that was set back");
    }
}
