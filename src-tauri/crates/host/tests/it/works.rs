//! Work on git, with a real repository: trees, commits, merges, looks and the verification.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use miyabi_plan::git::{attempt_branch, result_branch};
use miyabi_plan::{AttemptId, Check, Expect, HostId, TestSource};
use miyabi_protocol::link::{Command, Report, VerifiedWork};
use miyabi_protocol::opening::state_home;
use miyabi_protocol::{
    CheckResult, CopiedFile, EvidenceReport, MergeOutcome, RepositoryAt, RunnerSpec, Signature, TreeAt,
    TreeLook, TreeOrder,
};

use crate::common::{Helper, Place, agent, attempt};

/// A place with a repository in its work folder.
pub(crate) struct Hub {
    pub(crate) place: Place,
    /// The first commit, on `main`.
    pub(crate) base: String,
}

impl Hub {
    pub(crate) fn new() -> Self {
        let mut place = Place::new();
        let kept = place.path("kept").to_string_lossy().into_owned();
        place.more_environment.push(("XDG_STATE_HOME".to_owned(), kept));
        let mut hub = Self { place, base: String::new() };
        hub.git(&["init", "--quiet", "--initial-branch=main"]);
        fs::write(hub.place.work().join("README.md"), "one\ntwo\nthree\n").expect("written");
        fs::write(hub.place.work().join(".gitignore"), "conf/\n").expect("written");
        hub.base = hub.commit("Begin");
        hub
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.git_in(&self.place.work(), args)
    }

    pub(crate) fn git_in(&self, folder: &Path, args: &[&str]) -> String {
        let folder = folder.to_string_lossy();
        let mut all = vec!["-C", &folder, "-c", "user.name=Me", "-c", "user.email=me@here"];
        all.extend(args);
        self.place.run("git", &all).trim().to_owned()
    }

    pub(crate) fn commit(&self, subject: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", subject]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A commit on a side branch in which this file says this; `main` is checked out afterwards.
    fn side(&self, branch: &str, file: &str, text: &str) -> String {
        self.git(&["checkout", "--quiet", "-b", branch, "main"]);
        fs::write(self.place.work().join(file), text).expect("written");
        let commit = self.commit(branch);
        self.git(&["checkout", "--quiet", "main"]);
        commit
    }

    pub(crate) fn at(&self) -> RepositoryAt {
        RepositoryAt::Path(self.place.work().to_string_lossy().into_owned())
    }

    /// Where helpers keep what outlives a run.
    pub(crate) fn state_home(&self) -> PathBuf {
        state_home(Some(&self.place.path("kept")), &self.place.path("home"))
    }

    /// The one folder of caches.
    fn cache(&self) -> PathBuf {
        let mut folders = fs::read_dir(self.state_home().join("caches")).expect("caches");
        folders.next().expect("one").expect("readable").path()
    }

    fn order(&self, of: &str) -> TreeOrder {
        let of = attempt(of);
        TreeOrder {
            run_id: self.place.run_id(),
            branch: attempt_branch(&self.place.run_id(), &of.task, of.number),
            attempt: of,
            agent: agent("CG-1"),
            repository: self.at(),
            start: self.base.clone(),
            merge: None,
            folder: None,
            copies: Vec::new(),
            setup: Vec::new(),
            environment: BTreeMap::new(),
        }
    }

    fn tree_at(&self, order: &TreeOrder, folder: &Path) -> TreeAt {
        TreeAt {
            repository: self.at(),
            folder: folder.to_string_lossy().into_owned(),
            branch: order.branch.clone(),
            base: self.base.clone(),
            conflicts: Vec::new(),
        }
    }

    fn signature(&self, of: &AttemptId) -> Signature {
        Signature {
            run_id: self.place.run_id(),
            attempt: of.clone(),
            agent: agent("CG-1"),
            host: HostId::new("local").expect("a host"),
            subject: format!("{}: what was left", of.task),
        }
    }
}

async fn made(helper: &mut Helper, order: &TreeOrder) -> PathBuf {
    helper.send(&Command::MakeTree { order: Box::new(order.clone()) });
    until_made(helper, &order.attempt).await
}

async fn until_made(helper: &mut Helper, of: &AttemptId) -> PathBuf {
    helper
        .until("a tree", |report| match report {
            Report::TreeMade { attempt, folder, .. } if attempt == of => Some(PathBuf::from(folder)),
            Report::TreeProblem { message, .. } => panic!("{message}"),
            _ => None,
        })
        .await
}

fn shell(script: &str) -> Check {
    Check::command(["sh", "-c", script].map(str::to_owned).to_vec(), 20)
}

#[tokio::test]
async fn a_tree_is_made_ready_once_and_told_of_again_whoever_goes_on_in_it() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let mut order = hub.order("Task-1.1");
    order.copies =
        vec![CopiedFile { path: "conf/.env".to_owned(), content: "S0VZPTE=".to_owned(), executable: false }];
    order.environment = [("MIYABI_PORT_FIRST", "4100"), ("MIYABI_PORT_COUNT", "10")]
        .map(|(n, v)| (n.into(), v.into()))
        .into();
    let told = "printf '%s\\n' \"$MIYABI_TREE\" \"$MIYABI_BRANCH\" \"$MIYABI_PORT_FIRST\" \"$MIYABI_PORT_COUNT\" \
                \"$(cat conf/.env)\" >> \"$MIYABI_CACHE_DIR/seen\"";
    order.setup = vec![shell(told)];
    let folder = made(&mut helper, &order).await;
    assert_eq!(folder, hub.state_home().join("trees").join(hub.place.run_id()).join("Task-1-1"));
    assert_eq!(hub.git_in(&folder, &["rev-parse", "HEAD"]), hub.base);
    let seen = || fs::read_to_string(hub.cache().join("seen")).expect("seen");
    let once = format!("{}\n{}\n4100\n10\nKEY=1\n", folder.display(), order.branch);
    assert_eq!(seen(), once);

    assert_eq!(made(&mut helper, &order).await, folder);
    let mut later = hub.order("Task-1.2");
    later.setup = order.setup.clone();
    later.folder = Some(folder.to_string_lossy().into_owned());
    assert_eq!(made(&mut helper, &later).await, folder, "a later attempt goes on in it");
    assert_eq!(hub.git_in(&folder, &["branch", "--show-current"]), later.branch);
    assert_eq!(seen(), once, "it is ready already");

    let branches = vec![order.branch.clone(), later.branch.clone()];
    helper.send(&Command::RemoveTrees { repository: hub.at(), branches, keep: vec!["main".to_owned()] });
    let left = helper
        .until("what is left", |report| match report {
            Report::Trees { trees, problem, .. } => Some((trees.clone(), problem.clone())),
            _ => None,
        })
        .await;
    assert_eq!(left, (Vec::new(), None));
    assert_eq!(made(&mut helper, &order).await, folder);
    assert_eq!(seen(), format!("{once}{once}"), "a tree that is new is made ready");
}

#[tokio::test]
async fn an_order_that_comes_again_while_its_tree_is_made_ready_starts_nothing() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let go = hub.place.path("go").to_string_lossy().into_owned();
    hub.place.run("mkfifo", &[&go]);
    let mut order = hub.order("Task-1.1");
    order.setup = vec![shell(&format!("echo begun >> \"$MIYABI_CACHE_DIR/seen\"; read x < {go}"))];
    for _ in 0..3 {
        helper.send(&Command::MakeTree { order: Box::new(order.clone()) });
    }
    // By the time that a tree which was ordered after them stands, whatever they start has begun.
    made(&mut helper, &hub.order("Task-2.1")).await;
    made(&mut helper, &hub.order("Task-3.1")).await;
    // Opened both ways, it waits for nobody, and holds what is written until it is read.
    let mut gate = fs::File::options().read(true).write(true).open(&go).expect("a gate");
    gate.write_all(b"on\n").expect("it goes on");
    let folder = until_made(&mut helper, &order.attempt).await;
    assert_eq!(made(&mut helper, &order).await, folder, "a later order is answered");
    assert_eq!(fs::read_to_string(hub.cache().join("seen")).expect("seen"), "begun\n");
}

#[tokio::test]
async fn a_command_that_fails_is_told_and_done_again_with_the_next_order() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let mut order = hub.order("Task-1.1");
    order.setup = vec![shell("test -e \"$MIYABI_CACHE_DIR/there\" || { echo not there >&2; exit 4; }")];
    helper.send(&Command::MakeTree { order: Box::new(order.clone()) });
    let message = helper
        .until("a problem", |report| match report {
            Report::TreeProblem { attempt, message } if *attempt == order.attempt => Some(message.clone()),
            Report::TreeMade { .. } => panic!("it is not ready"),
            _ => None,
        })
        .await;
    assert!(message.contains("exit code 4") && message.ends_with("not there"), "{message}");
    fs::write(hub.cache().join("there"), "").expect("written");
    made(&mut helper, &order).await;
}

#[tokio::test]
async fn a_claims_work_is_committed_before_its_acceptance_runs_in_the_tree() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let mut order = hub.order("Task-1.1");
    order.copies =
        vec![CopiedFile { path: ".env".to_owned(), content: "S0VZPTE=".to_owned(), executable: false }];
    let folder = made(&mut helper, &order).await;
    fs::write(folder.join("made.txt"), "made\n").expect("written");
    let mut sheet = hub.place.sheet("CG-1", "Task-1.1", "exit 0");
    sheet.work_folder = Some(folder.to_string_lossy().into_owned());
    sheet.tree = Some(hub.tree_at(&order, &folder));
    sheet.outputs = vec!["made.txt".to_owned()];
    let script =
        "git diff HEAD; git ls-files; echo in $PWD; echo cache $MIYABI_CACHE_DIR; echo left > after.txt";
    sheet.acceptance = vec![shell(script)];
    if let RunnerSpec::Command { environment, .. } = &mut sheet.runner {
        environment.insert("MIYABI_BRANCH".to_owned(), order.branch.clone());
    }
    let report = evidence(&mut helper, &sheet).await;
    let tail = &report.checks.first().expect("it ran").tail;
    assert_eq!(
        *tail,
        format!(
            ".gitignore\nREADME.md\nmade.txt\nin {}\ncache {}\n",
            folder.display(),
            hub.cache().display()
        )
    );
    assert!(report.holds(), "{report:#?}");
    let work = report.work.expect("committed");
    let files: Vec<_> = work.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["made.txt"]);
    assert_eq!(hub.git(&["rev-parse", &order.branch]), work.commit);
    let text = hub.git(&["log", "-1", "--format=%B", &order.branch]);
    let run = hub.place.run_id();
    let expected = format!(
        "Task-1: A task\n\nMiyabi-Run: {run}\nMiyabi-Task: Task-1\nMiyabi-Attempt: 1\nMiyabi-Agent: CG-1\n\
         Miyabi-Host: local"
    );
    assert_eq!(text, expected);
}

async fn evidence(helper: &mut Helper, sheet: &miyabi_protocol::AttemptSheet) -> EvidenceReport {
    helper.send(&Command::CheckEvidence { sheet: Box::new(sheet.clone()), baseline: None });
    helper
        .until("evidence", |report| match report {
            Report::Evidence { attempt, report } if *attempt == sheet.attempt => Some(report.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn what_a_stopped_attempt_left_is_kept_also_when_that_fails_at_first() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let order = hub.order("Task-1.1");
    let folder = made(&mut helper, &order).await;
    fs::write(folder.join("half.txt"), "half\n").expect("written");
    let keep =
        Command::KeepWork { tree: hub.tree_at(&order, &folder), signature: hub.signature(&order.attempt) };
    fs::rename(folder.join(".git"), hub.place.path("tie")).expect("moved");
    helper.send(&keep);
    let problem = helper
        .until("a problem", |report| match report {
            Report::StateProblem { message } => Some(message.clone()),
            Report::WorkKept { commit, .. } => panic!("{commit:?} was told"),
            _ => None,
        })
        .await;
    assert!(problem.contains("Task-1.1"), "{problem}");
    fs::rename(hub.place.path("tie"), folder.join(".git")).expect("moved back");
    let commit = kept(&mut helper).await.expect("a commit");
    assert_eq!(hub.git(&["show", &format!("{commit}:half.txt")]), "half");
    assert_eq!(hub.git(&["rev-parse", &order.branch]), commit);

    fs::remove_dir_all(&folder).expect("removed");
    helper.send(&keep);
    assert_eq!(kept(&mut helper).await, Some(commit), "what is committed outlives its folder");
    hub.git(&["worktree", "prune"]);
    hub.git(&["branch", "--quiet", "-D", &order.branch]);
    helper.send(&keep);
    assert_eq!(kept(&mut helper).await, None, "nothing is left");
}

#[tokio::test]
async fn a_folder_that_is_no_work_tree_any_more_is_left_aside_and_what_is_committed_is_told() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let order = hub.order("Task-1.1");
    let folder = made(&mut helper, &order).await;
    fs::write(folder.join("own.txt"), "committed\n").expect("written");
    hub.git_in(&folder, &["add", "--all"]);
    hub.git_in(&folder, &["commit", "--quiet", "-m", "the agent's"]);
    let own = hub.git(&["rev-parse", &order.branch]);
    fs::write(folder.join("half.txt"), "half\n").expect("written");
    fs::remove_file(folder.join(".git")).expect("removed");
    hub.git_in(&folder, &["init", "--quiet"]);
    helper.send(&Command::KeepWork {
        tree: hub.tree_at(&order, &folder),
        signature: hub.signature(&order.attempt),
    });
    let place = folder.display().to_string();
    helper
        .until("where the files are", |report| match report {
            Report::StateProblem { message } => {
                (message.contains(&place) && message.contains("The files stay there")).then_some(())
            }
            Report::WorkKept { commit, .. } => panic!("{commit:?} was told first"),
            _ => None,
        })
        .await;
    assert_eq!(kept(&mut helper).await, Some(own.clone()));
    let mut next = hub.order("Task-1.2");
    (next.start, next.folder) = (own, Some(place));
    let later = made(&mut helper, &next).await;
    assert_eq!(fs::read_to_string(later.join("own.txt")).expect("read"), "committed\n");
    let aside = folder.with_file_name("Task-1-1.kept-1");
    assert_eq!(fs::read_to_string(aside.join("half.txt")).expect("read"), "half\n");
}

async fn kept(helper: &mut Helper) -> Option<String> {
    helper
        .until("what was kept", |report| match report {
            Report::WorkKept { commit, .. } => Some(commit.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn heads_are_merged_or_their_conflict_is_told() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let one = hub.side("one", "a.txt", "a\n");
    let two = hub.side("two", "b.txt", "b\n");
    let other = hub.side("other", "a.txt", "not a\n");
    let branch = result_branch(&hub.place.run_id());
    let heads = vec![one.clone(), two.clone()];
    let MergeOutcome::Clean { commit, .. } = merged(&mut helper, &hub, heads, &branch).await else {
        panic!("no conflict between two files");
    };
    assert_eq!(hub.git(&["rev-parse", &branch]), commit);
    assert_eq!(hub.git(&["ls-tree", "--name-only", &branch]), ".gitignore\nREADME.md\na.txt\nb.txt");
    assert_eq!(hub.git(&["status", "--porcelain", "--branch"]), "## main", "nothing is checked out");

    let outcome = merged(&mut helper, &hub, vec![one.clone(), other.clone()], &branch).await;
    let files = vec!["a.txt".to_owned()];
    assert_eq!(outcome, MergeOutcome::Conflict { ours: one, theirs: other, files });
    assert_eq!(hub.git(&["rev-parse", &branch]), commit, "the branch stays");
}

async fn merged(helper: &mut Helper, hub: &Hub, heads: Vec<String>, branch: &str) -> MergeOutcome {
    helper.send(&Command::MergeHeads {
        task: None,
        repository: hub.at(),
        heads,
        branch: branch.to_owned(),
        subject: "All of it".to_owned(),
    });
    helper
        .until("a merge", |report| match report {
            Report::Merged { task: None, outcome } => Some(outcome.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_commit_is_verified_with_numbers_and_tests_one_verification_after_the_other() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let number = Check {
        expect: Expect::Number { at_least: Some(2.0), at_most: Some(3.0) },
        ..shell("echo 12 lines; wc -l < README.md")
    };
    let junit = "mkdir out; echo '<testsuite name=\"s\"><testcase name=\"good\"/><testcase name=\"bad\">\
                 <failure message=\"why\"/></testcase></testsuite>' > out/junit.xml";
    let source = TestSource::Junit { file: "out/junit.xml".to_owned() };
    let tests = Check { expect: Expect::Tests { source, passed: None }, ..shell(junit) };
    // A second one at the same time would find the folder in its way.
    let alone = "echo $MIYABI_BRANCH in $MIYABI_TREE; mkdir \"$MIYABI_CACHE_DIR/busy\" && sleep 0.3 && \
                 rmdir \"$MIYABI_CACHE_DIR/busy\"";
    let commit = hub.base.clone();
    let work = VerifiedWork::Commit { run_id: hub.place.run_id(), repository: hub.at(), commit };
    let checks = vec![number, tests, shell(alone)];
    for _ in 0..2 {
        let (work, checks) = (work.clone(), checks.clone());
        helper.send(&Command::Verify { work, checks, environment: BTreeMap::new() });
    }
    for _ in 0..2 {
        let results = verified(&mut helper).await;
        let [number, tests, alone] = results.as_slice() else { panic!("{results:#?}") };
        assert!(number.passed && number.number == Some(3.0), "{number:#?}");
        assert_eq!(number.expected, "2 to 3");
        assert!(!tests.passed && tests.ended == "1 of 2 tests failed", "{tests:#?}");
        assert_eq!(tests.tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>(), ["good", "bad"]);
        assert!(alone.passed, "{alone:#?}");
        let run = hub.place.run_id();
        let folder = hub.state_home().join("trees").join(&run).join("_result");
        assert_eq!(alone.tail, format!("{} in {}\n", result_branch(&run), folder.display()));
    }
}

async fn verified(helper: &mut Helper) -> Vec<CheckResult> {
    helper
        .until("a verification", |report| match report {
            Report::Verified { checks, problem: None } => Some(checks.clone()),
            Report::Verified { problem: Some(problem), .. } => panic!("{problem}"),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn what_a_tree_touched_is_told_once() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let (first, second) = (hub.order("Task-1.1"), hub.order("Task-2.1"));
    let mut looks = Vec::new();
    for order in [&first, &second] {
        let folder = made(&mut helper, order).await;
        fs::write(folder.join("new.txt"), "new\n").expect("written");
        let folder = folder.to_string_lossy().into_owned();
        let (attempt, base) = (order.attempt.clone(), hub.base.clone());
        looks.push(TreeLook { attempt, folder, base, is_asked: false });
    }
    helper.send(&Command::LookAtTrees { trees: looks.clone() });
    let new = vec!["new.txt".to_owned()];
    assert_eq!(touched(&mut helper).await, (first.attempt.clone(), new.clone()));
    assert_eq!(touched(&mut helper).await, (second.attempt.clone(), new));
    fs::write(Path::new(&looks[1].folder).join("README.md"), "other\n").expect("written");
    helper.send(&Command::LookAtTrees { trees: looks.clone() });
    let both = vec!["README.md".to_owned(), "new.txt".to_owned()];
    assert_eq!(touched(&mut helper).await, (second.attempt, both.clone()), "nothing is new in the first");
    let asked = TreeLook { is_asked: true, ..looks[1].clone() };
    helper.send(&Command::LookAtTrees { trees: vec![asked] });
    let again = touched(&mut helper).await;
    assert_eq!(again, (looks[1].attempt.clone(), both), "whoever asks is answered");
}

async fn touched(helper: &mut Helper) -> (AttemptId, Vec<String>) {
    helper
        .until("what was touched", |report| match report {
            Report::Touched { attempt, files } => Some((attempt.clone(), files.clone())),
            _ => None,
        })
        .await
}
