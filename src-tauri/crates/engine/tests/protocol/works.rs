//! Work on git: trees, merges, conflicts and what moves between hosts.

use AgentStatus::{Completed, Idle, InProgress};
use miyabi_engine::{Event, Fact, Order, Standing};
use miyabi_plan::{Check, ConflictsGo, FailureCause, Plan, PortRange, RunPhase, Site, WaitReason};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{
    AgentStatus, CarriageWay, ChangeKind, CommittedWork, EvidenceReport, FileChange, MergeOutcome,
    RepositoryAt, RunGit, RunOpening, RunnerSpec, TreeOrder,
};

use crate::bench::{Bench, agent, attempt, opening, plan, task, with_runners};
use crate::hosts::{host_id, lose, reach, spread, status, takes_at, there};

/// The person's repository.
const WORK: &str = "/work";

pub(crate) fn on_git(plan: Plan) -> RunOpening {
    let git = RunGit {
        repository: WORK.to_owned(),
        base: "base".to_owned(),
        base_branch: None,
        store: "store".to_owned(),
        stashed: None,
    };
    RunOpening { git: Some(git), on_hosts: true, ..opening(plan) }
}

/// Everything is here.
pub(crate) fn here(agents: &[&str], tasks: &[(&str, &str, &str)]) -> Bench {
    Bench::begun(on_git(with_runners(plan(agents, tasks))))
}

/// CG-1 on MUGEN, CG-2 here: A is CG-1's, and B needs it.
fn spread_out() -> Bench {
    let plan = spread(&["CG-1@MUGEN", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "A")]);
    let mut bench = Bench::open(on_git(plan));
    for site in [there("MUGEN"), there("MAJIN"), Site::Here] {
        reach(&mut bench, &site);
    }
    bench
}

pub(crate) fn order(bench: &Bench) -> TreeOrder {
    let mut orders = bench.done.iter().rev().filter_map(|command| match command {
        Command::MakeTree { order } => Some((**order).clone()),
        _ => None,
    });
    orders.next().expect("a tree is asked for")
}

fn asked(bench: &Bench, which: fn(&Command) -> bool) -> usize {
    bench.done.iter().filter(|command| which(command)).count()
}

fn is_keep(command: &Command) -> bool {
    matches!(command, Command::KeepWork { .. })
}

fn is_merge(command: &Command) -> bool {
    matches!(command, Command::MergeHeads { .. })
}

pub(crate) fn tree_made(bench: &mut Bench, site: &Site, of: &str) {
    let (attempt, folder) = (attempt(of), format!("/trees/{of}"));
    bench.report_at(site, Report::TreeMade { attempt, folder, conflicts: Vec::new() });
}

pub(crate) fn proof(of: &str) -> EvidenceReport {
    let file = FileChange {
        path: "a.txt".to_owned(),
        from: None,
        kind: ChangeKind::Added,
        added: 1,
        removed: 0,
        binary: false,
    };
    let work = CommittedWork {
        branch: format!("miyabi/run-1/{}", of.replace('.', "/")),
        base: "base".to_owned(),
        commit: format!("c-{of}"),
        files: vec![file],
        unresolved: Vec::new(),
    };
    EvidenceReport { work: Some(work), ..EvidenceReport::default() }
}

/// The whole of an attempt by an agent that is here.
pub(crate) fn does(bench: &mut Bench, id: &str, of: &str) {
    tree_made(bench, &Site::Here, of);
    bench.works(id, of);
    bench.evidence(of, proof(of));
}

pub(crate) fn merged(bench: &mut Bench, of: Option<&str>, commit: &str) {
    let outcome = MergeOutcome::Clean { commit: commit.to_owned(), tree: "tree".to_owned() };
    bench.report(Report::Merged { task: of.map(task), outcome });
}

fn conflict(bench: &mut Bench, of: Option<&str>, ours: &str, theirs: &str) {
    let files = vec!["a.txt".to_owned()];
    let outcome = MergeOutcome::Conflict { ours: ours.to_owned(), theirs: theirs.to_owned(), files };
    bench.report(Report::Merged { task: of.map(task), outcome });
}

fn carried(bench: &mut Bench, problem: Option<&str>) {
    for carriage in bench.carried.clone() {
        bench.event(Event::Carried { carriage, problem: problem.map(str::to_owned) });
    }
}

#[test]
fn an_attempt_is_offered_once_its_tree_stands_and_works_in_it() {
    let mut sketch = with_runners(plan(&["CG-1"], &[("A", "CG-1", "")]));
    sketch.git.ports = Some(PortRange { first: 4_000, count: 10 });
    sketch.git.copy = vec![".env".to_owned()];
    let mut bench = Bench::begun(on_git(sketch));
    let made = order(&bench);
    assert_eq!((made.start.as_str(), made.branch.as_str()), ("base", "miyabi/run-1/A/1"));
    assert_eq!(made.repository, RepositoryAt::Path(WORK.to_owned()));
    assert_eq!((made.copies[0].path.as_str(), made.copies[0].content.as_str()), (".env", ""));
    assert!(!bench.wanted().contains(&"BUSY CG-1 A.1".to_owned()), "nothing is offered before");
    bench.pass(600);
    assert_eq!(bench.standing("A"), Standing::Active, "making a tree takes its time");
    tree_made(&mut bench, &Site::Here, "A.1");
    let sheet = bench.sheet();
    assert_eq!(sheet.work_folder.as_deref(), Some("/trees/A.1"));
    assert_eq!(sheet.tree.as_ref().map(|tree| tree.base.as_str()), Some("base"));
    let RunnerSpec::Command { environment, .. } = &sheet.runner else { panic!("a command") };
    assert_eq!(environment["MIYABI_TREE"], "/trees/A.1");
    assert_eq!(
        (environment["MIYABI_PORT_FIRST"].as_str(), environment["MIYABI_PORT_COUNT"].as_str()),
        ("4000", "10")
    );
    bench.works("CG-1", "A.1");
    assert!(bench.wanted().contains(&"check A.1".to_owned()), "even where nothing else is promised");
    bench.evidence("A.1", proof("A.1"));
    assert_eq!(bench.engine.state().result_of(&task("A")), Some("c-A.1"));
    assert_eq!(bench.phase(), RunPhase::Running, "the result is merged first");
    merged(&mut bench, None, "all");
    assert_eq!(bench.phase(), RunPhase::Completed);
    assert_eq!(bench.engine.state().result().map(|made| made.commit.as_str()), Some("all"));
}

#[test]
fn a_tree_that_cannot_be_made_fails_its_attempt_and_one_that_was_asked_for_is_asked_for_again() {
    let mut bench = here(&["CG-1"], &[("A", "CG-1", "")]);
    bench.restart();
    bench.runner_up("CG-1", "");
    bench.says("CG-1", Idle, "");
    bench.report(Report::Listed);
    assert_eq!(order(&bench).attempt, attempt("A.1"));
    let message = "the disk is full".to_owned();
    bench.report(Report::TreeProblem { attempt: attempt("A.1"), message });
    let failed = &bench.task("A").attempts[0];
    assert_eq!(
        (failed.cause, failed.error.as_deref()),
        (Some(FailureCause::NotStarted), Some("the disk is full"))
    );
    bench.pass(60);
    assert_eq!(order(&bench).attempt, attempt("A.2"));
}

#[test]
fn what_promises_files_and_changes_none_or_leaves_conflict_markers_is_not_done() {
    let nothing = |report: &mut EvidenceReport| report.work.iter_mut().for_each(|work| work.files.clear());
    let markers = |report: &mut EvidenceReport| {
        report.work.iter_mut().for_each(|work| work.unresolved.push("a.txt".to_owned()));
    };
    let none = |report: &mut EvidenceReport| report.work = None;
    type Spoil = fn(&mut EvidenceReport);
    let spoils: [(Spoil, &str); 3] =
        [(nothing, "changed nothing"), (markers, "still in conflict: a.txt"), (none, "not committed")];
    for (spoil, what) in spoils {
        let mut sketch = with_runners(plan(&["CG-1"], &[("A", "CG-1", "")]));
        sketch.tasks[0].outputs = vec!["a.txt".to_owned()];
        let mut bench = Bench::begun(on_git(sketch));
        tree_made(&mut bench, &Site::Here, "A.1");
        bench.works("CG-1", "A.1");
        let mut report = proof("A.1");
        spoil(&mut report);
        bench.evidence("A.1", report);
        let error = bench.task("A").attempts[0].error.clone().expect("it failed");
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn several_needs_are_merged_once_for_the_task_that_begins_from_them_also_after_a_restart() {
    let mut bench = here(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CG-1", "A B")]);
    does(&mut bench, "CG-1", "A.1");
    does(&mut bench, "CG-1", "B.1");
    assert_eq!(asked(&bench, is_merge), 1);
    assert_eq!(bench.engine.waiting(2), [WaitReason::Merge { tasks: vec![task("A"), task("B")] }]);
    bench.restart();
    bench.runner_up("CG-1", "");
    bench.says("CG-1", Idle, "");
    bench.report(Report::Listed);
    let Some(Command::MergeHeads { heads, branch, .. }) = bench.done.iter().find(|one| is_merge(one)) else {
        panic!("it is asked for again")
    };
    assert_eq!(
        (heads.as_slice(), branch.as_str()),
        (&["c-A.1".to_owned(), "c-B.1".to_owned()][..], "miyabi/run-1/_base/C")
    );
    merged(&mut bench, Some("C"), "m");
    assert_eq!((order(&bench).attempt, order(&bench).start), (attempt("C.1"), "m".to_owned()));
    assert_eq!(bench.engine.state().base_of(&task("C")), Some("m"));
    merged(&mut bench, Some("C"), "late");
    assert_eq!(bench.engine.state().merges().len(), 1);
}

fn in_conflict(by: ConflictsGo) -> Bench {
    let tasks = [("A", "CG-1", ""), ("B", "CG-1", ""), ("C", "CG-1", "A B")];
    let mut sketch = with_runners(plan(&["CG-1", "CCG-1"], &tasks));
    sketch.git.conflicts = by;
    let mut bench = Bench::begun(on_git(sketch));
    does(&mut bench, "CG-1", "A.1");
    does(&mut bench, "CG-1", "B.1");
    conflict(&mut bench, Some("C"), "c-A.1", "c-B.1");
    bench
}

#[test]
fn a_conflict_becomes_a_task_and_its_dependent_begins_from_what_it_leaves() {
    let mut bench = in_conflict(ConflictsGo::Agent);
    let made = order(&bench);
    assert_eq!((made.attempt, made.agent), (attempt("Merge-C.1"), agent("CCG-1")));
    assert_eq!((made.start.as_str(), made.merge.as_deref()), ("c-A.1", Some("c-B.1")));
    assert!(bench.queue().tasks.iter().any(|task| task.task_id == "Merge-C"));
    assert!(
        bench.done.iter().any(|one| matches!(one, Command::WriteQueue { .. })),
        "the queue is sent whole"
    );
    assert_eq!(bench.engine.waiting(2), [WaitReason::Need { tasks: vec![task("Merge-C")] }]);
    let prompt = &bench.engine.state().opening.plan.task(&task("Merge-C")).expect("it is planned").prompt;
    for word in ["A (A), commit c-A.1", "B (B), commit c-B.1", "`a.txt`", "<<<<<<<"] {
        assert!(prompt.contains(word), "{word} in {prompt}");
    }
    let attempt = attempt("Merge-C.1");
    let conflicts = vec!["a.txt".to_owned()];
    bench.report(Report::TreeMade { attempt, folder: "/trees/m".to_owned(), conflicts });
    assert_eq!(bench.sheet().tree.as_ref().map(|tree| tree.conflicts.len()), Some(1));
    bench.works("CCG-1", "Merge-C.1");
    bench.evidence("Merge-C.1", proof("Merge-C.1"));
    assert_eq!(order(&bench).start, "c-Merge-C.1");
    does(&mut bench, "CG-1", "C.1");
    bench.restart();
    assert_eq!(bench.engine.state().tasks.len(), 4, "what was added is there after a restart");
}

#[test]
fn a_person_may_resolve_a_conflict_by_a_commit_and_is_waited_for() {
    let mut bench = in_conflict(ConflictsGo::Person);
    assert_eq!(bench.engine.waiting(3), [WaitReason::Approval]);
    assert_eq!(bench.engine.state().conflicts().count(), 1);
    bench.pass(3_600);
    assert_eq!(bench.phase(), RunPhase::Running, "a person has all the time of the world");
    let take = |revision: &str| Order::TakeCommit { task: task("Merge-C"), revision: revision.to_owned() };
    bench.order(take("")).expect_err("no commit");
    bench.order(take("mine")).expect("fits");
    assert!(
        bench.done.iter().any(|one| matches!(one, Command::TakeCommit { holds, .. } if holds.len() == 2))
    );
    let outcome = MergeOutcome::Failed { message: "it lacks c-B.1".to_owned() };
    bench.report(Report::Merged { task: Some(task("Merge-C")), outcome });
    assert_eq!(bench.standing("Merge-C"), Standing::Waiting);
    assert!(
        bench.has(|fact| matches!(fact, Fact::Noted { detail, .. } if detail.contains("it lacks c-B.1")))
    );
    bench.order(take("mine")).expect("fits");
    merged(&mut bench, Some("Merge-C"), "by-hand");
    assert_eq!(bench.engine.state().result_of(&task("Merge-C")), Some("by-hand"));
    assert_eq!(order(&bench).start, "by-hand");
}

#[test]
fn a_person_may_resolve_a_conflict_when_the_run_has_ended_because_of_it() {
    let mut bench = in_conflict(ConflictsGo::Agent);
    for number in 1..=3 {
        let attempt = attempt(&format!("Merge-C.{number}"));
        bench.report(Report::TreeProblem { attempt, message: "the disk is full".to_owned() });
        bench.pass(3_600);
    }
    assert_eq!(bench.phase(), RunPhase::Failed);
    bench.order(Order::TakeCommit { task: task("Merge-C"), revision: "mine".to_owned() }).expect("fits");
    assert!(bench.done.iter().any(|one| matches!(one, Command::TakeCommit { .. })), "it is looked at");
    merged(&mut bench, Some("Merge-C"), "by-hand");
    assert_eq!((bench.phase(), order(&bench).start.as_str()), (RunPhase::Running, "by-hand"));
}

#[test]
fn a_conflict_in_the_result_is_resolved_before_the_run_ends() {
    let mut bench = here(&["CG-1"], &[("A", "CG-1", ""), ("B", "CG-1", "")]);
    does(&mut bench, "CG-1", "A.1");
    does(&mut bench, "CG-1", "B.1");
    conflict(&mut bench, None, "c-A.1", "c-B.1");
    does(&mut bench, "CG-1", "Merge-Result.1");
    let heads = bench.done.iter().find_map(|one| match one {
        Command::MergeHeads { heads, task: None, .. } => Some(heads.len()),
        _ => None,
    });
    assert_eq!(heads, Some(3), "all results; those that another one holds add nothing");
    merged(&mut bench, None, "all");
    assert_eq!(bench.phase(), RunPhase::Completed);
}

#[test]
fn a_merge_that_is_not_possible_is_tried_again_and_then_a_person_is_told() {
    let mut bench = here(&["CG-1"], &[("A", "CG-1", "")]);
    does(&mut bench, "CG-1", "A.1");
    for _ in 0..3 {
        assert_eq!(bench.phase(), RunPhase::Running);
        assert_eq!(asked(&bench, is_merge), 1);
        let outcome = MergeOutcome::Failed { message: "the disk is full".to_owned() };
        bench.report(Report::Merged { task: None, outcome });
        bench.pass(10);
    }
    assert_eq!(bench.phase(), RunPhase::Stuck);
    bench.order(Order::VerifyAgain).expect("a person made room");
    merged(&mut bench, None, "all");
    assert_eq!(bench.phase(), RunPhase::Completed);
}

#[test]
fn work_of_a_host_counts_once_it_is_here_and_what_a_host_begins_from_is_there_first() {
    let mut bench = spread_out();
    let [first] = bench.carried.as_slice() else { panic!("{:?}", bench.carried) };
    assert_eq!((first.way, first.commit.as_str()), (CarriageWay::There, "base"));
    carried(&mut bench, None);
    assert_eq!(order(&bench).repository, RepositoryAt::Store("store".to_owned()));
    let mugen = there("MUGEN");
    tree_made(&mut bench, &mugen, "A.1");
    takes_at(&mut bench, &mugen, "CG-1", "A.1");
    bench.report_at(&mugen, status("CG-1", Completed, "A.1"));
    bench.report_at(&mugen, Report::Evidence { attempt: attempt("A.1"), report: proof("A.1") });
    assert_eq!(bench.standing("A"), Standing::Active, "its work is not here yet");
    assert_eq!(bench.carried[0].way, CarriageWay::Here);
    // The host is lost in the middle of it: nothing fails, and it is looked at and carried again.
    let late = bench.carried[0].clone();
    lose(&mut bench, "MUGEN");
    bench.event(Event::Carried { carriage: late, problem: None });
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.report_at(&mugen, status("CG-1", Completed, "A.1"));
    bench.report_at(&mugen, Report::Listed);
    assert!(bench.wanted().contains(&"check A.1".to_owned()));
    bench.report_at(&mugen, Report::Evidence { attempt: attempt("A.1"), report: proof("A.1") });
    carried(&mut bench, Some("the disk is full"));
    assert_eq!(bench.standing("A"), Standing::Active);
    bench.pass(15);
    carried(&mut bench, None);
    assert_eq!(bench.standing("A"), Standing::Completed);
    assert_eq!(order(&bench).start, "c-A.1", "B begins from it");
}

#[test]
fn a_plans_own_programs_are_found_in_the_tree_of_a_host_that_has_nothing_else() {
    let mut sketch = spread(&["CG-1@MUGEN"], &[("A", "CG-1", "")]);
    let run = |program: &str| Check::command(vec![program.to_owned()], 5);
    sketch.tasks[0].acceptance = vec![run("./check.sh"), run("pytest")];
    sketch.git.setup = vec![run("./setup.sh")];
    let opening = RunOpening { plan_dir: format!("{WORK}/plan"), ..on_git(sketch) };
    let mut bench = Bench::open(opening);
    for site in [there("MUGEN"), there("MAJIN"), Site::Here] {
        reach(&mut bench, &site);
    }
    carried(&mut bench, None);
    assert_eq!(order(&bench).setup[0].run, ["./plan/setup.sh"], "its folder is not known yet");
    tree_made(&mut bench, &there("MUGEN"), "A.1");
    let sheet = bench.sheet();
    let programs: Vec<&str> = sheet.acceptance.iter().map(|check| check.run[0].as_str()).collect();
    assert_eq!(programs, ["/trees/A.1/plan/check.sh", "pytest"]);
    let RunnerSpec::Command { environment, .. } = &sheet.runner else { panic!("a command") };
    assert_eq!(environment["MIYABI_PLAN_DIR"], "/trees/A.1/plan");
}

#[test]
fn what_an_attempt_left_goes_with_the_task_to_its_next_agent() {
    let mut bench = spread_out();
    carried(&mut bench, None);
    let mugen = there("MUGEN");
    tree_made(&mut bench, &mugen, "A.1");
    takes_at(&mut bench, &mugen, "CG-1", "A.1");
    let packet = Some("Half of it is done.".to_owned());
    let give = Order::Reassign {
        task: task("A"),
        agent: agent("CG-2"),
        stop_running: true,
        across_kinds: false,
        packet,
    };
    bench.order(give).expect("fits");
    assert_eq!(asked(&bench, is_keep), 1);
    assert_eq!(bench.engine.waiting(0), [WaitReason::HandOver { host: host_id("MUGEN") }]);
    bench.restart();
    reach(&mut bench, &Site::Here);
    bench.report_at(&mugen, status("CG-1", InProgress, "A.1"));
    bench.report_at(&mugen, Report::Listed);
    assert_eq!(asked(&bench, is_keep), 1, "asked for again");
    bench.report_at(&mugen, Report::WorkKept { attempt: attempt("A.1"), commit: Some("half".to_owned()) });
    assert_eq!(bench.task("A").attempts.len(), 1, "it is not here yet");
    carried(&mut bench, None);
    assert_eq!((order(&bench).attempt, order(&bench).start), (attempt("A.2"), "half".to_owned()));
    tree_made(&mut bench, &Site::Here, "A.2");
    assert_eq!(
        bench.sheet().tree.as_ref().map(|tree| tree.base.as_str()),
        Some("base"),
        "all of it is its work"
    );
    assert!(bench.sheet().prompt.contains("Half of it is done."), "{}", bench.sheet().prompt);
}

#[test]
fn nobody_waits_for_the_work_on_a_host_that_was_given_up() {
    let mut bench = spread_out();
    carried(&mut bench, None);
    tree_made(&mut bench, &there("MUGEN"), "A.1");
    takes_at(&mut bench, &there("MUGEN"), "CG-1", "A.1");
    lose(&mut bench, "MUGEN");
    bench.order(Order::GiveUpHost(host_id("MUGEN"))).expect("fits");
    assert_eq!((order(&bench).attempt, order(&bench).start), (attempt("A.2"), "base".to_owned()));
    bench.report_at(&there("MUGEN"), Report::Listed);
    assert_eq!(asked(&bench, is_keep), 1, "and yet it is kept when the host is back");
}

#[test]
fn two_that_touch_the_same_file_are_told_of_once_and_again_when_there_are_more() {
    let mut bench = here(&["CG-1", "CG-2"], &[("A", "CG-1", ""), ("B", "CG-2", "")]);
    for (id, of) in [("CG-1", "A.1"), ("CG-2", "B.1")] {
        tree_made(&mut bench, &Site::Here, of);
        bench.takes(id, of);
    }
    assert!(bench.done.iter().any(|one| matches!(one, Command::LookAtTrees { trees } if trees.len() == 2)));
    bench.pass(10);
    assert!(bench.done.iter().any(|one| matches!(one, Command::LookAtTrees { .. })), "and every 10 s");
    let touches = |bench: &mut Bench, of: &str, files: &[&str]| {
        let files = files.iter().map(|file| (*file).to_owned()).collect();
        bench.report(Report::Touched { attempt: attempt(of), files });
    };
    let seen =
        |bench: &Bench| bench.facts().iter().filter(|fact| matches!(fact, Fact::OverlapSeen { .. })).count();
    touches(&mut bench, "A.1", &["a", "b"]);
    touches(&mut bench, "B.1", &["c"]);
    assert_eq!(seen(&bench), 0);
    touches(&mut bench, "B.1", &["b", "c"]);
    touches(&mut bench, "B.1", &["b", "c"]);
    assert_eq!(seen(&bench), 1);
    touches(&mut bench, "A.1", &["a", "b", "c"]);
    assert_eq!(seen(&bench), 2);
    let (pair, files) = bench.engine.state().overlaps().next().expect("a pair");
    assert_eq!((pair, files.len()), (&[attempt("A.1"), attempt("B.1")][..], 2));
}
