//! Merges: what several tasks produced becomes the one commit that the next one begins from. What cannot
//! be merged by itself becomes a task of its own.

use miyabi_plan::git::{base_branch, result_branch};
use miyabi_plan::ids::MAX_ID_LENGTH;
use miyabi_plan::{AgentId, Task, TaskId};
use miyabi_protocol::link::Command;
use miyabi_protocol::{MergeOutcome, Timestamp};

use super::Engine;
use super::places::HERE;
use super::seen::Unmerged;
use crate::fact::{Fact, MergeConflict, NoteKind};
use crate::state::Standing;

/// How often a merge that was not possible at all is tried, before a person has to look.
const MOST_TRIES: u32 = 3;
/// The pause between such tries, in seconds.
const TRY_AGAIN_SECONDS: u32 = 10;
/// How long resolving a conflict is expected to take, in seconds.
const ESTIMATED_SECONDS: u32 = 600;
/// After how long an attempt to resolve a conflict is stopped at the earliest, in seconds.
const LEAST_TIME_LIMIT: u32 = 1_800;

impl Engine {
    /// Has everything merged that a waiting task begins from.
    pub(super) fn merge_work(&mut self) {
        // A person's commit may take a run up again that has failed.
        self.take_commits();
        if self.is_over() || !self.is_listed(HERE) {
            return;
        }
        for index in (0..self.state.tasks.len()).filter(|task| self.awaits_merge(*task)).collect::<Vec<_>>() {
            let Some(heads) = self.state.heads_of(index) else { continue };
            let task = &self.state.tasks[index];
            let id = task.id.clone();
            let needs: Vec<&str> =
                task.needs.iter().map(|need| self.state.tasks[*need].id.as_str()).collect();
            let subject = format!("Merge {} for {id}", needs.join(", "));
            let branch = base_branch(&self.state.opening.run_id, &id);
            self.ask_merge(Some(id), heads, branch, subject);
        }
    }

    /// Whether a task waits for nothing but what its needs produced to be merged.
    pub(super) fn awaits_merge(&self, index: usize) -> bool {
        let task = &self.state.tasks[index];
        let waits = matches!(task.standing, Standing::Waiting | Standing::BackOff(_));
        waits
            && self.state.git().is_some()
            && self.state.needs_met(task)
            && self.state.base_at(index).is_none()
    }

    /// All work is done: it becomes one.
    pub(super) fn merge_result(&mut self) {
        let Some(heads) = self.state.all_heads() else { return };
        let opening = &self.state.opening;
        let subject = format!("Merge the work of {}", opening.plan.name);
        let branch = result_branch(&opening.run_id);
        self.ask_merge(None, heads, branch, subject);
    }

    /// One merge for a task at a time: what is reported of it does not say what was merged.
    fn ask_merge(&mut self, task: Option<TaskId>, heads: Vec<String>, branch: String, subject: String) {
        let rests = self.seen.work.unmerged.get(&task).is_some_and(|unmerged| unmerged.rests(self.now));
        if rests || self.seen.work.merging.contains_key(&task) || !self.is_listed(HERE) {
            return;
        }
        let Some(repository) = self.repository_at(HERE) else { return };
        self.seen.work.merging.insert(task.clone(), heads.clone());
        self.out.works.push((HERE, Command::MergeHeads { task, repository, heads, branch, subject }));
    }

    pub(super) fn on_merged(&mut self, task: Option<TaskId>, outcome: MergeOutcome) {
        let index = task.as_ref().and_then(|task| self.state.task_index(task));
        if let (Some(index), Some(id)) = (index, &task)
            && self.state.tasks[index].merge.is_some()
        {
            self.on_commit_looked_at(index, id, outcome);
            return;
        }
        let Some(heads) = self.seen.work.merging.remove(&task) else { return };
        let wanted = match (&task, index) {
            (None, _) => self.state.all_heads().filter(|_| self.state.result().is_none()),
            (Some(_), Some(index)) => self.state.heads_of(index).filter(|_| self.awaits_merge(index)),
            (Some(_), None) => None,
        };
        // What was sent back meanwhile is merged anew when it is done again.
        if wanted.as_ref() != Some(&heads) || self.is_over() {
            return;
        }
        match outcome {
            MergeOutcome::Clean { commit, tree } => {
                self.seen.work.unmerged.remove(&task);
                self.decide(Fact::Merged { task, heads, commit, tree });
            }
            MergeOutcome::Conflict { ours, theirs, files } => {
                let merge = MergeConflict { waits: task, ours, theirs, files };
                let added = self.merge_task(index, &heads, &merge);
                self.decide(Fact::TaskAdded { task: Box::new(added), merge });
            }
            MergeOutcome::Failed { message } => self.on_unmerged(task, message),
        }
    }

    fn on_unmerged(&mut self, task: Option<TaskId>, message: String) {
        let of = task.as_ref().map_or_else(|| "the run's result".to_owned(), |task| format!("{task}'s base"));
        let again_at = self.now.plus_seconds(TRY_AGAIN_SECONDS);
        let known = self.seen.work.unmerged.get(&task).map_or(0, |unmerged| unmerged.tries);
        self.note(NoteKind::StateProblem, None, format!("{of} cannot be merged: {message}"));
        self.seen.work.unmerged.insert(task, Unmerged { tries: known + 1, again_at, message });
    }

    /// Why a merge cannot be made, after it was tried often enough.
    pub(super) fn cannot_merge(&self, task: &Option<TaskId>) -> Option<&str> {
        let unmerged = self.seen.work.unmerged.get(task)?;
        unmerged.is_given_up().then_some(unmerged.message.as_str())
    }

    pub(super) fn merge_timers(&self) -> impl Iterator<Item = Timestamp> {
        let open = self.seen.work.unmerged.values().filter(|unmerged| !unmerged.is_given_up());
        open.map(|unmerged| unmerged.again_at)
    }

    /// The task that resolves a conflict among the results of these needs, or of all tasks.
    fn merge_task(&self, waits: Option<usize>, heads: &[String], merge: &MergeConflict) -> Task {
        let needs: Vec<usize> = match waits {
            Some(waits) => self.state.tasks[waits].needs.clone(),
            None => (0..self.state.tasks.len()).collect(),
        };
        let last = heads.iter().position(|head| *head == merge.theirs).unwrap_or(heads.len());
        let sides = needs.iter().zip(heads).enumerate();
        let theirs: Vec<usize> = sides
            .clone()
            .filter(|(_, (_, head))| **head == merge.theirs)
            .map(|(_, (need, _))| *need)
            .collect();
        let ours = sides.filter(|(at, (need, _))| *at < last && !theirs.contains(need));
        let ours: Vec<usize> = ours.map(|(_, (need, _))| *need).collect();
        let id = self.free_merge_name(waits.map(|waits| &self.state.tasks[waits].id));
        let waiting = waits.map(|waits| self.planned(waits));
        let all = needs.iter().filter(|need| ours.contains(need) || theirs.contains(need));
        Task {
            title: match &merge.waits {
                Some(waits) => format!("Resolve the conflict before {waits}"),
                None => "Resolve the conflict in the result".to_owned(),
            },
            prompt: self.merge_prompt(&ours, &theirs, merge),
            agent: self.who_resolves(waits),
            needs: all.map(|need| self.state.tasks[*need].id.clone()).collect(),
            priority: waiting.map_or(0, |task| task.priority),
            estimated_seconds: ESTIMATED_SECONDS,
            module: waiting.map(|task| task.module.clone()).unwrap_or_default(),
            wave: None,
            outputs: Vec::new(),
            acceptance: Vec::new(),
            retries: waiting.map_or(1, |task| task.retries.max(1)),
            time_limit_seconds: waiting.map_or(0, |task| task.time_limit_seconds).max(LEAST_TIME_LIMIT),
            host: None,
            needs_approval: false,
            id,
        }
    }

    fn free_merge_name(&self, waits: Option<&TaskId>) -> TaskId {
        let of = waits.map_or("Result", TaskId::as_str);
        let taken = |id: &TaskId| self.state.tasks.iter().any(|task| task.id.folded() == id.folded());
        let names = (1_u32..).filter_map(|number| {
            let end = if number == 1 { String::new() } else { format!("-{number}") };
            let mut name = format!("Merge-{of}");
            name.truncate(MAX_ID_LENGTH - end.len());
            TaskId::new(name + &end).ok()
        });
        let mut free = names.filter(|name| !taken(name));
        // There is always one: numbers do not end, and ids are ASCII.
        free.next().unwrap_or_else(|| self.state.tasks[0].id.clone())
    }

    /// The plan's own choice, else one that reviews, else any of the kind that does; else the waiting
    /// task's own agent, else whoever has a work tree.
    fn who_resolves(&self, waits: Option<usize>) -> AgentId {
        let plan = &self.state.opening.plan;
        let has_tree = |id: &AgentId| self.state.agent(id).is_some_and(|agent| self.state.has_trees(agent));
        let able = || plan.agents.iter().filter(|agent| has_tree(&agent.id));
        let claude = || able().filter(|agent| agent.id.kind().as_str() == "CCG");
        let reviewing = || claude().find(|agent| agent.title.to_ascii_lowercase().contains("review"));
        let named = plan.git.reviewer.clone().filter(|id| self.state.agent_index(id).is_some());
        let own = waits.map(|waits| &self.state.tasks[waits].agent).or_else(|| {
            let last = self.state.tasks.iter().rev().map(|task| &task.agent);
            last.into_iter().find(|id| has_tree(id))
        });
        let own = || own.filter(|id| has_tree(id)).cloned();
        let chosen = named.or_else(|| reviewing().or_else(|| claude().next()).map(|agent| agent.id.clone()));
        let chosen = chosen.or_else(own).or_else(|| able().next().map(|agent| agent.id.clone()));
        chosen.unwrap_or_else(|| self.state.tasks[waits.unwrap_or(0)].agent.clone())
    }

    fn merge_prompt(&self, ours: &[usize], theirs: &[usize], merge: &MergeConflict) -> String {
        let name = |task: &usize| {
            let planned = self.planned(*task);
            format!("{} ({})", planned.id, planned.title)
        };
        let side = |tasks: &[usize], commit: &str| match tasks.is_empty() {
            true => format!("commit {commit}"),
            false => format!("{}, commit {commit}", tasks.iter().map(name).collect::<Vec<_>>().join(", ")),
        };
        let files: String = merge.files.iter().map(|file| format!("\n- `{file}`")).collect();
        let waits = match &merge.waits {
            Some(waits) => format!("{waits} begins from what you leave."),
            None => "It is the last step before all work of the run is one.".to_owned(),
        };
        format!(
            "Two pieces of work contradict each other, and git cannot merge them by itself. {waits}\n\n\
             - The one side: {}\n- The other side: {}\n\nThe work folder holds both, merged as far as that goes. \
             These files are in conflict:\n{files}\n\nRead what both sides are for, then edit these files so that \
             both hold together. Leave no conflict marker (`<<<<<<<`, `=======`, `>>>>>>>`) in any of them, drop \
             nothing that either side needs, and run the tests that are there. A file without markers (a binary one, or \
             one that only one side still has) is in conflict until you change it, or choose what lies there with \
             `git add FILE` or `git rm FILE`. Do not commit, and do not abort the \
             merge: what you leave in the files is committed when you end.",
            side(ours, &merge.ours),
            side(theirs, &merge.theirs),
        )
    }

    /// Whether a merge is under way, or will be tried again.
    pub(super) fn may_merge(&self) -> bool {
        (0..self.state.tasks.len()).any(|task| {
            self.awaits_merge(task) && self.cannot_merge(&Some(self.state.tasks[task].id.clone())).is_none()
        })
    }
}

impl Unmerged {
    fn is_given_up(&self) -> bool {
        self.tries >= MOST_TRIES
    }

    fn rests(&self, now: Timestamp) -> bool {
        self.is_given_up() || self.again_at > now
    }
}
