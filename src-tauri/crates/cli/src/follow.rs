//! Following a run: its copy kept up to date, and what changed told as lines.

use std::path::PathBuf;
use std::time::Duration;

use miyabi_api::{ApiError, Event, Notice, NoticeKind, RunPatch, RunSnapshot, TaskView};
use miyabi_client::{Connection, Service, apply};
use miyabi_plan::{RunPhase, TaskPhase};
use miyabi_protocol::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::text;

/// How often a backend that is away is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A copy of a run that follows its backend.
pub(crate) struct Follower {
    service: Service,
    state_dir: PathBuf,
    /// Held for as long as events are wanted: it closes with its last clone.
    pub(crate) connection: Connection,
    /// The run as it is now.
    pub(crate) snapshot: RunSnapshot,
    events: mpsc::Receiver<Event>,
}

impl Follower {
    /// Follows the run of a state folder.
    pub(crate) async fn begin(service: Service, state_dir: PathBuf) -> Result<Self, ApiError> {
        let connection = service.connect(&state_dir).await?;
        let (snapshot, events) = connection.subscribe().await?;
        Ok(Self { service, state_dir, connection, snapshot, events })
    }

    /// The next event, laid over the copy, with the lines that tell it; none when the copy cannot
    /// follow any more: the backend is gone, or something was missed. Then [`Follower::again`].
    pub(crate) async fn next(&mut self) -> Option<(Event, Vec<String>)> {
        let event = self.events.recv().await?;
        let lines = self.take(&event)?;
        Some((event, lines))
    }

    /// Lays an event over the copy; the lines that tell it, or none when something was missed.
    fn take(&mut self, event: &Event) -> Option<Vec<String>> {
        match event {
            Event::Changed(patch) => {
                let lines = changes(&self.snapshot, patch);
                apply(&mut self.snapshot, (**patch).clone()).then_some(lines)
            }
            Event::Notice(notice) => {
                if self.snapshot.notices.iter().any(|old| old.id == notice.id) {
                    return Some(Vec::new());
                }
                self.snapshot.notices.push(notice.clone());
                let mark = text::mark(&self.snapshot.run);
                Some(told(notice).map(|line| format!("{mark}{line}")).into_iter().collect())
            }
        }
    }

    /// Lays everything that is already here over the copy; whether the copy can still follow.
    pub(crate) fn drain(&mut self) -> bool {
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    if self.take(&event).is_none() {
                        return false;
                    }
                }
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Subscribes again, for at most this long.
    pub(crate) async fn again(&mut self, patience: Duration) -> Result<(), ApiError> {
        let deadline = Instant::now() + patience;
        loop {
            match Self::begin(self.service.clone(), self.state_dir.clone()).await {
                Ok(next) => {
                    *self = next;
                    return Ok(());
                }
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => sleep(LOOK_AGAIN).await,
            }
        }
    }
}

/// The lines that tell a patch: one for each task that began or ended, and for the run itself.
pub(crate) fn changes(before: &RunSnapshot, patch: &RunPatch) -> Vec<String> {
    if patch.revision <= before.revision {
        return Vec::new();
    }
    let run = &patch.run;
    let since = |at: Option<Timestamp>| {
        let millis = run.started_at.map_or(0, |start| at.unwrap_or(run.now).millis_since(start));
        text::clock(millis.max(0) as f64 / 1000.0)
    };
    let mark = text::mark(run);
    let mut lines = Vec::new();
    for task in &patch.tasks {
        let old = before.tasks.iter().find(|old| old.id == task.id);
        let began_again = old.is_some_and(|old| old.attempts.len() != task.attempts.len());
        if old.is_some_and(|old| old.phase == task.phase) && !began_again {
            continue;
        }
        let is_back = old.is_some_and(|old| old.phase == TaskPhase::Unverified) && !began_again;
        let what = match task.phase {
            TaskPhase::Running if is_back => Some(format!("goes on with {}: its host is back", task.agent)),
            _ => told_task(task, run.now),
        };
        if let Some(what) = what {
            let at = since(task.completed_at.filter(|_| task.phase == TaskPhase::Completed));
            lines.push(format!("{mark}{at} {} {} {what}", text::task_glyph(task.phase), task.id));
        }
    }
    // A notice also comes by itself, and before its patch.
    let news = patch.notices.iter().filter(|new| !before.notices.iter().any(|old| old.id == new.id));
    lines.extend(news.filter_map(told).map(|line| format!("{mark}{line}")));
    if before.run.phase != run.phase && matches!(run.phase, RunPhase::Paused | RunPhase::Running) {
        lines.push(format!("{mark}{} the run is {}", since(None), text::run_phase(run.phase)));
    }
    lines
}

fn told_task(task: &TaskView, now: Timestamp) -> Option<String> {
    let agent = &task.agent;
    let error =
        || task.error.as_deref().map(|error| format!(": {}", text::short(error, 160))).unwrap_or_default();
    match task.phase {
        TaskPhase::Running if task.attempts.len() > 1 => {
            Some(format!("started by {agent}, attempt {}", task.attempts.len()))
        }
        TaskPhase::Running => Some(format!("started by {agent}")),
        TaskPhase::Completed => {
            let took = task.started_at.map(|start| task.completed_at.unwrap_or(now).millis_since(start));
            let took = took.map(|millis| format!(" in {}", text::duration(millis.max(0) as f64 / 1000.0)));
            Some(format!("completed by {agent}{}", took.unwrap_or_default()))
        }
        TaskPhase::BackOff => Some(format!("failed{}; {}", error(), text::wait_reasons(task, now))),
        TaskPhase::Failed => Some(format!("failed for good{}", error())),
        TaskPhase::Cancelled => Some("cancelled".to_owned()),
        TaskPhase::Unverified => Some(format!("unverified: the host of {agent} cannot be reached")),
        TaskPhase::Review => Some("its evidence holds; it waits for you to accept it".to_owned()),
        TaskPhase::Pending
        | TaskPhase::Ready
        | TaskPhase::Preparing
        | TaskPhase::Offered
        | TaskPhase::Checking => None,
    }
}

/// A notice as a line, where the tasks' own lines do not tell it already.
fn told(notice: &Notice) -> Option<String> {
    match notice.kind {
        NoticeKind::AttemptFailed
        | NoticeKind::TaskFailed
        | NoticeKind::RunStuck
        | NoticeKind::RunCompleted
        | NoticeKind::ReviewAsked
        | NoticeKind::RunFailed => None,
        NoticeKind::BadStatus
        | NoticeKind::QueueEditUndone
        | NoticeKind::QueueEditFollowed
        | NoticeKind::LateClaim
        | NoticeKind::AgentJoined
        | NoticeKind::AgentProblem
        | NoticeKind::StateProblem
        | NoticeKind::HostLost
        | NoticeKind::HostBack
        | NoticeKind::HostGivenUp
        | NoticeKind::ApprovalAsked
        | NoticeKind::BudgetReached
        | NoticeKind::AccountRests
        | NoticeKind::RunnerLost
        | NoticeKind::Overlap
        | NoticeKind::MergeConflict
        | NoticeKind::VerificationFailed
        | NoticeKind::RunnerBack => Some(format!("! {}", notice_words(notice))),
    }
}

/// A notice in words, for its line and for the monitor.
pub(crate) fn notice_words(notice: &Notice) -> String {
    let about: Vec<String> =
        [notice.task.as_ref().map(ToString::to_string), notice.agent.as_ref().map(ToString::to_string)]
            .into_iter()
            .flatten()
            .collect();
    let kind = match notice.kind {
        NoticeKind::AttemptFailed => "attempt failed",
        NoticeKind::TaskFailed => "failed for good",
        NoticeKind::RunStuck => "the run is stuck",
        NoticeKind::RunCompleted => "the run is completed",
        NoticeKind::RunFailed => "the run failed",
        NoticeKind::BadStatus => "status file not understood",
        NoticeKind::QueueEditUndone => "edit of task_queue.json undone",
        NoticeKind::QueueEditFollowed => "edit of task_queue.json followed",
        NoticeKind::LateClaim => "late claim thrown away",
        NoticeKind::AgentJoined => "agent joined",
        NoticeKind::AgentProblem => "agent in trouble",
        NoticeKind::StateProblem => "state folder in trouble",
        NoticeKind::HostLost => "host lost",
        NoticeKind::HostBack => "host is back",
        NoticeKind::HostGivenUp => "host given up",
        NoticeKind::ApprovalAsked => "asks for permission",
        NoticeKind::BudgetReached => "budget reached",
        NoticeKind::AccountRests => "account at its rate limit",
        NoticeKind::RunnerLost => "agents cannot work, others stand in",
        NoticeKind::RunnerBack => "agents work again",
        NoticeKind::Overlap => "has touched what another one is at",
        NoticeKind::MergeConflict => "merge conflict",
        NoticeKind::ReviewAsked => "waits to be accepted",
        NoticeKind::VerificationFailed => "the verification does not hold",
    };
    let mut line = about.join(" ");
    if !line.is_empty() {
        line.push(' ');
    }
    line.push_str(kind);
    if !notice.detail.is_empty() {
        line.push_str(": ");
        line.push_str(&text::short(&notice.detail, 160));
    }
    line
}

#[cfg(test)]
pub(crate) mod tests {
    use miyabi_api::preview::{PreviewAbout, preview};
    use miyabi_api::{
        AttemptView, HostContact, HostQuestion, HostView, InboxItem, InboxKind, TransportKind, UsageView,
    };
    use miyabi_plan::{Choice, FailureCause, NamedText, PlanText, WaitReason};
    use miyabi_protocol::AgentStatus;
    use miyabi_protocol::link::Load;

    use super::*;

    pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_361_640_000);

    /// A run of four tasks: one done, one running, one failed, one that waits.
    pub(crate) fn halfway() -> RunSnapshot {
        let dag = r#"{"name":"small","title":"A small plan","tasks":[
            {"id":"Task-1","title":"Plan","prompt":"p","agent":"CCG-1","estimated_seconds":600},
            {"id":"Task-2","title":"Build","prompt":"p","agent":"CG-1","needs":["Task-1"],"estimated_seconds":900},
            {"id":"Task-3","title":"Test","prompt":"p","agent":"CG-2","needs":["Task-1"],"estimated_seconds":900},
            {"id":"Task-4","title":"Review","prompt":"p","agent":"CCG-1","needs":["Task-2","Task-3"],"estimated_seconds":450}]}"#;
        let agents = r#"{"agents":[{"id":"CCG-1","title":"Plan","runner":"claude"},
            {"id":"CG-1","title":"Core","runner":"codex"},{"id":"CG-2","title":"Tests","runner":"codex"}]}"#;
        let read = miyabi_plan::read(&PlanText {
            tasks: Some(NamedText::new("task_dag.json", dag)),
            agent_config: Some(NamedText::new("agent_config.json", agents)),
            ..PlanText::default()
        });
        let plan = read.plan.unwrap_or_else(|| panic!("{:?}", read.findings));
        let about = PreviewAbout {
            work_folder: "/work".to_owned(),
            state_dir: "/tmp/small".to_owned(),
            session: "miyabi-small".to_owned(),
            rehearse: Some(60.0),
            now: START.plus_seconds(17),
        };
        let mut run = preview(&plan, Choice::default(), &about);
        fill(&mut run);
        run
    }

    /// The run on two hosts: MUGEN is lost with a task under way, MAJIN shows a key that nobody knows.
    pub(crate) fn far_away() -> RunSnapshot {
        let mut run = halfway();
        let here = run.hosts[0].clone();
        let far = |id: &str, address: &str| HostView {
            id: id.parse().expect("an id"),
            title: String::new(),
            transport: TransportKind::Ssh,
            address: address.to_owned(),
            connected: false,
            load: None,
            capacity: 5,
            contact_since: Some(START.plus_seconds(5)),
            ..here.clone()
        };
        run.hosts.push(HostView {
            contact: HostContact::Reconnecting,
            next_try_at: Some(START.plus_seconds(25)),
            unverified: 1,
            running: 1,
            clock_ahead_seconds: Some(600.0),
            round_trip_ms: Some(31.4),
            labels: vec!["cpu".to_owned()],
            ..far("MUGEN", "mugen")
        });
        run.hosts.push(HostView {
            contact: HostContact::Refused,
            question: Some(HostQuestion::UnknownKey {
                fingerprint: "SHA256:tJ4Qxbc".to_owned(),
                key_type: "ssh-ed25519".to_owned(),
                kept_as: "majin in /home/me/.ssh/known_hosts".to_owned(),
            }),
            ..far("MAJIN", "majin")
        });
        run.hosts[0].contact = HostContact::Ready;
        run.tasks[1].phase = TaskPhase::Unverified;
        run.agents[1].host = run.hosts[1].id.clone();
        run.tasks[3].waiting.push(WaitReason::Host { host: run.hosts[2].id.clone() });
        let mut item = InboxItem::new("host-MUGEN", InboxKind::HostLost, START.plus_seconds(5));
        item.host = Some(run.hosts[1].id.clone());
        item.what = "MUGEN cannot be reached".to_owned();
        item.blocks = 1;
        run.inbox.push(item);
        run
    }

    fn fill(all: &mut RunSnapshot) {
        let run = &mut all.run;
        (run.run_id, run.phase) = ("20261122-153400-4f2a".to_owned(), RunPhase::Running);
        (run.started_at, run.progress) = (Some(START), 0.47);
        (run.completed, run.failed, run.running) = (1, 1, 1);
        let phases = [TaskPhase::Completed, TaskPhase::Running, TaskPhase::Failed, TaskPhase::Pending];
        for (task, phase) in all.tasks.iter_mut().zip(phases) {
            task.phase = phase;
            task.waiting.clear();
        }
        let [one, two, three, four] = all.tasks.as_mut_slice() else { panic!("four tasks") };
        (one.started_at, one.completed_at, one.progress) = (Some(START), Some(START.plus_seconds(10)), 1.0);
        (two.started_at, two.progress) = (Some(START.plus_seconds(10)), 0.5);
        (three.started_at, three.completed_at) = (Some(START.plus_seconds(10)), Some(START.plus_seconds(14)));
        three.error = Some("pytest: 2 failed\nmore".to_owned());
        three.attempts = vec![AttemptView {
            number: 1,
            agent: three.agent.clone(),
            host: "local".parse().expect("an id"),
            assigned_at: START.plus_seconds(10),
            started_at: Some(START.plus_seconds(10)),
            ended_at: Some(START.plus_seconds(14)),
            cause: Some(FailureCause::AcceptanceFailed),
            error: three.error.clone(),
            output_files: Vec::new(),
            evidence: None,
            session: None,
            model: None,
            usage: UsageView::default(),
            tree: None,
            comments: Vec::new(),
        }];
        four.waiting = vec![WaitReason::Need { tasks: four.needs.clone() }];
        all.agents[1].status = Some(AgentStatus::InProgress);
        (all.agents[1].task, all.agents[1].progress) = (Some(all.tasks[1].id.clone()), 0.5);
        all.agents[1].updated_at = Some(START.plus_seconds(16));
        all.agents[0].status = Some(AgentStatus::Idle);
        all.hosts[0].connected = true;
        all.hosts[0].load = Some(Load {
            load_1m: 1.25,
            cpus: 8,
            memory_total_mib: 16_000,
            memory_free_mib: 9_000,
            disk_free_mib: 50_000,
        });
        all.notices = vec![Notice {
            id: 1,
            at: START.plus_seconds(14),
            kind: NoticeKind::TaskFailed,
            task: Some(all.tasks[2].id.clone()),
            agent: Some(all.tasks[2].agent.clone()),
            detail: "pytest: 2 failed".to_owned(),
            blocks: 1,
        }];
    }

    fn patch(before: &RunSnapshot, change: impl FnOnce(&mut RunPatch)) -> RunPatch {
        let mut patch = RunPatch {
            revision: before.revision + 1,
            run: before.run.clone(),
            tasks: before.tasks.clone(),
            agents: Vec::new(),
            hosts: Vec::new(),
            inbox: None,
            notices: Vec::new(),
        };
        change(&mut patch);
        patch
    }

    #[test]
    fn one_line_tells_each_transition_and_nothing_else_does() {
        let before = halfway();
        assert_eq!(
            changes(&before, &patch(&before, |patch| patch.tasks[1].progress = 0.6)),
            Vec::<String>::new()
        );
        let done = patch(&before, |patch| {
            patch.tasks[1].phase = TaskPhase::Completed;
            patch.tasks[1].completed_at = Some(START.plus_seconds(25));
            patch.tasks[2].phase = TaskPhase::Ready;
            patch.tasks[3].phase = TaskPhase::Running;
            patch.run.phase = RunPhase::Paused;
        });
        insta::assert_snapshot!(changes(&before, &done).join("\n"));
        let mut after = before.clone();
        assert!(apply(&mut after, done.clone()));
        assert_eq!(changes(&after, &done), Vec::<String>::new(), "a patch that is known tells nothing");
    }

    #[test]
    fn a_lost_host_and_its_return_are_told_and_nothing_fails_by_it() {
        let before = halfway();
        let lost = patch(&before, |patch| patch.tasks[1].phase = TaskPhase::Unverified);
        let mut after = before.clone();
        let mut lines = changes(&before, &lost);
        assert!(apply(&mut after, lost));
        let back = patch(&after, |patch| patch.tasks[1].phase = TaskPhase::Running);
        lines.extend(changes(&after, &back));
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_notice_that_came_by_itself_is_not_told_again_by_its_patch() {
        let mut before = halfway();
        let news = Notice {
            id: 99,
            at: START,
            kind: NoticeKind::RunnerLost,
            task: None,
            agent: None,
            detail: "codex cannot work".to_owned(),
            blocks: 0,
        };
        let patch = patch(&before, |patch| patch.notices = vec![news.clone()]);
        let told = changes(&before, &patch);
        assert_eq!(told.len(), 1, "{told:?}");
        before.notices.push(news);
        assert_eq!(changes(&before, &patch), Vec::<String>::new());
    }
}
