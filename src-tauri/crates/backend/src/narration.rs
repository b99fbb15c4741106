//! Facts as lines for people: what `orchestrator.log` and the Orchestrator window show.

use miyabi_engine::{By, Claim, Fact, NextTry, NoteKind, words};
use miyabi_protocol::Timestamp;

/// The line of a fact; none for what nobody needs to read.
pub(crate) fn narrate(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Opened { opening } => {
            let rehearsal =
                opening.rehearse.map(|speed| format!(" [rehearsal at {speed}x]")).unwrap_or_default();
            format!("run {}: {}{rehearsal}", opening.run_id, opening.plan.title)
        }
        Fact::BackendStarted { epoch } if *epoch > 1 => format!("backend started again (epoch {epoch})"),
        Fact::BackendStarted { .. }
        | Fact::BaselineTaken { .. }
        | Fact::Claimed { claim: Claim::Failed { .. }, .. } => return None,
        Fact::AgentJoined { agent, host } => format!("agent {agent} appeared on {host}"),
        Fact::Assigned { attempt, agent, .. } => format!("{attempt} given to {agent}"),
        Fact::Started { attempt } => format!("{attempt} started"),
        Fact::Withdrawn { attempt, why } => format!("{attempt} withdrawn: {why}"),
        Fact::Claimed { attempt, claim: Claim::Completed { .. } } => {
            format!("{attempt} claims to be done")
        }
        Fact::Completed { attempt, evidence } => match evidence {
            Some(evidence) => {
                let of =
                    |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
                let (files, checks) = (evidence.changed.len(), evidence.checks.len());
                let (files, checks) = (of(files, "file"), of(checks, "check"));
                format!("{attempt} COMPLETED: {files} written, {checks} passed")
            }
            None => format!("{attempt} COMPLETED"),
        },
        Fact::AttemptFailed { attempt, error, next, .. } => {
            format!("{attempt} failed: {error}{}", after(next))
        }
        Fact::DrainBegan { agent } => {
            format!("{agent} is at an attempt that does not count; it gets no work until it shows its end")
        }
        Fact::Drained { agent } => format!("{agent} is free again"),
        Fact::LateClaim { agent, task } => {
            format!("{agent} claimed an end of {task} that does not count; thrown away")
        }
        Fact::Reassigned { task, from, to, by, .. } => {
            format!("{task} moved from {from} to {to} by {}", by_whom(*by))
        }
        Fact::Retried { task, by } => format!("{task} is tried again by {}", by_whom(*by)),
        Fact::TaskCancelled { task } => format!("{task} cancelled"),
        Fact::Paused => "paused: nothing new starts".to_owned(),
        Fact::Resumed => "goes on".to_owned(),
        Fact::QueueEditUndone { what } => {
            format!("task_queue.json was edited by other hands; undone: {what}")
        }
        Fact::Noted { kind, agent, detail } => {
            let agent = agent.as_ref().map(|agent| format!(" {agent}:")).unwrap_or_default();
            format!("{}{agent} {detail}", note_word(*kind))
        }
        Fact::Ended { phase, reasons } => {
            let reasons: String = reasons.iter().map(|reason| format!("\n    {reason}")).collect();
            format!("run ended: {phase:?}{reasons}")
        }
        Fact::Reopened => "the run goes on".to_owned(),
        Fact::SessionKnown { attempt, session } => format!("{attempt} is in session {session}"),
        other => {
            return words::of_programs(other)
                .or_else(|| words::of_hosts(other))
                .or_else(|| words::of_work(other));
        }
    })
}

/// The whole line, with its time.
pub(crate) fn line(at: Timestamp, text: &str) -> String {
    format!("{at} {text}\n")
}

fn after(next: &NextTry) -> String {
    match next {
        NextTry::At { time } => format!("; tried again at {time}"),
        NextTry::After { time } => format!("; it waits until {time}, no try is spent"),
        NextTry::Free => "; it waits again".to_owned(),
        NextTry::Never => "; not tried again".to_owned(),
    }
}

fn by_whom(by: By) -> &'static str {
    match by {
        By::Person => "a command",
        By::QueueFile => "an edit of task_queue.json",
    }
}

fn note_word(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::BadStatus => "status file:",
        NoteKind::AgentProblem => "agent:",
        NoteKind::StateProblem => "state folder:",
        NoteKind::HostLost => "helper lost:",
    }
}
