//! What this project needs of the system: which of it is missing, and the lines that install it.
//!
//! Nothing is installed unsaid: the line is printed first.

use std::io::IsTerminal as _;

use anyhow::{Context as _, Result};

use crate::process::{Program, on_path};
use crate::project;

/// One package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name on Debian and Ubuntu; none where it is not needed there.
    debian: Option<&'static str>,
    /// Its name in Homebrew; none where macOS has it or does not need it.
    brew: Option<&'static str>,
    /// The program that it brings; a program that is there already is enough.
    program: Option<&'static str>,
}

const fn library(debian: &'static str) -> Package {
    Package { debian: Some(debian), brew: None, program: None }
}

const fn linux(debian: &'static str, program: &'static str) -> Package {
    Package { debian: Some(debian), brew: None, program: Some(program) }
}

const fn both_as(debian: &'static str, brew: &'static str, program: &'static str) -> Package {
    Package { debian: Some(debian), brew: Some(brew), program: Some(program) }
}

const fn both(name: &'static str) -> Package {
    Package { debian: Some(name), brew: Some(name), program: Some(name) }
}

/// For a run in the terminal. The SSH library is built here, on the system's OpenSSL; `ssh` itself is
/// asked about its configuration.
pub(crate) const TERMINAL: &[Package] = &[
    both("tmux"),
    both("git"),
    Package { debian: Some("libssl-dev"), brew: Some("openssl@3"), program: None },
    both_as("pkg-config", "pkgconf", "pkg-config"),
    linux("openssh-client", "ssh"),
];

/// For the window, beside [`TERMINAL`].
pub(crate) const WINDOW: &[Package] = &[
    library("libwebkit2gtk-4.1-dev"),
    library("libayatana-appindicator3-dev"),
    library("librsvg2-dev"),
    linux("dbus", "dbus-run-session"),
];

/// For the tests, beside the others. The fonts are for screenshots in Japanese.
pub(crate) const TESTS: &[Package] = &[
    linux("python3", "python3"),
    linux("webkit2gtk-driver", "WebKitWebDriver"),
    linux("xvfb", "Xvfb"),
    linux("xdotool", "xdotool"),
    // Hosts of the tests' own, with the shells that people have there, and a cluster of one node.
    linux("openssh-server", "sshd"),
    linux("fish", "fish"),
    linux("zsh", "zsh"),
    linux("tcsh", "tcsh"),
    linux("slurm-wlm", "srun"),
    linux("munge", "munged"),
    library("fonts-dejavu"),
    library("fonts-noto-cjk"),
];

/// For the tests with real agent programs: they run the project that the agents wrote.
pub(crate) const AGENTS: &[Package] = &[
    linux("python3", "python3"),
    library("python3-pytest"),
    linux("iproute2", "ip"),
    linux("util-linux", "unshare"),
    linux("make", "make"),
];

/// For the tests on two hosts: each is a network namespace with an SSH server.
pub(crate) const HOSTS: &[Package] = &[
    linux("openssh-server", "sshd"),
    linux("openssh-client", "ssh"),
    linux("nftables", "nft"),
    linux("iproute2", "ip"),
    linux("util-linux", "unshare"),
];

/// Who installs packages here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installer {
    Apt,
    Brew,
}

impl Installer {
    fn here() -> Option<Self> {
        if cfg!(target_os = "macos") {
            return on_path("brew").then_some(Self::Brew);
        }
        (on_path("apt-get") && on_path("dpkg-query")).then_some(Self::Apt)
    }
}

/// Installs what is missing of these, or says what a person has to install and goes on: what
/// really cannot work without it says so itself.
pub(crate) fn ensure(wanted: &[&[Package]]) -> Result<()> {
    let wanted: Vec<Package> = wanted.concat();
    let Some(installer) = Installer::here() else {
        let missing = absent_programs(&wanted);
        if !missing.is_empty() {
            println!("    neither apt-get nor brew is here; please install: {}", missing.join(" "));
        }
        return Ok(());
    };
    let missing = missing(installer, &wanted);
    if missing.is_empty() {
        println!("    all packages are here");
        return Ok(());
    }
    let rights = Rights::of_this_process();
    let lines = install_lines(installer, rights, &missing);
    if lines.is_empty() {
        println!("    missing, and neither root nor sudo is here to install it: {}", missing.join(" "));
        return Ok(());
    }
    println!("    installing {}", missing.join(" "));
    for line in lines {
        println!("    $ {line}");
        line.run().with_context(|| format!("please install by hand: {}", missing.join(" ")))?;
    }
    Ok(())
}

fn missing(installer: Installer, wanted: &[Package]) -> Vec<&'static str> {
    let absent = wanted.iter().filter(|package| !package.program.is_some_and(on_path));
    match installer {
        Installer::Brew => absent.filter_map(|package| package.brew).collect(),
        Installer::Apt => {
            absent.filter_map(|package| package.debian).filter(|name| !debian_has(name)).collect()
        }
    }
}

fn absent_programs(wanted: &[Package]) -> Vec<&'static str> {
    wanted.iter().filter_map(|package| package.program).filter(|program| !on_path(program)).collect()
}

fn debian_has(package: &str) -> bool {
    // A package of several architectures has one line each; one that is installed is enough.
    let call = Program::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}\n", package]);
    call.quiet_output().is_some_and(|text| text.lines().any(|line| line == "installed"))
}

/// What this process may do to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    Root,
    /// A person is there who can type a password.
    SudoAsking,
    /// Nobody is there: sudo works without a password or not at all.
    SudoSilent,
    None,
}

impl Rights {
    fn of_this_process() -> Self {
        let id = Program::new("id").arg("-u").output().unwrap_or_default();
        if id.trim() == "0" {
            return Self::Root;
        }
        if !on_path("sudo") {
            return Self::None;
        }
        if std::io::stdin().is_terminal() {
            return Self::SudoAsking;
        }
        if Program::new("sudo").args(["-n", "true"]).succeeds() { Self::SudoSilent } else { Self::None }
    }

    fn raise(self, program: Program) -> Option<Program> {
        match self {
            Self::Root => Some(program),
            Self::SudoAsking => Some(program.under(["sudo"])),
            Self::SudoSilent => Some(program.under(["sudo", "-n"])),
            Self::None => None,
        }
    }
}

/// The lines that install these packages; none when nobody here may.
fn install_lines(installer: Installer, rights: Rights, packages: &[&str]) -> Vec<Program> {
    match installer {
        // Homebrew refuses to be run by root and asks for what it needs itself.
        Installer::Brew => vec![Program::new("brew").arg("install").args(packages)],
        Installer::Apt => {
            let apt = || Program::new("env").args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]);
            let install = apt().args(["install", "-y", "--no-install-recommends"]).args(packages);
            let lines: Vec<_> =
                [apt().arg("update"), install].into_iter().filter_map(|line| rights.raise(line)).collect();
            lines
        }
    }
}

/// Installs cargo-nextest where it is missing.
pub(crate) fn ensure_nextest() -> Result<()> {
    if project::cargo().args(["nextest", "--version"]).succeeds() {
        return Ok(());
    }
    let install = project::cargo().args(["install", "cargo-nextest", "--locked"]);
    println!("    installing cargo-nextest\n    $ {install}");
    install.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(installer: Installer, rights: Rights) -> Vec<String> {
        install_lines(installer, rights, &["tmux", "jq"]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_lines_that_install_fit_the_system_and_the_rights() {
        let apt = "env DEBIAN_FRONTEND=noninteractive apt-get -q";
        let install = format!("{apt} install -y --no-install-recommends tmux jq");
        assert_eq!(lines(Installer::Apt, Rights::Root), [format!("{apt} update"), install.clone()]);
        assert_eq!(lines(Installer::Apt, Rights::SudoAsking)[1], format!("sudo {install}"));
        assert_eq!(lines(Installer::Apt, Rights::SudoSilent)[1], format!("sudo -n {install}"));
        assert!(lines(Installer::Apt, Rights::None).is_empty());
        assert_eq!(lines(Installer::Brew, Rights::None), ["brew install tmux jq"]);
    }

    #[test]
    fn a_program_that_is_there_needs_no_package() {
        let here = Package { debian: Some("no-such-package"), brew: Some("no-such"), program: Some("sh") };
        let absent = Package { debian: None, brew: Some("no-such"), program: Some("no-such-program") };
        assert!(missing(Installer::Brew, &[here]).is_empty());
        assert_eq!(missing(Installer::Brew, &[here, absent]), ["no-such"]);
        assert_eq!(absent_programs(&[here, absent]), ["no-such-program"]);
    }
}
