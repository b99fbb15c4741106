//! Terminals on the windows of agents elsewhere.

use std::time::Duration;

use miyabi_api::{HostAnswer, Request};
use miyabi_plan::{AgentId, TaskPhase};
use miyabi_protocol::link::TerminalSize;
use tokio::time::sleep;

use crate::stage::{Draft, Stage, agent, task};

const KEYS_APART: Duration = Duration::from_millis(50);
const SIZE: TerminalSize = TerminalSize { columns: 100, rows: 30 };

fn shows(bytes: Option<&Vec<u8>>, text: &str) -> bool {
    bytes.is_some_and(|bytes| String::from_utf8_lossy(bytes).contains(text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_the_window_takes_keys_and_ends_with_its_link() {
    let draft = Draft {
        tasks: vec![task("A", "X-1", &[])],
        agents: vec![agent("X-1", "MUGEN", "echo hello from there; while true; do sleep 0.1; done")],
        ..Draft::default()
    };
    let mut stage = Stage::begin(&draft);
    let mut person = stage.person().await;
    person.until("A runs", |it| it.task("A").phase == TaskPhase::Running).await;
    let id = || "X-1".parse::<AgentId>().expect("an id");
    let open = |stream| Request::OpenTerminal { stream, agent: id(), size: SIZE, credit: u32::MAX };
    person.ask(open(5)).await.expect("opened");
    person.until("the agent's words", |it| shows(it.bytes.get(&5), "hello from there")).await;
    // Detached as in any tmux, by keys as far apart as a person's: faster ones are a paste.
    person.types(5, b"\x02").await;
    sleep(KEYS_APART).await;
    person.types(5, b"d").await;
    person.until("the terminal's end", |it| it.ended.contains_key(&5)).await;
    assert!(person.ended[&5].contains("detached"), "{}", person.ended[&5]);

    person.ask(open(6)).await.expect("opened");
    person.until("the agent's words", |it| shows(it.bytes.get(&6), "hello from there")).await;
    stage.switch_off("MUGEN");
    person.until("the terminal's end", |it| it.ended.contains_key(&6)).await;
    assert!(person.ended[&6].contains("MUGEN"), "{}", person.ended[&6]);
    let error = person.ask(open(7)).await.expect_err("nobody is there");
    assert!(error.message.contains("does not answer"), "{error}");

    person.until("the loss", |it| !it.host("MUGEN").connected).await;
    stage.switch_on("MUGEN");
    let host = "MUGEN".parse().expect("an id");
    person.ask(Request::AnswerHost { host, answer: HostAnswer::TryAgain }).await.expect("tried");
    person.until("contact", |it| it.host("MUGEN").connected).await;
    person.ask(open(8)).await.expect("opened again");
    person.until("the agent's words", |it| shows(it.bytes.get(&8), "hello from there")).await;
    drop(person);
    stage.stop().await;
}
