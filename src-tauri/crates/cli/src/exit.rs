//! How the program ends: its exit code, and what it says on the way out.

use std::fmt::Write as _;
use std::process::ExitCode;

use miyabi_api::{ApiError, ErrorCode};
use miyabi_plan::RunPhase;

use crate::text;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Done,
    /// The run failed, is stuck or was cancelled.
    RunFailed,
    /// What was asked makes no sense: the plan, an argument, a command that does not fit.
    BadInput,
    /// The machine, or a part of ours, lacks something.
    Environment,
    /// Ctrl-C; as shells number it.
    Interrupted,
}

impl Exit {
    /// The number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::RunFailed => 1,
            Self::BadInput => 2,
            Self::Environment => 3,
            Self::Interrupted => 130,
        }
    }

    /// What an error comes to.
    pub(crate) fn of(error: &ApiError) -> Self {
        match error.code {
            ErrorCode::BadPlan
            | ErrorCode::BadInput
            | ErrorCode::Conflict
            | ErrorCode::NeedsConfirmation
            | ErrorCode::NeedsTrust
            | ErrorCode::Held
            | ErrorCode::Unfinished
            | ErrorCode::NoRun => Self::BadInput,
            ErrorCode::Environment | ErrorCode::Disconnected | ErrorCode::Internal => Self::Environment,
        }
    }

    /// What a run's phase comes to, once nobody waits for it any more.
    pub(crate) fn of_phase(phase: RunPhase) -> Self {
        match phase {
            RunPhase::Planned | RunPhase::Running | RunPhase::Paused | RunPhase::Completed => Self::Done,
            RunPhase::Failed | RunPhase::Stuck | RunPhase::Cancelled => Self::RunFailed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

/// An error as people read it: what is wrong, then what to do.
pub(crate) fn describe(error: &ApiError) -> String {
    let mut out = format!("error: {}\n", text::clean(&error.message));
    for finding in &error.findings {
        let _ = writeln!(out, "  {}", text::clean(&finding.to_string()));
    }
    for hint in &error.hints {
        let _ = writeln!(out, "  → {}", text::clean(hint));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_and_what_to_do() {
        let error =
            ApiError::new(ErrorCode::Unfinished, "there is an unfinished run").hint("--resume goes on");
        assert_eq!(describe(&error), "error: there is an unfinished run\n  → --resume goes on\n");
        assert_eq!(Exit::of(&error).number(), 2);
    }
}
