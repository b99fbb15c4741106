//! The journal as a story: what was decided besides the attempts themselves.

use std::collections::HashMap;

use miyabi_engine::{By, Entry, Fact, NextTry, NoteKind, words};
use miyabi_plan::{AgentId, HostId, RunPhase, TaskId};
use miyabi_protocol::Timestamp;

use crate::measure::{Span, rounded, seconds};
use crate::model::{HistoryKind, HistoryLine};

/// What the journal tells.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Oldest first.
    pub(crate) lines: Vec<HistoryLine>,
    /// When the run was paused.
    pub(crate) pauses: Vec<Span>,
    /// When the run had ended, before it was taken up again.
    pub(crate) rests: Vec<Span>,
    /// When which host was out of reach.
    pub(crate) losses: Vec<(HostId, Span)>,
}

/// Tells the story of a run that began at `start`, until `now`.
pub(crate) fn tell(entries: &[Entry], start: Timestamp, now: Timestamp) -> History {
    let mut teller = Teller {
        start,
        holders: HashMap::new(),
        paused: None,
        ended: None,
        lost: HashMap::new(),
        history: History::default(),
    };
    for entry in entries {
        teller.tell(entry);
    }
    // Spans that are still open: a pause lasts until now. An end is the run's own, and no rest.
    if let Some(from) = teller.paused {
        let until = teller.ended.unwrap_or(now);
        teller.history.pauses.push(span(from, until));
    }
    let lost = teller.lost.into_iter().map(|(host, from)| (host, span(from, now)));
    teller.history.losses.extend(lost);
    teller.history
}

fn span(from: Timestamp, until: Timestamp) -> Span {
    Span::new(from.as_millis(), until.as_millis())
}

/// A line before its number and its time.
struct Told {
    kind: HistoryKind,
    task: Option<TaskId>,
    agent: Option<AgentId>,
    by: Option<By>,
    text: String,
}

impl Told {
    fn run(kind: HistoryKind, text: impl Into<String>) -> Self {
        Self { kind, task: None, agent: None, by: None, text: text.into() }
    }

    fn agent(kind: HistoryKind, agent: &AgentId, text: String) -> Self {
        Self { agent: Some(agent.clone()), ..Self::run(kind, text) }
    }

    fn task(kind: HistoryKind, task: &TaskId, text: String) -> Self {
        Self { task: Some(task.clone()), ..Self::run(kind, text) }
    }
}

struct Teller {
    start: Timestamp,
    /// Which agent is meant to have each task, as far as the journal was read.
    holders: HashMap<TaskId, AgentId>,
    paused: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// Since when a host is out of reach, given up or not.
    lost: HashMap<HostId, Timestamp>,
    history: History,
}

impl Teller {
    fn tell(&mut self, entry: &Entry) {
        self.keep_time(entry);
        let told = self
            .of_tasks(&entry.fact)
            .or_else(|| self.of_run(&entry.fact))
            .or_else(|| of_agents(&entry.fact))
            .or_else(|| of_programs(&entry.fact))
            .or_else(|| of_hosts(&entry.fact))
            .or_else(|| of_work(&entry.fact));
        let Some(told) = told else { return };
        self.history.lines.push(HistoryLine {
            seq: entry.seq,
            at: entry.at,
            after_seconds: rounded(seconds(entry.at.millis_since(self.start))),
            kind: told.kind,
            task: told.task,
            agent: told.agent,
            by: told.by,
            text: told.text,
        });
    }

    fn keep_time(&mut self, entry: &Entry) {
        match &entry.fact {
            Fact::Opened { opening } => {
                self.holders = opening.plan.tasks.iter().map(|t| (t.id.clone(), t.agent.clone())).collect();
            }
            Fact::Paused => self.paused = self.paused.or(Some(entry.at)),
            Fact::Resumed => {
                if let Some(from) = self.paused.take() {
                    self.history.pauses.push(span(from, entry.at));
                }
            }
            Fact::HostLost { host, .. } => {
                self.lost.entry(host.clone()).or_insert(entry.at);
            }
            Fact::HostBack { host } => {
                if let Some(from) = self.lost.remove(host) {
                    self.history.losses.push((host.clone(), span(from, entry.at)));
                }
            }
            Fact::Ended { .. } => self.ended = Some(entry.at),
            Fact::Reopened => {
                if let Some(from) = self.ended.take() {
                    self.history.rests.push(span(from, entry.at));
                }
            }
            _ => {}
        }
    }

    fn of_tasks(&mut self, fact: &Fact) -> Option<Told> {
        Some(match fact {
            Fact::Assigned { attempt, agent, .. } => {
                let holder = self.holders.insert(attempt.task.clone(), agent.clone());
                let holder = holder.filter(|holder| holder != agent)?;
                let text = format!("{agent} was idle and took {} from {holder}", attempt.task);
                Told { agent: Some(agent.clone()), ..Told::task(HistoryKind::Stolen, &attempt.task, text) }
            }
            Fact::Withdrawn { attempt, why } => {
                Told::task(HistoryKind::Withdrawn, &attempt.task, format!("{attempt}: {why}"))
            }
            Fact::AttemptFailed { attempt, cause, next: NextTry::At { .. }, .. } => {
                let text = format!("{attempt} failed ({}); {} is tried again", cause.words(), attempt.task);
                Told::task(HistoryKind::AutomaticRetry, &attempt.task, text)
            }
            Fact::Reassigned { task, from, to, by, .. } => {
                self.holders.insert(task.clone(), to.clone());
                let text = format!("{task} went from {from} to {to}, {}", wish(*by));
                Told {
                    agent: Some(to.clone()),
                    by: Some(*by),
                    ..Told::task(HistoryKind::Reassignment, task, text)
                }
            }
            Fact::Retried { task, by } => {
                let text = format!("{task} is tried again, {}", wish(*by));
                Told { by: Some(*by), ..Told::task(HistoryKind::WishedRetry, task, text) }
            }
            Fact::TaskCancelled { task } => {
                Told::task(HistoryKind::Cancelled, task, format!("{task} was taken out by a person"))
            }
            _ => return None,
        })
    }

    fn of_run(&self, fact: &Fact) -> Option<Told> {
        Some(match fact {
            Fact::Paused => Told::run(HistoryKind::Paused, "nothing new starts, as a person wished"),
            Fact::Resumed => Told::run(HistoryKind::Resumed, "new tasks may start again"),
            Fact::QueueEditUndone { what } => Told::run(HistoryKind::QueueEditUndone, what.as_str()),
            Fact::BackendStarted { epoch } if *epoch > 1 => {
                Told::run(HistoryKind::Takeover, format!("backend number {epoch} went on from the journal"))
            }
            Fact::Ended { phase, .. } => Told::run(HistoryKind::Ended, ending(*phase)),
            Fact::Reopened => Told::run(HistoryKind::Reopened, "the run goes on"),
            _ => return None,
        })
    }
}

fn of_agents(fact: &Fact) -> Option<Told> {
    Some(match fact {
        Fact::AgentJoined { agent, host } => {
            let text = format!("{agent}, which the plan does not name, appeared on {host}");
            Told::agent(HistoryKind::AgentJoined, agent, text)
        }
        Fact::LateClaim { agent, task } => {
            let text = format!(
                "{agent} claimed an attempt of {task} that did not count any more; it was thrown away"
            );
            Told { task: TaskId::new(task.as_str()).ok(), ..Told::agent(HistoryKind::LateClaim, agent, text) }
        }
        Fact::DrainBegan { agent } => {
            let text =
                format!("{agent} gets no work until it shows the end of an attempt that does not count");
            Told::agent(HistoryKind::Drain, agent, text)
        }
        Fact::Drained { agent } => {
            Told::agent(HistoryKind::Drain, agent, format!("{agent} has shown that end and may work again"))
        }
        Fact::Noted { kind, agent, detail } => {
            let text = format!("{}: {detail}", about(*kind));
            Told { agent: agent.clone(), ..Told::run(HistoryKind::Note, text) }
        }
        _ => return None,
    })
}

/// What the programs behind the agents asked, cost and could not do.
fn of_programs(fact: &Fact) -> Option<Told> {
    let text = words::of_programs(fact)?;
    Some(match fact {
        Fact::RunnerLost { .. } | Fact::RunnerBack { .. } => Told::run(HistoryKind::StandIn, text),
        Fact::AccountRests { .. } => Told::run(HistoryKind::AccountRests, text),
        Fact::ApprovalAnswered { attempt, .. } => Told::task(HistoryKind::Approval, &attempt.task, text),
        Fact::BudgetReached { .. } | Fact::BudgetRaised { .. } => Told::run(HistoryKind::Budget, text),
        Fact::Said { attempt, .. } => Told::task(HistoryKind::Said, &attempt.task, text),
        _ => return None,
    })
}

/// What became of hosts.
fn of_hosts(fact: &Fact) -> Option<Told> {
    let text = words::of_hosts(fact)?;
    Some(match fact {
        Fact::HostLost { .. } => Told::run(HistoryKind::HostLost, text),
        Fact::HostBack { .. } => Told::run(HistoryKind::HostBack, text),
        Fact::HostGivenUp { .. } => Told::run(HistoryKind::HostGivenUp, text),
        Fact::AgentMoved { agent, .. } => Told::agent(HistoryKind::AgentMoved, agent, text),
        _ => return None,
    })
}

/// What became of the work. Where each tree stands and what it left, the tables say.
fn of_work(fact: &Fact) -> Option<Told> {
    let text = words::of_work(fact)?;
    Some(match fact {
        Fact::Merged { task: Some(task), .. } => Told::task(HistoryKind::Merged, task, text),
        Fact::Merged { task: None, .. } => Told::run(HistoryKind::Merged, text),
        Fact::TaskAdded { task, .. } => Told::task(HistoryKind::Conflict, &task.id, text),
        Fact::CommitTaken { task, .. } => Told::task(HistoryKind::Conflict, task, text),
        Fact::OverlapSeen { .. } => Told::run(HistoryKind::Overlap, text),
        Fact::ReviewAsked { attempt, .. } | Fact::SentBack { attempt, .. } => {
            Told::task(HistoryKind::Review, &attempt.task, text)
        }
        Fact::Verified { .. } | Fact::VerifyAgain => Told::run(HistoryKind::Verified, text),
        _ => return None,
    })
}

fn wish(by: By) -> &'static str {
    match by {
        By::Person => "by a person's command",
        By::QueueFile => "by an edit of task_queue.json",
    }
}

fn about(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::BadStatus => "status file",
        NoteKind::AgentProblem => "agent",
        NoteKind::StateProblem => "state folder",
        NoteKind::HostLost => "host",
    }
}

fn ending(phase: RunPhase) -> &'static str {
    match phase {
        RunPhase::Completed => "every task is COMPLETED",
        RunPhase::Failed => "some task failed for good; all that could go on has",
        RunPhase::Stuck => "nothing failed for good, and yet nothing could go on",
        RunPhase::Cancelled => "a person cancelled it",
        RunPhase::Planned | RunPhase::Running | RunPhase::Paused => "it ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_loss_of_a_host_lasts_until_it_is_back_or_until_now() {
        let host = |id: &str| -> HostId { id.parse().expect("an id") };
        let lost = |id: &str| Fact::HostLost { host: host(id), why: "cut".to_owned() };
        let facts =
            [(10, lost("M")), (15, lost("M")), (30, Fact::HostBack { host: host("M") }), (50, lost("M"))];
        let entries: Vec<Entry> = (1..)
            .zip(facts)
            .map(|(seq, (at, fact))| Entry { seq, at: Timestamp::from_millis(at), fact })
            .collect();
        let told = tell(&entries, Timestamp::from_millis(0), Timestamp::from_millis(90));
        let (first, second) = (Span::new(10, 30), Span::new(50, 90));
        assert_eq!(told.losses, [(host("M"), first), (host("M"), second)]);
    }
}
