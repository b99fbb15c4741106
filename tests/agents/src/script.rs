//! What the scripted model does for each task of Level 6: it hands out the files that are stored
//! in `level6/`, has them looked at by a real command, and says what it did.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// How many files are written in one answer.
const FILES_AN_ANSWER: usize = 3;
/// What the model fills in by itself: no file may hold it.
const FILLED_IN: [&str; 4] = ["{{cwd}}", "{{prompt}}", "{{last_result}}", "{{model}}"];
const TEST_RESULTS: &str = "reports/TEST_RESULTS.md";

/// The tasks of `examples/level6`.
///
/// # Errors
/// When the example cannot be read.
pub fn tasks() -> Result<Vec<Value>> {
    let file = crate::here("../../examples/level6/task_dag.json");
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut dag: Value = serde_json::from_slice(&text)?;
    Ok(std::mem::take(dag["tasks"].as_array_mut().context("tasks")?))
}

/// The script. The model takes the time of the plan's estimates, `speed` times faster, so that tasks are
/// seen at work; with an infinite speed it takes none.
///
/// # Errors
/// When a stored file is missing or holds what the model would fill in.
pub fn level6(speed: f64) -> Result<Value> {
    let tasks = tasks()?;
    let steps = tasks.iter().map(|task| Ok((word(task, "id")?, steps(task, speed)?)));
    let steps = steps.collect::<Result<Vec<_>>>()?;
    // A prompt begins with its task's heading. One that goes on in a session may only name the
    // task: then the first name in it counts.
    let heading = steps.iter().map(|(id, steps)| rule(id, &format!("(?m:^# {id}: )"), steps));
    let named =
        steps.iter().map(|(id, steps)| rule(id, &format!(r"\A(?:(?!\bTask-\d).)*\b{id}\b(?!-)"), steps));
    Ok(json!({
        "rules": heading.chain(named).collect::<Vec<_>>(),
        "default": [{ "text": "The scripted model knows no such task." }],
        "side": "Level 6",
    }))
}

/// The same script, but from the third answer to a Codex agent in `task` on, and from the first in
/// every later one, the provider of Codex is down. Claude Code's is not.
///
/// # Errors
/// As [`level6`].
pub fn level6_without_codex_from(task: &str, speed: f64) -> Result<Value> {
    let mut script = level6(speed)?;
    let tasks = tasks()?;
    let place = |id: &Value| tasks.iter().position(|task| task["id"] == *id);
    let first = place(&json!(task)).with_context(|| format!("there is no {task}"))?;
    let down = json!({ "error": 503, "code": "server_error", "message": "down (scripted model)" });
    for rule in script["rules"].as_array_mut().context("rules")? {
        let Some(behind) = place(&rule["name"]).and_then(|at| at.checked_sub(first)) else { continue };
        let kept = if behind == 0 { 2 } else { 0 };
        for step in rule["steps"].as_array_mut().context("steps")?.iter_mut().skip(kept) {
            step["openai"] = down.clone();
        }
    }
    Ok(script)
}

fn rule(id: &str, pattern: &str, steps: &[Value]) -> Value {
    json!({ "name": id, "match": pattern, "steps": steps })
}

fn steps(task: &Value, speed: f64) -> Result<Vec<Value>> {
    let (id, title) = (word(task, "id")?, word(task, "title")?);
    let mut steps = if id == "Task-15" { measured()? } else { written(task)? };
    if let Some(first) = steps.first_mut() {
        first["thinking"] = json!(format!("I read the plan and what is there, then I do this: {title}."));
    }
    let outputs = outputs(task)?.join(", ");
    steps.push(json!({ "text": format!("Done: {title}. Written: {outputs}. (scripted model)") }));
    let estimate = task["estimated_seconds"].as_f64().context("an estimate")?;
    let delay = estimate / speed / u32::try_from(steps.len()).map(f64::from)?;
    for (number, step) in steps.iter_mut().enumerate() {
        step["delay"] = json!(delay);
        step["usage"] = json!({ "input": 2_000 + 500 * number, "output": 400, "cached": 1_000 });
    }
    Ok(steps)
}

/// All outputs of a task, a few an answer, then the command that looks at them.
fn written(task: &Value) -> Result<Vec<Value>> {
    let files = outputs(task)?.into_iter().map(write).collect::<Result<Vec<_>>>()?;
    let answers = files.chunks(FILES_AN_ANSWER).enumerate();
    let mut steps: Vec<Value> = answers
        .map(|(number, calls)| json!({ "text": format!("Writing, part {}.", number + 1), "calls": calls }))
        .collect();
    if word(task, "agent")?.starts_with("CG-") {
        // Whoever takes over from another finds files that it has not read, and may not write over.
        let anew = format!("rm -f {}", outputs(task)?.join(" "));
        steps.insert(0, json!({ "text": "I begin my files anew.", "shell": anew }));
    }
    steps.push(json!({ "text": "Now I look whether it holds.", "shell": look(task)? }));
    Ok(steps)
}

/// The last task measures, and writes down what it measured.
fn measured() -> Result<Vec<Value>> {
    let program = stored("../verify.py")?;
    let line = format!("python3 - <<'VERIFY_END'\n{program}VERIFY_END");
    let page = "# Test results\n\nMeasured by the last task of the run. The model was scripted, the programs and \
                tests were real.\n\n{{last_result}}\n\nThe whole output of the tests is in `pytest.txt`.\n";
    let write = json!({ "path": TEST_RESULTS, "content": page });
    Ok(vec![
        json!({ "text": "I trust nothing that was said, and measure.", "shell": line }),
        json!({ "text": "Writing down what was measured.", "write_file": write }),
    ])
}

/// The command that a task tries its own work with.
fn look(task: &Value) -> Result<String> {
    Ok(match word(task, "id")? {
        "Task-1" => "wc -l IMPLEMENTATION_PLAN.md".into(),
        "Task-10" => "python3 -m webapp_framework --help".into(),
        "Task-11" => "python3 -m pytest -q tests".into(),
        "Task-12" => "wc -l README.md docs/*.md".into(),
        "Task-13" => "make -n test lint build clean".into(),
        "Task-14" => "python3 -m compileall -q webapp_framework && python3 -m pytest -q tests".into(),
        _ => format!("python3 -m compileall -q webapp_framework/{}", word(task, "module")?),
    })
}

fn write(path: &str) -> Result<Value> {
    let content = stored(path)?;
    let taken = FILLED_IN.iter().find(|word| content.contains(**word));
    ensure!(taken.is_none(), "{path} holds {taken:?}, which the model would fill in");
    Ok(json!({ "write_file": { "path": path, "content": content } }))
}

fn stored(path: &str) -> Result<String> {
    let file = crate::here("level6/webapp_framework").join(Path::new(path));
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// The files that a task promises.
///
/// # Errors
/// When the example's form changed.
pub fn outputs(task: &Value) -> Result<Vec<&str>> {
    let names = task["outputs"].as_array().context("outputs")?;
    names.iter().map(|name| name.as_str().context("a name")).collect()
}

fn word<'a>(task: &'a Value, name: &str) -> Result<&'a str> {
    task[name].as_str().with_context(|| format!("a task without {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Model;

    #[test]
    fn every_prompt_is_answered_for_its_own_task() -> Result<()> {
        let model = Model::start(&level6(f64::INFINITY)?)?;
        let needs = "## What the tasks before this one produced\n- Task-1: Plan\n- Task-11: Write the tests";
        for task in tasks()? {
            let (id, title) = (word(&task, "id")?, word(&task, "title")?);
            for prompt in [
                format!("# {id}: {title}\n\n{}\n\n{needs}", word(&task, "prompt")?),
                format!("Go on with {id} from what the files show; Task-2 and Task-1 are done."),
            ] {
                assert_eq!(model.try_prompt(&prompt)?, id, "{prompt}");
            }
        }
        Ok(())
    }
}
