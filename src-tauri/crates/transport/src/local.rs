//! A helper on this machine: a child process that speaks frames on its stdin and stdout.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::link::{Link, LinkReceiver, LinkSender};

/// Where the helper's own messages to people go.
#[derive(Debug)]
pub enum Stderr {
    /// To the same place as ours.
    Inherited,
    /// To this file.
    File(File),
}

/// Why a helper could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the helper {}: {source}; is miyabi-host installed beside miyabi?", program.display())]
pub struct SpawnError {
    /// The program.
    pub program: PathBuf,
    /// The system's word.
    pub source: io::Error,
}

/// A helper that was started.
#[derive(Debug)]
pub struct LocalHelper {
    /// To the helper. When every clone is dropped the helper sees the end of its stdin and exits.
    pub sender: LinkSender,
    /// From the helper.
    pub receiver: LinkReceiver,
    /// The process.
    pub process: HelperProcess,
}

/// The process of a helper. Dropping it does not end it.
#[derive(Debug)]
pub struct HelperProcess(Child);

impl HelperProcess {
    /// Its process id; none after its end was awaited.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.0.id()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}

/// Starts a helper, in a process group of its own: Ctrl-C in the backend's window is not for it.
/// `environment` is added to ours.
///
/// # Errors
/// When the program cannot be started.
pub fn spawn(
    program: &Path,
    args: &[String],
    environment: &[(String, String)],
    stderr: Stderr,
) -> Result<LocalHelper, SpawnError> {
    let refused = |source| SpawnError { program: program.to_owned(), source };
    #[expect(clippy::disallowed_methods, reason = "this module is the one that starts helpers")]
    let mut command = Command::new(program);
    let mut child = command
        .args(args)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(match stderr {
            Stderr::Inherited => Stdio::inherit(),
            Stderr::File(file) => Stdio::from(file),
        })
        .process_group(0)
        .kill_on_drop(false)
        .spawn()
        .map_err(refused)?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(refused(io::Error::other("the system gave no pipes")));
    };
    let (sender, receiver) = Link::new(stdout, stdin).split();
    Ok(LocalHelper { sender, receiver, process: HelperProcess(child) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::frame::Frame;

    #[tokio::test(flavor = "current_thread")]
    async fn frames_pass_through_a_child_and_closing_ends_it() {
        let mut helper = spawn(Path::new("cat"), &[], &[], Stderr::Inherited).expect("cat starts");
        helper.sender.message(&"echo").expect("sent");
        let frame = helper.receiver.recv().await.expect("sound").expect("a frame");
        assert_eq!(frame, Frame::control(&"echo").expect("json"));
        drop(helper.sender);
        assert_eq!(helper.receiver.recv().await.expect("sound"), None);
        assert!(helper.process.wait().await.expect("status").success());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_missing_program_is_named() {
        let error =
            spawn(Path::new("/no/such/miyabi-host"), &[], &[], Stderr::Inherited).expect_err("missing");
        assert!(error.to_string().contains("/no/such/miyabi-host"), "{error}");
    }
}
