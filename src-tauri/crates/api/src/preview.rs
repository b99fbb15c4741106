//! A plan drawn as a run that has not begun: what a person reviews before the start, and what the
//! backend fills in as the run goes on.

use std::collections::{BTreeMap, HashMap};

use miyabi_plan::graph::effective_needs;
use miyabi_plan::layout::layout;
use miyabi_plan::{
    Check, Choice, Forecast, Plan, RunPhase, Slot, Task, TaskId, TaskPhase, TransportKind, WaitReason,
};
use miyabi_protocol::{TaskStatus, Timestamp};

use crate::inbox::UsageView;
use crate::view::{AgentView, HostContact, HostView, Point, RunSnapshot, RunView, TaskView};
use crate::work::{VerificationState, VerificationView};

/// What is known about a run besides its plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewAbout {
    /// The work folder.
    pub work_folder: String,
    /// The state folder.
    pub state_dir: String,
    /// The tmux session.
    pub session: String,
    /// How fast a rehearsal plays; none for a real run.
    pub rehearse: Option<f64>,
    /// The clock.
    pub now: Timestamp,
}

/// Draws a plan under a choice.
#[must_use]
pub fn preview(plan: &Plan, choice: Choice, about: &PreviewAbout) -> RunSnapshot {
    let forecast = miyabi_plan::forecast::forecast(plan, choice);
    let needs = effective_needs(plan, choice);
    let listed: Vec<(TaskId, Vec<TaskId>)> = plan
        .tasks
        .iter()
        .map(|task| (task.id.clone(), needs.get(&task.id).cloned().unwrap_or_default()))
        .collect();
    let places = layout(&listed);
    let slots: HashMap<&TaskId, &Slot> = forecast.slots.iter().map(|slot| (&slot.task, slot)).collect();
    let tasks = plan.tasks.iter().map(|task| task_view(task, &needs, &places, slots.get(&task.id).copied()));
    RunSnapshot {
        revision: 0,
        tasks: tasks.collect(),
        agents: plan.agents.iter().map(|agent| agent_view(plan, agent)).collect(),
        hosts: plan.hosts.iter().map(host_view).collect(),
        inbox: Vec::new(),
        notices: Vec::new(),
        run: run_view(plan, choice, about, forecast),
    }
}

fn run_view(plan: &Plan, choice: Choice, about: &PreviewAbout, forecast: Forecast) -> RunView {
    RunView {
        run_id: String::new(),
        name: plan.name.clone(),
        title: plan.title.clone(),
        phase: RunPhase::Planned,
        rehearsal_speed: about.rehearse,
        label: plan.label.clone(),
        choice,
        state_dir: about.state_dir.clone(),
        session: about.session.clone(),
        work_folder: about.work_folder.clone(),
        started_at: None,
        ended_at: None,
        now: about.now,
        progress: 0.0,
        completed: 0,
        failed: 0,
        running: 0,
        total: u32::try_from(plan.tasks.len()).unwrap_or(u32::MAX),
        expected_seconds: forecast.expected_seconds,
        forecast,
        stuck: Vec::new(),
        usage: UsageView::default(),
        budget_usd: plan.budget.run.map(miyabi_plan::Usd::dollars),
        stand_ins: Vec::new(),
        git: None,
        verification: verification(plan),
    }
}

fn verification(plan: &Plan) -> Option<VerificationView> {
    let name = |check: &Check| match check.name.is_empty() {
        true => check.run.join(" "),
        false => check.name.clone(),
    };
    (!plan.verification.is_empty()).then(|| VerificationView {
        state: VerificationState::Waiting,
        planned: plan.verification.iter().map(name).collect(),
        checks: Vec::new(),
        problem: None,
        at: None,
    })
}

fn task_view(
    task: &Task,
    needs: &BTreeMap<TaskId, Vec<TaskId>>,
    places: &BTreeMap<TaskId, (f64, f64)>,
    slot: Option<&Slot>,
) -> TaskView {
    let needs = needs.get(&task.id).cloned().unwrap_or_default();
    let is_ready = needs.is_empty();
    let waiting = if is_ready { Vec::new() } else { vec![WaitReason::Need { tasks: needs.clone() }] };
    let (x, y) = places.get(&task.id).copied().unwrap_or_default();
    TaskView {
        id: task.id.clone(),
        title: task.title.clone(),
        prompt: task.prompt.clone(),
        module: task.module.clone(),
        kind: task.kind(),
        agent: task.agent.clone(),
        planned_agent: task.agent.clone(),
        host: task.host.clone(),
        needs,
        priority: task.priority,
        estimated_seconds: task.estimated_seconds,
        wave: task.wave,
        level: slot.map_or(0, |slot| slot.level),
        critical: slot.is_some_and(|slot| slot.critical),
        outputs: task.outputs.clone(),
        acceptance: task.acceptance.iter().map(|check| check.run.clone()).collect(),
        retries: task.retries,
        time_limit_seconds: task.time_limit_seconds,
        status: if is_ready { TaskStatus::Ready } else { TaskStatus::Pending },
        phase: if is_ready { TaskPhase::Ready } else { TaskPhase::Pending },
        progress: 0.0,
        waiting,
        started_at: None,
        completed_at: None,
        error: None,
        usage: UsageView::default(),
        stood_in: false,
        attempts: Vec::new(),
        planned_start_seconds: slot.map_or(0.0, |slot| slot.start_seconds),
        planned_end_seconds: slot.map_or(0.0, |slot| slot.end_seconds),
        position: Point { x, y },
        needs_approval: task.needs_approval,
        conflict: None,
        overlaps: Vec::new(),
    }
}

fn agent_view(plan: &Plan, agent: &miyabi_plan::Agent) -> AgentView {
    AgentView {
        id: agent.id.clone(),
        kind: agent.id.kind(),
        title: agent.title.clone(),
        host: agent.host.clone(),
        runner: agent.runner,
        status: None,
        task: None,
        progress: 0.0,
        updated_at: None,
        window: plan.window_name(&agent.id),
        pid: None,
        draining: false,
        problem: None,
        account: if agent.runner.has_model() { agent.account.clone() } else { String::new() },
        activity: String::new(),
        listens: false,
        rests_until: None,
        usage: UsageView::default(),
    }
}

fn host_view(host: &miyabi_plan::Host) -> HostView {
    HostView {
        id: host.id.clone(),
        title: host.title.clone(),
        transport: host.transport,
        capacity: host.capacity,
        running: 0,
        connected: false,
        load: None,
        problem: None,
        address: match host.transport {
            TransportKind::Command => host.command.join(" "),
            TransportKind::Ssh | TransportKind::Local => host.address.clone(),
        },
        labels: host.labels.clone(),
        contact: HostContact::default(),
        contact_since: None,
        next_try_at: None,
        question: None,
        unverified: 0,
        clock_ahead_seconds: None,
        round_trip_ms: None,
    }
}
