//! The words of git that carry one commit, and what must hold of a carriage before any of them is said.

use std::path::Path;

use miyabi_git::{CommandLine, command_line};
use miyabi_protocol::{Carriage, CarriageWay, GitService};

/// What a host sends is untrusted: objects are looked at, and nothing but the one branch is changed.
const SETTINGS: &[&str] = &[
    "protocol.ext.allow=always",
    "fetch.fsckObjects=true",
    "transfer.fsckObjects=true",
    "fetch.prune=false",
];

/// The service that is wanted at the other end.
pub(super) const fn service(way: CarriageWay) -> GitService {
    match way {
        CarriageWay::There => GitService::ReceivePack,
        CarriageWay::Here => GitService::UploadPack,
    }
}

/// The git command of a carriage.
pub(super) fn command(
    repository: &Path,
    bridge: &Path,
    socket: &Path,
    carriage: &Carriage,
) -> Result<CommandLine, String> {
    check(carriage)?;
    let url = transport(bridge, socket)?;
    let spec = format!("+{}:refs/heads/{}", carriage.commit, carriage.branch);
    let mut words: Vec<&str> = SETTINGS.iter().flat_map(|setting| ["-c", *setting]).collect();
    match carriage.way {
        CarriageWay::There => words.extend([
            "push",
            "--quiet",
            "--no-verify",
            "--no-follow-tags",
            "--no-signed",
            "--recurse-submodules=no",
        ]),
        CarriageWay::Here => words.extend([
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-write-commit-graph",
            "--refmap=",
        ]),
    }
    words.extend(["--", url.as_str(), spec.as_str()]);
    Ok(command_line(repository, &words))
}

/// A branch and a commit that nothing else can be read into.
fn check(carriage: &Carriage) -> Result<(), String> {
    let Carriage { branch, commit, .. } = carriage;
    let is_hex = commit.bytes().all(|byte| byte.is_ascii_hexdigit()) && matches!(commit.len(), 40 | 64);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let is_ours = branch.starts_with("miyabi/") && branch.bytes().all(plain) && !branch.contains("..");
    match (is_hex, is_ours) {
        (true, true) => Ok(()),
        (false, _) => Err(format!("`{commit}` is no commit")),
        (_, false) => Err(format!("`{branch}` is no branch of a run")),
    }
}

/// The address under which git starts the bridge: words apart by spaces, those within them escaped.
fn transport(bridge: &Path, socket: &Path) -> Result<String, String> {
    let word = |path: &Path| {
        let text = path.to_str().ok_or_else(|| format!("{} is no text", path.display()))?;
        Ok::<String, String>(text.replace('%', "%%").replace(' ', "% "))
    };
    Ok(format!("ext::{} git-pipe {}", word(bridge)?, word(socket)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carriage(way: CarriageWay) -> Carriage {
        Carriage {
            attempt: "A.1".parse().expect("an attempt"),
            way,
            host: "MUGEN".parse().expect("a host"),
            store: "w-1".to_owned(),
            branch: "miyabi/run-1/A/1".to_owned(),
            commit: "0123456789".repeat(4),
        }
    }

    fn words(carriage: &Carriage) -> Result<Vec<String>, String> {
        let (bridge, socket) = (Path::new("/a b/miyabi-host"), Path::new("/r/100%/s"));
        command(Path::new("/repo"), bridge, socket, carriage).map(|line| line.args)
    }

    #[test]
    fn a_carriage_changes_one_branch_and_its_places_may_have_spaces() {
        for (way, verb) in [(CarriageWay::There, "push"), (CarriageWay::Here, "fetch")] {
            let args = words(&carriage(way)).expect("words");
            let url = "ext::/a% b/miyabi-host git-pipe /r/100%%/s";
            let spec = format!("+{}:refs/heads/miyabi/run-1/A/1", "0123456789".repeat(4));
            assert_eq!(args[args.len() - 3..], ["--".to_owned(), url.to_owned(), spec]);
            assert!(args.iter().any(|arg| arg == verb));
        }
    }

    #[test]
    fn nothing_else_can_be_read_into_a_branch_or_a_commit() {
        for branch in ["main", "miyabi/../main", "miyabi/x:refs/heads/main", "miyabi/a b"] {
            let wrong = Carriage { branch: branch.to_owned(), ..carriage(CarriageWay::Here) };
            assert!(words(&wrong).is_err(), "{branch}");
        }
        for commit in ["HEAD", "--upload-pack=x", ""] {
            let wrong = Carriage { commit: commit.to_owned(), ..carriage(CarriageWay::Here) };
            assert!(words(&wrong).is_err(), "{commit}");
        }
    }
}
