//! `results/`: what an agent says it made, one file a task.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The folder's name in the state folder.
pub const RESULTS_FOLDER: &str = "results";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// The task.
    pub task_id: String,
    /// Who did it.
    pub agent_id: String,
    /// The part of the work it belongs to.
    pub module: String,
    /// COMPLETED or FAILED.
    pub status: String,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// The files written, below the work folder.
    pub output_files: Vec<String>,
    /// A few lines for people.
    pub summary: String,
    /// How many files were written.
    pub files_generated: u32,
}
