//! The one place that starts programs: `ssh`, `ssh-keygen`, and those of a plan's command transport.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::stream::Said;

/// How long a program has for its end after it was asked to.
const GRACE: Duration = Duration::from_secs(2);

/// Variables that name the terminal and the agent program that this process runs in.
const OF_THIS_PROCESS: [&str; 4] = ["TMUX", "TMUX_PANE", "CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"];

/// What a short program gave back.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn command(argv: &[OsString]) -> io::Result<Command> {
    let (program, args) =
        argv.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "an empty command"))?;
    #[expect(clippy::disallowed_methods, reason = "this module is the one that starts programs")]
    let mut command = Command::new(program);
    // In a group of its own: Ctrl-C in our window is not for it, and its children end with it.
    command.args(args).process_group(0).kill_on_drop(true);
    // Some ways to a host hand our environment on, and what we run in is not the host's.
    for name in OF_THIS_PROCESS {
        command.env_remove(name);
    }
    Ok(command)
}

/// Runs a short program to its end; when this is cancelled, or takes too long, it is killed.
pub(crate) async fn ask(argv: &[OsString], limit: Duration) -> io::Result<Answer> {
    let run = command(argv)?.stdin(Stdio::null()).output();
    let Ok(output) = tokio::time::timeout(limit, run).await else {
        let program = argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        let why = format!("{program} gave no answer in {} s", limit.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, why));
    };
    let output = output?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Answer { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// A program that runs as long as this is kept: dropping it ends the program and its children.
#[derive(Debug)]
pub(crate) struct Running {
    _until_dropped: oneshot::Sender<()>,
}

/// Starts a program with both its streams on one socket, as a stand-in for a connection.
pub(crate) fn start_on(argv: &[OsString], socket: OwnedFd, said: &Said) -> io::Result<Running> {
    let again = socket.try_clone()?;
    let child = command(argv)?
        .stdin(Stdio::from(socket))
        .stdout(Stdio::from(again))
        .stderr(Stdio::piped())
        .spawn()?;
    Ok(attend(child, said))
}

/// A program with its streams.
pub(crate) struct Piped {
    pub(crate) stdin: tokio::process::ChildStdin,
    pub(crate) stdout: tokio::process::ChildStdout,
    pub(crate) running: Running,
}

/// Starts a program on pipes.
pub(crate) fn start_piped(argv: &[OsString], said: &Said) -> io::Result<Piped> {
    let mut child =
        command(argv)?.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("the system gave no pipes"));
    };
    Ok(Piped { stdin, stdout, running: attend(child, said) })
}

/// Hears what a program says on its stderr, and ends it when nobody keeps it any more.
fn attend(mut child: Child, said: &Said) -> Running {
    let (until_dropped, dropped) = oneshot::channel::<()>();
    if let Some(mut stderr) = child.stderr.take() {
        let listening = said.listen();
        tokio::spawn(async move {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
                listening.hear(&buffer[..read]);
            }
        });
    }
    let said = said.clone();
    tokio::spawn(async move {
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        tokio::select! {
            status = child.wait() => {
                if let Ok(status) = status && !status.success() {
                    said.broke(format!("the command ended: {status}"));
                }
            }
            _ = dropped => end(&mut child, group).await,
        }
    });
    Running { _until_dropped: until_dropped }
}

async fn end(child: &mut Child, group: Option<Pid>) {
    for signal in [Signal::TERM, Signal::KILL] {
        if let Some(group) = group {
            // It may have ended by itself.
            let _gone = kill_process_group(group, signal);
        }
        if tokio::time::timeout(GRACE, child.wait()).await.is_ok() && signal == Signal::KILL {
            return;
        }
    }
}
