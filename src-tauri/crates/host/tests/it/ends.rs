//! Everything that can be killed, and what is left of it.

use std::fs;

use miyabi_protocol::AgentStatus;
use miyabi_protocol::link::{Command, Report};

use crate::common::{Helper, Place, agent, attempt, kill, lives};

/// An agent that hides: a grandchild in a session of its own, with ignored signals and no parent.
fn escape(place: &Place) -> String {
    place.script(
        "deep.sh",
        "trap '' TERM HUP INT\nsleep 1000 &\necho $! >> \"$1\"\necho $$ >> \"$1\"\nwait\n",
    );
    let deep = place.path("deep.sh").to_string_lossy().into_owned();
    place.script("pids", "");
    let pids = place.path("pids").to_string_lossy().into_owned();
    format!(
        "trap '' TERM HUP INT; (setsid sh {deep} {pids} &) & \
         while [ $(wc -l < {pids}) -lt 2 ]; do sleep 0.01; done; \
         echo $$ >> {pids}; echo ::progress 0.5; sleep 1000"
    )
}

fn hidden(place: &Place) -> Vec<String> {
    let text = fs::read_to_string(place.path("pids")).expect("pids");
    text.lines().map(str::to_owned).collect()
}

fn assert_all_ended(place: &Place) {
    let pids = hidden(place);
    assert_eq!(pids.len(), 3, "{pids:?}");
    let living: Vec<_> = pids.iter().filter(|pid| lives(pid)).collect();
    assert!(living.is_empty(), "{living:?} of {pids:?} live on");
}

async fn begin_escape(place: &Place, helper: &mut Helper) -> u32 {
    let runner = helper.ensure("CG-1").await;
    helper.offer(&place.sheet("CG-1", "Task-2.1", &escape(place)));
    helper.until_file("CG-1", "half way", |status| status.progress > 0.4).await;
    assert!(hidden(place).iter().all(|pid| lives(pid)));
    runner
}

#[tokio::test]
async fn a_stop_ends_every_process_and_says_why() {
    let place = Place::new();
    let mut helper = place.helper().await;
    begin_escape(&place, &mut helper).await;
    let stop = |number| Command::StopAttempt {
        agent: agent("CG-1"),
        attempt: attempt(number),
        reason: "cancelled by a person".into(),
    };
    helper.send(&stop("Task-2.7"));
    helper.send(&stop("Task-2.1"));
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert_eq!(failed.errors[0], "cancelled by a person");
    assert_all_ended(&place);
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let script = escape(&place).replace("sleep 1000", "exit 0");
    helper.offer(&place.sheet("CG-1", "Task-2.1", &script));
    helper.until_status("CG-1", AgentStatus::Completed).await;
    assert_all_ended(&place);
}

#[tokio::test]
async fn a_killed_runner_is_noticed_and_nothing_of_it_is_left() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = begin_escape(&place, &mut helper).await;
    kill(&place, "-9", runner);
    let how = helper.until_gone("CG-1").await;
    assert!(how.contains("killed by signal 9"), "{how}");
    assert_all_ended(&place);

    helper.send(&Command::EnsureAgent { agent: agent("CG-1"), window: "CG-1".into(), ours: true });
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert!(failed.errors[0].contains("process is gone"), "{:?}", failed.errors);
    assert_ne!(helper.ensure("CG-1").await, runner);
}

#[tokio::test]
async fn a_closed_window_is_a_failed_attempt() {
    let place = Place::new();
    let mut helper = place.helper().await;
    begin_escape(&place, &mut helper).await;
    let windows = place.tmux(&[
        "list-windows",
        "-t",
        &format!("={}:", place.session()),
        "-F",
        "#{@miyabi_agent} #{window_id}",
    ]);
    let id = windows.lines().find_map(|line| line.strip_prefix("CG-1 ")).expect("the window").to_owned();
    place.tmux(&["kill-window", "-t", &id]);
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert_eq!(failed.errors[0], "its tmux window was closed");
    let how = helper.until_gone("CG-1").await;
    assert!(how.contains("window was closed"), "{how}");
    assert_all_ended(&place);
    helper.ensure("CG-1").await;
}

#[tokio::test]
async fn after_the_tmux_server_is_killed_an_offer_works_again() {
    let place = Place::new();
    let mut helper = place.helper().await;
    begin_escape(&place, &mut helper).await;
    place.tmux(&["kill-server"]);
    helper.until_gone("CG-1").await;
    assert_all_ended(&place);
    helper.send(&Command::WriteStatus { agent: agent("CG-1"), status: crate::common::idle("CG-1") });
    helper.offer(&place.sheet("CG-1", "Task-2.2", "exit 0"));
    helper.until_status("CG-1", AgentStatus::Completed).await;
    let windows =
        place.tmux(&["list-windows", "-t", &format!("={}:", place.session()), "-F", "#{window_index} #W"]);
    assert!(windows.starts_with("0 Orchestrator\n1 CG-1-Core\n"), "{windows}");
}

#[tokio::test]
async fn a_new_helper_adopts_the_same_runner_and_attempt() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = begin_escape(&place, &mut helper).await;
    helper.crash(&place).await;

    let mut helper = place.helper_for(&place.run_id(), 2).await;
    let mut progress = None;
    let adopted = helper
        .until("listed", |report| {
            match report {
                Report::Status { status, .. } => progress = Some(status.progress),
                Report::RunnerUp { agent: of, pid, attempt } if *of == agent("CG-1") => {
                    return Some((*pid, attempt.clone()));
                }
                Report::Listed => panic!("listed without its runner"),
                _ => {}
            }
            None
        })
        .await;
    assert_eq!(adopted, (runner, Some(attempt("Task-2.1"))));
    assert_eq!(progress, Some(0.5));
    assert!(hidden(&place).iter().all(|pid| lives(pid)));
    helper.send(&Command::StopAll);
    helper.until("stopped", |report| matches!(report, Report::Stopped).then_some(())).await;
    assert_all_ended(&place);
    assert_eq!(place.status("CG-1").status, AgentStatus::Failed);
    let windows = place.tmux(&["list-windows", "-t", &format!("={}:", place.session()), "-F", "#W"]);
    assert_eq!(windows, "Orchestrator\n");
}

#[tokio::test]
async fn a_runner_that_died_while_no_helper_looked_leaves_nothing() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = begin_escape(&place, &mut helper).await;
    helper.crash(&place).await;
    kill(&place, "-9", runner);
    let mut helper = place.helper_for(&place.run_id(), 2).await;
    helper.until("listed", |report| matches!(report, Report::Listed).then_some(())).await;
    assert_all_ended(&place);
}

#[tokio::test]
async fn the_runner_of_an_earlier_run_is_ended_and_replaced() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = begin_escape(&place, &mut helper).await;
    helper.crash(&place).await;
    let mut helper = place.helper_for(&format!("{}-next", place.run_id()), 1).await;
    helper.until("listed", |report| matches!(report, Report::Listed).then_some(())).await;
    assert_all_ended(&place);
    assert_ne!(helper.ensure("CG-1").await, runner);
}

#[tokio::test]
async fn a_helper_ends_with_its_backend_and_runners_go_on() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = helper.ensure("CG-1").await;
    drop(helper.link.sender);
    assert!(helper.link.process.wait().await.expect("ended").success());
    assert!(lives(&runner.to_string()));
}
