//! Lines and bytes to and from a host, each with a bound in length and in time.

use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::time::timeout;

use crate::ReachError;
use crate::stream::{Said, readable};

/// How much a login shell may say before our script does.
const NOISE: usize = 256 * 1024;
/// The longest line that our script says: a path and an error.
const LINE: usize = 16 * 1024;
/// How long a link may take for one piece of an upload.
const PIECE_LIMIT: Duration = Duration::from_secs(30);
/// Small enough that a slow link takes it in its time.
const PIECE: usize = 64 * 1024;

/// The two streams of a script on a host.
pub(super) struct Talk {
    pub(super) stdout: BufReader<Box<dyn AsyncRead + Unpin + Send>>,
    pub(super) stdin: Box<dyn AsyncWrite + Unpin + Send>,
    pub(super) said: Said,
}

impl Talk {
    /// Reads what the login shell says until our script speaks.
    pub(super) async fn skip_noise(&mut self, marker: &str, limit: Duration) -> Result<(), ReachError> {
        let mut noise = Vec::new();
        let search = async {
            loop {
                let room = NOISE.saturating_sub(noise.len()) as u64;
                let start = noise.len();
                let read = (&mut self.stdout).take(room).read_until(b'\n', &mut noise).await;
                if noise[start..].trim_ascii() == marker.as_bytes() {
                    return Ok(());
                }
                match read {
                    Ok(0) if room == 0 => {
                        return Err("said a lot, and nothing of it came from our script".to_owned());
                    }
                    Ok(0) => return Err("ended before our script could speak".to_owned()),
                    Ok(_) => {}
                    Err(error) => return Err(format!("ended before our script could speak: {error}")),
                }
            }
        };
        let why = match timeout(limit, search).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(_) => format!("did not start our script within {} s", limit.as_secs()),
        };
        self.said.heard_all().await;
        let last = [readable(&noise), self.said.stderr()].join(" ");
        let last = last.trim();
        let heard =
            if last.is_empty() { "it said nothing".to_owned() } else { format!("its last words: {last}") };
        Err(ReachError::Unreachable { why: format!("the host's shell {why}; {heard}") })
    }

    /// The next line of our script.
    pub(super) async fn line(&mut self, limit: Duration) -> Result<String, ReachError> {
        let mut line = Vec::new();
        let read = timeout(limit, (&mut self.stdout).take(LINE as u64).read_until(b'\n', &mut line)).await;
        match read {
            Ok(Ok(_)) if line.ends_with(b"\n") => Ok(readable_line(&line)),
            Ok(Ok(_)) => Err(lost(&self.said, "it ended in the midst of the start").await),
            Ok(Err(error)) => Err(lost(&self.said, &error.to_string()).await),
            Err(_) => Err(lost(&self.said, &format!("no word in {} s", limit.as_secs())).await),
        }
    }

    /// Writes all of it; a link that takes nothing for long is an error.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), ReachError> {
        for piece in bytes.chunks(PIECE) {
            let write = async {
                self.stdin.write_all(piece).await?;
                self.stdin.flush().await
            };
            match timeout(PIECE_LIMIT, write).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(lost(&self.said, &error.to_string()).await),
                Err(_) => {
                    return Err(lost(
                        &self.said,
                        &format!("it took nothing for {} s", PIECE_LIMIT.as_secs()),
                    )
                    .await);
                }
            }
        }
        Ok(())
    }
}

async fn lost(said: &Said, why: &str) -> ReachError {
    said.heard_all().await;
    let stderr = said.stderr();
    let heard = if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") };
    ReachError::Unreachable { why: format!("the host was lost while its helper was started: {why}{heard}") }
}

/// A path of the host stays as it is; what a terminal would obey does not.
fn readable_line(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.trim_end_matches(['\n', '\r']).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
