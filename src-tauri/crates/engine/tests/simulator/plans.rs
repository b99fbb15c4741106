//! Random plans: task graphs, crews, hosts, limits and the choices of a person.

use std::collections::BTreeMap;

use miyabi_plan::model::TmuxLayout;
use miyabi_plan::{
    Access, Agent, AgentId, ApprovalPolicy, ApprovalRule, Budget, Check, Choice, ConflictsGo, Failover,
    Fallback, Host, HostId, Limits, Order, Plan, PolicyAnswer, PortRange, PriceTable, RunnerKind, Task,
    TaskId, TransportKind, Usd,
};
use miyabi_protocol::{RunGit, RunOpening, Timestamp};

use crate::chance::Chance;
use crate::gits::BASE;

/// A run that is about to be opened.
pub(crate) fn opening(chance: &mut Chance, seed: u64) -> RunOpening {
    let mode = chance.small(0..=9);
    let on_hosts = chance.one_in(2);
    let choice = Choice { follow_waves: chance.one_in(3), drop_conflicting_edges: chance.one_in(4) };
    let mut plan = plan(chance);
    let git = (mode > 2 && !chance.one_in(3)).then(|| on_git(chance, &mut plan));
    RunOpening {
        run_id: format!("sim-{seed}"),
        created_at: Timestamp::from_millis(0),
        plan,
        plan_dir: "/plan".to_owned(),
        plan_hash: String::new(),
        work_folder: "/work".to_owned(),
        state_dir: "/state".to_owned(),
        session: "sim".to_owned(),
        choice,
        rehearse: (mode == 0).then_some(60.0),
        external: mode == 1 || mode == 2,
        checks_external: chance.one_in(2),
        on_hosts,
        git,
    }
}

/// Makes a plan one whose work travels on git.
fn on_git(chance: &mut Chance, plan: &mut Plan) -> RunGit {
    plan.git.conflicts = if chance.one_in(3) { ConflictsGo::Person } else { ConflictsGo::Agent };
    plan.git.ports = Some(PortRange { first: 20_000, count: 10 });
    if !chance.one_in(3) {
        plan.verification = vec![Check::command(vec!["verify".to_owned()], 60)];
    }
    for task in &mut plan.tasks {
        task.needs_approval = chance.one_in(6);
    }
    RunGit {
        repository: "/work".to_owned(),
        base: BASE.to_owned(),
        base_branch: None,
        store: "store".to_owned(),
        stashed: None,
    }
}

fn plan(chance: &mut Chance) -> Plan {
    let hosts = hosts(chance);
    let failover = match chance.one_in(2) {
        true => Failover::After { seconds: chance.small(60..=600) },
        false => Failover::ByPerson,
    };
    let agents = agents(chance, &hosts);
    let tasks = tasks(chance, &agents);
    Plan {
        name: "sim".to_owned(),
        title: String::new(),
        order: if chance.one_in(2) { Order::Priority } else { Order::CriticalPath },
        work_stealing: !chance.one_in(3),
        work_folder: "/work".to_owned(),
        sequential_waves: if chance.one_in(4) { vec![1] } else { Vec::new() },
        tasks,
        agents,
        hosts,
        limits: Limits {
            parallel: chance.one_in(3).then(|| chance.small(1..=6)),
            back_off_seconds: chance.small(1..=10),
            back_off_max_seconds: 60,
            offer_seconds: 15,
            ..Limits::default()
        },
        label: None,
        rules: Vec::new(),
        prompt_template: None,
        approvals: approvals(chance),
        budget: budget(chance),
        fallback: Fallback {
            codex_to_claude: chance.one_in(2),
            claude_to_codex: chance.one_in(2),
            after_failures: chance.small(1..=4),
            recheck_seconds: chance.small(10..=600),
        },
        failover,
        prices: PriceTable::default(),
        layout: TmuxLayout::default(),
        git: miyabi_plan::GitPlan::default(),
        verification: Vec::new(),
    }
}

fn approvals(chance: &mut Chance) -> ApprovalPolicy {
    use PolicyAnswer::{Allow, Ask, Deny};
    let (tool, answer) = ("Bash".to_owned(), *chance.pick(&[Allow, Ask, Deny]));
    ApprovalPolicy {
        default: *chance.pick(&[Allow, Ask, Ask, Deny]),
        rules: vec![ApprovalRule { tool, pattern: None, agent: None, answer }],
        time_out_seconds: chance.small(10..=2_000),
        on_time_out: *chance.pick(&[Allow, Ask, Deny]),
    }
}

fn budget(chance: &mut Chance) -> Budget {
    let mut one = |most| chance.one_in(4).then(|| Usd::from_micros(u64::from(chance.small(100_000..=most))));
    Budget { run: one(20_000_000), agent: one(6_000_000), task: one(3_000_000) }
}

fn hosts(chance: &mut Chance) -> Vec<Host> {
    let all_are_far = chance.one_in(6);
    let host = |(at, capacity): (usize, u32)| Host {
        transport: if at == 0 && !all_are_far { TransportKind::Local } else { TransportKind::Ssh },
        ..Host::local(HostId::new(format!("host{at}")).expect("a valid id"), capacity)
    };
    let capacities: Vec<u32> = (0..chance.small(1..=3)).map(|_| chance.small(1..=6)).collect();
    capacities.into_iter().enumerate().map(host).collect()
}

fn agents(chance: &mut Chance, hosts: &[Host]) -> Vec<Agent> {
    let with_models = chance.one_in(2);
    let kinds = &["CCG", "CG", "X"][..chance.small(2..=3) as usize];
    let mut agents = Vec::new();
    for number in 1..=chance.small(1..=12) {
        let kind = chance.pick(kinds);
        agents.push(Agent {
            id: AgentId::new(format!("{kind}-{number}")).expect("a valid id"),
            title: String::new(),
            host: chance.pick(hosts).id.clone(),
            runner: match *kind {
                "CCG" if with_models && !chance.one_in(12) => RunnerKind::Claude,
                "CG" if with_models && !chance.one_in(12) => RunnerKind::Codex,
                _ if chance.one_in(3) => RunnerKind::External,
                _ => RunnerKind::Command,
            },
            command: vec!["work".to_owned()],
            environment: BTreeMap::new(),
            mode: None,
            model: None,
            access: Access::Edit,
            account: if chance.one_in(4) { "shared".to_owned() } else { String::new() },
            tools: None,
        });
    }
    agents
}

fn tasks(chance: &mut Chance, agents: &[Agent]) -> Vec<Task> {
    let count = if chance.one_in(3) { chance.small(1..=40) } else { chance.small(1..=14) };
    let with_waves = chance.one_in(2);
    let rarity = chance.small(2..=6);
    let mut tasks: Vec<Task> = Vec::new();
    let mut levels: Vec<u32> = Vec::new();
    for number in 0..count as usize {
        let first = number.saturating_sub(6);
        let needs: Vec<usize> = (first..number).filter(|_| chance.one_in(rarity)).collect();
        let level = needs.iter().map(|need| levels[*need] + 1).max().unwrap_or(1);
        levels.push(level);
        // Waves that mostly follow the levels, and sometimes go against the needs.
        let wave = if chance.one_in(5) { chance.small(1..=4) } else { level };
        let agent = chance.pick(agents);
        let id = |number: usize| TaskId::new(format!("Task-{}", number + 1)).expect("a valid id");
        tasks.push(Task {
            id: id(number),
            title: String::new(),
            prompt: "do it".to_owned(),
            agent: agent.id.clone(),
            needs: needs.into_iter().map(id).collect(),
            priority: i32::try_from(chance.small(0..=3)).expect("small"),
            estimated_seconds: chance.small(5..=120),
            module: String::new(),
            wave: (with_waves && !chance.one_in(8)).then_some(wave),
            outputs: if chance.one_in(3) { Vec::new() } else { vec!["out/*".to_owned()] },
            acceptance: match chance.one_in(3) {
                true => {
                    vec![Check { run: vec!["check".to_owned()], time_limit_seconds: 5, ..Default::default() }]
                }
                false => Vec::new(),
            },
            retries: chance.small(0..=3),
            time_limit_seconds: chance.small(130..=400),
            host: chance.one_in(6).then(|| agent.host.clone()),
            needs_approval: false,
        });
    }
    tasks
}
