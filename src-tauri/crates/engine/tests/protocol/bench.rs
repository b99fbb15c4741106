//! A run on the bench: a small plan, and the helper's part played by the test, word by word.

use miyabi_plan::Site;
use std::collections::BTreeMap;

use miyabi_engine::{Effect, Engine, Entry, Event, Fact, Order, OrderError, Standing, Step, TaskState};
use miyabi_plan::model::TmuxLayout;
use miyabi_plan::{
    Access, Agent, AgentId, ApprovalPolicy, AttemptId, Budget, Choice, Failover, FailureCause, Fallback,
    Host, HostId, Limits, Plan, PriceTable, RunPhase, RunnerKind, Task, TaskId,
};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{
    AgentSpec, AgentStatus, AttemptSheet, Baseline, Carriage, EvidenceReport, Failure, MiyabiStamp,
    QueueFile, RunOpening, RunnerSpec, StatusFile, Timestamp,
};

pub(crate) fn agent(id: &str) -> AgentId {
    id.parse().expect("a valid id")
}

pub(crate) fn task(id: &str) -> TaskId {
    id.parse().expect("a valid id")
}

pub(crate) fn attempt(id: &str) -> AttemptId {
    id.parse().expect("a valid id")
}

/// A plan of `(task, agent, needs)`, each task 60 s long; needs are separated by spaces.
pub(crate) fn plan(agents: &[&str], tasks: &[(&str, &str, &str)]) -> Plan {
    let local = HostId::new("local").expect("a valid id");
    let agents = agents.iter().map(|id| Agent {
        id: agent(id),
        title: String::new(),
        host: local.clone(),
        runner: RunnerKind::External,
        command: vec!["work".to_owned()],
        environment: BTreeMap::new(),
        mode: None,
        model: None,
        access: Access::Edit,
        account: String::new(),
        tools: None,
    });
    let tasks = tasks.iter().map(|(id, taker, needs)| Task {
        id: task(id),
        title: (*id).to_owned(),
        prompt: "do it".to_owned(),
        agent: agent(taker),
        needs: needs.split_whitespace().map(task).collect(),
        priority: 1,
        estimated_seconds: 60,
        module: String::new(),
        wave: None,
        outputs: Vec::new(),
        acceptance: Vec::new(),
        retries: 1,
        time_limit_seconds: 600,
        host: None,
        needs_approval: false,
    });
    Plan {
        name: "bench".to_owned(),
        title: String::new(),
        label: None,
        rules: Vec::new(),
        prompt_template: None,
        order: miyabi_plan::Order::Priority,
        work_stealing: true,
        work_folder: "/work".to_owned(),
        sequential_waves: Vec::new(),
        tasks: tasks.collect(),
        agents: agents.collect(),
        hosts: vec![host("local", 20)],
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

pub(crate) fn host(id: &str, capacity: u32) -> Host {
    Host::local(HostId::new(id).expect("a valid id"), capacity)
}

/// The same plan, its agents run by runners of ours.
pub(crate) fn with_runners(mut plan: Plan) -> Plan {
    for agent in &mut plan.agents {
        agent.runner = RunnerKind::Command;
    }
    plan
}

/// The same plan, its agents with models behind them: `CCG` run by Claude Code, `CG` by Codex.
pub(crate) fn with_models(mut plan: Plan) -> Plan {
    for agent in &mut plan.agents {
        agent.command.clear();
        agent.runner = if agent.id.kind().as_str() == "CCG" { RunnerKind::Claude } else { RunnerKind::Codex };
    }
    plan
}

pub(crate) fn opening(plan: Plan) -> RunOpening {
    RunOpening {
        run_id: "run-1".to_owned(),
        created_at: Timestamp::from_millis(0),
        plan,
        plan_dir: "/plan".to_owned(),
        plan_hash: String::new(),
        work_folder: "/work".to_owned(),
        state_dir: "/state".to_owned(),
        session: "bench".to_owned(),
        choice: Choice::default(),
        rehearse: None,
        external: false,
        checks_external: false,
        on_hosts: false,
        git: None,
    }
}

/// A status file as an agent writes it; `of` is an attempt, or empty.
pub(crate) fn file(id: &str, status: AgentStatus, of: &str) -> StatusFile {
    let mut file = StatusFile::idle(&agent(id), Timestamp::from_millis(-1));
    file.status = status;
    if !of.is_empty() {
        let of = attempt(of);
        file.task_id = Some(of.task.to_string());
        let run_id = "run-1".to_owned();
        file.miyabi = Some(MiyabiStamp {
            run_id,
            attempt: of.number,
            host: "local".to_owned(),
            ..MiyabiStamp::default()
        });
    }
    file
}

/// A run, its journal, and what the last step wanted done.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) journal: Vec<Entry>,
    pub(crate) done: Vec<Command>,
    /// The sites of the same.
    pub(crate) sites: Vec<Site>,
    /// What the last step wanted carried.
    pub(crate) carried: Vec<Carriage>,
    now: i64,
}

impl Bench {
    pub(crate) fn open(opening: RunOpening) -> Self {
        let now = Timestamp::from_millis(0);
        let (engine, step) = Engine::open(opening, now);
        let mut bench = Self {
            engine,
            journal: Vec::new(),
            done: Vec::new(),
            sites: Vec::new(),
            carried: Vec::new(),
            now: 0,
        };
        bench.take(step);
        let step = bench.engine.backend_started(now);
        bench.take(step);
        bench
    }

    /// A run whose agents are all there and IDLE. Runners of ours are up.
    pub(crate) fn begun(opening: RunOpening) -> Self {
        let mut bench = Self::open(opening);
        let agents: Vec<(String, bool)> =
            bench.engine.state().agents.iter().map(|a| (a.id.to_string(), a.is_ours())).collect();
        for (id, ours) in &agents {
            if *ours {
                bench.runner_up(id, "");
            }
            bench.says(id, AgentStatus::Idle, "");
        }
        bench.report(Report::Listed);
        bench
    }

    /// The backend is killed, and another one takes the run up; nothing is listed yet.
    pub(crate) fn restart(&mut self) {
        let engine = Engine::replay(&self.journal).expect("a sound journal");
        assert_eq!(engine.state(), self.engine.state(), "replay equals live");
        self.engine = engine;
        let step = self.engine.backend_started(Timestamp::from_millis(self.now));
        self.take(step);
    }

    /// The journal as it would be, had the backend been killed just before this fact was on the disk.
    pub(crate) fn lose_from(&mut self, is_lost: impl Fn(&Fact) -> bool) {
        let at = self.journal.iter().position(|entry| is_lost(&entry.fact)).expect("the fact is there");
        self.journal.truncate(at);
        self.engine = Engine::replay(&self.journal).expect("a sound journal");
    }

    fn take(&mut self, step: Step) {
        self.journal.extend(step.facts);
        (self.sites, self.done, self.carried) = Default::default();
        for effect in step.effects {
            match effect {
                Effect::Send { site, command } => {
                    self.sites.push(site);
                    self.done.push(command);
                }
                Effect::Carry(carriage) => self.carried.push(carriage),
            }
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        let step = self.engine.handle(Timestamp::from_millis(self.now), event);
        self.take(step);
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.report_at(&Site::Here, report);
    }

    pub(crate) fn report_at(&mut self, site: &Site, report: Report) {
        self.event(Event::Reported { site: site.clone(), report });
    }

    pub(crate) fn order(&mut self, order: Order) -> Result<(), OrderError> {
        let step = self.engine.order(Timestamp::from_millis(self.now), order)?;
        self.take(step);
        Ok(())
    }

    /// An agent's file says this; `of` is an attempt, or empty.
    pub(crate) fn says(&mut self, id: &str, status: AgentStatus, of: &str) {
        self.writes(file(id, status, of));
    }

    pub(crate) fn writes(&mut self, status: StatusFile) {
        self.report(Report::Status { agent: agent(&status.agent_id), status });
    }

    pub(crate) fn runner_up(&mut self, id: &str, at: &str) {
        let at = (!at.is_empty()).then(|| attempt(at));
        self.report(Report::RunnerUp { agent: agent(id), pid: 7, attempt: at });
    }

    pub(crate) fn runner_gone(&mut self, id: &str) {
        self.report(Report::RunnerGone { agent: agent(id), how: "killed by signal 9".to_owned() });
    }

    pub(crate) fn offered(&mut self, of: &str) {
        self.report(Report::Offered { attempt: attempt(of), baseline: Baseline::new() });
    }

    /// BUSY is written, and `a.txt` was like this before.
    pub(crate) fn offered_with(&mut self, of: &str, digest: &str) {
        let baseline = Baseline::from([("a.txt".to_owned(), digest.to_owned())]);
        self.report(Report::Offered { attempt: attempt(of), baseline });
    }

    /// The check that was asked for in the last step.
    pub(crate) fn check(&self) -> (&AttemptSheet, &Baseline) {
        let checks = self.done.iter().rev().filter_map(|command| match command {
            Command::CheckEvidence { sheet, baseline } => Some((&**sheet, baseline.as_ref()?)),
            _ => None,
        });
        checks.into_iter().next().expect("a check with a baseline")
    }

    /// The agent's file says this, with more that its runner knows.
    pub(crate) fn says_with(&mut self, id: &str, status: AgentStatus, of: &str, stamp: MiyabiStamp) {
        let mut file = file(id, status, of);
        let known = file.miyabi.take().unwrap_or_default();
        file.miyabi =
            Some(MiyabiStamp { run_id: known.run_id, attempt: known.attempt, host: known.host, ..stamp });
        if status == AgentStatus::Failed {
            file.errors.push("it went wrong".to_owned());
        }
        self.writes(file);
    }

    /// The attempt fails, and its runner says why.
    pub(crate) fn fails(&mut self, id: &str, of: &str, cause: FailureCause) {
        let failure = Some(Failure { cause, until: None });
        self.says_with(id, AgentStatus::Failed, of, MiyabiStamp { failure, ..MiyabiStamp::default() });
    }

    /// What the last offer of the last step told the runner.
    pub(crate) fn sheet(&self) -> &AttemptSheet {
        let offers = self.done.iter().rev().filter_map(|command| match command {
            Command::Offer { sheet, .. } => Some(&**sheet),
            _ => None,
        });
        offers.into_iter().next().expect("an offer")
    }

    /// The same, of an agent with a model behind it.
    pub(crate) fn spec(&self) -> &AgentSpec {
        match &self.sheet().runner {
            RunnerSpec::Agent(spec) => spec,
            other => panic!("{other:?} is not for a model"),
        }
    }

    /// The whole of an honest attempt.
    pub(crate) fn works(&mut self, id: &str, of: &str) {
        self.takes(id, of);
        self.says(id, AgentStatus::Completed, of);
    }

    /// BUSY is written, and the agent takes it.
    pub(crate) fn takes(&mut self, id: &str, of: &str) {
        self.offered(of);
        self.says(id, AgentStatus::InProgress, of);
    }

    pub(crate) fn evidence(&mut self, of: &str, report: EvidenceReport) {
        self.report(Report::Evidence { attempt: attempt(of), report });
    }

    /// Time passes; the engine is woken whenever it asked for it. Everything that it wants done in
    /// that time is in [`Self::done`].
    pub(crate) fn pass(&mut self, seconds: i64) {
        let until = self.now + seconds * 1000;
        let mut done = Vec::new();
        while let Some(wake) = self.engine.wake_at().map(Timestamp::as_millis).filter(|wake| *wake <= until) {
            assert!(wake > self.now, "never woken in the past, nor twice at once");
            self.now = wake;
            self.event(Event::Tick);
            done.append(&mut self.done);
        }
        self.now = until;
        self.done = done;
    }

    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    pub(crate) fn task(&self, id: &str) -> &TaskState {
        self.engine.state().task(&task(id)).expect("the task is there")
    }

    pub(crate) fn standing(&self, id: &str) -> Standing {
        self.task(id).standing
    }

    pub(crate) fn phase(&self) -> RunPhase {
        self.engine.state().phase()
    }

    /// What was wanted in the last step, in a word each: `BUSY CG-1 T.1`, `IDLE CG-1`, `queue`, ...
    pub(crate) fn wanted(&self) -> Vec<String> {
        self.done.iter().filter_map(word).collect()
    }

    /// What was wanted in the last step of one site.
    pub(crate) fn wanted_at(&self, site: &Site) -> Vec<String> {
        let sent = self.sites.iter().zip(&self.done).filter(|(to, _)| *to == site);
        sent.filter_map(|(_, command)| word(command)).collect()
    }

    /// The same without the queue.
    pub(crate) fn wanted_of_agents(&self) -> Vec<String> {
        self.wanted().into_iter().filter(|word| word != "queue").collect()
    }

    pub(crate) fn queue(&self) -> QueueFile {
        miyabi_engine::projection::queue_file(self.engine.state(), Timestamp::from_millis(self.now))
    }

    pub(crate) fn facts(&self) -> Vec<&Fact> {
        self.journal.iter().map(|entry| &entry.fact).collect()
    }

    pub(crate) fn has(&self, fact: impl Fn(&Fact) -> bool) -> bool {
        self.journal.iter().any(|entry| fact(&entry.fact))
    }
}

fn word(command: &Command) -> Option<String> {
    Some(match command {
        Command::WriteQueue { .. } | Command::UpdateQueue { .. } => "queue".to_owned(),
        Command::Offer { sheet, status } => {
            assert_eq!(status.status, AgentStatus::Busy);
            format!("BUSY {} {}", sheet.agent, sheet.attempt)
        }
        Command::WriteStatus { agent, status } => {
            let word = serde_json::to_value(status.status).expect("a word");
            format!("{} {agent}", word.as_str().expect("a word"))
        }
        Command::StopAttempt { agent, attempt, .. } => format!("stop {agent} {attempt}"),
        Command::CheckEvidence { sheet, .. } => format!("check {}", sheet.attempt),
        Command::EnsureAgent { .. } => return None,
        other => format!("{other:?}"),
    })
}

pub(crate) fn missing(glob: &str) -> EvidenceReport {
    EvidenceReport { missing: vec![glob.to_owned()], ..EvidenceReport::default() }
}
