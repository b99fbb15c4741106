//! From a run's snapshot and journal to every figure of its report. Pure; nothing is written here.

use std::collections::{BTreeSet, HashMap};

use miyabi_api::{AgentView, AttemptView, HostView, RunSnapshot, TaskView};
use miyabi_engine::{By, Entry, Fact};
use miyabi_plan::{AgentId, AttemptId, FailureCause, Forecast, RunPhase, Slot, TaskId, TaskPhase};
use miyabi_protocol::Timestamp;

use crate::history::{History, tell};
use crate::measure::{Span, added, count, covered, most_at_once, rounded, seconds, share};
use crate::model::{
    AgentFigures, AttemptReport, Counts, CriticalStep, Failure, ForecastTimes, HistoryKind, HostFigures,
    Outcome, ParallelFigures, PlanFacts, PlannedSlot, Report, RunFacts, TaskReport, TimeFigures, Waiting,
};
use crate::{done_means, git_figures, json, replay};

/// Computes the report of a run that has ended, or of one so far.
#[must_use]
pub fn report(snapshot: &RunSnapshot, entries: &[Entry]) -> Report {
    let clock = Clock::of(snapshot);
    let history = tell(entries, clock.start, clock.end);
    let taken = git_figures::taken(entries);
    let tasks: Vec<TaskReport> =
        snapshot.tasks.iter().map(|task| task_report(task, snapshot, &taken, &clock)).collect();
    let replay = replay::replay(snapshot, entries);
    let mut report = Report {
        format: json::FORMAT.to_owned(),
        version: json::VERSION,
        run: run_facts(snapshot, entries),
        plan: plan_facts(snapshot, entries),
        time: time_figures(snapshot, &tasks, &history, &clock),
        parallel: parallel_figures(snapshot, &tasks, &clock),
        critical_path: critical_path(&tasks),
        done_means: Vec::new(),
        counts: counts(snapshot, &tasks, &history),
        usage: snapshot.run.usage,
        budget_usd: snapshot.run.budget_usd,
        git: git_figures::git(snapshot, entries, &tasks, &clock),
        verification: snapshot.run.verification.as_ref().map(|view| git_figures::verification(view, entries)),
        failures: failures(&tasks),
        waiting: waiting(snapshot),
        agents: snapshot.agents.iter().map(|agent| agent_figures(agent, &tasks, &clock)).collect(),
        hosts: snapshot
            .hosts
            .iter()
            .map(|host| host_figures(host, snapshot, &tasks, &history, &clock))
            .collect(),
        history: history.lines,
        tasks,
    };
    report.counts.overlaps = report.git.as_ref().map_or(0, |git| count(&git.overlaps));
    report.done_means = done_means::lines(&report, &replay);
    report
}

/// The run's own clock.
pub(crate) struct Clock {
    start: Timestamp,
    end: Timestamp,
    /// None before the start.
    length: Option<f64>,
    speed: f64,
}

impl Clock {
    fn of(snapshot: &RunSnapshot) -> Self {
        let run = &snapshot.run;
        let end = run.ended_at.unwrap_or(run.now);
        let start = run.started_at.unwrap_or(end);
        let speed = run.rehearsal_speed.filter(|speed| *speed > 0.0).unwrap_or(1.0);
        let length = run.started_at.map(|start| rounded(seconds(end.millis_since(start)).max(0.0)));
        Self { start, end, length, speed }
    }

    /// A moment, after the start.
    pub(crate) fn after(&self, at: Timestamp) -> f64 {
        rounded(seconds(at.millis_since(self.start)).max(0.0))
    }

    fn played(&self, planned_seconds: f64) -> f64 {
        rounded(planned_seconds / self.speed)
    }

    fn length(&self) -> f64 {
        self.length.unwrap_or(0.0)
    }
}

fn run_facts(snapshot: &RunSnapshot, entries: &[Entry]) -> RunFacts {
    let run = &snapshot.run;
    RunFacts {
        run_id: run.run_id.clone(),
        name: run.name.clone(),
        title: run.title.clone(),
        phase: run.phase,
        ended: run.phase.has_ended(),
        rehearsal_speed: run.rehearsal_speed,
        label: run.label.clone(),
        started_at: run.started_at,
        ended_at: run.ended_at,
        reported_at: run.now,
        work_folder: run.work_folder.clone(),
        state_dir: run.state_dir.clone(),
        session: run.session.clone(),
        reasons: run.stuck.clone(),
        journal_entries: entries.last().map_or(0, |entry| entry.seq),
    }
}

fn plan_facts(snapshot: &RunSnapshot, entries: &[Entry]) -> PlanFacts {
    let opening = entries.first().and_then(|entry| match &entry.fact {
        Fact::Opened { opening } => Some(opening),
        _ => None,
    });
    let forecast = &snapshot.run.forecast;
    let joined = entries.iter().filter(|entry| matches!(entry.fact, Fact::AgentJoined { .. }));
    PlanFacts {
        folder: opening.map(|opening| opening.plan_dir.clone()),
        hash: opening.map(|opening| opening.plan_hash.clone()),
        tasks: count(&snapshot.tasks),
        agents: opening.map_or_else(
            || count(&snapshot.agents).saturating_sub(count(joined)),
            |opening| count(&opening.plan.agents),
        ),
        hosts: count(&snapshot.hosts),
        acceptance_checks: count(snapshot.tasks.iter().flat_map(|task| &task.acceptance)),
        choice: snapshot.run.choice,
        levels: forecast.levels,
        critical_path: forecast.critical_path.clone(),
        dropped_edges: forecast.dropped_edges.clone(),
    }
}

fn forecast_times(forecast: &Forecast, speed: f64) -> ForecastTimes {
    ForecastTimes {
        expected_seconds: rounded(forecast.expected_seconds / speed),
        lower_bound_seconds: rounded(forecast.lower_bound_seconds / speed),
        critical_path_seconds: rounded(forecast.critical_path_seconds / speed),
        one_agent_seconds: rounded(forecast.one_agent_seconds / speed),
    }
}

fn time_figures(
    snapshot: &RunSnapshot,
    tasks: &[TaskReport],
    history: &History,
    clock: &Clock,
) -> TimeFigures {
    let forecast = forecast_times(&snapshot.run.forecast, clock.speed);
    let spent = |outcomes: &[Outcome]| -> f64 {
        let attempts = tasks.iter().flat_map(|task| &task.attempts);
        let attempts = attempts.filter(|attempt| outcomes.contains(&attempt.outcome));
        rounded(attempts.map(|attempt| attempt.end_seconds - attempt.start_seconds).sum::<f64>())
    };
    let work_seconds = spent(&[Outcome::Completed]);
    let took = clock.length.filter(|took| snapshot.run.phase == RunPhase::Completed && *took > 0.0);
    TimeFigures {
        estimated: forecast_times(&snapshot.run.forecast, 1.0),
        forecast,
        actual_seconds: clock.length,
        paused_seconds: rounded(seconds(covered(&history.pauses))),
        ended_seconds: rounded(seconds(covered(&history.rests))),
        work_seconds,
        failed_seconds: spent(&[Outcome::Failed, Outcome::Stopped]),
        against_forecast: took.map(|took| share(took, forecast.expected_seconds)),
        speed_up_estimated: took.map(|took| share(forecast.one_agent_seconds, took)),
        speed_up_measured: took.map(|took| share(work_seconds, took)),
    }
}

fn task_report(
    task: &TaskView,
    snapshot: &RunSnapshot,
    by_person: &HashMap<TaskId, String>,
    clock: &Clock,
) -> TaskReport {
    let slot = snapshot.run.forecast.slots.iter().find(|slot| slot.task == task.id);
    let attempts: Vec<AttemptReport> = task.attempts.iter().map(|a| attempt_report(task, a, clock)).collect();
    let taken = attempts.iter().find(|attempt| was_taken(attempt));
    let done = attempts.iter().rev().find(|attempt| attempt.outcome == Outcome::Completed);
    TaskReport {
        id: task.id.clone(),
        title: task.title.clone(),
        module: task.module.clone(),
        wave: task.wave,
        level: task.level,
        critical: task.critical,
        needs: task.needs.clone(),
        agent: task.agent.clone(),
        planned_agent: task.planned_agent.clone(),
        status: task.status,
        phase: task.phase,
        progress: rounded(task.progress),
        estimated_seconds: task.estimated_seconds,
        planned: planned_slot(task, slot, clock),
        started_after_seconds: taken.map(|attempt| attempt.start_seconds),
        ended_after_seconds: task.completed_at.map(|at| clock.after(at)),
        took_seconds: done.map(|attempt| rounded(attempt.end_seconds - attempt.start_seconds)),
        outputs: task.outputs.clone(),
        acceptance: task.acceptance.clone(),
        error: task.error.clone(),
        stood_in: task.stood_in,
        needs_approval: task.needs_approval,
        work: git_figures::work_of(task, &attempts, by_person.get(&task.id)),
        overlaps: task.overlaps.clone(),
        usage: task.usage,
        attempts,
    }
}

fn planned_slot(task: &TaskView, slot: Option<&Slot>, clock: &Clock) -> PlannedSlot {
    PlannedSlot {
        agent: slot.map_or(&task.planned_agent, |slot| &slot.agent).clone(),
        start_seconds: clock.played(task.planned_start_seconds),
        end_seconds: clock.played(task.planned_end_seconds),
    }
}

fn attempt_report(task: &TaskView, attempt: &AttemptView, clock: &Clock) -> AttemptReport {
    let start = clock.after(attempt.started_at.unwrap_or(attempt.assigned_at));
    let end = clock.after(attempt.ended_at.unwrap_or(clock.end));
    AttemptReport {
        id: AttemptId { task: task.id.clone(), number: attempt.number }.to_string(),
        number: attempt.number,
        agent: attempt.agent.clone(),
        host: attempt.host.clone(),
        outcome: outcome(attempt),
        assigned_at: attempt.assigned_at,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
        start_seconds: start,
        end_seconds: end.max(start),
        cause: attempt.cause,
        error: attempt.error.clone(),
        claimed_files: attempt.output_files.clone(),
        evidence: attempt.evidence.clone(),
        session: attempt.session.clone(),
        model: attempt.model.clone(),
        usage: attempt.usage,
        tree: attempt.tree.clone(),
        comments: attempt.comments.clone(),
    }
}

fn outcome(attempt: &AttemptView) -> Outcome {
    match (attempt.ended_at, attempt.cause) {
        (
            _,
            Some(
                FailureCause::Cancelled
                | FailureCause::Reassigned
                | FailureCause::Stopped
                | FailureCause::HostLost
                | FailureCause::SentBack,
            ),
        ) => Outcome::Stopped,
        (_, Some(_)) => Outcome::Failed,
        (None, None) if attempt.started_at.is_none() => Outcome::Offered,
        (None, None) => Outcome::Running,
        // An offer that was taken back says why, and was never taken.
        (Some(_), None) if attempt.started_at.is_none() && attempt.error.is_some() => Outcome::Withdrawn,
        (Some(_), None) => Outcome::Completed,
    }
}

/// Whether an agent was at it. A quick one may end before anyone saw it take the work.
fn was_taken(attempt: &AttemptReport) -> bool {
    attempt.started_at.is_some() || attempt.outcome == Outcome::Completed
}

/// The attempts that were taken, as spans of the run's clock.
fn spans<'a>(tasks: &'a [TaskReport], of: impl Fn(&AttemptReport) -> bool + 'a) -> Vec<Span> {
    let attempts = tasks.iter().flat_map(|task| &task.attempts);
    let attempts = attempts.filter(move |attempt| was_taken(attempt) && of(attempt));
    attempts.map(|attempt| Span::new(millis(attempt.start_seconds), millis(attempt.end_seconds))).collect()
}

fn millis(seconds: f64) -> i64 {
    let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    // Half a millisecond more, for what the seconds lost as a float.
    i64::try_from((duration + std::time::Duration::from_micros(500)).as_millis()).unwrap_or(i64::MAX)
}

/// The chain that the run's end waited for: from the task that ended last back to the need of each that
/// ended last.
fn critical_path(tasks: &[TaskReport]) -> Vec<CriticalStep> {
    let done: HashMap<&TaskId, &TaskReport> = tasks
        .iter()
        .filter(|task| task.phase == TaskPhase::Completed && task.ended_after_seconds.is_some())
        .map(|task| (&task.id, task))
        .collect();
    let end = |task: &TaskReport| task.ended_after_seconds.unwrap_or(0.0);
    let last = |a: &&TaskReport, b: &&TaskReport| end(a).total_cmp(&end(b));
    let mut next = tasks.iter().filter(|task| done.contains_key(&task.id)).max_by(last);
    let mut path = Vec::new();
    // Needs make no circle, and yet a report must not depend on that.
    while let Some(task) = next.filter(|_| path.len() < tasks.len()) {
        let before = task.needs.iter().filter_map(|need| done.get(need).copied()).max_by(last);
        let start = task.started_after_seconds.unwrap_or_else(|| end(task));
        path.push(CriticalStep {
            task: task.id.clone(),
            agent: task.agent.clone(),
            waited_seconds: rounded((start - before.map_or(0.0, end)).max(0.0)),
            took_seconds: rounded((end(task) - start).max(0.0)),
        });
        next = before;
    }
    path.reverse();
    path
}

fn parallel_figures(snapshot: &RunSnapshot, tasks: &[TaskReport], clock: &Clock) -> ParallelFigures {
    let all = spans(tasks, |_| true);
    let most = most_at_once(&all);
    let attempts = tasks.iter().flat_map(|task| &task.attempts).filter(|attempt| was_taken(attempt));
    let used: BTreeSet<&AgentId> = attempts.map(|attempt| &attempt.agent).collect();
    ParallelFigures {
        agents: count(&snapshot.agents),
        agents_used: count(used),
        max_at_once: most.map_or(0, |(most, _)| most),
        max_at_seconds: most.map(|(_, at)| rounded(seconds(at))),
        mean_at_once: share(seconds(added(&all)), clock.length()),
    }
}

fn agent_figures(agent: &AgentView, tasks: &[TaskReport], clock: &Clock) -> AgentFigures {
    let own = || tasks.iter().flat_map(|task| &task.attempts).filter(|attempt| attempt.agent == agent.id);
    let busy = seconds(covered(&spans(tasks, |attempt| attempt.agent == agent.id)));
    AgentFigures {
        id: agent.id.clone(),
        kind: agent.kind.clone(),
        title: agent.title.clone(),
        host: agent.host.clone(),
        runner: agent.runner,
        window: agent.window.clone(),
        pid: agent.pid,
        completed: count(own().filter(|attempt| attempt.outcome == Outcome::Completed)),
        attempts: count(own().filter(|attempt| was_taken(attempt))),
        failed_attempts: count(own().filter(|attempt| attempt.outcome == Outcome::Failed)),
        busy_seconds: rounded(busy),
        utilisation: share(busy, clock.length()),
        usage: agent.usage,
    }
}

/// What was carried out on a host counts there, wherever its agent is now.
fn host_figures(
    host: &HostView,
    snapshot: &RunSnapshot,
    tasks: &[TaskReport],
    history: &History,
    clock: &Clock,
) -> HostFigures {
    let members: BTreeSet<&AgentId> =
        snapshot.agents.iter().filter(|agent| agent.host == host.id).map(|agent| &agent.id).collect();
    let own = spans(tasks, |attempt| attempt.host == host.id);
    let busy = seconds(added(&own));
    let attempts = tasks.iter().flat_map(|task| &task.attempts);
    let there = attempts.filter(|attempt| attempt.host == host.id).map(|attempt| &attempt.agent);
    let places = host.capacity.min(count(there.chain(members.iter().copied()).collect::<BTreeSet<_>>()));
    let lost: Vec<Span> =
        history.losses.iter().filter(|(of, _)| *of == host.id).map(|(_, span)| *span).collect();
    HostFigures {
        id: host.id.clone(),
        title: host.title.clone(),
        transport: host.transport,
        capacity: host.capacity,
        agents: count(&members),
        attempts: count(&own),
        max_at_once: most_at_once(&own).map_or(0, |(most, _)| most),
        busy_seconds: rounded(busy),
        utilisation: share(busy, clock.length() * f64::from(places)),
        times_lost: count(&lost),
        lost_seconds: rounded(seconds(added(&lost))),
    }
}

fn counts(snapshot: &RunSnapshot, tasks: &[TaskReport], history: &History) -> Counts {
    let attempts = |outcomes: &[Outcome]| {
        count(
            tasks
                .iter()
                .flat_map(|task| &task.attempts)
                .filter(|attempt| outcomes.contains(&attempt.outcome)),
        )
    };
    let told = |kind: HistoryKind| count(history.lines.iter().filter(|line| line.kind == kind));
    let by_edit = history.lines.iter().filter(|line| line.by == Some(By::QueueFile));
    let (completed, failed) = (snapshot.run.completed, snapshot.run.failed);
    let all = count(tasks.iter().flat_map(|task| &task.attempts));
    let withdrawn = attempts(&[Outcome::Withdrawn]);
    Counts {
        completed,
        failed,
        unfinished: snapshot.run.total.saturating_sub(completed).saturating_sub(failed),
        attempts: all - withdrawn,
        failed_attempts: attempts(&[Outcome::Failed]),
        withdrawn,
        automatic_retries: told(HistoryKind::AutomaticRetry),
        wished_retries: told(HistoryKind::WishedRetry),
        reassignments: told(HistoryKind::Reassignment),
        stolen: told(HistoryKind::Stolen),
        pauses: told(HistoryKind::Paused),
        queue_edits_undone: told(HistoryKind::QueueEditUndone),
        queue_edits_followed: count(by_edit),
        late_claims: told(HistoryKind::LateClaim),
        notes: told(HistoryKind::Note),
        takeovers: told(HistoryKind::Takeover),
        merges: snapshot.run.git.as_ref().map_or(0, |git| count(&git.merges)),
        conflicts: count(snapshot.tasks.iter().filter(|task| task.conflict.is_some())),
        overlaps: 0,
        sent_back: count(
            tasks
                .iter()
                .flat_map(|task| &task.attempts)
                .filter(|attempt| attempt.cause == Some(FailureCause::SentBack)),
        ),
    }
}

fn failures(tasks: &[TaskReport]) -> Vec<Failure> {
    let behind = behind(tasks);
    let mut failures: Vec<Failure> = Vec::new();
    for task in tasks {
        for attempt in &task.attempts {
            let (Outcome::Failed, Some(cause)) = (attempt.outcome, attempt.cause) else { continue };
            let overcome = task.phase == TaskPhase::Completed;
            failures.push(Failure {
                task: task.id.clone(),
                attempt: attempt.id.clone(),
                agent: attempt.agent.clone(),
                after_seconds: attempt.end_seconds,
                cause,
                error: attempt.error.clone().unwrap_or_default(),
                overcome,
                holds_back: if overcome { 0 } else { behind.get(&task.id).copied().unwrap_or(0) },
            });
        }
    }
    failures.sort_by(|a, b| a.after_seconds.total_cmp(&b.after_seconds));
    failures
}

/// How many tasks stand behind each one, directly or not.
fn behind(tasks: &[TaskReport]) -> HashMap<TaskId, u32> {
    let mut dependents: HashMap<&TaskId, Vec<&TaskId>> = HashMap::new();
    for task in tasks {
        for need in &task.needs {
            dependents.entry(need).or_default().push(&task.id);
        }
    }
    let reach = |task: &TaskReport| {
        let mut seen: BTreeSet<&TaskId> = BTreeSet::new();
        let mut open = vec![&task.id];
        while let Some(next) = open.pop() {
            let next = dependents.get(next).into_iter().flatten().copied();
            open.extend(next.filter(|dependent| seen.insert(*dependent)));
        }
        count(seen)
    };
    // Only failed tasks are asked about: in a big plan they are few.
    let failed =
        tasks.iter().filter(|task| task.attempts.iter().any(|attempt| attempt.outcome == Outcome::Failed));
    failed.map(|task| (task.id.clone(), reach(task))).collect()
}

fn waiting(snapshot: &RunSnapshot) -> Vec<Waiting> {
    let waits = |task: &&TaskView| !task.waiting.is_empty() && task.completed_at.is_none();
    let tasks = snapshot.tasks.iter().filter(waits);
    let waiting = tasks.map(|task| Waiting {
        task: task.id.clone(),
        title: task.title.clone(),
        reasons: task.waiting.clone(),
    });
    waiting.collect()
}
