//! Work trees: made, made again, gone on in.

use std::os::unix::fs::PermissionsExt as _;

use miyabi_git::Tree;

use crate::common::{Place, RUN, git, read, write};

#[test]
fn making_a_tree_again_changes_nothing() {
    let place = Place::with(&[("a", "1\n")]);
    let first = place.tree("Task-1");
    first.write("a", "not committed\n");
    let again = place.tree("Task-1");
    assert_eq!(again.tree, first.tree);
    assert_eq!(read(again.folder(), "a"), "not committed\n");
    let mode = std::fs::metadata(first.folder()).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let above = std::fs::metadata(place.trees()).expect("a folder").permissions().mode();
    assert_eq!(above & 0o777, 0o700);
    assert_eq!(git(place.top(), &["status", "--porcelain"]), "");
}

#[test]
fn a_folder_that_is_gone_is_made_anew_on_the_branch_as_it_stands() {
    let place = Place::with(&[]);
    let first = place.tree("Task-1");
    first.write("work", "x");
    let kept = first.commit().commit;
    std::fs::remove_dir_all(first.folder()).expect("gone");
    let again = place.tree("Task-1");
    assert_eq!(again.git(&["rev-parse", "HEAD"]), kept);
    assert_eq!(read(again.folder(), "work"), "x");
}

#[test]
fn a_tree_made_by_half_is_made_anew() {
    let place = Place::with(&[("a", "1\n"), ("b", "2\n")]);
    let folder = place.trees().join(RUN).join("Task-1-1");
    let words = ["worktree", "add", "--quiet", "--no-checkout", "-b"];
    let branch = format!("miyabi/{RUN}/Task-1/1");
    let path = folder.to_string_lossy().into_owned();
    git(place.top(), &[words.as_slice(), &[branch.as_str(), path.as_str(), "HEAD"]].concat());
    write(&folder, "a", "half");
    let own = git(&folder, &["rev-parse", "--absolute-git-dir"]);
    std::fs::write(std::path::Path::new(&own).join("locked"), "initializing").expect("written");
    std::fs::write(std::path::Path::new(&own).join("index.lock"), "").expect("written");
    let made = place.tree("Task-1");
    assert_eq!((read(&folder, "a"), read(&folder, "b")), ("1\n".to_owned(), "2\n".to_owned()));
    assert_eq!(made.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_lies_in_the_way_is_put_beside_it() {
    let place = Place::with(&[]);
    let folder = place.trees().join(RUN).join("Task-1-1");
    write(&folder, "somebody's", "work");
    let made = place.tree("Task-1");
    assert!(!made.folder().join("somebody's").exists());
    assert_eq!(read(&folder.with_file_name("Task-1-1.kept-1"), "somebody's"), "work");
}

#[test]
fn a_branch_that_must_move_leaves_nothing_behind() {
    let place = Place::with(&[]);
    let old = place.work("Task-9", &[("old", "x")]);
    git(place.top(), &["update-ref", &format!("refs/heads/miyabi/{RUN}/Task-1/1"), &old]);
    git(place.top(), &["update-ref", "-d", &format!("refs/heads/miyabi/{RUN}/Task-9/1")]);
    let start = place.work("Task-2", &[("start", "x")]);
    let made = place.attempt("Task-1", 1, &start);
    assert_eq!(made.git(&["rev-parse", "HEAD"]), start);
    place.check(&[old, start]);
}

#[test]
fn a_later_attempt_goes_on_in_the_folder_and_loses_nothing() {
    let place = Place::with(&[("a", "1\n")]);
    let first = place.tree("Task-1");
    first.write("a", "first\n");
    let kept = first.commit().commit;
    first.write("late", "written after the commit\n");
    first.write("ignored/cache", "x");
    write(first.folder(), ".venv/bin/python", "x");
    let second = place.attempt_in(first.folder(), "Task-1", 2, &kept);
    assert_eq!(second.git(&["symbolic-ref", "--short", "HEAD"]), second.at.branch);
    assert_eq!(second.git(&["rev-parse", "HEAD"]), kept);
    assert_eq!(first.kept("late"), "written after the commit");
    // A late word about the first attempt takes nothing of the second one's work.
    second.write("a", "second\n");
    let late = first.commit();
    assert_eq!(first.kept("a"), "first");
    assert_eq!(second.commit().files.len(), 1);
    assert_eq!(second.kept("a"), "second");
    assert_eq!(second.git(&["rev-parse", &first.at.branch]), late.commit);
    place.check(&[kept, late.commit]);
}

#[test]
fn a_tree_for_a_verification_is_fresh_each_time() {
    let place = Place::with(&[("a", "1\n")]);
    let two = place.work("Task-1", &[("b", "2\n")]);
    let folder = place.trees().join(RUN).join("verify 検証");
    let tree = Tree::check_out(&place.hub, &folder, &place.base).expect("checked out");
    write(&folder, "left", "behind");
    assert!(!folder.join("b").exists());
    let tree = Tree::check_out(&place.hub, tree.folder(), &two).expect("checked out again");
    assert!(folder.join("b").exists() && !folder.join("left").exists());
    tree.discard(&place.hub).expect("removed");
    assert!(!folder.exists());
    assert_eq!(git(place.top(), &["worktree", "list"]).lines().count(), 2);
}

#[test]
fn merging_into_a_tree_leaves_both_sides_and_is_idempotent() {
    let place = Place::with(&[("a", "1\n"), ("b", "1\n")]);
    let ours = place.work("Task-1", &[("a", "ours\n")]);
    let theirs = place.work("Task-2", &[("a", "theirs\n"), ("b", "theirs\n")]);
    let mut merge = place.attempt("Merge-Task-3", 1, &ours);
    merge.at.conflicts = merge.tree.merge(&theirs).expect("merged");
    assert_eq!(merge.at.conflicts, ["a"]);
    assert_eq!(merge.tree.merge(&theirs).expect("again"), ["a"]);
    assert!(read(merge.folder(), "a").contains("<<<<<<< HEAD"));
    // Nothing was resolved: the work is kept, and told to be unresolved.
    let work = merge.commit();
    assert_eq!(work.unresolved, ["a"]);
    assert!(place.hub.holds(&work.commit, &[ours.clone(), theirs.clone()]).expect("told"));
    // The next attempt begins there, and knows the same file again.
    let mut next = place.attempt("Merge-Task-3", 2, &work.commit);
    next.at.conflicts = next.tree.merge(&theirs).expect("merged already");
    assert_eq!(next.at.conflicts, ["a"]);
    next.write("a", "both\n");
    let work = next.commit();
    assert!(work.unresolved.is_empty() && next.kept("a") == "both" && next.kept("b") == "theirs");
    assert_eq!(next.commit(), work);
}

#[test]
fn an_agent_may_conclude_the_merge_itself() {
    let place = Place::with(&[("a", "1\n")]);
    let ours = place.work("Task-1", &[("a", "ours\n")]);
    let theirs = place.work("Task-2", &[("a", "theirs\n")]);
    let mut merge = place.attempt("Merge-Task-3", 1, &ours);
    merge.at.conflicts = merge.tree.merge(&theirs).expect("merged");
    merge.write("a", "both\n");
    merge.git(&["commit", "--quiet", "-a", "-m", "both"]);
    let work = merge.commit();
    assert_eq!(work.commit, merge.git(&["rev-parse", "HEAD"]));
    assert!(work.unresolved.is_empty());
    assert!(place.hub.holds(&work.commit, &[ours, theirs]).expect("told"));
}

#[test]
fn many_trees_are_made_and_committed_at_once() {
    let files: Vec<(String, String)> = (0..50).map(|at| (format!("d/{at}"), format!("{at}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let place = Place::with(&files);
    for round in 1..4 {
        let commits: Vec<String> = std::thread::scope(|scope| {
            let work = |at: u32| {
                let place = &place;
                scope.spawn(move || {
                    let attempt = place.attempt(&format!("Task-{at}"), round, &place.base);
                    attempt.write(&format!("of {at}"), "x");
                    attempt.tree.touched(&place.base).expect("looked at");
                    attempt.commit().commit
                })
            };
            let all: Vec<_> = (0..12).map(work).collect();
            all.into_iter().map(|one| one.join().expect("done")).collect()
        });
        place.check(&commits);
    }
}

#[test]
fn a_tie_that_was_turned_elsewhere_is_noticed() {
    let (place, other) = (Place::with(&[]), Place::with(&[]));
    let (mine, theirs) = (place.tree("Task-1"), other.tree("Task-1"));
    let tie = read(theirs.folder(), ".git");
    mine.write(".git", tie);
    mine.write("work", "x");
    let error = mine.tree.commit(&mine.at, &mine.signature).expect_err("not its repository").message;
    assert!(error.contains("no work tree of this run"), "{error}");
    assert_eq!(theirs.git(&["rev-parse", "HEAD"]), other.base);
}

#[test]
fn a_repository_with_tables_of_branches_has_trees_too() {
    let dir = tempfile::tempdir().expect("a folder");
    if !crate::common::try_git(dir.path(), &["init", "--quiet", "--ref-format=reftable"]).status.success() {
        // A git that knows no such tables.
        return;
    }
    write(dir.path(), "a", "1\n");
    let base = crate::common::commit_all(dir.path(), "Begin");
    let hub = miyabi_git::Repository::open(dir.path()).expect("a repository");
    let rooms = tempfile::tempdir().expect("a folder");
    let place = Place { dir: rooms, hub, base };
    let attempt = place.tree("Task-1");
    attempt.write("b", "x");
    let one = attempt.commit();
    let other = place.work("Task-2", &[("c", "x")]);
    let (merged, _) = place.clean(&[&one.commit, &other]);
    place.hub.set_branch(&format!("miyabi/{RUN}/_result"), &merged).expect("set");
    for tree in place.hub.kept_trees(&place.trees(), &[]).expect("listed") {
        assert_eq!(tree.unmerged.is_none(), !tree.branch.ends_with("/_result"), "{tree:?}");
        let _stays = place.hub.remove_kept(&tree, &[]);
    }
    place.check(&[one.commit, other]);
}

#[test]
fn a_tie_without_its_other_end_is_made_anew() {
    let place = Place::with(&[("a", "1\n")]);
    let folder = place.trees().join(RUN).join("Task-1-1");
    let nowhere = place.top().join(".git/worktrees/gone");
    write(&folder, ".git", format!("gitdir: {}\n", nowhere.display()));
    let made = place.tree("Task-1");
    assert_eq!(read(made.folder(), "a"), "1\n");
    assert!(!folder.with_file_name("Task-1-1.kept-1").exists());
    // With work in the folder it is put aside whole.
    write(&folder, ".git", format!("gitdir: {}\n", nowhere.display()));
    write(&folder, "work", "x");
    place.tree("Task-1");
    assert_eq!(read(&folder.with_file_name("Task-1-1.kept-1"), "work"), "x");
}
