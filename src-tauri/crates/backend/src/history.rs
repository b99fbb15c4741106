//! The moments of a run, and the run as it stood at one of them.

use miyabi_api::{Answer, ApiError, ErrorCode, Moment, RunSnapshot};
use miyabi_engine::{Engine, Entry, Fact};
use miyabi_plan::TaskId;

use crate::narration::narrate;
use crate::notices::NoticeMaker;
use crate::run_folder::RunFolder;
use crate::runtime::{Backend, Input};
use crate::streams::ClientId;
use crate::view::Views;

impl Backend {
    pub(crate) fn history(&self, client: ClientId, id: u32) {
        self.look_back(client, id, |entries| Ok(Answer::History(entries.iter().map(moment).collect())));
    }

    pub(crate) fn snapshot_at(&self, client: ClientId, id: u32, seq: u32) {
        self.look_back(client, id, move |entries| {
            let there = entries.iter().take_while(|entry| entry.seq <= u64::from(seq)).count();
            let run = stood(&entries[..there]).filter(|_| seq > 0).ok_or_else(|| {
                let message = format!("this run has no moment {seq}: it has {}", entries.len());
                ApiError::new(ErrorCode::BadInput, message).hint("miyabi history   lists them")
            })?;
            Ok(Answer::Snapshot(Box::new(run)))
        });
    }

    /// Reads the journal beside the loop: it may be long.
    fn look_back(
        &self,
        client: ClientId,
        id: u32,
        tell: impl FnOnce(&[Entry]) -> Result<Answer, ApiError> + Send + 'static,
    ) {
        let (inputs, folder) = (self.inputs.clone(), self.folder.clone());
        tokio::task::spawn_blocking(move || {
            // The loop may have ended.
            drop(inputs.send(Input::Found(client, id, read(&folder).and_then(|entries| tell(&entries)))));
        });
    }
}

fn read(folder: &RunFolder) -> Result<Vec<Entry>, ApiError> {
    folder.entries().map_err(|error| ApiError::new(ErrorCode::Environment, error.to_string()))
}

/// The run just after the last of these entries.
pub(crate) fn stood(entries: &[Entry]) -> Option<RunSnapshot> {
    let (first, last) = (entries.first()?, entries.last()?);
    let Fact::Opened { opening } = &first.fact else { return None };
    let engine = Engine::replay(entries)?;
    let (mut views, mut notices) = (Views::new(opening), NoticeMaker::new(opening));
    for notice in entries.iter().filter_map(|entry| notices.make(entry, engine.state())) {
        views.add_notice(notice);
    }
    Some(views.now(&engine, last.at))
}

fn moment(entry: &Entry) -> Moment {
    Moment {
        seq: u32::try_from(entry.seq).unwrap_or(u32::MAX),
        at: entry.at,
        what: narrate(&entry.fact).unwrap_or_default(),
        task: task_of(&entry.fact).cloned(),
    }
}

fn task_of(fact: &Fact) -> Option<&TaskId> {
    match fact {
        Fact::Assigned { attempt, .. }
        | Fact::BaselineTaken { attempt, .. }
        | Fact::Started { attempt }
        | Fact::Withdrawn { attempt, .. }
        | Fact::Claimed { attempt, .. }
        | Fact::Completed { attempt, .. }
        | Fact::AttemptFailed { attempt, .. }
        | Fact::SessionKnown { attempt, .. }
        | Fact::Spent { attempt, .. }
        | Fact::ApprovalAsked { attempt, .. }
        | Fact::ApprovalAnswered { attempt, .. }
        | Fact::Said { attempt, .. }
        | Fact::TreeMade { attempt, .. }
        | Fact::WorkKept { attempt, .. }
        | Fact::ReviewAsked { attempt, .. }
        | Fact::SentBack { attempt, .. } => Some(&attempt.task),
        Fact::Reassigned { task, .. }
        | Fact::Retried { task, .. }
        | Fact::TaskCancelled { task }
        | Fact::CommitTaken { task, .. } => Some(task),
        Fact::Merged { task, .. } => task.as_ref(),
        Fact::TaskAdded { task, .. } => Some(&task.id),
        _ => None,
    }
}
