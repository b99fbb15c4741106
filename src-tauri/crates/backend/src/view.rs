//! The run as clients see it, and what of it changed since they were last told.

use std::borrow::Cow;

use miyabi_api::{
    AgentView, Notice, PreviewAbout, RunPatch, RunSnapshot, RunView, StandInView, TaskView, UsageView,
    preview,
};
use miyabi_engine::state::LostRunner;
use miyabi_engine::{AttemptPhase, BudgetOf, Engine, RunState, Standing};
use miyabi_plan::policy::STAND_IN_PERCENT;
use miyabi_plan::{AgentId, HostId, Kind, RunnerKind, Usd};
use miyabi_protocol::{RunOpening, Timestamp};

use crate::host_views::HostsSeen;
use crate::inbox::InboxMaker;
use crate::task_views::task_view;
use crate::work_views;

/// Makes snapshots and patches. The plan's part of a view is made once, and anew when a task was added.
#[derive(Debug)]
pub(crate) struct Views {
    planned: Planned,
    shown: RunSnapshot,
    notices: Vec<Notice>,
    notices_shown: usize,
    /// What was last seen of the sites.
    pub(crate) hosts: HostsSeen,
}

/// What the plan says, drawn.
#[derive(Debug, Clone)]
struct Planned {
    drawn: RunSnapshot,
    inbox: std::sync::Arc<InboxMaker>,
}

impl Planned {
    fn of(opening: &RunOpening) -> Self {
        let about = PreviewAbout {
            work_folder: opening.work_folder.clone(),
            state_dir: opening.state_dir.clone(),
            session: opening.session.clone(),
            rehearse: opening.rehearse,
            now: opening.created_at,
        };
        let mut drawn = preview(&opening.plan, opening.choice, &about);
        drawn.run.run_id.clone_from(&opening.run_id);
        Self { drawn, inbox: std::sync::Arc::new(InboxMaker::new(opening)) }
    }
}

impl Views {
    pub(crate) fn new(opening: &RunOpening) -> Self {
        let planned = Planned::of(opening);
        Self {
            shown: planned.drawn.clone(),
            planned,
            notices: Vec::new(),
            notices_shown: 0,
            hosts: HostsSeen::default(),
        }
    }

    /// What the plan says, with the tasks that were added to it.
    fn planned(&self, state: &RunState) -> Cow<'_, Planned> {
        if self.planned.drawn.tasks.len() == state.tasks.len() {
            Cow::Borrowed(&self.planned)
        } else {
            Cow::Owned(Planned::of(&state.opening))
        }
    }

    pub(crate) fn add_notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// The whole run, as of the last patch.
    pub(crate) fn snapshot(&self) -> RunSnapshot {
        RunSnapshot { notices: self.notices[..self.notices_shown].to_vec(), ..self.shown.clone() }
    }

    /// The whole run as it is at this moment.
    pub(crate) fn now(&self, engine: &Engine, now: Timestamp) -> RunSnapshot {
        RunSnapshot { notices: self.notices.clone(), ..self.draw(engine, now) }
    }

    /// What changed since the last patch; none when nothing did.
    pub(crate) fn patch(&mut self, engine: &Engine, now: Timestamp) -> Option<RunPatch> {
        if let Cow::Owned(planned) = self.planned(engine.state()) {
            self.planned = planned;
        }
        let next = self.draw(engine, now);
        let tasks = changed(&self.shown.tasks, &next.tasks);
        let agents = changed(&self.shown.agents, &next.agents);
        let hosts = changed(&self.shown.hosts, &next.hosts);
        let notices = self.notices[self.notices_shown..].to_vec();
        let inbox = (self.shown.inbox != next.inbox).then(|| next.inbox.clone());
        let same_run = miyabi_api::RunView { now: next.run.now, ..self.shown.run.clone() } == next.run;
        if same_run
            && tasks.is_empty()
            && agents.is_empty()
            && hosts.is_empty()
            && notices.is_empty()
            && inbox.is_none()
        {
            return None;
        }
        let revision = self.shown.revision + 1;
        let run = next.run.clone();
        self.shown = RunSnapshot { revision, ..next };
        self.notices_shown = self.notices.len();
        Some(RunPatch { revision, run, tasks, agents, hosts, inbox, notices })
    }

    fn draw(&self, engine: &Engine, now: Timestamp) -> RunSnapshot {
        let state = engine.state();
        let planned = self.planned(state);
        let plan = &planned.drawn;
        let tasks: Vec<TaskView> =
            plan.tasks.iter().enumerate().map(|(index, plan)| task_view(plan, engine, index)).collect();
        let agents: Vec<AgentView> =
            (0..state.agents.len()).map(|index| self.agent_view(plan, engine, index, now)).collect();
        let hosts = plan.hosts.iter().map(|host| self.hosts.view(state, host)).collect();
        let mut run = plan.run.clone();
        run.phase = state.phase();
        run.started_at = Some(state.opened_at);
        run.ended_at = state.ended.map(|(_, at)| at);
        run.now = now;
        run.completed = count(state.tasks.iter().filter(|task| task.standing == Standing::Completed));
        run.failed = count(state.tasks.iter().filter(|task| matches!(task.standing, Standing::Failed)));
        run.running = count(state.agents.iter().filter(|agent| agent.current.is_some()));
        run.progress = progress(&tasks);
        run.stuck.clone_from(&state.stuck);
        run.usage = state.usage().into();
        run.budget_usd = state.budget_limit(&BudgetOf::Run).map(Usd::dollars);
        run.stand_ins = state.lost_runners().iter().map(stand_in).collect();
        run.expected_seconds = expected_seconds(&plan.run, &tasks);
        run.git = work_views::git(state);
        run.verification = work_views::verification(state, plan.run.verification.as_ref());
        let inbox = planned.inbox.items(state, &self.hosts);
        RunSnapshot { revision: self.shown.revision, run, tasks, agents, hosts, inbox, notices: Vec::new() }
    }

    fn agent_view(&self, plan: &RunSnapshot, engine: &Engine, index: usize, now: Timestamp) -> AgentView {
        let agent = &engine.state().agents[index];
        let base =
            plan.agents.get(index).cloned().unwrap_or_else(|| joined(&agent.id, &agent.kind, &agent.host));
        let Some(seen) = engine.seen(&agent.id) else { return base };
        AgentView {
            host: agent.host.clone(),
            status: seen.status,
            task: agent.current.as_ref().map(|attempt| attempt.task.clone()),
            progress: if agent.current.is_some() { seen.progress } else { 0.0 },
            updated_at: seen.updated_at,
            pid: seen.pid,
            draining: agent.draining,
            problem: seen.problem.clone().or_else(|| self.absent(engine, index)),
            activity: seen.activity.clone().filter(|_| agent.current.is_some()).unwrap_or_default(),
            listens: listens(engine.state(), index),
            rests_until: rests_until(engine.state(), index, now),
            usage: engine.state().usage_of_agent(&agent.id).into(),
            ..base
        }
    }

    /// A loop of somebody else's is there once it has written its file; until then it gets no work.
    fn absent(&self, engine: &Engine, index: usize) -> Option<String> {
        let agent = &engine.state().agents[index];
        let is_missing = engine.seen(&agent.id).is_some_and(|seen| seen.status.is_none());
        let waits = !agent.is_ours() && is_missing && self.hosts.serves(engine.state(), &agent.id);
        let file = miyabi_protocol::status::status_file_name(&agent.id);
        waits.then(|| format!("has not shown up: start its loop, which writes {file} with the status IDLE"))
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

/// Entries that differ from those at the same place, and new ones.
fn changed<T: PartialEq + Clone>(before: &[T], after: &[T]) -> Vec<T> {
    let differs = |(index, item): &(usize, &T)| before.get(*index) != Some(*item);
    after.iter().enumerate().filter(differs).map(|(_, item)| item.clone()).collect()
}

fn joined(id: &AgentId, kind: &Kind, host: &HostId) -> AgentView {
    AgentView {
        id: id.clone(),
        kind: kind.clone(),
        title: String::new(),
        host: host.clone(),
        runner: RunnerKind::External,
        status: None,
        task: None,
        progress: 0.0,
        updated_at: None,
        window: id.to_string(),
        pid: None,
        draining: false,
        problem: None,
        account: String::new(),
        activity: String::new(),
        listens: false,
        rests_until: None,
        usage: UsageView::default(),
    }
}

/// Whether something can be said to an agent: it has a model behind it, and works.
fn listens(state: &RunState, index: usize) -> bool {
    let agent = &state.agents[index];
    let current = agent.current.as_ref().and_then(|attempt| state.current(attempt));
    agent.runner.has_model() && current.is_some_and(|attempt| attempt.phase == AttemptPhase::Running)
}

fn rests_until(state: &RunState, index: usize, now: Timestamp) -> Option<Timestamp> {
    let account = state.account(state.account_of(index)?)?;
    Some(account.until).filter(|until| *until > now)
}

fn stand_in(lost: &LostRunner) -> StandInView {
    StandInView { runner: lost.runner, why: lost.why.clone(), since: lost.since, recheck_at: lost.recheck_at }
}

/// The forecast, longer by what the tasks on its critical path take when others stand in for their
/// agents.
fn expected_seconds(planned: &RunView, tasks: &[TaskView]) -> f64 {
    let longer = f64::from(STAND_IN_PERCENT - 100) / 100.0;
    let stood_in = tasks.iter().filter(|task| task.stood_in && task.critical);
    planned.forecast.expected_seconds
        + stood_in.map(|task| f64::from(task.estimated_seconds) * longer).sum::<f64>()
}

fn progress(tasks: &[TaskView]) -> f64 {
    let whole: f64 = tasks.iter().map(|task| f64::from(task.estimated_seconds)).sum();
    let done: f64 = tasks.iter().map(|task| f64::from(task.estimated_seconds) * task.progress).sum();
    if whole > 0.0 { done / whole } else { 0.0 }
}
