//! Runs on git for the tests: trees, merges, a conflict, a review, a verification, shown as the backend shows them.

use std::collections::BTreeMap;

use miyabi_api::{
    ConflictView, GitView, MergeView, OverlapView, RunSnapshot, TreeView, VerificationState, VerificationView,
};
use miyabi_engine::{By, Fact};
use miyabi_plan::FailureCause;
use miyabi_protocol::evidence::CheckResult;
use miyabi_protocol::{
    ChangeKind, CommittedWork, FileChange, ReviewComment, TestOutcome, TestResult, Timestamp,
};

use super::story::{Story, agent_id, attempt, found, level6, plan, task, task_id, words};

/// A hash that a commit of this name could have.
pub(super) fn hash(name: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}").repeat(3).chars().take(40).collect()
}

/// A new file of so many lines.
fn file(path: &str, added: u32) -> FileChange {
    let kind = ChangeKind::Added;
    FileChange { path: path.to_owned(), from: None, kind, added, removed: 0, binary: false }
}

/// What an attempt committed.
fn committed(id: &str, base: &str, files: Vec<FileChange>) -> CommittedWork {
    let branch = format!("miyabi/20261122-090000-4f2a/{}", id.replace('.', "/"));
    CommittedWork { branch, base: base.to_owned(), commit: hash(id), files, unresolved: Vec::new() }
}

/// How the work travelled, before anything was merged.
fn view() -> GitView {
    GitView {
        repository: "/home/ada/shop".to_owned(),
        base: hash("base"),
        base_branch: Some("main".to_owned()),
        stashed: None,
        remote: None,
        api: None,
        result_branch: "miyabi/20261122-090000-4f2a/_result".to_owned(),
        result: None,
        merges: Vec::new(),
    }
}

/// So many tests, of which the first ones failed.
pub(super) fn tests(all: usize, failed: usize) -> Vec<TestResult> {
    let test = |number: usize| TestResult {
        suite: format!("tests.test_{}", number % 4),
        name: format!("test_number_{number}"),
        outcome: if number > all - failed { TestOutcome::Failed } else { TestOutcome::Passed },
        seconds: Some(0.004),
        message: if number > all - failed { "assert 2 == 3".to_owned() } else { String::new() },
    };
    (1..=all).map(test).collect()
}

/// What the Level 6 plan checks of all the work together.
pub(super) fn verification(failed: usize) -> VerificationView {
    let number = |name: &str, number: f64, expected: &str| CheckResult {
        name: name.to_owned(),
        run: words("python3 -c count"),
        passed: true,
        ended: "exit code 0".to_owned(),
        millis: 40,
        number: Some(number),
        expected: expected.to_owned(),
        ..CheckResult::default()
    };
    let checks = vec![
        CheckResult {
            name: "tests".to_owned(),
            run: words("python3 -m pytest -q tests"),
            passed: failed == 0,
            ended: "exit code 0".to_owned(),
            millis: 900,
            tail: "E   assert 2 == 3\n".to_owned(),
            expected: "42 passed".to_owned(),
            tests: tests(42, failed),
            ..CheckResult::default()
        },
        number("files", 55.0, "55"),
        number("lines of Python", 2252.0, "2,065.3 to 2,282.7"),
    ];
    VerificationView {
        state: if failed == 0 { VerificationState::Passed } else { VerificationState::Failed },
        planned: checks.iter().map(|check| check.name.clone()).collect(),
        checks,
        problem: None,
        at: Some(Timestamp::from_millis(1_795_344_000_000)),
    }
}

/// Puts every completed attempt of a run on git: a tree each, the needs merged where they are several.
pub(super) fn on_git(mut shown: RunSnapshot) -> RunSnapshot {
    let mut git = view();
    let mut results: BTreeMap<_, String> = BTreeMap::new();
    let mut order: Vec<usize> = (0..shown.tasks.len()).collect();
    order.sort_by_key(|at| shown.tasks[*at].completed_at);
    for at in order {
        let task = &mut shown.tasks[at];
        let heads: Vec<String> = task.needs.iter().filter_map(|need| results.get(need).cloned()).collect();
        let base = match heads.len() {
            0 => git.base.clone(),
            1 => heads[0].clone(),
            _ => hash(&format!("merge {}", task.id)),
        };
        let Some(done) = task.attempts.last_mut().filter(|attempt| attempt.ended_at.is_some()) else {
            continue;
        };
        if heads.len() > 1 {
            let (task, commit, at) = (Some(task.id.clone()), base.clone(), done.assigned_at);
            git.merges.push(MergeView { task, heads, commit, at });
        }
        let id = format!("{}.{}", task.id, done.number);
        let path = |part: u32| format!("shop/{}/part_{part}.py", task.id.folded());
        let work = committed(&id, &base, vec![file(&path(1), 120), file(&path(2), 31)]);
        results.insert(task.id.clone(), work.commit.clone());
        done.tree = Some(TreeView {
            branch: work.branch.clone(),
            base,
            folder: format!("/home/ada/.local/state/miyabi/trees/20261122-090000-4f2a/{}-1", task.id),
            commit: Some(work.commit.clone()),
        });
        if let Some(evidence) = &mut done.evidence {
            evidence.work = Some(work);
        }
    }
    if shown.tasks.iter().all(|task| task.completed_at.is_some()) {
        let heads: Vec<String> =
            shown.tasks.iter().filter_map(|task| results.get(&task.id).cloned()).collect();
        let at = shown.tasks.iter().filter_map(|task| task.completed_at).max().unwrap_or(shown.run.now);
        let commit = hash("result");
        git.result = Some(commit.clone());
        git.merges.push(MergeView { task: None, heads, commit, at });
    }
    shown.run.git = Some(git);
    shown
}

/// Level 6 with a tree an attempt, one merged tree, and its verification.
pub(super) fn level6_on_git(failed: usize) -> (Story, RunSnapshot) {
    let story = level6(1.04);
    let mut shown = on_git(story.snapshot(6864.0));
    shown.run.verification = Some(verification(failed));
    (story, shown)
}

/// Two tasks in one file, a conflict that an agent resolves, a review that is sent back, a hand-over.
pub(super) fn contested() -> (Story, RunSnapshot) {
    let mut merge = task("Merge-Both", "Resolve a conflict", "CCG-1", &["Left", "Right"], 600);
    merge.outputs = Vec::new();
    let tasks = vec![
        task("Left", "The left side", "CG-1", &[], 60),
        task("Right", "The right side", "CG-2", &[], 60),
        merge,
        task("Both", "Both sides", "CG-1", &["Merge-Both"], 60),
    ];
    let agents = [("CCG-1", "Review", "MUGEN"), ("CG-1", "Left", "MUGEN"), ("CG-2", "Right", "MAJIN")];
    let mut plan = plan("Two in one file", tasks, &agents, &[("MUGEN", 2), ("MAJIN", 2)]);
    plan.tasks[0].needs_approval = true;
    let mut story = Story::new(plan, None);
    let comment = ReviewComment {
        file: Some("shop/names.py".to_owned()),
        line: Some(3),
        text: "say what it is for".to_owned(),
    };
    story.taken(1.0, "Left.1", "CG-1");
    story.taken(1.0, "Right.1", "CG-2");
    let pair = vec![attempt("Left.1"), attempt("Right.1")];
    for files in [vec!["shop/names.py".to_owned()], words("shop/names.py shop/more.py")] {
        story.at(11.0, Fact::OverlapSeen { attempts: pair.clone(), files });
    }
    let next = miyabi_engine::NextTry::Free;
    story.failed(30.0, "Left.1", FailureCause::SentBack, "a person sent it back", next);
    story.at(30.0, Fact::SentBack { attempt: attempt("Left.1"), comments: vec![comment.clone()] });
    let (from, to) = (agent_id("CG-2"), agent_id("CG-1"));
    let packet = Some("Go on with shop/names.py.\nIt is half done.".to_owned());
    story.at(31.0, Fact::Reassigned { task: task_id("Right"), from, to, by: By::Person, packet });
    story.taken(32.0, "Left.2", "CG-1");
    story.completed(60.0, "Left.2", Some(found("shop/names.py", true)));
    story.completed(61.0, "Right.1", Some(found("shop/names.py", true)));
    story.taken(62.0, "Merge-Both.1", "CCG-1");
    story.completed(90.0, "Merge-Both.1", Some(found("shop/names.py", true)));
    story.taken(91.0, "Both.1", "CG-1");
    story.completed(120.0, "Both.1", Some(found("shop/both.py", true)));
    let mut shown = on_git(story.snapshot(120.0));
    shown.tasks[0].attempts[0].comments = vec![comment];
    shown.tasks[0].attempts[0].tree = Some(TreeView {
        branch: "miyabi/20261122-090000-4f2a/Left/1".to_owned(),
        base: hash("base"),
        folder: "/home/ada/.local/state/miyabi/trees/20261122-090000-4f2a/Left-1".to_owned(),
        commit: Some(hash("Left.1")),
    });
    shown.tasks[1].overlaps =
        vec![OverlapView { task: task_id("Left"), files: vec!["shop/names.py".to_owned()] }];
    let git = shown.run.git.as_mut().expect("it is on git");
    git.merges.retain(|merge| merge.task.as_ref().is_none_or(|task| task.as_str() != "Merge-Both"));
    shown.tasks[2].conflict = Some(ConflictView {
        waits: Some(task_id("Both")),
        ours: hash("Left.2"),
        theirs: hash("Right.1"),
        files: vec!["shop/names.py".to_owned()],
        by_person: false,
    });
    let tree = shown.tasks[2].attempts[0].tree.as_mut().expect("it has a tree");
    tree.base = hash("Left.2");
    let evidence = shown.tasks[2].attempts[0].evidence.as_mut().and_then(|found| found.work.as_mut());
    evidence.expect("it left something").base = hash("Left.2");
    (story, shown)
}
