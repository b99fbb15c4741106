//! What every git program of ours is started with: pure words, no process.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::OnceLock;

use miyabi_protocol::GitService;

/// Settings before those of any file: no hook, no prompt, no work in the background, no signing, and no
/// difference between machines in how merges and commits come out.
pub(crate) const GIT: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "core.askPass=",
    "gc.auto=0",
    "maintenance.auto=false",
    "receive.autogc=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "log.showSignature=false",
    "submodule.recurse=false",
    "worktree.useRelativePaths=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "rerere.enabled=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
    "merge.conflictStyle=merge",
    "merge.renames=true",
    "merge.directoryRenames=conflict",
    "diff.submodule=short",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "advice.detachedHead=false",
    "advice.addEmbeddedRepo=false",
    "color.ui=false",
    // Stores are bare.
    "safe.bareRepository=all",
];

/// Variables of the same kind. Where files are kept elsewhere by Git LFS, their pointers are enough.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_LFS_SKIP_SMUDGE", "1"),
    ("GIT_EDITOR", "true"),
    ("GIT_SEQUENCE_EDITOR", "true"),
    ("GIT_PAGER", "cat"),
    ("GIT_MERGE_AUTOEDIT", "no"),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("LC_ALL", "C"),
];

/// Where git's own files are and how servers are reached: the person's choice, and no repository's.
const LEFT_ALONE: &[&str] = &[
    "GIT_EXEC_PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];

/// Whether a variable of our own environment would act on git, and is to be removed.
pub(crate) fn of_the_caller(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("GIT_") && !LEFT_ALONE.contains(&name.as_ref())
}

/// Without the Git LFS program its filter could only fail: pointers are then files as any other.
pub(crate) fn filters() -> &'static [&'static str] {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join("git-lfs").is_file())
    });
    if *found {
        return &[];
    }
    &["filter.lfs.clean=", "filter.lfs.smudge=", "filter.lfs.process=", "filter.lfs.required=false"]
}

/// Above this folder no repository is looked for: one that lost its `.git` must not be taken for a part of
/// whatever lies around it.
pub(crate) fn ceiling(folder: &Path) -> OsString {
    folder.parent().unwrap_or(folder).as_os_str().to_owned()
}

/// A git program for callers that must start it themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables to set.
    pub env: Vec<(String, String)>,
    /// Variables of the caller's own environment to remove, before `env` is set.
    pub unset: Vec<String>,
}

/// How to start `git <args>` on a repository, with all that keeps hooks and prompts away.
#[must_use]
pub fn command_line(repository: &Path, args: &[&str]) -> CommandLine {
    with_settings(repository, &[], args.iter().map(|arg| (*arg).to_owned()).collect())
}

/// How to start a service of git on a repository, for the other end of a stream. What is pushed to it can
/// change nothing but branches below `miyabi/`, and none that a work tree stands on.
#[must_use]
pub fn service_argv(service: GitService, repository: &Path) -> CommandLine {
    let path = repository.to_string_lossy().into_owned();
    match service {
        GitService::UploadPack => {
            let settings = ["uploadpack.allowAnySHA1InWant=true"];
            with_settings(repository, &settings, vec!["upload-pack".into(), "--strict".into(), path])
        }
        GitService::ReceivePack => {
            let settings = [
                "receive.hideRefs=refs",
                "receive.hideRefs=!refs/heads/miyabi",
                "receive.denyCurrentBranch=refuse",
                "receive.denyDeletes=true",
                // The person's repository may be a shallow clone: then the store is one, too.
                "receive.shallowUpdate=true",
            ];
            with_settings(repository, &settings, vec!["receive-pack".into(), path])
        }
    }
}

fn with_settings(repository: &Path, more: &[&str], words: Vec<String>) -> CommandLine {
    let settings = GIT.iter().chain(filters()).chain(more);
    let mut args: Vec<String> =
        settings.flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]).collect();
    if more.is_empty() {
        args.extend(["-C".to_owned(), repository.to_string_lossy().into_owned()]);
    }
    args.extend(words);
    let unset = std::env::vars_os().map(|(name, _)| name).filter(|name| of_the_caller(name));
    let mut env: Vec<(String, String)> =
        ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let ceiling = ceiling(repository).to_string_lossy().into_owned();
    env.push(("GIT_CEILING_DIRECTORIES".to_owned(), ceiling));
    CommandLine {
        program: "git".to_owned(),
        args,
        env,
        unset: unset.map(|name| name.to_string_lossy().into_owned()).collect(),
    }
}

/// The last lines of what git said, without its hints.
pub(crate) fn last_words(stderr: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("hint:")).collect();
    let last = lines[lines.len().saturating_sub(6)..].join("\n");
    let from = last.len().saturating_sub(most);
    let from = (from..last.len()).find(|at| last.is_char_boundary(*at)).unwrap_or(last.len());
    last[from..].to_owned()
}

/// What a person can do about it.
pub(crate) fn remedy(words: &str, folder: &Path) -> String {
    let place = folder.display();
    let known = [
        ("dubious ownership", "The folder belongs to somebody else: let it belong to you."),
        ("not a git repository", "Name the top folder of a repository, or let the run make one."),
        ("No space left", "Make room on that disk."),
        ("Disk quota exceeded", "Make room within your quota."),
        ("Permission denied", "Let the files there be yours to read and write."),
        ("Read-only file system", "Name a folder that can be written."),
        (
            ".lock': File exists",
            "End the git program that is at work there, or remove that lock if there is none.",
        ),
        ("index file", "Remove the file `index` of that work tree's git folder: git makes it anew."),
        (
            "corrupt",
            "Objects are damaged: `git fsck` names them; fetch the repository anew from where it is whole.",
        ),
        ("bad object", "A commit is missing there: fetch it again."),
        ("would be overwritten", "Commit or put aside what is not committed there."),
        (
            "could not read Username",
            "Let git know the password beforehand: a credential helper, or an SSH key.",
        ),
    ];
    known.iter().find(|(sign, _)| words.contains(sign)).map_or_else(
        || format!("Look at it by hand: `git status` in {place}."),
        |(_, remedy)| (*remedy).to_owned(),
    )
}

/// The numbers in `git version 2.39.2 (Apple Git-143)`.
pub(crate) fn version_in(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.strip_prefix("git version ")?.split(['.', ' ', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_makers_are_read() {
        assert_eq!(version_in("git version 2.39.2 (Apple Git-143)"), Some((2, 39)));
        assert_eq!(version_in("git version 2.47.3"), Some((2, 47)));
        assert_eq!(version_in("git version 3.0-rc1"), Some((3, 0)));
        assert_eq!(version_in("gut"), None);
    }

    #[test]
    fn the_last_words_are_cut_between_characters_and_hold_no_hints() {
        let said = "hint: try this\nfatal: 記録できません\n";
        assert_eq!(last_words(said.as_bytes(), 1000), "fatal: 記録できません");
        assert_eq!(last_words(said.as_bytes(), 4), "ん");
    }

    #[test]
    fn what_is_received_changes_branches_of_runs_only() {
        let line = service_argv(GitService::ReceivePack, Path::new("/x/store.git"));
        let hidden: Vec<_> = line.args.iter().filter(|arg| arg.starts_with("receive.hideRefs")).collect();
        assert_eq!(hidden, ["receive.hideRefs=refs", "receive.hideRefs=!refs/heads/miyabi"]);
        assert_eq!(line.args.last().map(String::as_str), Some("/x/store.git"));
    }
}
