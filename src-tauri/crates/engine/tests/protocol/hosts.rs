//! Hosts that are reached over links: what goes where, and what becomes of it when contact is lost.

use AgentStatus::{Busy, Completed, Idle, InProgress};
use miyabi_engine::{Event, Fact, Order, OrderError, Standing};
use miyabi_plan::{
    Check, FailureCause, Host, HostId, Plan, RoomOf, RunnerKind, Site, TransportKind, WaitReason,
};
use miyabi_protocol::link::{Load, Report};
use miyabi_protocol::{AgentStatus, RunOpening, RunnerSpec, StatusFile};

use crate::bench::{Bench, agent, attempt, file, host, opening, plan, task, with_runners};

pub(crate) fn host_id(id: &str) -> HostId {
    HostId::new(id).expect("a valid id")
}

pub(crate) fn there(id: &str) -> Site {
    Site::There(host_id(id))
}

/// A plan on this machine, MUGEN and MAJIN; agents are `CG-1@MUGEN`.
pub(crate) fn spread(agents: &[&str], tasks: &[(&str, &str, &str)]) -> Plan {
    let placed: Vec<(&str, &str)> =
        agents.iter().map(|agent| agent.split_once('@').unwrap_or((agent, "local"))).collect();
    let ids: Vec<&str> = placed.iter().map(|(id, _)| *id).collect();
    let mut plan = with_runners(plan(&ids, tasks));
    for (agent, (_, host)) in plan.agents.iter_mut().zip(&placed) {
        agent.host = host_id(host);
    }
    let far = |id: &str| Host { transport: TransportKind::Ssh, ..host(id, 20) };
    plan.hosts = vec![host("local", 20), far("MUGEN"), far("MAJIN")];
    plan
}

pub(crate) fn on_hosts(plan: Plan) -> RunOpening {
    RunOpening { on_hosts: true, ..opening(plan) }
}

/// A host is reached, and shows its idle agents.
pub(crate) fn reach(bench: &mut Bench, site: &Site) {
    let state = bench.engine.state();
    let here = state.agents.iter().filter(|agent| state.opening.site(&agent.host) == *site);
    for known in here.cloned().collect::<Vec<_>>() {
        if known.is_ours() {
            bench.report_at(site, Report::RunnerUp { agent: known.id.clone(), pid: 7, attempt: None });
        }
        bench.report_at(site, status(known.id.as_str(), Idle, ""));
    }
    bench.report_at(site, Report::Listed);
}

pub(crate) fn status(id: &str, word: AgentStatus, of: &str) -> Report {
    Report::Status { agent: agent(id), status: file(id, word, of) }
}

pub(crate) fn lose(bench: &mut Bench, host: &str) {
    bench.event(Event::LinkDown { site: there(host), why: "no answer for 10 s".to_owned() });
}

pub(crate) fn takes_at(bench: &mut Bench, site: &Site, id: &str, of: &str) {
    bench.report_at(site, Report::Offered { attempt: attempt(of), baseline: [].into() });
    bench.report_at(site, Report::RunnerUp { agent: agent(id), pid: 7, attempt: Some(attempt(of)) });
    bench.report_at(site, status(id, InProgress, of));
}

/// Everything is reached, and nothing is under way.
pub(crate) fn reached(plan: Plan) -> Bench {
    let mut bench = Bench::open(on_hosts(plan));
    for site in [there("MUGEN"), there("MAJIN"), Site::Here] {
        reach(&mut bench, &site);
    }
    bench
}

/// CG-1 on MUGEN is at A.1; B needs A.
fn at_work() -> Bench {
    let mut bench = reached(spread(&["CG-1@MUGEN", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "A")]));
    assert_eq!(bench.wanted_at(&there("MUGEN")), ["queue", "BUSY CG-1 A.1"]);
    assert_eq!(bench.wanted_at(&Site::Here), ["queue"], "an offer goes to its agent, the queue to all");
    takes_at(&mut bench, &there("MUGEN"), "CG-1", "A.1");
    bench
}

fn replays(bench: &Bench) {
    let replayed = miyabi_engine::Engine::replay(&bench.journal).expect("a sound journal");
    assert_eq!(replayed.state(), bench.engine.state());
}

#[test]
fn what_a_task_that_ended_elsewhere_sets_free_begins_here() {
    let mut bench = at_work();
    bench.report_at(&there("MUGEN"), status("CG-1", Completed, "A.1"));
    assert_eq!(bench.wanted_at(&there("MUGEN")), ["queue", "IDLE CG-1"]);
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-2 B.1"]);
}

#[test]
fn what_another_site_says_of_an_agent_does_not_count() {
    let mut bench = at_work();
    for site in [Site::Here, there("MAJIN"), there("NOWHERE")] {
        bench.report_at(&site, status("CG-1", Completed, "A.1"));
        bench.report_at(&site, Report::RunnerGone { agent: agent("CG-1"), how: "killed".to_owned() });
        bench.report_at(&site, Report::StatusGone { agent: agent("CG-1") });
        assert_eq!((bench.standing("A"), bench.wanted().len()), (Standing::Active, 0), "{site}");
    }
}

#[test]
fn lost_contact_is_no_failure_and_what_was_done_meanwhile_is_taken() {
    let mut bench = at_work();
    lose(&mut bench, "MUGEN");
    lose(&mut bench, "MUGEN");
    assert_eq!(bench.facts().iter().filter(|fact| matches!(fact, Fact::HostLost { .. })).count(), 1);
    assert!(bench.engine.is_unverified(&task("A")) && !bench.engine.is_reached(&there("MUGEN")));
    let lost = bench.engine.state().lost_host(&host_id("MUGEN")).expect("it is lost");
    assert_eq!((lost.why.as_str(), lost.given_up), ("no answer for 10 s", None));
    bench.pass(24 * 3600);
    assert_eq!((bench.standing("A"), bench.wanted().len()), (Standing::Active, 0), "no limit, no word");
    assert_eq!(bench.engine.waiting(1), [WaitReason::Need { tasks: vec![task("A")] }]);
    bench.report_at(&there("MUGEN"), Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: None });
    bench.report_at(&there("MUGEN"), status("CG-1", Completed, "A.1"));
    bench.report_at(&there("MUGEN"), Report::Listed);
    assert_eq!(bench.standing("A"), Standing::Completed);
    assert!(bench.engine.state().lost_host(&host_id("MUGEN")).is_none());
    replays(&bench);
}

#[test]
fn time_without_contact_does_not_count_against_a_limit() {
    let mut bench = at_work();
    bench.pass(500);
    lose(&mut bench, "MUGEN");
    bench.pass(10_000);
    let back = there("MUGEN");
    bench.report_at(&back, Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: Some(attempt("A.1")) });
    bench.report_at(&back, status("CG-1", InProgress, "A.1"));
    bench.report_at(&back, Report::Listed);
    bench.pass(99);
    assert_eq!(bench.standing("A"), Standing::Active, "adopted, with 100 s left of its 600");
    bench.pass(2);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::TimeLimit));
    replays(&bench);
}

#[test]
fn a_host_that_rebooted_has_lost_its_attempts_and_nothing_else() {
    let mut bench = at_work();
    lose(&mut bench, "MUGEN");
    bench.report_at(&there("MUGEN"), Report::Listed);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::AgentGone));
    assert!(matches!(bench.standing("A"), Standing::BackOff(_)), "tried again, a try is spent");
}

#[test]
fn tasks_whose_only_agents_are_on_a_lost_host_say_so_and_the_run_waits() {
    let mut bench = Bench::open(on_hosts(spread(&["CG-1@MUGEN", "X-1"], &[("A", "CG-1", "")])));
    reach(&mut bench, &Site::Here);
    let waits = [WaitReason::Host { host: host_id("MUGEN") }];
    assert_eq!(bench.engine.waiting(0), waits, "it is just being reached");
    lose(&mut bench, "MUGEN");
    assert!(bench.has(|fact| matches!(fact, Fact::HostLost { .. })), "never reached is lost, too");
    bench.pass(3 * 3600);
    assert_eq!(bench.engine.waiting(0), waits);
    assert!(bench.engine.state().ended.is_none(), "it may come back");
    reach(&mut bench, &there("MUGEN"));
    assert_eq!(bench.wanted_at(&there("MUGEN")), ["queue", "BUSY CG-1 A.1"]);
}

#[test]
fn nothing_is_taken_from_an_agent_that_is_just_being_reached_but_from_one_that_is_lost() {
    let plan = spread(&["CG-1@MUGEN", "CG-2"], &[("A", "CG-1", "")]);
    let mut bench = Bench::open(on_hosts(plan));
    reach(&mut bench, &Site::Here);
    assert!(!bench.has(|fact| matches!(fact, Fact::Assigned { .. })));
    lose(&mut bench, "MUGEN");
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-2 A.1"]);
}

#[test]
fn another_backend_finds_the_host_lost_as_it_was() {
    let mut bench = at_work();
    lose(&mut bench, "MUGEN");
    bench.restart();
    reach(&mut bench, &Site::Here);
    lose(&mut bench, "MUGEN");
    assert!(bench.engine.is_unverified(&task("A")));
    assert_eq!(bench.facts().iter().filter(|fact| matches!(fact, Fact::HostLost { .. })).count(), 1);
}

#[test]
fn an_unverified_task_is_dragged_away_only_by_one_who_says_so() {
    let mut bench = at_work();
    lose(&mut bench, "MUGEN");
    let drag = |stop_running| Order::Reassign {
        task: task("A"),
        agent: agent("CG-2"),
        stop_running,
        across_kinds: false,
        packet: None,
    };
    let refused = bench.order(drag(false)).expect_err("it may still be at work");
    assert!(matches!(refused, OrderError::IsUnverified { .. }), "{refused}");
    assert!(refused.to_string().contains("contact with MUGEN is lost"), "{refused}");
    bench.order(drag(true)).expect("wanted");
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::HostLost));
    assert_eq!(bench.task("A").tries_spent, 0);
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-2 A.2"]);
    assert!(bench.engine.state().agents[0].draining, "it gets nothing before it shows its end");
}

#[test]
fn an_order_to_stop_leaves_what_cannot_be_reached() {
    let mut bench = at_work();
    lose(&mut bench, "MUGEN");
    bench.order(Order::StopAll).expect("always");
    assert_eq!(bench.standing("A"), Standing::Active, "found again when the run is resumed");
}

#[test]
fn a_host_cannot_fill_a_run_with_agents_that_nobody_planned() {
    let mut bench = Bench::open(on_hosts(spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")])));
    let mugen = there("MUGEN");
    let stranger = |number: usize| {
        let id = format!("CG-x{number}");
        Report::Status { agent: agent(&id), status: file(&id, AgentStatus::Idle, "") }
    };
    // As many before its listing is complete as after it.
    for number in 0..300 {
        bench.report_at(&mugen, stranger(number));
    }
    reach(&mut bench, &mugen);
    for number in 300..600 {
        bench.report_at(&mugen, stranger(number));
    }
    assert_eq!(bench.engine.state().agents.len(), 1 + 200);
}

#[test]
fn a_stranger_joins_where_its_file_is() {
    let mut bench = at_work();
    bench.report_at(&there("MAJIN"), status("CG-9", Idle, ""));
    assert_eq!(bench.engine.state().site_of(&agent("CG-9")), Some(there("MAJIN")));
    bench.says("CG-8", Idle, "");
    assert_eq!(bench.engine.state().site_of(&agent("CG-8")), Some(Site::Here));
}

#[test]
fn a_cancelled_task_on_a_lost_host_is_stopped_there_when_it_is_back() {
    let mut bench = at_work();
    lose(&mut bench, "MUGEN");
    bench.order(Order::CancelTask(task("A"))).expect("it is under way");
    assert!(bench.wanted_at(&there("MUGEN")).is_empty());
    let back = there("MUGEN");
    bench.report_at(&back, Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: Some(attempt("A.1")) });
    bench.report_at(&back, status("CG-1", InProgress, "A.1"));
    bench.report_at(&back, Report::Listed);
    assert_eq!(bench.wanted_at(&back), ["stop CG-1 A.1", "queue"]);
}

#[test]
fn an_offer_that_nobody_took_before_the_loss_is_taken_back_when_it_counts_no_more() {
    let mut bench = reached(spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")]));
    lose(&mut bench, "MUGEN");
    bench.order(Order::CancelTask(task("A"))).expect("it is under way");
    let back = there("MUGEN");
    bench.report_at(&back, Report::RunnerUp { agent: agent("CG-1"), pid: 7, attempt: None });
    bench.report_at(&back, status("CG-1", Busy, "A.1"));
    bench.report_at(&back, Report::Listed);
    assert_eq!(bench.wanted_at(&back), ["queue", "IDLE CG-1"]);
    assert!(!bench.engine.state().agents[0].draining);
}

#[test]
fn the_queue_on_a_host_is_shown_and_not_listened_to() {
    let mut bench = at_work();
    let mut edited = bench.queue();
    edited.tasks[1].agent = "CG-1".to_owned();
    bench.report_at(&there("MUGEN"), Report::QueueEdited { queue: Some(edited) });
    assert!(bench.has(|fact| matches!(fact, Fact::QueueEditUndone { what } if what.contains("MUGEN"))));
    assert_eq!(bench.wanted_at(&there("MUGEN")), ["queue"], "written again");
    assert!(bench.wanted_at(&Site::Here).is_empty());
}

#[test]
fn a_rehearsal_plays_every_host_on_this_machine() {
    let plan = spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")]);
    let mut bench = Bench::begun(RunOpening { rehearse: Some(60.0), ..opening(plan) });
    assert_eq!(bench.wanted_at(&Site::Here), ["queue", "BUSY CG-1 A.1"]);
    lose(&mut bench, "MUGEN");
    let refused = bench.order(Order::GiveUpHost(host_id("MUGEN"))).expect_err("it is not lost");
    assert_eq!(refused.to_string(), "MUGEN is this machine in this run; it cannot be lost");
}

#[test]
fn a_sheet_names_the_places_of_its_own_host() {
    let mut plan = spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")]);
    plan.agents[0].command = vec!["./tools/agent".to_owned()];
    plan.tasks[0].acceptance =
        vec![Check { run: vec!["./check".to_owned()], time_limit_seconds: 5, ..Default::default() }];
    plan.hosts[1].work_folder = Some("/home/me/project".to_owned());
    plan.hosts[1].state_dir = Some("/var/miyabi".to_owned());
    for (plan_dir, there_dir) in [
        ("/project/plans/one", "/home/me/project/plans/one"),
        ("/elsewhere/plan", "/home/me/project"),
        ("/project", "/home/me/project"),
    ] {
        let opening = RunOpening {
            plan_dir: plan_dir.to_owned(),
            work_folder: "/project".to_owned(),
            ..on_hosts(plan.clone())
        };
        let mut bench = Bench::open(opening);
        reach(&mut bench, &there("MUGEN"));
        reach(&mut bench, &Site::Here);
        let sheet = bench.sheet();
        assert_eq!(sheet.work_folder.as_deref(), Some("/home/me/project"));
        assert_eq!(sheet.acceptance[0].run, [format!("{there_dir}/check")]);
        let RunnerSpec::Command { argv, environment } = &sheet.runner else { panic!("{:?}", sheet.runner) };
        assert_eq!(*argv, [format!("{there_dir}/tools/agent")]);
        assert_eq!(environment["MIYABI_STATE_DIR"], "/var/miyabi");
        assert_eq!(environment["MIYABI_PLAN_DIR"], there_dir);
    }
}

#[test]
fn where_too_little_memory_or_disk_is_left_nothing_begins() {
    let load = |memory_free_mib, disk_free_mib| {
        Report::Load(Load { load_1m: 0.0, cpus: 2, memory_total_mib: 4000, memory_free_mib, disk_free_mib })
    };
    let mut bench = Bench::open(on_hosts(spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")])));
    let mugen = there("MUGEN");
    reach(&mut bench, &mugen);
    bench.report_at(&mugen, load(100, 90_000));
    reach(&mut bench, &Site::Here);
    let room = |of, free_mib| [WaitReason::Room { host: host_id("MUGEN"), of, free_mib, wanted_mib: 512 }];
    assert_eq!(bench.engine.waiting(0), room(RoomOf::Memory, 100));
    bench.report_at(&mugen, load(4000, 511));
    assert_eq!(bench.engine.waiting(0), room(RoomOf::Disk, 511));
    bench.pass(50);
    assert!(bench.engine.state().ended.is_none(), "it waits, and says for what");
    bench.report_at(&mugen, load(0, 0));
    assert_eq!(bench.wanted_at(&mugen), ["queue", "BUSY CG-1 A.1"], "unknown is no reason to wait");
}

#[test]
fn what_began_since_the_last_report_is_counted_before_a_report_shows_it() {
    let load = |memory_free_mib| {
        let (memory_total_mib, disk_free_mib) = (4000, 90_000);
        Report::Load(Load { load_1m: 0.0, cpus: 2, memory_total_mib, memory_free_mib, disk_free_mib })
    };
    let agents = ["CG-1@MUGEN", "CG-2@MUGEN", "CG-3@MUGEN"];
    let mut bench =
        Bench::open(on_hosts(spread(&agents, &[("A", "CG-1", ""), ("B", "CG-2", ""), ("C", "CG-3", "")])));
    let mugen = there("MUGEN");
    reach(&mut bench, &mugen);
    bench.report_at(&mugen, load(800));
    reach(&mut bench, &Site::Here);
    assert_eq!(bench.wanted_at(&mugen), ["queue", "BUSY CG-1 A.1", "BUSY CG-2 B.1"]);
    let room = |free_mib| {
        [WaitReason::Room { host: host_id("MUGEN"), of: RoomOf::Memory, free_mib, wanted_mib: 512 }]
    };
    assert_eq!(bench.engine.waiting(2), room(300), "800 less what two programs need");
    bench.pass(1);
    bench.report_at(&mugen, load(511));
    assert_eq!(bench.engine.waiting(2), room(511), "a report counts as it is");
    bench.pass(1);
    bench.report_at(&mugen, load(600));
    assert_eq!(bench.wanted_at(&mugen), ["queue", "BUSY CG-3 C.1"]);
}

#[test]
fn a_load_that_nobody_tells_any_more_holds_nothing_back() {
    let mut bench = Bench::open(on_hosts(spread(&["CG-1"], &[("A", "CG-1", "")])));
    let low = Load { load_1m: 0.0, cpus: 2, memory_total_mib: 4000, memory_free_mib: 9, disk_free_mib: 9 };
    bench.report(Report::Load(low));
    reach(&mut bench, &Site::Here);
    bench.pass(59);
    assert!(!bench.has(|fact| matches!(fact, Fact::Assigned { .. })));
    bench.pass(2);
    assert!(bench.has(|fact| matches!(fact, Fact::Assigned { .. })));
}

#[test]
fn an_external_agent_keeps_its_attempt_through_a_loss() {
    let mut plan = spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")]);
    plan.agents[0].runner = RunnerKind::External;
    let mut bench = reached(plan);
    takes_at(&mut bench, &there("MUGEN"), "CG-1", "A.1");
    lose(&mut bench, "MUGEN");
    let plain = StatusFile { miyabi: None, ..file("CG-1", Completed, "A.1") };
    bench.report_at(&there("MUGEN"), Report::Status { agent: agent("CG-1"), status: plain });
    bench.report_at(&there("MUGEN"), Report::Listed);
    assert_eq!(bench.standing("A"), Standing::Completed);
}
