//! What a person says: to an agent at its work, and in the place of a plan.

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::stage::{Stage, Way, answers, rule, task, work};
use miyabi_agent_tests::{Programs, isolated};
use serde_json::{Value, json};

/// What the model is told in a turn with this prompt, and which step of the rule answers it.
fn turns_of(stage: &Stage, rule: &str) -> Result<Vec<Value>> {
    Ok(stage.model.turns()?.into_iter().filter(|turn| turn["rule"] == rule).collect())
}

/// Is at work until somebody says something.
fn said_to_one_at_work(way: Way) -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let said = json!({ "name": "said", "match": "the router is in app/routing.py",
            "steps": [{ "write_file": { "path": "note.txt", "content": "heard\n" } }, { "text": "I heard it." }] });
        let works = json!([
            { "shell": "echo > working.txt; while [ ! -e go ]; do sleep 0.05; done" },
            { "write_file": { "path": "note.txt", "content": "written\n" } },
            { "text": "Done." },
        ]);
        let mut stage = Stage::new(&programs, &json!({ "rules": [said, rule("Task-1", works)] }))?;
        let agent = stage.agent("CG-1", way);
        stage.plan(&[work("Task-1", "CG-1", &["note.txt"])], &[agent], json!({}))?;
        stage.start()?;
        stage.until("it is at work", |stage| (!stage.work("working.txt").is_empty()).then_some(()))?;
        stage.task("Task-1", "is known to be at work", |task| task["phase"] == "running")?;
        stage.told(&["send", "CG-1", "the router is in app/routing.py"])?;
        if way != Way::Exec {
            stage.until("it is in the log", |stage| {
                stage.log("logs/agent_CG-1.log").contains("app/routing.py").then_some(())
            })?;
        }
        std::fs::write(stage.sandbox.path("plan/work/go"), "")?;
        let status = stage.completed()?;
        let done = task(&status, "Task-1").context("Task-1")?;
        let attempts = done["attempts"].as_array().map_or(0, Vec::len);
        ensure!(attempts == 1, "{done:#}");
        let turns = stage.model.turns()?.len();
        let last = stage.model.last()?;
        ensure!(last.contains("the router is in app/routing.py"), "the model was not told: {last}");
        println!("{way:?}: heard within {turns} requests, note.txt: {:?}", stage.work("note.txt"));
        Ok(())
    })
}

#[test]
fn claude_code_hears_at_its_work() -> Result<()> {
    said_to_one_at_work(Way::Claude)
}

#[test]
fn codex_app_server_hears_at_its_work() -> Result<()> {
    said_to_one_at_work(Way::AppServer)
}

#[test]
fn codex_exec_hears_after_its_turn() -> Result<()> {
    said_to_one_at_work(Way::Exec)
}

/// A person's PATH on which the programs are.
fn with_programs(stage: &mut Stage, programs: &Programs) -> Result<()> {
    let folder = stage.sandbox.path("bin");
    std::fs::create_dir_all(&folder)?;
    std::os::unix::fs::symlink(&programs.claude, folder.join("claude"))?;
    std::os::unix::fs::symlink(&programs.codex, folder.join("codex"))?;
    stage.sandbox.prefer(&folder)
}

#[test]
fn one_prompt_is_a_run() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for agent in ["claude", "codex"] {
            let steps = json!([{ "write_file": { "path": "note.txt", "content": "written\n" } }, { "text": "Done." }]);
            let wanted = json!({ "name": "wanted", "match": "Write a note for me", "steps": steps });
            let mut stage = Stage::new(&programs, &json!({ "rules": [wanted] }))?;
            with_programs(&mut stage, &programs)?;
            let folder = stage.sandbox.path("plan/work");
            let words =
                ["run", "--prompt", "Write a note for me", "--agent", agent, "--trust", "--work-folder"];
            stage.run(&[&words[..], &[&folder.to_string_lossy()]].concat())?;
            let status = stage.completed()?;
            ensure!(status["tasks"].as_array().map(Vec::len) == Some(1), "{status:#}");
            ensure!(stage.work("note.txt") == "written\n", "{status:#}");
        }
        Ok(())
    })
}

/// A draft of two tasks, the second of which needs this one.
fn draft(need: &str) -> String {
    let task = |id: &str, needs: Value, output: &str| {
        json!({ "id": id, "title": "A step", "prompt": "Do it.", "agent": "CCG-1", "needs": needs, "outputs": [output],
            "acceptance": [["test", "-s", output]], "estimated_seconds": 60 })
    };
    let tasks = [task("Task-1", json!([]), "one.txt"), task("Task-2", json!([need]), "two.txt")];
    json!({ "version": "1.0.0", "name": "goal", "title": "The goal", "tasks": tasks }).to_string()
}

/// The first draft has an error, which the agent is told; its second one is clean.
fn a_goal_becomes_a_plan(programs: &Programs, agent: &str) -> Result<()> {
    let config = json!({ "version": "1.0.0", "agents": [{ "id": "CCG-1", "runner": "claude" }] }).to_string();
    let write = |name: &str, content: String| json!({ "write_file": { "path": name, "content": content } });
    let drafted = json!([
        write("task_dag.json", draft("Task-9")),
        write("agent_config.json", config),
        { "text": "The plan is drafted." },
    ]);
    let mended = json!([write("task_dag.json", draft("Task-1")), { "text": "It is mended." }]);
    let rules = [
        answers("mended", "You said that the task is done", mended),
        answers("drafted", "two notes are written", drafted),
    ];
    let mut stage = Stage::new(programs, &json!({ "rules": rules }))?;
    with_programs(&mut stage, programs)?;
    let place = |name: &str| stage.sandbox.path("plan").join(name).to_string_lossy().into_owned();
    let (repo, out) = (place("work"), place("draft"));
    stage.run(&["plan", "two notes are written", "--repo", &repo, "-o", &out, "--agent", agent])?;
    let (exit, _) = stage.end()?;
    ensure!(exit.success(), "{exit}: {:?}", stage.model.turns()?);
    let turns = turns_of(&stage, "mended")?;
    ensure!(!turns.is_empty(), "what was found did not go back");
    let told = stage.model.last()?;
    ensure!(told.contains("You said that the task is done. It is not") && told.contains("Task-9"), "{told}");
    println!("{agent} was told: {}", turns[0]["prompt"]);
    let valid = stage.sandbox.run(stage.sandbox.ours("miyabi")?.args(["validate", &out]))?;
    ensure!(valid.status.success(), "{valid:?}");
    Ok(())
}

#[test]
fn a_goal_becomes_a_plan_whose_errors_go_back_to_claude_code() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| a_goal_becomes_a_plan(&programs, "claude"))
}

#[test]
fn a_goal_becomes_a_plan_whose_errors_go_back_to_codex() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| a_goal_becomes_a_plan(&programs, "codex"))
}
