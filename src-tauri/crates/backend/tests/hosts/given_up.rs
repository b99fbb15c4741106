//! Hosts that are given up: what was under way there is done elsewhere, and what they still say of it
//! is not taken.

use std::fs;

use miyabi_api::{HostContact, NoticeKind, Request};
use miyabi_plan::{FailureCause, RunPhase, TaskPhase};

use crate::stage::{Draft, Stage, agent, task};

const PATIENT: &str = "echo began >> began; while [ ! -e go ]; do sleep 0.05; done; echo done";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_of_a_host_that_is_given_up_are_done_elsewhere_and_its_late_word_is_not_taken() {
    let draft = Draft {
        tasks: vec![task("A", "X-1", &[]), task("B", "Z-1", &["A"])],
        agents: vec![
            agent("X-1", "MUGEN", PATIENT),
            agent("X-2", "MAJIN", PATIENT),
            agent("Z-1", "local", "true"),
        ],
        ..Draft::default()
    };
    let mut stage = Stage::begin(&draft);
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    let give_up = || Request::GiveUpHost { host: "MUGEN".parse().expect("an id") };
    let error = person.ask(give_up()).await.expect_err("a host that answers is not given up");
    assert!(error.message.contains("MUGEN"), "{error}");
    stage.switch_off("MUGEN");
    person.until("A is unverified", |it| it.task("A").phase == TaskPhase::Unverified).await;
    person.ask(give_up()).await.expect("given up");
    person.until("MUGEN is gone", |it| it.host("MUGEN").contact == HostContact::Gone).await;
    person
        .until("A runs at MAJIN", |it| {
            it.task("A").phase == TaskPhase::Running && it.task("A").agent.as_str() == "X-2"
        })
        .await;
    assert_eq!(person.task("A").attempts[0].cause, Some(FailureCause::HostLost));

    // It comes back while the second attempt is under way, and its first one ends only then.
    stage.switch_on("MUGEN");
    person.until("MUGEN is back", |it| it.host("MUGEN").connected).await;
    fs::write(stage.work("MUGEN", "go"), "").expect("written");
    person
        .until("its claim is thrown away", |it| {
            it.run.notices.iter().any(|notice| notice.kind == NoticeKind::LateClaim)
        })
        .await;
    assert_eq!(person.task("A").phase, TaskPhase::Running, "the second attempt is what counts");
    fs::write(stage.work("MAJIN", "go"), "").expect("written");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    let attempts = &person.task("A").attempts;
    assert_eq!((attempts.len(), attempts[1].agent.as_str(), attempts[1].cause), (2, "X-2", None));
    drop(person);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lease_the_agents_stop_there_and_their_tasks_are_done_here() {
    let draft = Draft {
        tasks: vec![task("A", "X-1", &[])],
        agents: vec![agent("X-1", "MUGEN", PATIENT)],
        failover: Some("after 3s"),
        ..Draft::default()
    };
    let mut stage = Stage::begin(&draft);
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    stage.switch_off("MUGEN");
    person.until("A is unverified", |it| it.task("A").phase == TaskPhase::Unverified).await;
    person.until("the inbox says when", |it| it.run.inbox.iter().any(|item| item.answers_at.is_some())).await;
    person
        .until("A runs here", |it| {
            it.task("A").phase == TaskPhase::Running && it.task("A").attempts.len() == 2
        })
        .await;
    assert_eq!(person.agent("X-1").host.as_str(), "local", "the agent moved here");
    let there = fs::read_to_string(stage.state("MUGEN").join("agent_X-1_status.json")).expect("its file");
    assert!(there.contains("FAILED"), "its runner stopped it before it began here: {there}");
    fs::write(stage.work("HERE", "go"), "").expect("written");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    assert!(person.run.notices.iter().any(|notice| notice.kind == NoticeKind::HostGivenUp));
    drop(person);
    stage.stop().await;
}
