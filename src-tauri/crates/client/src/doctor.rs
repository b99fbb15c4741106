//! What is installed, what is missing, and the line that mends it.

use std::fs;
use std::path::Path;

use miyabi_api::DoctorLine;
use miyabi_git::MERGES_SINCE;
use miyabi_protocol::StateDir;
use miyabi_protocol::opening::backend_socket;
use miyabi_protocol::state_dir::StateDirError;

use crate::environment::{Environment, is_program};
use crate::programs::printed;

/// Below this much free space a run's logs and journal are in danger.
const LOW_DISK_MIB: u64 = 512;
/// The longest path that a socket may have on macOS; Linux allows a few bytes more.
const MAX_SOCKET_PATH: usize = 103;
/// The oldest tmux with everything that we ask of it.
const MIN_TMUX: (u32, u32) = (3, 0);

/// Looks at everything that a run needs, git where it works on that. Changes nothing but for a probe file that
/// it removes.
#[must_use]
pub fn check_up(environment: &Environment, state_dir: &Path, on_git: bool) -> Vec<DoctorLine> {
    let installer = Installer::of(environment);
    vec![
        tmux(environment, installer),
        our_program("miyabi", &environment.miyabi),
        our_program("miyabi-host", &environment.miyabi_host),
        state_home(environment),
        sockets(environment),
        state_folder(state_dir),
        disk(environment, state_dir),
        git(environment, installer, on_git),
    ]
}

/// The line that installs a package here.
pub(crate) fn install_line(environment: &Environment, package: &str) -> String {
    Installer::of(environment).line(package)
}

fn line(name: &str, required: bool, outcome: Result<String, (String, String)>) -> DoctorLine {
    let (ok, found, remedy) = match outcome {
        Ok(found) => (true, found, String::new()),
        Err((found, remedy)) => (false, found, remedy),
    };
    DoctorLine { name: name.to_owned(), ok, required, for_agents: false, found, remedy }
}

fn tmux(environment: &Environment, installer: Installer) -> DoctorLine {
    let outcome = match environment.find("tmux") {
        None => Err(("not found".to_owned(), installer.line("tmux"))),
        Some(program) => match version(&program, "-V") {
            Some(text) if tmux_is_new_enough(&text) => Ok(text),
            Some(text) => {
                let (major, minor) = MIN_TMUX;
                Err((format!("{text}, older than {major}.{minor}"), installer.line("tmux")))
            }
            None => Err((format!("{} does not start", program.display()), installer.line("tmux"))),
        },
    };
    line("tmux", true, outcome)
}

/// `tmux 3.3a`, `tmux next-3.5`: a text without a number is taken as new enough.
pub(crate) fn tmux_is_new_enough(text: &str) -> bool {
    is_since(text, MIN_TMUX)
}

/// Whether the first number in a text is this version or a later one.
fn is_since(text: &str, least: (u32, u32)) -> bool {
    let digits: String = text
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let mut parts = digits.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    match parts.next() {
        Some(major) if !digits.is_empty() => (major, parts.next().unwrap_or(0)) >= least,
        _ => true,
    }
}

fn our_program(name: &str, file: &Path) -> DoctorLine {
    let outcome = if is_program(file) {
        Ok(version(file, "--version").unwrap_or_else(|| file.display().to_string()))
    } else {
        let remedy = "cargo build --release --package miyabi-cli --package miyabi-host".to_owned();
        Err((format!("not found at {}", file.display()), remedy))
    };
    line(name, true, outcome)
}

fn git(environment: &Environment, installer: Installer, required: bool) -> DoctorLine {
    let (major, minor) = MERGES_SINCE;
    let outcome = match environment.find("git").and_then(|program| version(&program, "--version")) {
        None => Err(("not found; work trees need it".to_owned(), installer.line("git"))),
        Some(text) if is_since(&text, MERGES_SINCE) => Ok(text),
        Some(text) => {
            Err((format!("{text}, older than {major}.{minor}; work trees need that"), installer.line("git")))
        }
    };
    line("git", required, outcome)
}

fn state_home(environment: &Environment) -> DoctorLine {
    let folder = &environment.state_home;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&probe, b"probe"));
    let _ = fs::remove_file(&probe);
    let outcome = written.map(|()| folder.display().to_string()).map_err(|error| {
        let remedy = format!("make {} writable, or set XDG_STATE_HOME to a folder that is", folder.display());
        (format!("{} is not writable: {error}", folder.display()), remedy)
    });
    line("state home", true, outcome)
}

fn sockets(environment: &Environment) -> DoctorLine {
    let folder = &environment.runtime_dir;
    let longest = backend_socket(folder, "0123456789ab").as_os_str().len();
    let outcome = if longest <= MAX_SOCKET_PATH {
        Ok(folder.display().to_string())
    } else {
        let found = format!("{} is too long for a socket", folder.display());
        Err((found, "set XDG_RUNTIME_DIR to a folder with a shorter path".to_owned()))
    };
    line("runtime folder", true, outcome)
}

fn state_folder(state_dir: &Path) -> DoctorLine {
    let shown = state_dir.display();
    let outcome = match StateDir::existing(state_dir) {
        Ok(_) => Ok(shown.to_string()),
        Err(StateDirError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(format!("{shown} (made by the first run)"))
        }
        Err(error) => Err((error.to_string(), "choose another with --state-dir".to_owned())),
    };
    line("state folder", true, outcome)
}

fn disk(environment: &Environment, state_dir: &Path) -> DoctorLine {
    let places = [environment.state_home.as_path(), state_dir];
    let free = places.iter().filter_map(|place| free_mib(place).map(|mib| (mib, place))).min();
    let outcome = match free {
        None => Ok("not known".to_owned()),
        Some((mib, _)) if mib >= LOW_DISK_MIB => Ok(format!("{} free", mebibytes(mib))),
        Some((mib, place)) => {
            let found = format!("{} free at {}", mebibytes(mib), place.display());
            Err((found, "free some space: logs and journal must always be writable".to_owned()))
        }
    };
    line("disk space", false, outcome)
}

/// The free space where a path lies, or would lie once it is made.
fn free_mib(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize) / (1024 * 1024))
}

pub(crate) fn mebibytes(mib: u64) -> String {
    if mib >= 10 * 1024 { format!("{} GiB", mib / 1024) } else { format!("{mib} MiB") }
}

/// The first line that a program prints of its version.
fn version(program: &Path, flag: &str) -> Option<String> {
    let text = printed(program, &[flag])?.lines().next().unwrap_or_default().trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// How packages are installed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installer {
    Brew,
    Apt,
    Dnf,
    Pacman,
    Apk,
    Unknown,
}

impl Installer {
    fn of(environment: &Environment) -> Self {
        if cfg!(target_os = "macos") {
            return Self::Brew;
        }
        let known = [
            ("apt-get", Self::Apt),
            ("dnf", Self::Dnf),
            ("pacman", Self::Pacman),
            ("apk", Self::Apk),
            ("brew", Self::Brew),
        ];
        known
            .into_iter()
            .find(|(name, _)| environment.find(name).is_some())
            .map_or(Self::Unknown, |(_, installer)| installer)
    }

    fn line(self, package: &str) -> String {
        match self {
            Self::Brew => format!("brew install {package}"),
            Self::Apt => format!("sudo apt-get install -y {package}"),
            Self::Dnf => format!("sudo dnf install -y {package}"),
            Self::Pacman => format!("sudo pacman -S {package}"),
            Self::Apk => format!("sudo apk add {package}"),
            Self::Unknown => format!("install {package} with your system's package manager"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn environment(base: &Path) -> Environment {
        Environment {
            state_home: base.join("state"),
            runtime_dir: base.join("run"),
            miyabi: base.join("miyabi"),
            miyabi_host: base.join("miyabi-host"),
            path: Vec::new(),
        }
    }

    #[test]
    fn what_is_missing_is_named_with_the_line_that_mends_it() {
        let base = tempfile::tempdir().expect("folder");
        let lines = check_up(&environment(base.path()), &base.path().join("none"), false);
        let of = |name: &str| lines.iter().find(|line| line.name == name).cloned().expect("a line");
        assert!(!of("tmux").ok && of("tmux").required && of("tmux").remedy.contains("tmux"));
        assert!(!of("miyabi-host").ok && of("miyabi-host").found.contains("miyabi-host"));
        assert!(of("state home").ok && of("runtime folder").ok && of("state folder").ok);
        assert!(!of("git").ok && !of("git").required);
        let lines = check_up(&environment(base.path()), &base.path().join("none"), true);
        assert!(lines.iter().any(|line| line.name == "git" && line.required), "a plan on git needs it");
        let left: Vec<PathBuf> =
            fs::read_dir(base.path().join("state")).expect("made").flatten().map(|e| e.path()).collect();
        assert!(left.is_empty(), "the probe is gone: {left:?}");
    }

    #[test]
    fn a_state_folder_that_is_a_link_is_told() {
        let base = tempfile::tempdir().expect("folder");
        let link = base.path().join("link");
        std::os::unix::fs::symlink(base.path(), &link).expect("link");
        let found = state_folder(&link);
        assert!(!found.ok && found.found.contains("symbolic link"), "{found:?}");
    }

    #[test]
    fn versions_of_git_are_compared_by_their_numbers() {
        for (text, good) in [
            ("git version 2.47.3", true),
            ("git version 2.38.0 (Apple Git-1)", true),
            ("git version 2.37.9", false),
            ("git version 3.0", true),
        ] {
            assert_eq!(is_since(text, MERGES_SINCE), good, "{text}");
        }
    }

    #[test]
    fn versions_of_tmux_are_compared_by_their_numbers() {
        for (text, good) in [
            ("tmux 3.3a", true),
            ("tmux 3.0", true),
            ("tmux next-3.6", true),
            ("tmux 2.9a", false),
            ("tmux master", true),
        ] {
            assert_eq!(tmux_is_new_enough(text), good, "{text}");
        }
    }
}
