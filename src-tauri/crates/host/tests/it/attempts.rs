//! Attempts from the offer to the claim and its evidence.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use miyabi_plan::Check;
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::result::ResultFile;
use miyabi_protocol::{AgentStatus, AttemptSheet, Baseline, EvidenceReport, RunnerSpec, atomic};

use crate::common::{Helper, Place, agent, attempt, idle};

async fn evidence(helper: &mut Helper, sheet: &AttemptSheet, baseline: Option<Baseline>) -> EvidenceReport {
    helper.send(&Command::CheckEvidence { sheet: Box::new(sheet.clone()), baseline });
    helper
        .until("evidence", |report| match report {
            Report::Evidence { attempt, report } if *attempt == sheet.attempt => Some(report.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn an_offer_is_carried_out_with_progress_outputs_and_a_result_and_again_after_the_acknowledgment() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let pid = helper.ensure("CG-1").await;
    fs::write(place.work().join("old.py"), "old").expect("written");
    let script = "cat > got.txt; echo ::progress 0.5; echo ::output ./got.txt; echo warn >&2; \
                  echo \"$MIYABI_TASK $MIYABI_AGENT $MIYABI_TRY $MIYABI_TITLE\"; exec 1>&2; read x <go; echo $x";
    place.run("mkfifo", &[&place.work().join("go").to_string_lossy()]);
    let mut sheet = place.sheet("CG-1", "Task-2.1", script);
    sheet.outputs = vec!["*.txt".into(), "*.py".into()];
    helper.offer(&sheet);
    let baseline = helper
        .until("offered", |report| match report {
            Report::Offered { attempt, baseline } if *attempt == sheet.attempt => Some(baseline.clone()),
            _ => None,
        })
        .await;
    assert_eq!(baseline.keys().collect::<Vec<_>>(), ["old.py"]);
    let half = helper.until_file("CG-1", "half way", |status| status.progress > 0.4).await;
    assert_eq!(half.status, AgentStatus::InProgress);
    assert!(half.started_at.is_some());
    fs::write(place.work().join("go"), "on\n").expect("the agent goes on");
    let done = helper.until_status("CG-1", AgentStatus::Completed).await;
    assert_eq!((done.progress, done.task_id.as_deref()), (1.0, Some("Task-2")));
    assert_eq!(done.output_files, ["got.txt"]);
    let stamp = done.miyabi.expect("our object");
    assert!(stamp.seq >= 3 && stamp.attempt == 1 && stamp.host == "local", "{stamp:?}");
    assert_eq!(
        fs::read_to_string(place.work().join("got.txt")).expect("written"),
        "Task-2: A task\n\nDo it.\n"
    );
    let result: ResultFile =
        atomic::read_json(&place.dir.results().join("Task-2_codex_result.json")).expect("result");
    assert_eq!((result.status.as_str(), result.output_files), ("COMPLETED", vec!["got.txt".to_owned()]));
    let log = place.log("CG-1");
    for line in ["Task-2 CG-1 1 A task\n", "warn\n", "on\n", "Task-2.1 COMPLETED\n"] {
        assert!(log.contains(line), "{line:?} is not in {log}");
    }

    let report = evidence(&mut helper, &sheet, Some(baseline)).await;
    assert_eq!((report.unchanged, report.changed), (vec!["*.py".to_owned()], vec!["got.txt".to_owned()]));

    helper.send(&Command::WriteStatus { agent: agent("CG-1"), status: idle("CG-1") });
    helper.offer(&place.sheet("CG-1", "Task-3.1", "exit 0"));
    helper
        .until_file("CG-1", "the next task", |status| {
            status.status == AgentStatus::Completed && status.task_id.as_deref() == Some("Task-3")
        })
        .await;
    assert_eq!(helper.ensure("CG-1").await, pid, "one runner carries out one attempt after the other");
}

#[tokio::test]
async fn a_failing_program_says_why_and_a_missing_one_too() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.offer(&place.sheet("CCG-1", "Task-1.1", "echo first; echo the reason >&2; exit 3"));
    let failed = helper.until_status("CCG-1", AgentStatus::Failed).await;
    assert_eq!(failed.errors[0], "exit code 3");
    assert!(failed.errors[1].contains("the reason"), "{:?}", failed.errors);
    assert_eq!(failed.task_id.as_deref(), Some("Task-1"));
    assert!(
        place.dir.results().join("Task-1_result.json").exists(),
        "Claude's agents have no `codex` in the name"
    );

    let mut sheet = place.sheet("CG-1", "Task-2.1", "");
    sheet.runner =
        RunnerSpec::Command { argv: vec!["no-such-program".into()], environment: Default::default() };
    helper.offer(&sheet);
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert!(failed.errors[0].contains("no-such-program"), "{:?}", failed.errors);

    helper.offer(&place.sheet("CG-2", "Task-3.1", "kill -9 $$"));
    let failed = helper.until_status("CG-2", AgentStatus::Failed).await;
    assert_eq!(failed.errors[0], "killed by signal 9");
}

#[tokio::test]
async fn a_rehearsal_plays_and_writes_nothing() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut sheet = place.sheet("CG-1", "Task-2.1", "");
    sheet.runner = RunnerSpec::Rehearsal { speed: 10.0 };
    sheet.outputs = vec!["core.py".into()];
    helper.offer(&sheet);
    helper.until_file("CG-1", "some progress", |status| status.progress > 0.0 && status.progress < 1.0).await;
    let done = helper.until_status("CG-1", AgentStatus::Completed).await;
    assert!(done.output_files.is_empty());
    assert!(!place.dir.results().join("Task-2_codex_result.json").exists());
    let log = place.log("CG-1");
    assert!(log.lines().count() > 5 && log.lines().all(|line| line.starts_with("[rehearsal] ")), "{log}");
    assert_eq!(fs::read_dir(place.work()).expect("listing").count(), 0);
}

#[tokio::test]
async fn acceptance_commands_run_in_the_work_folder_up_to_the_first_that_fails() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut sheet = place.sheet("CG-1", "Task-2.1", "");
    let check = |argv: &[&str], seconds| Check {
        run: argv.iter().map(|word| (*word).to_owned()).collect(),
        time_limit_seconds: seconds,
        ..Default::default()
    };
    sheet.acceptance =
        vec![check(&["pwd"], 5), check(&["sh", "-c", "sleep 100 & sleep 100"], 1), check(&["true"], 5)];
    let report = evidence(&mut helper, &sheet, None).await;
    assert_eq!(report.checks.len(), 2, "{report:#?}");
    assert!(report.checks[0].passed && report.checks[0].tail.trim().ends_with("/work"));
    assert_eq!(report.checks[1].ended, "over its limit of 1 s");
    assert!(!report.holds());

    sheet.acceptance =
        vec![check(&["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo end; exit 1"], 5)];
    let report = evidence(&mut helper, &sheet, None).await;
    assert_eq!(report.checks[0].ended, "exit code 1");
    assert!(report.checks[0].tail.len() == 4096 && report.checks[0].tail.ends_with("xend\n"));

    sheet.acceptance = vec![check(&["./no-such-check"], 5)];
    let report = evidence(&mut helper, &sheet, None).await;
    assert!(report.checks[0].ended.contains("no-such-check"), "{report:#?}");

    sheet.work_folder = Some("/no/such/folder".into());
    let report = evidence(&mut helper, &sheet, None).await;
    assert!(report.problem.is_some_and(|problem| problem.contains("/no/such/folder")));
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_logged_whole() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.offer(&place.sheet(
        "CG-1",
        "Task-2.1",
        "head -c 10485760 /dev/zero | tr '\\0' x; echo; echo ::output a",
    ));
    let done = helper.until_status("CG-1", AgentStatus::Completed).await;
    assert_eq!(done.output_files, ["a"]);
    let longest = place.log("CG-1").lines().map(str::len).max();
    assert_eq!(longest, Some(10 * 1024 * 1024));
}

#[tokio::test]
async fn fifteen_agents_work_beside_each_other_behind_private_sockets() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let names: Vec<String> = (1..=15).map(|number| format!("W-{number}")).collect();
    for name in &names {
        helper.send(&Command::EnsureAgent { agent: agent(name), window: name.clone(), ours: true });
    }
    for (number, name) in names.iter().enumerate() {
        helper.offer(&place.sheet(name, &format!("Task-{number}.1"), "exit 0"));
    }
    let mut left: Vec<String> = names.clone();
    helper
        .until("fifteen claims", |report| {
            if let Report::Status { agent, status } = report
                && status.status == AgentStatus::Completed
            {
                left.retain(|name| name != agent.as_str());
            }
            left.is_empty().then_some(())
        })
        .await;
    let sockets = place.path("run").join("miyabi").join(place.dir.short_name());
    let mode = |path: &std::path::Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&sockets), 0o700);
    assert_eq!(mode(&sockets.join("W-1.sock")), 0o600);
}

#[tokio::test]
async fn a_runner_refuses_a_sheet_that_is_not_for_its_offer() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.ensure("CG-1").await;
    let sheet = place.sheet("CG-2", "Task-2.1", "exit 0");
    atomic::write_json(&place.dir.sheet(&attempt("Task-2.1")), &sheet, atomic::Durability::Relaxed)
        .expect("sheet");
    let mut offer = crate::common::busy(&sheet);
    offer.agent_id = "CG-1".into();
    helper.send(&Command::WriteStatus { agent: agent("CG-1"), status: offer });
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert!(failed.errors[0].contains("is for CG-2"), "{:?}", failed.errors);
}
