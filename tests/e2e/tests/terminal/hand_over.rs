//! A task that moves to an agent of another kind, by a person at a terminal who writes what is said with it.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use miyabi_e2e::{SOON, eventually, process};
use serde_json::{Value, json};

use crate::orders::{causes, exits, in_front, open, outcome, program, reaches, task, view};
use crate::stage::{Stage, agent, programs};

/// Keeps what it is told, and works until the test opens the task's gate.
const LINE: &str = r#"echo "half of it"; printf %s "$MIYABI_PROMPT" > "$MIYABI_PLAN_DIR/told-$MIYABI_TRY"; until [ -e "$MIYABI_PLAN_DIR/$MIYABI_TASK" ]; do sleep 0.05; done"#;

/// One agent of each kind, and a task that is planned for the one that implements.
fn two_kinds() -> Result<Stage> {
    let stage = Stage::new()?;
    let dag = json!({ "name": "kinds", "title": "Kinds", "work_folder": "work",
        "tasks": [task("Task-1", "CG-1", &[], LINE)] });
    let config = json!({ "agents": [agent("CG-1"), agent("CCG-1")] });
    stage.write_plan(&dag, &config)?;
    Ok(stage)
}

/// A person at a terminal of their own, in a tmux server that is not the run's.
struct Person<'a>(&'a Stage);

impl<'a> Person<'a> {
    fn begins(stage: &'a Stage, words: &[&str], editor: &str) -> Result<Self> {
        let person = Self(stage);
        let miyabi = programs()?.join("miyabi");
        let state = stage.state().0;
        // The shell only keeps the screen, and says how the program ended.
        let shell = ["sh", "-c", "\"$@\"; echo \"exit code $?\"; cat", "sh"];
        let mut tmux = person.tmux();
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "50"]);
        tmux.arg("-e").arg(format!("EDITOR={editor}")).args(shell).arg(miyabi).args(words);
        let started = tmux.arg("--state-dir").arg(state).output()?;
        ensure!(started.status.success(), "{started:?}");
        Ok(person)
    }

    fn tmux(&self) -> Command {
        let mut tmux = self.0.program("tmux");
        tmux.args(["-L", "person"]);
        tmux
    }

    async fn reads(&self, words: &str) -> Result<String> {
        let screen = || async {
            let shown = self.tmux().args(["capture-pane", "-p", "-J"]).output().ok()?;
            Some(String::from_utf8_lossy(&shown.stdout).into_owned()).filter(|screen| screen.contains(words))
        };
        eventually(&format!("`{words}` on the screen"), SOON, screen).await
    }

    fn answers(&self, word: &str) -> Result<()> {
        let typed = self.tmux().args(["send-keys", word, "Enter"]).output()?;
        ensure!(typed.status.success(), "{typed:?}");
        Ok(())
    }
}

/// What a try's program was told.
async fn told(stage: &Stage, number: u32) -> Result<String> {
    let file = stage.path("plan").join(format!("told-{number}"));
    let told = || async { std::fs::read_to_string(&file).ok().filter(|told| !told.is_empty()) };
    eventually("what a program is told", SOON, told).await
}

fn attempts(view: &Value) -> usize {
    view["attempts"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_person_gives_a_task_to_another_kind_with_words_from_their_own_editor() -> Result<()> {
    let stage = two_kinds()?;
    let front = in_front(&stage, &[])?;
    let first = program(&stage, "Task-1").await?;
    reaches(&stage, "Task-1", "running").await?;
    let editor = stage.path("home/edit.sh");
    let script =
        "cp \"$1\" \"$HOME/seen\"; ls -l \"$1\" >> \"$HOME/seen\"; echo 'Begin with the parser.' > \"$1\"";
    std::fs::write(&editor, script)?;
    let words = ["reassign", "Task-1", "CCG-1"];

    let person = Person::begins(&stage, &words, &format!("sh {}", editor.display()))?;
    person.reads("Task-1 is planned for an agent of kind CG; CCG-1 is of kind CCG").await?;
    person.answers("y")?;
    person.reads("half of it").await?;
    person.answers("e")?;
    person.reads("Stop it and give it to CCG-1?").await?;
    ensure!(attempts(&view(&stage, "Task-1")?) == 1 && process::is_alive(first), "it was not agreed yet");
    person.answers("y")?;
    person.reads("Task-1 goes to CCG-1").await?;
    person.reads("exit code 0").await?;

    let seen = std::fs::read_to_string(stage.path("home/seen"))?;
    ensure!(seen.contains("moves from CG-1") && seen.contains("-rw-------"), "{seen}");
    let told = told(&stage, 2).await?;
    ensure!(told.contains("Begin with the parser.") && !told.contains("    half of it"), "{told}");
    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    let view = view(&stage, "Task-1")?;
    ensure!(causes(&view) == ["reassigned", "none"] && view["attempts"][1]["agent"] == "CCG-1", "{view}");
    Ok(())
}

#[tokio::test]
async fn what_was_said_at_one_move_is_said_again_at_the_next() -> Result<()> {
    let stage = two_kinds()?;
    let front = in_front(&stage, &[])?;
    program(&stage, "Task-1").await?;
    reaches(&stage, "Task-1", "running").await?;
    let note = ["--yes", "--across-kinds", "--note", "Begin with the parser."];
    exits(&stage.miyabi(&[&["reassign", "Task-1", "CCG-1"], note.as_slice()].concat())?, 0)?;
    let second = told(&stage, 2).await?;
    ensure!(second.contains("Begin with the parser.") && second.contains("    half of it"), "{second}");
    reaches(&stage, "Task-1", "running").await?;
    exits(&stage.miyabi(&["reassign", "Task-1", "CG-1", "--yes"])?, 0)?;
    let third = told(&stage, 3).await?;
    let (_, before) = third.split_once("What CCG-1 was told").context("what was said before")?;
    ensure!(before.contains("Begin with the parser."), "{third}");
    ensure!(before.matches("    half of it").count() == 1, "the log before is told again: {third}");

    open(&stage, "Task-1")?;
    exits(&outcome(front).await?, 0)?;
    let view = view(&stage, "Task-1")?;
    ensure!(causes(&view) == ["reassigned", "reassigned", "none"], "{view}");
    ensure!(view["attempts"][1]["agent"] == "CCG-1" && view["attempts"][2]["agent"] == "CG-1", "{view}");
    Ok(())
}

#[tokio::test]
async fn without_a_person_another_kind_wants_a_word_of_its_own() -> Result<()> {
    let stage = two_kinds()?;
    let front = in_front(&stage, &[])?;
    let first = program(&stage, "Task-1").await?;
    reaches(&stage, "Task-1", "running").await?;
    let refused = stage.miyabi(&["reassign", "Task-1", "CCG-1", "--yes"])?;
    exits(&refused, 2)?;
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("--across-kinds"), "no remedy: {refused:?}");
    ensure!(process::is_alive(first), "stopped all the same");

    exits(&stage.miyabi(&["reassign", "Task-1", "CCG-1", "--yes", "--across-kinds"])?, 0)?;
    let given = || async { view(&stage, "Task-1").ok().filter(|view| attempts(view) == 2) };
    let given = eventually("the second attempt", SOON, given).await?;
    ensure!(given["attempts"][1]["agent"] == "CCG-1", "{given}");
    open(&stage, "Task-1")?;
    exits(&outcome(front).await.context("the run ends")?, 0)
}
