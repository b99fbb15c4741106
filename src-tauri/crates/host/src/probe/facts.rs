//! What is found of the host itself: nothing is made or changed by it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use miyabi_protocol::state_dir::StateDirError;
use miyabi_protocol::{HostFacts, StateDir};
use rustix::fs::Access;

use crate::helper::load;
use crate::{clock, process};

/// How long tmux may take to tell its version.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks at this host for a run whose state folder lies there.
pub(super) fn look(state_dir: &Path) -> HostFacts {
    let nearest = nearest(state_dir);
    HostFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        tmux: tmux(),
        load: load::look(&nearest),
        state_problem: state_problem(state_dir, &nearest),
        ends_at_logout: ends_at_logout(),
        now: clock::now(),
    }
}

/// What is there of a path: the folder itself, or the one that it would be made in.
fn nearest(path: &Path) -> PathBuf {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn tmux() -> Option<String> {
    let answer = process::ask(&["tmux".to_owned(), "-V".to_owned()], LIMIT).ok()?;
    let line = answer.stdout.lines().next().unwrap_or_default().trim().to_owned();
    (answer.succeeded && !line.is_empty()).then_some(line)
}

/// systemd-logind's `KillUserProcesses`; it leaves root alone, as far as nobody says otherwise.
fn ends_at_logout() -> bool {
    if rustix::process::getuid().is_root() {
        return false;
    }
    let login = "org.freedesktop.login1";
    let manager = "org.freedesktop.login1.Manager";
    let asked = ["busctl", "get-property", login, "/org/freedesktop/login1", manager, "KillUserProcesses"];
    // Where there is no systemd, nobody ends anything.
    let answer = process::ask(&asked.map(str::to_owned), LIMIT);
    answer.is_ok_and(|answer| answer.succeeded && is_true(&answer.stdout))
}

/// As `busctl` writes it.
fn is_true(property: &str) -> bool {
    property.trim() == "b true"
}

fn state_problem(state_dir: &Path, nearest: &Path) -> Option<String> {
    match StateDir::existing(state_dir) {
        Ok(_) => None,
        Err(StateDirError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let refused = rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK).err()?;
            Some(format!("{} cannot be made in {}: {refused}", state_dir.display(), nearest.display()))
        }
        Err(error) => Some(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_of_the_system_is_a_warning() {
        assert!(is_true("b true\n"));
        assert!(!is_true("b false\n") && !is_true("") && !is_true("s \"b true\""));
    }

    #[test]
    fn a_host_tells_its_tmux_its_room_and_what_stands_in_the_way() {
        let base = tempfile::tempdir().expect("folder");
        let found = look(&base.path().join("a/b"));
        assert_eq!(found.state_problem, None);
        assert!(found.tmux.is_some_and(|tmux| tmux.starts_with("tmux ")));
        assert!(found.load.disk_free_mib > 0 && found.load.memory_free_mib > 0, "{:?}", found.load);
        assert!(!base.path().join("a").exists(), "nothing is made");

        let link = base.path().join("link");
        std::os::unix::fs::symlink(base.path(), &link).expect("link");
        let problem = look(&link).state_problem.expect("a link is refused");
        assert!(problem.contains("link"), "{problem}");
    }
}
