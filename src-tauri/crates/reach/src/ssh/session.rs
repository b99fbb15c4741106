//! The one thread that owns a session and its channel.
//!
//! A libssh2 session is one lock: whoever waits in it holds up all others. So this thread alone calls
//! it, first blocking with a time limit while it connects, then without ever blocking, and waits for
//! everything at once by `poll`.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use ssh2::{Channel, ErrorCode, MethodType, Session};
use tokio::sync::oneshot;

use super::config::Settings;
use super::known::{self, HostKey, Kept};
use super::login;
use super::pump::{self, Ends};
use crate::stream::{Said, Stdout, Streams, readable};
use crate::{ReachError, Secrets};

/// How much a host may send before it has to wait for us.
const WINDOW: u32 = 4 * 1024 * 1024;
/// The largest packet that OpenSSH sends.
const PACKET: u32 = 32 * 1024;
/// libssh2: no algorithm in common.
const NO_COMMON_ALGORITHM: [i32; 2] = [-5, -8];

/// Ends a session's thread, wherever it is, when it is dropped.
#[derive(Debug)]
pub(super) struct Cut {
    wire: OwnedFd,
    _life: UnixStream,
}

impl Drop for Cut {
    fn drop(&mut self) {
        // Every call of libssh2 fails from now on, also one that waits. It may be closed already.
        let _closed = rustix::net::shutdown(&self.wire, rustix::net::Shutdown::Both);
    }
}

/// What the thread needs to connect.
pub(super) struct Job {
    pub(super) wire: OwnedFd,
    pub(super) settings: Settings,
    pub(super) kept: Vec<Kept>,
}

impl Job {
    /// The near end that cuts, and the far end that the thread watches.
    fn cut(&self) -> io::Result<(Cut, UnixStream)> {
        let (near, far) = UnixStream::pair()?;
        Ok((Cut { wire: self.wire.try_clone()?, _life: near }, far))
    }
}

/// Shakes hands and returns the host's key, whatever it is; the connection ends with that.
pub(super) async fn look_at_key(job: Job) -> Result<HostKey, ReachError> {
    let (cut, _life) = job.cut().map_err(|error| of_this_machine(&error))?;
    let (answer, wait) = oneshot::channel();
    spawn(move || {
        // Nobody waits any more when the future was dropped.
        let _dropped = answer.send(shake_hands(&job).map(|(_, key)| key));
    })?;
    let key = wait.await.map_err(|_| died())?;
    drop(cut);
    key
}

/// Connects, checks the host's key, logs in and starts a command.
pub(super) async fn run(job: Job, secrets: Secrets, command: String) -> Result<(Streams, Cut), ReachError> {
    let (cut, life) = job.cut().map_err(|error| of_this_machine(&error))?;
    let said = Said::default();
    let (ends, streams) = join(life, &said).map_err(|error| of_this_machine(&error))?;
    let (answer, wait) = oneshot::channel();
    spawn(move || {
        let begun = begin(&job, &secrets, &command);
        // What a person said is kept no longer than it is needed.
        drop(secrets);
        match begun {
            Ok((session, channel)) => {
                if answer.send(Ok(())).is_ok() {
                    pump::carry(&session, channel, &job.wire, ends, &said);
                }
            }
            Err(error) => {
                let _dropped = answer.send(Err(error));
            }
        }
    })?;
    wait.await.map_err(|_| died())??;
    Ok((streams, cut))
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), ReachError> {
    let spawned = thread::Builder::new().name("miyabi-ssh".to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| of_this_machine(&error))
}

fn died() -> ReachError {
    ReachError::Unreachable { why: "the thread of the connection ended".to_owned() }
}

fn of_this_machine(error: &io::Error) -> ReachError {
    ReachError::Unreachable { why: format!("this machine cannot open one more connection: {error}") }
}

/// A pair of sockets for each direction: the thread's ends, and ours.
fn join(life: UnixStream, said: &Said) -> io::Result<(Ends, Streams)> {
    let (up_near, up_far) = UnixStream::pair()?;
    let (down_near, down_far) = UnixStream::pair()?;
    for socket in [&up_near, &up_far, &down_near, &down_far] {
        socket.set_nonblocking(true)?;
    }
    let stdout = Stdout { from: tokio::net::UnixStream::from_std(down_near)?, said: said.clone() };
    let stdin = tokio::net::UnixStream::from_std(up_near)?;
    let streams = Streams { stdout: Box::new(stdout), stdin: Box::new(stdin), said: said.clone() };
    Ok((Ends { up: up_far, down: down_far, life }, streams))
}

fn begin(job: &Job, secrets: &Secrets, command: &str) -> Result<(Session, Channel), ReachError> {
    let (session, key) = shake_hands(job)?;
    known::check(&key, &job.kept, &job.settings)?;
    login::log_in(&session, &job.settings, secrets)?;
    let refused = |error: ssh2::Error| ReachError::Refused {
        why: format!(
            "{} starts no program for us: {}",
            job.settings.host,
            readable(error.message().as_bytes())
        ),
        remedy: format!("look at what `ssh {} true` says", job.settings.address),
    };
    let mut channel = session.channel_open("session", WINDOW, PACKET, None).map_err(refused)?;
    channel.exec(command).map_err(refused)?;
    session.set_blocking(false);
    Ok((session, channel))
}

fn shake_hands(job: &Job) -> Result<(Session, HostKey), ReachError> {
    let Settings { host, address, connect_limit, .. } = &job.settings;
    let unreachable = |error: ssh2::Error| match error.code() {
        ErrorCode::Session(code) if NO_COMMON_ALGORITHM.contains(&code) => ReachError::Refused {
            why: format!("{host} and we have no algorithm in common ({})", error.message()),
            remedy: format!(
                "let its sshd offer an ed25519 host key and a current cipher; `ssh -v {address}` shows what it offers"
            ),
        },
        _ => ReachError::Unreachable { why: format!("{host}: {}", readable(error.message().as_bytes())) },
    };
    let mut session = Session::new().map_err(unreachable)?;
    // The default is to wait for ever.
    session.set_timeout(u32::try_from(connect_limit.as_millis()).unwrap_or(u32::MAX));
    session.method_pref(MethodType::HostKey, &known::preference(&job.kept)).map_err(unreachable)?;
    let wire = job.wire.as_fd().try_clone_to_owned().map_err(|error| of_this_machine(&error))?;
    session.set_tcp_stream(wire);
    session.handshake().map_err(unreachable)?;
    let (blob, _) =
        session.host_key().ok_or_else(|| ReachError::Unreachable { why: format!("{host} showed no key") })?;
    let key = HostKey { blob: blob.to_vec() };
    Ok((session, key))
}
