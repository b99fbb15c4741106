//! Links that break and come back: nothing is lost, and nothing is done twice.

use std::fs;

use miyabi_api::{HostAnswer, HostContact, InboxKind, NoticeKind, Request};
use miyabi_plan::{RunPhase, TaskPhase, WaitReason};

use crate::person::Person;
use crate::stage::{Draft, Stage, agent, task};

/// Counts its beginnings in its work folder, and works until it may end.
const PATIENT: &str = "echo began >> began; while [ ! -e go ]; do sleep 0.05; done; echo done";

fn patient() -> Draft {
    Draft {
        tasks: vec![task("A", "X-1", &[]), task("B", "Z-1", &["A"])],
        agents: vec![agent("X-1", "MUGEN", PATIENT), agent("Z-1", "local", "true")],
        ..Draft::default()
    }
}

fn try_now() -> Request {
    Request::AnswerHost { host: "MUGEN".parse().expect("an id"), answer: HostAnswer::TryAgain }
}

/// Lets A end; it had begun once.
async fn ends_as_it_began(mut stage: Stage, mut person: Person) {
    fs::write(stage.work("MUGEN", "go"), "").expect("written");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    assert_eq!(person.task("A").attempts.len(), 1);
    assert_eq!(fs::read_to_string(stage.work("MUGEN", "began")).expect("it began"), "began\n");
    drop(person);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_a_lost_host_is_unverified_then_adopted_and_not_done_twice() {
    let stage = Stage::begin(&patient());
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    stage.switch_off("MUGEN");
    person.until("A is unverified", |it| it.task("A").phase == TaskPhase::Unverified).await;
    person.until("it is tried again", |it| it.host("MUGEN").next_try_at.is_some()).await;
    let host = person.host("MUGEN");
    assert_eq!((host.contact, host.connected, host.unverified), (HostContact::Reconnecting, false, 1));
    assert!(host.problem.is_some(), "it says why");
    assert_eq!(person.task("B").phase, TaskPhase::Pending, "what needs it waits");
    let item = person.run.inbox.iter().find(|item| item.kind == InboxKind::HostLost).expect("in the inbox");
    assert_eq!((item.host.clone(), item.blocks), (Some("MUGEN".parse().expect("an id")), 1));
    assert!(item.what.contains("A under way") && item.detail.contains("of work"), "{item:?}");
    assert_eq!(item.answers_at, None, "the plan gives nothing up by itself");
    assert!(person.run.notices.iter().any(|notice| notice.kind == NoticeKind::HostLost));

    stage.switch_on("MUGEN");
    person.ask(try_now()).await.expect("tried");
    person.until("A runs on", |it| it.task("A").phase == TaskPhase::Running).await;
    assert!(person.run.inbox.is_empty(), "nothing is asked any more: {:?}", person.run.inbox);
    assert!(person.run.notices.iter().any(|notice| notice.kind == NoticeKind::HostBack));
    ends_as_it_began(stage, person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_nobody_looked_is_taken() {
    let mut stage = Stage::begin(&patient());
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    stage.switch_off("MUGEN");
    person.until("A is unverified", |it| it.task("A").phase == TaskPhase::Unverified).await;
    fs::write(stage.work("MUGEN", "go"), "").expect("written");
    stage.switch_on("MUGEN");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    assert_eq!(person.task("A").attempts.len(), 1);
    drop(person);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_carries_nothing_any_more_is_noticed_and_replaced() {
    let stage = Stage::begin(&patient());
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    stage.freeze("MUGEN");
    person.until("an answer is overdue", |it| it.host("MUGEN").contact == HostContact::Probing).await;
    person.until("A is unverified", |it| it.task("A").phase == TaskPhase::Unverified).await;
    person.until("A runs on", |it| it.task("A").phase == TaskPhase::Running).await;
    ends_as_it_began(stage, person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_never_reached_holds_up_only_its_own_tasks() {
    let draft = Draft { tasks: vec![task("A", "X-1", &[]), task("B", "Z-1", &[])], ..patient() };
    let mut stage = Stage::begin_without("MUGEN", &draft);
    let mut person = stage.person().await;
    person.until("B is done", |it| it.task("B").phase == TaskPhase::Completed).await;
    let waits = |reason: &WaitReason| matches!(reason, WaitReason::Host { host } if host.as_str() == "MUGEN");
    person.until("A waits for its host", |it| it.task("A").waiting.iter().any(waits)).await;
    assert!(person.host("MUGEN").problem.as_ref().is_some_and(|it| it.contains("no route to MUGEN")));
    fs::write(stage.work("MUGEN", "go"), "").expect("written");
    stage.switch_on("MUGEN");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    drop(person);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_byte_for_byte_the_hosts_after_many_cuts() {
    let noisy = "i=0; while [ ! -e go ]; do i=$((i+1)); echo \"line $i of what the agent says\"; \
                 [ $((i % 50)) = 0 ] && sleep 0.02; done; echo the last line";
    let draft =
        Draft { agents: vec![agent("X-1", "MUGEN", noisy), agent("Z-1", "local", "true")], ..patient() };
    let mut stage = Stage::begin(&draft);
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    let agent = Some("X-1".parse().expect("an id"));
    let follow = Request::FollowLog { stream: 7, agent, offset: 0, credit: u32::MAX };
    person.ask(follow).await.expect("followed");
    for _ in 0..6 {
        let before = person.bytes.get(&7).map_or(0, Vec::len);
        person.until("more of the log", |it| it.bytes.get(&7).is_some_and(|log| log.len() > before)).await;
        stage.cut("MUGEN");
        person.until("the loss", |it| !it.host("MUGEN").connected).await;
        person.ask(try_now()).await.expect("tried");
        person.until("contact", |it| it.host("MUGEN").connected).await;
    }
    fs::write(stage.work("MUGEN", "go"), "").expect("written");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    let there = fs::read(stage.state("MUGEN").join("logs/agent_X-1.log")).expect("the log there");
    person.until("all of the log", |it| it.bytes.get(&7).is_some_and(|log| log.len() >= there.len())).await;
    assert!(person.bytes[&7] == there, "the same bytes: {} and {}", person.bytes[&7].len(), there.len());
    drop(person);
    stage.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_is_started_again_adopts_what_goes_on_everywhere() {
    let mut stage = Stage::begin(&patient());
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    drop(person);
    stage.restart_backend().await;
    let mut person = stage.person().await;
    person.until("contact", |it| it.host("MUGEN").connected).await;
    assert_eq!(person.task("A").phase, TaskPhase::Running);
    ends_as_it_began(stage, person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_takes_only_answers_to_what_it_asks() {
    let mut stage = Stage::begin(&patient());
    let mut person = stage.person().await;
    person.until("contact", |it| it.host("MUGEN").connected).await;
    let secret = HostAnswer::Secret { secret: miyabi_protocol::Secret("hush".to_owned()) };
    let host = || "MUGEN".parse().expect("an id");
    let error = person.ask(Request::AnswerHost { host: host(), answer: secret.clone() }).await;
    assert!(error.is_err_and(|error| error.message.contains("does not ask that")));
    let elsewhere = "local".parse().expect("an id");
    let error = person.ask(Request::AnswerHost { host: elsewhere, answer: secret }).await;
    assert!(error.is_err_and(|error| error.message.contains("local is no host")));
    fs::write(stage.work("MUGEN", "go"), "").expect("written");
    person.until("the end", |it| it.run.run.phase == RunPhase::Completed).await;
    drop(person);
    stage.stop().await;
}
