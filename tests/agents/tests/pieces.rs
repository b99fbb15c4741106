//! What the scripted model writes for Level 6, without any agent: each task holds with what its needs made and
//! nothing more, as in a work tree of its own; all of it together passes the plan's verification.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::{here, process, sandbox, script};
use serde_json::Value;

/// Where the scripted model's files lie.
const STORED: &str = "level6/webapp_framework";
/// The Python of this machine that has pytest.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| sandbox::python().ok());
/// The task that writes down what it measured.
const LAST: &str = "Task-15";

#[test]
fn each_task_holds_with_what_its_needs_made_alone_and_all_of_it_is_verified() -> Result<()> {
    let tasks = script::tasks()?;
    let root = tempfile::tempdir()?;
    for task in &tasks {
        let id = task["id"].as_str().context("an id")?;
        let tree = root.path().join(id);
        std::fs::create_dir_all(&tree)?;
        for made in with_needs(&tasks, id) {
            write(&tasks, &made, &tree)?;
        }
        if id == LAST {
            let page = run(&tree, &["python3", &here("level6/verify.py").to_string_lossy()])?;
            ensure!(page.status.success(), "{}", told(&page));
            std::fs::write(tree.join("reports/TEST_RESULTS.md"), page.stdout)?;
        }
        for output in script::outputs(task)? {
            ensure!(tree.join(output).is_file(), "{id} has not written {output}");
        }
        for check in task["acceptance"].as_array().context("acceptance")? {
            let output = run(&tree, &words(check)?)?;
            ensure!(output.status.success(), "{id}, {check}: {}", told(&output));
        }
    }
    verified(&root.path().join(LAST))
}

/// The plan's verification on all the work; that it is read as it is meant, the plan's own tests show.
fn verified(tree: &Path) -> Result<()> {
    let file = here("../../examples/level6/task_dag.json");
    let dag: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let checks = dag["verification"].as_array().context("a verification")?;
    ensure!(checks.len() == 7, "{} checks", checks.len());
    for check in checks {
        let output = run(tree, &words(check)?)?;
        ensure!(output.status.success(), "{}: {}", check["name"], told(&output));
        if let Some(file) = check["tests"]["junit"].as_str() {
            let results = std::fs::read_to_string(tree.join(file))?;
            let passed = format!("tests=\"{}\"", check["tests"]["passed"]);
            ensure!(results.contains(&passed) && !results.contains("<failure"), "{results}");
            continue;
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let number: f64 = text.split_whitespace().last().context("a number")?.parse()?;
        let bound = |key: &str| check["number"][key].as_f64();
        let (middle, off) = match bound("equals") {
            Some(exactly) => (exactly, 0.0),
            None => (bound("about").context("about")?, bound("within_percent").context("percent")? / 100.0),
        };
        ensure!((number - middle).abs() <= middle * off, "{}: {number}, not {middle}", check["name"]);
    }
    Ok(())
}

/// A task and everything that it needs, directly or not.
fn with_needs(tasks: &[Value], id: &str) -> BTreeSet<String> {
    let needs = tasks.iter().find(|task| task["id"] == id).map(|task| &task["needs"]);
    let needs = needs.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let mut all: BTreeSet<String> = needs.flat_map(|need| with_needs(tasks, need)).collect();
    all.insert(id.to_owned());
    all
}

/// Writes what the model has stored for a task; the last one measures instead.
fn write(tasks: &[Value], id: &str, tree: &Path) -> Result<()> {
    let task = tasks.iter().find(|task| task["id"] == id).with_context(|| format!("no {id}"))?;
    for output in script::outputs(task)?.into_iter().filter(|_| id != LAST) {
        let to = tree.join(output);
        std::fs::create_dir_all(to.parent().context("a folder")?)?;
        std::fs::copy(here(STORED).join(output), to).with_context(|| output.to_owned())?;
    }
    Ok(())
}

fn words(check: &Value) -> Result<Vec<&str>> {
    let words = check.as_array().or_else(|| check["run"].as_array()).context("a command")?;
    words.iter().map(|word| word.as_str().context("a word")).collect()
}

fn run(folder: &Path, words: &[&str]) -> Result<Output> {
    let (program, arguments) = words.split_first().context("a program")?;
    let python = PYTHON.as_ref().context("no python3 of 3.11 or newer with pytest is here")?;
    let program = if *program == "python3" { python.as_os_str() } else { program.as_ref() };
    let mut line = process::command(program);
    line.args(arguments).current_dir(folder).stdin(std::process::Stdio::null());
    line.output().with_context(|| words.join(" "))
}

fn told(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}
