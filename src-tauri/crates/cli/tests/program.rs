//! The program as a person or a script runs it: output, errors and exit codes, with an environment
//! of its own.

mod place;

use std::fs;
use std::path::Path;

use place::{Outcome, Place};

fn level6() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples/level6").display().to_string()
}

fn task(id: &str, needs: &str) -> String {
    format!(
        r#"{{"id":"{id}","title":"{id}","prompt":"p","agent":"X-1","needs":[{needs}],"estimated_seconds":5}}"#
    )
}

/// A plan whose one agent runs `true`, with these tasks.
fn plan(place: &Place, tasks: &[String]) -> String {
    let dag = format!("{{\"name\":\"p\",\"tasks\":[\n{}\n]}}", tasks.join(",\n"));
    place.write(
        "plan/agent_config.json",
        r#"{"agents":[{"id":"X-1","title":"X","runner":"command","command":["true"]}]}"#,
    );
    place.write("plan/task_dag.json", &dag).parent().expect("a parent").display().to_string()
}

#[test]
fn the_level_6_plan_has_the_figures_that_it_promises() {
    let place = Place::new();
    let checked = place.run(&["validate", &level6(), "--json"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let view = checked.json();
    let figures: Vec<(f64, u64)> = view["choices"]
        .as_array()
        .expect("choices")
        .iter()
        .map(|choice| {
            (
                choice["expected_seconds"].as_f64().unwrap_or(0.0),
                choice["dropped_edges"].as_u64().unwrap_or(9),
            )
        })
        .collect();
    assert_eq!(figures, [(6600.0, 0), (6600.0, 0), (5400.0, 2)]);
    assert_eq!(view["choices"][0]["levels"], 8);
    assert_eq!(view["preview"]["tasks"].as_array().map(Vec::len), Some(15));

    let read = place.run(&["validate", &level6()]);
    assert_eq!(read.code, Some(0), "{read:?}");
    for word in
        ["1 h 50 min", "1 h 30 min", "3 h 55 min", "--follow-waves --drop-conflicting-edges", "wave-conflict"]
    {
        assert!(read.out.contains(word), "`{word}` is missing:\n{}", read.out);
    }
}

#[test]
fn a_bad_plan_is_told_with_file_line_and_remedy() {
    let place = Place::new();
    place.write("broken/task_dag.json", "{\n  \"name\": \"p\",\n  \"tasks\": [ oops ]\n}\n");
    let broken = place.run(&["validate", "broken"]);
    assert_eq!(broken.code, Some(2), "{broken:?}");
    assert!(broken.out.contains("task_dag.json:3"), "{}", broken.out);

    let cycle = plan(&place, &[task("A", r#""C""#), task("B", r#""A""#), task("C", r#""B""#)]);
    let circular = place.run(&["validate", &cycle]);
    assert_eq!(circular.code, Some(2), "{circular:?}");
    assert!(circular.out.contains("[cycle]") && circular.out.contains("→"), "{}", circular.out);
    assert_eq!(place.run(&["run", &cycle, "--rehearse"]).code, Some(2), "nor does it run");

    place.run(&["validate", "nowhere"]).refused(2, &["nowhere", "miyabi init"]);
    place.run(&["run", "nowhere", "--rehearse"]).refused(2, &["nowhere"]);
}

#[test]
fn findings_alone_are_a_line_each_with_the_errors_last() {
    let place = Place::new();
    let tasks = [task("A", r#""B""#), task("C", r#""A", "A""#)];
    let bad = plan(&place, &tasks);
    let checked = place.run(&["validate", &bad, "--brief"]);
    assert_eq!(checked.code, Some(2), "{checked:?}");
    let codes: Vec<&str> = checked.out.lines().filter_map(|line| line.split(' ').next()).collect();
    let warnings = codes.iter().take_while(|code| code.starts_with("warning[")).count();
    assert_eq!(codes[warnings..], ["error[unknown-need]"], "{}", checked.out);
    assert!(warnings > 0 && checked.out.contains("tasks[0].needs[0]"), "{}", checked.out);

    let good = plan(&place, &[task("A", ""), task("B", "")]);
    let checked = place.run(&["validate", &good, "--brief"]);
    assert_eq!(checked.code, Some(0), "warnings are no errors: {checked:?}");
    assert!(checked.out.lines().all(|line| line.starts_with("warning[")), "{}", checked.out);
}

#[test]
fn prompts_and_goals_want_an_agent_program_a_folder_and_words() {
    let place = Place::new();
    let without_programs = |args: &[&str]| {
        let mut command = place.command();
        Outcome::of(command.env("PATH", "/nowhere").args(args).output().expect("started"))
    };
    without_programs(&["run", "--prompt", "Do it"])
        .refused(3, &["claude is not installed", "npm install", "--agent"]);
    without_programs(&["plan", "Do it", "--agent", "codex"]).refused(3, &["codex is not installed"]);
    place.run(&["run", "--prompt", " "]).refused(2, &["the prompt is empty"]);
    place.run(&["run", "--prompt", "x", "--work-folder", "nowhere"]).refused(2, &["nowhere is no folder"]);
    place.run(&["plan", "x", "--repo", "nowhere"]).refused(2, &["nowhere is no folder"]);
    assert!(!place.path("state/miyabi/prompts").exists() && !place.path("miyabi-plan").exists());
}

#[test]
fn a_state_folder_that_is_a_link_or_a_file_is_refused_before_anything_is_made() {
    let place = Place::new();
    let plan = plan(&place, &[task("A", "")]);
    fs::create_dir(place.path("real")).expect("folder");
    std::os::unix::fs::symlink(place.path("real"), place.path("link")).expect("link");
    place.write("file", "");
    place
        .run(&["run", &plan, "--rehearse", "--state-dir", "link"])
        .refused(2, &["symbolic link", "--state-dir"]);
    place.run(&["run", &plan, "--rehearse", "--state-dir", "file"]).refused(2, &["not a folder"]);
    assert_eq!(
        fs::read_dir(place.path("real")).expect("listed").count(),
        0,
        "nothing was written through it"
    );
    assert!(!place.path("state/miyabi/runs").exists(), "no run was kept");
}

#[test]
fn commands_of_a_plan_from_elsewhere_want_trust_once() {
    let place = Place::new();
    let plan = plan(&place, &[task("A", "")]);
    let asked = place.run(&["run", &plan, "--state-dir", "s"]);
    asked.refused(2, &["X-1 runs true", "--trust"]);
    assert!(
        !place.path("s").exists() && !place.path("state/miyabi/trusted.json").exists(),
        "nothing was made"
    );
}

#[test]
fn hosts_that_this_machine_cannot_reach_are_said_with_the_way_out() {
    let place = Place::new();
    let run = place.command().env("PATH", "/nowhere").args(["run", &level6(), "--state-dir", "s"]).output();
    let wanted = ["MUGEN is reached by ssh, which is not installed here", "MAJIN", "--rehearse"];
    Outcome::of(run.expect("started")).refused(3, &wanted);
}

#[test]
fn without_tmux_nothing_starts_and_the_line_that_installs_it_is_named() {
    let place = Place::new();
    let plan = plan(&place, &[task("A", "")]);
    let run = place
        .command()
        .env("PATH", "/nowhere")
        .args(["run", &plan, "--rehearse", "--state-dir", "s"])
        .output();
    Outcome::of(run.expect("started")).refused(3, &["tmux is not installed", "install"]);
    assert!(!place.path("state/miyabi/runs").exists(), "no run was kept");
    let doctor = place.command().env("PATH", "/nowhere").args(["doctor", "--state-dir", "s"]).output();
    let doctor = Outcome::of(doctor.expect("started"));
    assert_eq!(doctor.code, Some(3), "{doctor:?}");
    assert!(doctor.out.contains("✗ tmux"), "{doctor:?}");
}

#[test]
fn a_new_plan_is_sound_trusted_and_never_overwrites() {
    let place = Place::new();
    let made = place.run(&["init", "my-plan"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let checked = place.run(&["validate", "my-plan", "--json"]).json();
    assert_eq!(checked["trusted"], true, "{checked}");
    assert_eq!(checked["findings"].as_array().map(Vec::len), Some(0), "{}", checked["findings"]);
    let before = fs::read(place.path("my-plan/task_dag.json")).expect("read");
    place.run(&["init", "my-plan"]).refused(2, &["is there already"]);
    assert_eq!(fs::read(place.path("my-plan/task_dag.json")).expect("read"), before);
}

#[test]
fn commands_about_a_run_say_so_when_there_is_none() {
    let place = Place::new();
    for line in [
        "status",
        "why A",
        "pause",
        "retry A",
        "cancel",
        "report",
        "stop --all",
        "reassign A X-1",
        "diff A",
        "accept A",
        "send-back A -m x",
        "merged A b",
        "verify",
        "checks",
        "trees",
        "history",
        "pr",
        "status --at 1",
    ] {
        let args: Vec<&str> = line.split(' ').chain(["--state-dir", "s"]).collect();
        place.run(&args).refused(2, &["no run is at work"]);
    }
    place.run(&["run", "--resume", "--state-dir", "s"]).refused(2, &["no run was ever begun"]);
    let runs = place.run(&["runs", "--json"]);
    assert_eq!((runs.code, runs.out.trim()), (Some(0), "[]"), "{runs:?}");
    place.run(&["monitor", "--state-dir", "s"]).refused(2, &["needs a terminal"]);
}

/// Git in a folder, as somebody.
#[expect(clippy::disallowed_methods, reason = "a repository is made by git itself")]
fn git(place: &Place, folder: &str, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-C"]).arg(place.path(folder));
    let output = command.args(args).output().expect("git");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_not_committed_is_told_before_the_start_and_refused_at_it() {
    let place = Place::new();
    let plan = plan(&place, &[task("A", "")]);
    place.write("plan/work/a file.txt", "new");
    git(&place, "plan/work", &["init", "--quiet"]);
    git(&place, "plan/work", &["commit", "--quiet", "--allow-empty", "--message=one"]);
    let read = place.run(&["validate", &plan]);
    assert!(read.code == Some(0) && read.out.contains("1 file is not committed"), "{read:?}");
    let wanted = ["1 file is not committed", "plan/work: a file.txt", "--stash"];
    place.run(&["run", &plan, "--trust", "--state-dir", "s"]).refused(2, &wanted);
    assert!(!place.path("state/miyabi/runs").exists(), "no run was kept");
    assert!(!place.path("s").exists(), "and no state folder made");
    // A rehearsal and agents of somebody else's do not work on git.
    let looked = place.run(&["validate", &plan, "--json"]).json();
    assert_eq!(looked["obstacles"].as_array().map(Vec::len), Some(1), "{looked}");
    place.run(&["run", &plan, "--stash", "--rehearse"]).refused(2, &["cannot be used with"]);
}

#[test]
fn completions_and_schemas_are_printed() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let printed = place.run(&["completions", shell]);
        assert!(printed.code == Some(0) && printed.out.contains("reassign"), "{shell}");
    }
    let schema = place.run(&["schema", "task_dag"]).json();
    assert!(schema["properties"]["tasks"].is_object(), "{schema}");
}

#[test]
fn a_wrong_command_line_exits_with_2_and_a_hint() {
    let place = Place::new();
    place.run(&["valdate", "p"]).refused(2, &["validate"]);
    place.run(&["why", "../../etc"]).refused(2, &["not a valid id"]);
    place.run(&["run", "p", "--rehearse=soon"]).refused(2, &["a speed is a number"]);
}
