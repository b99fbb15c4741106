//! The signals that a runner hears, and what they mean.

use std::io;

use miyabi_plan::FailureCause;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::attempt::Stop;

/// Why the runner itself comes to its end.
pub(crate) enum Farewell {
    WindowClosed,
    Terminated,
    Told,
}

impl Farewell {
    /// The end of the attempt that comes with it.
    pub(crate) fn order(&self) -> Stop {
        let (reason, cause) = match self {
            Self::WindowClosed => ("its tmux window was closed", FailureCause::AgentGone),
            Self::Terminated => ("its runner was terminated", FailureCause::AgentGone),
            Self::Told => ("all agents were stopped", FailureCause::Stopped),
        };
        Stop { reason: reason.to_owned(), cause: Some(cause) }
    }
}

/// What is listened to.
pub(crate) struct Signals {
    hang_up: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Why to end; none for Ctrl-C, which ends the attempt alone.
    pub(crate) async fn next(&mut self) -> Option<Farewell> {
        tokio::select! {
            _ = self.hang_up.recv() => Some(Farewell::WindowClosed),
            _ = self.terminate.recv() => Some(Farewell::Terminated),
            _ = self.interrupt.recv() => None,
        }
    }
}
