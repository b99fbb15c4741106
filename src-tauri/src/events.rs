//! What the window is told unasked. Generated for TypeScript together with the commands.

use miyabi_api::{Event, TaskId};
use serde::{Deserialize, Serialize};

/// Something happened in the open run.
#[derive(Debug, Clone, Serialize, Deserialize, specta::Type, tauri_specta::Event)]
pub(crate) struct RunEvent(pub(crate) Event);

/// Whether the open run's backend answers. When it does again, the window opens the run anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type, tauri_specta::Event)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BackendState {
    /// It answers.
    Connected,
    /// It is gone; it is looked for every second.
    Lost,
}

/// A person clicked the notification of this task: it is to be selected.
#[derive(Debug, Clone, Serialize, Deserialize, specta::Type, tauri_specta::Event)]
pub(crate) struct FocusTask(pub(crate) TaskId);

/// What the window is to show first. A run that is at work comes alone: it is opened, whatever else
/// was asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitialTarget {
    /// The plan to look at.
    pub(crate) plan: Option<String>,
    /// The state folder: of the run that is at work, else the one that was named.
    pub(crate) state_dir: Option<String>,
    /// Rehearse the plan at once, this many times faster.
    pub(crate) rehearse: Option<f64>,
}
