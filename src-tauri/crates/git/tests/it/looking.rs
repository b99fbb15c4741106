//! What was touched, and what differs.

use miyabi_protocol::{ChangeKind, FileChange};

use crate::common::{Place, git};

#[test]
fn what_was_touched_is_told_committed_or_not() {
    let place = Place::with(&[("a", "1\n"), ("b", "1\n"), ("c", "1\n"), (".gitignore", "out/\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("a", "committed\n");
    attempt.git(&["commit", "--quiet", "-am", "a"]);
    attempt.write("b", "staged\n");
    attempt.git(&["add", "b"]);
    std::fs::remove_file(attempt.folder().join("c")).expect("removed");
    attempt.write("新\n規", "new\n");
    attempt.write("out/x", "ignored\n");
    attempt.write("__pycache__/x.pyc", "cache\n");
    let index = attempt.git(&["rev-parse", "--git-path", "index"]);
    let before = std::fs::metadata(&index).and_then(|data| data.modified()).expect("an index");
    assert_eq!(attempt.tree.touched(&place.base).expect("looked at"), ["a", "b", "c", "新\n規"]);
    let after = std::fs::metadata(&index).and_then(|data| data.modified()).expect("an index");
    assert_eq!(before, after, "looking takes no lock and writes nothing");
}

#[test]
fn no_more_than_5000_files_are_told() {
    let place = Place::with(&[]);
    let attempt = place.tree("Task-1");
    for number in 0..5100 {
        attempt.write(&format!("many/{number}"), "");
    }
    assert_eq!(attempt.tree.touched(&place.base).expect("looked at").len(), 5000);
}

#[test]
fn differences_are_counted_and_shown() {
    let text: String = (0..40).map(|line| format!("line {line}\n")).collect();
    let place =
        Place::with(&[("old name", &text), ("gone", "to be\nremoved\n"), ("mode", "x\n"), ("bin", "\0a")]);
    let attempt = place.tree("Task-1");
    attempt.git(&["mv", "old name", "新しい\n名前"]);
    attempt.write("新しい\n名前", format!("{text}one more\n"));
    std::fs::remove_file(attempt.folder().join("gone")).expect("removed");
    attempt.git(&["update-index", "--chmod=+x", "mode"]);
    attempt.git(&["commit", "--quiet", "-m", "mode"]);
    attempt.git(&["checkout", "--quiet", "--", "mode"]);
    attempt.write("bin", "\0b");
    attempt.write("added", "1\n2\n3\n");
    let work = attempt.commit();
    let file = |path: &str, from: Option<&str>, kind, added, removed, binary| FileChange {
        path: path.to_owned(),
        from: from.map(str::to_owned),
        kind,
        added,
        removed,
        binary,
    };
    let expected = vec![
        file("added", None, ChangeKind::Added, 3, 0, false),
        file("bin", None, ChangeKind::Modified, 0, 0, true),
        file("gone", None, ChangeKind::Removed, 0, 2, false),
        file("mode", None, ChangeKind::Modified, 0, 0, false),
        file("新しい\n名前", Some("old name"), ChangeKind::Renamed, 1, 0, false),
    ];
    assert_eq!(work.files, expected);
    assert_eq!(work.lines(), (4, 2));
    assert_eq!(place.hub.changes(&place.base, &work.commit).expect("told"), expected);
    let patches = place.hub.patches(&work, &work.files, 10_000).expect("shown");
    let patch = |at: usize| patches[at].clone().expect("short");
    assert!(patch(0).contains("+++ b/added\n@@ -0,0 +1,3 @@\n+1\n"), "{}", patch(0));
    assert!(patch(1).contains("Binary files"), "{}", patch(1));
    assert!(patch(3).contains("old mode 100644\nnew mode 100755"), "{}", patch(3));
    assert!(patch(4).contains("rename from old name") && patch(4).contains("+one more"), "{}", patch(4));
}

#[test]
fn a_long_patch_gives_its_length() {
    let place = Place::with(&[("*", "1\n")]);
    let attempt = place.tree("Task-1");
    attempt.write("long", "x\n".repeat(1000));
    attempt.write("short", "x\n");
    attempt.write("*", "2\n");
    let work = attempt.commit();
    let patches = place.hub.patches(&work, &work.files, 500).expect("shown");
    assert!(patches[0].as_ref().is_ok_and(|patch| patch.matches("diff --git").count() == 1), "{patches:?}");
    assert!(patches[1].as_ref().is_err_and(|length| *length > 3000), "{patches:?}");
    assert!(patches[2].is_ok());
}

#[test]
fn no_program_of_a_repositorys_shows_differences() {
    let place = Place::with(&[(".gitattributes", "*.txt diff=evil\n"), ("a.txt", "1\n")]);
    let told = place.dir.path().join("told");
    let evil = format!("touch '{}'; cat", told.display());
    for name in ["diff.evil.textconv", "diff.evil.command", "diff.external"] {
        git(place.top(), &["config", name, &evil]);
    }
    let attempt = place.tree("Task-1");
    attempt.write("a.txt", "2\n");
    attempt.tree.touched(&place.base).expect("looked at");
    let work = attempt.commit();
    let patches = place.hub.patches(&work, &work.files, 500).expect("shown");
    assert!(patches[0].as_ref().is_ok_and(|patch| patch.contains("-1\n+2\n")));
    assert!(!told.exists());
}
