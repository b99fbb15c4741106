//! The world as the engine meets it: state folders, helpers, and agents. In virtual time.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_plan::{AgentId, AttemptId, FailureCause, Site, TaskId};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{
    AgentStatus, AttemptSheet, Baseline, Carriage, CheckResult, EvidenceReport, Failure, QueueFile,
    QueueTask, RunOpening, StatusFile, Timestamp,
};

use crate::bodies::{Body, Fate, Work, attempt_in, duration};
use crate::chance::Chance;
use crate::gits::Gits;
use crate::links::{SiteWorld, Who};
use crate::models::{Model, Providers};

/// A queue with some of its entries replaced.
pub(crate) fn update(queue: &mut QueueFile, updated_at: Timestamp, tasks: Vec<QueueTask>) {
    queue.updated_at = Some(updated_at);
    for task in tasks {
        let old = queue.tasks.iter_mut().find(|old| old.task_id == task.task_id);
        *old.expect("only known tasks are updated") = task;
    }
}

/// Something that is going to happen.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A command arrives at the helper.
    Execute(usize, Command),
    /// A commit has come to its end, over this link of a host, or it has not.
    Carried { site: usize, links: u32, backend: u32, carriage: Carriage },
    /// A report arrives at the engine.
    Deliver(usize, Report),
    /// The helper notices that an agent's file changed.
    Look(Who),
    /// The helper notices that the queue changed.
    LookAtQueue(usize),
    /// The helper has made its first full look.
    List(usize),
    /// The backend misses an answer over this link of a host.
    Missed(usize, u32),
    /// The backend reaches a host, if it can be reached.
    Reach(usize),
    /// The last lease of a host's runners is over by their own clock.
    LeaseEnds(usize),
    /// And by ours.
    LeaseOver(usize, u32),
    /// An agent acts.
    Act(Who, u32, Act),
    /// A backend starts on what the one before it left.
    Restart,
    /// Something is done to the run from outside.
    Chaos(Chaos),
}

/// What an agent does.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Rise,
    Crash,
    Notice,
    Begin,
    Ask,
    End,
    Stopped(AttemptId, String),
    Write(Box<StatusFile>),
}

/// What is done from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chaos {
    Order,
    EditQueue,
    KillAgent,
    KillAllRunners,
    WipeFolder,
    Reboot,
    CutLink,
    StrangerAppears,
    Sleep,
    CutHost,
    HalfOpen,
    RebootHost,
    KillHelper,
    Load,
}

pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) now: i64,
    pub(crate) evil: u32,
    pub(crate) files: BTreeMap<Who, StatusFile>,
    pub(crate) bodies: BTreeMap<Who, Body>,
    /// This machine, then the hosts.
    pub(crate) sites: Vec<SiteWorld>,
    /// For how long runners go on without contact, in ms.
    pub(crate) lease: Option<i64>,
    /// The host that agents are on which moved to this machine.
    host_here: String,
    /// What is behind each agent, wherever it is.
    pub(crate) models: BTreeMap<AgentId, Model>,
    /// Attempts of one task that were at work at the same time, the older one first.
    pub(crate) overlaps: Vec<(AttemptId, AttemptId)>,
    pub(crate) trace: bool,
    agenda: BTreeMap<(i64, u64), Happening>,
    planned: u64,
    pub(crate) told: BTreeMap<Who, StatusFile>,
    pub(crate) sheets: BTreeMap<AttemptId, AttemptSheet>,
    pub(crate) providers: Providers,
    /// Every claim to be done, with the number that its writer knew.
    pub(crate) claims: BTreeSet<(AgentId, TaskId, Option<u32>)>,
    honest: BTreeSet<(TaskId, Option<u32>)>,
    /// How often runners of ours began each attempt.
    pub(crate) begun: BTreeMap<AttemptId, u32>,
    /// What no rule allows, found as it happened.
    pub(crate) violations: Vec<String>,
    pub(crate) gits: Gits,
}

impl World {
    pub(crate) fn new(mut chance: Chance, opening: &RunOpening, evil: u32, trace: bool) -> Self {
        let mut site = |site: Site| {
            let slow = *chance.pick(&[0, 5, 50, 3_000]);
            let ahead = if site == Site::Here { 0 } else { chance.within(-600_000..=600_000) };
            SiteWorld::new(site, slow, chance.one_in(2), ahead)
        };
        let sites = opening.sites().into_iter().map(&mut site).collect();
        let mut hosts = opening.plan.hosts.iter().map(|host| &host.id);
        let here = hosts.find(|host| opening.site(host) == Site::Here);
        let host_here = here.map_or_else(|| "local".to_owned(), ToString::to_string);
        let lease = opening.plan.failover.lease_seconds().map(|seconds| i64::from(seconds) * 1000);
        let providers = Providers::new(&mut chance);
        Self {
            chance,
            now: 0,
            evil,
            files: BTreeMap::new(),
            bodies: BTreeMap::new(),
            sites,
            lease,
            host_here,
            models: BTreeMap::new(),
            overlaps: Vec::new(),
            trace,
            agenda: BTreeMap::new(),
            planned: 0,
            told: BTreeMap::new(),
            sheets: BTreeMap::new(),
            providers,
            claims: BTreeSet::new(),
            honest: BTreeSet::new(),
            begun: BTreeMap::new(),
            violations: Vec::new(),
            gits: Gits::new(),
        }
    }

    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.trace {
            println!(
                "{:>10.3} {}",
                std::time::Duration::from_millis(self.now.unsigned_abs()).as_secs_f64(),
                what()
            );
        }
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    /// The time by a site's own clock.
    fn time_at(&self, site: usize) -> Timestamp {
        Timestamp::from_millis(self.now + self.sites[site].clock_ahead)
    }

    pub(crate) fn plan(&mut self, after: i64, what: Happening) {
        self.planned += 1;
        self.agenda.insert((self.now + after, self.planned), what);
    }

    pub(crate) fn next_at(&self) -> Option<i64> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn pop(&mut self) -> Option<Happening> {
        let ((at, _), what) = self.agenda.pop_first()?;
        self.now = self.now.max(at);
        Some(what)
    }

    /// The machine sleeps: nothing happens in that time.
    pub(crate) fn sleep(&mut self, millis: i64) {
        let agenda = std::mem::take(&mut self.agenda);
        self.agenda = agenda.into_iter().map(|((at, order), what)| ((at + millis, order), what)).collect();
        self.now += millis;
        self.sites.iter_mut().for_each(|site| site.sleep(millis));
    }

    /// What is going to happen, taken out to be put back.
    pub(crate) fn take_agenda(&mut self) -> BTreeMap<(i64, u64), Happening> {
        std::mem::take(&mut self.agenda)
    }

    pub(crate) fn put_back(&mut self, at: (i64, u64), what: Happening) {
        self.agenda.insert(at, what);
    }

    // The helper.

    pub(crate) fn execute(&mut self, site: usize, command: Command) {
        match command {
            Command::WriteQueue { queue } => self.write_queue(site, queue),
            Command::UpdateQueue { updated_at, tasks } => self.update_queue(site, updated_at, tasks),
            Command::EnsureAgent { agent, ours: true, .. } => {
                let who = (site, agent);
                self.settle_down(&who);
                let after = self.chance.within(5..=200);
                let life = self.bodies[&who].life;
                self.plan_act(after, &who, life, Act::Rise);
            }
            Command::Offer { sheet, status } => self.execute_offer(site, *sheet, status),
            Command::WriteStatus { agent, status } => {
                let who = (site, agent);
                self.settle_down(&who);
                self.execute_write(&who, status);
            }
            Command::StopAttempt { agent, attempt, reason } => {
                let who = (site, agent);
                let Some(body) = self.bodies.get(&who) else { return };
                let (life, after) = (body.life, self.chance.within(0..=5_000));
                self.plan_act(after, &who, life, Act::Stopped(attempt, reason));
            }
            Command::CheckEvidence { sheet, .. } => self.check_evidence(site, &sheet),
            Command::Answer { agent, attempt, request, answer } => {
                self.answered(&(site, agent), &attempt, &request, &answer);
            }
            Command::MakeTree { order } => self.make_tree(site, &order),
            Command::KeepWork { tree, signature } if self.is_at_attempt(site, &signature.attempt) => {
                self.plan(1_000, Happening::Execute(site, Command::KeepWork { tree, signature }));
            }
            Command::KeepWork { tree, signature } => self.keep_tree(site, &signature.attempt, &tree),
            Command::MergeHeads { task, heads, .. } => self.merge_heads(task, &heads),
            Command::TakeCommit { task, holds, .. } => self.take_commit(task, &holds),
            Command::Verify { .. } => self.verify(),
            Command::LookAtTrees { trees } => self.look_at_trees(site, &trees),
            _ => {}
        }
    }

    /// An agent of ours that moved here is run here.
    fn settle_down(&mut self, who: &Who) {
        if self.bodies.contains_key(who) {
            return;
        }
        let mut body = Body::new(true, self.evil, &mut self.chance);
        body.model = self.models.get(&who.1).cloned();
        if let Some(model) = &mut body.model {
            model.host.clone_from(&self.host_here);
        }
        self.bodies.insert(who.clone(), body);
    }

    fn write_queue(&mut self, site: usize, queue: QueueFile) {
        let own = &mut self.sites[site];
        own.queue_commanded = Some(queue.clone());
        own.queue_written = Some(queue.clone());
        own.queue = Some(queue);
    }

    fn update_queue(&mut self, site: usize, updated_at: Timestamp, tasks: Vec<QueueTask>) {
        let Some(mut queue) = self.sites[site].queue_commanded.take() else {
            self.violations.push("a queue is updated that this helper never had".to_owned());
            return;
        };
        update(&mut queue, updated_at, tasks);
        self.write_queue(site, queue);
    }

    fn execute_offer(&mut self, site: usize, sheet: AttemptSheet, status: StatusFile) {
        let agent = (site, sheet.agent.clone());
        self.settle_down(&agent);
        if self.bodies[&agent].ours && !self.bodies[&agent].alive {
            self.rise(&agent);
            if !self.bodies[&agent].alive {
                return;
            }
        }
        if self.is_kept_by_agent(&agent) {
            self.tell_again(&agent);
            return;
        }
        let attempt = sheet.attempt.clone();
        if let Some(earlier) = self.sheets.insert(attempt.clone(), sheet)
            && earlier.agent != agent.1
        {
            self.violations
                .push(format!("{attempt} is offered to {} and was offered to {}", agent.1, earlier.agent));
        }
        self.helper_writes(&agent, status);
        self.report(site, Report::Offered { attempt, baseline: Baseline::new() });
    }

    fn execute_write(&mut self, agent: &Who, status: StatusFile) {
        let refused = match status.status {
            AgentStatus::Idle => self.is_kept_by_agent(agent),
            _ => self.files.contains_key(agent),
        };
        match refused {
            true => self.tell_again(agent),
            false => self.helper_writes(agent, status),
        }
    }

    /// IN_PROGRESS of an agent that may be alive is the agent's.
    fn is_kept_by_agent(&self, agent: &Who) -> bool {
        let body = &self.bodies[agent];
        let in_progress = self.files.get(agent).is_some_and(|file| file.status == AgentStatus::InProgress);
        in_progress && (!body.ours || body.is_at_work())
    }

    fn tell_again(&mut self, agent: &Who) {
        if let Some(status) = self.files.get(agent).cloned() {
            self.told.insert(agent.clone(), status.clone());
            self.report(agent.0, Report::Status { agent: agent.1.clone(), status });
        }
    }

    fn helper_writes(&mut self, agent: &Who, status: StatusFile) {
        if !self.sites[agent.0].echoes {
            self.told.insert(agent.clone(), status.clone());
        }
        self.write(agent, status);
    }

    pub(crate) fn look(&mut self, agent: Who) {
        if !self.sites[agent.0].link_is_up || self.told.get(&agent) == self.files.get(&agent) {
            return;
        }
        let report = match self.files.get(&agent).cloned() {
            Some(status) => {
                self.told.insert(agent.clone(), status.clone());
                Report::Status { agent: agent.1, status }
            }
            None => {
                self.told.remove(&agent);
                Report::StatusGone { agent: agent.1 }
            }
        };
        self.report(agent.0, report);
    }

    pub(crate) fn look_at_queue(&mut self, site: usize) {
        let own = &mut self.sites[site];
        if own.link_is_up && own.queue != own.queue_written {
            own.queue_written.clone_from(&own.queue);
            let queue = own.queue.clone();
            self.report(site, Report::QueueEdited { queue });
        }
    }

    fn check_evidence(&mut self, site: usize, sheet: &AttemptSheet) {
        let attempt = &sheet.attempt;
        let holds = [Some(attempt.number), None]
            .into_iter()
            .any(|n| self.honest.contains(&(attempt.task.clone(), n)));
        let mut report = EvidenceReport::default();
        if !holds && !sheet.outputs.is_empty() && self.chance.one_in(2) {
            report.missing.clone_from(&sheet.outputs);
        } else if !holds {
            let ended = "exit code 1".to_owned();
            report.checks.push(CheckResult {
                run: vec!["check".to_owned()],
                passed: false,
                ended,
                millis: 1,
                tail: String::new(),
                ..Default::default()
            });
        }
        report.work = self.commit_work(site, sheet, holds);
        let after = self.chance.within(0..=3_000);
        self.report_after(site, after, Report::Evidence { attempt: attempt.clone(), report });
    }

    // The folder.

    fn write(&mut self, agent: &Who, status: StatusFile) {
        self.say(|| {
            format!(
                "  {agent:?}'s file: {:?} {:?}",
                status.status,
                attempt_in(&status).map(|a| a.to_string())
            )
        });
        self.files.insert(agent.clone(), status);
        self.changed(agent);
    }

    fn changed(&mut self, agent: &Who) {
        let after = self.chance.within(0..=30);
        self.plan(after, Happening::Look(agent.clone()));
        self.notice_soon(agent);
    }

    pub(crate) fn notice_soon(&mut self, agent: &Who) {
        let Some(body) = self.bodies.get(agent) else { return };
        let (life, poll) = (body.life, body.habits.poll);
        let after = self.chance.within(0..=poll);
        self.plan(after, Happening::Act(agent.clone(), life, Act::Notice));
    }

    pub(crate) fn wipe(&mut self, site: usize) {
        self.sites[site].queue = None;
        let agents: Vec<Who> = self.files.keys().filter(|(at, _)| *at == site).cloned().collect();
        for agent in agents {
            self.files.remove(&agent);
            self.changed(&agent);
            let body = &self.bodies[&agent];
            let life = body.life;
            // A living runner writes its own file again.
            let again = match body.is_at_work() {
                true if body.ours => body.work.as_ref().map(|work| in_progress(&work.offer)),
                _ => body.unacknowledged.clone(),
            };
            if let (true, Some(file)) = (body.ours && body.alive, again) {
                let after = self.chance.within(0..=300);
                self.plan(after, Happening::Act(agent, life, Act::Write(Box::new(file))));
            }
        }
        self.plan(10, Happening::LookAtQueue(site));
    }

    // The agents.

    pub(crate) fn die(&mut self, agent: &Who, how: &str) {
        let Some(body) = self.bodies.get_mut(agent).filter(|body| body.alive) else { return };
        (body.alive, body.work, body.unacknowledged) = (false, None, None);
        body.life += 1;
        let (ours, life) = (body.ours, body.life);
        self.say(|| format!("  {agent:?} dies"));
        if ours {
            // Its last words may be read before or after.
            let early = self.chance.one_in(2);
            if !early {
                self.look(agent.clone());
            }
            self.report(agent.0, Report::RunnerGone { agent: agent.1.clone(), how: how.to_owned() });
        } else if !self.chance.one_in(3) {
            let after = self.chance.within(1_000..=60_000);
            self.plan(after, Happening::Act(agent.clone(), life, Act::Rise));
        }
    }

    fn rise(&mut self, agent: &Who) {
        let Some(body) = self.bodies.get_mut(agent).filter(|body| !body.alive) else { return };
        if body.habits.cannot_start > 0 {
            body.habits.cannot_start -= 1;
            let message = format!("no window for {}", agent.1);
            self.report(agent.0, Report::AgentProblem { agent: agent.1.clone(), message });
            return;
        }
        body.alive = true;
        if body.ours {
            let pid = body.life;
            let crashes = body.habits.crashes > 0;
            body.habits.crashes -= u32::from(crashes && body.habits.crashes != u32::MAX);
            if crashes {
                let after = self.chance.within(0..=100);
                self.plan(after, Happening::Act(agent.clone(), pid, Act::Crash));
            }
            self.report(agent.0, Report::RunnerUp { agent: agent.1.clone(), pid, attempt: None });
            self.notice_soon(agent);
        } else {
            let idle = StatusFile::idle(&agent.1, self.time_at(agent.0));
            self.write(agent, idle);
        }
    }

    pub(crate) fn act(&mut self, agent: &Who, life: u32, act: Act) {
        if self.bodies.get(agent).is_none_or(|body| body.life != life) {
            return;
        }
        match act {
            Act::Rise => self.rise(agent),
            Act::Crash => self.die(agent, "exit code 101"),
            Act::Notice => self.notice(agent),
            Act::Begin => self.begin(agent),
            Act::Ask => self.ask(agent),
            Act::End => self.end(agent),
            Act::Stopped(attempt, reason) => self.stopped(agent, &attempt, reason),
            Act::Write(file) => self.write_again(agent, *file),
        }
    }

    fn notice(&mut self, agent: &Who) {
        let Some(file) = self.files.get(agent).cloned() else { return };
        let has_lease = self.has_lease(agent.0);
        let Some(body) = self.bodies.get_mut(agent).filter(|body| body.alive && body.work.is_none()) else {
            return;
        };
        if matches!(file.status, AgentStatus::Idle | AgentStatus::Busy) {
            body.unacknowledged = None;
        }
        if file.status != AgentStatus::Busy || (body.ours && !has_lease) {
            return;
        }
        if body.habits.ignores > 0 {
            body.habits.ignores -= u32::from(body.habits.ignores != u32::MAX);
            return;
        }
        if body.habits.falls_back > 0 {
            body.habits.falls_back -= 1;
            let idle = StatusFile::idle(&agent.1, self.time_at(agent.0));
            self.write(agent, idle);
            return;
        }
        let fate = body.choose_fate(&mut self.chance);
        let (life, dawdles) = (body.life, body.habits.dawdles);
        body.work = Some(Work {
            offer: file,
            begun: false,
            fate,
            doom: None,
            asks: Vec::new(),
            ends_when_answered: false,
        });
        let after = self.chance.within(0..=dawdles);
        self.plan(after, Happening::Act(agent.clone(), life, Act::Begin));
    }

    fn begin(&mut self, agent: &Who) {
        let has_lease = self.has_lease(agent.0);
        if let Some(body) = self.bodies.get_mut(agent).filter(|body| body.ours && !has_lease) {
            body.work = None;
            return;
        }
        self.look_for_overlaps(agent);
        let Some(body) = self.bodies.get_mut(agent) else { return };
        let (ours, life, keeps) = (body.ours, body.life, body.habits.keeps_stamp);
        let Some(work) = body.work.as_mut() else { return };
        work.begun = true;
        let (mut file, fate, attempt) = (in_progress(&work.offer), work.fate, work.attempt());
        if !keeps {
            file.miyabi = None;
        }
        let model = self.bodies.get(agent).and_then(|body| body.model.clone());
        let (is_model, doom) = (model.is_some(), model.as_ref().and_then(|model| self.doom(model)));
        if let (Some(model), Some(attempt)) = (&model, &attempt) {
            self.enter_session(attempt, model, &mut file);
        }
        if let Some(work) = self.bodies.get_mut(agent).and_then(|body| body.work.as_mut()) {
            work.doom = doom;
        }
        if let Some(attempt) = attempt.clone().filter(|_| ours) {
            *self.begun.entry(attempt.clone()).or_insert(0) += 1;
            self.report(
                agent.0,
                Report::RunnerUp { agent: agent.1.clone(), pid: life, attempt: Some(attempt) },
            );
        }
        self.say(|| format!("  {agent:?} begins, and will be {fate:?}"));
        if fate != Fate::Silent {
            self.write(agent, file);
        }
        let sheet = attempt.and_then(|attempt| self.sheets.get(&attempt));
        let mut after = duration(fate, sheet, &mut self.chance);
        if doom.is_some() {
            after = self.chance.within(0..=3_000);
        } else if is_model && self.chance.one_in(4) {
            let soon = self.chance.within(0..=after);
            self.plan(soon, Happening::Act(agent.clone(), life, Act::Ask));
        }
        if fate != Fate::Hangs {
            self.plan(after, Happening::Act(agent.clone(), life, Act::End));
        }
    }

    fn end(&mut self, agent: &Who) {
        let Some(body) = self.bodies.get_mut(agent) else { return };
        let (ours, life, keeps) = (body.ours, body.life, body.habits.keeps_stamp);
        if let Some(work) = body.work.as_mut().filter(|work| !work.asks.is_empty()) {
            work.ends_when_answered = true;
            return;
        }
        let model = body.model.clone();
        let Some(work) = body.work.take() else { return };
        let mut done = StatusFile { status: AgentStatus::Completed, progress: 1.0, ..work.offer.clone() };
        let mut failed =
            StatusFile { status: AgentStatus::Failed, errors: vec!["no".to_owned()], ..work.offer.clone() };
        if !keeps {
            (done.miyabi, failed.miyabi) = (None, None);
        }
        let settled = model.map(|model| self.settle_model(&model, &work, work.fate == Fate::Fails));
        if let Some((stamp, _)) = &settled {
            (done.miyabi, failed.miyabi) = (Some(stamp.clone()), Some(stamp.clone()));
        }
        let first = match work.fate {
            _ if settled.as_ref().is_some_and(|(_, failure)| failure.is_some()) => failed,
            Fate::Dies => {
                self.die(agent, "killed by signal 9");
                return;
            }
            Fate::GivesUp => StatusFile::idle(&agent.1, self.time_at(agent.0)),
            Fate::Fails | Fate::Wavers => failed,
            _ => done.clone(),
        };
        if first.status == AgentStatus::Completed {
            self.claims_done(agent, &work, &first);
        }
        if ours {
            self.bodies.get_mut(agent).expect("it just ended").unacknowledged = Some(first.clone());
            self.report(agent.0, Report::RunnerUp { agent: agent.1.clone(), pid: life, attempt: None });
        }
        self.write(agent, first);
        if matches!(work.fate, Fate::Twice | Fate::Wavers | Fate::Restless) {
            let after = self.chance.within(0..=40_000);
            if work.fate == Fate::Restless {
                let file = in_progress(&done);
                self.plan(after / 2, Happening::Act(agent.clone(), life, Act::Write(Box::new(file))));
            }
            self.claims_done(agent, &work, &done);
            self.plan(after, Happening::Act(agent.clone(), life, Act::Write(Box::new(done))));
        }
    }

    fn claims_done(&mut self, agent: &Who, work: &Work, file: &StatusFile) {
        let Some(attempt) = work.attempt() else { return };
        let number = file.miyabi.as_ref().map(|stamp| stamp.attempt);
        self.claims.insert((agent.1.clone(), attempt.task.clone(), number));
        if work.fate != Fate::Lies {
            self.honest.insert((attempt.task, number));
        }
    }

    pub(crate) fn stopped(&mut self, agent: &Who, attempt: &AttemptId, reason: String) {
        let Some(body) = self.bodies.get_mut(agent) else { return };
        let life = body.life;
        let is_at_it =
            body.work.as_ref().is_some_and(|work| work.begun && work.attempt().as_ref() == Some(attempt));
        if !is_at_it {
            return;
        }
        let Some(work) = body.work.take() else { return };
        let mut file = StatusFile { status: AgentStatus::Failed, errors: vec![reason], ..work.offer };
        if let Some(stamp) = file.miyabi.as_mut().filter(|_| file.errors[0] == "its lease is over") {
            stamp.failure = Some(Failure { cause: FailureCause::HostLost, until: None });
        }
        body.unacknowledged = Some(file.clone());
        // What it planned to do does not happen any more.
        body.life = life + 1;
        self.report(agent.0, Report::RunnerUp { agent: agent.1.clone(), pid: life + 1, attempt: None });
        self.write(agent, file);
    }

    /// Notes the attempts of the same task that other runners of ours are at.
    fn look_for_overlaps(&mut self, agent: &Who) {
        let attempt = |body: &Body| body.work.as_ref().and_then(Work::attempt);
        let Some(own) = self.bodies.get(agent).and_then(attempt) else { return };
        let others = self.bodies.iter().filter(|(who, body)| *who != agent && body.ours && body.is_at_work());
        let others = others.filter_map(|(_, body)| attempt(body));
        let older: Vec<AttemptId> = others.filter(|other| other.task == own.task).collect();
        self.overlaps.extend(older.into_iter().map(|older| (older, own.clone())));
    }

    fn write_again(&mut self, agent: &Who, file: StatusFile) {
        let body = &self.bodies[agent];
        if body.ours {
            let still = body.runner_attempt().is_some() || body.unacknowledged.is_some();
            if !still || self.files.contains_key(agent) {
                return;
            }
        }
        self.write(agent, file);
    }
}

fn in_progress(offer: &StatusFile) -> StatusFile {
    StatusFile { status: AgentStatus::InProgress, progress: 0.1, errors: Vec::new(), ..offer.clone() }
}
