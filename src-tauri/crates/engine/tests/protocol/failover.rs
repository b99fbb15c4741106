//! Lost hosts that are given up: their tasks run elsewhere under new attempts, and what the old ones
//! still write is not taken.

use AgentStatus::{Completed, InProgress};
use miyabi_engine::{Engine, Event, Fact, GivenUpBy, Order, Standing};
use miyabi_plan::{Failover, FailureCause, Plan, RunPhase, RunnerKind, Site, WaitReason};
use miyabi_protocol::link::Report;
use miyabi_protocol::{AgentStatus, Failure, MiyabiStamp};

use crate::bench::{Bench, agent, attempt, file, task};
use crate::hosts::{host_id, lose, on_hosts, reach, reached, spread, status, takes_at, there};

fn give_up(bench: &mut Bench, host: &str) -> Result<(), miyabi_engine::OrderError> {
    bench.order(Order::GiveUpHost(host_id(host)))
}

fn lease_over(bench: &mut Bench, host: &str) {
    bench.event(Event::LeaseOver { host: host_id(host) });
}

/// CG-1 on MUGEN is at A.1; contact is lost.
fn lost(mut plan: Plan, failover: Failover) -> Bench {
    plan.failover = failover;
    let mut bench = reached(plan);
    takes_at(&mut bench, &there("MUGEN"), "CG-1", "A.1");
    lose(&mut bench, "MUGEN");
    bench
}

fn two() -> Plan {
    spread(&["CG-1@MUGEN", "CG-2"], &[("A", "CG-1", "")])
}

fn alone() -> Plan {
    spread(&["CG-1@MUGEN"], &[("A", "CG-1", ""), ("B", "CG-1", "A")])
}

const AUTOMATIC: Failover = Failover::After { seconds: 600 };

fn replays(bench: &Bench) {
    let replayed = Engine::replay(&bench.journal).expect("a sound journal");
    assert_eq!(replayed.state(), bench.engine.state());
}

#[test]
fn a_person_gives_a_host_up_and_its_tasks_run_elsewhere() {
    let mut bench = lost(two(), Failover::ByPerson);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    let first = &bench.task("A").attempts[0];
    assert_eq!((first.cause, bench.task("A").tries_spent), (Some(FailureCause::HostLost), 0));
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-2 A.2"]);
    assert!(bench.wanted_at(&there("MUGEN")).is_empty());
    let again = give_up(&mut bench, "MUGEN").expect_err("once is enough");
    assert!(again.to_string().contains("was given up already"), "{again}");
    replays(&bench);
}

#[test]
fn only_a_lost_host_can_be_given_up() {
    let mut bench = reached(two());
    for (host, why) in [("MUGEN", "is not lost"), ("local", "is this machine"), ("X", "there is no host X")] {
        let refused = give_up(&mut bench, host).expect_err("it is not lost");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[test]
fn a_claim_of_a_host_that_was_given_up_is_not_taken_and_then_its_agent_works_again() {
    let mut bench = lost(two(), Failover::ByPerson);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    let back = there("MUGEN");
    bench.report_at(&back, Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: None });
    bench.report_at(&back, status("CG-1", Completed, "A.1"));
    bench.report_at(&back, Report::Listed);
    assert!(bench.has(|fact| matches!(fact, Fact::LateClaim { .. })));
    assert_eq!(bench.standing("A"), Standing::Active, "the second attempt counts");
    assert_eq!(bench.wanted_at(&back), ["queue", "IDLE CG-1"]);
    let one = &bench.engine.state().agents[0];
    assert!(!one.draining && one.current.is_none());
    assert!(bench.engine.state().lost_host(&host_id("MUGEN")).is_none());
}

#[test]
fn an_agent_that_is_still_at_it_is_stopped_and_gets_nothing_before_its_end() {
    let mut bench = lost(two(), Failover::ByPerson);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    let back = there("MUGEN");
    bench.report_at(&back, Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: Some(attempt("A.1")) });
    bench.report_at(&back, status("CG-1", InProgress, "A.1"));
    bench.report_at(&back, Report::Listed);
    assert_eq!(bench.wanted_at(&back), ["stop CG-1 A.1", "queue"]);
    assert!(bench.engine.state().agents[0].draining);
}

#[test]
fn the_lease_acts_only_where_the_plan_says_so_and_only_while_the_host_is_lost() {
    let mut bench = lost(two(), Failover::ByPerson);
    lease_over(&mut bench, "MUGEN");
    assert_eq!(bench.standing("A"), Standing::Active);
    assert_eq!(bench.task("A").attempts.len(), 1, "the plan leaves it to a person");

    let mut bench = lost(two(), AUTOMATIC);
    bench.report_at(
        &there("MUGEN"),
        Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: Some(attempt("A.1")) },
    );
    bench.report_at(&there("MUGEN"), status("CG-1", InProgress, "A.1"));
    bench.report_at(&there("MUGEN"), Report::Listed);
    lease_over(&mut bench, "MUGEN");
    assert_eq!(bench.task("A").attempts.len(), 1, "it is back");
    lose(&mut bench, "MUGEN");
    lease_over(&mut bench, "MUGEN");
    assert!(bench.has(|fact| matches!(fact, Fact::HostGivenUp { by: GivenUpBy::Lease, .. })));
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-2 A.2"]);
}

#[test]
fn an_attempt_that_its_lease_ended_spends_no_try() {
    let mut bench = lost(two(), AUTOMATIC);
    let mut ended = file("CG-1", AgentStatus::Failed, "A.1");
    let known = ended.miyabi.take().unwrap_or_default();
    let failure = Some(Failure { cause: FailureCause::HostLost, until: None });
    ended.miyabi = Some(MiyabiStamp { failure, ..known });
    bench.report_at(&there("MUGEN"), Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: None });
    bench.report_at(&there("MUGEN"), Report::Status { agent: agent("CG-1"), status: ended });
    bench.report_at(&there("MUGEN"), Report::Listed);
    assert_eq!(bench.task("A").tries_spent, 0);
    assert_eq!(bench.wanted_at(&there("MUGEN")), ["queue", "IDLE CG-1", "BUSY CG-1 A.2"]);
}

#[test]
fn giving_up_passes_by_hands_choice_work_stealing_and_the_bond_to_a_host() {
    let mut plan = spread(&["CG-1@MUGEN", "CG-2@MAJIN"], &[("A", "CG-1", ""), ("B", "CG-1", "")]);
    plan.work_stealing = false;
    plan.tasks[1].host = Some(host_id("MUGEN"));
    let mut bench = lost(plan, Failover::ByPerson);
    let (to, stop_running) = (agent("CG-1"), false);
    bench
        .order(Order::Reassign {
            task: task("B"),
            agent: to,
            stop_running,
            across_kinds: false,
            packet: None,
        })
        .expect("it waits");
    assert_eq!(bench.engine.waiting(1), [WaitReason::Host { host: host_id("MUGEN") }]);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    let majin = there("MAJIN");
    assert_eq!(bench.wanted_at(&majin), ["queue", "BUSY CG-2 A.2"]);
    takes_at(&mut bench, &majin, "CG-2", "A.2");
    bench.report_at(&majin, status("CG-2", Completed, "A.2"));
    assert_eq!(bench.wanted_at(&majin), ["queue", "IDLE CG-2", "BUSY CG-2 B.1"]);
}

#[test]
fn where_no_agent_of_the_kind_is_left_those_of_the_lost_host_work_here() {
    let mut bench = lost(alone(), AUTOMATIC);
    lease_over(&mut bench, "MUGEN");
    assert_eq!(bench.engine.state().site_of(&agent("CG-1")), Some(Site::Here));
    assert_eq!(bench.wanted_at(&Site::Here), ["IDLE CG-1", "BUSY CG-1 A.2"]);
    assert_eq!(bench.sheet().host, "local");
    let back = there("MUGEN");
    bench.report_at(&back, Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: Some(attempt("A.1")) });
    bench.report_at(&back, status("CG-1", InProgress, "A.1"));
    bench.report_at(&back, Report::Listed);
    assert_eq!(bench.wanted_at(&back), ["stop CG-1 A.1", "stop CG-1 A.1", "queue"]);
    bench.report_at(&back, status("CG-1", Completed, "A.1"));
    assert!(bench.has(|fact| matches!(fact, Fact::LateClaim { .. })));
    assert_eq!(bench.wanted_at(&back), ["IDLE CG-1"]);
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.works("CG-1", "A.2");
    assert_eq!(bench.standing("A"), Standing::Completed);
    replays(&bench);
}

#[test]
fn agents_move_only_when_it_is_known_that_nobody_else_is_left() {
    let plan = spread(&["CG-1@MUGEN", "CG-2@MAJIN"], &[("A", "CG-1", ""), ("B", "CG-2", "")]);
    let mut bench = lost(plan, Failover::ByPerson);
    takes_at(&mut bench, &there("MAJIN"), "CG-2", "B.1");
    give_up(&mut bench, "MUGEN").expect("it is lost");
    assert!(!bench.has(|fact| matches!(fact, Fact::AgentMoved { .. })), "CG-2 takes it later");
    bench.restart();
    reach(&mut bench, &Site::Here);
    assert!(!bench.has(|fact| matches!(fact, Fact::AgentMoved { .. })), "MAJIN is just being reached");
    lose(&mut bench, "MAJIN");
    assert!(bench.has(|fact| matches!(fact, Fact::AgentMoved { agent, .. } if agent.as_str() == "CG-1")));
    assert!(bench.has(|fact| matches!(fact, Fact::Assigned { attempt, .. } if attempt.to_string() == "A.2")));
    assert_eq!(bench.standing("B"), Standing::Active, "unverified, not failed");
}

#[test]
fn a_backend_that_dies_in_the_midst_of_giving_up_is_followed_by_one_that_goes_on() {
    let mut bench = lost(alone(), Failover::ByPerson);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    bench.lose_from(|fact| matches!(fact, Fact::AttemptFailed { .. }));
    assert_eq!(bench.standing("A"), Standing::Active);
    reach(&mut bench, &there("MAJIN"));
    reach(&mut bench, &Site::Here);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::HostLost));
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "IDLE CG-1", "BUSY CG-1 A.2"]);
}

#[test]
fn a_session_stays_on_its_host() {
    let mut plan = alone();
    plan.agents[0].runner = RunnerKind::Codex;
    plan.agents[0].command.clear();
    let mut bench = reached(plan);
    takes_at(&mut bench, &there("MUGEN"), "CG-1", "A.1");
    let mut at_it = file("CG-1", InProgress, "A.1");
    let known = at_it.miyabi.take().unwrap_or_default();
    at_it.miyabi = Some(MiyabiStamp { session: Some("s-1".to_owned()), ..known });
    bench.report_at(&there("MUGEN"), Report::Status { agent: agent("CG-1"), status: at_it });
    assert!(bench.has(|fact| matches!(fact, Fact::SessionKnown { .. })));
    lose(&mut bench, "MUGEN");
    give_up(&mut bench, "MUGEN").expect("it is lost");
    assert_eq!(bench.spec().resume, None, "what moved here cannot find it");
}

#[test]
fn who_may_still_be_at_something_on_a_host_that_was_given_up_takes_no_place() {
    let mut plan = two();
    plan.limits.parallel = Some(1);
    let mut bench = lost(plan, Failover::ByPerson);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-2 A.2"]);
}

#[test]
fn a_run_that_only_a_host_could_help_that_was_given_up_ends_as_stuck_and_goes_on_when_it_is_back() {
    let mut plan = spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")]);
    plan.agents[0].runner = RunnerKind::External;
    let mut bench = Bench::open(on_hosts(plan));
    reach(&mut bench, &Site::Here);
    reach(&mut bench, &there("MAJIN"));
    lose(&mut bench, "MUGEN");
    bench.pass(3600);
    assert_eq!(bench.phase(), RunPhase::Running);
    give_up(&mut bench, "MUGEN").expect("it is lost");
    bench.pass(60);
    assert_eq!(bench.phase(), RunPhase::Stuck);
    assert_eq!(bench.engine.state().stuck, ["A waits: host MUGEN cannot be reached"]);
    reach(&mut bench, &there("MUGEN"));
    assert_eq!(bench.phase(), RunPhase::Running);
}
