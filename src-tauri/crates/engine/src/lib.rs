//! The run: a core that does no IO, its journal and the state that the journal adds up to.
//!
//! [`Engine::handle`] takes one [`Event`] and the time, and gives back the [`Fact`]s that were
//! decided and the [`Effect`]s to carry out once those facts are on the disk. Facts alone change
//! the [`RunState`], so that a replay of the journal equals the live state.

mod core;
pub mod event;
pub mod fact;
pub mod journal;
pub mod projection;
pub mod state;
pub mod words;

pub use crate::core::{AgentSeen, Engine, OrderError, Step, Weakening};
pub use event::{Event, Order};
pub use fact::{AnsweredBy, BudgetOf, By, Claim, Entry, Fact, GivenUpBy, MergeConflict, NextTry, NoteKind};
pub use state::{
    AccountRest, AgentState, Attempt, AttemptPhase, HostState, InboxItem, LostRunner, MergeMade,
    OpenApproval, OpenReview, ReachedBudget, RunState, Said, Standing, TaskState, Verification,
};

use miyabi_plan::Site;
use miyabi_protocol::Carriage;
use miyabi_protocol::link::Command;

/// Something to be done in the world, after the facts of the same step are on the disk.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every effect is a command, and one lives at a time")]
pub enum Effect {
    /// Send a command to a helper.
    Send {
        /// Which helper.
        site: Site,
        /// What it is to do.
        command: Command,
    },
    /// Carry a commit between a host and this machine. Answered by [`Event::Carried`].
    Carry(Carriage),
}
