//! Hosts that are reached by SSH, as the person's own `ssh` would reach them.

mod config;
mod dial;
mod keys;
mod known;
mod login;
mod names;
mod pump;
mod session;

use std::time::Duration;

use tokio::time::timeout;

use crate::process::Running;
use crate::stream::{Said, Streams};
use crate::{Environment, ReachError, Secrets, bootstrap};
use config::Settings;
use session::{Cut, Job};

pub(crate) use names::known_names;

/// How long a log-in may take in all; an agent may ask a person to confirm.
const LOG_IN: Duration = Duration::from_secs(60);

/// Keeps a connection; dropping it ends its thread and what carries it.
#[derive(Debug)]
pub(crate) struct Kept {
    _cut: Cut,
    _carrier: Option<Running>,
}

/// Connects, logs in and starts our script.
pub(crate) async fn open(
    address: &str,
    secrets: &Secrets,
    environment: &Environment,
) -> Result<(Streams, Kept), ReachError> {
    let (job, carrier, said) = prepare(address, environment).await?;
    let settings = job.settings.clone();
    let run = session::run(job, secrets.clone(), bootstrap::login_shell_command());
    let (streams, cut) = within(run, &settings, &said).await?;
    Ok((streams, Kept { _cut: cut, _carrier: carrier }))
}

/// Keeps the key that a host shows, if it is the one with this fingerprint.
pub(crate) async fn trust(
    address: &str,
    fingerprint: &str,
    environment: &Environment,
) -> Result<(), ReachError> {
    // The carrier is kept until the key was seen.
    let (job, _carrier, said) = prepare(address, environment).await?;
    let (settings, kept) = (job.settings.clone(), job.kept.clone());
    let key = within(session::look_at_key(job), &settings, &said).await?;
    match known::check(&key, &kept, &settings) {
        Err(ReachError::Question { .. }) if key.fingerprint() == fingerprint => known::keep(&key, &settings),
        Err(ReachError::Question { .. }) => Err(ReachError::Refused {
            why: format!(
                "{} now shows another key: {} {}",
                settings.kept_as,
                key.key_type(),
                key.fingerprint()
            ),
            remedy: "somebody may be listening; compare it with the host's own, then test the host again"
                .to_owned(),
        }),
        other => other,
    }
}

async fn prepare(
    address: &str,
    environment: &Environment,
) -> Result<(Job, Option<Running>, Said), ReachError> {
    let settings = config::resolve(address, environment).await?;
    let kept = known::look_up(&settings).await?;
    let wire = dial::dial(&settings, environment).await?;
    Ok((Job { wire: wire.socket, settings, kept }, wire.carrier, wire.said))
}

/// Waits with a limit; an error of a connection that a program carries has that program's own words.
async fn within<T>(
    work: impl Future<Output = Result<T, ReachError>>,
    settings: &Settings,
    carrier: &Said,
) -> Result<T, ReachError> {
    let result = timeout(LOG_IN, work).await.unwrap_or_else(|_| {
        let why = format!("{}: no log-in within {} s", settings.host, LOG_IN.as_secs());
        Err(ReachError::Unreachable { why })
    });
    let Err(ReachError::Unreachable { why }) = result else { return result };
    carrier.heard_all().await;
    let heard = carrier.stderr();
    if ["Permission denied", "Host key verification failed"].iter().any(|word| heard.contains(word)) {
        return Err(ReachError::Refused {
            why: format!("a host on the way to {} turns us away: {heard}", settings.address),
            remedy: format!("make `ssh {}` work in a terminal, then test the host again", settings.address),
        });
    }
    let why =
        if heard.is_empty() { why } else { format!("{why}; what carries the connection says: {heard}") };
    Err(ReachError::Unreachable { why })
}
