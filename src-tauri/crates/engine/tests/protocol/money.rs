//! What the work costs, and budgets that hold it back.

use AgentStatus::{Failed, InProgress};
use miyabi_engine::{BudgetOf, Fact, InboxItem, Order, Standing};
use miyabi_plan::{FailureCause, Plan, Price, RunPhase, Usd, WaitReason};
use miyabi_protocol::{AgentStatus, Failure, MiyabiStamp, Usage};

use crate::bench::{Bench, agent, opening, plan, task, with_models};

fn two() -> Plan {
    with_models(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")]))
}

fn usd(dollars: f64) -> Usd {
    Usd::from_dollars(dollars)
}

fn costs(dollars: f64) -> MiyabiStamp {
    let usage = Usage { input_tokens: 1, output_tokens: 1, cost: Some(usd(dollars)), ..Usage::default() };
    MiyabiStamp { usage: Some(usage), session: Some("s-1".to_owned()), ..MiyabiStamp::default() }
}

fn spent(bench: &Bench) -> Vec<f64> {
    let spent = bench.facts().into_iter().filter_map(|fact| match fact {
        Fact::Spent { usage, .. } => usage.cost,
        _ => None,
    });
    spent.map(Usd::dollars).collect()
}

#[test]
fn use_is_journaled_at_first_then_every_ten_seconds_and_at_the_end() {
    let mut bench = Bench::begun(opening(two()));
    bench.offered("A.1");
    for (seconds, cost) in [(0, 0.1), (1, 0.2), (8, 0.3), (2, 0.4), (1, 0.5)] {
        bench.pass(seconds);
        bench.says_with("CG-1", InProgress, "A.1", costs(cost));
    }
    assert_eq!(spent(&bench), [0.1, 0.4]);
    let live = bench.engine.seen(&agent("CG-1")).and_then(|seen| seen.usage.clone()).expect("seen");
    assert_eq!(live.1.cost, Some(usd(0.5)));
    bench.runner_gone("CG-1");
    assert_eq!(spent(&bench), [0.1, 0.4, 0.5]);
}

#[test]
fn use_is_summed_by_task_agent_and_run_and_counts_when_it_is_told_late() {
    let mut plan = two();
    plan.tasks[0].time_limit_seconds = 60;
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-1", "A.1");
    bench.pass(61);
    assert_eq!(bench.task("A").attempts[0].cause, Some(FailureCause::TimeLimit));
    bench.says_with("CG-1", Failed, "A.1", costs(0.25));
    bench.pass(10);
    bench.offered("A.2");
    bench.says_with("CG-1", AgentStatus::Completed, "A.2", costs(0.5));
    let state = bench.engine.state();
    assert_eq!(state.usage_of_task(&task("A")).cost, Some(usd(0.75)));
    assert_eq!(state.usage_of_agent(&agent("CG-1")).cost, Some(usd(0.75)));
    assert_eq!((state.usage().cost, state.usage_of_task(&task("B")).cost), (Some(usd(0.75)), None));
}

#[test]
fn the_price_table_gives_the_cost_where_the_program_gives_none() {
    for (stamp_model, expected) in
        [(Some("gpt-5"), Some(usd(3.0))), (None, Some(usd(1.0))), (Some("unknown"), None)]
    {
        let mut plan = two();
        plan.agents[0].model = Some("small".to_owned());
        for (name, dollars) in [("gpt-5*", 3.0), ("small", 1.0)] {
            let price = Price { input: usd(dollars), cached: usd(0.0), output: usd(0.0) };
            plan.prices.models.insert(name.to_owned(), price);
        }
        let mut bench = Bench::begun(opening(plan));
        bench.offered("A.1");
        let usage = Some(Usage { input_tokens: 1_000_000, ..Usage::default() });
        let model = stamp_model.map(Into::into);
        bench.says_with("CG-1", InProgress, "A.1", MiyabiStamp { usage, model, ..MiyabiStamp::default() });
        assert_eq!(bench.engine.state().usage().cost, expected, "{stamp_model:?}");
    }
}

#[test]
fn a_budget_that_is_reached_holds_the_next_start_back_until_a_person_raises_it() {
    for budget in ["run", "agent"] {
        let mut plan = two();
        match budget {
            "run" => plan.budget.run = Some(usd(1.0)),
            _ => plan.budget.agent = Some(usd(1.0)),
        }
        let mut bench = Bench::begun(opening(plan));
        assert_eq!(bench.spec().budget, Some(usd(1.0)));
        bench.offered("A.1");
        bench.says_with("CG-1", AgentStatus::Completed, "A.1", costs(1.5));
        assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"], "{budget}");
        assert_eq!(bench.engine.waiting(1), [WaitReason::Budget]);
        bench.pass(3600);
        assert_eq!(bench.phase(), RunPhase::Running, "a run that waits for a person is not stuck");
        let inbox = bench.engine.state().inbox();
        let [InboxItem::Budget(reached)] = inbox.as_slice() else { panic!("{inbox:?}") };
        assert_eq!((reached.spent, reached.limit), (usd(1.5), usd(1.0)));
        let number = reached.number;
        let refused = bench.order(Order::RaiseBudget { number, limit: usd(1.5) }).expect_err("too little");
        assert!(refused.to_string().contains("$1.50 is spent"), "{refused}");
        assert!(bench.order(Order::RaiseBudget { number: 9, limit: usd(9.0) }).is_err());
        bench.order(Order::RaiseBudget { number, limit: usd(2.0) }).expect("fits");
        assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 B.1"], "{budget}");
        assert_eq!(bench.spec().budget, Some(usd(0.5)), "what is left of it");
        assert!(bench.engine.state().inbox().is_empty());
    }
}

#[test]
fn an_attempt_that_ran_out_of_money_goes_on_in_its_session_and_spends_no_try() {
    let mut plan = two();
    plan.budget.task = Some(usd(1.0));
    let mut bench = Bench::begun(opening(plan));
    bench.offered("A.1");
    // The program's own figure stayed a little below.
    let failure = Some(Failure { cause: FailureCause::BudgetReached, until: None });
    bench.says_with("CG-1", Failed, "A.1", MiyabiStamp { failure, ..costs(0.99) });
    assert_eq!((bench.standing("A"), bench.task("A").tries_spent), (Standing::Waiting, 0));
    assert_eq!(bench.engine.waiting(0), [WaitReason::Budget]);
    let reached = bench.engine.state().reached_budgets()[0].clone();
    assert_eq!(reached.budget, BudgetOf::Task { task: task("A") });
    bench.order(Order::RaiseBudget { number: reached.number, limit: usd(3.0) }).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.2"]);
    assert_eq!(bench.spec().resume.as_ref().map(|resume| resume.session.as_str()), Some("s-1"));
}

#[test]
fn an_agent_whose_own_task_waits_for_money_takes_another_one_meanwhile() {
    let tasks = [("A", "CG-1", ""), ("B", "CG-2", ""), ("C", "CG-2", "")];
    let mut plan = with_models(plan(&["CG-1", "CG-2"], &tasks));
    plan.budget.task = Some(usd(1.0));
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-2", "B.1");
    bench.offered("A.1");
    let failure = Some(Failure { cause: FailureCause::BudgetReached, until: None });
    bench.says_with("CG-1", Failed, "A.1", MiyabiStamp { failure, ..costs(1.0) });
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-1 C.1"]);
    assert_eq!(bench.engine.waiting(0), [WaitReason::Budget]);
    assert_eq!(bench.engine.state().inbox().len(), 1);
}

#[test]
fn what_is_left_is_shared_among_those_at_work_and_never_more_than_that() {
    let ids = ["CG-1", "CG-2", "CG-3"];
    let tasks = [("A", "CG-1", ""), ("B", "CG-1", "A"), ("C", "CG-2", "A"), ("D", "CG-3", "A")];
    let mut plan = with_models(plan(&ids, &tasks));
    plan.budget.run = Some(usd(3.0));
    let mut bench = Bench::begun(opening(plan));
    assert_eq!(bench.spec().budget, Some(usd(3.0)), "nothing can run beside A");
    bench.offered("A.1");
    bench.says_with("CG-1", AgentStatus::Completed, "A.1", costs(1.0));
    assert_eq!(
        bench.wanted_of_agents(),
        ["IDLE CG-1", "BUSY CG-1 B.1", "BUSY CG-2 C.1"],
        "$2 is left, and an attempt costs $1"
    );
    assert_eq!((share(&bench, "B"), share(&bench, "C")), (Some(usd(1.0)), Some(usd(1.0))));
    assert_eq!(bench.engine.waiting(3), [WaitReason::Budget]);
    assert!(bench.engine.state().inbox().is_empty(), "nothing is reached yet");
    bench.takes("CG-1", "B.1");
    bench.says_with("CG-1", AgentStatus::Completed, "B.1", costs(0.2));
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1", "BUSY CG-3 D.1"], "B left some");
    assert_eq!(share(&bench, "D"), Some(usd(0.8)));
}

fn share(bench: &Bench, id: &str) -> Option<Usd> {
    bench.task(id).attempts.last().and_then(|last| last.share)
}

fn runs_out(bench: &mut Bench, id: &str, of: &str, dollars: f64) {
    let failure = Some(Failure { cause: FailureCause::BudgetReached, until: None });
    bench.says_with(id, Failed, of, MiyabiStamp { failure, ..costs(dollars) });
}

#[test]
fn who_used_up_its_share_goes_on_with_what_others_leave_and_then_a_person_is_asked() {
    let mut plan = with_models(plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "")]));
    plan.budget.run = Some(usd(4.0));
    let mut bench = Bench::begun(opening(plan));
    assert_eq!((share(&bench, "A"), share(&bench, "B")), (Some(usd(2.0)), Some(usd(2.0))));
    bench.takes("CG-2", "B.1");
    bench.takes("CG-1", "A.1");
    runs_out(&mut bench, "CG-1", "A.1", 1.8);
    assert_eq!((bench.standing("A"), bench.task("A").tries_spent), (Standing::Waiting, 0));
    assert_eq!(bench.engine.waiting(0), [WaitReason::Budget]);
    assert!(bench.engine.state().inbox().is_empty(), "B may leave some");
    bench.wanted_of_agents();
    bench.says_with("CG-2", AgentStatus::Completed, "B.1", costs(0.5));
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-2", "BUSY CG-1 A.2"]);
    assert_eq!(share(&bench, "A"), Some(usd(1.7)), "all that is left");
    bench.takes("CG-1", "A.2");
    runs_out(&mut bench, "CG-1", "A.2", 1.5);
    assert_eq!(bench.wanted_of_agents(), ["IDLE CG-1"], "$0.20 was too little before");
    let inbox = bench.engine.state().inbox();
    let [InboxItem::Budget(reached)] = inbox.as_slice() else { panic!("{inbox:?}") };
    assert_eq!((&reached.budget, reached.spent), (&BudgetOf::Run, usd(3.8)), "asked before it is passed");
    bench.order(Order::RaiseBudget { number: reached.number, limit: usd(4.5) }).expect("fits");
    assert_eq!(bench.wanted_of_agents(), ["BUSY CG-1 A.3"]);
    assert_eq!(share(&bench, "A"), Some(usd(0.7)));
}

#[test]
fn who_comes_to_the_end_of_a_part_goes_on_at_once_where_there_is_more() {
    let tasks = [("A", "CG-1", ""), ("B", "CG-2", "A"), ("C", "CG-2", "")];
    let mut plan = with_models(plan(&["CG-1", "CG-2"], &tasks));
    plan.budget.run = Some(usd(4.0));
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-2", "C.1");
    bench.says_with("CG-2", AgentStatus::Completed, "C.1", costs(0.1));
    bench.takes("CG-1", "A.1");
    runs_out(&mut bench, "CG-1", "A.1", 1.9);
    assert_eq!(share(&bench, "A"), Some(usd(2.0)), "$1.90 that C left is free");
    assert!(bench.has(|fact| matches!(fact, Fact::Assigned { attempt, .. } if attempt.number == 2)));
    assert!(bench.engine.state().inbox().is_empty());
    // One that stops far below its limit is not started again and again.
    bench.takes("CG-1", "A.2");
    runs_out(&mut bench, "CG-1", "A.2", 0.1);
    assert_eq!(bench.engine.state().inbox().len(), 1);
}
