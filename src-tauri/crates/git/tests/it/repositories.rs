//! Repositories that are found and made.

use miyabi_git::Repository;

use crate::common::{Place, git, try_git, write};

#[test]
fn a_folder_becomes_a_repository_with_all_that_is_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), ".gitignore", "secret\n");
    write(dir.path(), "secret", "x");
    write(dir.path(), "docs/読む.md", "x");
    assert!(!Repository::is_top(dir.path()) && Repository::open(dir.path()).is_err());
    let made = Repository::init(dir.path()).expect("made");
    let listed = git(dir.path(), &["-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(listed, ".gitignore\ndocs/読む.md");
    let state = made.state().expect("a state");
    assert!(state.dirty.is_empty() && state.branch.is_some(), "{state:?}");
    assert_eq!(Repository::init(dir.path()).expect("again").state().expect("a state"), state);
}

#[test]
fn an_empty_folder_and_an_unborn_branch_get_a_first_commit() {
    let dir = tempfile::tempdir().expect("a folder");
    git(dir.path(), &["init", "--quiet", "-b", "trunk"]);
    let found = Repository::open(dir.path()).expect("found");
    let state = found.state().expect("a state");
    assert_eq!((state.head.clone(), state.branch.as_deref()), (None, Some("trunk")));
    assert!(found.commit_of("HEAD").is_err());
    let state = Repository::init(dir.path()).expect("made").state().expect("a state");
    assert!(state.head.is_some() && state.branch.as_deref() == Some("trunk"));
}

#[test]
fn a_folder_inside_a_repository_is_not_its_top() {
    let place = Place::with(&[("a/b", "x")]);
    let inner = place.top().join("a");
    assert!(Repository::is_top(place.top()) && !Repository::is_top(&inner));
    let error = Repository::open(&inner).expect_err("no repository of its own").message;
    assert!(error.contains("Name the top folder"), "{error}");
    Repository::init(&inner).expect("made, for it was asked for");
    assert!(Repository::is_top(&inner) && Repository::is_top(place.top()));
}

#[test]
fn a_store_is_made_once_and_has_a_name_of_its_own() {
    let place = Place::with(&[]);
    let path = place.dir.path().join("state home/repositories/x.git");
    let store = Repository::store(&path).expect("made");
    git(place.top(), &["push", "--quiet", &path.to_string_lossy(), "HEAD:refs/heads/miyabi/r/T/1"]);
    assert_eq!(Repository::store(&path).expect("found"), store);
    assert_eq!(store.commit_of("miyabi/r/T/1").expect("there"), place.base);
    let name = place.hub.store_name();
    assert!(name.starts_with("arepo-") && name.is_ascii(), "{name}");
    assert_ne!(name, store.store_name());
    assert_eq!(name, Repository::open(place.top()).expect("again").store_name());
}

#[test]
fn a_store_made_by_half_is_completed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("x.git");
    std::fs::create_dir_all(path.join("objects")).expect("a half");
    let store = Repository::store(&path).expect("completed");
    assert!(try_git(store.path(), &["rev-parse", "--is-bare-repository"]).status.success());
}

#[test]
fn the_state_names_what_is_not_committed_and_the_stash_gives_it_back() {
    let place = Place::with(&[("kept", "1\n"), (".gitignore", "out/\n")]);
    write(place.top(), "kept", "2\n");
    write(place.top(), "新しい ファイル", "x");
    write(place.top(), "out/ignored", "x");
    write(place.top(), "__pycache__/a.pyc", "x");
    assert_eq!(place.hub.state().expect("a state").dirty, ["kept", "新しい ファイル"]);
    let stashed = place.hub.stash("before the run").expect("put aside");
    let state = place.hub.state().expect("a state");
    assert!(state.dirty.is_empty() && state.head == Some(place.base.clone()));
    git(place.top(), &["stash", "apply", "--quiet", &stashed]);
    assert_eq!(place.hub.state().expect("a state").dirty, ["kept", "新しい ファイル"]);
}

#[test]
fn what_was_put_aside_is_not_taken_by_an_agent() {
    let place = Place::with(&[("a", "1\n")]);
    write(place.top(), "a", "older\n");
    git(place.top(), &["stash", "push", "--quiet", "-m", "older"]);
    let older = git(place.top(), &["rev-parse", "refs/stash"]);
    write(place.top(), "a", "mine\n");
    let stashed = place.hub.stash("before the run").expect("put aside");
    assert!(stashed.starts_with("refs/miyabi/stash/"), "{stashed}");
    assert_eq!(
        git(place.top(), &["stash", "list", "--format=%H"]),
        older,
        "the person's own list is as it was"
    );
    git(place.top(), &["stash", "drop", "--quiet"]);
    let attempt = place.tree("Task-1");
    assert!(!try_git(attempt.folder(), &["stash", "pop"]).status.success(), "there is nothing to pop");
    git(place.top(), &["gc", "--quiet", "--prune=now"]);
    git(place.top(), &["stash", "apply", "--quiet", &stashed]);
    assert_eq!(std::fs::read_to_string(place.top().join("a")).expect("read"), "mine\n");
}

#[test]
fn nothing_to_put_aside_is_said() {
    let place = Place::with(&[("a", "1")]);
    assert!(place.hub.stash("none").expect_err("nothing").message.contains("nothing to put aside"));
}

#[test]
fn a_detached_head_and_things_in_the_midst_are_told() {
    let place = Place::with(&[("a", "1\n")]);
    git(place.top(), &["checkout", "--quiet", "-b", "other"]);
    write(place.top(), "a", "2\n");
    crate::common::commit_all(place.top(), "two");
    git(place.top(), &["checkout", "--quiet", "--detach", "main"]);
    assert_eq!(place.hub.state().expect("a state").branch, None);
    write(place.top(), "a", "3\n");
    crate::common::commit_all(place.top(), "three");
    for (command, word) in [("merge", "a merge"), ("cherry-pick", "a cherry-pick"), ("rebase", "a rebase")] {
        assert!(!try_git(place.top(), &[command, "other"]).status.success(), "{command} conflicts");
        let state = place.hub.state().expect("a state");
        assert_eq!(state.in_the_midst_of.as_deref(), Some(word));
        assert_eq!(state.dirty, ["a"]);
        git(place.top(), &[command, "--abort"]);
    }
    git(place.top(), &["bisect", "start"]);
    assert_eq!(place.hub.state().expect("a state").in_the_midst_of.as_deref(), Some("a bisect"));
}

#[test]
fn revisions_and_branches_that_are_options_are_refused() {
    let place = Place::with(&[]);
    for odd in ["--all", "-1", "", "a\nb", "^HEAD", "nowhere"] {
        assert!(place.hub.commit_of(odd).is_err(), "{odd}");
    }
    for odd in ["main", "--all", "miyabi/a b", "miyabi/../main", "miyabi/x.lock"] {
        assert!(place.hub.set_branch(odd, "HEAD").is_err(), "{odd}");
    }
    place.hub.set_branch("miyabi/r/_result", "HEAD").expect("set");
    assert_eq!(place.hub.commit_of("miyabi/r/_result").expect("there"), place.base);
    assert!(place.hub.holds("main", &["miyabi/r/_result".to_owned()]).expect("told"));
}
