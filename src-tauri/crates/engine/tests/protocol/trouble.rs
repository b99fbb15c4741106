//! Failures that are not the task's: rate limits, programs that cannot work, and who stands in.

use AgentStatus::{Failed, InProgress};
use miyabi_engine::{Fact, NextTry, Order, OrderError, Standing};
use miyabi_plan::{FailureCause, Plan, RunPhase, RunnerKind, WaitReason};
use miyabi_protocol::{AgentStatus, Failure, MiyabiStamp, Timestamp, Usage};

use crate::bench::{Bench, agent, opening, plan, task, with_models, with_runners};

fn limited(bench: &mut Bench, id: &str, of: &str, until: Option<i64>) {
    bench.takes(id, of);
    let until = until.map(Timestamp::from_millis);
    let failure = Some(Failure { cause: FailureCause::RateLimited, until });
    bench.says_with(id, Failed, of, MiyabiStamp { failure, ..MiyabiStamp::default() });
}

fn answered() -> MiyabiStamp {
    let usage = Some(Usage { output_tokens: 1, ..Usage::default() });
    MiyabiStamp { usage, ..MiyabiStamp::default() }
}

#[test]
fn a_rate_limit_holds_back_all_agents_of_the_account_which_then_begin_one_after_the_other() {
    let tasks = [("A", "CG-1", ""), ("B", "CG-2", "A"), ("C", "CG-3", ""), ("D", "CCG-1", "")];
    let mut plan = with_models(plan(&["CG-1", "CG-2", "CG-3", "CCG-1"], &tasks));
    plan.agents[2].account = "other".to_owned();
    plan.work_stealing = false;
    plan.tasks[1].needs.clear();
    let mut bench = Bench::begun(opening(plan));
    limited(&mut bench, "CG-1", "A.1", Some(100_000));
    assert_eq!((bench.standing("A"), bench.task("A").tries_spent), (Standing::Waiting, 0));
    let reason = WaitReason::Account { account: "codex".to_owned(), until_seconds: 100.0 };
    assert_eq!(bench.engine.waiting(0), [reason]);
    limited(&mut bench, "CG-2", "B.1", None);
    let rests = bench.facts().into_iter().filter(|fact| matches!(fact, Fact::AccountRests { .. })).count();
    assert_eq!(rests, 1, "it rests already");
    bench.pass(98);
    assert!(bench.wanted_of_agents().is_empty());
    assert_eq!(bench.phase(), RunPhase::Running);
    bench.pass(2);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
    bench.offered("A.2");
    bench.pass(4);
    assert!(bench.wanted_of_agents().is_empty(), "staggered");
    bench.pass(1);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-2 B.2"]);
}

#[test]
fn a_limit_without_an_end_rests_longer_each_time_until_a_model_answers() {
    let mut bench = Bench::begun(opening(with_models(plan(&["CG-1"], &[("A", "CG-1", "")]))));
    for (number, rest) in [(1, 30), (2, 60), (3, 120), (4, 240), (5, 300), (6, 300)] {
        limited(&mut bench, "CG-1", &format!("A.{number}"), None);
        bench.pass(rest - 1);
        assert_eq!(bench.task("A").attempts.len(), number, "{rest} s");
        bench.pass(1);
        assert_eq!(bench.task("A").attempts.len(), number + 1, "{rest} s");
    }
    bench.offered("A.7");
    bench.says_with("CG-1", InProgress, "A.7", answered());
    limited(&mut bench, "CG-1", "A.7", None);
    bench.pass(30);
    assert_eq!(bench.task("A").attempts.len(), 8);
}

#[test]
fn an_end_that_is_always_past_or_years_away_is_not_believed() {
    let mut bench = Bench::begun(opening(with_models(plan(&["CG-1"], &[("A", "CG-1", "")]))));
    limited(&mut bench, "CG-1", "A.1", Some(-1));
    bench.pass(29);
    assert_eq!(bench.task("A").attempts.len(), 1);
    bench.pass(1);
    limited(&mut bench, "CG-1", "A.2", Some(i64::MAX));
    bench.pass(8 * 24 * 3600);
    assert_eq!(bench.task("A").attempts.len(), 3);
}

#[test]
fn what_follows_depends_on_the_cause() {
    use FailureCause::*;
    for (cause, spends, standing) in [
        (AgentFailed, 1, "back-off"),
        (Crashed, 1, "back-off"),
        (ContextLimit, 1, "back-off"),
        (PermissionRefused, 0, "failed"),
        (NotInstalled, 0, "back-off"),
        (ProviderDown, 0, "back-off"),
        (BudgetReached, 1, "back-off"),
        (Cancelled, 1, "back-off"),
    ] {
        let mut bench = Bench::begun(opening(with_models(plan(&["CG-1"], &[("A", "CG-1", "")]))));
        bench.takes("CG-1", "A.1");
        bench.fails("CG-1", "A.1", cause);
        let stands = match bench.standing("A") {
            Standing::BackOff(_) => "back-off",
            Standing::Failed => "failed",
            other => panic!("{cause:?}: {other:?}"),
        };
        assert_eq!((bench.task("A").tries_spent, stands), (spends, standing), "{cause:?}");
        let told = if cause == Cancelled { AgentFailed } else { cause };
        assert_eq!(bench.task("A").attempts[0].cause, Some(told), "a runner cannot know what a person did");
    }
}

#[test]
fn an_agent_without_a_model_has_no_account_and_only_a_runner_of_ours_says_why_it_failed() {
    let plain = || plan(&["CG-1"], &[("A", "CG-1", "")]);
    for (plan, told) in
        [(plain(), FailureCause::AgentFailed), (with_runners(plain()), FailureCause::RateLimited)]
    {
        let mut bench = Bench::begun(opening(plan));
        bench.takes("CG-1", "A.1");
        let failure = Some(Failure { cause: FailureCause::RateLimited, until: None });
        bench.says_with("CG-1", Failed, "A.1", MiyabiStamp { failure, ..answered() });
        assert_eq!((bench.task("A").attempts[0].cause, bench.task("A").tries_spent), (Some(told), 1));
        assert!(!bench.has(|fact| matches!(fact, Fact::AccountRests { .. } | Fact::Spent { .. })));
    }
}

fn crew() -> Plan {
    let ids = ["CG-1", "CG-2", "CCG-1", "CCG-2"];
    let tasks =
        [("A", "CG-1", ""), ("B", "CG-2", ""), ("C", "CCG-1", ""), ("D", "CG-1", ""), ("E", "CCG-1", "C")];
    let mut plan = with_models(plan(&ids, &tasks));
    plan.tasks[3].priority = 2;
    plan
}

/// Codex fails three times in a row.
fn lost(plan: Plan) -> Bench {
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-1", "A.1");
    bench.takes("CG-2", "B.1");
    bench.offered("C.1");
    bench.fails("CG-1", "A.1", FailureCause::ProviderDown);
    bench.fails("CG-2", "B.1", FailureCause::ProviderDown);
    assert!(bench.engine.state().lost_runners().is_empty());
    bench.takes("CG-1", "D.1");
    bench.fails("CG-1", "D.1", FailureCause::ProviderDown);
    assert_eq!(bench.engine.state().lost_runners()[0].runner, RunnerKind::Codex);
    bench
}

#[test]
fn after_failures_in_a_row_the_other_kind_stands_in_with_its_own_tasks_first() {
    let mut bench = lost(crew());
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CCG-2 D.2"]);
    assert!(bench.engine.state().stood_in(&task("D")));
    assert_eq!(bench.task("D").tries_spent, 0);
    bench.pass(10);
    assert_eq!(bench.engine.waiting(0), [WaitReason::Agent { agent: agent("CCG-1"), task: Some(task("C")) }]);
    bench.says("CCG-1", InProgress, "C.1");
    bench.says("CCG-1", AgentStatus::Completed, "C.1");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CCG-1", "BUSY CCG-1 E.1"], "its own first");
    bench.works("CCG-2", "D.2");
    assert_eq!(bench.wanted_of_agents(), ["IDLE CCG-2", "BUSY CCG-2 A.2"], "one after the other");
}

#[test]
fn one_task_tries_whether_the_program_is_back_and_a_models_answer_brings_it_back() {
    let mut bench = lost(crew());
    bench.pass(10);
    bench.works("CCG-2", "D.2");
    bench.takes("CCG-2", "A.2");
    bench.works("CCG-1", "C.1");
    bench.takes("CCG-1", "E.1");
    bench.pass(289);
    assert_eq!(bench.task("B").attempts.len(), 1);
    bench.pass(1);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-2 B.2"], "a trial");
    assert!(bench.engine.waiting(0).is_empty() && bench.task("A").current().is_some(), "a stand-in goes on");
    bench.offered("B.2");
    bench.says_with(
        "CG-2",
        InProgress,
        "B.2",
        MiyabiStamp { session: Some("s".to_owned()), ..MiyabiStamp::default() },
    );
    assert_eq!(bench.engine.state().lost_runners().len(), 1, "a session alone is no answer");
    bench.says_with("CG-2", InProgress, "B.2", answered());
    assert!(bench.engine.state().lost_runners().is_empty());
    bench.fails("CCG-2", "A.2", FailureCause::Crashed);
    bench.pass(10);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.3"], "back to its own kind");
}

#[test]
fn a_trial_in_vain_doubles_the_pause_up_to_half_an_hour_and_spends_no_try() {
    let mut plan = with_models(plan(&["CG-1"], &[("A", "CG-1", "")]));
    plan.fallback.after_failures = 1;
    let mut bench = Bench::begun(opening(plan));
    for (number, pause) in [(1, 300), (2, 600), (3, 1200), (4, 1800), (5, 1800)] {
        let id = format!("A.{number}");
        bench.takes("CG-1", &id);
        bench.fails("CG-1", &id, FailureCause::ProviderDown);
        let until = (bench.now() + pause * 1000) as f64 / 1000.0;
        assert_eq!(
            bench.engine.waiting(0),
            [WaitReason::BackOff { until_seconds: until, attempt: number + 1 }]
        );
        bench.pass(pause - 1);
        assert_eq!((bench.phase(), bench.task("A").attempts.len()), (RunPhase::Running, number as usize));
        bench.pass(1);
    }
    assert_eq!((bench.task("A").attempts.len(), bench.task("A").tries_spent), (6, 0));
}

#[test]
fn nobody_stands_in_where_the_plan_forbids_it_or_a_person_chose_the_agent_or_the_host_is_another() {
    let mut forbidden = crew();
    forbidden.fallback.codex_to_claude = false;
    let mut bound = crew();
    bound.hosts.push(crate::bench::host("other", 4));
    for agent in &mut bound.agents[2..] {
        agent.host = "other".parse().expect("an id");
    }
    for at in [0, 1, 3] {
        bound.tasks[at].host = Some("local".parse().expect("an id"));
    }
    for plan in [forbidden, bound] {
        let mut bench = lost(plan);
        bench.pass(10);
        assert_eq!(bench.task("D").attempts.len(), 1);
    }
    let mut bench = lost(crew());
    bench
        .order(Order::Reassign {
            task: task("A"),
            agent: agent("CG-2"),
            stop_running: false,
            across_kinds: false,
            packet: None,
        })
        .expect("fits");
    bench.pass(10);
    bench.works("CCG-2", "D.2");
    assert_eq!(bench.task("A").attempts.len(), 1, "a person chose CG-2");
}

#[test]
fn a_person_moves_a_task_across_kinds_only_while_its_own_program_is_lost() {
    let to_claude = || Order::Reassign {
        task: task("A"),
        agent: agent("CCG-1"),
        stop_running: false,
        across_kinds: false,
        packet: None,
    };
    let mut bench = Bench::begun(opening(crew()));
    assert!(matches!(bench.order(to_claude()), Err(OrderError::WrongKind { .. })));
    let mut bench = lost(crew());
    bench.order(to_claude()).expect("fits");
    bench.says("CCG-1", InProgress, "C.1");
    bench.says("CCG-1", AgentStatus::Completed, "C.1");
    bench.pass(10);
    let sequence = bench.task("A").attempts.last().map(|attempt| attempt.agent.clone());
    assert!(bench.task("A").pinned && bench.task("A").agent == agent("CCG-1"), "{sequence:?}");
}

#[test]
fn a_person_who_says_so_moves_a_task_across_kinds_at_any_time_and_its_work_stays_there() {
    let mut bench = Bench::begun(opening(crew()));
    bench.takes("CG-1", "A.1");
    let give = |stop_running, across_kinds| Order::Reassign {
        task: task("A"),
        agent: agent("CCG-1"),
        stop_running,
        across_kinds,
        packet: None,
    };
    assert!(matches!(bench.order(give(true, false)), Err(OrderError::WrongKind { .. })));
    assert!(matches!(bench.order(give(false, true)), Err(OrderError::IsRunning { .. })));
    assert_eq!(bench.task("A").attempts.len(), 1, "nothing was agreed to");
    bench.order(give(true, true)).expect("agreed");
    bench.says("CCG-1", InProgress, "C.1");
    bench.says("CCG-1", AgentStatus::Completed, "C.1");
    bench.works("CCG-1", "A.2");
    assert_eq!(bench.task("A").standing, Standing::Completed);
}

#[test]
fn while_one_task_tries_the_others_wait_for_its_agent() {
    let mut plan = with_models(plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "")]));
    plan.fallback.after_failures = 1;
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-1", "A.1");
    bench.takes("CG-2", "B.1");
    bench.fails("CG-1", "A.1", FailureCause::ProviderDown);
    bench.fails("CG-2", "B.1", FailureCause::ProviderDown);
    bench.pass(300);
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
    assert_eq!(bench.engine.waiting(1), [WaitReason::Agent { agent: agent("CG-1"), task: Some(task("A")) }]);
}

#[test]
fn an_agent_that_was_at_work_all_the_time_and_is_done_brings_its_program_back() {
    let tasks = [("A", "CG-1", ""), ("B", "CG-2", ""), ("C", "CG-3", "")];
    let mut plan = with_models(plan(&["CG-1", "CG-2", "CG-3"], &tasks));
    plan.fallback.after_failures = 2;
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-3", "C.1");
    for (id, of) in [("CG-1", "A.1"), ("CG-2", "B.1")] {
        bench.takes(id, of);
        bench.fails(id, of, FailureCause::NotLoggedIn);
    }
    assert_eq!(bench.engine.state().lost_runners().len(), 1);
    bench.says("CG-3", AgentStatus::Completed, "C.1");
    assert!(bench.engine.state().lost_runners().is_empty());
    assert!(bench.wanted_of_agents().contains(&"BUSY CG-2 B.2".to_owned()), "{:?}", bench.wanted_of_agents());
}

#[test]
fn a_run_that_waits_for_a_program_is_stuck_only_where_a_person_must_mend_it() {
    for (cause, phase) in [
        (FailureCause::ProviderDown, RunPhase::Running),
        (FailureCause::NotLoggedIn, RunPhase::Stuck),
        (FailureCause::NotInstalled, RunPhase::Stuck),
    ] {
        let mut plan = with_models(plan(&["CG-1"], &[("A", "CG-1", "")]));
        plan.fallback.recheck_seconds = 300;
        let mut bench = Bench::begun(opening(plan));
        for number in 1..=3 {
            bench.takes("CG-1", &format!("A.{number}"));
            bench.fails("CG-1", &format!("A.{number}"), cause);
            bench.pass(if number < 3 { 30 } else { 60 });
        }
        assert_eq!(bench.phase(), phase, "{cause:?}");
        // Mended meanwhile: the next trial takes the run up again, with nobody's word.
        bench.pass(300);
        assert_eq!((bench.phase(), bench.task("A").attempts.len()), (RunPhase::Running, 4), "{cause:?}");
    }
}

#[test]
fn a_person_who_mended_the_program_need_not_wait_for_the_next_trial() {
    let mut plan = with_models(plan(&["CG-1"], &[("A", "CG-1", "")]));
    plan.fallback.after_failures = 1;
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-1", "A.1");
    bench.fails("CG-1", "A.1", FailureCause::NotLoggedIn);
    bench.pass(10);
    bench.order(Order::RetryTask(task("A"))).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
    bench.takes("CG-1", "A.2");
    bench.fails("CG-1", "A.2", FailureCause::NotLoggedIn);
    bench.pass(599);
    assert_eq!(bench.task("A").attempts.len(), 2, "the pause is none the shorter for it");
    bench.pass(1);
    assert_eq!(bench.task("A").attempts.len(), 3);
}

#[test]
fn a_lost_program_is_still_lost_after_a_restart_and_a_trial_goes_on() {
    let mut bench = lost(crew());
    let before = bench.engine.state().clone();
    bench.restart();
    assert_eq!(bench.engine.state().lost_runners(), before.lost_runners());
    assert!(bench.engine.state().stood_in(&task("D")));
}

#[test]
fn a_success_between_them_makes_failures_no_row() {
    let mut plan = with_models(plan(&["CG-1"], &[("A", "CG-1", "")]));
    plan.fallback.after_failures = 2;
    let mut bench = Bench::begun(opening(plan));
    for number in 1..=4 {
        let id = format!("A.{number}");
        bench.offered(&id);
        bench.says_with("CG-1", InProgress, &id, answered());
        bench.fails("CG-1", &id, FailureCause::ProviderDown);
        assert!(bench.has(|fact| matches!(fact, Fact::AttemptFailed { next: NextTry::After { .. }, .. })));
        bench.pass(10);
    }
    assert!(bench.engine.state().lost_runners().is_empty());
}
