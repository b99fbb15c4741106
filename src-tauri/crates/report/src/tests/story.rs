//! Runs for the tests: facts by the second, replayed by the engine, shown as the backend shows them.

use miyabi_api::{AttemptView, PreviewAbout, RunSnapshot, TaskView, preview};
use miyabi_engine::projection::status_word;
use miyabi_engine::{Attempt, By, Claim, Entry, Fact, NextTry, NoteKind, RunState, Standing, TaskState};
use miyabi_plan::model::{Agent, Check, Host, Limits, Order, Plan, RunnerKind, Task, TmuxLayout};
use miyabi_plan::{
    Access, AgentId, ApprovalPolicy, AttemptId, Budget, Choice, Failover, FailureCause, Fallback, HostId,
    PriceTable, RunPhase, TaskId, TaskPhase, Usd, WaitReason,
};
use miyabi_protocol::evidence::CheckResult;
use miyabi_protocol::{EvidenceReport, RunOpening, TaskStatus, Timestamp, Usage};

/// 2026-11-22T09:00:00Z.
const START: i64 = 1_795_338_000_000;

pub(super) fn task_id(text: &str) -> TaskId {
    TaskId::new(text).expect("a valid id")
}

pub(super) fn agent_id(text: &str) -> AgentId {
    AgentId::new(text).expect("a valid id")
}

pub(super) fn attempt(text: &str) -> AttemptId {
    text.parse().expect("a valid attempt")
}

/// A task of 60 seconds with an output and a check.
pub(super) fn task(id: &str, title: &str, agent: &str, needs: &[&str], seconds: u32) -> Task {
    Task {
        id: task_id(id),
        title: title.to_owned(),
        prompt: format!("Write {title}."),
        agent: agent_id(agent),
        needs: needs.iter().map(|need| task_id(need)).collect(),
        priority: 1,
        estimated_seconds: seconds,
        module: "shop".to_owned(),
        wave: None,
        outputs: vec![format!("src/{}/*.py", id.to_lowercase())],
        acceptance: vec![Check {
            run: words("python3 -m pytest -q"),
            time_limit_seconds: 60,
            ..Default::default()
        }],
        retries: 1,
        time_limit_seconds: 600,
        host: None,
        needs_approval: false,
    }
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A plan whose agents are given as `id title host`, its hosts as `id capacity`.
pub(super) fn plan(
    title: &str,
    tasks: Vec<Task>,
    agents: &[(&str, &str, &str)],
    hosts: &[(&str, u32)],
) -> Plan {
    let agents = agents.iter().map(|(id, title, host)| Agent {
        id: agent_id(id),
        title: (*title).to_owned(),
        host: HostId::new(*host).expect("a valid id"),
        runner: RunnerKind::Command,
        command: words("./agent"),
        environment: std::collections::BTreeMap::new(),
        mode: None,
        model: None,
        access: Access::default(),
        account: String::new(),
        tools: None,
    });
    let hosts =
        hosts.iter().map(|(id, capacity)| Host::local(HostId::new(*id).expect("a valid id"), *capacity));
    Plan {
        name: "shop".to_owned(),
        title: title.to_owned(),
        label: None,
        rules: Vec::new(),
        prompt_template: None,
        order: Order::Priority,
        work_stealing: true,
        work_folder: "work".to_owned(),
        sequential_waves: Vec::new(),
        tasks,
        agents: agents.collect(),
        hosts: hosts.collect(),
        limits: Limits::default(),
        approvals: ApprovalPolicy::default(),
        budget: Budget::default(),
        fallback: Fallback::default(),
        failover: Failover::default(),
        prices: PriceTable::default(),
        layout: TmuxLayout::default(),
        git: miyabi_plan::GitPlan::default(),
        verification: Vec::new(),
    }
}

/// What a look after a claim found: one changed file and one check.
pub(super) fn found(file: &str, passed: bool) -> EvidenceReport {
    EvidenceReport {
        changed: vec![file.to_owned()],
        checks: vec![CheckResult {
            run: words("python3 -m pytest -q"),
            passed,
            ended: if passed { "exit code 0" } else { "exit code 1" }.to_owned(),
            millis: 1240,
            tail: if passed { "4 passed\n" } else { "E   assert 2 == 3\n1 failed, 3 passed\n" }.to_owned(),
            ..Default::default()
        }],
        ..EvidenceReport::default()
    }
}

/// A run, told fact by fact.
pub(super) struct Story {
    pub(super) opening: RunOpening,
    pub(super) entries: Vec<Entry>,
}

impl Story {
    pub(super) fn new(plan: Plan, rehearse: Option<f64>) -> Self {
        let opening = RunOpening {
            run_id: "20261122-090000-4f2a".to_owned(),
            created_at: Timestamp::from_millis(START),
            plan,
            plan_dir: "/home/ada/plans/shop".to_owned(),
            plan_hash: "9f".repeat(32),
            work_folder: "/home/ada/shop".to_owned(),
            state_dir: "/tmp/miyabi-shop".to_owned(),
            session: "miyabi-shop-orchestra".to_owned(),
            choice: Choice::default(),
            rehearse,
            external: false,
            checks_external: false,
            on_hosts: false,
            git: None,
        };
        let mut story = Self { opening: opening.clone(), entries: Vec::new() };
        story.at(0.0, Fact::Opened { opening: Box::new(opening) });
        story.at(0.0, Fact::BackendStarted { epoch: 1 });
        story
    }

    pub(super) fn at(&mut self, seconds: f64, fact: Fact) {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, at: moment(seconds), fact });
    }

    pub(super) fn taken(&mut self, seconds: f64, id: &str, agent: &str) {
        self.at(seconds, Fact::Assigned { attempt: attempt(id), agent: agent_id(agent), share: None });
        self.at(seconds, Fact::Started { attempt: attempt(id) });
    }

    pub(super) fn completed(&mut self, seconds: f64, id: &str, evidence: Option<EvidenceReport>) {
        let output_files = evidence.as_ref().map(|found| found.changed.clone()).unwrap_or_default();
        self.at(
            seconds,
            Fact::Claimed { attempt: attempt(id), claim: Claim::Completed { output_files, summary: None } },
        );
        self.at(seconds, Fact::Completed { attempt: attempt(id), evidence });
    }

    pub(super) fn failed(&mut self, seconds: f64, id: &str, cause: FailureCause, error: &str, next: NextTry) {
        let evidence = match cause {
            FailureCause::AcceptanceFailed => Some(found("src/app.py", false)),
            FailureCause::MissingOutput => {
                Some(EvidenceReport { missing: words("src/task-4/*.py"), ..EvidenceReport::default() })
            }
            _ => None,
        };
        let error = error.to_owned();
        self.at(
            seconds,
            Fact::AttemptFailed { attempt: attempt(id), cause, error, evidence, next, drains: false },
        );
    }

    /// The run as the backend shows it at this second.
    pub(super) fn snapshot(&self, seconds: f64) -> RunSnapshot {
        let about = PreviewAbout {
            work_folder: self.opening.work_folder.clone(),
            state_dir: self.opening.state_dir.clone(),
            session: self.opening.session.clone(),
            rehearse: self.opening.rehearse,
            now: moment(seconds),
        };
        let mut state = RunState::open(self.opening.clone(), moment(0.0));
        for entry in &self.entries {
            state.apply(&entry.fact, entry.at);
        }
        let mut shown = preview(&self.opening.plan, self.opening.choice, &about);
        for (view, task) in shown.tasks.iter_mut().zip(&state.tasks) {
            fill(view, task, &state);
        }
        for (pid, agent) in (4001..).zip(&mut shown.agents) {
            agent.pid = Some(pid);
        }
        let count = |status| shown.tasks.iter().filter(|task| task.status == status).count();
        shown.run.completed = u32::try_from(count(TaskStatus::Completed)).expect("few tasks");
        shown.run.failed = u32::try_from(count(TaskStatus::Failed)).expect("few tasks");
        shown.run.run_id.clone_from(&self.opening.run_id);
        shown.run.phase = state.phase();
        shown.run.started_at = Some(state.opened_at);
        shown.run.ended_at = state.ended.map(|(_, at)| at);
        shown.run.stuck.clone_from(&state.stuck);
        shown.run.usage = state.usage().into();
        for agent in &mut shown.agents {
            agent.usage = state.usage_of_agent(&agent.id).into();
        }
        shown
    }
}

fn moment(seconds: f64) -> Timestamp {
    let millis = std::time::Duration::from_secs_f64(seconds).as_millis();
    Timestamp::from_millis(START + i64::try_from(millis).expect("a short run"))
}

fn fill(view: &mut TaskView, task: &TaskState, state: &RunState) {
    view.status = status_word(state, task);
    view.phase = phase(task, state);
    view.agent = task.agent.clone();
    view.started_at = task.started_at;
    view.completed_at = task.completed_at;
    view.error.clone_from(&task.error);
    let unmet =
        task.needs.iter().map(|need| &state.tasks[*need]).filter(|need| need.standing != Standing::Completed);
    let unmet: Vec<TaskId> = unmet.map(|need| need.id.clone()).collect();
    view.waiting = match view.phase {
        TaskPhase::Pending => vec![WaitReason::Need { tasks: unmet }],
        TaskPhase::Ready => vec![WaitReason::Agent { agent: task.agent.clone(), task: None }],
        _ => Vec::new(),
    };
    view.usage = state.usage_of_task(&task.id).into();
    view.stood_in = state.stood_in(&task.id);
    view.attempts = task.attempts.iter().map(shown_attempt).collect();
}

fn phase(task: &TaskState, state: &RunState) -> TaskPhase {
    let phases = [
        (Standing::Completed, TaskPhase::Completed),
        (Standing::Failed, TaskPhase::Failed),
        (Standing::Cancelled, TaskPhase::Cancelled),
        (Standing::Active, TaskPhase::Running),
        (Standing::Waiting, if state.needs_met(task) { TaskPhase::Ready } else { TaskPhase::Pending }),
    ];
    let told = phases.into_iter().find(|(standing, _)| *standing == task.standing).map(|(_, phase)| phase);
    told.unwrap_or(if matches!(task.standing, Standing::BackOff(_)) {
        TaskPhase::BackOff
    } else {
        TaskPhase::Review
    })
}

fn shown_attempt(attempt: &Attempt) -> AttemptView {
    AttemptView {
        number: attempt.number,
        agent: attempt.agent.clone(),
        host: attempt.host.clone(),
        assigned_at: attempt.assigned_at,
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
        cause: attempt.cause,
        error: attempt.error.clone(),
        output_files: match &attempt.claim {
            Some(Claim::Completed { output_files, .. }) => output_files.clone(),
            _ => Vec::new(),
        },
        evidence: attempt.evidence.clone(),
        session: attempt.session.clone(),
        model: attempt.model.clone(),
        usage: attempt.usage.into(),
        comments: Vec::new(),
        tree: None,
    }
}

/// Codex is lost in the midst of Task-2, a Claude agent stands in, and Codex comes back for Task-3.
pub(super) fn stand_in_run() -> Story {
    let tasks = vec![
        task("Task-1", "The plan", "CCG-1", &[], 60),
        task("Task-2", "The core", "CG-1", &["Task-1"], 120),
        task("Task-3", "The pages", "CG-1", &["Task-2"], 120),
    ];
    let mut plan = plan("Two kinds", tasks, &[("CCG-1", "Plan", "M"), ("CG-1", "Core", "M")], &[("M", 2)]);
    plan.label = Some("scripted model".to_owned());
    plan.agents[0].runner = RunnerKind::Claude;
    plan.agents[1].runner = RunnerKind::Codex;
    let mut story = Story::new(plan, None);
    let spent = |id: &str, tokens: u64, cost: f64| Fact::Spent {
        attempt: attempt(id),
        usage: Usage {
            input_tokens: tokens,
            cached_tokens: tokens / 2,
            output_tokens: tokens / 10,
            cost: Some(Usd::from_dollars(cost)),
        },
        model: Some("scripted".to_owned()),
    };
    story.taken(0.0, "Task-1.1", "CCG-1");
    story.at(1.0, spent("Task-1.1", 1000, 0.5));
    story.completed(60.0, "Task-1.1", Some(found("plan.md", true)));
    story.taken(60.0, "Task-2.1", "CG-1");
    let next = NextTry::Free;
    story.failed(70.0, "Task-2.1", FailureCause::ProviderDown, "connection refused", next);
    let runner = RunnerKind::Codex;
    let why = "connection refused".to_owned();
    story.at(70.0, Fact::RunnerLost { runner, cause: None, why, recheck_at: moment(200.0) });
    story.taken(71.0, "Task-2.2", "CCG-1");
    story.at(72.0, spent("Task-2.2", 2000, 1.25));
    story.completed(200.0, "Task-2.2", Some(found("core.py", true)));
    story.taken(200.0, "Task-3.1", "CG-1");
    story.at(201.0, Fact::RunnerBack { runner });
    story.completed(300.0, "Task-3.1", Some(found("pages.py", true)));
    story.at(300.0, Fact::Ended { phase: RunPhase::Completed, reasons: Vec::new() });
    story
}

/// Five tasks, of which one needs a second try, one goes to another agent and one fails for good.
pub(super) fn small_run() -> Story {
    let tasks = vec![
        task("Task-1", "The plan", "CCG-1", &[], 60),
        task("Task-2", "The core", "CG-1", &["Task-1"], 120),
        task("Task-3", "The pages", "CG-2", &["Task-1"], 120),
        task("Task-4", "The cart", "CG-3", &["Task-1"], 90),
        task("Task-5", "The tests", "CCG-1", &["Task-2", "Task-4"], 60),
    ];
    let agents = [
        ("CCG-1", "Plan", "MUGEN"),
        ("CG-1", "Core", "MUGEN"),
        ("CG-2", "Pages", "MAJIN"),
        ("CG-3", "Cart", "MAJIN"),
    ];
    let mut story = Story::new(plan("A small shop", tasks, &agents, &[("MUGEN", 2), ("MAJIN", 2)]), None);
    story.taken(0.5, "Task-1.1", "CCG-1");
    story.completed(61.0, "Task-1.1", Some(found("src/plan.py", true)));
    story.taken(61.02, "Task-2.1", "CG-1");
    story.at(61.02, Fact::Assigned { attempt: attempt("Task-3.1"), agent: agent_id("CG-2"), share: None });
    story.taken(61.03, "Task-4.1", "CG-3");
    story
        .at(76.02, Fact::Withdrawn { attempt: attempt("Task-3.1"), why: "not taken within 15 s".to_owned() });
    let (from, to) = (agent_id("CG-2"), agent_id("CG-3"));
    story.at(80.0, Fact::Reassigned { task: task_id("Task-3"), from, to, by: By::Person, packet: None });
    story.failed(
        140.0,
        "Task-4.1",
        FailureCause::MissingOutput,
        "no file matches `src/task-4/*.py`",
        NextTry::Never,
    );
    story.taken(140.02, "Task-3.2", "CG-3");
    let next = NextTry::At { time: moment(175.0) };
    story.failed(
        170.0,
        "Task-2.1",
        FailureCause::AcceptanceFailed,
        "`python3 -m pytest -q`: exit code 1",
        next,
    );
    story.at(172.0, Fact::Paused);
    story.at(182.0, Fact::Resumed);
    story.taken(182.01, "Task-2.2", "CG-1");
    story.at(190.0, Fact::QueueEditUndone { what: "Task-5: priority 1 became 9".to_owned() });
    story.at(200.0, Fact::LateClaim { agent: agent_id("CG-2"), task: "Task-3".to_owned() });
    let detail = "agent_CG-2_status.json is cut off".to_owned();
    story.at(201.0, Fact::Noted { kind: NoteKind::BadStatus, agent: Some(agent_id("CG-2")), detail });
    story.completed(255.0, "Task-3.2", Some(found("src/task-3/pages.py", true)));
    story.at(260.0, Fact::BackendStarted { epoch: 2 });
    story.completed(290.0, "Task-2.2", Some(found("src/task-2/core.py", true)));
    let reasons = vec!["Task-5 needs Task-4, which failed".to_owned()];
    story.at(290.0, Fact::Ended { phase: RunPhase::Failed, reasons });
    story
}

/// Two tasks that a rehearsal plays at 60x.
pub(super) fn rehearsal() -> Story {
    let tasks = vec![
        task("Task-1", "The plan", "CCG-1", &[], 600),
        task("Task-2", "The core", "CG-1", &["Task-1"], 1200),
    ];
    let agents = [("CCG-1", "Plan", "local"), ("CG-1", "Core", "local")];
    let mut story = Story::new(plan("A small shop", tasks, &agents, &[("local", 4)]), Some(60.0));
    story.taken(0.0, "Task-1.1", "CCG-1");
    story.completed(10.0, "Task-1.1", None);
    story.taken(10.1, "Task-2.1", "CG-1");
    story.completed(30.3, "Task-2.1", None);
    story.at(30.3, Fact::Ended { phase: RunPhase::Completed, reasons: Vec::new() });
    story
}

/// The hostile text that stands in every place where a text can stand.
pub(super) const HOSTILE: &str =
    "<script>alert(1)</script> | a\nb ]( javascript:x) `c` <!-- \" onload='y' \u{202e}";

/// A run whose every text would like to break out.
pub(super) fn hostile() -> Story {
    let mut only = task("Task-1", HOSTILE, "CG-1", &[], 60);
    only.outputs = vec![HOSTILE.to_owned()];
    only.acceptance =
        vec![Check { run: vec![HOSTILE.to_owned()], time_limit_seconds: 1, ..Default::default() }];
    let mut plan = plan(HOSTILE, vec![only], &[("CG-1", HOSTILE, "local")], &[("local", 1)]);
    plan.hosts[0].title = HOSTILE.to_owned();
    let mut story = Story::new(plan, None);
    story.opening.work_folder = HOSTILE.to_owned();
    story.taken(1.0, "Task-1.1", "CG-1");
    let mut evidence = found(HOSTILE, false);
    evidence.missing = vec![HOSTILE.to_owned()];
    evidence.problem = Some(HOSTILE.to_owned());
    evidence.checks[0].run = vec![HOSTILE.to_owned()];
    evidence.checks[0].ended = HOSTILE.to_owned();
    evidence.checks[0].tail = format!("{HOSTILE}\n```\n</pre>");
    let (error, next) = (HOSTILE.to_owned(), NextTry::Never);
    let cause = FailureCause::AcceptanceFailed;
    let id = attempt("Task-1.1");
    story.at(
        9.0,
        Fact::AttemptFailed { attempt: id, cause, error, evidence: Some(evidence), next, drains: false },
    );
    story.at(9.0, Fact::QueueEditUndone { what: HOSTILE.to_owned() });
    story.at(9.0, Fact::Ended { phase: RunPhase::Failed, reasons: vec![HOSTILE.to_owned()] });
    story
}

/// Id, title, `agent title host`, needs, seconds and wave.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str], u32, u32);

/// The fifteen tasks of the level 6 plan, carried out by fifteen agents with evidence, each a
/// little slower than its estimate.
pub(super) fn level6(slower: f64) -> Story {
    let rows: [Row; 15] = [
        ("Task-1", "Plan the framework", "CCG-1 Plan MUGEN", &[], 600, 1),
        ("Task-2", "Core", "CG-1 Core MUGEN", &["Task-1"], 900, 2),
        ("Task-3", "HTTP", "CG-2 Http MUGEN", &["Task-1"], 900, 2),
        ("Task-4", "Routing", "CG-3 Routing MUGEN", &["Task-1"], 900, 2),
        ("Task-5", "Utilities", "CG-4 Utils MUGEN", &["Task-1"], 900, 2),
        ("Task-6", "Templates", "CG-5 Templating MAJIN", &["Task-2", "Task-3"], 1200, 3),
        ("Task-7", "Database", "CG-6 Database MAJIN", &["Task-4", "Task-5"], 1200, 3),
        ("Task-8", "Sign-in", "CG-7 Auth MAJIN", &["Task-6"], 1200, 3),
        ("Task-9", "Validation", "CG-8 Validation MAJIN", &["Task-7"], 1200, 3),
        ("Task-10", "Test client and CLI", "CG-9 Testing MAJIN", &["Task-8", "Task-9"], 600, 4),
        ("Task-11", "Tests", "CCG-2 Tests MAJIN", &["Task-10"], 1200, 5),
        ("Task-12", "Documents", "CCG-3 Docs MAJIN", &["Task-10"], 1200, 5),
        ("Task-13", "Configuration", "CCG-4 Config MAJIN", &["Task-10"], 1200, 5),
        ("Task-14", "Review", "CCG-5 Review MAJIN", &["Task-11", "Task-12", "Task-13"], 450, 6),
        ("Task-15", "Verify", "CCG-6 Verify MAJIN", &["Task-14"], 450, 6),
    ];
    let agents: Vec<Vec<&str>> = rows.iter().map(|row| row.2.split(' ').collect()).collect();
    let tasks = rows.iter().zip(&agents).map(|((id, title, _, needs, seconds, wave), agent)| Task {
        wave: Some(*wave),
        ..task(id, title, agent[0], needs, *seconds)
    });
    let tasks: Vec<Task> = tasks.collect();
    let agents: Vec<(&str, &str, &str)> = agents.iter().map(|agent| (agent[0], agent[1], agent[2])).collect();
    let plan =
        plan("Level 6: a web framework by fifteen agents", tasks, &agents, &[("MUGEN", 4), ("MAJIN", 8)]);
    let forecast = miyabi_plan::forecast(&plan, Choice::default());
    let mut story = Story::new(plan, None);
    let mut turns: Vec<(f64, bool, &miyabi_plan::Slot)> = Vec::new();
    for slot in &forecast.slots {
        turns.push((slot.start_seconds * slower, true, slot));
        turns.push((slot.end_seconds * slower - 1.0, false, slot));
    }
    turns.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (at, begins, slot) in turns {
        let id = format!("{}.1", slot.task);
        if begins {
            story.taken(at, &id, slot.agent.as_str());
        } else {
            story.completed(at, &id, Some(found(&format!("src/{}.py", slot.task.folded()), true)));
        }
    }
    let end = forecast.expected_seconds * slower;
    story.at(end, Fact::Ended { phase: RunPhase::Completed, reasons: Vec::new() });
    story
}
