//! What the loop does for work on git besides the engine's own commands: commits carried, files copied,
//! branches pushed. None of it holds the loop up.

use std::path::PathBuf;

use miyabi_engine::{Entry, Event, Fact, RunState};
use miyabi_plan::Site;
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{Carriage, TreeOrder};
use tokio::sync::mpsc;

use crate::Options;
use crate::git::{self, Carriers, Pusher, Ways};
use crate::runtime::{Backend, Input};
use crate::streams::Streams;

pub(crate) fn carriers(
    options: &Options,
    streams: &Streams,
    inputs: &mpsc::UnboundedSender<Input>,
) -> Carriers {
    Carriers::new(Ways {
        bridge: options.miyabi_host.clone(),
        runtime_dir: options.runtime_dir.clone(),
        streams: streams.clone(),
        inputs: inputs.clone(),
    })
}

/// Pushes where the plan names a remote.
pub(crate) fn pusher(state: &RunState, inputs: &mpsc::UnboundedSender<Input>) -> Option<Pusher> {
    let (git, remote) = (state.git()?, state.opening.plan.git.remote.clone()?);
    let repository = PathBuf::from(&git.repository);
    Some(Pusher::start(repository, remote, state.opening.run_id.clone(), inputs.clone()))
}

impl Backend {
    /// Begins to carry a commit. Where the host is not reached just now, the engine asks again.
    pub(crate) fn carry(&mut self, carriage: Carriage) {
        let site = Site::There(carriage.host.clone());
        let Some(git) = self.engine.state().git() else { return };
        let repository = PathBuf::from(&git.repository);
        if let Some(line) = self.sites.line(&site).filter(|_| self.sites.is_listed(&site)) {
            self.carriers.carry(&repository, line, carriage);
        }
    }

    /// Reads the files that an order wants copied, then has it sent.
    pub(crate) fn fill(&self, site: Site, mut order: Box<TreeOrder>) {
        let (inputs, folder) = (self.inputs.clone(), PathBuf::from(&self.engine.state().opening.work_folder));
        tokio::task::spawn_blocking(move || {
            let result = git::fill(&folder, &mut order.copies);
            // The loop may have ended.
            drop(inputs.send(Input::Filled(site, order, result)));
        });
    }

    pub(crate) fn on_filled(&mut self, site: &Site, order: Box<TreeOrder>, result: Result<(), String>) {
        match result {
            Ok(()) => self.sites.send_if_listed(site, Command::MakeTree { order }),
            Err(message) => {
                let report = Report::TreeProblem { attempt: order.attempt, message };
                self.handle(Event::Reported { site: site.clone(), report });
            }
        }
    }

    /// The plan's remote has every branch of the run that something came of.
    pub(crate) fn push_branches(&self, entries: &[Entry]) {
        let is_done = |entry: &Entry| {
            matches!(
                entry.fact,
                Fact::Completed { .. } | Fact::CommitTaken { .. } | Fact::Merged { task: None, .. }
            )
        };
        if let Some(pusher) = self.pusher.as_ref().filter(|_| entries.iter().any(is_done)) {
            pusher.push();
        }
    }
}
