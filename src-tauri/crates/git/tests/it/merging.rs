//! Commits that are merged without a work tree.

use miyabi_protocol::MergeOutcome;

use crate::common::{Place, git, program, write};

#[test]
fn the_same_heads_give_the_same_commit_and_the_checkout_stays() {
    let place = Place::with(&[("shared", "1\n2\n3\n4\n5\n6\n7\n")]);
    let one = place.work("Task-1", &[("one", "x"), ("shared", "A\n2\n3\n4\n5\n6\n7\n")]);
    let two = place.work("Task-2", &[("two", "x"), ("shared", "1\n2\n3\n4\n5\n6\nB\n")]);
    let head = git(place.top(), &["rev-parse", "HEAD"]);
    let (commit, tree) = place.clean(&[&one, &two]);
    assert_eq!(place.clean(&[&one, &two]), (commit.clone(), tree.clone()));
    assert_eq!(place.clean(&[&two, &one]).1, tree);
    assert_eq!(git(place.top(), &["show", &format!("{commit}:shared")]), "A\n2\n3\n4\n5\n6\nB");
    let who = git(place.top(), &["show", "-s", "--format=%an <%ae> %cn %s", &commit]);
    assert_eq!(who, "Miyabi Orchestra <miyabi@localhost> Miyabi Orchestra Merge what Task-9 needs");
    assert_eq!(git(place.top(), &["rev-parse", "HEAD"]), head);
    assert!(place.hub.state().expect("a state").dirty.is_empty());
}

#[test]
fn heads_that_another_one_holds_add_nothing() {
    let place = Place::with(&[]);
    let one = place.work("Task-1", &[("one", "x")]);
    let next = place.attempt("Task-2", 1, &one);
    next.write("two", "x");
    let two = next.commit().commit;
    assert_eq!(place.clean(&[&one, &two, &place.base, &one]).0, two);
    assert_eq!(place.clean(&[&one]).0, one);
}

#[test]
fn conflicts_of_every_kind_name_their_files() {
    let text = |name: &str| (0..9).map(|line| format!("{name} {line}\n")).collect::<String>();
    let place = Place::with(&[
        ("both 両方\nx", &text("both")),
        ("gone", &text("gone")),
        ("renamed", &text("renamed")),
        ("binary", "\0\u{1}\0"),
        ("mode", "x\n"),
        ("plain", &text("plain")),
    ]);
    let (left, right) = (place.tree("Task-1"), place.tree("Task-2"));
    left.write("both 両方\nx", "left\n");
    right.write("both 両方\nx", "right\n");
    std::fs::remove_file(left.folder().join("gone")).expect("removed");
    right.write("gone", text("gone") + "right\n");
    left.git(&["mv", "renamed", "renamed to"]);
    std::fs::remove_file(right.folder().join("renamed")).expect("removed");
    left.write("binary", "\0left\0");
    right.write("binary", "\0right\0");
    left.write("added", "left\n");
    right.write("added", "right\n");
    std::fs::remove_file(left.folder().join("plain")).expect("removed");
    left.write("plain/file", "a folder now\n");
    right.write("plain", text("plain") + "right\n");
    std::fs::remove_file(left.folder().join("mode")).expect("removed");
    std::os::unix::fs::symlink("both", left.folder().join("mode")).expect("a link");
    right.write("mode", "y\n");
    let (left, right) = (left.commit().commit, right.commit().commit);
    let MergeOutcome::Conflict { ours, theirs, files } = place.merge(&[&left, &right]) else {
        panic!("they contradict each other")
    };
    assert_eq!((ours, theirs), (left, right));
    for file in ["added", "binary", "both 両方\nx", "gone", "renamed to", "plain", "mode"] {
        assert!(files.iter().any(|found| found == file), "{file:?} is not in {files:?}");
    }
    assert!(!files.iter().any(|file| file.contains('~')), "{files:?}");
}

#[test]
fn a_third_head_conflicts_with_what_was_merged_before_it() {
    let place = Place::with(&[("a", "1\n")]);
    let one = place.work("Task-1", &[("b", "x")]);
    let two = place.work("Task-2", &[("a", "2\n")]);
    let three = place.work("Task-3", &[("a", "3\n")]);
    let (merged, _) = place.clean(&[&one, &two]);
    let outcome = place.merge(&[&one, &two, &three]);
    assert_eq!(outcome, MergeOutcome::Conflict { ours: merged, theirs: three, files: vec!["a".to_owned()] });
}

#[test]
fn submodules_that_contradict_each_other_are_a_conflict() {
    let place = Place::with(&[("a", "1\n")]);
    let link = |tree: &crate::common::Attempt, commit: &str| {
        tree.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},lib")]);
        tree.git(&["commit", "--quiet", "-m", "a submodule"]);
        std::fs::create_dir_all(tree.folder().join("lib")).expect("an empty folder");
        tree.commit().commit
    };
    let one = link(&place.tree("Task-1"), &"1".repeat(40));
    let two = link(&place.tree("Task-2"), &"2".repeat(40));
    let MergeOutcome::Conflict { files, .. } = place.merge(&[&one, &two]) else { panic!("no conflict") };
    assert_eq!(files, ["lib"]);
    let mut third = place.attempt("Merge-Task-9", 1, &one);
    third.at.conflicts = third.tree.merge(&two).expect("merged");
    assert_eq!(third.at.conflicts, ["lib"]);
    third.write("note", "ours is right\n");
    let work = third.commit();
    assert!(place.hub.holds(&work.commit, &[one, two]).expect("told"));
    assert!(third.git(&["ls-tree", &work.commit, "lib"]).starts_with("160000 commit 1111"));
}

#[test]
fn what_is_not_there_fails_with_words() {
    let place = Place::with(&[]);
    let MergeOutcome::Failed { message } = place.merge(&[&"f".repeat(40)]) else { panic!("merged") };
    assert!(message.contains("names no commit"), "{message}");
    assert!(matches!(place.merge(&[]), MergeOutcome::Failed { .. }));
}

#[test]
fn a_commit_that_a_person_made_is_looked_at() {
    let place = Place::with(&[("a", "1\n")]);
    let one = place.work("Task-1", &[("a", "2\n")]);
    let two = place.work("Task-2", &[("a", "3\n")]);
    assert!(!place.hub.holds("main", &[one.clone(), two.clone()]).expect("told"));
    git(place.top(), &["merge", "--quiet", "--no-edit", &one]);
    let merge = program("git").args(["merge", "--quiet", &two]).current_dir(place.top()).status();
    assert!(!merge.expect("git starts").success(), "they contradict each other");
    write(place.top(), "a", "both\n");
    crate::common::commit_all(place.top(), "both");
    assert!(place.hub.holds("main", &[one, two]).expect("told"));
}
