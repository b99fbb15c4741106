//! What others do to the state folder.

use std::fs;
use std::io::Write as _;

use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::queue::QUEUE_VERSION;
use miyabi_protocol::{AgentStatus, QueueFile, QueueTask, StatusFile, TaskStatus, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::common::{Place, agent, idle};

fn queue(status: TaskStatus) -> QueueFile {
    let task = QueueTask {
        task_id: "Task-1".into(),
        agent: "CG-1".into(),
        description: "d".into(),
        dependencies: Vec::new(),
        status,
        priority: 1,
        estimated_time: 5,
        module: "core".into(),
        started_at: None,
        completed_at: None,
        error: None,
    };
    QueueFile { version: QUEUE_VERSION.into(), created_at: None, updated_at: None, tasks: vec![task] }
}

#[tokio::test]
async fn a_wiped_state_folder_comes_back_while_the_attempt_runs_on() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = helper.ensure("CG-1").await;
    place.run("mkfifo", &[&place.work().join("go").to_string_lossy()]);
    helper.offer(&place.sheet("CG-1", "Task-2.1", "echo ::progress 0.5; read x <go; echo late $x"));
    helper.until_file("CG-1", "half way", |status| status.progress > 0.4).await;
    fs::write(place.dir.status(&agent("X-1")), serde_json::to_vec(&idle("X-1")).expect("json"))
        .expect("written");
    helper.until_status("X-1", AgentStatus::Idle).await;

    fs::remove_dir_all(place.dir.root()).expect("wiped");
    let (mut gone, mut restored) = (false, false);
    helper
        .until("X-1 gone and CG-1 restored", |report| {
            match report {
                Report::StatusGone { agent } => gone |= agent.as_str() == "X-1",
                Report::Status { agent, status } => {
                    restored |= agent.as_str() == "CG-1" && status.status == AgentStatus::InProgress;
                }
                _ => {}
            }
            (gone && restored).then_some(())
        })
        .await;
    fs::write(place.work().join("go"), "word\n").expect("the agent goes on");
    let done = helper.until_status("CG-1", AgentStatus::Completed).await;
    assert_eq!(done.task_id.as_deref(), Some("Task-2"));
    assert!(place.log("CG-1").contains("late word"), "{}", place.log("CG-1"));
    assert_eq!(helper.ensure("CG-1").await, runner);
}

#[tokio::test]
async fn a_status_file_that_stays_bad_is_named_once_and_heals() {
    let place = Place::new();
    let whole = serde_json::to_vec(&idle("X-1")).expect("json");
    let path = place.dir.status(&agent("X-1"));
    fs::write(&path, &whole[..10]).expect("written");
    let mut helper = place.helper().await;
    let bad = |report: &Report| match report {
        Report::BadStatus { agent, message } if agent.as_str() == "X-1" => Some(message.clone()),
        Report::Status { agent, .. } if agent.as_str() == "X-1" => panic!("it is not sound"),
        _ => None,
    };
    let message = helper.until("bad status", bad).await;
    assert!(message.contains("agent_X-1_status.json"), "{message}");
    for length in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..length]).expect("written");
    }
    fs::write(&path, &whole).expect("written");
    helper.until_status("X-1", AgentStatus::Idle).await;
    fs::write(&path, r#"{"agent_id":"X-1","status":"WORKING"}"#).expect("written");
    let message = helper.until("bad status", bad).await;
    assert!(message.contains("WORKING"), "{message}");
    fs::write(&path, r#"{"agent_id":"X-1","status":"BUSY","progress":NaN}"#).expect("written");
    assert_eq!(helper.until_status("X-1", AgentStatus::Busy).await.progress, 0.0);
    fs::remove_file(&path).expect("removed");
    helper.until("gone", |report| matches!(report, Report::StatusGone { .. }).then_some(())).await;
}

#[tokio::test]
async fn an_edit_of_the_queue_is_told_and_our_own_writes_are_not() {
    let place = Place::new();
    let mut helper = place.helper().await;
    for status in [TaskStatus::Pending, TaskStatus::Ready, TaskStatus::Failed] {
        helper.send(&Command::WriteQueue { queue: queue(status) });
    }
    helper.send(&Command::Ping { token: 7 });
    helper
        .until("pong", |report| match report {
            Report::Pong { token: 7, .. } => Some(()),
            Report::QueueEdited { .. } => panic!("that was our own write"),
            _ => None,
        })
        .await;
    let edited = |report: &Report| match report {
        Report::QueueEdited { queue } => Some(queue.clone()),
        _ => None,
    };
    fs::write(place.dir.queue(), serde_json::to_vec(&queue(TaskStatus::Pending)).expect("json"))
        .expect("edited");
    let seen = helper.until("the edit", edited).await.expect("readable");
    assert_eq!(seen.tasks[0].status, TaskStatus::Pending);
    fs::write(place.dir.queue(), "{ torn").expect("edited");
    assert_eq!(helper.until("the tear", edited).await, None);
    helper.send(&Command::WriteQueue { queue: queue(TaskStatus::Failed) });
    helper.send(&Command::Ping { token: 8 });
    helper.until("pong", |report| matches!(report, Report::Pong { token: 8, .. }).then_some(())).await;
    fs::write(place.dir.queue(), serde_json::to_vec(&queue(TaskStatus::Pending)).expect("json"))
        .expect("again");
    assert!(helper.until("the same edit again", edited).await.is_some());
}

#[tokio::test]
async fn an_updated_queue_is_the_whole_file_and_an_edit_of_it_is_told_however_soon_it_comes() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut whole = queue(TaskStatus::Pending);
    for id in ["Task-2", "Task-3"] {
        whole.tasks.push(QueueTask { task_id: id.into(), ..whole.tasks[0].clone() });
    }
    // What comes before the whole file is of no queue that is known here.
    helper.send(&Command::UpdateQueue { updated_at: Timestamp::default(), tasks: whole.tasks.clone() });
    helper.send(&Command::WriteQueue { queue: whole.clone() });
    for (millis, index) in [(1, 2), (2, 0), (3, 2)] {
        whole.updated_at = Some(Timestamp::from_millis(millis));
        whole.tasks[index].status = if millis == 3 { TaskStatus::InProgress } else { TaskStatus::Completed };
        let tasks = vec![whole.tasks[index].clone()];
        helper.send(&Command::UpdateQueue { updated_at: Timestamp::from_millis(millis), tasks });
    }
    helper.send(&Command::Ping { token: 7 });
    helper
        .until("pong", |report| match report {
            Report::Pong { token: 7, .. } => Some(()),
            Report::QueueEdited { .. } => panic!("that was our own write"),
            _ => None,
        })
        .await;
    let ours = fs::read(place.dir.queue()).expect("the file");
    assert_eq!(serde_json::from_slice::<QueueFile>(&ours).expect("readable"), whole);

    // In place, as long as ours and with its time, so that only its bytes tell.
    let edit = String::from_utf8(ours.clone()).expect("text").replace("\"Task-3\"", "\"Task-9\"");
    let written_at = fs::metadata(place.dir.queue()).and_then(|found| found.modified()).expect("a time");
    let mut file = fs::OpenOptions::new().write(true).open(place.dir.queue()).expect("open");
    file.write_all(edit.as_bytes()).expect("edited");
    file.set_modified(written_at).expect("set back");
    drop(file);
    let seen = helper
        .until("the edit", |report| match report {
            Report::QueueEdited { queue } => Some(queue.clone()),
            _ => None,
        })
        .await;
    assert_eq!(seen.expect("readable").tasks[2].task_id, "Task-9");
    helper.send(&Command::UpdateQueue { updated_at: Timestamp::from_millis(3), tasks: Vec::new() });
    helper.send(&Command::Ping { token: 8 });
    helper.until("pong", |report| matches!(report, Report::Pong { token: 8, .. }).then_some(())).await;
    assert_eq!(fs::read(place.dir.queue()).expect("the file"), ours, "the edit is undone");
}

#[tokio::test]
async fn a_followed_log_arrives_whole_and_within_its_credit() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.send(&Command::FollowLog { stream: 3, agent: Some(agent("CG-1")), offset: 0, credit: 1000 });
    helper.send(&Command::FollowLog { stream: 4, agent: None, offset: u64::MAX, credit: 1 << 30 });
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let path = place.dir.log(Some(&agent("CG-1")));
    fs::write(&path, &bytes[..500_000]).expect("written");
    let mut got = helper.chunk().await.bytes;
    assert_eq!(got.len(), 1000, "no more than the credit");
    helper.send(&Command::StreamCredit { stream: 3, bytes: 1 << 30 });
    while got.len() < 500_000 {
        let chunk = helper.chunk().await;
        assert_eq!((chunk.stream, chunk.offset), (3, got.len() as u64));
        got.extend(chunk.bytes);
    }
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("open");
    file.write_all(&bytes[500_000..]).expect("appended");
    while got.len() < bytes.len() {
        got.extend(helper.chunk().await.bytes);
    }
    assert_eq!(Sha256::digest(&got), Sha256::digest(fs::read(&path).expect("read")));

    fs::write(place.dir.log(None), "orchestrator\n").expect("written");
    let chunk = helper.chunk().await;
    assert_eq!((chunk.stream, chunk.bytes.as_slice()), (4, b"orchestrator\n".as_slice()));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_told_and_nothing_is_lost() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.ensure("CG-1").await;
    place.run("mkfifo", &[&place.work().join("go").to_string_lossy()]);
    helper.offer(&place.sheet("CG-1", "Task-2.1", "echo ::progress 0.5; read x <go"));
    helper.until_file("CG-1", "half way", |status| status.progress > 0.4).await;
    fs::remove_dir_all(place.dir.root()).expect("removed");
    fs::write(place.dir.root(), "in the way").expect("written");
    helper.send(&Command::WriteQueue { queue: queue(TaskStatus::Ready) });
    let message = helper
        .until("a problem", |report| match report {
            Report::StateProblem { message } => Some(message.clone()),
            _ => None,
        })
        .await;
    assert!(message.contains(&*place.dir.root().to_string_lossy()), "{message}");
    fs::write(place.work().join("go"), "on\n").expect("the agent goes on");
    fs::remove_file(place.dir.root()).expect("out of the way");
    helper.until_status("CG-1", AgentStatus::Completed).await;
    let written = || fs::read_to_string(place.dir.queue()).unwrap_or_default();
    while !written().contains("READY") {
        helper.send(&Command::Ping { token: 1 });
        helper.until("pong", |report| matches!(report, Report::Pong { .. }).then_some(())).await;
    }
}

#[tokio::test]
async fn a_second_helper_is_refused_and_told_who_holds_the_folder() {
    let place = Place::new();
    let _first = place.helper().await;
    let mut second = place.greeted("another-run", 1);
    let message = second
        .until("refusal", |report| match report {
            Report::Refused { message } => Some(message.clone()),
            _ => None,
        })
        .await;
    assert!(message.contains(&place.run_id()) && message.contains("--state-dir"), "{message}");
    assert!(!second.link.process.wait().await.expect("ended").success());
}

#[tokio::test]
async fn an_agent_at_work_is_not_written_over_and_its_word_is_told_again() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let name = agent("CG-9");
    let write = |status: AgentStatus| {
        let file = StatusFile { task_id: Some("Task-1".into()), status, ..idle("CG-9") };
        fs::write(place.dir.status(&name), serde_json::to_vec(&file).expect("json")).expect("written");
    };
    helper.send(&Command::EnsureAgent { agent: name.clone(), window: "CG-9".into(), ours: false });
    write(AgentStatus::InProgress);
    helper.until_status("CG-9", AgentStatus::InProgress).await;
    helper.send(&Command::WriteStatus { agent: name.clone(), status: idle("CG-9") });
    helper.until_status("CG-9", AgentStatus::InProgress).await;
    assert_eq!(place.status("CG-9").status, AgentStatus::InProgress, "it was the agent's turn");

    write(AgentStatus::Completed);
    helper.until_status("CG-9", AgentStatus::Completed).await;
    helper.send(&Command::WriteStatus { agent: name.clone(), status: idle("CG-9") });
    helper.until_status("CG-9", AgentStatus::Idle).await;
}
