//! A short run of a plan that a test writes down itself: the real programs, the real `miyabi`, a
//! model that plays the test's script. What is seen is read from files and from `miyabi … --json`.

use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};

use crate::process::{self, Guarded};
use crate::{LABEL, Model, Programs, Sandbox};

/// How long a machine that is busy with other work may take to come to a point.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program, and the way in which it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Claude Code without a screen.
    Claude,
    /// `codex exec --json`.
    Exec,
    /// `codex app-server`.
    AppServer,
    /// `codex mcp-server` of the version that still has it.
    Mcp,
    /// The ACP adapter of Claude Code.
    ClaudeAcp,
    /// The ACP adapter of Codex.
    CodexAcp,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Claude, Self::Exec, Self::AppServer, Self::Mcp, Self::ClaudeAcp, Self::CodexAcp];
}

/// A plan, a model and a machine for them.
#[derive(Debug)]
pub struct Stage {
    /// What the agents speak to.
    pub model: Model,
    /// Where all of it happens.
    pub sandbox: Sandbox,
    programs: Programs,
    miyabi: Option<Guarded>,
}

impl Stage {
    /// Prepares model and machine; starts nothing yet.
    ///
    /// # Errors
    /// When a model cannot be started or a folder not be made.
    pub fn new(programs: &Programs, script: &Value) -> Result<Self> {
        let model = Model::start(script)?;
        let sandbox = Sandbox::new(&model)?;
        std::fs::create_dir_all(sandbox.path("plan/work"))?;
        Ok(Self { model, sandbox, programs: programs.clone(), miyabi: None })
    }

    /// An agent's entry in `agent_config.json`.
    #[must_use]
    pub fn agent(&self, id: &str, way: Way) -> Value {
        let programs = &self.programs;
        let (runner, mode, command) = match way {
            Way::Claude => ("claude", "headless", vec![programs.claude.clone()]),
            Way::Exec => ("codex", "exec", vec![programs.codex.clone()]),
            Way::AppServer => ("codex", "app-server", vec![programs.codex.clone()]),
            Way::Mcp => ("codex", "mcp", vec![programs.codex_mcp.clone()]),
            Way::ClaudeAcp => ("acp", "", vec!["node".into(), programs.claude_acp.clone()]),
            Way::CodexAcp => ("acp", "", vec!["node".into(), programs.codex_acp.clone()]),
        };
        let mut environment: Map<String, Value> =
            self.sandbox.model_variables().into_iter().map(|(name, value)| (name, value.into())).collect();
        match way {
            Way::ClaudeAcp => environment.insert("CLAUDE_CODE_EXECUTABLE".into(), json!(programs.claude)),
            Way::CodexAcp => environment.insert("CODEX_PATH".into(), json!(programs.codex)),
            _ => None,
        };
        let mut agent = json!({ "id": id, "runner": runner, "command": command, "environment": environment });
        if !mode.is_empty() {
            agent["mode"] = json!(mode);
        }
        agent
    }

    /// Writes the plan: its tasks, its agents, and whatever else `agent_config.json` holds. Tries
    /// follow each other at once, unless the settings say otherwise.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn plan(&self, tasks: &[Value], agents: &[Value], settings: Value) -> Result<()> {
        let dag = json!({ "version": "1.0.0", "name": "stage", "title": "A stage", "label": LABEL,
            "work_folder": "work", "tasks": tasks });
        let mut config = json!({ "version": "1.0.0", "agents": agents,
            "approvals": { "default": "allow" }, "limits": {} });
        let Value::Object(settings) = settings else { bail!("settings are an object") };
        for (name, value) in settings {
            config[name] = value;
        }
        for (name, value) in [("back_off_seconds", 1), ("stagger_seconds", 1)] {
            if config["limits"][name].is_null() {
                config["limits"][name] = json!(value);
            }
        }
        std::fs::write(self.sandbox.path("plan/task_dag.json"), serde_json::to_vec_pretty(&dag)?)?;
        std::fs::write(self.sandbox.path("plan/agent_config.json"), serde_json::to_vec_pretty(&config)?)?;
        Ok(())
    }

    /// Starts `miyabi run` with the plan; it stays until the run has ended.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let plan = self.sandbox.path("plan");
        self.run(&["run", &plan.to_string_lossy(), "--trust"])
    }

    /// Starts one of the commands that stay, in the background.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&mut self, words: &[&str]) -> Result<()> {
        let mut line = self.sandbox.ours("miyabi")?;
        line.args(words).arg("--state-dir").arg(self.state("")).current_dir(self.sandbox.path("plan"));
        // What it says is of use to whoever looks for the reason of a failed test.
        line.stdout(Stdio::inherit());
        self.miyabi = Some(Guarded::start(&mut line)?);
        Ok(())
    }

    /// A file of the state folder.
    #[must_use]
    pub fn state(&self, name: &str) -> PathBuf {
        self.sandbox.path("state").join(name)
    }

    /// What a file in the work folder holds; nothing where there is none.
    #[must_use]
    pub fn work(&self, name: &str) -> String {
        std::fs::read_to_string(self.sandbox.path("plan/work").join(name)).unwrap_or_default()
    }

    /// What a file of the state folder holds; nothing where there is none.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.state(name)).unwrap_or_default()).into_owned()
    }

    /// Another command of `miyabi` on this run, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn miyabi(&self, words: &[&str]) -> Result<Output> {
        let mut line = self.sandbox.ours("miyabi")?;
        self.sandbox.run(line.args(words).arg("--state-dir").arg(self.state("")))
    }

    /// Such a command, which must succeed; what it printed.
    ///
    /// # Errors
    /// When it does not.
    pub fn told(&self, words: &[&str]) -> Result<String> {
        let output = self.miyabi(words)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "miyabi {words:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A file of a run in the state home, which outlives the run.
    ///
    /// # Errors
    /// When it is not there.
    pub fn kept(&self, run_id: &str, file: &str) -> Result<String> {
        let path = self.sandbox.path("home/.state/miyabi/runs").join(run_id).join(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// `miyabi runs --json`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn runs(&self) -> Result<String> {
        let output = self.sandbox.run(self.sandbox.ours("miyabi")?.args(["runs", "--json"]))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `miyabi status --json`; null before there is a run.
    #[must_use]
    pub fn status(&self) -> Value {
        let output = self.miyabi(&["status", "--json"]);
        output.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
    }

    /// What stands in `miyabi inbox --json`.
    #[must_use]
    pub fn inbox(&self) -> Vec<Value> {
        let output = self.miyabi(&["inbox", "--json"]);
        output.ok().and_then(|output| serde_json::from_slice(&output.stdout).ok()).unwrap_or_default()
    }

    /// Looks again and again until something is there; fails when the run has ended before.
    ///
    /// # Errors
    /// When it does not come.
    pub fn until<T>(&mut self, what: &str, look: impl Fn(&Self) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let ended = self.miyabi.as_mut().map_or(Ok(None), Guarded::ended)?;
            if let Some(found) = look(self) {
                return Ok(found);
            }
            if ended.is_some() || Instant::now() > deadline {
                bail!("it did not come to this: {what}\n{}", self.account());
            }
            process::a_moment();
        }
    }

    /// Waits until a task's view is as wanted, and gives it back.
    ///
    /// # Errors
    /// When it does not come.
    pub fn task(&mut self, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let what = format!("{id} {what}");
        self.until(&what, |stage| task(&stage.status(), id).filter(|task| holds(task)))
    }

    /// Waits for an item of the inbox of this kind, and gives it back.
    ///
    /// # Errors
    /// When it does not come.
    pub fn asked(&mut self, kind: &str) -> Result<Value> {
        self.until(&format!("{kind} in the inbox"), |stage| {
            stage.inbox().into_iter().find(|item| item["kind"] == kind)
        })
    }

    /// Waits for an agent's status file to be as wanted, and gives it back.
    ///
    /// # Errors
    /// When it does not come.
    pub fn file_of(&mut self, agent: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let name = format!("agent_{agent}_status.json");
        self.until(&format!("{name} {what}"), |stage| {
            serde_json::from_str(&stage.log(&name)).ok().filter(|file| holds(file))
        })
    }

    /// Waits for the end of the command in front; how it ended, and the run as it is then.
    ///
    /// # Errors
    /// When it does not end.
    pub fn end(&mut self) -> Result<(ExitStatus, Value)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let miyabi = self.miyabi.as_mut().context("nothing was started")?;
            if let Some(status) = miyabi.ended()? {
                return Ok((status, self.status()));
            }
            ensure!(Instant::now() < deadline, "the run does not end\n{}", self.account());
            process::a_moment();
        }
    }

    /// Waits for the end, which must be a good one.
    ///
    /// # Errors
    /// When it is not.
    pub fn completed(&mut self) -> Result<Value> {
        let (exit, status) = self.end()?;
        ensure!(exit.success() && status["run"]["phase"] == "completed", "{exit}\n{}", self.account());
        Ok(status)
    }

    /// All that helps to find the reason of a failure.
    fn account(&self) -> String {
        let status = self.status();
        let mut text = format!("run: {}\n", status["run"]["phase"]);
        for task in status["tasks"].as_array().into_iter().flatten() {
            let (id, phase) = (&task["id"], &task["phase"]);
            text += &format!("{id} {phase} waiting {} attempts {:#}\n", task["waiting"], task["attempts"]);
        }
        for agent in status["agents"].as_array().into_iter().flatten() {
            let id = agent["id"].as_str().unwrap_or_default();
            text += &format!("--- {id}\n{}\n", self.log(&format!("logs/agent_{id}.log")));
        }
        text += &format!("inbox: {:?}\n", self.inbox());
        for turn in self.model.turns().unwrap_or_default() {
            text += &format!("turn: {} {} {}\n", turn["rule"], turn["step"], turn["status"]);
        }
        text
    }
}

/// A task of a plan: it writes `outputs` and belongs to one agent.
#[must_use]
pub fn work(id: &str, agent: &str, outputs: &[&str]) -> Value {
    json!({ "id": id, "title": "A step", "prompt": format!("Do what belongs to {id}."), "agent": agent,
        "needs": [], "outputs": outputs, "estimated_seconds": 60 })
}

/// The rule by which the model answers in a task, from its first prompt on.
#[must_use]
pub fn rule(id: &str, steps: Value) -> Value {
    answers(id, &format!("(?m:^# {id}: )"), steps)
}

/// The rule by which the model answers where a session is taken up again.
#[must_use]
pub fn resumed(steps: Value) -> Value {
    answers("resumed", r"\A(You were interrupted|You said that the task)", steps)
}

/// The rule by which the model answers a prompt that a pattern is found in.
#[must_use]
pub fn answers(name: &str, pattern: &str, steps: Value) -> Value {
    let mut rule = json!({ "name": name, "match": pattern });
    rule["steps"] = steps;
    rule
}

/// A task in `miyabi status --json`.
#[must_use]
pub fn task(status: &Value, id: &str) -> Option<Value> {
    status["tasks"].as_array()?.iter().find(|task| task["id"] == id).cloned()
}

/// A time so many seconds from now, in seconds since 1970.
///
/// # Errors
/// When the clock stands before that year.
#[expect(clippy::disallowed_methods, reason = "a model that is at a limit tells a time of the real clock")]
pub fn from_now(seconds: u64) -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() + seconds)
}

/// The causes of a task's attempts, in their order; null for one that did not fail.
#[must_use]
pub fn causes(task: &Value) -> Vec<Value> {
    task["attempts"].as_array().into_iter().flatten().map(|attempt| attempt["cause"].clone()).collect()
}
