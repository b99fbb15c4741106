//! The tmux session: ours, and a person's of the same name.

use miyabi_host::tmux;
use miyabi_protocol::link::Command;

use crate::common::{Place, agent};

const LIST: &str = "#{window_index} #W #{@miyabi_agent}";

fn windows(place: &Place) -> String {
    place.tmux(&["list-windows", "-t", &format!("={}:", place.session()), "-F", LIST])
}

#[tokio::test]
async fn a_new_session_has_the_plans_windows_in_their_order() {
    let place = Place::new();
    let mut helper = place.helper().await;
    for name in ["CCG-1", "CG-2", "CG-1"] {
        helper.send(&Command::EnsureAgent { agent: agent(name), window: format!("{name}-Core"), ours: true });
    }
    let mut left = 3;
    helper
        .until("three runners", |report| {
            left -= i32::from(matches!(report, miyabi_protocol::link::Report::RunnerUp { .. }));
            (left == 0).then_some(())
        })
        .await;
    assert_eq!(
        windows(&place),
        "0 Orchestrator Orchestrator\n1 CG-1-Core CG-1\n2 CG-2-Core CG-2\n3 CCG-1-Core CCG-1\n4 Monitor Monitor\n"
    );
    helper.send(&Command::EnsureAgent { agent: agent("X-1"), window: "X-1".into(), ours: false });
    helper.ensure("CG-1").await;
    helper.send(&Command::StopAll);
    helper
        .until("stopped", |report| matches!(report, miyabi_protocol::link::Report::Stopped).then_some(()))
        .await;
    assert_eq!(windows(&place), "0 Orchestrator Orchestrator\n");
}

#[tokio::test]
async fn a_persons_session_of_the_same_name_is_as_it_was() {
    let place = Place::new();
    let session = place.session();
    let exactly = format!("={session}:");
    place.tmux(&["new-session", "-d", "-s", &session, "-n", "mine", "sleep 1000"]);
    place.tmux(&["new-window", "-d", "-t", &format!("{exactly}3"), "-n", "CG-1", "sleep 1000"]);
    place.tmux(&["set-option", "-t", &exactly, "status-left", "hello"]);
    place.tmux(&["set-environment", "-t", &exactly, "MINE", "1"]);
    let look = || {
        [
            place.tmux(&["list-panes", "-s", "-t", &exactly, "-f", "#{==:#{@miyabi_agent},}", "-F", "#{window_id} #{window_index} #W #{pane_pid} #{window_active} #{automatic-rename} #{remain-on-exit}"]),
            place.tmux(&["show-options", "-t", &exactly]),
            place.tmux(&["show-options", "-g"]),
            place.tmux(&["show-options", "-g", "-w"]),
            place.tmux(&["show-environment", "-t", &exactly]),
            place.tmux(&["show-environment", "-g"]),
        ]
    };
    let before = look();
    let mut helper = place.helper().await;
    helper.ensure("CG-1").await;
    helper.ensure("CG-2").await;
    helper.offer(&place.sheet("CG-1", "Task-2.1", "exit 0"));
    helper.until_status("CG-1", miyabi_protocol::AgentStatus::Completed).await;
    assert_eq!(look(), before);
    helper.send(&Command::StopAll);
    helper
        .until("stopped", |report| matches!(report, miyabi_protocol::link::Report::Stopped).then_some(()))
        .await;
    assert_eq!(look(), before);
    assert_eq!(windows(&place), "0 mine \n3 CG-1 \n");
}

#[test]
fn a_grouped_session_lets_a_person_look_without_a_shared_cursor() {
    let place = Place::new();
    place.tmux(&["new-session", "-d", "-s", "team", "-n", "a", "sleep 1000"]);
    let id = place.tmux(&[
        "new-window",
        "-d",
        "-P",
        "-F",
        "#{window_id}",
        "-t",
        "=team:",
        "-n",
        "b",
        "sleep 1000",
    ]);
    let id = id.trim();
    let mut argv = tmux::attach_argv("team", Some(id));
    // Without a terminal only the detached form can be tried.
    argv.insert(2, "-d".into());
    argv.retain(|word| word != "destroy-unattached" && word != "on" && word != "set-option");
    argv.remove(argv.iter().position(|word| word == ";").expect("a separator"));
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    place.tmux(&words);
    assert_eq!(place.tmux(&["list-sessions", "-F", "#{session_group}"]), "team\nteam\n");
    assert_eq!(
        place.tmux(&["display-message", "-p", "-t", "=team:", "#W"]),
        "a\n",
        "the other's cursor stays"
    );
}
