//! The bytes' way to the server: TCP, or a program that stands in for it.

use std::ffi::OsString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::config::{Road, Settings, ssh_words};
use crate::process::{self, Running};
use crate::stream::Said;
use crate::{Environment, ReachError};

/// How long a peer may leave what we sent without an answer before the system gives the link up.
const UNANSWERED: Duration = Duration::from_secs(30);

/// A way for bytes, blocking, and the program that carries them.
pub(super) struct Wire {
    pub(super) socket: OwnedFd,
    pub(super) carrier: Option<Running>,
    /// What the carrier says.
    pub(super) said: Said,
}

/// Opens the way to the server.
pub(super) async fn dial(settings: &Settings, environment: &Environment) -> Result<Wire, ReachError> {
    let argv = match &settings.road {
        Road::Direct => {
            let socket = connect(settings).await?;
            return Ok(Wire { socket, carrier: None, said: Said::default() });
        }
        Road::Jumps(jumps) => jump_words(settings, jumps, environment),
        Road::Command(line) => proxy_words(line, environment),
    };
    let carried = |error: &dyn std::fmt::Display| ReachError::Refused {
        why: format!("cannot start what carries the connection to {}: {error}", settings.address),
        remedy: "correct ProxyJump or ProxyCommand in ~/.ssh/config".to_owned(),
    };
    let (ours, theirs) = UnixStream::pair().map_err(|error| carried(&error))?;
    let said = Said::default();
    let carrier = process::start_on(&argv, theirs.into(), &said).map_err(|error| carried(&error))?;
    Ok(Wire { socket: ours.into(), carrier: Some(carrier), said })
}

async fn connect(settings: &Settings) -> Result<OwnedFd, ReachError> {
    let Settings { host, port, connect_limit, .. } = settings;
    let unreachable = |why: String| ReachError::Unreachable { why: format!("{host} port {port}: {why}") };
    let stream = timeout(*connect_limit, TcpStream::connect((host.as_str(), *port)))
        .await
        .map_err(|_| unreachable(format!("no answer in {} s", connect_limit.as_secs())))?
        .map_err(|error| unreachable(error.to_string()))?;
    let stream = stream.into_std().map_err(|error| unreachable(error.to_string()))?;
    stream
        .set_nonblocking(false)
        .and_then(|()| stream.set_nodelay(true))
        .and_then(|()| watch(&stream).map_err(Into::into))
        .map_err(|error| unreachable(error.to_string()))?;
    Ok(stream.into())
}

/// Lets the system notice a peer that is gone, also while we have nothing to say.
fn watch(stream: &std::net::TcpStream) -> rustix::io::Result<()> {
    use rustix::net::sockopt;
    let socket = stream.as_fd();
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, UNANSWERED / 2)?;
    sockopt::set_tcp_keepintvl(socket, UNANSWERED / 6)?;
    sockopt::set_tcp_keepcnt(socket, 3)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(socket, u32::try_from(UNANSWERED.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

/// `ssh -W` to the last host to go through, by way of the others. It has no terminal to ask on.
fn jump_words(settings: &Settings, jumps: &[String], environment: &Environment) -> Vec<OsString> {
    let mut argv = ssh_words(environment);
    argv.extend(["-o", "BatchMode=yes"].map(OsString::from));
    let (last, before) = jumps.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    if !before.is_empty() {
        argv.extend(["-J".into(), OsString::from(before.join(","))]);
    }
    argv.extend(["-W".into(), OsString::from(format!("[{}]:{}", settings.host, settings.port))]);
    // `ssh` takes a port in an address only in this form.
    let target = if last.starts_with("ssh://") { last.to_owned() } else { format!("ssh://{last}") };
    argv.extend(["--".into(), OsString::from(target)]);
    argv
}

/// As `ssh` itself runs it.
fn proxy_words(line: &str, environment: &Environment) -> Vec<OsString> {
    let shell = environment.shell.clone().unwrap_or_else(|| "/bin/sh".into());
    vec![shell.into_os_string(), "-c".into(), format!("exec {line}").into()]
}
