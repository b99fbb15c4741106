//! The git program, started beside the loop: with the environment of `miyabi_git`, in a process group of its
//! own that ends with its caller.
#![expect(clippy::disallowed_methods, reason = "this module is the one that starts git")]

use std::process::Stdio;

use miyabi_git::CommandLine;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

/// As many bytes of git's own words as are kept.
const WORDS: usize = 1200;

/// A git program at work. It is asked to end, with all that it started, when this is dropped before its end:
/// then it removes its locks itself.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    /// Starts it.
    pub(super) fn start(line: &CommandLine) -> Result<Self, String> {
        let mut command = Command::new(&line.program);
        for name in &line.unset {
            command.env_remove(name);
        }
        command.envs(line.env.iter().map(|(name, value)| (name, value))).args(&line.args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn().map_err(|error| format!("git cannot be started: {error}"))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Waits for its end; its last words where that was not a good one.
    pub(super) async fn done(mut self) -> Result<(), String> {
        let stderr = self.child.stderr.take();
        let (words, status) = tokio::join!(last_words(stderr), self.child.wait());
        self.group = None;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) if words.is_empty() => Err(format!("git ended with {status}")),
            Ok(_) => Err(words),
            Err(error) => Err(format!("git cannot be waited for: {error}")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may have ended by itself just now.
            let _gone = kill_process_group(group, Signal::TERM);
        }
    }
}

/// The last lines that a program says, however much it says.
async fn last_words(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), vec![0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(WORDS);
        kept.drain(..surplus);
    }
    let text = String::from_utf8_lossy(&kept);
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("hint:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[tokio::test]
    async fn what_git_says_last_is_the_problem() {
        let line = miyabi_git::command_line(Path::new("/"), &["rev-parse", "--git-dir"]);
        let said = Running::start(&line).expect("git").done().await.expect_err("no repository");
        assert!(said.contains("not a git repository"), "{said}");
        let endless = vec![b'x'; 100_000];
        assert_eq!(last_words(Some(&endless[..])).await.len(), WORDS);
    }
}
