//! The core: one event in, facts and effects out. It does no IO and has no clock.

mod account;
mod approval;
mod budget;
mod carrying;
mod elsewhere;
mod ending;
mod fallback;
mod finish;
mod hosts;
mod listed;
mod merging;
mod order;
mod overlap;
mod places;
mod prompt;
mod reports;
mod resume;
mod review;
mod room;
mod say;
mod schedule;
mod seen;
mod sheet;
mod stamp;
mod status;
mod timers;
mod trees;
mod verdict;
mod waiting;

use miyabi_plan::{AgentId, AttemptId, Site, TaskId, WaitReason};
use miyabi_protocol::link::Command;
use miyabi_protocol::{AgentStatus, Carriage, QueueTask, RunOpening, StatusFile, Timestamp};

pub use order::OrderError;
pub use seen::AgentSeen;

use crate::Effect;
use crate::event::{Event, Order};
use crate::fact::{Entry, Fact, NoteKind};
use crate::projection::{queue_file, refresh};
use crate::state::RunState;
use places::Places;
use schedule::Precedence;
use seen::Seen;

/// What came of an event. The facts must be on the disk before the first effect is carried out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// To be journaled, in order.
    pub facts: Vec<Entry>,
    /// To be carried out, in order.
    pub effects: Vec<Effect>,
}

/// A rule left out on purpose, so that the simulator can show that it notices.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakening {
    /// Claims count whatever attempt they are of.
    IgnoreAttemptIds,
    /// Tasks start before their needs are met.
    IgnoreNeeds,
    /// Agents begin while their account rests.
    IgnoreRests,
    /// Agents begin when there is nothing left to spend.
    IgnoreBudgets,
    /// What runs on a lost host is run elsewhere before its leases are over.
    IgnoreLeases,
    /// What a host that was given up claims is taken.
    TakeLateClaims,
    /// A task counts as done before its work has come to this machine.
    ReleaseBeforeCarried,
}

/// A run in the making.
#[derive(Debug, Clone)]
pub struct Engine {
    state: RunState,
    seen: Seen,
    places: Places,
    precedence: Precedence,
    now: Timestamp,
    next_seq: u64,
    /// The queue as every helper has it that has one.
    queue: Vec<QueueTask>,
    queue_may_differ: bool,
    last_note: Option<(NoteKind, Option<AgentId>, String)>,
    is_stopped: bool,
    quiet_since: Option<Timestamp>,
    weakening: Option<Weakening>,
    out: Outbox,
}

/// A command, and the index of its site.
type ToSite = (usize, Command);

/// Commands by what must come first at each site: stops, the queue, acknowledgements, words to agents at work,
/// runners, trees and merges, offers, checks.
/// The files come before the runners, so that a new runner never finds an offer that was taken
/// back from the one before it.
#[derive(Debug, Clone, Default)]
struct Outbox {
    facts: Vec<Entry>,
    stops: Vec<ToSite>,
    statuses: Vec<ToSite>,
    words: Vec<ToSite>,
    ensures: Vec<ToSite>,
    works: Vec<ToSite>,
    offers: Vec<ToSite>,
    checks: Vec<ToSite>,
    carriages: Vec<Carriage>,
}

impl Engine {
    /// Opens a run.
    #[must_use]
    pub fn open(opening: RunOpening, now: Timestamp) -> (Self, Step) {
        let fact = Fact::Opened { opening: Box::new(opening.clone()) };
        let mut engine = Self::over(RunState::open(opening, now), now, 1);
        engine.decide(fact);
        let step = engine.finish();
        (engine, step)
    }

    /// Takes a run up again from its journal. None when the journal does not begin with an opening.
    #[must_use]
    pub fn replay(entries: &[Entry]) -> Option<Self> {
        let (first, rest) = entries.split_first()?;
        let Fact::Opened { opening } = &first.fact else { return None };
        let mut state = RunState::open((**opening).clone(), first.at);
        for entry in rest {
            state.apply(&entry.fact, entry.at);
        }
        let last = entries.last().unwrap_or(first);
        Some(Self::over(state, last.at, last.seq + 1))
    }

    fn over(state: RunState, now: Timestamp, next_seq: u64) -> Self {
        let places = Places::of(&state);
        Self {
            seen: Seen::nothing(state.agents.len(), places.count()),
            places,
            precedence: Precedence::of(&state),
            state,
            now,
            next_seq,
            queue: Vec::new(),
            queue_may_differ: false,
            last_note: None,
            is_stopped: false,
            quiet_since: None,
            weakening: None,
            out: Outbox::default(),
        }
    }

    /// Leaves a rule out. For the simulator's proof that it notices; never used by the program.
    #[doc(hidden)]
    #[must_use]
    pub fn weakened(mut self, weakening: Weakening) -> Self {
        self.weakening = Some(weakening);
        self
    }

    /// The run as it was decided so far.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// What was last seen of an agent; never journaled.
    #[must_use]
    pub fn seen(&self, agent: &AgentId) -> Option<&AgentSeen> {
        self.state.agent_index(agent).map(|index| &self.seen.agents[index])
    }

    /// Whether a site's helper answers and has shown all that is there.
    #[must_use]
    pub fn is_reached(&self, site: &Site) -> bool {
        self.places.index(site).is_some_and(|site| self.is_listed(site))
    }

    /// Whether a task is under way on another machine of which nothing is known now.
    #[must_use]
    pub fn is_unverified(&self, task: &TaskId) -> bool {
        self.state.task_index(task).is_some_and(|task| self.is_unverified_task(task))
    }

    /// Why a task does not run; empty when it runs or has ended.
    #[must_use]
    pub fn waiting(&self, task: usize) -> Vec<WaitReason> {
        self.wait_reasons(task)
    }

    /// A backend took the run over.
    pub fn backend_started(&mut self, now: Timestamp) -> Step {
        self.advance(now);
        self.decide(Fact::BackendStarted { epoch: self.state.epoch + 1 });
        self.finish()
    }

    /// Takes one event in.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Step {
        self.advance(now);
        if self.is_stopped {
            return Step::default();
        }
        match event {
            Event::Reported { site, report } => {
                if let Some(site) = self.places.index(&site) {
                    self.on_report(site, report);
                }
            }
            Event::LinkDown { site, why } => {
                if let Some(site) = self.places.index(&site) {
                    self.on_link_down(site, why);
                }
            }
            Event::LeaseOver { host } => self.on_lease_over(&host),
            Event::Carried { carriage, problem } => self.on_carried(&carriage, problem),
            Event::Tick => {}
            Event::Slept { millis } => self.on_slept(millis),
        }
        self.settle();
        self.finish()
    }

    /// Takes a person's order in.
    ///
    /// # Errors
    /// [`OrderError`] when it does not fit; nothing is changed then.
    pub fn order(&mut self, now: Timestamp, order: Order) -> Result<Step, OrderError> {
        self.advance(now);
        if self.is_stopped {
            return Err(OrderError::DoesNotFit("the run is being stopped".to_owned()));
        }
        self.on_order(order)?;
        self.settle();
        Ok(self.finish())
    }

    /// When [`Event::Tick`] is due next, if no other event comes before.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.next_timer()
    }

    /// A clock that was set back does not set the run back.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    fn settle(&mut self) {
        if self.is_stopped {
            return;
        }
        self.carry_out_giving_up();
        self.expire_timers();
        self.move_work();
        self.schedule();
        self.move_work();
        self.look_for_the_end();
    }

    /// Has all work brought to where it is wanted.
    fn move_work(&mut self) {
        if self.state.git().is_none() {
            return;
        }
        self.keep_work();
        self.merge_work();
        self.prepare_trees();
        self.look_at_trees();
    }

    fn decide(&mut self, fact: Fact) {
        self.state.apply(&fact, self.now);
        if matches!(fact, Fact::TaskAdded { .. }) {
            self.precedence = Precedence::of(&self.state);
            // Helpers only bring up to date the entries that they have.
            self.seen.sites.iter_mut().for_each(|site| site.queue_is_written = false);
        }
        self.queue_may_differ |= changes_queue(&fact);
        if matches!(fact, Fact::AgentJoined { .. } | Fact::AgentMoved { .. }) {
            self.seen.agents.resize_with(self.state.agents.len(), AgentSeen::default);
            self.places.find_agents(&self.state);
        }
        self.out.facts.push(Entry { seq: self.next_seq, at: self.now, fact });
        self.next_seq += 1;
    }

    fn finish(&mut self) -> Step {
        let queue = self.queues_if_changed();
        let out = std::mem::take(&mut self.out);
        let commands = out.stops.into_iter().chain(queue).chain(out.statuses).chain(out.words);
        let commands = commands.chain(out.ensures).chain(out.works).chain(out.offers).chain(out.checks);
        // A site that cannot be reached is told nothing: what it has to know is found out when it is back.
        let sent = commands.filter(|(site, _)| self.is_listed(*site));
        let effects =
            sent.map(|(site, command)| Effect::Send { site: self.places.site(site).clone(), command });
        let carried = out.carriages.into_iter().map(Effect::Carry);
        Step { facts: out.facts, effects: effects.chain(carried).collect() }
    }

    /// The queue goes to every site that is reached: all of it at first, then what changed.
    fn queues_if_changed(&mut self) -> Vec<ToSite> {
        let listed: Vec<usize> = (0..self.places.count()).filter(|site| self.is_listed(*site)).collect();
        let is_new = |site: &usize| !self.seen.sites[*site].queue_is_written;
        let (new, known): (Vec<usize>, Vec<usize>) = listed.into_iter().partition(is_new);
        let mut commands = Vec::new();
        // Those who have one have the last one, which is brought up to date before it is sent to others.
        if !known.is_empty() && self.queue_may_differ {
            let tasks = refresh(&mut self.queue, &self.state);
            if !tasks.is_empty() {
                let update =
                    |site| (site, Command::UpdateQueue { updated_at: self.now, tasks: tasks.clone() });
                commands.extend(known.iter().map(|site| update(*site)));
            }
        }
        if !new.is_empty() {
            let queue = queue_file(&self.state, self.now);
            self.queue.clone_from(&queue.tasks);
            for site in &new {
                self.seen.sites[*site].queue_is_written = true;
                commands.push((*site, Command::WriteQueue { queue: queue.clone() }));
            }
        }
        if !(new.is_empty() && known.is_empty()) {
            self.queue_may_differ = false;
        }
        commands
    }

    /// Writes an agent's file and takes it as seen: frames arrive in order.
    fn write_status(&mut self, agent: usize, status: StatusFile) {
        let site = self.places.of_agent(agent);
        if !self.is_listed(site) {
            return;
        }
        let seen = &mut self.seen.agents[agent];
        seen.status = Some(status.status);
        seen.progress = status.progress;
        let agent = self.state.agents[agent].id.clone();
        self.out.statuses.push((site, Command::WriteStatus { agent, status }));
    }

    fn write_idle(&mut self, agent: usize) {
        self.seen.agents[agent].activity = None;
        self.seen.agents[agent].idle_written_at = Some(self.now);
        let idle = StatusFile::idle(&self.state.agents[agent].id, self.now);
        self.write_status(agent, idle);
    }

    /// Acknowledges an end. An agent that shows IN_PROGRESS after its end is at something again:
    /// its file is its own until it shows another end.
    fn release(&mut self, agent: usize) {
        if self.seen.agents[agent].status == Some(AgentStatus::InProgress) {
            self.decide(Fact::DrainBegan { agent: self.state.agents[agent].id.clone() });
        } else {
            self.write_idle(agent);
        }
    }

    fn stop_runner(&mut self, agent: usize, attempt: &AttemptId, reason: &str) {
        let site = self.places.of_agent(agent);
        let agent = &self.state.agents[agent];
        if agent.is_ours() {
            let stop = Command::StopAttempt {
                agent: agent.id.clone(),
                attempt: attempt.clone(),
                reason: reason.to_owned(),
            };
            self.out.stops.push((site, stop));
        }
    }
}

/// Whether a decision shows in `task_queue.json`.
fn changes_queue(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Assigned { .. }
            | Fact::Withdrawn { .. }
            | Fact::Completed { .. }
            | Fact::AttemptFailed { .. }
            | Fact::Reassigned { .. }
            | Fact::Retried { .. }
            | Fact::TaskCancelled { .. }
            | Fact::TaskAdded { .. }
            | Fact::CommitTaken { .. }
            | Fact::ReviewAsked { .. }
            | Fact::SentBack { .. }
    )
}
