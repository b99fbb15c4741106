//! What waits for the journal: no effect is carried out, and nobody is told, before the facts are
//! on the disk. On a full disk everything waits here, nothing is lost, and it is tried again.

use miyabi_engine::{Effect, Entry, Step};
use miyabi_plan::Site;
use miyabi_protocol::link::Command;
use miyabi_protocol::{Carriage, QueueTask};

use crate::error::BackendError;
use crate::journal_file::JournalFile;
use crate::streams::ClientId;

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
    /// Each with its site; in order within a site.
    pub(crate) commands: Vec<(Site, Command)>,
    /// Commits to be carried, after the commands.
    pub(crate) carriages: Vec<Carriage>,
    /// Who asked, and under which number.
    pub(crate) answers: Vec<(ClientId, u32)>,
}

impl Settled {
    /// Queue files of a site that wait together are written once, where the first of them stands: a
    /// file may show an assignment before it is offered, never after.
    fn add(&mut self, site: Site, command: Command) {
        let is_queue =
            |command: &Command| matches!(command, Command::WriteQueue { .. } | Command::UpdateQueue { .. });
        let mut before = self.commands.iter_mut().filter(|_| is_queue(&command));
        match before.find(|(of, one)| *of == site && is_queue(one)) {
            Some((_, waiting)) => merge(waiting, command),
            None => self.commands.push((site, command)),
        }
    }
}

/// One queue command in the place of two.
fn merge(first: &mut Command, next: Command) {
    match (first, next) {
        (Command::WriteQueue { queue }, Command::UpdateQueue { updated_at, tasks }) => {
            queue.updated_at = Some(updated_at);
            replace(&mut queue.tasks, tasks);
        }
        (
            Command::UpdateQueue { updated_at, tasks },
            Command::UpdateQueue { updated_at: now, tasks: newer },
        ) => {
            *updated_at = now;
            replace(tasks, newer);
        }
        (first, whole) => *first = whole,
    }
}

fn replace(tasks: &mut Vec<QueueTask>, newer: Vec<QueueTask>) {
    for task in newer {
        match tasks.iter_mut().find(|old| old.task_id == task.task_id) {
            Some(old) => *old = task,
            None => tasks.push(task),
        }
    }
}

impl Ledger {
    pub(crate) fn over(journal: JournalFile) -> Self {
        Self { journal, entries: Vec::new(), pending: Settled::default(), is_synced: true }
    }

    /// Takes what was decided.
    pub(crate) fn take(&mut self, step: Step) {
        self.entries.extend(step.facts);
        for effect in step.effects {
            match effect {
                Effect::Send { site, command } => self.pending.add(site, command),
                Effect::Carry(carriage) => self.pending.carriages.push(carriage),
            }
        }
    }

    /// A site's helper is gone: what was decided for it is lost, as is what was on its way to it. The
    /// engine decides anew for the next one.
    pub(crate) fn lose_commands(&mut self, lost: &Site) {
        self.pending.commands.retain(|(site, command)| site != lost || matches!(command, Command::StopAll));
        self.pending.carriages.retain(|carriage| Some(&carriage.host) != lost.host());
    }

    /// Sends a command after all that was decided before.
    pub(crate) fn take_command(&mut self, site: Site, command: Command) {
        self.pending.commands.push((site, command));
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
            && self.pending.carriages.is_empty()
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
        let is_awaited = !self.pending.commands.is_empty()
            || !self.pending.carriages.is_empty()
            || !self.pending.answers.is_empty();
        if is_awaited && !self.is_synced {
            self.journal.sync()?;
            self.is_synced = true;
        }
        Ok(std::mem::take(&mut self.pending))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::{QueueFile, TaskStatus, Timestamp};

    fn task(id: &str, status: TaskStatus) -> QueueTask {
        QueueTask {
            task_id: id.to_owned(),
            agent: "CG-1".to_owned(),
            description: String::new(),
            dependencies: Vec::new(),
            status,
            priority: 1,
            estimated_time: 1,
            module: String::new(),
            started_at: None,
            completed_at: None,
            error: None,
        }
    }

    fn whole(tasks: &[(&str, TaskStatus)]) -> Command {
        let tasks = tasks.iter().map(|(id, status)| task(id, *status)).collect();
        let queue = QueueFile { version: String::new(), created_at: None, updated_at: None, tasks };
        Command::WriteQueue { queue }
    }

    fn update(at: i64, tasks: &[(&str, TaskStatus)]) -> Command {
        let tasks = tasks.iter().map(|(id, status)| task(id, *status)).collect();
        Command::UpdateQueue { updated_at: Timestamp::from_millis(at), tasks }
    }

    fn there() -> Site {
        Site::There("MUGEN".parse().expect("an id"))
    }

    fn ledger(folder: &tempfile::TempDir, steps: Vec<Vec<(Site, Command)>>) -> Ledger {
        let (journal, _) = JournalFile::open(&folder.path().join("journal.jsonl")).expect("new");
        let mut ledger = Ledger::over(journal);
        for commands in steps {
            let effects = commands.into_iter().map(|(site, command)| Effect::Send { site, command });
            ledger.take(Step { facts: Vec::new(), effects: effects.collect() });
        }
        ledger
    }

    fn here(commands: Vec<Command>) -> Vec<(Site, Command)> {
        commands.into_iter().map(|command| (Site::Here, command)).collect()
    }

    #[test]
    fn queues_that_wait_together_are_written_once_and_before_every_offer() {
        use TaskStatus::{Completed, InProgress, Pending, Ready};
        let folder = tempfile::tempdir().expect("folder");
        let offer = |token| Command::Ping { token };
        let steps = vec![
            here(vec![update(1, &[("A", Completed), ("B", InProgress)]), offer(1)]),
            here(vec![update(2, &[("C", InProgress), ("B", Completed)]), offer(2)]),
        ];
        let settled = ledger(&folder, steps).settle().expect("settled");
        let one = update(2, &[("A", Completed), ("B", Completed), ("C", InProgress)]);
        assert_eq!(settled.commands, here(vec![one, offer(1), offer(2)]));

        let steps = vec![
            here(vec![update(1, &[("A", Ready)])]),
            here(vec![whole(&[("A", Pending), ("B", Pending)]), offer(1)]),
            here(vec![update(3, &[("B", Ready)]), offer(2)]),
        ];
        let settled = ledger(&folder, steps).settle().expect("settled");
        let Some(((_, Command::WriteQueue { queue }), rest)) = settled.commands.split_first() else {
            panic!("the whole file first: {:?}", settled.commands)
        };
        assert_eq!(queue.updated_at, Some(Timestamp::from_millis(3)));
        assert_eq!(queue.tasks, [task("A", Pending), task("B", Ready)]);
        assert_eq!(rest, here(vec![offer(1), offer(2)]));
    }

    #[test]
    fn every_site_has_a_queue_and_an_order_of_its_own() {
        use TaskStatus::Ready;
        let folder = tempfile::tempdir().expect("folder");
        let step = vec![
            (Site::Here, update(1, &[("A", Ready)])),
            (there(), update(1, &[("B", Ready)])),
            (there(), Command::Ping { token: 1 }),
            (there(), update(2, &[("B", TaskStatus::Completed)])),
        ];
        let settled = ledger(&folder, vec![step]).settle().expect("settled");
        let expected = [
            (Site::Here, update(1, &[("A", Ready)])),
            (there(), update(2, &[("B", TaskStatus::Completed)])),
            (there(), Command::Ping { token: 1 }),
        ];
        assert_eq!(settled.commands, expected);
    }

    #[test]
    fn what_was_decided_for_a_helper_that_is_gone_is_not_told_the_next_one() {
        let folder = tempfile::tempdir().expect("folder");
        let ready = update(1, &[("A", TaskStatus::Ready)]);
        let step = vec![(Site::Here, ready.clone()), (there(), ready.clone())];
        let mut ledger = ledger(&folder, vec![step]);
        ledger.take_command(there(), Command::StopAll);
        ledger.lose_commands(&there());
        let left = [(Site::Here, ready), (there(), Command::StopAll)];
        assert_eq!(ledger.settle().expect("settled").commands, left, "another site's stays, as does a stop");
    }

    #[test]
    fn a_commit_is_carried_once_its_facts_are_on_the_disk_and_not_over_a_lost_link() {
        let folder = tempfile::tempdir().expect("folder");
        let mut ledger = ledger(&folder, vec![]);
        let carriage = |host: &str| Carriage {
            attempt: "A.1".parse().expect("an attempt"),
            way: miyabi_protocol::CarriageWay::Here,
            host: host.parse().expect("a host"),
            store: "w".to_owned(),
            branch: "miyabi/r/A/1".to_owned(),
            commit: "0".repeat(40),
        };
        let effects = ["MUGEN", "MAJIN"].map(|host| Effect::Carry(carriage(host)));
        ledger.take(Step { facts: Vec::new(), effects: effects.into() });
        assert!(!ledger.is_settled(), "they wait");
        ledger.lose_commands(&there());
        assert_eq!(ledger.settle().expect("settled").carriages, [carriage("MAJIN")]);
        assert!(ledger.is_settled());
    }
}
