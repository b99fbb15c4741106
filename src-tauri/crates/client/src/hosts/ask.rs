//! One question to `miyabi-host probe` over a link, and what it answers.

use std::time::Duration;

use miyabi_protocol::probe::MAX_PROBE_BYTES;
use miyabi_protocol::{HostFacts, ProbeAnswer, ProbeAsked, Timestamp};
use miyabi_reach::Spoken;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::{Instant, timeout};

use crate::clock;

/// How long a host may take to tell about itself, and then about its programs.
const LIMIT: Duration = Duration::from_secs(40);

/// What a host told.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) facts: HostFacts,
    /// In the order of the programs that were asked for; none for those it did not tell of.
    pub(super) programs: Vec<ProbeAnswer>,
    /// How far its clock is ahead of ours, in seconds.
    pub(super) ahead: f64,
    /// By how much that may be wrong, in seconds.
    pub(super) give_or_take: f64,
}

/// Asks, and reads everything that is answered. The error is for people.
pub(super) async fn ask(spoken: Spoken, asked: &ProbeAsked) -> Result<Found, String> {
    // Dropping the connection would cut it, so it is held to the end.
    let Spoken { stdout, mut stdin, connection: _connection, .. } = spoken;
    let mut text = serde_json::to_vec(asked).map_err(|error| error.to_string())?;
    // Not every way lets the end of a stream through; the end of the line is one, too.
    text.push(b'\n');
    let wanted = match asked {
        ProbeAsked::Programs(programs) => programs.len(),
        ProbeAsked::Host(host) => host.programs.len(),
    };
    let asking = Instant::now();
    let told = async {
        stdin.write_all(&text).await?;
        stdin.flush().await?;
        let bound = u64::try_from(MAX_PROBE_BYTES).unwrap_or(u64::MAX);
        let mut lines = BufReader::new(stdout.take(bound));
        let facts: Option<HostFacts> = next(&mut lines).await?;
        let (took, heard) = (asking.elapsed().as_secs_f64(), clock::now());
        let mut programs = Vec::new();
        while programs.len() < wanted
            && let Some(answer) = next(&mut lines).await?
        {
            programs.push(answer);
        }
        std::io::Result::Ok(facts.map(|facts| {
            let ahead = ahead(facts.now, heard, took);
            Found { facts, programs, ahead, give_or_take: took / 2.0 }
        }))
    };
    match timeout(LIMIT, told).await {
        Ok(Ok(Some(found))) => Ok(found),
        Ok(Ok(None)) => Err("its helper ended without a word".to_owned()),
        Ok(Err(error)) => Err(format!("its helper did not answer as it should: {error}")),
        Err(_) => Err(format!("its helper did not answer within {} s", LIMIT.as_secs())),
    }
}

/// Its clock was read somewhere between the asking and the hearing; the middle is the best guess.
fn ahead(theirs: Timestamp, heard: Timestamp, took: f64) -> f64 {
    theirs.millis_since(heard) as f64 / 1000.0 + took / 2.0
}

async fn next<T: DeserializeOwned>(lines: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<T>> {
    let mut line = Vec::new();
    if lines.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&line).map(Some).map_err(std::io::Error::from)
}
