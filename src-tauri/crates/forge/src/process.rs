//! Git and `gh`, started so that nothing asks a person and no hook runs.

#![expect(clippy::disallowed_methods, reason = "this module owns the starting of programs")]

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::ForgeError;
use crate::error::plain;

/// How long a program may take that only looks something up.
const LOOK_UP: Duration = Duration::from_secs(20);
/// How long a push may take.
const PUSH: Duration = Duration::from_secs(600);
/// How many lines of git's own words are passed on.
const LINES: usize = 6;
/// What would lead git to another repository than the one that is named.
const ELSEWHERE: [&str; 6] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"];

fn git(repository: &Path) -> Command {
    let mut command = Command::new("git");
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command.arg("-C").arg(repository);
    // An empty GIT_ASKPASS means none, not even the desktop's; then the terminal, which is off, too.
    for setting in ["core.hooksPath=/dev/null", "protocol.ext.allow=never", "credential.interactive=false"] {
        command.args(["-c", setting]);
    }
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ASKPASS", "").env("GCM_INTERACTIVE", "never");
    command.env("LC_ALL", "C");
    command
}

async fn run(mut command: Command, input: &str, limit: Duration) -> Result<Output, String> {
    let piped = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
    let [stdin, stdout, stderr] = piped;
    let mut child = command
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let told = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = told {
            // A program that does not listen may answer all the same.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await.map_err(|error| error.to_string())
    };
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

/// The last lines that a program said.
fn said(output: &Output) -> String {
    let text = plain(&String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("; ")
}

/// The address of a remote, as git reads its settings.
pub(crate) async fn remote_url(repository: &Path, remote: &str) -> Result<String, ForgeError> {
    let mut command = git(repository);
    command.args(["remote", "get-url", "--", remote]);
    let output = run(command, "", LOOK_UP).await.map_err(|why| not_started(&why))?;
    if !output.status.success() {
        let message = format!("the repository {} has no remote `{remote}`", repository.display());
        return Err(ForgeError::new(message)
            .hint(format!("git -C {} remote -v   lists those that it has", repository.display()))
            .hint("\"git\": { \"remote\": \"…\" } in task_dag.json names another"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Pushes a branch of the run. It is the run's own, so it may be moved.
pub(crate) async fn push(repository: &Path, remote: &str, branch: &str) -> Result<(), ForgeError> {
    let mut command = git(repository);
    command.args(["push", "--quiet", "--no-verify", "--recurse-submodules=no", "--", remote]);
    command.arg(format!("+refs/heads/{branch}:refs/heads/{branch}"));
    if !has_own_ssh(repository).await {
        // It would ask for passwords and unknown keys on the terminal.
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
    }
    let failed = |why: &str| {
        ForgeError::new(format!("git cannot push {branch} to {remote}: {why}"))
            .hint(format!("git -C {} push {remote} {branch}   shows it", repository.display()))
            .hint("gh auth setup-git   lets git use the log-in of gh")
    };
    let output = run(command, "", PUSH).await.map_err(|why| failed(&why))?;
    if output.status.success() { Ok(()) } else { Err(failed(&said(&output))) }
}

/// Whether the person has said how git uses SSH.
async fn has_own_ssh(repository: &Path) -> bool {
    if ["GIT_SSH_COMMAND", "GIT_SSH"].iter().any(|name| std::env::var_os(name).is_some()) {
        return true;
    }
    let mut command = git(repository);
    command.args(["config", "--get", "core.sshCommand"]);
    run(command, "", LOOK_UP).await.is_ok_and(|output| output.status.success())
}

/// What `gh` says is the token of a host.
pub(crate) async fn gh_token(host: &str) -> Option<String> {
    let mut command = Command::new("gh");
    command.args(["auth", "token", "--hostname", host]).env("GH_PROMPT_DISABLED", "1");
    let output = run(command, "", LOOK_UP).await.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// What git's credential helpers answer for a host: lines of `name=value`.
pub(crate) async fn credential(repository: &Path, protocol: &str, host: &str) -> Option<String> {
    let mut command = git(repository);
    command.args(["credential", "fill"]);
    let input = format!("protocol={protocol}\nhost={host}\n\n");
    let output = run(command, &input, LOOK_UP).await.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn not_started(why: &str) -> ForgeError {
    ForgeError::new(format!("git cannot be started: {why}")).hint("miyabi doctor   says how it is installed")
}
