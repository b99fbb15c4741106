//! What the other tests with real programs stand on: the stored project, the namespaces, and one
//! task done by each of the two programs.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::{
    Model, Programs, Sandbox, here, isolated, isolation, level6, process, sandbox, script,
};
use serde_json::{Value, json};

/// Writes a file in one answer, looks at it by a shell command in the next.
fn two_steps() -> Value {
    json!({ "rules": [{ "name": "two-steps", "match": "write a note", "steps": [
        { "thinking": "A note is wanted.", "text": "Writing it.",
          "write_file": { "path": "note.txt", "content": "from the scripted model\n" } },
        { "shell": "wc -c note.txt" },
        { "text": "Done, it has {{last_result}}" },
    ] }] })
}

/// Runs a line in a new folder of the sandbox; what it printed and the note that it wrote.
fn note_of(sandbox: &Sandbox, line: &mut Command) -> Result<(String, String)> {
    let folder = sandbox.path("work");
    std::fs::create_dir_all(&folder)?;
    let output = sandbox.run(line.current_dir(&folder))?;
    ensure!(output.status.success(), "{output:?}");
    let note = std::fs::read_to_string(folder.join("note.txt")).context("no note was written")?;
    Ok((String::from_utf8(output.stdout)?, note))
}

#[test]
fn the_stored_project_is_what_the_plan_promises() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let project = here("level6/webapp_framework");
    let mut promised = 0;
    for task in script::tasks()? {
        for output in script::outputs(&task)? {
            promised += 1;
            let stored = project.join(output).is_file();
            ensure!(stored != output.starts_with("reports/"), "{output} is stored: {stored}");
        }
    }
    ensure!(promised == 55 && level6::count(&project)? == 52, "{promised} outputs, three of them measured");
    level6::copy(&project, folder.path())?;
    let mut verify = process::command(sandbox::python()?);
    let output = verify.arg(here("level6/verify.py")).current_dir(folder.path()).output()?;
    let table = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{table}");
    for line in ["| 42 of 42 | 42 of 42 |", "| files | 55 | 55 |", "| examples that answer | 3 | 3 |"] {
        ensure!(table.contains(line), "{table}");
    }
    Ok(())
}

#[test]
fn inside_its_namespaces_a_test_reaches_this_machine_alone() -> Result<()> {
    if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: namespaces need root on Linux");
        return Ok(());
    }
    isolated(|| {
        let devices = std::fs::read_to_string("/proc/net/dev")?;
        let names: Vec<_> = devices.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
        ensure!(names.len() == 1 && names[0].trim() == "lo", "{names:?}");
        let model = Model::start(&two_steps())?;
        ensure!(model.try_prompt("write a note")? == "two-steps", "the model is in reach");
        ensure!(std::fs::read_dir("/tmp")?.count() <= 2, "/tmp holds more than the model's folder");
        Ok(())
    })
}

#[test]
fn a_test_that_fails_inside_its_namespaces_fails() -> Result<()> {
    let outcome = isolated(|| anyhow::bail!("on purpose"));
    if isolation::is_inside() {
        return outcome;
    }
    ensure!(outcome.is_err(), "the failure was lost on its way out");
    Ok(())
}

#[test]
fn claude_code_does_what_the_model_says() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        let model = Model::start(&two_steps())?;
        let sandbox = Sandbox::new(&model)?;
        let mut line = sandbox.command(&programs.claude);
        line.args(["-p", "write a note", "--output-format", "stream-json", "--verbose"]);
        line.args(["--permission-mode", "acceptEdits", "--allowedTools", "Bash"]);
        let (said, note) = note_of(&sandbox, &mut line)?;
        ensure!(note == "from the scripted model\n", "{note}");
        ensure!(said.contains("Done, it has 24 note.txt"), "{said}");
        let turns = model.turns()?;
        ensure!(turns.len() == 3 && turns.iter().all(|turn| turn["api"] == "anthropic"), "{turns:?}");
        Ok(())
    })
}

#[test]
fn both_versions_of_codex_do_what_the_model_says() -> Result<()> {
    let Some(programs) = Programs::installed() else { return Ok(()) };
    isolated(|| {
        for (program, version) in [(&programs.codex, "0.169.0"), (&programs.codex_mcp, "0.153.4")] {
            let model = Model::start(&two_steps())?;
            let sandbox = Sandbox::new(&model)?;
            let told = sandbox.run(sandbox.command(program).arg("--version"))?;
            ensure!(String::from_utf8_lossy(&told.stdout).contains(version), "{told:?}");
            let mut line = sandbox.command(program);
            line.args(["exec", "--json", "--skip-git-repo-check", "-s", "workspace-write", "write a note"]);
            let (said, note) = note_of(&sandbox, &mut line)?;
            ensure!(note == "from the scripted model\n", "{version}: {note}");
            ensure!(said.contains("24 note.txt"), "{version}: {said}");
            let turns = model.turns()?;
            ensure!(turns.len() == 3 && turns.iter().all(|turn| turn["api"] == "openai"), "{turns:?}");
        }
        Ok(())
    })
}
