//! Terminals for people far away, over the helper's link.

use std::time::Duration;

use miyabi_protocol::frame::{Chunk, Frame};
use miyabi_protocol::link::{Command, Report, TerminalSize};
use tokio::time::timeout;

use crate::common::{Helper, Place, agent};

const SIZE: TerminalSize = TerminalSize { columns: 90, rows: 30 };
const PLENTY: u32 = 16 << 20;

fn open(helper: &Helper, stream: u32, name: &str, credit: u32) {
    helper.send(&Command::OpenTerminal { stream, agent: Some(agent(name)), size: SIZE, credit });
}

/// A window of an agent in which a shell takes what is typed.
async fn shell(helper: &mut Helper, name: &str) {
    let argv = ["sh", "-c", "PS1='ready> ' exec sh -i"].map(str::to_owned).to_vec();
    helper.send(&Command::ShowElsewhere { agent: agent(name), window: format!("{name}-Core"), argv });
}

async fn type_in(helper: &Helper, stream: u32, text: &str) {
    let chunk = Chunk { stream, offset: 0, bytes: text.as_bytes().to_vec() };
    helper.link.sender.send(Frame::Bulk(chunk)).await.expect("typed");
}

/// Reads what is drawn until it holds these words.
async fn until_drawn(helper: &mut Helper, stream: u32, words: &str) -> String {
    let mut drawn = String::new();
    let found = timeout(Duration::from_secs(20), async {
        while !drawn.contains(words) {
            let chunk = helper.chunk().await;
            if chunk.stream == stream {
                drawn.push_str(&String::from_utf8_lossy(&chunk.bytes));
            }
        }
    });
    let found = found.await;
    assert!(found.is_ok(), "no {words} in {drawn:?}");
    drawn
}

async fn until_ended(helper: &mut Helper, of: u32) -> String {
    helper
        .until("end of the terminal", |report| match report {
            Report::StreamEnded { stream, why } if *stream == of => Some(why.clone()),
            _ => None,
        })
        .await
}

async fn until_window(place: &Place, name: &str) {
    let there = timeout(Duration::from_secs(20), async {
        while !place.tmux(&["list-windows", "-a", "-F", "#{@miyabi_agent}"]).lines().any(|line| line == name)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    there.await.expect("the window");
}

fn sessions(place: &Place) -> String {
    place.tmux(&["list-sessions", "-F", "#{session_name}"])
}

async fn until_alone(place: &Place) {
    let alone = timeout(Duration::from_secs(10), async {
        while sessions(place) != format!("{}\n", place.session()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(alone.await.is_ok(), "{}", sessions(place));
}

#[tokio::test]
async fn a_person_types_into_an_agents_window_and_nothing_of_theirs_changes() {
    let place = Place::new();
    let mut helper = place.helper().await;
    for name in ["CG-1", "CG-2"] {
        shell(&mut helper, name).await;
        until_window(&place, name).await;
    }
    let exactly = format!("={}:", place.session());
    place.tmux(&["set-option", "-t", &exactly, "status-left", "mine"]);
    let look = || {
        [
            place.tmux(&[
                "list-windows",
                "-t",
                &exactly,
                "-F",
                "#{window_id} #{window_index} #W #{window_active}",
            ]),
            place.tmux(&["show-options", "-t", &exactly]),
            place.tmux(&["show-options", "-g"]),
            place.tmux(&["show-options", "-g", "-w"]),
            place.tmux(&["show-environment", "-g"]),
            place.tmux(&["show-environment", "-t", &exactly]),
            place.tmux(&["show-hooks", "-g"]),
            sessions(&place),
        ]
    };
    let before = look();

    open(&helper, 1, "CG-2", PLENTY);
    until_drawn(&mut helper, 1, "ready>").await;
    type_in(&helper, 1, "echo =$((6*7))=\n").await;
    until_drawn(&mut helper, 1, "=42=").await;
    // Two people, each with a cursor of their own.
    open(&helper, 2, "CG-1", PLENTY);
    until_drawn(&mut helper, 2, "ready>").await;
    let cursors = place.tmux(&["list-windows", "-a", "-f", "#{window_active}", "-F", "#{@miyabi_agent}"]);
    assert_eq!(cursors.lines().filter(|line| line.starts_with("CG-")).count(), 2, "{cursors}");
    assert!(cursors.contains("Orchestrator"), "the session's own stays where it was: {cursors}");
    helper.send(&Command::ResizeTerminal { stream: 1, size: TerminalSize { columns: 77, rows: 22 } });
    let resized = timeout(Duration::from_secs(10), async {
        while !place.tmux(&["list-clients", "-F", "#{client_width}x#{client_height}"]).contains("77x22") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    resized.await.expect("the new size");

    helper.send(&Command::CloseStream { stream: 1 });
    assert_eq!(until_ended(&mut helper, 1).await, "closed");
    type_in(&helper, 2, "\x02d").await;
    let why = until_ended(&mut helper, 2).await;
    assert!(why.contains("detached"), "{why}");
    until_alone(&place).await;
    assert_eq!(look(), before);
}

#[tokio::test]
async fn a_terminal_draws_no_more_than_its_credit_and_may_be_slow() {
    let place = Place::new();
    let mut helper = place.helper().await;
    shell(&mut helper, "CG-1").await;
    until_window(&place, "CG-1").await;
    open(&helper, 5, "CG-1", 100);
    let mut drawn = 0;
    while drawn < 100 {
        drawn += helper.chunk().await.bytes.len();
    }
    assert_eq!(drawn, 100);
    type_in(&helper, 5, "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done; echo e''nd\n").await;
    // Many lines are printed into a terminal that takes nothing; the agent's own window is not held up.
    let printed = timeout(Duration::from_secs(20), async {
        while !place.tmux(&["capture-pane", "-p", "-t", &pane(&place)]).contains("\nend\n") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    printed.await.expect("printed to the end");
    assert!(helper.chunks.is_empty());
    helper.send(&Command::Ping { token: 1 });
    helper.until("pong", |report| matches!(report, Report::Pong { .. }).then_some(())).await;
    assert!(helper.chunks.is_empty(), "nothing without credit");
    helper.send(&Command::StreamCredit { stream: 5, bytes: PLENTY });
    until_drawn(&mut helper, 5, "end").await;
}

fn pane(place: &Place) -> String {
    let panes = place.tmux(&["list-panes", "-a", "-F", "#{@miyabi_agent} #{pane_id}"]);
    panes.lines().find_map(|line| line.strip_prefix("CG-1 ")).expect("the pane").to_owned()
}

#[tokio::test]
async fn a_terminal_goes_with_its_link_however_that_ends() {
    let place = Place::new();
    for (epoch, crash) in [(1, false), (2, true)] {
        let mut helper = place.helper_for(&place.run_id(), epoch).await;
        shell(&mut helper, "CG-1").await;
        until_window(&place, "CG-1").await;
        open(&helper, 1, "CG-1", PLENTY);
        until_drawn(&mut helper, 1, "ready>").await;
        assert_eq!(sessions(&place).lines().count(), 2);
        if crash {
            helper.crash(&place).await;
        } else {
            drop(helper.link.sender);
            assert!(helper.link.process.wait().await.expect("ended").success());
        }
        until_alone(&place).await;
    }
}

#[tokio::test]
async fn an_agent_without_a_window_is_named() {
    let place = Place::new();
    let mut helper = place.helper().await;
    open(&helper, 9, "CG-2", PLENTY);
    let why = until_ended(&mut helper, 9).await;
    assert!(why.contains("CG-2 has no window"), "{why}");
    assert_eq!(sessions(&place), format!("{}\n", place.session()));
    // No agent: the first window.
    helper.send(&Command::OpenTerminal { stream: 10, agent: None, size: SIZE, credit: PLENTY });
    until_drawn(&mut helper, 10, "Orchestrator").await;
}
