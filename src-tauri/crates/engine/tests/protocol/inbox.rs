//! Requests for permission, and what a person says to an agent at its work.

use AgentStatus::{Completed, Failed};
use miyabi_engine::{AnsweredBy, Event, Fact, InboxItem, Order};
use miyabi_plan::Site;
use miyabi_plan::{ApprovalRule, FailureCause, Plan, PolicyAnswer};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{AgentStatus, ApprovalAnswer, ApprovalRequest, ApprovalScope, Timestamp};

use crate::bench::{Bench, agent, attempt, opening, plan, with_models, with_runners};

fn two() -> Plan {
    with_models(plan(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "")]))
}

fn request(id: &str, tool: &str) -> ApprovalRequest {
    let (id, tool) = (id.to_owned(), tool.to_owned());
    let asked_at = Timestamp::from_millis(0);
    ApprovalRequest { id, tool, what: "pytest -q".to_owned(), detail: String::new(), asked_at }
}

fn asks(bench: &mut Bench, id: &str, of: &str, requests: &[(&str, &str)]) {
    let asks = requests.iter().map(|(id, tool)| request(id, tool)).collect();
    bench.report(Report::Asks { agent: agent(id), attempt: attempt(of), asks, heard: 0 });
}

fn begun(plan: Plan) -> Bench {
    let mut bench = Bench::begun(opening(plan));
    bench.takes("CG-1", "A.1");
    bench.takes("CG-2", "B.1");
    bench
}

fn answers(bench: &Bench) -> Vec<(String, ApprovalAnswer)> {
    let answers = bench.done.iter().filter_map(|command| match command {
        Command::Answer { request, answer, .. } => Some((request.clone(), answer.clone())),
        _ => None,
    });
    answers.collect()
}

fn answer(number: u32, scope: ApprovalScope) -> Order {
    Order::Answer { number, answer: ApprovalAnswer::Allow, scope }
}

fn allowed(request: &str) -> Vec<(String, ApprovalAnswer)> {
    vec![(request.to_owned(), ApprovalAnswer::Allow)]
}

#[test]
fn the_plan_answers_what_it_has_a_rule_for_and_a_person_the_rest() {
    let mut plan = two();
    let rule =
        |tool: &str, answer| ApprovalRule { tool: tool.to_owned(), pattern: None, agent: None, answer };
    plan.approvals.rules = vec![rule("Read", PolicyAnswer::Allow), rule("Web*", PolicyAnswer::Deny)];
    let mut bench = begun(plan);
    asks(&mut bench, "CG-1", "A.1", &[("r1", "Read"), ("r2", "WebFetch"), ("r3", "Bash")]);
    let given = answers(&bench);
    assert_eq!(given.len(), 2);
    assert_eq!(given[0], ("r1".to_owned(), ApprovalAnswer::Allow));
    assert!(
        matches!(&given[1], (id, ApprovalAnswer::Deny { reason }) if id == "r2" && reason.contains("plan"))
    );
    let inbox = bench.engine.state().inbox();
    let [InboxItem::Approval(open)] = inbox.as_slice() else { panic!("{inbox:?}") };
    assert_eq!((open.number, open.agent.as_str(), open.request.tool.as_str()), (1, "CG-1", "Bash"));
    bench.order(answer(1, ApprovalScope::Once)).expect("fits");
    assert_eq!(answers(&bench), allowed("r3"));
    assert!(bench.engine.state().inbox().is_empty());
    asks(&mut bench, "CG-1", "A.1", &[("r4", "Bash")]);
    assert_eq!(bench.engine.state().inbox().len(), 1, "once was once");
}

#[test]
fn what_is_allowed_for_longer_is_not_asked_again_where_that_reaches() {
    for (scope, second_task) in [(ApprovalScope::Task, false), (ApprovalScope::Run, true)] {
        let mut bench = begun(two());
        asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash"), ("r2", "Bash")]);
        asks(&mut bench, "CG-2", "B.1", &[("q1", "Bash")]);
        bench.order(answer(1, scope)).expect("fits");
        let given: Vec<String> = answers(&bench).into_iter().map(|(request, _)| request).collect();
        assert_eq!(given.contains(&"q1".to_owned()), second_task, "{scope:?}");
        assert!(given.contains(&"r2".to_owned()), "the same tool of the same task is answered with it");
        bench.fails("CG-1", "A.1", FailureCause::Crashed);
        bench.pass(10);
        bench.takes("CG-1", "A.2");
        asks(&mut bench, "CG-1", "A.2", &[("r1", "Bash")]);
        assert_eq!(answers(&bench), allowed("r1"), "in every attempt of the task");
        assert!(
            bench.has(|fact| matches!(
                fact,
                Fact::ApprovalAnswered { number: None, by: AnsweredBy::Grant, .. }
            ))
        );
    }
}

#[test]
fn a_request_goes_with_its_agent_or_its_attempt() {
    let mut bench = begun(two());
    asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash"), ("r2", "Bash")]);
    asks(&mut bench, "CG-1", "A.1", &[("r2", "Bash")]);
    assert!(bench.has(|fact| matches!(fact, Fact::ApprovalGone { number: 1 })));
    assert!(bench.order(answer(1, ApprovalScope::Once)).is_err());
    bench.says("CG-1", Completed, "A.1");
    assert!(bench.engine.state().inbox().is_empty());
    let refused = bench.order(answer(2, ApprovalScope::Once)).expect_err("it is done");
    assert!(refused.to_string().contains("nothing in the inbox has the number 2"), "{refused}");
    asks(&mut bench, "CG-1", "A.1", &[("r3", "Bash")]);
    assert!(bench.engine.state().inbox().is_empty(), "an attempt that ended asks for nothing");
}

#[test]
fn nobodys_answer_is_the_policys_after_its_time() {
    let mut plan = two();
    plan.approvals.time_out_seconds = 60;
    for (on_time_out, expected) in [(PolicyAnswer::Deny, 1), (PolicyAnswer::Allow, 1), (PolicyAnswer::Ask, 0)]
    {
        plan.approvals.on_time_out = on_time_out;
        let mut bench = begun(plan.clone());
        asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash")]);
        bench.pass(59);
        assert!(answers(&bench).is_empty());
        bench.pass(2);
        assert_eq!(answers(&bench).len(), expected, "{on_time_out:?}");
        let timed_out = |fact: &Fact| matches!(fact, Fact::ApprovalAnswered { by: AnsweredBy::TimeOut, .. });
        assert_eq!(bench.has(timed_out), expected == 1);
    }
}

#[test]
fn the_time_limit_stands_still_while_a_person_is_asked_and_while_the_machine_sleeps() {
    let mut bench = begun(two());
    bench.pass(500);
    asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash")]);
    bench.pass(1000);
    assert!(
        bench.has(|fact| matches!(fact, Fact::AttemptFailed { attempt, .. } if attempt.task.as_str() == "B"))
    );
    bench.order(answer(1, ApprovalScope::Once)).expect("fits");
    bench.pass(50);
    bench.event(Event::Slept { millis: 40_000 });
    bench.pass(89);
    assert!(bench.task("A").current().is_some(), "600 s of its own, 1000 s asked, 40 s asleep");
    bench.pass(2);
    assert!(bench.task("A").current().is_none());
}

#[test]
fn an_answer_that_was_lost_is_given_again_and_is_the_same() {
    let mut bench = begun(two());
    asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash")]);
    bench.order(answer(1, ApprovalScope::Once)).expect("fits");
    bench.restart();
    bench.says("CG-1", AgentStatus::InProgress, "A.1");
    bench.runner_up("CG-1", "A.1");
    bench.report(Report::Listed);
    asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash")]);
    assert_eq!(answers(&bench), allowed("r1"));
    assert!(bench.engine.state().inbox().is_empty());
    let count =
        bench.facts().into_iter().filter(|fact| matches!(fact, Fact::ApprovalAnswered { .. })).count();
    assert_eq!(count, 1);
}

#[test]
fn a_request_may_come_before_the_file_that_says_that_the_work_began() {
    let mut bench = Bench::begun(opening(two()));
    bench.offered("A.1");
    asks(&mut bench, "CG-1", "A.1", &[("r1", "Bash")]);
    assert_eq!(bench.engine.state().inbox().len(), 1);
    assert!(bench.task("A").current().is_some_and(|current| current.started_at.is_some()));
    bench.pass(60);
    assert_eq!(bench.engine.state().inbox().len(), 1, "an offer that was taken is not taken back");
}

fn say(id: &str, text: &str) -> Order {
    Order::Say { agent: agent(id), text: text.to_owned() }
}

fn said(bench: &Bench) -> Vec<(u32, String)> {
    let said = bench.done.iter().filter_map(|command| match command {
        Command::Say { number, text, .. } => Some((*number, text.clone())),
        _ => None,
    });
    said.collect()
}

#[test]
fn a_word_reaches_the_agent_at_work_and_is_said_again_over_a_new_link_until_it_was_heard() {
    let mut bench = begun(two());
    bench.order(say("CG-1", "use tabs")).expect("fits");
    assert_eq!(said(&bench), [(1, "use tabs".to_owned())]);
    bench.order(say("CG-1", "and no spaces")).expect("fits");
    for (heard, again) in [(1, vec![1, 2]), (2, vec![1, 2])] {
        bench.event(Event::LinkDown { site: Site::Here, why: "the helper ended".to_owned() });
        bench.says("CG-1", AgentStatus::InProgress, "A.1");
        bench.runner_up("CG-1", "A.1");
        bench.report(Report::Listed);
        assert_eq!(said(&bench).into_iter().map(|(number, _)| number).collect::<Vec<_>>(), again);
        bench.report(Report::Asks { agent: agent("CG-1"), attempt: attempt("A.1"), asks: Vec::new(), heard });
    }
    bench.event(Event::LinkDown { site: Site::Here, why: "the helper ended".to_owned() });
    bench.report(Report::Asks { agent: agent("CG-1"), attempt: attempt("A.1"), asks: Vec::new(), heard: 1 });
    bench.says("CG-1", AgentStatus::InProgress, "A.1");
    bench.runner_up("CG-1", "A.1");
    bench.report(Report::Listed);
    assert_eq!(said(&bench).len(), 1, "the helper said before that the first was heard");
}

#[test]
fn a_word_to_nobody_is_refused_with_the_reason() {
    let mut bench = begun(two());
    bench.says("CG-2", Failed, "B.1");
    for (to, text, why) in [
        ("CG-9", "hello", "no agent CG-9"),
        ("CG-2", "hello", "is at no task now"),
        ("CG-1", "  ", "nothing to say"),
        ("CG-1", &"x".repeat(100_000), "longer than"),
    ] {
        let refused = bench.order(say(to, text)).expect_err(why);
        assert!(refused.to_string().contains(why), "{refused}");
    }
    let mut programs = Bench::begun(opening(with_runners(two())));
    programs.takes("CG-1", "A.1");
    let refused = programs.order(say("CG-1", "hello")).expect_err("a program");
    assert!(refused.to_string().contains("no model is behind CG-1"), "{refused}");
}
