//! What counts as done, by runner.

use AgentStatus::Completed;
use miyabi_engine::Standing;
use miyabi_plan::{Check, FailureCause, Plan};
use miyabi_protocol::link::Command;
use miyabi_protocol::{AgentStatus, CheckResult, EvidenceReport};

use crate::bench::{Bench, missing, opening, plan, with_models, with_runners};

fn promising() -> Plan {
    let mut plan = plan(&["CG-1"], &[("A", "CG-1", "")]);
    plan.tasks[0].outputs = vec!["a.txt".to_owned()];
    plan.tasks[0].acceptance =
        vec![Check { run: vec!["check".to_owned()], time_limit_seconds: 5, ..Default::default() }];
    plan
}

#[test]
fn the_claim_of_an_external_agent_counts_by_itself_without_a_work_folder() {
    let mut bench = Bench::begun(opening(promising()));
    bench.works("CG-1", "A.1");
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn with_a_work_folder_its_acceptance_commands_must_succeed_and_its_outputs_are_not_looked_for() {
    let mut opening = opening(promising());
    opening.checks_external = true;
    let mut bench = Bench::begun(opening);
    bench.works("CG-1", "A.1");
    let Some(Command::CheckEvidence { sheet, .. }) = bench.done.last() else { panic!("a check") };
    assert!(sheet.outputs.is_empty());
    assert_eq!(sheet.acceptance.len(), 1);
    let checks = vec![CheckResult {
        run: vec!["check".to_owned()],
        passed: false,
        ended: "exit code 1".to_owned(),
        millis: 5,
        tail: "3 failed\n".to_owned(),
        ..Default::default()
    }];
    bench.evidence("A.1", EvidenceReport { checks, ..EvidenceReport::default() });
    let failed = &bench.task("A").attempts[0];
    assert_eq!(failed.cause, Some(FailureCause::AcceptanceFailed));
    assert_eq!(failed.error.as_deref(), Some("`check` did not succeed (exit code 1): 3 failed"));
}

#[test]
fn nothing_is_looked_for_in_a_rehearsal_and_it_is_marked_so() {
    let mut opening = opening(promising());
    opening.rehearse = Some(60.0);
    let mut bench = Bench::begun(opening);
    assert!(bench.queue().tasks.iter().all(|task| task.description.starts_with("[rehearsal]")));
    bench.works("CG-1", "A.1");
    assert_eq!(bench.standing("A"), Standing::Completed);
    assert_eq!(bench.task("A").attempts[0].evidence, None);
}

#[test]
fn a_command_is_done_when_its_outputs_changed_and_its_checks_pass() {
    let mut bench = Bench::begun(opening(with_runners(promising())));
    bench.takes("CG-1", "A.1");
    bench.says("CG-1", Completed, "A.1");
    let Some(Command::CheckEvidence { sheet, baseline }) = bench.done.last() else { panic!("a check") };
    assert_eq!((sheet.outputs.len(), sheet.acceptance.len()), (1, 1));
    assert!(baseline.is_some(), "compared with what was there before");
    bench.evidence("A.1", EvidenceReport::default());
    assert_eq!(bench.standing("A"), Standing::Completed);
}

#[test]
fn what_was_missing_is_the_attempts_error() {
    let mut bench = Bench::begun(opening(with_runners(promising())));
    bench.takes("CG-1", "A.1");
    bench.evidence("A.1", EvidenceReport::default());
    assert_eq!(bench.standing("A"), Standing::Active, "nothing is done without a claim");
    bench.says("CG-1", Completed, "A.1");
    bench.evidence("A.1", missing("a.txt"));
    let failed = &bench.task("A").attempts[0];
    assert_eq!(failed.cause, Some(FailureCause::MissingOutput));
    assert!(failed.error.as_deref().expect("an error").contains("a.txt is missing"));
    assert_eq!(bench.wanted(), ["queue", "IDLE CG-1"]);
    bench.evidence("A.1", EvidenceReport::default());
    assert_ne!(bench.standing("A"), Standing::Completed, "a verdict is given once");
}

#[test]
fn an_agent_that_was_told_no_and_found_another_way_is_done() {
    for (report, standing, cause) in [
        (EvidenceReport::default(), Standing::Completed, None),
        (missing("a.txt"), Standing::Failed, Some(FailureCause::PermissionRefused)),
    ] {
        let mut bench = Bench::begun(opening(with_models(promising())));
        bench.takes("CG-1", "A.1");
        bench.fails("CG-1", "A.1", FailureCause::PermissionRefused);
        assert_eq!(bench.standing("A"), Standing::Active, "what it wrote is looked at first");
        bench.evidence("A.1", report);
        let attempt = &bench.task("A").attempts[0];
        assert_eq!((bench.standing("A"), attempt.cause), (standing, cause), "{:?}", attempt.error);
        if cause.is_some() {
            let error = attempt.error.as_deref().expect("an error");
            assert!(error.contains("went wrong") && error.contains("a.txt is missing"), "{error}");
        }
    }
}
