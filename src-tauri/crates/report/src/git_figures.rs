//! The work itself, from views and journal: what changed, what was merged, what was checked, who looked at it.

use std::collections::{BTreeMap, HashMap};

use miyabi_api::{GitView, RunSnapshot, TaskView, VerificationView};
use miyabi_engine::{Entry, Fact};
use miyabi_plan::{AttemptId, TaskId};
use miyabi_protocol::{ChangeKind, CheckResult, CommittedWork, FileChange, TestOutcome, TestResult};

use crate::figures::Clock;
use crate::measure::count;
use crate::model::{
    AttemptReport, CheckReport, ConflictReport, GitReport, HandOverReport, MergeReport, Outcome,
    OverlapReport, ResolvedBy, ReviewReport, ReviewVerdict, TaskReport, TestTally, VerificationReport,
    WholeDiff, WorkReport,
};
use crate::words;

/// The commits that a person gave for merge tasks, from the journal.
pub(crate) fn taken(entries: &[Entry]) -> HashMap<TaskId, String> {
    let taken = entries.iter().filter_map(|entry| match &entry.fact {
        Fact::CommitTaken { task, commit } => Some((task.clone(), commit.clone())),
        _ => None,
    });
    taken.collect()
}

/// What a COMPLETED task left behind.
pub(crate) fn work_of(
    task: &TaskView,
    attempts: &[AttemptReport],
    taken: Option<&String>,
) -> Option<WorkReport> {
    task.completed_at?;
    if let Some(commit) = taken {
        let commit = commit.clone();
        let (branch, base) = (String::new(), String::new());
        return Some(WorkReport { attempt: None, branch, base, commit, files: 0, added: 0, removed: 0 });
    }
    let done = attempts.iter().rev().find(|attempt| attempt.outcome == Outcome::Completed)?;
    let work = work(done)?;
    let (added, removed) = work.lines();
    Some(WorkReport {
        attempt: Some(done.id.clone()),
        branch: work.branch.clone(),
        base: work.base.clone(),
        commit: work.commit.clone(),
        files: count(&work.files),
        added,
        removed,
    })
}

fn work(attempt: &AttemptReport) -> Option<&CommittedWork> {
    attempt.evidence.as_ref()?.work.as_ref()
}

/// The last commit of an attempt that is known.
pub(crate) fn commit(attempt: &AttemptReport) -> Option<&str> {
    let kept = || attempt.tree.as_ref().and_then(|tree| tree.commit.as_deref());
    work(attempt).map(|work| work.commit.as_str()).or_else(kept).filter(|commit| !commit.is_empty())
}

/// The commit that an attempt's differences are counted from.
pub(crate) fn base(attempt: &AttemptReport) -> Option<&str> {
    let of_tree = || attempt.tree.as_ref().map(|tree| tree.base.as_str());
    work(attempt).map(|work| work.base.as_str()).or_else(of_tree).filter(|base| !base.is_empty())
}

/// The git side of a run; none where all agents share a folder.
pub(crate) fn git(
    snapshot: &RunSnapshot,
    entries: &[Entry],
    tasks: &[TaskReport],
    clock: &Clock,
) -> Option<GitReport> {
    let view = snapshot.run.git.as_ref()?;
    let owners = owners(tasks);
    Some(GitReport {
        repository: view.repository.clone(),
        base: view.base.clone(),
        base_branch: view.base_branch.clone(),
        remote: view.remote.clone(),
        result_branch: view.result_branch.clone(),
        result: view.result.clone(),
        changed: whole(snapshot, tasks),
        merges: merges(view, &owners, clock),
        conflicts: conflicts(snapshot, tasks, &owners),
        overlaps: overlaps(snapshot, entries),
        reviews: reviews(entries, clock),
        hand_overs: hand_overs(entries, clock),
    })
}

/// Whose work a commit is.
fn owners(tasks: &[TaskReport]) -> HashMap<&str, &TaskId> {
    let mut owners = HashMap::new();
    for task in tasks {
        owners.extend(task.attempts.iter().filter_map(commit).map(|commit| (commit, &task.id)));
        owners.extend(task.work.as_ref().map(|work| (work.commit.as_str(), &task.id)));
    }
    owners
}

fn merges(view: &GitView, owners: &HashMap<&str, &TaskId>, clock: &Clock) -> Vec<MergeReport> {
    let of = |heads: &[String]| -> Vec<TaskId> {
        heads.iter().filter_map(|head| owners.get(head.as_str()).map(|task| (*task).clone())).collect()
    };
    let merges = view.merges.iter().map(|merge| MergeReport {
        task: merge.task.clone(),
        heads: merge.heads.clone(),
        of: of(&merge.heads),
        commit: merge.commit.clone(),
        after_seconds: clock.after(merge.at),
    });
    merges.collect()
}

/// What all tasks changed together, file by file in the order in which they ended.
fn whole(snapshot: &RunSnapshot, tasks: &[TaskReport]) -> WholeDiff {
    let mut done: Vec<(&TaskView, &CommittedWork)> = Vec::new();
    for (view, task) in snapshot.tasks.iter().zip(tasks) {
        let attempt = task.attempts.iter().rev().find(|attempt| attempt.outcome == Outcome::Completed);
        done.extend(attempt.and_then(work).map(|work| (view, work)));
    }
    done.sort_by_key(|(view, _)| view.completed_at);
    let mut whole = WholeDiff::default();
    let mut files: BTreeMap<&str, ChangeKind> = BTreeMap::new();
    for (view, work) in done {
        // What resolves a conflict differs from one side by all of the other.
        if view.conflict.is_none() {
            let (added, removed) = work.lines();
            whole.added = whole.added.saturating_add(added);
            whole.removed = whole.removed.saturating_add(removed);
        }
        for file in &work.files {
            change(&mut files, file);
        }
    }
    let of = |kind: ChangeKind| count(files.values().filter(|found| **found == kind));
    whole.new_files = of(ChangeKind::Added);
    whole.removed_files = of(ChangeKind::Removed);
    whole.files = count(&files) - whole.removed_files;
    whole
}

fn change<'a>(files: &mut BTreeMap<&'a str, ChangeKind>, file: &'a FileChange) {
    let mut gone = |path: &'a str| match files.get(path) {
        // It was never there before the run.
        Some(ChangeKind::Added) => {
            files.remove(path);
        }
        _ => {
            files.insert(path, ChangeKind::Removed);
        }
    };
    match file.kind {
        ChangeKind::Removed => gone(&file.path),
        ChangeKind::Renamed => {
            if let Some(from) = &file.from {
                gone(from);
            }
            files.insert(&file.path, ChangeKind::Added);
        }
        ChangeKind::Added => {
            files.insert(&file.path, ChangeKind::Added);
        }
        ChangeKind::Modified => {
            files.entry(&file.path).or_insert(ChangeKind::Modified);
        }
    }
}

fn conflicts(
    snapshot: &RunSnapshot,
    tasks: &[TaskReport],
    owners: &HashMap<&str, &TaskId>,
) -> Vec<ConflictReport> {
    let conflicts = snapshot.tasks.iter().zip(tasks).filter_map(|(view, task)| {
        let conflict = view.conflict.clone()?;
        let owner = |commit: &str| owners.get(commit).map(|task| (*task).clone());
        let work = task.work.as_ref();
        let resolved_by = work.map(|work| match work.attempt {
            Some(_) => ResolvedBy::Agent(task.agent.clone()),
            None => ResolvedBy::Person,
        });
        let sides = (owner(&conflict.ours), owner(&conflict.theirs));
        let commit = work.map(|work| work.commit.clone());
        Some(ConflictReport { task: task.id.clone(), conflict, sides, resolved_by, commit })
    });
    conflicts.collect()
}

/// A line a pair of tasks: from the journal, or as it stands where that is not at hand.
fn overlaps(snapshot: &RunSnapshot, entries: &[Entry]) -> Vec<OverlapReport> {
    let mut found: Vec<OverlapReport> = Vec::new();
    let mut seen = |tasks: Vec<TaskId>, files: &[String]| {
        let files = files.to_vec();
        match found.iter_mut().find(|overlap| overlap.tasks == tasks) {
            Some(overlap) => overlap.files = files,
            None => found.push(OverlapReport { tasks, files }),
        }
    };
    for entry in entries {
        if let Fact::OverlapSeen { attempts, files } = &entry.fact {
            seen(attempts.iter().map(|attempt| attempt.task.clone()).collect(), files);
        }
    }
    for task in snapshot.tasks.iter().filter(|_| entries.is_empty()) {
        for overlap in task.overlaps.iter().filter(|overlap| overlap.task > task.id) {
            seen(vec![task.id.clone(), overlap.task.clone()], &overlap.files);
        }
    }
    found
}

fn reviews(entries: &[Entry], clock: &Clock) -> Vec<ReviewReport> {
    let mut reviews: Vec<ReviewReport> = Vec::new();
    for entry in entries {
        let after_seconds = clock.after(entry.at);
        let asked = |attempt: &AttemptId| {
            let id = attempt.to_string();
            reviews.iter().position(|review| review.attempt == id)
        };
        match &entry.fact {
            Fact::ReviewAsked { attempt, .. } => reviews.push(ReviewReport {
                attempt: attempt.to_string(),
                after_seconds,
                verdict: ReviewVerdict::Asked,
                comments: Vec::new(),
            }),
            Fact::SentBack { attempt, comments } => {
                let verdict = ReviewVerdict::SentBack;
                let (attempt, at) = (attempt.to_string(), asked(attempt));
                let review = ReviewReport { attempt, after_seconds, verdict, comments: comments.clone() };
                match at {
                    Some(at) => reviews[at] = review,
                    // Work that nobody had begun to build on can be sent back even when it is COMPLETED.
                    None => reviews.push(review),
                }
            }
            Fact::Completed { attempt, .. } => {
                if let Some(at) = asked(attempt) {
                    reviews[at].verdict = ReviewVerdict::Accepted;
                    reviews[at].after_seconds = after_seconds;
                }
            }
            _ => {}
        }
    }
    reviews
}

fn hand_overs(entries: &[Entry], clock: &Clock) -> Vec<HandOverReport> {
    let told = entries.iter().filter_map(|entry| match &entry.fact {
        Fact::Reassigned { task, from, to, packet: Some(packet), .. } => Some(HandOverReport {
            task: task.clone(),
            from: from.clone(),
            to: to.clone(),
            after_seconds: clock.after(entry.at),
            packet: packet.clone(),
        }),
        _ => None,
    });
    told.collect()
}

/// What must hold of all the work together.
pub(crate) fn verification(view: &VerificationView, entries: &[Entry]) -> VerificationReport {
    let runs = entries.iter().filter(|entry| matches!(entry.fact, Fact::Verified { .. }));
    VerificationReport {
        state: view.state,
        planned: view.planned.clone(),
        checks: view.checks.iter().map(check).collect(),
        problem: view.problem.clone(),
        at: view.at,
        runs: count(runs),
    }
}

/// A check with what was measured.
pub(crate) fn check(check: &CheckResult) -> CheckReport {
    let mut tests = check.tests.clone();
    tests.sort_by_key(|test| match test.outcome {
        TestOutcome::Failed => 0,
        TestOutcome::Skipped => 1,
        TestOutcome::Passed => 2,
    });
    let tally = (!tests.is_empty()).then(|| tally(&tests));
    CheckReport {
        name: if check.name.is_empty() { words::command(&check.run) } else { check.name.clone() },
        run: check.run.clone(),
        passed: check.passed,
        expected: check.expected.clone(),
        measured: words::check_measured(check, tally),
        seconds: f64::from(check.millis) / 1000.0,
        tail: check.tail.clone(),
        number: check.number,
        tally,
        tests,
    }
}

/// How many tests ended how.
pub(crate) fn tally(tests: &[TestResult]) -> TestTally {
    let of = |outcome: TestOutcome| count(tests.iter().filter(|test| test.outcome == outcome));
    TestTally {
        passed: of(TestOutcome::Passed),
        failed: of(TestOutcome::Failed),
        skipped: of(TestOutcome::Skipped),
    }
}
