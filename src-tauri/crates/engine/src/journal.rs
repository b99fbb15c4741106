//! The journal's text: one JSON object a line, in order. Reading and writing of files is the
//! backend's; here is what a sound journal is.

use miyabi_protocol::Timestamp;

use crate::fact::{Entry, Fact};

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A line that is not the last is broken: not ours to repair.
    #[error("line {line} of the journal is broken: {reason}")]
    Broken {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is missing or stands twice.
    #[error("line {line} of the journal has number {found} where {expected} was expected")]
    OutOfOrder {
        /// Counted from 1.
        line: usize,
        /// The number that it has.
        found: u64,
        /// The number that it should have.
        expected: u64,
    },
    /// There is nothing in it.
    #[error("the journal holds no run")]
    Empty,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// Every whole entry.
    pub entries: Vec<Entry>,
    /// How many bytes of the text they take: what follows is a torn last line, to be cut off
    /// before anything is appended.
    pub sound_bytes: usize,
}

/// The line of an entry, with its newline.
///
/// # Panics
/// Never: an entry holds nothing that JSON cannot hold.
#[must_use]
pub fn line(seq: u64, at: Timestamp, fact: &Fact) -> String {
    let entry = Entry { seq, at, fact: fact.clone() };
    let mut text = serde_json::to_string(&entry).expect("an entry is always JSON");
    text.push('\n');
    text
}

/// Reads a journal. A torn last line, left by a crash in the midst of a write, is dropped: its
/// effects were never carried out.
///
/// # Errors
/// When a line before the last is broken or out of order, or no entry is there.
pub fn read(bytes: &[u8]) -> Result<Journal, JournalError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut sound_bytes = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_last = sound_bytes + line.len() == bytes.len();
        if is_last && !line.ends_with(b"\n") {
            break;
        }
        let entry: Entry = serde_json::from_slice(line)
            .map_err(|error| JournalError::Broken { line: index + 1, reason: error.to_string() })?;
        let expected = entries.len() as u64 + 1;
        if entry.seq != expected {
            return Err(JournalError::OutOfOrder { line: index + 1, found: entry.seq, expected });
        }
        entries.push(entry);
        sound_bytes += line.len();
    }
    if entries.is_empty() {
        return Err(JournalError::Empty);
    }
    Ok(Journal { entries, sound_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        (1..=3).map(|seq| line(seq, Timestamp::from_millis(0), &Fact::Paused)).collect()
    }

    #[test]
    fn a_cut_anywhere_keeps_the_whole_lines_before_it() {
        let text = text();
        let line_length = text.len() / 3;
        for cut in line_length..=text.len() {
            let journal = read(&text.as_bytes()[..cut]).expect("sound");
            assert_eq!(journal.entries.len(), cut / line_length, "cut at {cut}");
            assert_eq!(journal.sound_bytes, cut / line_length * line_length);
        }
        assert_eq!(read(&text.as_bytes()[..line_length - 1]), Err(JournalError::Empty));
    }

    #[test]
    fn a_broken_line_in_the_middle_is_refused_with_its_place() {
        let mut broken = text().into_bytes();
        let middle = broken.len() / 2;
        broken[middle] = b'\x00';
        assert!(matches!(read(&broken), Err(JournalError::Broken { line: 2, .. })));
        let gap: String =
            text().lines().filter(|line| !line.contains("\"seq\":2")).map(|l| format!("{l}\n")).collect();
        assert_eq!(read(gap.as_bytes()), Err(JournalError::OutOfOrder { line: 2, found: 3, expected: 2 }));
    }

    #[test]
    fn what_an_older_program_wrote_of_a_claim_is_still_read() {
        let old = concat!(
            r#"{"seq":1,"at":"2026-11-22T15:34:00Z","fact":{"fact":"claimed","attempt":"A.1","claim":{"claim":"failed","errors":["no"]}}}"#,
            "\n",
            r#"{"seq":2,"at":"2026-11-22T15:34:01Z","fact":{"fact":"claimed","attempt":"A.2","claim":{"claim":"completed","output_files":["a"]}}}"#,
            "\n"
        );
        let journal = read(old.as_bytes()).expect("sound");
        let lines: String =
            journal.entries.iter().map(|entry| line(entry.seq, entry.at, &entry.fact)).collect();
        assert_eq!(lines.replace(".000Z", "Z"), old, "and nothing is added where nothing is known");
    }
}
