//! A terminal on an agent's window on another host, on the person's own.

use std::io;

use miyabi_api::{AgentId, ApiError, ErrorCode};
use miyabi_client::{Connection, TerminalStream};

use crate::raw_terminal::{self, Did, LentScreen, Person};

/// How many bytes of drawing may be under way; given back as they are shown.
const CREDIT: u32 = 256 * 1024;

/// The key that leaves, for people.
pub(crate) const LEAVE: &str = "Ctrl-\\";

/// How the key is written: plainly, and as programs that ask for all keys get it.
const LEAVE_KEYS: [&[u8]; 3] = [b"\x1c", b"\x1b[92;5u", b"\x1b[27;5;92~"];

/// How a terminal was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    /// By its key.
    ByKey,
    /// The other side ended it, for this reason.
    Over(String),
    /// The backend went away.
    BackendGone,
    /// The person's terminal is gone, or the program is to end.
    Ended,
}

/// Opens a terminal on an agent's window, and shows it until it is left. The terminal must be in raw
/// mode; afterwards the screen is as before.
pub(crate) async fn show(
    connection: &Connection,
    agent: &AgentId,
    person: &mut Person,
) -> Result<Left, ApiError> {
    let mut stream = connection.open_terminal(agent.clone(), raw_terminal::size(), CREDIT).await?;
    let failed = |error: io::Error| ApiError::new(ErrorCode::Environment, format!("the terminal: {error}"));
    let _screen = LentScreen::lend().map_err(failed)?;
    pass(&mut stream, person).await.map_err(failed)
}

async fn pass(stream: &mut TerminalStream, person: &mut Person) -> io::Result<Left> {
    loop {
        tokio::select! {
            drawn = stream.recv() => match drawn {
                Some(bytes) => {
                    raw_terminal::write(&bytes)?;
                    stream.add_credit(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                }
                None => {
                    return Ok(stream.end().map_or(Left::BackendGone, |why| Left::Over(why.to_owned())));
                }
            },
            did = person.next() => match did {
                Did::Typed(keys) => match leaves_at(&keys) {
                    Some(at) => {
                        stream.type_in(&keys[..at]);
                        return Ok(Left::ByKey);
                    }
                    None => stream.type_in(&keys),
                },
                Did::Resized => stream.resize(raw_terminal::size()),
                Did::Ended => return Ok(Left::Ended),
            },
        }
    }
}

/// Where the key that leaves stands among what was typed.
fn leaves_at(keys: &[u8]) -> Option<usize> {
    let places = LEAVE_KEYS.iter().filter_map(|key| keys.windows(key.len()).position(|typed| typed == *key));
    places.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_leaves_is_found_in_all_its_forms() {
        for (keys, at) in [
            (&b"abc"[..], None),
            (b"ab\x1cc", Some(2)),
            (b"\x1b[92;5u", Some(0)),
            (b"x\x1b[27;5;92~", Some(1)),
            (b"\x1b[A\\", None),
        ] {
            assert_eq!(leaves_at(keys), at, "{keys:?}");
        }
    }
}
