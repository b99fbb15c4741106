//! What waits for the journal: no effect is carried out, and nobody is told, before the facts are
//! on the disk. On a full disk everything waits here, nothing is lost, and it is tried again.

use miyabi_engine::{Effect, Entry, Step};
use miyabi_protocol::link::Command;

use crate::error::BackendError;
use crate::journal_file::JournalFile;
use crate::log_streams::ClientId;

/// The journal, and what depends on it.
#[derive(Debug)]
pub(crate) struct Ledger {
    journal: JournalFile,
    /// Not in the journal yet.
    entries: Vec<Entry>,
    /// What depends on them, or on entries that were appended and not synced.
    pending: Settled,
    is_synced: bool,
}

/// What is on the disk and may be carried out, in order.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) entries: Vec<Entry>,
    pub(crate) commands: Vec<Command>,
    /// Who asked, and under which number.
    pub(crate) answers: Vec<(ClientId, u32)>,
}

impl Ledger {
    pub(crate) fn over(journal: JournalFile) -> Self {
        Self { journal, entries: Vec::new(), pending: Settled::default(), is_synced: true }
    }

    /// Takes what was decided.
    pub(crate) fn take(&mut self, step: Step) {
        self.entries.extend(step.facts);
        self.pending.commands.extend(step.effects.into_iter().map(|Effect::Send(command)| command));
    }

    /// Sends a command after all that was decided before.
    pub(crate) fn take_command(&mut self, command: Command) {
        self.pending.commands.push(command);
    }

    /// Answers a request after all that was decided before.
    pub(crate) fn take_answer(&mut self, client: ClientId, request: u32) {
        self.pending.answers.push((client, request));
    }

    /// Whether nothing waits.
    pub(crate) fn is_settled(&self) -> bool {
        self.entries.is_empty()
            && self.pending.entries.is_empty()
            && self.pending.commands.is_empty()
            && self.pending.answers.is_empty()
    }

    /// Brings everything to the disk. Facts on which nothing depends yet are left to the next
    /// sync; when something fails, all of it stays here for the next call.
    pub(crate) fn settle(&mut self) -> Result<Settled, BackendError> {
        if !self.entries.is_empty() {
            self.journal.append(&self.entries)?;
            self.is_synced = false;
            self.pending.entries.append(&mut self.entries);
        }
        let is_awaited = !self.pending.commands.is_empty() || !self.pending.answers.is_empty();
        if is_awaited && !self.is_synced {
            self.journal.sync()?;
            self.is_synced = true;
        }
        Ok(std::mem::take(&mut self.pending))
    }
}
