//! The talk with the script on a host, at whose end the helper speaks. The same for every way.

mod script;
mod talk;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncWrite, BufReader};

use crate::helpers::{self, Program};
use crate::stream::Streams;
use crate::{HelperThere, Helpers, Part, Platform, ReachError};
use talk::Talk;

pub(crate) use script::{login_shell_command, script};

/// How long a login shell may take before our script speaks.
const SHELL_LIMIT: Duration = Duration::from_secs(30);
/// How long the script may be silent: it hashes some megabytes on a slow disk at most.
const SCRIPT_LIMIT: Duration = Duration::from_secs(60);

/// A helper that took the script's place.
pub(crate) struct Begun {
    pub(crate) stdout: Box<dyn AsyncRead + Unpin + Send>,
    pub(crate) stdin: Box<dyn AsyncWrite + Unpin + Send>,
    pub(crate) helper: HelperThere,
}

/// Talks with the script until it becomes the part.
pub(crate) async fn begin(streams: Streams, helpers: &Helpers, part: Part) -> Result<Begun, ReachError> {
    let Streams { stdout, stdin, said } = streams;
    let mut talk = Talk { stdout: BufReader::with_capacity(64 * 1024, stdout), stdin, said };
    talk.skip_noise(script::MARKER, SHELL_LIMIT).await?;
    let line = talk.line(SCRIPT_LIMIT).await?;
    let platform = line.strip_prefix("system ").and_then(Platform::from_uname).ok_or_else(|| {
        let why = format!("`uname -sm` says on the host: {line}");
        ReachError::Unfit { why, remedy: "helpers run on Linux and macOS".to_owned() }
    })?;
    let program = program_for(helpers, &platform).await?;
    let first = format!("{}\n{}\n{}\n{}\n", program.name(), program.hash, nonce(), part.word());
    talk.write(first.as_bytes()).await?;
    let (path, is_new) = settle(&mut talk, &program, &platform).await?;
    let helper = HelperThere { platform, path, is_new };
    Ok(Begun { stdout: Box::new(talk.stdout), stdin: talk.stdin, helper })
}

/// Answers until the helper has a place; whether it was sent there just now.
async fn settle(
    talk: &mut Talk,
    program: &Program,
    platform: &Platform,
) -> Result<(String, bool), ReachError> {
    let mut failures: Vec<String> = Vec::new();
    let mut is_sent = false;
    loop {
        let line = talk.line(SCRIPT_LIMIT).await?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("run", path) => return Ok((path.to_owned(), is_sent)),
            ("send", place) => {
                tracing::info!(place, bytes = program.bytes.len(), "sending the helper");
                is_sent = true;
                talk.write(format!("{}\n", program.bytes.len()).as_bytes()).await?;
                talk.write(&program.bytes).await?;
            }
            ("failed", why) => {
                tracing::info!(why, "a place on the host does not take the helper");
                failures.push(why.to_owned());
            }
            ("nowhere", _) => return Err(nowhere(&failures, platform)),
            _ => {
                let why = format!("the host says what our script does not: {line}");
                let remedy = "look at what its /bin/sh is".to_owned();
                return Err(ReachError::Unfit { why, remedy });
            }
        }
    }
}

fn nowhere(failures: &[String], platform: &Platform) -> ReachError {
    let why = format!("no place on the host takes the helper: {}", failures.join("; "));
    let does_not_run = failures.iter().all(|failure| failure.contains("the helper does not run there"));
    let remedy = if does_not_run && !failures.is_empty() {
        format!("build one that needs nothing of the host: {}", platform.build_command())
    } else {
        "make room in one of these folders, or let XDG_DATA_HOME there name one that takes programs"
            .to_owned()
    };
    ReachError::Unfit { why, remedy }
}

async fn program_for(helpers: &Helpers, platform: &Platform) -> Result<std::sync::Arc<Program>, ReachError> {
    let path = helpers.program_for(platform)?;
    let unreadable = |error: &dyn std::fmt::Display| ReachError::Unfit {
        why: format!("cannot read the helper {}: {error}", path.display()),
        remedy: format!("build it again: {}", platform.build_command()),
    };
    let from = path.clone();
    match tokio::task::spawn_blocking(move || helpers::read(&from)).await {
        Ok(Ok(program)) => Ok(program),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(error) => Err(unreadable(&error)),
    }
}

/// A word that no other upload has at the same time, from this machine or another, in a shared home.
fn nonce() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    #[expect(clippy::disallowed_methods, reason = "not a time: a number that is another one each time")]
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}-{}", std::process::id(), now.as_nanos(), COUNT.fetch_add(1, Ordering::Relaxed))
}
