//! What the core itself costs, for plans as large as people will draw.

use miyabi_plan::Site;
use std::time::{Duration, Instant};

use AgentStatus::{Completed, InProgress};
use miyabi_engine::{Effect, Engine, Event, Step};
use miyabi_plan::{Plan, RunPhase};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{AgentStatus, Baseline, StatusFile, Timestamp};

use crate::bench::{opening, plan};

const TASKS: usize = 1000;

/// In release the bound is what is wanted; a build without optimisation may take ten times as long.
fn bound() -> Duration {
    Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 })
}

fn thousand(agents: &[&str], needs: impl Fn(usize) -> String) -> Plan {
    let rows: Vec<(String, String)> = (0..TASKS).map(|at| (format!("T{at}"), needs(at))).collect();
    let rows: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(at, (id, needs))| (id.as_str(), agents[at % agents.len()], needs.as_str()))
        .collect();
    plan(agents, &rows)
}

/// Every task is done at once by honest external agents.
fn time_of(plan: Plan) -> Duration {
    let began = Instant::now();
    let (mut engine, _) = Engine::open(opening(plan), Timestamp::from_millis(0));
    let mut reports: Vec<Report> = vec![Report::Listed];
    let agents: Vec<_> = engine.state().agents.iter().map(|agent| agent.id.clone()).collect();
    for agent in agents {
        let status = StatusFile::idle(&agent, Timestamp::from_millis(-1));
        reports.push(Report::Status { agent, status });
    }
    let mut now = 0;
    while let Some(report) = reports.pop() {
        now += 1;
        let Step { effects, .. } =
            engine.handle(Timestamp::from_millis(now), Event::Reported { site: Site::Here, report });
        for effect in effects {
            let Effect::Send { command, .. } = effect else { continue };
            let Command::Offer { sheet, status } = command else { continue };
            let says = |word| Report::Status {
                agent: sheet.agent.clone(),
                status: StatusFile { status: word, ..status.clone() },
            };
            let offered = Report::Offered { attempt: sheet.attempt.clone(), baseline: Baseline::new() };
            reports.splice(0..0, [says(Completed), says(InProgress), offered]);
        }
    }
    assert_eq!(engine.state().phase(), RunPhase::Completed);
    began.elapsed()
}

#[test]
fn a_thousand_tasks_cost_little() {
    let eight = ["CG-1", "CG-2", "CG-3", "CG-4", "CG-5", "CG-6", "CG-7", "CG-8"];
    let chain = |at: usize| at.checked_sub(1).map(|before| format!("T{before}")).unwrap_or_default();
    let mut waves = thousand(&eight, |_| String::new());
    for (at, task) in waves.tasks.iter_mut().enumerate() {
        task.wave = Some(u32::try_from(at / 100).expect("small"));
    }
    for (about, plan) in [
        ("chain", thousand(&["CG-1"], chain)),
        ("fan", thousand(&eight, |_| String::new())),
        ("waves", waves),
    ] {
        let took = time_of(plan);
        println!("{about} of {TASKS} tasks: {took:?}");
        assert!(took < bound(), "{about}: {took:?}");
    }
}
