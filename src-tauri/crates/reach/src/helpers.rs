//! The programs that may be put on a host: one a platform, side by side by version.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use crate::ReachError;

/// What a host is, as `uname -sm` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// As in `Linux` and `Darwin`.
    pub system: String,
    /// As in `x86_64`, `aarch64` and `arm64`.
    pub machine: String,
}

impl Platform {
    /// What `uname -sm` says in one line; none when these are not two plain words.
    #[must_use]
    pub fn from_uname(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (system, machine) = (words.next()?, words.next()?);
        let plain = |word: &str| {
            word.len() <= 32
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        (words.next().is_none() && plain(system) && plain(machine))
            .then(|| Self { system: system.to_owned(), machine: machine.to_owned() })
    }

    /// The same platform has the same name: `linux-aarch64` for `Linux arm64` too.
    #[must_use]
    pub fn name(&self) -> String {
        let machine = match self.machine.to_ascii_lowercase().as_str() {
            "arm64" => "aarch64".to_owned(),
            "amd64" => "x86_64".to_owned(),
            other => other.to_owned(),
        };
        format!("{}-{machine}", self.system.to_ascii_lowercase())
    }

    fn name_of_this_machine() -> String {
        let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
        format!("{system}-{}", std::env::consts::ARCH)
    }

    /// How the compiler calls it, for the command that builds a helper.
    fn target(&self) -> String {
        let name = self.name();
        match name.split_once('-') {
            Some(("linux", machine)) => format!("{machine}-unknown-linux-musl"),
            Some(("darwin", machine)) => format!("{machine}-apple-darwin"),
            _ => name,
        }
    }

    /// The command that builds a helper for it.
    pub(crate) fn build_command(&self) -> String {
        format!("cargo xtask helpers --target {}", self.target())
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.system, self.machine)
    }
}

/// Where programs for hosts are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helpers {
    /// The `miyabi-host` of this machine: fits hosts of the same platform.
    pub own: PathBuf,
    /// A folder of `miyabi-host-<system>-<machine>`, in lower case, as `cargo xtask helpers` makes it.
    pub folder: PathBuf,
}

impl Helpers {
    /// The program for hosts of this platform: the one that was built for it, else our own where it fits.
    ///
    /// # Errors
    /// [`ReachError::Unfit`] with the command that builds one.
    pub fn program_for(&self, platform: &Platform) -> Result<PathBuf, ReachError> {
        let name = platform.name();
        let built = self.folder.join(format!("miyabi-host-{name}"));
        if built.is_file() {
            return Ok(built);
        }
        if name == Platform::name_of_this_machine() && self.own.is_file() {
            return Ok(self.own.clone());
        }
        Err(ReachError::Unfit {
            why: format!("no helper for {platform} is here: {} is missing", built.display()),
            remedy: format!("build it: {}", platform.build_command()),
        })
    }
}

/// A program as it is put on hosts.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256, 64 hexadecimal digits.
    pub(crate) hash: String,
}

impl Program {
    /// The name that it has on hosts: by version and content, so that several lie side by side.
    pub(crate) fn name(&self) -> String {
        format!("miyabi-host-{}-{}", env!("CARGO_PKG_VERSION"), &self.hash[..12])
    }
}

type Read = HashMap<PathBuf, (SystemTime, Arc<Program>)>;

/// Programs are some megabytes and do not change in a run, while links break often.
static READ: LazyLock<Mutex<Read>> = LazyLock::new(Mutex::default);

/// Reads a program, or takes the one that was read before where the file is still the same.
pub(crate) fn read(path: &Path) -> io::Result<Arc<Program>> {
    let changed = std::fs::metadata(path)?.modified()?;
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((when, program)) = read.get(path)
        && *when == changed
    {
        return Ok(Arc::clone(program));
    }
    let bytes = std::fs::read(path)?;
    let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let program = Arc::new(Program { bytes, hash });
    read.insert(path.to_owned(), (changed, Arc::clone(&program)));
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arm64_and_aarch64_are_one_and_odd_words_are_none() {
        let platform = |line| Platform::from_uname(line).expect("a platform");
        assert_eq!(platform("Linux aarch64").name(), "linux-aarch64");
        assert_eq!(platform("Darwin arm64").name(), "darwin-aarch64");
        assert_eq!(
            platform("Darwin arm64").build_command(),
            "cargo xtask helpers --target aarch64-apple-darwin"
        );
        for odd in ["", "Linux", "Linux x86_64 more", "Linux ../../etc", "Linux $(id)"] {
            assert_eq!(Platform::from_uname(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_program_built_for_the_platform_goes_before_our_own_and_a_missing_one_names_its_command() {
        let folder = tempfile::tempdir().expect("folder");
        let own = folder.path().join("miyabi-host");
        std::fs::write(&own, "own").expect("file");
        let helpers = Helpers { own: own.clone(), folder: folder.path().join("helpers") };
        let here =
            Platform { system: std::env::consts::OS.to_owned(), machine: std::env::consts::ARCH.to_owned() };
        if cfg!(target_os = "linux") {
            assert_eq!(helpers.program_for(&here), Ok(own));
            std::fs::create_dir(&helpers.folder).expect("folder");
            let built = helpers.folder.join(format!("miyabi-host-{}", here.name()));
            std::fs::write(&built, "built").expect("file");
            assert_eq!(helpers.program_for(&here), Ok(built));
        }
        let other = Platform { system: "Linux".to_owned(), machine: "riscv64".to_owned() };
        let error = helpers.program_for(&other).expect_err("not built").to_string();
        assert!(error.contains("cargo xtask helpers --target riscv64-unknown-linux-musl"), "{error}");
    }
}
