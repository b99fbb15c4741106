//! Whether the journal alone gives the run that is reported: the proof that no state lives elsewhere.

use miyabi_api::{RunSnapshot, TaskView};
use miyabi_engine::projection::status_word;
use miyabi_engine::{Entry, Fact, RunState, TaskState};
use miyabi_plan::TaskId;

/// What came of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Replay {
    /// There was no journal to replay.
    NoJournal,
    /// A line is missing, or it does not begin with the opening.
    Gap {
        /// The last good line.
        after: u64,
    },
    /// It gives the same run.
    Same {
        /// How many lines it took.
        entries: u64,
    },
    /// It gives another run.
    Differs {
        /// Where.
        tasks: Vec<TaskId>,
    },
}

/// Replays a journal and compares what it gives with a snapshot, task by task.
pub(crate) fn replay(snapshot: &RunSnapshot, entries: &[Entry]) -> Replay {
    let Some(first) = entries.first() else { return Replay::NoJournal };
    let Fact::Opened { opening } = &first.fact else { return Replay::Gap { after: 0 } };
    let mut state = RunState::open((**opening).clone(), first.at);
    let mut last = 0;
    for entry in entries {
        if entry.seq != last + 1 {
            return Replay::Gap { after: last };
        }
        last = entry.seq;
        state.apply(&entry.fact, entry.at);
    }
    let differs = |view: &&TaskView| !state.task(&view.id).is_some_and(|task| same(&state, task, view));
    let tasks: Vec<TaskId> = snapshot.tasks.iter().filter(differs).map(|view| view.id.clone()).collect();
    if tasks.is_empty() { Replay::Same { entries: last } } else { Replay::Differs { tasks } }
}

fn same(state: &RunState, task: &TaskState, view: &TaskView) -> bool {
    let attempts = task.attempts.iter().zip(&view.attempts);
    status_word(state, task) == view.status
        && task.attempts.len() == view.attempts.len()
        && attempts.into_iter().all(|(ours, shown)| {
            (ours.number, &ours.agent, ours.ended_at) == (shown.number, &shown.agent, shown.ended_at)
        })
}
