//! Starting other programs: the only place of xtask that does.
//!
//! A [`Program`] is a value that can be built, compared and shown without being run; its arguments
//! are never joined into a shell line.
#![expect(clippy::disallowed_methods, reason = "this module owns the starting of programs in xtask")]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// A program that could be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    argv: Vec<OsString>,
    folder: Option<PathBuf>,
    set: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
}

impl Program {
    pub(crate) fn new(program: impl Into<OsString>) -> Self {
        Self { argv: vec![program.into()], folder: None, set: Vec::new(), unset: Vec::new() }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.argv.push(argument.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.argv.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.set.push((name.into(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.unset.push(name.into());
        self
    }

    /// The same program as the arguments of another, as in `sudo …` or `dbus-run-session -- …`.
    pub(crate) fn under<A: Into<OsString>>(mut self, outer: impl IntoIterator<Item = A>) -> Self {
        let mut argv: Vec<OsString> = outer.into_iter().map(Into::into).collect();
        argv.append(&mut self.argv);
        self.argv = argv;
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        for name in &self.unset {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
        command
    }

    fn not_started(&self) -> String {
        format!("cannot start `{self}`")
    }

    /// Runs it with our own terminal; anything but exit code 0 is an error.
    pub(crate) fn run(&self) -> Result<()> {
        let status = self.command().status().with_context(|| self.not_started())?;
        if !status.success() {
            bail!("`{self}` ended with {status}");
        }
        Ok(())
    }

    /// Runs it and returns what it wrote to its standard output.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self.command().stderr(Stdio::inherit()).output().with_context(|| self.not_started())?;
        if !output.status.success() {
            bail!("`{self}` ended with {}", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` wrote what is not UTF-8"))
    }

    /// Runs it with everything it writes thrown away, and says whether it ended with 0.
    pub(crate) fn succeeds(&self) -> bool {
        let quiet = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
        };
        quiet(&mut self.command()).is_ok_and(|status| status.success())
    }

    /// What it wrote to its standard output, when it ended with 0; nothing of it is shown.
    pub(crate) fn quiet_output(&self) -> Option<String> {
        let output = self.command().stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts it in the background; what it writes goes to a file.
    pub(crate) fn start(&self, log: &Path) -> Result<Child> {
        let file = std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let again = file.try_clone().context("cannot use the log twice")?;
        self.command()
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn()
            .with_context(|| self.not_started())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.argv.iter().map(|word| word.to_string_lossy()).collect();
        f.write_str(&words.join(" "))
    }
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outer_program_keeps_every_argument_whole() {
        let program = Program::new("a b").arg("$(c)").under(["sudo", "-n"]);
        assert_eq!(program.argv, ["sudo", "-n", "a b", "$(c)"]);
    }

    #[test]
    fn an_exit_code_other_than_zero_is_an_error_that_names_the_program() {
        let error = Program::new("false").run().expect_err("false fails").to_string();
        assert!(error.contains("`false` ended with"), "{error}");
        let error = Program::new("no-such-program").run().expect_err("absent").to_string();
        assert!(error.contains("cannot start `no-such-program`"), "{error}");
    }
}
