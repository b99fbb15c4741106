//! Going on in the session of an attempt before, instead of beginning anew.

use miyabi_plan::{AttemptId, FailureCause};
use miyabi_protocol::Resume;

use super::Engine;
use super::prompt::{shorten, what_failed};
use crate::state::{Attempt, AttemptPhase};

/// The longest account of what happened, in characters.
const LONGEST: usize = 4_000;

impl Engine {
    /// The session that an attempt goes on in; none for a fresh one.
    pub(super) fn session(&self, id: &AttemptId) -> Option<Resume> {
        let session = self.state.attempt(id)?.resumes.clone()?;
        let attempts = &self.state.task(&id.task)?.attempts;
        let ended = |a: &&Attempt| a.number < id.number && a.phase == AttemptPhase::Ended;
        let before = attempts.iter().rev().find(ended)?;
        let used = self.state.used_in(&session, &id.task, id.number);
        Some(Resume { session, prompt: go_on(before) + &self.notes(id), used })
    }
}

/// What is said in a session that goes on.
fn go_on(before: &Attempt) -> String {
    use FailureCause::{
        AcceptanceFailed, BudgetReached, MissingOutput, NotLoggedIn, ProviderDown, RateLimited,
    };
    let error = shorten(&what_failed(before), LONGEST);
    let rest = "Look at the files in the work folder first: they are what counts, not what you remember. Then go on with the task until all of it is done.";
    match before.cause {
        Some(MissingOutput | AcceptanceFailed) => {
            format!(
                "You said that the task is done. It is not: {error}\n\nSee what is wrong and mend it. {rest}"
            )
        }
        Some(RateLimited | BudgetReached | ProviderDown | NotLoggedIn) => {
            format!(
                "You were interrupted ({error}). That is over now. Continue from what the files show. {rest}"
            )
        }
        Some(FailureCause::SentBack) => format!("A person read your work, and it is not done yet. {rest}"),
        _ => format!("You were interrupted: {error}\n\nContinue from what the files show. {rest}"),
    }
}
