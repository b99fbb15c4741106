//! The whole Level 6 plan done by the real Claude Code and Codex on MUGEN and MAJIN, with a scripted model on each: every
//! task in a work tree of its own, one merged tree on the laptop, tested there.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::{Programs, script};
use miyabi_host_lab::agents::model;
use miyabi_host_lab::repository::Repository;
use miyabi_host_lab::run::entry;
use miyabi_host_lab::{Lab, Plan, Run, on_two_hosts};
use serde_json::{Value, json};

/// How much faster than the plan's estimates the model is.
const SPEED: f64 = 600.0;
/// How long fifteen real programs may take beside other work on the machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn start(lab: &mut Lab, programs: &Programs) -> Result<(Repository, Run)> {
    // The system's Python, which has pytest, before any other.
    lab.laptop.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let repository = Repository::new(lab.laptop.path("repository"))?;
    // The plan counts the files of the whole tree: the person begins with an empty one.
    repository.git(&["rm", "-q", "README.md", ".gitignore"])?;
    std::fs::remove_file(repository.path().join("settings.local"))?;
    let me = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    repository.git(&[&me[..], &["commit", "-q", "-m", "an empty start"]].concat())?;
    let mut plan = Plan::level6_at_work(&[&lab.mugen, &lab.majin], programs)?;
    plan.dag["work_folder"] = json!(repository.path());
    Ok((repository, Run::start(&lab.laptop, &plan, &[])?))
}

fn paths(repository: &Repository, commit: &Value) -> Result<BTreeSet<String>> {
    repository.files(commit.as_str().context("a commit")?)
}

/// One tree of 55 files, 42 of 42 tests, a report; every task in a tree of its own, from the work of its needs.
fn is_whole(repository: &Repository, run: &Run) -> Result<()> {
    let status = run.completed_within(PATIENCE)?;
    let git = &status["run"]["git"];
    ensure!(paths(repository, &git["result"])?.len() == 55, "{:?}", paths(repository, &git["result"]));
    let verification = &status["run"]["verification"];
    ensure!(verification["state"] == "passed", "{verification:#}");
    let tests = verification["checks"].as_array().context("checks")?.iter();
    let tests = tests.map(|check| check["tests"].as_array().map_or(0, Vec::len)).max();
    ensure!(tests == Some(42), "{verification:#}");
    let mut folders = BTreeSet::new();
    for task in status["tasks"].as_array().context("tasks")? {
        let last = task["attempts"].as_array().and_then(|attempts| attempts.last()).context("an attempt")?;
        let folder = (last["host"].to_string(), last["tree"]["folder"].to_string());
        ensure!(last["tree"]["folder"].is_string() && folders.insert(folder), "{task:#}");
        let base = paths(repository, &last["tree"]["base"])?;
        for need in task["needs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let attempts = entry(&status["tasks"], need)["attempts"].as_array().context("attempts")?;
            let made = attempts.last().context("an attempt")?["evidence"]["work"]["files"].as_array();
            let made: Vec<_> =
                made.context("files")?.iter().filter_map(|file| file["path"].as_str()).collect();
            ensure!(
                !made.is_empty() && made.iter().all(|file| base.contains(*file)),
                "{} misses {need}",
                task["id"]
            );
        }
    }
    let sixth = entry(&status["tasks"], "Task-6")["attempts"].as_array().context("attempts")?;
    let second = entry(&status["tasks"], "Task-2")["attempts"].as_array().context("attempts")?;
    let host = |attempts: &[Value]| attempts.last().map(|attempt| attempt["host"].clone());
    ensure!(
        host(sixth) == Some(json!("MAJIN")) && host(second) == Some(json!("MUGEN")),
        "{sixth:?} {second:?}"
    );
    let report = run.told(&["report", "--format", "md"])?;
    ensure!(report.contains("42") && report.contains("Task-15"), "{report}");
    let found = repository.git(&["fsck", "--full", "--strict"])?;
    ensure!(!found.contains("missing") && !found.contains("broken"), "{found}");
    Ok(())
}

#[test]
fn the_whole_plan_is_done_across_both_hosts_and_merged_into_one_tree() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    on_two_hosts(|lab| {
        let script = script::level6(SPEED)?;
        let _models = [model(&lab.mugen, &script)?, model(&lab.majin, &script)?];
        let (repository, run) = start(lab, &programs)?;
        is_whole(&repository, &run)
    })
}

#[test]
fn it_is_done_although_mugen_is_rebooted_in_wave_2() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    on_two_hosts(|lab| {
        let script = script::level6(SPEED)?;
        let mut models = vec![model(&lab.mugen, &script)?, model(&lab.majin, &script)?];
        let (repository, run) = start(lab, &programs)?;
        run.phase("Task-2", "running")?;
        lab.mugen.reboot()?;
        models.push(model(&lab.mugen, &script)?);
        is_whole(&repository, &run)
    })
}
