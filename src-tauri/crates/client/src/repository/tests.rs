//! Real repositories in every state in which a run may find one.

use std::fs;
use std::process::Command;

use miyabi_plan::{NamedText, PlanText};
use tempfile::TempDir;

use super::*;

struct Place {
    base: TempDir,
    ground: Ground,
}

#[expect(clippy::disallowed_methods, reason = "tests start git")]
fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org", "-C"])
        .arg(folder)
        .args(args)
        .output()
        .expect("git");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A folder with one file; the plan lies beside it.
fn folder() -> Place {
    let base = tempfile::tempdir().expect("folder");
    let at = |name: &str| base.path().join(name);
    fs::create_dir(at("my work")).expect("folder");
    fs::write(at("my work/a.txt"), "a\n").expect("file");
    let ground = Ground { work_folder: at("my work"), plan_folder: at("plan"), state_dir: at("state") };
    Place { base, ground }
}

/// The same as a repository with one commit.
fn repository() -> Place {
    let place = folder();
    let work = &place.ground.work_folder;
    git(work, &["init", "--quiet", "--initial-branch=main"]);
    git(work, &["add", "."]);
    git(work, &["commit", "--quiet", "--message=one"]);
    place
}

impl Place {
    fn work(&self) -> &Path {
        &self.ground.work_folder
    }

    fn write(&self, file: &str) {
        let path = self.work().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        fs::write(path, "new\n").expect("file");
    }

    fn environment(&self) -> Environment {
        let [state_home, runtime_dir] = ["home", "run"].map(|name| self.base.path().join(name));
        Environment {
            state_home,
            runtime_dir,
            miyabi: PathBuf::new(),
            miyabi_host: PathBuf::new(),
            path: Vec::new(),
        }
    }

    /// What a start with this plan's word about git makes of the place.
    fn start(&self, git: &str, stash: bool) -> Result<Option<RunGit>, ApiError> {
        let plan = plan(git);
        let found = look(&self.environment(), &plan, &self.ground, stash)?;
        found.map(|found| found.prepare(&plan, &self.ground)).transpose()
    }

    fn refused(&self, git: &str) -> ApiError {
        let told = obstacles(&self.environment(), &plan(git), &self.ground);
        let error = self.start(git, false).expect_err("refused");
        assert!(told.len() == 1 && told[0].starts_with(&error.message), "told before the start: {told:?}");
        assert!(!error.hints.is_empty(), "{error:?}");
        error
    }
}

fn plan(git: &str) -> Plan {
    let dag = format!(
        r#"{{"name":"p",{git}"tasks":[{{"id":"A","title":"a","prompt":"p","agent":"X-1","estimated_seconds":5}}]}}"#
    );
    let text = PlanText { tasks: Some(NamedText::new("task_dag.json", dag)), ..PlanText::default() };
    let read = miyabi_plan::read(&text);
    read.plan.unwrap_or_else(|| panic!("{:?}", read.findings))
}

#[test]
fn a_clean_repository_is_begun_on_where_it_stands_and_left_as_it_is() {
    let place = repository();
    let git_of = place.start("", false).expect("no obstacle").expect("on git");
    assert_eq!(git_of.base, git(place.work(), &["rev-parse", "HEAD"]));
    assert_eq!((git_of.base_branch.as_deref(), git_of.stashed), (Some("main"), None));
    assert_eq!(git_of.repository, place.work().display().to_string());
    assert!(!git_of.store.is_empty());
    assert_eq!(place.start(r#""git": false,"#, false).expect("no obstacle"), None);
    git(place.work(), &["checkout", "--quiet", "--detach"]);
    let detached = place.start("", false).expect("no obstacle").expect("on git");
    assert_eq!(detached.base_branch, None);
}

#[test]
fn a_folder_that_is_none_becomes_one_only_where_the_plan_says_so() {
    let place = folder();
    assert_eq!(place.start("", false).expect("no obstacle"), None);
    assert!(!place.work().join(".git").exists());
    assert!(obstacles(&place.environment(), &plan(r#""git": true,"#), &place.ground).is_empty());
    let made = place.start(r#""git": true,"#, false).expect("made").expect("on git");
    assert_eq!(git(place.work(), &["ls-tree", "--name-only", &made.base]), "a.txt");
    assert_eq!(place.start("", false).expect("no obstacle").map(|git| git.base), Some(made.base));
}

#[test]
fn a_repository_without_a_commit_gets_one_only_where_the_plan_says_so() {
    let place = folder();
    git(place.work(), &["init", "--quiet"]);
    let error = place.refused("");
    assert!(error.message.contains("has no commit to begin from"), "{error:?}");
    assert!(error.hints[1].contains("\"git\": true"), "{error:?}");
    assert!(place.start(r#""git": true,"#, false).expect("made").is_some());
}

#[test]
fn what_is_not_committed_is_named_or_put_aside_by_choice() {
    let place = repository();
    for nth in 0..11 {
        place.write(&format!("日本 {nth:02}.txt"));
    }
    fs::write(place.work().join("a.txt"), "changed\n").expect("file");
    let error = place.refused("");
    assert_eq!(error.code, ErrorCode::Conflict);
    assert!(error.message.contains("12 files are not committed") && error.message.contains("日本 00.txt"));
    assert!(error.message.contains("a.txt") && error.message.ends_with("and 2 more"), "{error:?}");
    assert!(error.hints[0].contains("--stash"), "{error:?}");

    let put = place.start("", true).expect("put aside").expect("on git");
    assert_eq!(git(place.work(), &["status", "--porcelain"]), "");
    let hint = put_aside(&put).expect("it says how to get it back");
    let name = put.stashed.expect("a name");
    assert!(hint.contains(&name), "{hint}");
    git(place.work(), &["stash", "apply", &name]);
    assert_eq!(fs::read_to_string(place.work().join("a.txt")).expect("read"), "changed\n");
    assert!(place.work().join("日本 10.txt").exists());
}

#[test]
fn the_plans_own_files_and_ours_make_nothing_dirty() {
    let mut place = repository();
    place.ground.plan_folder = place.work().join("plans/one");
    place.ground.state_dir = place.work().join("state");
    for file in
        ["plans/one/task_dag.json", "plans/one/bin/go", ".miyabi/report.html", "state/orchestrator.log"]
    {
        place.write(file);
    }
    assert!(place.start("", false).expect("no obstacle").is_some());
    place.write("plans/another.txt");
    assert!(place.refused("").message.contains("1 file is not committed"));
    let error = place.start("", true).expect_err("the plan would go, too");
    assert!(error.message.contains("plans/one/bin/go"), "{error:?}");

    let mut at_top = repository();
    at_top.ground.plan_folder = at_top.work().to_owned();
    at_top.write("task_dag.json");
    assert!(at_top.start("", false).expect("no obstacle").is_some());
    at_top.write("more.json");
    assert!(at_top.refused("").message.ends_with(": more.json"));
}

#[test]
fn in_the_midst_of_a_merge_nothing_begins() {
    let place = repository();
    let work = place.work();
    git(work, &["checkout", "--quiet", "-b", "other"]);
    place.write("b.txt");
    git(work, &["add", "."]);
    git(work, &["commit", "--quiet", "--message=two"]);
    git(work, &["checkout", "--quiet", "main"]);
    git(work, &["merge", "--quiet", "--no-ff", "--no-commit", "other"]);
    assert!(place.refused("").message.ends_with("is in the midst of a merge"));
}
