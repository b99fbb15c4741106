//! The branches of a run, pushed to the plan's remote with the person's own credentials. What fails is told
//! and holds nothing up.

use std::path::PathBuf;
use std::time::Duration;

use miyabi_git::{CommandLine, command_line};
use tokio::sync::{mpsc, watch};

use super::process::Running;
use crate::runtime::Input;

/// How long one push may take.
const WITHIN: Duration = Duration::from_secs(600);

/// Pushes, one push at a time.
#[derive(Debug)]
pub(crate) struct Pusher {
    wanted: watch::Sender<u64>,
}

impl Pusher {
    /// Begins to serve; nothing is pushed before it is asked for.
    pub(crate) fn start(
        repository: PathBuf,
        remote: String,
        run_id: String,
        inputs: mpsc::UnboundedSender<Input>,
    ) -> Self {
        let (wanted, mut asked) = watch::channel(0);
        tokio::spawn(async move {
            while asked.changed().await.is_ok() {
                let text = match push(&repository, &remote, &run_id).await {
                    Ok(()) => continue,
                    Err(why) => format!("the run's branches cannot be pushed to {remote}: {why}"),
                };
                if inputs.send(Input::Told(text)).is_err() {
                    return;
                }
            }
        });
        Self { wanted }
    }

    /// Pushes all branches of the run as they are by then.
    pub(crate) fn push(&self) {
        self.wanted.send_modify(|count| *count += 1);
    }
}

async fn push(repository: &std::path::Path, remote: &str, run_id: &str) -> Result<(), String> {
    let git = Running::start(&words(repository, remote, run_id)?)?;
    tokio::time::timeout(WITHIN, git.done())
        .await
        .unwrap_or_else(|_| Err(format!("it did not end within {} s", WITHIN.as_secs())))
}

/// A remote is a name in the repository's settings, and nothing that git could take for an address.
fn words(repository: &std::path::Path, remote: &str, run_id: &str) -> Result<CommandLine, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if remote.is_empty() || remote.starts_with(['-', '.']) || !remote.bytes().all(plain) {
        return Err("that is no name of a remote: `git remote` lists them".to_owned());
    }
    let spec = format!("+refs/heads/miyabi/{run_id}/*:refs/heads/miyabi/{run_id}/*");
    let push = ["push", "--quiet", "--no-verify", "--no-follow-tags", "--recurse-submodules=no", "--"];
    let words: Vec<&str> = push.into_iter().chain([remote, spec.as_str()]).collect();
    Ok(command_line(repository, &words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_remote_is_a_name_and_no_address() {
        for wrong in ["", "--mirror", "ext::sh", "/tmp/x", "../x", "host:path"] {
            assert!(words(Path::new("/r"), wrong, "run-1").is_err(), "{wrong}");
        }
        let args = words(Path::new("/r"), "origin", "run-1").expect("a push").args;
        let last = "+refs/heads/miyabi/run-1/*:refs/heads/miyabi/run-1/*";
        assert_eq!(args[args.len() - 3..], ["--", "origin", last]);
    }
}
