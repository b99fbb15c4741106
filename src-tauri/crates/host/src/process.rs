//! The one place that starts processes.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use miyabi_agents::Launch;
use pty_process::{Pty, Size};
use tokio::process::Child;

/// What a short command gave back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a short command to its end; one that takes longer than `limit` is killed.
pub(crate) fn ask(argv: &[String], limit: Duration) -> io::Result<Answer> {
    let Some((program, args)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an empty command"));
    };
    #[expect(clippy::disallowed_methods, reason = "this module is the one that starts processes")]
    let mut command = Command::new(program);
    let mut child =
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        let stderr = thread::spawn(move || read_all(stderr));
        let stdout = read_all(stdout);
        // The receiver is gone when the limit has passed; nobody wants the text then.
        let _late = done.send((stdout, stderr.join().unwrap_or_default()));
    });
    let Ok((stdout, stderr)) = wait.recv_timeout(limit) else {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer in {} s", limit.as_secs())));
    };
    Ok(Answer { succeeded: child.wait()?.success(), stdout, stderr })
}

fn read_all(stream: Option<impl io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What was read before an error is still worth showing.
        let _cut = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the new process reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    Piped,
    Nothing,
    /// The terminal that we have ourselves, for all its streams.
    Terminal,
}

/// Starts an agent's program or an acceptance check in a process group of its own.
pub(crate) fn start(launch: &Launch, input: Input) -> io::Result<Child> {
    let Some((program, args)) = launch.argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    #[expect(clippy::disallowed_methods, reason = "this module is the one that starts processes")]
    let mut command = tokio::process::Command::new(program);
    command
        .args(args)
        // The pane is ours: a program that found it could type into it.
        .env_remove("TMUX")
        .env_remove("TMUX_PANE")
        // A Claude Code that finds itself within another one refuses to begin.
        .env_remove("CLAUDECODE")
        .env_remove("CLAUDE_CODE_ENTRYPOINT")
        .envs(&launch.environment);
    match input {
        // In a group of its own it would be stopped when it reads from the terminal.
        Input::Terminal => &mut command,
        Input::Piped => command.stdin(Stdio::piped()).process_group(0),
        Input::Nothing => command.stdin(Stdio::null()).process_group(0),
    };
    if input != Input::Terminal {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    if let Some(folder) = &launch.work_folder {
        command.current_dir(folder);
    }
    command.spawn()
}

/// Starts a program on a terminal of its own, of which the other end is given back. It is killed when
/// whoever holds it lets go.
pub(crate) fn start_on_terminal(argv: &[String], size: Size) -> io::Result<(Pty, Child)> {
    let Some((program, args)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"));
    };
    let (pty, inner) = pty_process::open().map_err(io::Error::other)?;
    pty.resize(size).map_err(io::Error::other)?;
    let command = pty_process::Command::new(program)
        .args(args)
        // TMUX stays: it names the server that our other tmux calls reach, where it is not the usual one.
        .env_remove("TMUX_PANE")
        .env("TERM", "xterm-256color")
        .kill_on_drop(true);
    let child = command.spawn(inner).map_err(io::Error::other)?;
    Ok((pty, child))
}

/// Starts a service of git for the other end of a stream. It is killed when whoever holds it lets go.
pub(crate) fn start_service(line: &miyabi_git::CommandLine, streams: [Stdio; 3]) -> io::Result<Child> {
    #[expect(clippy::disallowed_methods, reason = "this module is the one that starts processes")]
    let mut command = tokio::process::Command::new(&line.program);
    let [stdin, stdout, stderr] = streams;
    for name in &line.unset {
        command.env_remove(name);
    }
    command.args(&line.args).envs(line.env.iter().map(|(name, value)| (name, value)));
    command.stdin(stdin).stdout(stdout).stderr(stderr).kill_on_drop(true).process_group(0).spawn()
}

/// The exit code and the signal of an end.
pub(crate) fn code_and_signal(status: ExitStatus) -> (Option<i32>, Option<i32>) {
    (status.code(), status.signal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_hangs_is_killed() {
        let argv = ["sleep".to_owned(), "60".to_owned()];
        let error = ask(&argv, Duration::from_millis(50)).expect_err("over its limit");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
