//! The Level 6 run: 6 Claude Code and 9 Codex agents do the whole plan through `miyabi run`, with
//! the scripted model behind them. What came of it is read from files, never from what was said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::process::{Guarded, command};
use crate::{LABEL, Model, Programs, Sandbox, plan, sandbox, script};

/// Files that no task wrote.
const NOT_COUNTED: [&str; 6] = [".git", ".codex", ".agents", ".claude", "__pycache__", ".pytest_cache"];

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// How long it took.
    pub took: Duration,
    /// `miyabi status --json`.
    pub status: Value,
    /// How many files the one merged tree has: framework, tests, documents, configuration, plan, review and
    /// the test results of the last task.
    pub files: usize,
    /// Tests that were run and that passed, by the report that pytest wrote when it was run on that tree.
    pub tests: (u32, u32),
    /// Which of the two interfaces each task's agent asked the model by, and how often.
    pub asked: BTreeMap<String, BTreeMap<String, usize>>,
    /// Where the reports and the project were kept.
    pub kept: PathBuf,
}

/// A run and everything around it; it ends with its test.
#[derive(Debug)]
pub struct Run {
    /// The model behind all agents.
    pub model: Model,
    sandbox: Sandbox,
    begun: Instant,
    miyabi: Option<Guarded>,
}

impl Run {
    /// Prepares model, sandbox and plan; starts nothing yet.
    ///
    /// # Errors
    /// When a model cannot be started or the plan not be written.
    pub fn prepare(programs: &Programs, script: &Value) -> Result<Self> {
        let model = Model::start(script)?;
        let sandbox = Sandbox::new(&model)?;
        plan::write_level6(&sandbox.path("plan"), &sandbox, programs)?;
        Ok(Self { model, sandbox, begun: Instant::now(), miyabi: None })
    }

    /// Changes a file of the plan before the start: `task_dag.json` or `agent_config.json`.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
        let file = self.sandbox.path("plan").join(file);
        let mut content = serde_json::from_slice(&std::fs::read(&file)?)?;
        change(&mut content);
        Ok(std::fs::write(file, content.to_string())?)
    }

    /// Starts `miyabi run`, which stays until the run has ended. Its lines are for whoever looks on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<()> {
        self.begun = Instant::now();
        let mut line = self.sandbox.ours("miyabi")?;
        line.arg("run").arg(self.sandbox.path("plan")).arg("--trust").arg("--state-dir").arg(self.state());
        self.miyabi = Some(Guarded::start(&mut line)?);
        Ok(())
    }

    /// `miyabi status --json`.
    ///
    /// # Errors
    /// When there is no run.
    pub fn status(&self) -> Result<Value> {
        // Of a run that failed it is told as well, with another exit code.
        let output = self.tell(&["status", "--json"])?;
        let told = || String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).with_context(told)
    }

    /// Waits for the end, and keeps reports and project in a folder, which is made anew.
    ///
    /// # Errors
    /// When something cannot be read or written; how the run ended is in the outcome.
    pub fn end(mut self, keep: &Path) -> Result<Outcome> {
        if let Some(miyabi) = &mut self.miyabi {
            miyabi.wait()?;
        }
        let took = self.begun.elapsed();
        let status = self.status()?;
        if keep.exists() {
            std::fs::remove_dir_all(keep).with_context(|| format!("cannot empty {}", keep.display()))?;
        }
        let work = keep.join("work");
        self.check_out(&status, &work)?;
        copy(&self.state(), &keep.join("state"))?;
        for name in ["report.md", "report.html"] {
            self.ask(&["report", "-o", &keep.join(name).to_string_lossy()])?;
        }
        self.ask(&["stop", "--all"])?;
        let files = count(&work)?;
        let told = work.join(".pytest_cache/whole.xml");
        pytest(&work, &told)?;
        Ok(Outcome {
            took,
            status,
            files,
            tests: tests(&told),
            asked: asked(&self.model.turns()?),
            kept: keep.to_owned(),
        })
    }

    /// Puts the one merged tree into a folder, as a clone of the person's repository with all of its branches.
    fn check_out(&self, status: &Value, folder: &Path) -> Result<()> {
        let view = &status["run"]["git"];
        let mut line = self.sandbox.command("git");
        line.args(["clone", "--quiet", "--no-hardlinks", "--branch", text(&view["result_branch"]), "--"]);
        let output = self.sandbox.run(line.arg(self.sandbox.path("plan/work")).arg(folder))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the work was not merged: {said}\n{view:#}");
        Ok(())
    }

    fn state(&self) -> PathBuf {
        self.sandbox.path("state")
    }

    fn tell(&self, words: &[&str]) -> Result<Output> {
        let mut line = self.sandbox.ours("miyabi")?;
        self.sandbox.run(line.args(words).arg("--state-dir").arg(self.state()))
    }

    fn ask(&self, words: &[&str]) -> Result<Vec<u8>> {
        let output = self.tell(words)?;
        ensure!(output.status.success(), "miyabi {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }
}

/// Runs the plan from its start to its end.
///
/// # Errors
/// As the parts of a [`Run`].
pub fn run(programs: &Programs, speed: f64, keep: &Path) -> Result<Outcome> {
    let mut run = Run::prepare(programs, &script::level6(speed)?)?;
    run.start()?;
    run.end(keep)
}

impl Outcome {
    /// The tasks as the run has them.
    #[must_use]
    pub fn tasks(&self) -> &[Value] {
        self.status["tasks"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Everything that is not as the plan promises; nothing when all holds.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut expect = |holds: bool, problem: String| {
            if !holds {
                problems.push(problem);
            }
        };
        let done = self.tasks().iter().filter(|task| task["phase"] == "completed").count();
        expect(done == 15 && self.tasks().len() == 15, format!("{done} of 15 tasks are completed"));
        expect(self.files == 55, format!("the project has {} files, not 55", self.files));
        expect(
            self.tests == (42, 42),
            format!("{} of {} tests passed, not 42 of 42", self.tests.1, self.tests.0),
        );
        let verified = &self.status["run"]["verification"];
        expect(verified["state"] == "passed", format!("the verification does not hold: {verified:#}"));
        for task in self.tasks() {
            let problem = alone(task);
            expect(problem.is_none(), problem.unwrap_or_default());
        }
        expect(self.at_once() >= 4, format!("at most {} tasks were at work at once, not 4", self.at_once()));
        for name in ["report.md", "report.html"] {
            let report = std::fs::read_to_string(self.kept.join(name)).unwrap_or_default();
            expect(report.contains(LABEL), format!("{name} does not say `{LABEL}`"));
        }
        problems
    }

    /// Tasks whose agent was not the program that the plan names, by the interface that the model was
    /// asked by; nothing when all 6 Claude Code and 9 Codex agents did their own.
    #[must_use]
    pub fn strangers(&self) -> Vec<String> {
        let stranger = |task: &&Value| {
            let agent = text(&task["planned_agent"]);
            let api = if agent.starts_with("CCG") { "anthropic" } else { "openai" };
            let by = self.asked.get(text(&task["id"]));
            !by.is_some_and(|by| by.contains_key(api) && by.len() == 1) || text(&task["agent"]) != agent
        };
        let told = |task: &Value| {
            format!("{} was not done by {} alone", text(&task["id"]), text(&task["planned_agent"]))
        };
        self.tasks().iter().filter(stranger).map(told).collect()
    }

    /// How many tasks were at work at the same time, at most.
    #[must_use]
    pub fn at_once(&self) -> usize {
        let span =
            |task: &Value| (text(&task["started_at"]).to_owned(), text(&task["completed_at"]).to_owned());
        let spans: Vec<_> = self.tasks().iter().map(span).collect();
        // Times of one form sort as texts do.
        let during = |at: &String| spans.iter().filter(|(from, to)| from <= at && at < to).count();
        spans.iter().map(|(from, _)| during(from)).max().unwrap_or(0)
    }

    /// A line a task, and the sums.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = vec![format!(
            "{:<8} {:<6} {:<10} {:>8} {:>9}  asked",
            "task", "agent", "phase", "attempts", "requests"
        )];
        for task in self.tasks() {
            let id = text(&task["id"]);
            let by = self.asked.get(id);
            let apis = by.map(|by| by.keys().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default();
            let requests: usize = by.map_or(0, |by| by.values().sum());
            let attempts = task["attempts"].as_array().map_or(0, Vec::len);
            let (agent, phase) = (text(&task["agent"]), text(&task["phase"]));
            lines.push(format!("{id:<8} {agent:<6} {phase:<10} {attempts:>8} {requests:>9}  {apis}"));
        }
        let (ran, passed) = self.tests;
        lines.push(format!(
            "{LABEL}: {} files, {passed} of {ran} tests passed, at most {} tasks at once, {:.1} s",
            self.files,
            self.at_once(),
            self.took.as_secs_f64()
        ));
        lines.push(format!("reports and project: {}", self.kept.display()));
        lines.join("\n")
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Why the attempt that completed a task has not worked in a work tree of its own; none where it has.
fn alone(task: &Value) -> Option<String> {
    let id = text(&task["id"]);
    let Some(attempt) = task["attempts"].as_array().and_then(|attempts| attempts.last()) else {
        return Some(format!("{id} has no attempt"));
    };
    let (tree, work) = (&attempt["tree"], &attempt["evidence"]["work"]);
    let branch = format!("/{id}/{}", attempt["number"]);
    let own = text(&tree["branch"]).ends_with(&branch) && text(&tree["folder"]).contains(id);
    let kept = work["files"].as_array().is_some_and(|files| !files.is_empty());
    (!own || !kept).then(|| format!("{id} has not worked in a tree of its own: {tree} {work}"))
}

/// Runs pytest on a tree, whatever comes of it; it tells that in a file.
fn pytest(folder: &Path, told: &Path) -> Result<()> {
    let mut line = command(sandbox::python()?);
    line.args(["-m", "pytest", "-q", "tests", "--junitxml"]).arg(told).current_dir(folder);
    line.env("PYTHONDONTWRITEBYTECODE", "1");
    line.output().context("pytest cannot be started")?;
    Ok(())
}

fn asked(turns: &[Value]) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut asked: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for turn in turns {
        let by = asked.entry(text(&turn["rule"]).to_owned()).or_default();
        *by.entry(text(&turn["api"]).to_owned()).or_default() += 1;
    }
    asked
}

/// The counts of pytest's report; nothing where there is none.
fn tests(report: &Path) -> (u32, u32) {
    let text = std::fs::read_to_string(report).unwrap_or_default();
    let number = |name: &str| -> Option<u32> {
        text.split_once("<testsuite ")?
            .1
            .split_once(&format!(" {name}=\""))?
            .1
            .split_once('"')?
            .0
            .parse()
            .ok()
    };
    let counts = || Some((number("tests")?, number("failures")? + number("errors")?));
    counts().map_or((0, 0), |(ran, failed)| (ran, ran.saturating_sub(failed)))
}

/// The files of a project.
///
/// # Errors
/// When a folder cannot be read.
pub fn count(folder: &Path) -> Result<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        if NOT_COUNTED.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        files += if entry.file_type()?.is_dir() { count(&entry.path())? } else { 1 };
    }
    Ok(files)
}

/// Copies a folder; what is neither file nor folder is left out, as sockets are.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
