//! What a person reads, accepts and sends back; and the plan's verification.

use miyabi_engine::{Fact, InboxItem, Order, OrderError, Standing};
use miyabi_plan::{Check, FailureCause, Plan, RunPhase, Site, WaitReason};
use miyabi_protocol::link::{Command, Report, VerifiedWork};
use miyabi_protocol::{CheckResult, ReviewComment, TaskStatus};

use crate::bench::{Bench, opening, plan, task, with_runners};
use crate::works::{does, here, merged, on_git, order, tree_made};

fn comments() -> Vec<ReviewComment> {
    let file = Some("a.txt".to_owned());
    vec![ReviewComment { file, line: Some(12), text: "say why".to_owned() }]
}

fn read() -> Bench {
    let mut sketch = with_runners(plan(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "A")]));
    sketch.tasks[0].needs_approval = true;
    let mut bench = Bench::begun(on_git(sketch));
    does(&mut bench, "CG-1", "A.1");
    bench
}

fn send_back(of: &str) -> Order {
    Order::SendBack { task: task(of), comments: comments() }
}

fn refused(bench: &mut Bench, order: Order) -> String {
    match bench.order(order) {
        Err(OrderError::DoesNotFit(why)) => why,
        other => panic!("{other:?} is no refusal"),
    }
}

#[test]
fn work_that_a_person_has_to_accept_waits_as_long_as_that_takes() {
    let mut bench = read();
    assert_eq!(bench.standing("A"), Standing::Review);
    assert_eq!(bench.engine.waiting(0), [WaitReason::Approval]);
    assert_eq!(bench.queue().tasks[0].status, TaskStatus::InProgress);
    let inbox = bench.engine.state().inbox();
    let [InboxItem::Review(open)] = inbox.as_slice() else { panic!("{inbox:?}") };
    assert_eq!(open.number, 1);
    assert!(bench.engine.state().agents[0].current.is_none(), "its agent is free");
    bench.pass(86_400);
    bench.restart();
    assert_eq!(bench.phase(), RunPhase::Running);
    bench.runner_up("CG-1", "");
    bench.says("CG-1", miyabi_protocol::AgentStatus::Idle, "");
    bench.report(Report::Listed);
    assert!(refused(&mut bench, Order::RetryTask(task("A"))).contains("accept it"));
    bench.order(Order::Accept(task("A"))).expect("fits");
    assert_eq!(order(&bench).start, "c-A.1");
    assert!(bench.engine.state().inbox().is_empty());
    assert!(refused(&mut bench, Order::Accept(task("A"))).contains("does not wait"));
}

#[test]
fn work_that_is_sent_back_is_gone_on_with_and_the_comments_are_told() {
    let mut bench = read();
    let empty = vec![ReviewComment { file: None, line: None, text: " ".to_owned() }];
    refused(&mut bench, Order::SendBack { task: task("A"), comments: empty });
    bench.order(send_back("A")).expect("fits");
    let first = &bench.task("A").attempts[0];
    assert_eq!((first.cause, bench.task("A").tries_spent), (Some(FailureCause::SentBack), 0));
    assert_eq!(order(&bench).start, "c-A.1", "from what is there");
    tree_made(&mut bench, &Site::Here, "A.2");
    assert!(bench.sheet().prompt.contains("a.txt:12: say why"), "{}", bench.sheet().prompt);
}

#[test]
fn what_is_completed_is_sent_back_only_while_nothing_was_built_on_it() {
    let mut bench = here(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", ""), ("C", "CG-1", "A B")]);
    does(&mut bench, "CG-1", "A.1");
    bench.order(send_back("A")).expect("C has not begun");
    does(&mut bench, "CG-1", "A.2");
    does(&mut bench, "CG-2", "B.1");
    // It is sent back while it is being merged: what comes of that counts no more.
    bench.order(send_back("A")).expect("C has not begun");
    merged(&mut bench, Some("C"), "stale");
    assert!(bench.engine.state().merges().is_empty());
    does(&mut bench, "CG-1", "A.3");
    merged(&mut bench, Some("C"), "m");
    assert!(refused(&mut bench, send_back("A")).contains("C was begun"));
    does(&mut bench, "CG-1", "C.1");
    merged(&mut bench, None, "all");
    assert!(refused(&mut bench, send_back("C")).contains("has ended"));
    assert!(
        refused(&mut bench, Order::TakeCommit { task: task("A"), revision: "x".to_owned() })
            .contains("no conflict")
    );
}

fn verified(passed: bool) -> Report {
    let check = CheckResult {
        passed,
        run: vec!["tests".to_owned()],
        ended: "exit code 1".to_owned(),
        ..Default::default()
    };
    Report::Verified { checks: vec![check], problem: None }
}

fn with_verification() -> Plan {
    let mut sketch = with_runners(plan(&["CG-1"], &[("A", "CG-1", "")]));
    sketch.verification = vec![Check::command(vec!["./tests".to_owned()], 60)];
    sketch
}

#[test]
fn a_run_counts_as_completed_when_its_verification_holds_on_all_work_merged() {
    let mut bench = Bench::begun(on_git(with_verification()));
    does(&mut bench, "CG-1", "A.1");
    merged(&mut bench, None, "all");
    let asks = |bench: &Bench| {
        bench.done.iter().any(|one| {
            let Command::Verify { work: VerifiedWork::Commit { commit, .. }, checks, .. } = one else {
                return false;
            };
            commit == "all" && checks[0].run == ["/plan/tests"]
        })
    };
    assert!(asks(&bench));
    bench.restart();
    bench.runner_up("CG-1", "");
    bench.says("CG-1", miyabi_protocol::AgentStatus::Idle, "");
    bench.report(Report::Listed);
    assert!(asks(&bench), "it is run again when nobody knows of it any more");
    bench.pass(3_600);
    assert_eq!(bench.phase(), RunPhase::Running);
    bench.report(verified(false));
    assert_eq!(bench.phase(), RunPhase::Failed);
    assert!(
        bench.engine.state().stuck[0].contains("tests (exit code 1)"),
        "{:?}",
        bench.engine.state().stuck
    );
    bench.order(Order::VerifyAgain).expect("fits");
    assert!(asks(&bench));
    assert!(refused(&mut bench, Order::VerifyAgain).contains("under way"));
    bench.report(verified(true));
    assert_eq!(bench.phase(), RunPhase::Completed);
    bench.report(verified(false));
    assert_eq!(bench.phase(), RunPhase::Completed, "what nobody asked for changes nothing");
    assert_eq!(bench.facts().iter().filter(|fact| matches!(fact, Fact::Verified { .. })).count(), 2);
}

#[test]
fn what_a_verification_found_wanting_is_sent_back_and_verified_anew() {
    let mut bench = Bench::begun(on_git(with_verification()));
    does(&mut bench, "CG-1", "A.1");
    merged(&mut bench, None, "all");
    bench.report(verified(false));
    assert_eq!(bench.phase(), RunPhase::Failed);
    bench.order(Order::SendBack { task: task("A"), comments: comments() }).expect("fits");
    assert_eq!(bench.phase(), RunPhase::Running);
    does(&mut bench, "CG-1", "A.2");
    merged(&mut bench, None, "all of it");
    bench.report(verified(true));
    assert_eq!(bench.phase(), RunPhase::Completed);
    let late = refused(&mut bench, Order::SendBack { task: task("A"), comments: comments() });
    assert!(late.contains("the run has ended"), "{late}");
}

#[test]
fn without_git_the_work_folder_is_verified_and_without_verification_nothing_changes() {
    let mut bench = Bench::begun(opening(with_verification()));
    bench.works("CG-1", "A.1");
    let folder = bench.done.iter().find_map(|one| match one {
        Command::Verify { work: VerifiedWork::Folder { folder }, .. } => Some(folder.as_str()),
        _ => None,
    });
    assert_eq!(folder, Some("/work"));
    bench.report(verified(true));
    assert_eq!(bench.phase(), RunPhase::Completed);
    let mut plain = Bench::begun(opening(with_runners(plan(&["CG-1"], &[("A", "CG-1", "")]))));
    plain.works("CG-1", "A.1");
    assert_eq!(plain.phase(), RunPhase::Completed);
    assert!(refused(&mut plain, Order::VerifyAgain).contains("no verification"));
}
