//! What the figures say.

use miyabi_engine::{Fact, GivenUpBy, NextTry};
use miyabi_plan::{FailureCause, RunPhase};

use super::story::{Story, agent_id, hostile, level6, rehearsal, small_run, stand_in_run, task};
use crate::{DoneId, HistoryKind, Outcome, Report, Verdict, report};

fn of(story: &Story, seconds: f64) -> Report {
    report(&story.snapshot(seconds), &story.entries)
}

fn line(report: &Report, id: DoneId) -> (Verdict, &str) {
    let line = report.done_means.iter().find(|line| line.id == id).expect("every line is there");
    (line.verdict, line.measured.as_str())
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.002
}

#[test]
fn fifteen_agents_in_half_the_time_of_one_is_done() {
    let report = of(&level6(1.04), 6864.0);
    assert_eq!(report.parallel.agents_used, 15);
    assert_eq!(report.parallel.max_at_once, 4);
    assert!(close(report.time.forecast.expected_seconds, 6600.0));
    assert!(close(report.time.actual_seconds.expect("it ran"), 6864.0));
    assert!(close(report.time.against_forecast.expect("it completed"), 1.04));
    assert!(close(report.time.speed_up_estimated.expect("it completed"), 14_100.0 / 6864.0));
    // Each attempt ended a second before the next could begin.
    assert!(close(report.time.work_seconds, 14_100.0 * 1.04 - 15.0));
    let verdicts: Vec<Verdict> = report.done_means.iter().map(|line| line.verdict).collect();
    assert_eq!(verdicts, [Verdict::Met; 7]);
    assert_eq!(line(&report, DoneId::AcceptanceChecks).1, "15 of 15; in the last phase 2 of 2");
}

#[test]
fn a_run_in_its_midst_judges_only_what_is_reached() {
    let mut story = level6(1.0);
    let half = story.entries.iter().position(|entry| entry.at.millis_since(story.entries[0].at) > 3_000_000);
    story.entries.truncate(half.expect("the run is longer"));
    let report = of(&story, 3000.0);
    assert!(!report.run.ended);
    assert_eq!(line(&report, DoneId::TasksAtOnce).0, Verdict::Met);
    assert_eq!(line(&report, DoneId::AgentsUsed).0, Verdict::Open);
    assert_eq!(line(&report, DoneId::Evidence).0, Verdict::Open);
    assert_eq!(line(&report, DoneId::HalfTheTime).0, Verdict::Open);
    assert!(report.tasks.iter().any(|task| task.attempts.iter().any(|a| a.outcome == Outcome::Running)));
    assert_eq!(report.time.speed_up_measured, None);
}

#[test]
fn both_switches_and_what_they_cost_are_told() {
    let report = of(&stand_in_run(), 300.0);
    let told: Vec<&str> = report
        .history
        .iter()
        .filter(|line| line.kind == HistoryKind::StandIn)
        .map(|line| line.text.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "codex cannot work (connection refused); others take its tasks, where the plan allows it",
            "codex works again and takes its own tasks",
        ]
    );
    let stood_in: Vec<bool> = report.tasks.iter().map(|task| task.stood_in).collect();
    assert_eq!(stood_in, [false, true, false]);
    assert_eq!(report.usage.cost_usd, Some(1.75));
    assert_eq!(report.agents[0].usage.input_tokens, 3000.0);
    let text = crate::render(
        &stand_in_run().snapshot(300.0),
        &stand_in_run().entries,
        miyabi_api::ReportFormat::Markdown,
    );
    for said in ["scripted model", "planned: CG-1, stood in", "| CCG-1 | 3000 | 1500 | 300 | \\$1.75 |"] {
        assert!(text.contains(said), "{said} is missing in\n{text}");
    }
    assert!(text.contains(FailureCause::ProviderDown.remedy()));
}

#[test]
fn attempts_that_were_not_taken_are_no_work() {
    let report = of(&small_run(), 290.0);
    // Task-3.1 was offered to CG-2 and withdrawn: CG-2 never worked.
    assert_eq!((report.parallel.agents_used, report.parallel.agents), (3, 4));
    assert_eq!(report.parallel.max_at_once, 2);
    assert!(close(report.parallel.max_at_seconds.expect("it ran"), 61.03));
    assert_eq!((report.counts.attempts, report.counts.withdrawn, report.counts.failed_attempts), (5, 1, 2));
    let agent = |id: &str| report.agents.iter().find(|agent| agent.id.as_str() == id).expect("it is there");
    assert!(close(agent("CG-1").busy_seconds, 108.98 + 107.99));
    assert!(close(agent("CG-1").utilisation, 216.97 / 290.0));
    assert!(close(agent("CG-2").utilisation, 0.0));
    let host = &report.hosts[0];
    assert_eq!((host.id.as_str(), host.max_at_once), ("MUGEN", 1));
    assert!(close(host.utilisation, (60.5 + 216.97) / (2.0 * 290.0)));
}

#[test]
fn failures_say_their_cause_and_what_came_of_them() {
    let report = of(&small_run(), 290.0);
    let failures: Vec<_> =
        report.failures.iter().map(|f| (f.attempt.as_str(), f.cause, f.overcome, f.holds_back)).collect();
    assert_eq!(
        failures,
        [
            ("Task-4.1", FailureCause::MissingOutput, false, 1),
            ("Task-2.1", FailureCause::AcceptanceFailed, true, 0),
        ]
    );
    assert_eq!(report.waiting.len(), 1, "Task-5 waits");
    assert_eq!(line(&report, DoneId::HalfTheTime).0, Verdict::NotMet);
}

#[test]
fn the_journal_tells_what_else_happened() {
    let report = of(&small_run(), 290.0);
    let kinds: Vec<HistoryKind> = report.history.iter().map(|line| line.kind).collect();
    assert_eq!(
        kinds,
        [
            HistoryKind::Withdrawn,
            HistoryKind::Reassignment,
            HistoryKind::AutomaticRetry,
            HistoryKind::Paused,
            HistoryKind::Resumed,
            HistoryKind::QueueEditUndone,
            HistoryKind::LateClaim,
            HistoryKind::Note,
            HistoryKind::Takeover,
            HistoryKind::Ended,
        ]
    );
    assert!(close(report.time.paused_seconds, 10.0));
    let counts = &report.counts;
    assert_eq!((counts.automatic_retries, counts.reassignments, counts.stolen, counts.pauses), (1, 1, 0, 1));
}

#[test]
fn a_lost_host_is_told_of_and_its_attempt_is_no_failure_of_the_task() {
    let mut story = small_run();
    story.entries.truncate(2);
    let host = |id: &str| id.parse().expect("an id");
    story.taken(1.0, "Task-1.1", "CCG-1");
    story.at(20.0, Fact::HostLost { host: host("MUGEN"), why: "no answer for 10 s".to_owned() });
    story.at(30.0, Fact::HostGivenUp { host: host("MUGEN"), by: GivenUpBy::Person });
    story.failed(30.0, "Task-1.1", FailureCause::HostLost, "MUGEN was given up", NextTry::Free);
    story.at(30.0, Fact::AgentMoved { agent: agent_id("CCG-1"), host: host("MAJIN") });
    story.taken(31.0, "Task-1.2", "CCG-1");
    story.completed(50.0, "Task-1.2", None);
    story.at(60.0, Fact::HostBack { host: host("MUGEN") });
    let report = of(&story, 61.0);
    let told: Vec<_> = report.history.iter().map(|line| (line.kind, line.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                HistoryKind::HostLost,
                "MUGEN is lost (no answer for 10 s); what is under way there is unverified, and waits for it"
            ),
            (HistoryKind::HostGivenUp, "MUGEN was given up by a person; its tasks are run elsewhere"),
            (HistoryKind::AgentMoved, "CCG-1 works on MAJIN from here on"),
            (HistoryKind::HostBack, "MUGEN is reached again; what is under way there is adopted"),
        ]
    );
    let attempts = &report.tasks[0].attempts;
    assert_eq!((attempts[0].outcome, attempts[0].cause), (Outcome::Stopped, Some(FailureCause::HostLost)));
    assert_eq!(report.counts.failed_attempts, 0);
}

#[test]
fn an_idle_agent_that_takes_a_task_is_told_of() {
    let mut story = small_run();
    story.entries.truncate(2);
    story.taken(1.0, "Task-1.1", "CCG-1");
    story.completed(2.0, "Task-1.1", None);
    story.taken(2.0, "Task-2.1", "CG-3");
    let report = of(&story, 3.0);
    assert_eq!(report.history[0].text, "CG-3 was idle and took Task-2 from CG-1");
    assert_eq!(report.counts.stolen, 1);
}

#[test]
fn a_small_plan_shows_figures_without_a_verdict() {
    let report = of(&small_run(), 290.0);
    assert_eq!(line(&report, DoneId::AgentsUsed), (Verdict::Figure, "3 of 4 agents"));
    assert_eq!(line(&report, DoneId::TasksAtOnce).0, Verdict::Figure);
}

#[test]
fn a_claim_alone_is_no_evidence() {
    let mut story = small_run();
    story.entries.truncate(2);
    story.taken(1.0, "Task-1.1", "CCG-1");
    story.completed(2.0, "Task-1.1", None);
    let report = of(&story, 3.0);
    let (verdict, measured) = line(&report, DoneId::Evidence);
    assert_eq!(verdict, Verdict::NotMet);
    assert_eq!(measured, "1 of 5 COMPLETED; 0 on evidence, 1 on the agent's claim alone (Task-1)");
}

#[test]
fn a_rehearsal_measures_nothing() {
    let report = of(&rehearsal(), 31.0);
    assert_eq!(report.done_means.len(), 7);
    for line in &report.done_means {
        assert_eq!(
            (line.verdict, line.measured.as_str()),
            (Verdict::NotMeasured, "not measured (rehearsal)")
        );
    }
    assert!(close(report.time.estimated.expected_seconds, 1800.0));
    assert!(close(report.time.forecast.expected_seconds, 30.0));
    assert!(close(report.time.against_forecast.expect("it completed"), 1.01));
}

#[test]
fn the_journal_is_replayed_and_compared() {
    let story = small_run();
    let report = of(&story, 290.0);
    assert_eq!(line(&report, DoneId::StateInFiles).0, Verdict::Met);

    let mut shown = story.snapshot(290.0);
    shown.tasks[2].attempts.pop();
    let differing = super::super::report(&shown, &story.entries);
    let told = "the journal, replayed, gives something else for Task-3";
    assert_eq!(line(&differing, DoneId::StateInFiles), (Verdict::NotMet, told));

    let mut entries = story.entries.clone();
    entries.remove(5);
    let gap = super::super::report(&story.snapshot(290.0), &entries);
    assert_eq!(line(&gap, DoneId::StateInFiles), (Verdict::NotMet, "the journal has a gap after line 5"));
}

#[test]
fn without_a_journal_and_processes_the_report_says_not_recorded() {
    let mut shown = small_run().snapshot(290.0);
    for agent in &mut shown.agents {
        agent.pid = None;
    }
    let report = report(&shown, &[]);
    assert_eq!(line(&report, DoneId::StateInFiles), (Verdict::NotRecorded, "the journal was not at hand"));
    let (verdict, measured) = line(&report, DoneId::SeenInTmux);
    assert_eq!(verdict, Verdict::NotRecorded);
    assert!(measured.starts_with("not recorded"), "{measured}");
    assert_eq!(report.plan.agents, 4);
}

#[test]
fn a_stuck_run_says_why() {
    let mut story = small_run();
    story.entries.truncate(2);
    let reasons = vec!["Task-1: CCG-1 cannot be given work".to_owned()];
    story.at(30.0, Fact::Ended { phase: RunPhase::Stuck, reasons: reasons.clone() });
    let report = of(&story, 30.0);
    assert_eq!(report.run.reasons, reasons);
    assert_eq!(report.waiting.len(), 5);
    assert_eq!((report.parallel.max_at_once, report.parallel.max_at_seconds), (0, None));
}

#[test]
fn time_after_an_end_is_told_apart() {
    let mut story = small_run();
    story.at(300.0, Fact::Reopened);
    story.at(300.0, Fact::Paused);
    let report = of(&story, 310.0);
    assert!(close(report.time.ended_seconds, 10.0));
    assert!(close(report.time.paused_seconds, 20.0), "a pause that is still on counts until now");
}

#[test]
fn a_plan_that_has_not_begun_can_be_reported() {
    let plan = super::story::plan(
        "One",
        vec![task("Task-1", "One", "CG-1", &[], 60)],
        &[("CG-1", "", "local")],
        &[("local", 1)],
    );
    let mut shown = Story::new(plan, None).snapshot(0.0);
    shown.run.started_at = None;
    let report = report(&shown, &[]);
    assert_eq!(report.time.actual_seconds, None);
    assert_eq!(line(&report, DoneId::Evidence).1, "0 of 1 COMPLETED");
    assert!(!of(&hostile(), 9.0).failures.is_empty());
}
