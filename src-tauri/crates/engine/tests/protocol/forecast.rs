//! The forecast promises what the engine does.

use miyabi_plan::Site;
use std::collections::{BTreeMap, BTreeSet};

use miyabi_engine::{Effect, Engine, Event, Step};
use miyabi_plan::{AttemptId, Choice, NamedText, Plan, PlanText, RunPhase, forecast, read};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{AgentStatus, Baseline, RunOpening, StatusFile, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::bench::{host, opening, plan};

/// Honest agents without any delay, each task taking exactly its estimate.
struct Play {
    engine: Engine,
    now: i64,
    ends: BTreeSet<(i64, AttemptId)>,
    files: BTreeMap<AttemptId, StatusFile>,
    done: Vec<Command>,
}

/// Plays a run to its end; gives its length in ms.
fn play(opening: RunOpening) -> i64 {
    let (engine, _) = Engine::open(opening, Timestamp::from_millis(0));
    let mut play = Play { engine, now: 0, ends: BTreeSet::new(), files: BTreeMap::new(), done: Vec::new() };
    let agents: Vec<_> = play.engine.state().agents.iter().map(|agent| agent.id.clone()).collect();
    for agent in agents {
        let status = StatusFile::idle(&agent, Timestamp::from_millis(-1));
        play.report(Report::RunnerUp { agent: agent.clone(), pid: 7, attempt: None });
        play.report(Report::Status { agent, status });
    }
    play.report(Report::Listed);
    while let Some((at, attempt)) = play.ends.pop_first() {
        play.now = at;
        let file = play.files.remove(&attempt).expect("it was begun");
        let status = StatusFile { status: AgentStatus::Completed, ..file };
        play.report(Report::Status { agent: status.agent_id.parse().expect("an id"), status });
    }
    assert_eq!(play.engine.state().phase(), RunPhase::Completed);
    play.now
}

impl Play {
    fn report(&mut self, report: Report) {
        let step = self
            .engine
            .handle(Timestamp::from_millis(self.now), Event::Reported { site: Site::Here, report });
        self.carry_out(step);
        while let Some(command) = self.done.pop() {
            let Command::Offer { sheet, status } = command else { continue };
            self.ends.insert((self.now + i64::from(sheet.estimated_seconds) * 1000, sheet.attempt.clone()));
            let status = StatusFile { status: AgentStatus::InProgress, ..status };
            self.files.insert(sheet.attempt.clone(), status.clone());
            let offered = Report::Offered { attempt: sheet.attempt, baseline: Baseline::new() };
            for report in [offered, Report::Status { agent: sheet.agent, status }] {
                let step = self
                    .engine
                    .handle(Timestamp::from_millis(self.now), Event::Reported { site: Site::Here, report });
                self.carry_out(step);
            }
        }
    }

    fn carry_out(&mut self, step: Step) {
        self.done.extend(step.effects.into_iter().filter_map(|effect| match effect {
            Effect::Send { command, .. } => Some(command),
            Effect::Carry(_) => None,
        }));
    }
}

fn level6() -> Plan {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../examples/level6");
    let text = |name: &str| {
        let text = std::fs::read_to_string(format!("{folder}/{name}")).expect("the example is there");
        Some(NamedText::new(name, text))
    };
    let read = read(&PlanText {
        tasks: text("task_dag.json"),
        agent_config: text("agent_config.json"),
        ..PlanText::default()
    });
    read.plan.expect("the example is sound")
}

#[test]
fn a_rehearsal_of_level_6_takes_what_the_forecast_says_under_each_choice() {
    for (follow_waves, drop_conflicting_edges, seconds) in
        [(false, false, 6600), (true, false, 6600), (true, true, 5400)]
    {
        let choice = Choice { follow_waves, drop_conflicting_edges };
        let plan = level6();
        assert_eq!(forecast(&plan, choice).expected_seconds, f64::from(seconds), "{choice:?}");
        let opening = RunOpening { choice, rehearse: Some(60.0), ..opening(plan) };
        assert_eq!(play(opening), i64::from(seconds) * 1000, "{choice:?}");
    }
}

#[test]
fn honest_agents_take_what_the_forecast_says_for_any_plan() {
    for seed in 0..400 {
        let (plan, choice) = some_plan(&mut StdRng::seed_from_u64(seed));
        let expected = forecast(&plan, choice).expected_seconds;
        let took = play(RunOpening { choice, external: true, ..opening(plan) });
        assert_eq!(
            std::time::Duration::from_millis(took.unsigned_abs()).as_secs_f64(),
            expected,
            "seed {seed}"
        );
    }
}

/// Estimates that no two sums of which are likely to be equal: at a tie the engine hears of one end
/// first, and the forecast of both.
fn some_plan(chance: &mut StdRng) -> (Plan, Choice) {
    let agents: Vec<String> = (1..=chance.random_range(1..=8))
        .map(|n| format!("{}-{n}", ["CCG", "CG"][chance.random_range(0..2)]))
        .collect();
    let names: Vec<String> = (1..=chance.random_range(1..=30)).map(|n| format!("T{n}")).collect();
    let rows: Vec<(String, usize, String)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let needs = names[at.saturating_sub(5)..at].iter().filter(|_| chance.random_range(0..4) == 0);
            let needs = needs.cloned().collect::<Vec<_>>().join(" ");
            (name.clone(), chance.random_range(0..agents.len()), needs)
        })
        .collect();
    let tasks: Vec<_> =
        rows.iter().map(|(name, by, needs)| (name.as_str(), agents[*by].as_str(), needs.as_str())).collect();
    let mut plan = plan(&agents.iter().map(String::as_str).collect::<Vec<_>>(), &tasks);
    plan.hosts = (0..chance.random_range(1..=3))
        .map(|n| host(&format!("host{n}"), chance.random_range(1..=5)))
        .collect();
    for agent in &mut plan.agents {
        agent.host = plan.hosts[chance.random_range(0..plan.hosts.len())].id.clone();
    }
    for task in &mut plan.tasks {
        task.estimated_seconds = chance.random_range(100_000..2_000_000);
        task.time_limit_seconds = u32::MAX;
        task.priority = chance.random_range(0..3);
        task.wave = (chance.random_range(0..5) > 0).then(|| chance.random_range(1..=4));
        if chance.random_range(0..6) == 0 {
            let own = plan.agents.iter().find(|agent| agent.id == task.agent).expect("its agent is there");
            task.host = Some(own.host.clone());
        }
    }
    plan.work_stealing = chance.random_range(0..3) > 0;
    plan.limits.parallel = (chance.random_range(0..3) == 0).then(|| chance.random_range(1..=5));
    let choice = Choice {
        follow_waves: chance.random_range(0..2) == 0,
        drop_conflicting_edges: chance.random_range(0..2) == 0,
    };
    if chance.random_range(0..2) == 0 {
        plan.order = miyabi_plan::Order::CriticalPath;
    }
    (plan, choice)
}
