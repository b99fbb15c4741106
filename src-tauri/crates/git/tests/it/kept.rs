//! What finished runs left is listed, and removed where nothing is lost with it.

use miyabi_git::Tree;
use miyabi_protocol::KeptTree;

use crate::common::{Attempt, Place, RUN, git, write};

fn list(place: &Place, keep: &[&str]) -> Vec<KeptTree> {
    let keep: Vec<String> = keep.iter().map(|name| (*name).to_owned()).collect();
    place.hub.kept_trees(&place.trees(), &keep).expect("listed")
}

fn of(place: &Place, attempt: &Attempt, keep: &[&str]) -> KeptTree {
    let all = list(place, keep);
    all.into_iter().find(|tree| tree.branch == attempt.at.branch).expect("listed")
}

#[test]
fn trees_and_branches_are_listed_with_their_sizes() {
    let place = Place::with(&[]);
    let attempt = place.tree("Task-1");
    attempt.write("big 大", vec![7_u8; 300 * 1024]);
    attempt.commit();
    place.hub.set_branch(&format!("miyabi/{RUN}/_base/Task-2"), &place.base).expect("set");
    let trees = list(&place, &[]);
    assert_eq!(trees.len(), 2);
    let (first, base) = (&trees[0], &trees[1]);
    assert_eq!(
        (first.run_id.as_str(), first.task.as_ref().map(ToString::to_string)),
        (RUN, Some("Task-1".into()))
    );
    assert_eq!(first.folder.as_deref(), Some(attempt.at.folder.as_str()));
    assert!((300..600).contains(&first.size_kib) && first.at.is_some(), "{first:?}");
    assert!(first.unmerged.as_ref().is_some_and(|why| why.contains("merged into no result")));
    assert_eq!((base.folder.as_ref(), base.size_kib, base.unmerged.as_ref()), (None, 0, None));
}

#[test]
fn work_that_is_nowhere_else_stays() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    let commit = attempt.commit().commit;
    let tree = of(&place, &attempt, &[]);
    let refused = place.hub.remove_kept(&tree, &[]).expect_err("not merged").message;
    assert!(refused.contains("merged into no result"), "{refused}");
    place.hub.set_branch(&format!("miyabi/{RUN}/_result"), &commit).expect("set");
    attempt.write("later", "x");
    let tree = of(&place, &attempt, &[]);
    assert!(tree.unmerged.as_ref().is_some_and(|why| why.contains("later in its folder is not committed")));
    // What was listed before does not count: it is looked at again.
    let refused = place.hub.remove_kept(&KeptTree { unmerged: None, ..tree }, &[]);
    assert!(refused.is_err() && attempt.folder().join("later").exists());
    std::fs::remove_file(attempt.folder().join("later")).expect("removed");
    attempt.git(&["checkout", "--quiet", "--detach"]);
    attempt.write("own", "x");
    crate::common::commit_all(attempt.folder(), "on no branch");
    let why = of(&place, &attempt, &[]).unmerged;
    assert!(why.as_ref().is_some_and(|why| why.contains("on no branch")), "{why:?}");
}

#[test]
fn what_is_merged_goes_with_its_folder_and_branch() {
    let place = Place::with(&[("a", "1\n")]);
    let (one, two) = (place.tree("Task-1"), place.tree("Task-2"));
    one.write("one", "x");
    one.write("__pycache__/x.pyc", "x");
    two.write("two", "x");
    let (first, second) = (one.commit().commit, two.commit().commit);
    let (result, _) = place.clean(&[&first, &second]);
    place.hub.set_branch(&format!("miyabi/{RUN}/_result"), &result).expect("set");
    for attempt in [&one, &two] {
        let tree = of(&place, attempt, &[]);
        assert_eq!(tree.unmerged, None);
        place.hub.remove_kept(&tree, &[]).expect("removed");
        assert!(!attempt.folder().exists());
        place.hub.remove_kept(&tree, &[]).expect("gone already");
    }
    assert!(!place.trees().join(RUN).exists() && place.trees().exists());
    assert_eq!(git(place.top(), &["worktree", "list"]).lines().count(), 1);
    let left = list(&place, &[]);
    assert_eq!(left.len(), 1);
    // The result is kept until it is in a branch of the person's, whatever else would hold it.
    let named = format!("miyabi/{RUN}/_result");
    assert!(left[0].unmerged.as_ref().is_some_and(|why| why.contains("no branch of yours")));
    assert!(place.hub.remove_kept(&left[0], std::slice::from_ref(&named)).is_err());
    git(place.top(), &["merge", "--quiet", "--no-edit", &named]);
    place.hub.remove_kept(&list(&place, &[])[0], &[]).expect("removed");
    assert!(list(&place, &[]).is_empty());
    place.check(&[first, second]);
}

#[test]
fn commits_that_are_named_hold_work_of_a_store() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "2\n");
    let commit = attempt.commit().commit;
    assert_eq!(of(&place, &attempt, &[&commit, &"f".repeat(40), "nowhere"]).unmerged, None);
    std::fs::remove_dir_all(attempt.folder()).expect("gone");
    let tree = of(&place, &attempt, &[&commit]);
    assert_eq!((tree.folder.as_ref(), tree.unmerged.as_ref()), (None, None));
    place.hub.remove_kept(&tree, &[commit]).expect("removed");
    assert!(list(&place, &[]).is_empty());
}

#[test]
fn folders_of_others_are_neither_listed_nor_removed() {
    let (place, other) = (Place::with(&[]), Place::with(&[]));
    let theirs = other.tree("Task-1");
    let tree = of(&other, &theirs, &[]);
    assert!(place.hub.kept_trees(&other.trees(), &[]).expect("listed").is_empty());
    assert!(place.hub.remove_kept(&tree, &[]).is_err());
    write(place.dir.path(), "mine/x", "x");
    let mine = place.dir.path().join("mine").to_string_lossy().into_owned();
    let branch = "main".to_owned();
    let forged = KeptTree { folder: Some(mine), branch, ..tree.clone() };
    assert!(place.hub.remove_kept(&forged, &[]).is_err());
    assert!(place.dir.path().join("mine/x").exists() && theirs.folder().exists());
    place.hub.remove_kept(&KeptTree { folder: None, ..forged }, &[]).expect("nothing of ours");
    assert_eq!(git(place.top(), &["rev-parse", "main"]), place.base);
}

#[test]
fn what_was_copied_into_a_tree_and_what_checks_left_keeps_nothing_from_going() {
    let place = Place::with(&[("a", "1\n")]);
    let attempt = place.tree("Task-1");
    Tree::at(attempt.folder()).leave_out(&[".env".to_owned()]).expect("told");
    attempt.write(".env", "SECRET=1");
    attempt.write("made", "x");
    let commit = attempt.commit().commit;
    place.hub.set_branch(&format!("miyabi/{RUN}/_result"), &commit).expect("set");
    let verified = place.trees().join(RUN).join("_result");
    Tree::check_out(&place.hub, &verified, &commit).expect("checked out");
    std::fs::write(verified.join("junit.xml"), "<testsuites/>").expect("written");
    let kept = list(&place, &[]);
    let folders: Vec<_> = kept.iter().filter(|tree| tree.folder.is_some()).collect();
    assert_eq!(folders.len(), 2, "{kept:?}");
    for tree in folders {
        assert_eq!(tree.unmerged, None, "{tree:?}");
        place.hub.remove_kept(tree, &[]).expect("removed");
    }
    assert!(!verified.exists() && !attempt.folder().exists());
}

#[test]
fn what_nothing_holds_any_more_gives_its_room_back_after_a_day() {
    let place = Place::with(&[]);
    let forgotten = |task: &str| {
        let attempt = place.tree(task);
        attempt.write("big", task.repeat(10_000));
        let commit = attempt.commit().commit;
        git(place.top(), &["worktree", "remove", "--force", &attempt.at.folder]);
        git(place.top(), &["branch", "--quiet", "-D", &attempt.at.branch]);
        commit
    };
    let stays = place.work("Task-1", &[("small", "x")]);
    let old = forgotten("Task-2");
    let aged = ["-type", "f", "-exec", "touch", "-d", "2 days ago", "{}", "+"];
    let aged = crate::common::program("find").arg(place.top().join(".git/objects")).args(aged).status();
    assert!(aged.expect("find").success());
    let young = forgotten("Task-3");

    place.hub.collect_garbage().expect("done");
    let is_there =
        |commit: &str| crate::common::try_git(place.top(), &["cat-file", "-e", commit]).status.success();
    assert!(!is_there(&old));
    assert!(is_there(&young), "it may be a part of what is just being made");
    place.check(&[stays]);
}
