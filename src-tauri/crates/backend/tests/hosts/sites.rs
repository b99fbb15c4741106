//! Runs over several sites while all goes well, and their stop.

use std::fs;

use miyabi_api::{Answer, HostContact};
use miyabi_plan::{RunPhase, TaskPhase};
use miyabi_protocol::status::status_file_name;

use crate::stage::{Draft, FAR, Stage, agent, task, until_told};

fn everywhere(script: &str) -> Draft {
    Draft {
        tasks: vec![
            task("A", "X-1", &[]),
            task("B", "Y-1", &["A"]),
            task("C", "Z-1", &["B"]),
            task("D", "X-1", &["C"]),
            task("E", "Y-1", &["C"]),
        ],
        agents: vec![
            agent("X-1", "MUGEN", script),
            agent("Y-1", "MAJIN", script),
            agent("Z-1", "local", script),
        ],
        ..Draft::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_over_three_sites_completes_and_all_of_it_is_seen_here() {
    let mut stage = Stage::begin(&Draft { rehearse: Some(100.0), ..everywhere("true") });
    let mut person = stage.person().await;
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    for task in &person.run.tasks {
        assert_eq!((task.phase, task.attempts.len()), (TaskPhase::Completed, 1), "{}", task.id);
        let needs = task.needs.iter().map(|need| person.task(need.as_str()).completed_at);
        assert!(needs.into_iter().all(|ended| ended <= task.started_at), "{} began after its needs", task.id);
    }
    person
        .until("an answer of every host", |it| FAR.iter().all(|host| it.host(host).round_trip_ms.is_some()))
        .await;
    for host in FAR {
        let view = person.host(host);
        assert_eq!((view.contact, view.connected, &view.problem), (HostContact::Ready, true, &None));
        let ahead = view.clock_ahead_seconds.expect("measured");
        assert!(ahead.abs() < 5.0, "its clock is ours: {ahead}");
        assert!(view.load.is_some(), "{host} says how busy it is");
    }
    for (id, host) in [("X-1", "MUGEN"), ("Y-1", "MAJIN")] {
        let name = status_file_name(&id.parse().expect("an id"));
        for place in [host, "HERE"] {
            until_told(&stage.state(place).join(&name), |text| text.contains("IDLE")).await;
        }
        let begins = format!("view {id} --state-dir ");
        until_told(&stage.path("shown"), |text| text.lines().any(|line| line.starts_with(&begins))).await;
    }
    let windows = stage.windows_here();
    assert_eq!(windows.last().map(String::as_str), Some("Monitor"), "{windows:?}");
    assert!(windows.len() > 3, "with those of agents elsewhere: {windows:?}");
    drop(person);
    assert_eq!(stage.stop().await, Answer::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_agents_everywhere_and_says_where_it_could_not() {
    let mut stage = Stage::begin(&everywhere("echo at work; while true; do sleep 0.1; done"));
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    person.until("MAJIN answers", |it| it.host("MAJIN").connected).await;
    stage.switch_off("MAJIN");
    person.until("MAJIN is lost", |it| !it.host("MAJIN").connected).await;
    drop(person);
    let hosts = vec!["MAJIN".parse().expect("an id")];
    assert_eq!(stage.stop().await, Answer::StoppedExcept { hosts });
    let log = fs::read_to_string(stage.state("HERE").join("logs/orchestrator.log")).expect("a log");
    assert!(log.contains("MAJIN did not answer"), "{log}");
}
