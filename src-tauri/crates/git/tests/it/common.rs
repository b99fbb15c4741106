//! Repositories to try things on.
#![expect(clippy::disallowed_methods, reason = "this module is the one that starts programs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use miyabi_git::{Repository, Tree};
use miyabi_plan::AttemptId;
use miyabi_protocol::{CommittedWork, MergeOutcome, RepositoryAt, Signature, TreeAt};
use tempfile::TempDir;

pub(crate) const RUN: &str = "20261123-020000-4f2a";

/// A program with nothing of ours around it.
pub(crate) fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(name)
}

/// Git as a person runs it, whatever comes of it.
pub(crate) fn try_git(folder: &Path, args: &[&str]) -> Output {
    program("git")
        .args(["-c", "user.name=A Person", "-c", "user.email=person@example.org"])
        .args(["-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("git starts")
}

/// Git as a person runs it; what it prints.
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let output = try_git(folder, args);
    assert!(
        output.status.success(),
        "git {args:?} in {}: {}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

pub(crate) fn write(folder: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, content).expect("written");
}

pub(crate) fn read(folder: &Path, path: &str) -> String {
    std::fs::read_to_string(folder.join(path)).expect("read")
}

/// Commits all that is in a folder, as a person does.
pub(crate) fn commit_all(folder: &Path, message: &str) -> String {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "-m", message]);
    git(folder, &["rev-parse", "HEAD"])
}

/// A repository of a person, with a room for work trees beside it.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) hub: Repository,
    pub(crate) base: String,
}

impl Place {
    /// One with these files in its first commit.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let top = dir.path().join("a repo 作業");
        std::fs::create_dir(&top).expect("a folder");
        git(&top, &["init", "--quiet"]);
        for (path, content) in files {
            write(&top, path, content);
        }
        let base = commit_all(&top, "Begin");
        let hub = Repository::open(&top).expect("a repository");
        Self { dir, hub, base }
    }

    pub(crate) fn top(&self) -> &Path {
        self.hub.path()
    }

    pub(crate) fn trees(&self) -> PathBuf {
        self.dir.path().join("state home/trees")
    }

    /// A tree for a first attempt, that begins at the base.
    pub(crate) fn tree(&self, task: &str) -> Attempt {
        self.attempt(task, 1, &self.base)
    }

    pub(crate) fn attempt(&self, task: &str, number: u32, start: &str) -> Attempt {
        let folder = self.trees().join(RUN).join(format!("{task}-{number}"));
        self.attempt_in(&folder, task, number, start)
    }

    pub(crate) fn attempt_in(&self, folder: &Path, task: &str, number: u32, start: &str) -> Attempt {
        let branch = format!("miyabi/{RUN}/{task}/{number}");
        let tree = Tree::make(&self.hub, folder, &branch, start).expect("a work tree");
        let at = TreeAt {
            repository: RepositoryAt::Path(self.top().to_string_lossy().into_owned()),
            folder: folder.to_string_lossy().into_owned(),
            branch,
            base: self.base.clone(),
            conflicts: Vec::new(),
        };
        Attempt { tree, at, signature: signature(task, number) }
    }

    /// A commit on top of the base, made in a tree of its own.
    pub(crate) fn work(&self, task: &str, files: &[(&str, &str)]) -> String {
        let attempt = self.tree(task);
        for (path, content) in files {
            attempt.write(path, content);
        }
        attempt.commit().commit
    }

    pub(crate) fn merge(&self, heads: &[&String]) -> MergeOutcome {
        let heads: Vec<String> = heads.iter().map(|head| (*head).clone()).collect();
        self.hub.merge(&heads, "Merge what Task-9 needs")
    }

    pub(crate) fn clean(&self, heads: &[&String]) -> (String, String) {
        match self.merge(heads) {
            MergeOutcome::Clean { commit, tree } => (commit, tree),
            other => panic!("{other:?}"),
        }
    }

    /// Nothing is damaged, and nothing that was told is lost.
    pub(crate) fn check(&self, told: &[String]) {
        check(self.top(), told);
    }
}

/// Git finds nothing wrong, and every one of these commits is on a branch.
pub(crate) fn check(folder: &Path, told: &[String]) {
    let fsck = try_git(folder, &["fsck", "--full", "--strict", "--no-dangling"]);
    let said = String::from_utf8_lossy(&fsck.stderr).into_owned() + &String::from_utf8_lossy(&fsck.stdout);
    assert!(fsck.status.success(), "{said}");
    assert!(!said.contains("missing") && !said.contains("error"), "{said}");
    for commit in told {
        let holders = git(folder, &["for-each-ref", &format!("--contains={commit}"), "refs/heads"]);
        assert!(!holders.is_empty(), "{commit} is on no branch");
    }
}

pub(crate) fn signature(task: &str, number: u32) -> Signature {
    let attempt: AttemptId = format!("{task}.{number}").parse().expect("an attempt");
    Signature {
        run_id: RUN.to_owned(),
        attempt,
        agent: "CG-1".parse().expect("an agent"),
        host: "MUGEN".parse().expect("a host"),
        subject: format!("Work of {task}"),
    }
}

/// A tree with what is needed to commit it.
pub(crate) struct Attempt {
    pub(crate) tree: Tree,
    pub(crate) at: TreeAt,
    pub(crate) signature: Signature,
}

impl Attempt {
    pub(crate) fn folder(&self) -> &Path {
        self.tree.folder()
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        write(self.folder(), path, content);
    }

    pub(crate) fn commit(&self) -> CommittedWork {
        self.tree.commit(&self.at, &self.signature).expect("committed")
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(self.folder(), args)
    }

    /// What its branch holds under a path.
    pub(crate) fn kept(&self, path: &str) -> String {
        self.git(&["show", &format!("refs/heads/{}:{path}", self.at.branch)])
    }
}

/// The paths of a piece of work.
pub(crate) fn paths(work: &CommittedWork) -> Vec<&str> {
    work.files.iter().map(|file| file.path.as_str()).collect()
}
