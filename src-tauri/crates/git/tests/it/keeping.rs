//! What an attempt did is committed, whatever state its tree is in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::common::{Place, git, paths, read, try_git, write};

#[test]
fn everything_is_committed_with_who_did_it() {
    let place = Place::with(&[("a", "1\n"), ("gone", "x"), (".gitignore", "out/\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    attempt.write("新しい フォルダ/改\n行.txt", "new\n");
    attempt.write("out/ignored", "x");
    attempt.write("pkg/__pycache__/m.pyc", "x");
    attempt.write(".DS_Store", "x");
    fs::remove_file(attempt.folder().join("gone")).expect("removed");
    attempt.write("run.sh", "#!/bin/sh\n");
    let run = attempt.folder().join("run.sh");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).expect("executable");
    let work = attempt.commit();
    assert_eq!(paths(&work), ["a", "gone", "run.sh", "新しい フォルダ/改\n行.txt"]);
    assert_eq!((work.branch.as_str(), work.base.as_str()), (attempt.at.branch.as_str(), place.base.as_str()));
    assert!(attempt.git(&["ls-tree", "HEAD", "run.sh"]).starts_with("100755"));
    let trailers = attempt.git(&["show", "-s", "--format=%s%n%(trailers:only,unfold)", "HEAD"]);
    assert_eq!(
        trailers.trim(),
        "Work of Task-1\nMiyabi-Run: 20261123-020000-4f2a\nMiyabi-Task: Task-1\nMiyabi-Attempt: 1\n\
         Miyabi-Agent: CG-1\nMiyabi-Host: MUGEN"
    );
    assert_eq!(attempt.commit(), work);
    assert_eq!(git(place.top(), &["rev-parse", "main"]), place.base);
}

#[test]
fn no_change_is_no_commit() {
    let place = Place::with(&[("a", "1\n")]);
    let work = place.tree("Task-1").commit();
    assert_eq!((work.commit, work.files.len()), (place.base.clone(), 0));
}

#[test]
fn a_cache_that_is_tracked_stays_as_it_is() {
    let place = Place::with(&[("__pycache__/kept.pyc", "1")]);
    let attempt = place.tree("Task-1");
    attempt.write("__pycache__/kept.pyc", "2");
    assert!(attempt.commit().files.is_empty());
    assert_eq!(attempt.kept("__pycache__/kept.pyc"), "1");
    assert_eq!(attempt.tree.touched(&place.base).expect("looked at"), Vec::<String>::new());
}

#[test]
fn an_agents_own_commits_stay() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    attempt.git(&["commit", "--quiet", "-am", "the agent's"]);
    let own = attempt.git(&["rev-parse", "HEAD"]);
    assert_eq!(attempt.commit().commit, own);
    attempt.write("b", "x");
    let work = attempt.commit();
    assert!(place.hub.holds(&work.commit, &[own]).expect("told"));
    assert_eq!(paths(&work), ["a", "b"]);
}

#[test]
fn work_on_another_branch_or_none_ends_on_the_attempts_own() {
    let place = Place::with(&[("a", "1\n")]);
    for (task, words) in [
        ("Task-1", &["checkout", "--quiet", "-b", "feature"][..]),
        ("Task-2", &["checkout", "--quiet", "--detach"]),
        ("Task-3", &["checkout", "--quiet", "--orphan", "nothing"]),
    ] {
        let attempt = place.tree(task);
        attempt.write("first", "on the branch\n");
        attempt.git(&["add", "-A"]);
        attempt.git(&["commit", "--quiet", "-m", "first"]);
        let first = attempt.git(&["rev-parse", "HEAD"]);
        attempt.git(words);
        attempt.write("second", "elsewhere\n");
        attempt.git(&["add", "-A"]);
        attempt.git(&["commit", "--quiet", "-m", "second"]);
        let second = attempt.git(&["rev-parse", "HEAD"]);
        attempt.write("third", "not committed\n");
        let work = attempt.commit();
        assert_eq!(paths(&work), ["first", "second", "third"], "{task}");
        assert_eq!(attempt.git(&["symbolic-ref", "--short", "HEAD"]), attempt.at.branch);
        assert_eq!(attempt.git(&["status", "--porcelain"]), "");
        assert!(place.hub.holds(&work.commit, &[first, second, place.base.clone()]).expect("told"));
        place.check(&[work.commit]);
    }
}

#[test]
fn commits_that_were_left_for_another_place_are_held() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("first", "x");
    let first = attempt.commit().commit;
    attempt.git(&["checkout", "--quiet", "--detach", &place.base]);
    attempt.write("second", "x");
    let work = attempt.commit();
    assert_eq!(paths(&work), ["second"]);
    assert!(place.hub.holds(&work.commit, &[first]).expect("told"));
}

#[test]
fn a_branch_that_the_agent_removed_is_there_again() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    attempt.git(&["checkout", "--quiet", "--detach"]);
    attempt.git(&["branch", "--quiet", "-D", &attempt.at.branch]);
    assert_eq!(paths(&attempt.commit()), ["a"]);
    assert_eq!(attempt.kept("a"), "2");
}

#[test]
fn a_rebase_in_the_midst_loses_nothing() {
    let place = Place::with(&[("a", "1\n")]);
    let other = place.work("Task-2", &[("a", "other\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "mine\n");
    attempt.git(&["commit", "--quiet", "-am", "mine"]);
    let mine = attempt.git(&["rev-parse", "HEAD"]);
    attempt.write("b", "autostashed\n");
    attempt.git(&["add", "b"]);
    let rebase = try_git(attempt.folder(), &["rebase", "--quiet", "--autostash", &other]);
    assert!(!rebase.status.success(), "it conflicts");
    let work = attempt.commit();
    assert_eq!(work.unresolved, ["a"]);
    assert!(place.hub.holds(&work.commit, &[mine]).expect("told"));
    assert_eq!(attempt.git(&["status", "--porcelain"]), "");
    let kept = git(place.top(), &["for-each-ref", "--format=%(objectname)", "refs/heads/miyabi/*/_kept/*"]);
    assert_eq!(git(place.top(), &["show", &format!("{kept}:b")]), "autostashed");
}

#[test]
fn a_repository_begun_within_is_kept_as_files() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("empty repo/x", "in one without commits\n");
    attempt.git(&["init", "--quiet", "empty repo"]);
    attempt.write("作業/.gitignore", "ignored\n");
    attempt.write("作業/y", "in one with a commit\n");
    attempt.write("作業/ignored", "x");
    attempt.git(&["init", "--quiet", "作業"]);
    let inner = attempt.folder().join("作業");
    crate::common::commit_all(&inner, "inner");
    write(&inner, "deeper/z", "in one within that\n");
    git(&inner, &["init", "--quiet", "deeper"]);
    attempt.write("linked/w", "in one that was added\n");
    attempt.git(&["init", "--quiet", "linked"]);
    crate::common::commit_all(&attempt.folder().join("linked"), "linked");
    attempt.git(&["add", "linked"]);
    let work = attempt.commit();
    assert_eq!(paths(&work), ["empty repo/x", "linked/w", "作業/.gitignore", "作業/deeper/z", "作業/y"]);
    assert!(attempt.folder().join("作業/.git").is_dir(), "its own history is left to it");
    write(&inner, "later", "x");
    fs::remove_file(inner.join("y")).expect("removed");
    let work = attempt.commit();
    assert!(paths(&work).contains(&"作業/later") && !paths(&work).contains(&"作業/y"), "{work:?}");
}

#[test]
fn a_lock_that_a_killed_git_left_is_no_hindrance() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    let own = attempt.git(&["rev-parse", "--absolute-git-dir"]);
    let lock = place.top().join(".git/refs/heads").join(format!("{}.lock", attempt.at.branch));
    for lock in [Path::new(&own).join("index.lock"), lock] {
        let file = fs::File::create(&lock).expect("a lock");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).expect("an old one");
    }
    assert_eq!(paths(&attempt.commit()), ["a"]);
}

#[test]
fn a_file_in_another_encoding_than_named_is_kept_as_it_is() {
    let attributes = "*.rc text working-tree-encoding=UTF-16 eol=CRLF\n";
    let place = Place::with(&[(".gitattributes", attributes), ("gone", "x"), ("deep", "a file\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("out.rc", "not UTF-16\n");
    attempt.write("作業/other one.rc", "nor is this\n");
    attempt.write("b.txt", "b\n");
    attempt.write("z.pyc", "x");
    fs::remove_file(attempt.folder().join("gone")).expect("removed");
    fs::remove_file(attempt.folder().join("deep")).expect("removed");
    attempt.write("deep/file", "in a folder now\n");
    let work = attempt.commit();
    assert_eq!(paths(&work), ["b.txt", "deep", "deep/file", "gone", "out.rc", "作業/other one.rc"]);
    assert_eq!(attempt.kept("out.rc"), "not UTF-16");
    assert_eq!(attempt.kept("作業/other one.rc"), "nor is this");
    assert_eq!(attempt.commit(), work, "doing it again adds nothing");
    // A later attempt finds it in the encoding that it should have.
    let later = place.attempt("Task-1", 2, &work.commit);
    let text = fs::read(later.folder().join("out.rc")).expect("read");
    assert!(text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff"), "{text:?}");
}

#[test]
fn a_tree_without_its_tie_is_an_error_with_a_remedy() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    fs::remove_file(attempt.folder().join(".git")).expect("removed");
    // Whatever lies around it is not taken for its repository.
    git(place.dir.path(), &["init", "--quiet"]);
    let error = attempt.tree.commit(&attempt.at, &attempt.signature).expect_err("no tree").message;
    assert!(error.contains("worktree repair"), "{error}");
    assert!(attempt.tree.touched(&place.base).is_err());
    assert_eq!(git(place.dir.path(), &["status", "--porcelain", "--untracked-files=no"]), "");
    assert_eq!(place.hub.branch_commit(&attempt.at.branch).expect("told"), Some(place.base.clone()));
    assert_eq!(place.hub.branch_commit("miyabi/none").expect("told"), None);
    git(place.top(), &["worktree", "repair"]);
    assert_eq!(paths(&attempt.commit()), ["a"]);
}

#[test]
fn copied_files_are_not_committed() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.tree.leave_out(&[".env".to_owned(), "conf/秘密 [1].txt".to_owned()]).expect("told");
    attempt.write(".env", "TOKEN=x");
    attempt.write("conf/秘密 [1].txt", "x");
    attempt.write("conf/other", "x");
    assert_eq!(attempt.tree.touched(&place.base).expect("looked at"), ["conf/other"]);
    assert_eq!(paths(&attempt.commit()), ["conf/other"]);
    assert_eq!(read(attempt.folder(), ".env"), "TOKEN=x");
}

#[test]
fn an_index_that_is_gone_is_no_hindrance() {
    let place = Place::with(&[("a", "1\n"), ("b", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    let own = attempt.git(&["rev-parse", "--absolute-git-dir"]);
    fs::remove_file(Path::new(&own).join("index")).expect("removed");
    assert_eq!(paths(&attempt.commit()), ["a"]);
}
