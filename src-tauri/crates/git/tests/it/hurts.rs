//! Repositories that hurt.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use miyabi_git::Repository;

use crate::common::{Place, commit_all, git, paths, program, read, write};

/// Lets hooks of all kinds fail, and tell of it.
fn hooks(top: &Path, told: &Path) {
    let names = [
        "pre-commit",
        "commit-msg",
        "post-checkout",
        "pre-push",
        "prepare-commit-msg",
        "post-commit",
        "reference-transaction",
        "pre-merge-commit",
        "post-merge",
        "pre-rebase",
        "post-index-change",
        "update",
        "pre-receive",
        "post-receive",
    ];
    for name in names {
        let script = format!("#!/bin/sh\necho {name} >> '{}'\nexit 1\n", told.display());
        write(top, &format!(".git/hooks/{name}"), script);
        let path = top.join(".git/hooks").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("executable");
    }
}

#[test]
fn no_hook_is_run() {
    let place = Place::with(&[("a", "1\n"), ("b", "1\n")]);
    let told = place.dir.path().join("told");
    hooks(place.top(), &told);
    let one = place.work("Task-1", &[("a", "2\n")]);
    let two = place.work("Task-2", &[("b", "2\n")]);
    let (merged, _) = place.clean(&[&one, &two]);
    place.hub.set_branch(&format!("miyabi/{}/_result", crate::common::RUN), &merged).expect("set");
    let third = place.attempt("Task-3", 1, &one);
    third.tree.merge(&two).expect("merged");
    let kept = third.commit().commit;
    let again = place.attempt_in(third.folder(), "Task-3", 2, &kept);
    again.write("c", "x");
    again.commit();
    write(place.top(), "a", "dirty\n");
    place.hub.stash("before the run").expect("put aside");
    for tree in place.hub.kept_trees(&place.trees(), &["HEAD".to_owned()]).expect("listed") {
        // Some hold work that is nowhere else, and stay.
        let _stays = place.hub.remove_kept(&tree, &[]);
    }
    assert!(!told.exists(), "{}", read(place.dir.path(), "told"));
    // They would have told.
    let commit =
        program("git").args(["commit", "--allow-empty", "-m", "x"]).current_dir(place.top()).output();
    assert!(!commit.expect("git starts").status.success() && told.exists());
}

#[test]
fn a_submodule_that_is_not_there_stays_a_link() {
    let place = Place::with(&[("a", "1\n")]);
    let lib = place.dir.path().join("lib ライブラリ");
    write(&lib, "x", "1\n");
    git(&lib, &["init", "--quiet"]);
    commit_all(&lib, "lib");
    git(place.top(), &["submodule", "--quiet", "add", &lib.to_string_lossy(), "vendor/lib"]);
    let base = commit_all(place.top(), "a submodule");
    git(place.top(), &["config", "submodule.recurse", "true"]);
    let attempt = place.attempt("Task-1", 1, &base);
    let link = attempt.git(&["ls-tree", "HEAD", "vendor/lib"]);
    attempt.write("b", "x");
    attempt.commit();
    assert_eq!(attempt.git(&["ls-tree", "HEAD", "vendor/lib"]), link);
    assert!(link.starts_with("160000"));
    let other = place.attempt("Task-2", 1, &base);
    other.write("c", "x");
    let heads = [attempt.commit().commit, other.commit().commit];
    let (merged, _) = place.clean(&[&heads[0], &heads[1]]);
    assert_eq!(git(place.top(), &["ls-tree", &merged, "vendor/lib"]), link);
    // What is not committed within the person's own checkout of it counts.
    assert!(place.hub.state().expect("a state").dirty.is_empty());
    write(place.top(), "vendor/lib/x", "2\n");
    assert_eq!(place.hub.state().expect("a state").dirty, ["vendor/lib"]);
}

#[test]
fn commits_of_a_submodule_that_nobody_else_has_are_told() {
    let place = Place::with(&[("a", "1\n")]);
    let lib = place.dir.path().join("lib");
    write(&lib, "x", "1\n");
    git(&lib, &["init", "--quiet"]);
    commit_all(&lib, "lib");
    git(&lib, &["switch", "--quiet", "--detach"]);
    git(place.top(), &["submodule", "--quiet", "add", &lib.to_string_lossy(), "lib"]);
    let base = commit_all(place.top(), "a submodule");
    let attempt = place.attempt("Task-1", 1, &base);
    attempt.git(&["submodule", "--quiet", "update", "--init", "lib"]);
    let lost = |commit: &str| attempt.tree.lost_links(&base, commit).expect("told");
    attempt.write("b", "x");
    assert!(lost(&attempt.commit().commit).is_empty(), "its link is as it was");
    attempt.write("lib/x", "2\n");
    commit_all(&attempt.folder().join("lib"), "within");
    assert_eq!(lost(&attempt.commit().commit), ["lib"]);
    let within = attempt.folder().join("lib");
    git(&within, &["push", "--quiet", "origin", "HEAD:refs/heads/mine"]);
    assert!(lost(&attempt.commit().commit).is_empty(), "its remote has it now");
}

#[test]
fn lfs_pointers_are_files_as_any_other() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n";
    for required in [None, Some("true")] {
        let place = Place::with(&[("big.bin", pointer)]);
        write(place.top(), ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
        let base = commit_all(place.top(), "attributes");
        if let Some(required) = required {
            git(place.top(), &["config", "filter.lfs.required", required]);
            for (name, command) in
                [("clean", "clean -- %f"), ("smudge", "smudge -- %f"), ("process", "filter-process")]
            {
                git(place.top(), &["config", &format!("filter.lfs.{name}"), &format!("git-lfs {command}")]);
            }
        }
        let attempt = place.attempt("Task-1", 1, &base);
        assert_eq!(read(attempt.folder(), "big.bin"), pointer);
        attempt.write("note", "x");
        attempt.write("big.bin", format!("{pointer}\n"));
        let theirs = attempt.commit();
        assert!(paths(&theirs).contains(&"big.bin"));
        let other = place.attempt("Task-2", 1, &base);
        other.write("other", "x");
        place.clean(&[&theirs.commit, &other.commit().commit]);
        write(place.top(), "big.bin", "touched");
        assert_eq!(place.hub.state().expect("a state").dirty, ["big.bin"]);
        place.hub.stash("before").expect("put aside");
        assert_eq!(read(place.top(), "big.bin"), pointer);
    }
}

#[test]
fn no_line_end_and_no_mode_is_changed_by_us() {
    let mut place =
        Place::with(&[(".gitattributes", "*.bat text eol=crlf\n"), ("raw", "1\r\n2\r\n"), ("a.bat", "x\n")]);
    let run = place.top().join("run");
    write(place.top(), "run", "#!/bin/sh\n");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).expect("executable");
    place.base = commit_all(place.top(), "an executable");
    let attempt = place.tree("Task-1");
    assert_eq!(read(attempt.folder(), "raw"), "1\r\n2\r\n");
    assert_eq!(read(attempt.folder(), "a.bat"), "x\r\n");
    assert!(attempt.commit().files.is_empty());
    attempt.write("raw", "1\r\n2\r\n3\n");
    attempt.write("new", "1\r\n");
    let work = attempt.commit();
    assert_eq!(paths(&work), ["new", "raw"]);
    assert_eq!((work.files[1].added, work.files[1].removed), (1, 0));
    assert!(attempt.git(&["ls-tree", "HEAD", "run"]).starts_with("100755"));
    for convert in ["true", "input"] {
        git(place.top(), &["config", "core.autocrlf", convert]);
        git(place.top(), &["config", "core.safecrlf", "true"]);
        let attempt = place.tree(&format!("Task-{convert}"));
        assert!(attempt.commit().files.is_empty(), "{convert}");
        attempt.write("mixed", "1\r\n2\n");
        assert_eq!(paths(&attempt.commit()), ["mixed"]);
    }
}

#[test]
fn a_detached_head_and_a_dirty_checkout_stay_as_they_are() {
    let place = Place::with(&[("a", "1\n")]);
    git(place.top(), &["checkout", "--quiet", "--detach"]);
    write(place.top(), "a", "dirty\n");
    git(place.top(), &["add", "a"]);
    write(place.top(), "a", "dirtier\n");
    let before = git(place.top(), &["status", "--porcelain=v2", "--branch"]);
    let work = place.work("Task-1", &[("a", "2\n")]);
    let other = place.work("Task-2", &[("b", "2\n")]);
    place.clean(&[&work, &other]);
    assert_eq!(git(place.top(), &["status", "--porcelain=v2", "--branch"]), before);
    assert_eq!(read(place.top(), "a"), "dirtier\n");
}

/// What a machine has on which nobody said who they are.
fn nobody(folder: &Path, name: &str) -> std::process::Output {
    program(std::env::current_exe().expect("this program"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("MIYABI_GIT_CHILD", folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_DIR", "/nowhere")
        .env("GIT_INDEX_FILE", "/nowhere/index")
        .env("GIT_AUTHOR_DATE", "nonsense")
        .env_remove("EMAIL")
        .output()
        .expect("started")
}

#[test]
fn without_a_name_commits_are_made_in_ours() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a", "1\n");
    let output = nobody(dir.path(), "hurts::as_nobody");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let who = git(dir.path(), &["log", "--all", "--format=%an <%ae>"]);
    assert!(who.lines().count() >= 3, "{who}");
    assert!(who.lines().all(|who| who == "Miyabi Orchestra <miyabi@localhost>"), "{who}");
}

/// Run by the test above, with an environment of its own.
#[test]
fn as_nobody() {
    let Some(folder) = std::env::var_os("MIYABI_GIT_CHILD") else { return };
    let top = Path::new(&folder);
    let hub = Repository::init(top).expect("made");
    let base = hub.commit_of("HEAD").expect("a commit");
    let branch = format!("miyabi/{}/Task-1/1", crate::common::RUN);
    let tree = miyabi_git::Tree::make(&hub, &top.with_extension("tree"), &branch, &base).expect("a tree");
    write(tree.folder(), "b", "x");
    let at = miyabi_protocol::TreeAt {
        repository: miyabi_protocol::RepositoryAt::Path(top.to_string_lossy().into_owned()),
        folder: tree.folder().to_string_lossy().into_owned(),
        branch,
        base,
        conflicts: Vec::new(),
    };
    let work = tree.commit(&at, &crate::common::signature("Task-1", 1)).expect("committed");
    assert_eq!(paths(&work), ["b"]);
    tree.discard(&hub).expect("removed");
    write(top, "a", "2\n");
    hub.stash("before").expect("put aside");
    let store = Repository::store(&top.with_extension("store")).expect("a store");
    std::fs::remove_dir_all(store.path()).expect("removed");
}

/// Bytes that do not get smaller by compression, the same each time.
fn noise(bytes: usize, mut seed: u64) -> Vec<u8> {
    let mut noise = Vec::with_capacity(bytes);
    while noise.len() < bytes {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.extend((seed >> 16).to_le_bytes().into_iter().take(6));
    }
    noise
}

#[test]
fn a_history_of_200_mb_is_no_burden() {
    const MANY: usize = 200 * 1024 * 1024;
    let place = Place::with(&[("a", "1\n")]);
    git(place.top(), &["config", "core.compression", "0"]);
    git(place.top(), &["config", "core.bigFileThreshold", "1m"]);
    write(place.top(), "big", noise(MANY, 7));
    commit_all(place.top(), "big");
    fs::remove_file(place.top().join("big")).expect("removed");
    let base = commit_all(place.top(), "small again");
    let began = Instant::now();
    let (one, two) = (place.attempt("Task-1", 1, &base), place.attempt("Task-2", 1, &base));
    one.write("one", "x");
    two.write("two", "x");
    let heads = [one.commit().commit, two.commit().commit];
    place.clean(&[&heads[0], &heads[1]]);
    assert!(place.hub.state().expect("a state").dirty.is_empty());
    let took = began.elapsed();
    assert!(took.as_secs() < 10, "what a run does took {took:?}");
    let tree = git(place.top(), &["count-objects", "-v"]);
    let size =
        tree.lines().filter_map(|line| line.split_once(": ")).filter(|(name, _)| name.starts_with("size"));
    let size: usize = size.filter_map(|(_, kib)| kib.parse::<usize>().ok()).sum();
    assert!(size > MANY / 1024, "{size} KiB");
}
