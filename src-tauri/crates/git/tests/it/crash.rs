//! A crash after, before and in the midst of every git program that a run starts: nothing that was told is lost,
//! and going on anew gives the same tree.
//!
//! A child does a whole small run with a `git` on its PATH that counts, and that at one number kills git, the
//! child or both. The child is then started anew until it ends by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use miyabi_git::{Repository, Tree, command_line, service_argv};
use miyabi_protocol::{GitService, MergeOutcome, RepositoryAt, TreeAt};

use crate::common::{RUN, check, commit_all, git, program, signature, write};

/// Stands before git on the PATH. `$MIYABI_GIT_DEATH` is `<number> <how>`.
const WRAPPER: &str = r#"#!/bin/sh
count=$(cat "$MIYABI_GIT_CHILD/count" 2>/dev/null || echo 0)
count=$((count + 1))
echo $count > "$MIYABI_GIT_CHILD/count"
set -- "$MIYABI_REAL_GIT" "$@"
if [ "$count" != "${MIYABI_GIT_DEATH%% *}" ]; then exec "$@"; fi
case "${MIYABI_GIT_DEATH#* }" in
before) kill -9 $PPID; exit 137 ;;
after) "$@"; kill -9 $PPID; exit 137 ;;
during)
    exec 3<&0
    "$@" <&3 &
    kill -9 $!
    kill -9 $PPID
    exit 137 ;;
later)
    exec 3<&0
    "$@" <&3 &
    sleep 0.004
    kill -9 $!
    kill -9 $PPID
    exit 137 ;;
esac
"#;

/// Where all of it lies.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let hub = dir.path().join("hub 作業");
        fs::create_dir(&hub).expect("a folder");
        git(&hub, &["init", "--quiet"]);
        write(&hub, "shared", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        write(&hub, "clash", "1\n");
        commit_all(&hub, "Begin");
        write(dir.path(), "bin/git", WRAPPER);
        let wrapper = dir.path().join("bin/git");
        fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755)).expect("executable");
        Self { dir }
    }

    fn hub(&self) -> PathBuf {
        self.dir.path().join("hub 作業")
    }

    /// Runs the child with a death at this point; none lets it live.
    fn run(&self, death: Option<(u32, &str)>) -> Output {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let real = std::env::split_paths(&path)
            .map(|folder| folder.join("git"))
            .find(|git| git.is_file())
            .expect("git is on the PATH");
        let with_ours = std::iter::once(self.dir.path().join("bin")).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(with_ours).expect("a PATH");
        let death = death.map_or_else(|| "never".to_owned(), |(number, how)| format!("{number} {how}"));
        let _none = fs::remove_file(self.dir.path().join("count"));
        program(std::env::current_exe().expect("this program"))
            .args(["--exact", "crash::child", "--nocapture", "--test-threads=1"])
            .env("PATH", path)
            .env("MIYABI_REAL_GIT", real)
            .env("MIYABI_GIT_CHILD", self.dir.path())
            .env("MIYABI_GIT_DEATH", death)
            .output()
            .expect("started")
    }

    /// How many git programs the last child started.
    fn count(&self) -> u32 {
        let text = fs::read_to_string(self.dir.path().join("count")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// What the children told, in their order.
    fn told(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.dir.path().join("told")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(what, hash)| (what.to_owned(), hash.to_owned())).collect()
    }

    /// Locks of those that were killed are old, as if a person had come back later.
    fn later(&self) {
        for lock in locks(self.dir.path()) {
            if let Ok(file) = fs::File::open(&lock) {
                let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
                file.set_modified(old).expect("an old lock");
            }
        }
    }

    fn result(&self) -> String {
        git(&self.hub(), &["rev-parse", &format!("refs/heads/miyabi/{RUN}/_result^{{tree}}")])
    }
}

fn locks(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() && !path.is_symlink() {
            found.extend(locks(&path));
        } else if path.extension().is_some_and(|end| end == "lock") {
            found.push(path);
        }
    }
    found
}

/// What a run does, all of it idempotent: two attempts, one of them at a store, a transfer each way, a merge, and
/// one that conflicts and is resolved.
struct Child {
    root: PathBuf,
    hub: Repository,
    store: Repository,
    base: String,
}

impl Child {
    fn new(root: &Path) -> Self {
        let hub = Repository::open(&root.join("hub 作業")).expect("the hub");
        let store = Repository::store(&root.join("state/repositories/s.git")).expect("the store");
        let base = hub.commit_of("refs/heads/main").expect("the base");
        Self { root: root.to_owned(), hub, store, base }
    }

    /// Writes down what would be journaled.
    fn tell(&self, what: &str, hash: &str) {
        use std::io::Write as _;
        let file = fs::OpenOptions::new().create(true).append(true).open(self.root.join("told"));
        writeln!(file.expect("opened"), "{what} {hash}").expect("told");
    }

    fn work(&self, at: &Repository, task: &str, start: &str, files: &[(&str, &str)]) -> String {
        let branch = format!("miyabi/{RUN}/{task}/1");
        let folder = self.root.join("state/trees").join(RUN).join(format!("{task}-1"));
        let tree = Tree::make(at, &folder, &branch, start).expect("a tree");
        for (path, content) in files {
            write(&folder, path, content);
        }
        let order = TreeAt {
            repository: RepositoryAt::Store("s".to_owned()),
            folder: folder.to_string_lossy().into_owned(),
            branch,
            base: self.base.clone(),
            conflicts: Vec::new(),
        };
        let commit = tree.commit(&order, &signature(task, 1)).expect("committed").commit;
        self.tell(task, &commit);
        commit
    }

    fn carry(&self, words: &[&str], service: GitService, refs: &str) {
        self.hub.unlock().expect("no lock");
        let service = service_argv(service, self.store.path());
        let quoted = |word: &String| format!("'{}'", word.replace('\'', "'\\''"));
        let script: Vec<String> = service.args.iter().map(quoted).collect();
        write(&self.root, "service", format!("exec git {}\n", script.join(" ")));
        let remote = format!("ext::/bin/sh {}", self.root.join("service").display());
        let mut args = vec!["-c", "protocol.ext.allow=always"];
        args.extend(words);
        args.extend([remote.as_str(), refs]);
        let line = command_line(self.hub.path(), &args);
        let output = program(&line.program).args(&line.args).envs(line.env).output().expect("git starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn merged(&self, branch: &str, heads: &[&String]) -> String {
        let heads: Vec<String> = heads.iter().map(|head| (*head).clone()).collect();
        match self.hub.merge(&heads, "Merge") {
            MergeOutcome::Clean { commit, .. } => {
                self.hub.set_branch(&format!("miyabi/{RUN}/{branch}"), &commit).expect("set");
                self.tell(branch, &commit);
                commit
            }
            other => panic!("{other:?}"),
        }
    }

    fn run(&self) {
        let one = self.work(
            &self.hub,
            "Task-1",
            &self.base,
            &[("one 一", "x\n"), ("shared", "A\n2\n3\n4\n5\n6\n7\n8\n9\n"), ("clash", "one\n")],
        );
        let branch = format!("refs/heads/miyabi/{RUN}/Task-2/1");
        if self.store.commit_of(&branch).is_err() {
            let sent = format!("{}:{branch}", self.base);
            self.carry(&["push", "--quiet"], GitService::ReceivePack, &sent);
        }
        let two = self.work(
            &self.store,
            "Task-2",
            &self.base,
            &[("two", "x\n"), ("shared", "1\n2\n3\n4\n5\n6\n7\n8\nB\n")],
        );
        let back = format!("+{branch}:{branch}");
        self.carry(&["fetch", "--quiet", "--no-tags"], GitService::UploadPack, &back);
        let both = self.merged("_base/Task-3", &[&one, &two]);
        let three = self.work(&self.hub, "Task-3", &self.base, &[("clash", "three\n")]);
        let outcome = self.hub.merge(&[both.clone(), three.clone()], "Merge");
        let MergeOutcome::Conflict { ours, theirs, files } = outcome else { panic!("{outcome:?}") };
        assert_eq!((&ours, &theirs, files), (&both, &three, vec!["clash".to_owned()]));
        let solved = self.solve(&ours, &theirs);
        self.merged("_result", &[&one, &two, &three, &solved]);
    }

    fn solve(&self, ours: &str, theirs: &str) -> String {
        let branch = format!("miyabi/{RUN}/Merge-Result/1");
        let folder = self.root.join("state/trees").join(RUN).join("Merge-Result-1");
        let tree = Tree::make(&self.hub, &folder, &branch, ours).expect("a tree");
        let conflicts = tree.merge(theirs).expect("merged");
        write(&folder, "clash", "both\n");
        let order = TreeAt {
            repository: RepositoryAt::Store("s".to_owned()),
            folder: folder.to_string_lossy().into_owned(),
            branch,
            base: ours.to_owned(),
            conflicts,
        };
        let work = tree.commit(&order, &signature("Merge-Result", 1)).expect("committed");
        assert!(work.unresolved.is_empty());
        self.tell("Merge-Result", &work.commit);
        work.commit
    }
}

/// Run by the tests below, with an environment of its own.
#[test]
fn child() {
    let Some(root) = std::env::var_os("MIYABI_GIT_CHILD") else { return };
    if std::env::var_os("MIYABI_GIT_DEATH").is_none() {
        return;
    }
    Child::new(Path::new(&root)).run();
}

/// Dies this way at every so-many-th program, each in a run of its own that then goes on.
fn die(how: &str, first: usize, step: usize) {
    let whole = Stage::new();
    let output = whole.run(None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (programs, expected) = (whole.count(), whole.result());
    assert!(programs > 60, "only {programs} programs were started");
    // All of them take minutes: `MIYABI_GIT_EVERY=1` asks for them.
    let (first, step) = if std::env::var_os("MIYABI_GIT_EVERY").is_some() { (0, 1) } else { (first, step) };
    let mut died = 0;
    for number in (1..=programs).skip(first).step_by(step) {
        let stage = Stage::new();
        died += usize::from(!stage.run(Some((number, how))).status.success());
        stage.later();
        let output = stage.run(None);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{how} {number}: {said}{}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(stage.result(), expected, "{how} {number}");
        let told = stage.told();
        let commits: Vec<String> = told.iter().map(|(_, commit)| commit.clone()).collect();
        check(&stage.hub(), &commits);
        check(&stage.dir.path().join("state/repositories/s.git"), &[]);
        for (what, commit) in &told {
            let again = told.iter().filter(|(other, _)| other == what);
            assert!(again.clone().all(|(_, other)| other == commit), "{how} {number}: {what} was told twice");
        }
    }
    assert!(died > 0, "nothing was killed");
}

#[test]
fn killed_before_a_program_a_run_goes_on() {
    die("before", 3, 12);
}

#[test]
fn killed_after_a_program_a_run_goes_on() {
    die("after", 5, 12);
}

#[test]
fn killed_as_a_program_begins_a_run_goes_on() {
    die("during", 7, 12);
}

#[test]
fn killed_in_the_midst_of_a_program_a_run_goes_on() {
    die("later", 9, 12);
}
