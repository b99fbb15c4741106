//! Conflicts that no marker shows, and merges that an agent gave up.

use std::fs;

use crate::common::{Attempt, Place};

/// Two sides that contradict each other in a binary file, and in one that only one of them still wants.
fn sides(place: &Place) -> (String, String) {
    let (left, right) = (place.tree("Task-1"), place.tree("Task-2"));
    left.write("binary", "\0left\0");
    right.write("binary", "\0right\0");
    right.write("text", "right\n");
    fs::remove_file(left.folder().join("text")).expect("removed");
    right.write("right only", "x\n");
    (left.commit().commit, right.commit().commit)
}

fn merging(place: &Place, number: u32, start: &str, theirs: &str) -> Attempt {
    let mut attempt = place.attempt("Merge-Task-3", number, start);
    attempt.at.conflicts = attempt.tree.merge(theirs).expect("merged");
    attempt
}

#[test]
fn what_no_marker_shows_is_decided_by_a_change_or_by_a_word_to_git() {
    let place = Place::with(&[("binary", "\0\u{1}\0"), ("text", "1\n")]);
    let (ours, theirs) = sides(&place);
    let first = merging(&place, 1, &ours, &theirs);
    assert_eq!(first.at.conflicts, ["binary", "text"]);
    first.write("note", "all done\n");
    let work = first.commit();
    assert_eq!(work.unresolved, ["binary", "text"]);
    assert_eq!(first.commit(), work, "kept once more, it is the same");
    assert!(
        !place.hub.holds(&work.commit, std::slice::from_ref(&theirs)).expect("told"),
        "half a merge is none"
    );

    // The next attempt begins with what was done, and meets the same again.
    let second = merging(&place, 2, &work.commit, &theirs);
    assert_eq!(second.at.conflicts, ["binary", "text"]);
    assert_eq!(second.kept("note"), "all done");
    second.git(&["add", "binary"]);
    let half = second.commit();
    assert_eq!(half.unresolved, ["text"]);

    let third = merging(&place, 3, &half.commit, &theirs);
    third.write("binary", "\0both\0");
    fs::remove_file(third.folder().join("text")).expect("removed");
    let work = third.commit();
    assert!(work.unresolved.is_empty(), "{:?}", work.unresolved);
    assert!(place.hub.holds(&work.commit, &[ours, theirs]).expect("told"));
    assert_eq!(third.git(&["ls-tree", "--name-only", &work.commit]), "binary\nnote\nright only");
}

#[test]
fn a_merge_that_was_given_up_is_not_resolved() {
    let place = Place::with(&[("a", "1\n")]);
    let (ours, theirs) =
        (place.work("Task-1", &[("a", "ours\n")]), place.work("Task-2", &[("a", "theirs\n")]));
    let first = merging(&place, 1, &ours, &theirs);
    first.git(&["merge", "--abort"]);
    let work = first.commit();
    assert_eq!(work.unresolved, ["a"]);
    let second = merging(&place, 2, &work.commit, &theirs);
    assert_eq!(second.at.conflicts, ["a"]);
    second.write("a", "both\n");
    assert!(second.commit().unresolved.is_empty());
}
