//! The runner's socket: helpers connect, learn where it stands, and may tell it to stop.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};

use miyabi_protocol::runner_link::{FromRunner, ToRunner};
use miyabi_protocol::state_dir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};

use super::setup::SetupError;

/// The open socket.
pub(crate) struct Door {
    path: PathBuf,
    listener: UnixListener,
}

impl Door {
    /// Opens the socket; one that a dead runner left behind is replaced.
    pub(crate) fn open(path: &Path) -> Result<Self, SetupError> {
        if BlockingStream::connect(path).is_ok() {
            return Err(SetupError::Another(path.to_owned()));
        }
        let io = |source| SetupError::Socket { path: path.to_owned(), source };
        Ok(Self { path: path.to_owned(), listener: listen(path).map_err(io)? })
    }

    /// The next helper.
    pub(crate) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }

    /// Makes the file again where somebody cleaned it away.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        if !self.path.exists() {
            self.listener = listen(&self.path)?;
        }
        Ok(())
    }

    /// Removes the file, so that nobody knocks in vain.
    pub(crate) fn close(self) {
        // It may be gone already.
        let _gone = std::fs::remove_file(&self.path);
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        if let Some(above) = folder.parent().filter(|above| !above.exists()) {
            state_dir::make_private(above).map_err(io::Error::other)?;
        }
        state_dir::make_private(folder).map_err(io::Error::other)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Speaks with one helper until it leaves.
pub(crate) async fn speak(
    stream: UnixStream,
    mut state: watch::Receiver<FromRunner>,
    commands: mpsc::UnboundedSender<ToRunner>,
) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    state.mark_changed();
    let tell = async {
        while state.changed().await.is_ok() {
            let Ok(mut line) = serde_json::to_vec(&*state.borrow_and_update()) else { return };
            line.push(b'\n');
            if writer.write_all(&line).await.is_err() {
                return;
            }
        }
    };
    let listen = async {
        while let Ok(Some(line)) = lines.next_line().await {
            // A message that is not known comes from a newer helper and is ignored.
            if let Ok(command) = serde_json::from_str(&line)
                && commands.send(command).is_err()
            {
                return;
            }
        }
    };
    // Each by itself: two sides that only write when they have much to say would wait for each other.
    tokio::select! {
        () = tell => {}
        () = listen => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use miyabi_protocol::{ApprovalRequest, Timestamp};

    #[tokio::test]
    async fn much_to_say_on_both_sides_holds_up_neither() {
        const MUCH: usize = 2 * 1024 * 1024;
        let ask = ApprovalRequest {
            id: "1".into(),
            tool: "Bash".into(),
            what: "make".into(),
            detail: "x".repeat(MUCH),
            asked_at: Timestamp::default(),
        };
        let (_known, state) = watch::channel(FromRunner::State {
            agent: "CG-1".parse().expect("valid"),
            pid: 1,
            version: String::new(),
            run_id: "r".into(),
            attempt: None,
            problem: None,
            program: None,
            asks: vec![ask],
            heard: 0,
        });
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (commands, mut told) = mpsc::unbounded_channel();
        tokio::spawn(speak(ours, state, commands));
        let (mut reader, mut writer) = theirs.into_split();
        let text = "y".repeat(MUCH);
        let said = ToRunner::Say { attempt: "Task-1.1".parse().expect("valid"), number: 1, text };
        let line = serde_json::to_string(&said).expect("json") + "\n";
        // It says all that it has before it listens.
        let written = tokio::time::timeout(Duration::from_secs(10), writer.write_all(line.as_bytes())).await;
        written.expect("it is read").expect("a sound stream");
        assert_eq!(told.recv().await, Some(said));
        let mut first = vec![0; MUCH];
        tokio::io::AsyncReadExt::read_exact(&mut reader, &mut first).await.expect("and heard");
    }
}
