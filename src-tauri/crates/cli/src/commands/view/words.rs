//! What stands in the line under the log.

use std::path::Path;

use miyabi_api::{AgentId, HostContact, HostView, RunSnapshot};
use miyabi_plan::TaskPhase;
use miyabi_protocol::Timestamp;

use crate::far_terminal::LEAVE;
use crate::text;

/// Nobody answers at the run's socket.
pub(super) fn no_backend(state_dir: &Path) -> String {
    format!(
        " no backend is at work in {}; waiting for it (miyabi run --resume starts it) ",
        state_dir.display()
    )
}

/// The run does not know the agent.
pub(super) fn no_agent(agent: &AgentId) -> String {
    format!(" this run has no agent {agent}; waiting ")
}

/// A terminal was ended by the other side.
pub(super) fn over(why: &str) -> String {
    format!("the terminal is closed: {}", text::short(why, 160))
}

/// Where the agent is, what it does, and how contact with its host stands.
pub(super) fn foot(snapshot: &RunSnapshot, agent: &AgentId, now: Timestamp) -> String {
    let Some(agent) = snapshot.agents.iter().find(|other| other.id.folded() == agent.folded()) else {
        return no_agent(agent);
    };
    let host = snapshot.hosts.iter().find(|host| host.id == agent.host);
    let task = agent.task.as_ref().and_then(|id| snapshot.tasks.iter().find(|task| &task.id == id));
    let does = match task {
        Some(task) if task.phase == TaskPhase::Unverified => format!("{} is unverified", task.id),
        Some(task) => format!("{} {:.0} %", task.id, agent.progress * 100.0),
        None => "no task".to_owned(),
    };
    let contact = host.map(|host| contact(host, now)).unwrap_or_default();
    let keys = match host {
        Some(host) if !host.connected => String::new(),
        _ => format!(" · Enter: its terminal ({LEAVE} comes back)"),
    };
    format!(" {}{} on {} · {does} · {contact}{keys} ", text::mark(&snapshot.run), agent.id, agent.host)
}

fn contact(host: &HostView, now: Timestamp) -> String {
    match (host.contact, host.connected) {
        (HostContact::Ready, _) | (HostContact::Unknown, true) => "in contact".to_owned(),
        _ => text::contact(host, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::tests::far_away;

    #[test]
    fn a_dead_link_reads_as_a_dead_link_and_not_as_a_dead_agent() {
        let mut run = far_away();
        let agent = "cg-1".parse().expect("an id");
        let mut lines = vec![foot(&run, &agent, run.run.now)];
        let host = run.hosts.iter_mut().find(|host| host.id.as_str() == "MUGEN").expect("there");
        (host.contact, host.connected, host.next_try_at, host.unverified) =
            (HostContact::Ready, true, None, 0);
        run.tasks[1].phase = TaskPhase::Running;
        lines.push(foot(&run, &agent, run.run.now));
        lines.push(no_backend(Path::new("/tmp/small")));
        insta::assert_snapshot!(lines.join("\n"));
    }
}
