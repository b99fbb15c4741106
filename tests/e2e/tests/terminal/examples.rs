//! The examples that a newcomer tries first: they run as they ship.

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context as _, Result, ensure};

use crate::stage::Stage;

/// A copy, because a run leaves its work folder in the plan's.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn the_commands_example_does_real_work_and_its_checks_hold() -> Result<()> {
    let stage = Stage::new()?;
    let plan = stage.path("commands");
    copy(&example("commands"), &plan)?;
    let ran = stage.miyabi(&["run", &plan.to_string_lossy(), "--trust"])?;
    ensure!(ran.status.success(), "{ran:?}");
    ensure!(said(&ran).contains("10 of 10 tasks done, 0 failed"), "{}", said(&ran));
    let status = stage.status()?;
    let tasks = status["tasks"].as_array().context("tasks")?;
    for task in tasks {
        let attempts = task["attempts"].as_array().context("attempts")?;
        let evidence = &attempts.last().context("an attempt")?["evidence"];
        ensure!(evidence["missing"].as_array().is_some_and(Vec::is_empty), "no evidence: {task}");
        ensure!(
            evidence["checks"].as_array().is_some_and(|checks| checks.iter().all(|c| c["passed"] == true))
        );
    }
    ensure!(plan.join("work/summary.html").is_file(), "the work itself is there");
    let again = stage.miyabi(&["run", &plan.to_string_lossy()])?;
    ensure!(again.status.success(), "the same work done again makes the same files, and counts: {again:?}");
    Ok(())
}

#[tokio::test]
async fn a_new_plan_runs_as_it_was_made() -> Result<()> {
    let stage = Stage::new()?;
    let plan = stage.path("mine");
    let made = stage.program(crate::stage::programs()?.join("miyabi")).arg("init").arg(&plan).output()?;
    ensure!(made.status.success(), "{made:?}");
    let ran = stage.miyabi(&["run", &plan.to_string_lossy()])?;
    ensure!(ran.status.success(), "a plan of one's own needs no trust: {ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_rehearsal_of_level_6_ends_with_a_report_that_claims_nothing() -> Result<()> {
    let stage = Stage::new()?;
    let ran = stage.miyabi(&["run", &example("level6").to_string_lossy(), "--rehearse=2000"])?;
    ensure!(ran.status.success(), "{ran:?}");
    let report = said(&stage.miyabi(&["report"])?);
    ensure!(report.contains("not measured (rehearsal)"), "{report}");
    let queue = std::fs::read_to_string(stage.path("state/run/task_queue.json"))?;
    ensure!(
        queue.matches("\"COMPLETED\"").count() == 15 && queue.matches("[rehearsal] ").count() == 15,
        "{queue}"
    );
    let results = std::fs::read_dir(stage.path("state/run/results"))?.count();
    ensure!(results == 0, "a rehearsal leaves nothing that could pass for work");
    Ok(())
}
