//! Failures of the programs, each told apart from the others, and what follows each.

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::stage::{Stage, Way, causes, from_now, resumed, rule, task, work};
use miyabi_agent_tests::{Programs, isolated};
use serde_json::{Value, json};

/// One failure, how long it lasts, and what is seen of it.
struct Case {
    way: Way,
    /// What the model does in the place of an answer.
    step: Value,
    /// What the first attempt failed of.
    cause: &'static str,
    /// What stands in the words for people.
    says: &'static str,
}

/// What the model says when all is well again.
fn well() -> Value {
    let steps = json!([{ "write_file": { "path": "note.txt", "content": "well\n" } }, { "text": "Done." }]);
    json!({ "rules": [resumed(steps.clone()), rule("Task-1", steps)] })
}

/// The first attempt fails as the case says; when the model is well again, the task is done by itself.
/// No try is there to be spent.
fn fails_and_recovers(case: &Case) -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage = Stage::new(&programs, &json!({ "default": [case.step] }))?;
        let mut agent = stage.agent("CG-1", case.way);
        agent["environment"]["CLAUDE_CODE_MAX_RETRIES"] = json!("1");
        let mut only = work("Task-1", "CG-1", &["note.txt"]);
        only["retries"] = json!(0);
        let settings = json!({ "fallback": { "after_failures": 2, "recheck_seconds": 1 },
            "limits": { "back_off_seconds": 1, "back_off_max_seconds": 1 } });
        stage.plan(&[only], &[agent], settings)?;
        stage.start()?;
        let failed =
            stage.task("Task-1", "has failed once", |task| !task["attempts"][0]["cause"].is_null())?;
        let first = &failed["attempts"][0];
        ensure!(first["cause"] == case.cause, "{first:#}");
        let error = first["error"].as_str().unwrap_or_default();
        ensure!(error.to_lowercase().contains(case.says), "{error}");
        ensure!(failed["phase"] != "failed", "{failed:#}");
        stage.model.play(&well())?;
        let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
        ensure!(causes(&done).last() == Some(&Value::Null), "{done:#}");
        println!("{:?} {}: {} attempts; {error}", case.way, case.cause, causes(&done).len());
        Ok(())
    })
}

fn error(status: u32, message: &str) -> Value {
    json!({ "error": status, "message": message })
}

#[test]
fn a_key_that_claude_code_is_refused_is_told_as_no_log_in() -> Result<()> {
    let step = error(401, "invalid x-api-key");
    fails_and_recovers(&Case { way: Way::Claude, step, cause: "not_logged_in", says: "api" })
}

#[test]
fn a_key_that_codex_exec_is_refused_is_told_as_no_log_in() -> Result<()> {
    let step = error(401, "Incorrect API key provided");
    fails_and_recovers(&Case { way: Way::Exec, step, cause: "not_logged_in", says: "401" })
}

#[test]
fn a_key_that_codex_app_server_is_refused_is_told_as_no_log_in() -> Result<()> {
    let step = error(401, "Incorrect API key provided");
    fails_and_recovers(&Case { way: Way::AppServer, step, cause: "not_logged_in", says: "401" })
}

#[test]
fn errors_without_end_are_told_by_claude_code_as_a_provider_that_is_down() -> Result<()> {
    let step = error(500, "internal server error");
    fails_and_recovers(&Case { way: Way::Claude, step, cause: "provider_down", says: "500" })
}

#[test]
fn errors_without_end_are_told_by_codex_exec_as_a_provider_that_is_down() -> Result<()> {
    let step = error(500, "internal server error");
    fails_and_recovers(&Case { way: Way::Exec, step, cause: "provider_down", says: "" })
}

#[test]
fn errors_without_end_are_told_by_codex_app_server_as_a_provider_that_is_down() -> Result<()> {
    let step = error(500, "internal server error");
    fails_and_recovers(&Case { way: Way::AppServer, step, cause: "provider_down", says: "" })
}

#[test]
fn a_stream_that_is_cut_again_and_again_is_told_by_claude_code_as_a_provider_that_is_down() -> Result<()> {
    let step = json!({ "text": "I begin and", "drop": true });
    fails_and_recovers(&Case { way: Way::Claude, step, cause: "provider_down", says: "" })
}

#[test]
fn a_stream_that_is_cut_again_and_again_is_told_by_codex_exec_as_a_provider_that_is_down() -> Result<()> {
    let step = json!({ "text": "I begin and", "drop": true });
    fails_and_recovers(&Case { way: Way::Exec, step, cause: "provider_down", says: "stream" })
}

/// The programs try again by themselves where that is enough, and one attempt is all it takes.
#[test]
fn what_passes_soon_is_waited_for_by_the_programs_themselves() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let passing = [
            json!({ "error": 429, "message": "slow down", "times": 1, "headers": { "retry-after": "1" } }),
            json!({ "error": "stream", "message": "cut", "times": 1 }),
        ];
        let steps = |name: &str| {
            let write = json!({ "write_file": { "path": name, "content": "well\n" } });
            json!([passing[0], passing[1], write, { "text": "Done." }])
        };
        let rules = json!({ "rules": [rule("Task-1", steps("one.txt")), rule("Task-2", steps("two.txt"))] });
        let mut stage = Stage::new(&programs, &rules)?;
        let agents = [stage.agent("CCG-1", Way::Claude), stage.agent("CG-1", Way::AppServer)];
        let tasks = [work("Task-1", "CCG-1", &["one.txt"]), work("Task-2", "CG-1", &["two.txt"])];
        stage.plan(&tasks, &agents, json!({}))?;
        stage.start()?;
        let status = stage.completed()?;
        let turns = stage.model.turns()?;
        for id in ["Task-1", "Task-2"] {
            let done = task(&status, id).context("a task")?;
            let failed: Vec<_> =
                turns.iter().filter(|turn| turn["rule"] == id && turn["step"] != 3).collect();
            println!("{id}: {} attempts, {} requests", causes(&done).len(), failed.len());
            ensure!(turns.iter().any(|turn| turn["rule"] == id && turn["status"] == 429), "{turns:?}");
        }
        ensure!(causes(&task(&status, "Task-1").context("Task-1")?) == [Value::Null], "{status:#}");
        Ok(())
    })
}

/// A rate limit spends no try, and what else belongs to the account waits for its end.
#[test]
fn a_rate_limit_counts_for_the_account_and_all_goes_on_when_it_ends() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let ends = from_now(9)?;
        let limit = error(429, &format!("Claude AI usage limit reached|{ends}"));
        let step = |name: &str| {
            let write = json!({ "write_file": { "path": name, "content": "well\n" } });
            json!([write, { "text": "Done." }])
        };
        let rules = |first: Value| json!({ "rules": [resumed(step("one.txt")), rule("Task-1", first), rule("Task-2", step("two.txt"))] });
        let mut stage = Stage::new(&programs, &rules(json!([limit])))?;
        let mut agents = vec![stage.agent("CCG-1", Way::Claude), stage.agent("CCG-2", Way::Claude)];
        for agent in &mut agents {
            agent["environment"]["CLAUDE_CODE_MAX_RETRIES"] = json!("0");
        }
        let waits = "while [ ! -e go ]; do sleep 0.05; done";
        agents.push(json!({ "id": "GATE-1", "runner": "command", "command": ["sh", "-c", waits] }));
        let mut tasks = [
            work("Task-1", "CCG-1", &["one.txt"]),
            work("Task-2", "CCG-2", &["two.txt"]),
            work("Gate", "GATE-1", &[]),
        ];
        tasks[0]["retries"] = json!(0);
        tasks[1]["needs"] = json!(["Gate"]);
        stage.plan(&tasks, &agents, json!({}))?;
        stage.start()?;

        let limited = stage.task("Task-1", "is limited", |task| !task["attempts"][0]["cause"].is_null())?;
        ensure!(limited["attempts"][0]["cause"] == "rate_limited", "{limited:#}");
        stage.model.play(&rules(step("one.txt")))?;
        std::fs::write(stage.sandbox.path("plan/work/go"), "")?;
        let waiting = stage.task("Task-2", "waits for the account", |task| {
            task["waiting"].as_array().is_some_and(|why| why.iter().any(|why| why["reason"] == "account"))
        })?;
        let until = waiting["waiting"][0]["until_seconds"].as_f64().context("a time")?;
        ensure!((until - u32::try_from(ends).map(f64::from)?).abs() < 5.0, "{until} is not {ends}");
        let rests = stage.status()["agents"][0]["rests_until"].clone();
        ensure!(rests.is_string(), "{rests}");

        let status = stage.completed()?;
        for id in ["Task-1", "Task-2"] {
            let done = task(&status, id).context("a task")?;
            let begun = done["attempts"].as_array().and_then(|all| all.last()?["assigned_at"].as_str());
            ensure!(begun >= rests.as_str().map(|rests| &rests[..19]), "{id} began at {begun:?}, {rests}");
            println!("{id}: {:?}, limit to {rests}, began again {begun:?}", causes(&done));
        }
        ensure!(causes(&task(&status, "Task-1").context("Task-1")?).len() == 2, "{status:#}");
        Ok(())
    })
}

#[test]
fn a_rate_limit_of_codex_is_told_as_one() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for way in [Way::Exec, Way::AppServer] {
            let mut stage = Stage::new(&programs, &json!({ "default": [error(429, "slow down")] }))?;
            let agent = stage.agent("CG-1", way);
            stage.plan(&[work("Task-1", "CG-1", &["note.txt"])], &[agent], json!({}))?;
            stage.start()?;
            let waits = stage.task("Task-1", "waits for its account", |task| {
                task["waiting"].as_array().is_some_and(|why| why.iter().any(|why| why["reason"] == "account"))
            })?;
            ensure!(causes(&waits) == [json!("rate_limited")], "{waits:#}");
            stage.told(&["cancel"])?;
            stage.end()?;
        }
        Ok(())
    })
}

#[test]
fn a_connection_that_is_refused_is_told_as_a_provider_that_is_down() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage = Stage::new(&programs, &well())?;
        let nowhere = "http://127.0.0.1:9";
        let folder = stage.sandbox.path("codex-nowhere");
        std::fs::create_dir_all(&folder)?;
        let config = std::fs::read_to_string(stage.sandbox.path("codex/config.toml"))?;
        std::fs::write(folder.join("config.toml"), config.replace(&stage.model.url(), nowhere))?;
        let ways = [("CCG-1", Way::Claude), ("CG-1", Way::Exec), ("CG-2", Way::AppServer)];
        let mut agents = ways.map(|(id, way)| stage.agent(id, way));
        for agent in &mut agents {
            agent["environment"]["ANTHROPIC_BASE_URL"] = json!(nowhere);
            agent["environment"]["CODEX_HOME"] = json!(folder);
            agent["environment"]["CLAUDE_CODE_MAX_RETRIES"] = json!("1");
        }
        let tasks = [("Task-1", "CCG-1"), ("Task-2", "CG-1"), ("Task-3", "CG-2")];
        let tasks = tasks.map(|(id, agent)| work(id, agent, &["note.txt"]));
        // Nobody stands in: each is to tell of its own provider.
        let settings = json!({ "fallback": { "codex_to_claude": false, "after_failures": 9 } });
        stage.plan(&tasks, &agents, settings)?;
        stage.start()?;
        for id in ["Task-1", "Task-2", "Task-3"] {
            let failed = stage.task(id, "has failed once", |task| !task["attempts"][0]["cause"].is_null())?;
            ensure!(failed["attempts"][0]["cause"] == "provider_down", "{failed:#}");
            println!("{id}: {}", failed["attempts"][0]["error"]);
        }
        stage.told(&["cancel"])?;
        stage.end()?;
        Ok(())
    })
}

#[test]
fn a_program_that_is_silent_is_stopped_and_goes_on_in_its_session() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for way in [Way::Claude, Way::Exec] {
            let hangs = json!([{ "text": "I think and", "hang": true }]);
            let goes_on =
                json!([{ "write_file": { "path": "note.txt", "content": "well\n" } }, { "text": "Done." }]);
            let rules = json!({ "rules": [resumed(goes_on), rule("Task-1", hangs)] });
            let mut stage = Stage::new(&programs, &rules)?;
            let agent = stage.agent("CG-1", way);
            stage.plan(
                &[work("Task-1", "CG-1", &["note.txt"])],
                &[agent],
                json!({ "limits": { "silent_seconds": 4 } }),
            )?;
            stage.start()?;
            let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
            ensure!(causes(&done) == [json!("silent"), Value::Null], "{done:#}");
            let attempts = &done["attempts"];
            ensure!(
                attempts[0]["session"].is_string() && attempts[0]["session"] == attempts[1]["session"],
                "{done:#}"
            );
        }
        Ok(())
    })
}

#[test]
fn a_program_that_is_not_there_is_told_with_its_remedy() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let mut stage = Stage::new(&programs, &well())?;
        let folder = stage.sandbox.path("bin");
        std::fs::create_dir_all(&folder)?;
        stage.sandbox.prefer(&folder)?;
        let mut agent = stage.agent("CCG-1", Way::Claude);
        agent["command"] = json!(["claude-that-is-not-there"]);
        let settings = json!({ "fallback": { "after_failures": 2, "recheck_seconds": 1 } });
        stage.plan(&[work("Task-1", "CCG-1", &["note.txt"])], &[agent], settings)?;
        stage.start()?;
        let failed =
            stage.task("Task-1", "has failed once", |task| !task["attempts"][0]["cause"].is_null())?;
        let first = &failed["attempts"][0];
        ensure!(first["cause"] == "not_installed", "{first:#}");
        let error = first["error"].as_str().unwrap_or_default();
        ensure!(error.contains("`claude-that-is-not-there` is not installed"), "{error}");
        let why = stage.told(&["why", "Task-1"])?;
        ensure!(why.contains("claude-that-is-not-there"), "{why}");
        let report = stage.told(&["report"])?;
        ensure!(report.contains("claude-that-is-not-there"), "{report}");
        // To install it is all that it takes.
        std::os::unix::fs::symlink(&programs.claude, folder.join("claude-that-is-not-there"))?;
        stage.completed()?;
        Ok(())
    })
}

#[test]
fn a_conversation_that_is_too_long_begins_anew() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for (way, step) in [
            (Way::Claude, error(400, "prompt is too long: 210000 tokens > 200000 maximum")),
            (
                Way::Exec,
                json!({ "error": "stream", "code": "context_length_exceeded",
            "message": "Your input exceeds the context window of this model." }),
            ),
            (
                Way::AppServer,
                json!({ "error": "stream", "code": "context_length_exceeded",
            "message": "Your input exceeds the context window of this model." }),
            ),
        ] {
            let steps =
                json!([{ "write_file": { "path": "note.txt", "content": "well\n" } }, { "text": "Done." }]);
            let anew = json!({ "name": "anew", "match": "This is attempt 2", "steps": steps });
            let mut stage =
                Stage::new(&programs, &json!({ "rules": [anew, rule("Task-1", json!([step]))] }))?;
            let agent = stage.agent("CG-1", way);
            stage.plan(&[work("Task-1", "CG-1", &["note.txt"])], &[agent], json!({}))?;
            stage.start()?;
            let done = task(&stage.completed()?, "Task-1").context("Task-1")?;
            ensure!(causes(&done) == [json!("context_limit"), Value::Null], "{done:#}");
            let attempts = &done["attempts"];
            ensure!(attempts[0]["session"] != attempts[1]["session"], "{done:#}");
        }
        Ok(())
    })
}

/// Exit code 0 and good words are no work.
#[test]
fn words_without_a_file_complete_nothing() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for way in Way::ALL {
            let talk = json!({ "default": [{ "text": "All is done, every test passes." }] });
            let mut stage = Stage::new(&programs, &talk)?;
            let mut only = work("Task-1", "CG-1", &["note.txt"]);
            only["retries"] = json!(1);
            let agent = stage.agent("CG-1", way);
            stage.plan(&[only], &[agent], json!({ "limits": { "back_off_seconds": 0 } }))?;
            stage.start()?;
            let (exit, status) = stage.end()?;
            let failed = task(&status, "Task-1").context("Task-1")?;
            ensure!(exit.code() == Some(1) && failed["phase"] == "failed", "{exit} {failed:#}");
            ensure!(causes(&failed) == [json!("missing_output"), json!("missing_output")], "{failed:#}");
            let attempts = &failed["attempts"];
            // `codex mcp-server` has its sessions in memory: there it is a fresh one.
            let same = attempts[0]["session"] == attempts[1]["session"];
            ensure!(same != (way == Way::Mcp), "{way:?}: {failed:#}");
            let told = stage.model.last()?;
            ensure!(told.contains("note.txt is missing"), "{way:?}: {told}");
        }
        Ok(())
    })
}
