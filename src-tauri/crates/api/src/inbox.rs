//! What needs a person, and what the work costs, as clients see them.

use miyabi_plan::{AgentId, HostId, RunnerKind, TaskId};
use miyabi_protocol::{Timestamp, Usage};
use serde::{Deserialize, Serialize};

/// Something that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct InboxItem {
    /// Unique in the run, as in `ask-3` or `failed-Task-6`.
    pub id: String,
    /// The number that `miyabi approve`, `deny` and `budget` take; none where there is nothing to answer.
    pub number: Option<u32>,
    /// What it is.
    pub kind: InboxKind,
    /// Since when it waits.
    pub at: Timestamp,
    /// The agent that asks, or that it is about.
    pub agent: Option<AgentId>,
    /// The task that it is about.
    pub task: Option<TaskId>,
    /// The host that it is about.
    pub host: Option<HostId>,
    /// The tool that the agent would use; empty otherwise.
    pub tool: String,
    /// What it would do, or what is wrong, in a line.
    pub what: String,
    /// All that is known of it.
    pub detail: String,
    /// How many tasks wait behind it.
    pub blocks: u32,
    /// When it is answered by itself; none where it waits on.
    pub answers_at: Option<Timestamp>,
    /// Of a budget: what was spent, in US dollars.
    pub spent_usd: Option<f64>,
    /// Of a budget: what may be spent, in US dollars.
    pub limit_usd: Option<f64>,
}

impl InboxItem {
    /// An item of which nothing more is known.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: InboxKind, at: Timestamp) -> Self {
        Self {
            id: id.into(),
            number: None,
            kind,
            at,
            agent: None,
            task: None,
            host: None,
            tool: String::new(),
            what: String::new(),
            detail: String::new(),
            blocks: 0,
            answers_at: None,
            spent_usd: None,
            limit_usd: None,
        }
    }
}

/// What an inbox item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum InboxKind {
    /// An agent asks for permission.
    Approval,
    /// The run's budget is reached.
    RunBudget,
    /// An agent's budget is reached.
    AgentBudget,
    /// A task's budget is reached.
    TaskBudget,
    /// A task failed for good.
    TaskFailed,
    /// A host is lost, with work under way on it: it can be given up.
    HostLost,
    /// A host cannot be reached before a person says something.
    HostQuestion,
    /// A task's work waits for a person to accept it.
    Review,
    /// A merge conflict waits for a person to resolve it.
    Conflict,
    /// The plan's verification does not hold.
    Verification,
}

/// Tokens and money.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, specta::Type)]
pub struct UsageView {
    /// Tokens read, those from a cache included.
    pub input_tokens: f64,
    /// Tokens read from a cache.
    pub cached_tokens: f64,
    /// Tokens written.
    pub output_tokens: f64,
    /// In US dollars; none where nobody says so.
    pub cost_usd: Option<f64>,
}

impl From<Usage> for UsageView {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: as_number(usage.input_tokens),
            cached_tokens: as_number(usage.cached_tokens),
            output_tokens: as_number(usage.output_tokens),
            cost_usd: usage.cost.map(miyabi_plan::Usd::dollars),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of tokens stay far below 2^53")]
fn as_number(count: u64) -> f64 {
    count as f64
}

/// A runner whose agents cannot work, so that others stand in for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, specta::Type)]
pub struct StandInView {
    /// Whose tasks are given away.
    pub runner: RunnerKind,
    /// For people.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// When one task tries whether it is back.
    pub recheck_at: Timestamp,
}
