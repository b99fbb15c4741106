//! Whole runs: the real program, backend, helper and runners, in a tmux server of their own.
#![expect(clippy::disallowed_methods, reason = "these tests are about starting programs")]

#[path = "place/helper.rs"]
mod helper;
mod place;

use std::process::Command;

use place::Place;

/// A place whose tmux server, and all that runs in it, goes with it.
struct Stage {
    place: Place,
    plan: String,
}

impl Stage {
    /// A plan of one task and two that need it, of `seconds` each.
    fn new(seconds: u32) -> Self {
        helper::is_built();
        let place = Place::new();
        let task = |id: &str, agent: &str, needs: &str| {
            format!(
                r#"{{"id":"{id}","title":"{id}","prompt":"p","agent":"{agent}","needs":[{needs}],"estimated_seconds":{seconds}}}"#
            )
        };
        let tasks = [task("A", "X-1", ""), task("B", "X-1", r#""A""#), task("C", "X-2", r#""A""#)].join(",");
        place.write(
            "plan/task_dag.json",
            &format!(r#"{{"name":"p","title":"A small plan","tasks":[{tasks}]}}"#),
        );
        place.write(
            "plan/agent_config.json",
            r#"{"agents":[{"id":"X-1","title":"One","runner":"command","command":["true"]},
                {"id":"X-2","title":"Two","runner":"command","command":["true"]}]}"#,
        );
        let plan = place.path("plan").display().to_string();
        Self { place, plan }
    }

    fn run(&self, line: &str) -> place::Outcome {
        let args: Vec<&str> =
            line.split(' ').map(|word| if word == "PLAN" { &self.plan } else { word }).collect();
        self.place.run(&[args.as_slice(), &["--state-dir", "s"]].concat())
    }

    fn status(&self) -> serde_json::Value {
        self.run("status --json").json()
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").env("TMUX_TMPDIR", self.place.path("tmux")).args(args).output();
        String::from_utf8(output.expect("tmux").stdout).expect("text")
    }

    /// Kills the backend as a crash would. Its process is asked of this stage's own tmux server, so
    /// that nothing else on the machine can be meant.
    fn kill_backend(&self) {
        let listed = self.tmux(&["list-panes", "-a", "-F", "#{window_name} #{pane_pid}"]);
        let backend = listed.lines().find_map(|line| line.strip_prefix("Orchestrator ")).expect("its window");
        let killed = Command::new("kill").args(["-KILL", backend]).status();
        assert!(killed.expect("kill").success());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.run("stop --all");
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn a_rehearsal_runs_to_its_end_and_says_what_it_is() {
    let stage = Stage::new(10);
    let run = stage.run("run PLAN --rehearse=100");
    assert_eq!(run.code, Some(0), "{run:?}");
    for id in ["A", "B", "C"] {
        assert!(run.out.contains(&format!("✓ {id} completed")), "{}", run.out);
    }
    let lines: Vec<&str> = run.out.lines().filter(|line| !line.is_empty() && !line.contains('→')).collect();
    assert!(lines.iter().all(|line| line.starts_with("[rehearsal]")), "every line is marked: {lines:#?}");
    assert!(stage.run("logs X-1").out.lines().all(|line| line.contains("[rehearsal]")));

    assert_eq!(stage.run("stop --all").code, Some(0));
    let after = stage.status();
    assert_eq!(after["run"]["completed"], 3, "its journal tells it without a backend");
    assert!(stage.run("why B").out.contains("attempt 1 by X-1: succeeded"));
    assert_eq!(stage.run("report -o report.html").code, Some(0));
    let report = std::fs::read_to_string(stage.place.path("report.html")).expect("written");
    assert!(report.contains("A small plan"));
    stage.run("run --resume").refused(2, &["is completed"]);
    assert_eq!(stage.run("run PLAN --rehearse=100").code, Some(0), "an ended run is not in the way");
}

#[test]
fn events_are_json_lines_that_begin_with_the_whole() {
    let stage = Stage::new(10);
    let run = stage.run("run PLAN --rehearse=100 --json");
    assert_eq!(run.code, Some(0), "{run:?}");
    let events: Vec<serde_json::Value> =
        run.out.lines().map(|line| serde_json::from_str(line).expect("json")).collect();
    assert_eq!(events[0]["event"], "snapshot");
    assert_eq!(events[0]["value"]["tasks"].as_array().map(Vec::len), Some(3));
    let last = events.iter().rev().find(|event| event["event"] == "changed").expect("changes");
    assert_eq!(last["value"]["run"]["phase"], "completed");
}

#[test]
fn an_unfinished_run_is_held_then_resumed_then_left_behind() {
    let stage = Stage::new(600);
    let begun = stage.run("run PLAN --rehearse=1 -d");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    stage.run("run PLAN --rehearse=1 -d").refused(2, &["is held by run", "miyabi stop --all"]);
    assert_eq!(stage.run("pause").code, Some(0));
    let run_id = stage.status()["run"]["run_id"].clone();

    stage.kill_backend();
    stage.run("run PLAN --rehearse=1 -d").refused(2, &["unfinished run", "--resume", "--new"]);
    stage.run("pause").refused(2, &["no run is at work", "miyabi run --resume"]);
    assert_eq!(stage.status()["run"]["phase"], "paused", "read from the journal");

    let resumed = stage.run("run --resume -d");
    assert_eq!(resumed.code, Some(0), "{resumed:?}");
    let run = stage.status()["run"].clone();
    assert_eq!((&run["run_id"], &run["phase"]), (&run_id, &serde_json::json!("paused")));
    assert_eq!(stage.run("resume").code, Some(0));
    stage.run("reassign B Y-9").refused(2, &["Y-9"]);
    assert_eq!(stage.run("reassign B X-2").code, Some(0));
    assert_eq!(stage.status()["tasks"][1]["agent"], "X-2");

    assert_eq!(stage.run("stop --all").code, Some(0));
    let anew = stage.run("run PLAN --rehearse=1 --new -d");
    assert_eq!(anew.code, Some(0), "{anew:?}");
    assert_ne!(stage.status()["run"]["run_id"], run_id);
    assert_eq!(stage.run("cancel").code, Some(0));
    assert_eq!(stage.run("status").code, Some(1), "a cancelled run is none that is done");
}

#[test]
fn setup_makes_everything_and_starts_nothing() {
    let stage = Stage::new(10);
    let made = stage.run("setup PLAN --rehearse");
    assert_eq!(made.code, Some(0), "{made:?}");
    let queue = std::fs::read_to_string(stage.place.path("s/task_queue.json")).expect("written");
    assert!(queue.contains("[rehearsal] A") && queue.contains("READY"), "{queue}");
    assert!(stage.tmux(&["list-windows", "-a", "-F", "#{window_name}"]).contains("Orchestrator"));
    assert!(stage.run("runs").code == Some(2) || !stage.place.path("state/miyabi/runs").exists());
    assert_eq!(stage.run("run PLAN --rehearse=100").code, Some(0), "and then it runs");
}

/// Speaks as Claude Code does, and drafts a plan: with a need that does not exist, until it is told so.
const DRAFTER: &str = r#"#!/bin/sh
read -r told
echo '{"type":"system","subtype":"init","session_id":"0b7ba3e0-0000-4000-8000-000000000000","model":"scripted"}'
case "$told" in *"Did you mean"*) need=A ;; *) need=AA ;; esac
cat > task_dag.json <<PLAN
{"name":"made","title":"A made plan","tasks":[
  {"id":"A","title":"First","prompt":"p","agent":"X-1","estimated_seconds":60,"acceptance":[["true"]]},
  {"id":"B","title":"Second","prompt":"p","agent":"X-1","needs":["$need"],"estimated_seconds":60,"acceptance":[["true"]]}]}
PLAN
echo '{"agents":[{"id":"X-1","title":"One","runner":"command","command":["true"]}]}' > agent_config.json
echo '{"type":"result","subtype":"success","is_error":false,"result":"Drafted.","session_id":"0b7ba3e0-0000-4000-8000-000000000000","num_turns":1,"total_cost_usd":0.01,"usage":{"input_tokens":10,"output_tokens":5},"permission_denials":[]}'
cat > /dev/null
"#;

#[test]
fn a_goal_becomes_a_plan_and_what_is_wrong_with_it_goes_back() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new(1);
    let claude = stage.place.write("bin/claude", DRAFTER);
    std::fs::set_permissions(&claude, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths([stage.place.path("bin")].into_iter().chain(std::env::split_paths(&rest)));
    let args = ["plan", "Do two things", "-o", "made", "--state-dir", "s"];
    let output = stage.place.command().env("PATH", path.expect("a path")).args(args).output();
    let made = place::Outcome::of(output.expect("started"));
    assert_eq!(made.code, Some(0), "{made:?}");
    for words in ["A made plan", "No findings.", "after A", "miyabi run made"] {
        assert!(made.out.contains(words), "`{words}` is missing:\n{}", made.out);
    }
    stage.run("pause").refused(2, &["no run is at work"]);
    assert_eq!(
        stage.place.run(&["run", "made", "--rehearse=600", "--state-dir", "s"]).code,
        Some(0),
        "it runs"
    );
}

#[test]
fn trusted_commands_do_real_work_and_trust_is_asked_once() {
    let stage = Stage::new(1);
    stage.run("run PLAN").refused(2, &["X-1 runs true", "--trust"]);
    let run = stage.run("run PLAN --trust");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!run.out.contains("[rehearsal]"), "{}", run.out);
    assert_eq!(stage.run("run PLAN").code, Some(0), "agreed already");
}
