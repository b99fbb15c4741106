//! Reading the state folder's small files with bounds, and writing them in a way that survives a
//! full disk and a folder that is taken away.
//!
//! Status files are written without a sync: the folder does not outlive a reboot, the rename is
//! whole for every reader however a process dies, and the journal is the record that must last.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use miyabi_plan::AgentId;
use miyabi_protocol::atomic::{self, Durability, FileError};
use miyabi_protocol::status::status_file_name;
use miyabi_protocol::{StateDir, StatusFile};
use serde::Serialize;

/// A status file longer than this is not one.
pub(crate) const MAX_STATUS: u64 = 1024 * 1024;
/// A queue longer than this is not one.
pub(crate) const MAX_QUEUE: u64 = 64 * 1024 * 1024;

/// Reads a small file; none when it is missing.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is longer than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// Reads a status file's bytes as other tools may write them: numbers out of bounds are brought
/// into them. What is wrong is told without the file's name.
pub(crate) fn parse_status(agent: &AgentId, bytes: &[u8]) -> Result<StatusFile, String> {
    let mut status: StatusFile = match serde_json::from_slice(bytes) {
        Ok(status) => status,
        Err(error) => serde_json::from_slice(&without_odd_numbers(bytes)).map_err(|_| error.to_string())?,
    };
    if !status.agent_id.eq_ignore_ascii_case(agent.as_str()) {
        let shown: String = status.agent_id.chars().take(60).collect();
        return Err(format!("its agent_id is `{shown}`, and it should be `{agent}` as in its name"));
    }
    status.progress = if status.progress.is_finite() { status.progress.clamp(0.0, 1.0) } else { 0.0 };
    Ok(status)
}

/// Python writes `NaN` and `Infinity`, which are not JSON.
fn without_odd_numbers(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut at, mut within_text) = (Vec::with_capacity(bytes.len()), 0, false);
    while let Some(byte) = bytes.get(at).copied() {
        let odd =
            ["-Infinity", "Infinity", "NaN"].into_iter().find(|odd| bytes[at..].starts_with(odd.as_bytes()));
        match (byte, odd) {
            (_, Some(odd)) if !within_text => {
                out.push(b'0');
                at += odd.len();
                continue;
            }
            (b'\\', _) if within_text => {
                out.push(byte);
                at += 1;
            }
            (b'"', _) => within_text = !within_text,
            _ => {}
        }
        out.extend(bytes.get(at));
        at += 1;
    }
    out
}

/// A JSON file's bytes as [`atomic::write_json`] has them.
pub(crate) fn json<T: Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(io::Error::other)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Writes a file of the state folder, making the folder again where it is gone. What is wrong is
/// told with the remedy.
pub(crate) fn write(dir: &StateDir, path: &Path, bytes: &[u8]) -> Result<(), String> {
    put(dir, || atomic::write_from(&dir.private(), path, bytes, Durability::Relaxed))
}

/// The same for a file that only shows what is written elsewhere: nobody may write to it.
pub(crate) fn write_mirror(dir: &StateDir, path: &Path, bytes: &[u8]) -> Result<(), String> {
    put(dir, || atomic::write_read_only_from(&dir.private(), path, bytes))
}

fn put(dir: &StateDir, put: impl Fn() -> Result<(), FileError>) -> Result<(), String> {
    let first = match put() {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    if first.is_missing() {
        StateDir::open(dir.root()).map_err(|error| error.to_string())?;
        return put().map_err(|error| error.to_string());
    }
    Err(format!("{first}; free some space or repair the folder: it is tried again every second"))
}

/// Puts a status file there unless there is one, in one step.
pub(crate) fn appear(dir: &StateDir, agent: &AgentId, status: &StatusFile) -> Result<(), String> {
    let path = dir.status(agent);
    if path.exists() {
        return Ok(());
    }
    let name = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let temporary = dir.root().join(format!(".miyabi-new-{}.tmp", status_file_name(agent)));
    write(dir, &temporary, &json(status).map_err(name)?)?;
    // A link is made only where there is no file: an offer that was just written stays.
    let linked = std::fs::hard_link(&temporary, &path);
    std::fs::remove_file(&temporary).map_err(name)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(name(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::{AgentStatus, Timestamp};

    fn parse(text: &str) -> Result<StatusFile, String> {
        parse_status(&"CG-1".parse().expect("valid"), text.as_bytes())
    }

    #[test]
    fn odd_numbers_are_brought_into_bounds_and_odd_words_refused() {
        let file = |progress: &str| {
            format!(
                r#"{{"agent_id":"CG-1","status":"BUSY","progress":{progress},"errors":["a \"NaN\" \\"]}}"#
            )
        };
        for (written, read) in [("NaN", 0.0), ("-3", 0.0), ("7", 1.0), ("-Infinity", 0.0), ("0.5", 0.5)] {
            let status = parse(&file(written)).expect("sound");
            assert_eq!(status.progress, read, "{written}");
            assert_eq!(status.errors, [r#"a "NaN" \"#]);
        }
        let unknown = parse(r#"{"agent_id":"CG-1","status":"WORKING"}"#).expect_err("unknown word");
        assert!(unknown.contains("WORKING"), "{unknown}");
        let other = parse(r#"{"agent_id":"CG-2","status":"IDLE"}"#).expect_err("another agent");
        assert!(other.contains("CG-2") && other.contains("CG-1"), "{other}");
    }

    #[test]
    fn a_status_file_cut_at_every_byte_is_refused_and_never_fatal() {
        let agent = "CG-1".parse().expect("valid");
        let whole =
            serde_json::to_string_pretty(&StatusFile::idle(&agent, Timestamp::default())).expect("json");
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(parse(&whole).is_ok());
    }

    #[test]
    fn an_agent_that_appears_never_overwrites_an_offer() {
        let base = tempfile::tempdir().expect("folder");
        let dir = StateDir::open(&base.path().join("state")).expect("made");
        let agent: AgentId = "CG-1".parse().expect("valid");
        let mut status = StatusFile::idle(&agent, Timestamp::default());
        appear(&dir, &agent, &status).expect("written");
        status.status = AgentStatus::Busy;
        appear(&dir, &agent, &status).expect("left alone");
        let bytes = read(&dir.status(&agent), MAX_STATUS).expect("read").expect("there");
        assert_eq!(parse_status(&agent, &bytes).expect("sound").status, AgentStatus::Idle);
        let names = std::fs::read_dir(dir.root()).expect("listing").flatten().map(|e| e.file_name());
        assert!(!names.into_iter().any(|name| name.to_string_lossy().ends_with(".tmp")));
    }
}
