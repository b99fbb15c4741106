//! What attempts at work have touched so far, told where it changed or somebody asked.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use miyabi_git::Tree;
use miyabi_plan::AttemptId;
use miyabi_protocol::TreeLook;
use miyabi_protocol::link::Report;
use tokio::sync::Semaphore;

use super::on_a_thread;
use crate::helper::host::Host;

/// What was told last, by attempt.
#[derive(Default)]
pub(super) struct Looks {
    told: Mutex<HashMap<AttemptId, Vec<String>>>,
}

impl Looks {
    pub(super) async fn look(&self, host: &Arc<Host>, room: &Semaphore, trees: Vec<TreeLook>) {
        let told = || self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody's question is about some of those at work; all others name all of them.
        if !trees.iter().any(|tree| tree.is_asked) {
            let attempts: Vec<AttemptId> = trees.iter().map(|tree| tree.attempt.clone()).collect();
            told().retain(|attempt, _| attempts.contains(attempt));
        }
        for tree in trees {
            let (attempt, is_asked) = (tree.attempt.clone(), tree.is_asked);
            let look = move || Tree::at(Path::new(&tree.folder)).touched(&tree.base);
            // A tree that is gone, or in the midst of something, says nothing this time.
            let Some(Ok(files)) = on_a_thread(room, look).await else { continue };
            let before = told().insert(attempt.clone(), files.clone());
            if is_asked || before.unwrap_or_default() != files {
                host.reports.send(&Report::Touched { attempt, files });
            }
        }
    }
}
