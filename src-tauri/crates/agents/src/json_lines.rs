//! Cuts a stream of bytes into lines of JSON, with bounded memory whatever the bytes are.

use serde_json::Value;

/// The longest line that is read, in bytes; a longer one is dropped and told of.
pub const MAX_JSON_LINE: usize = 8 * 1024 * 1024;

/// What is kept of the buffer after a line, so that one long line does not hold memory for ever.
const SPARE: usize = 64 * 1024;

/// One line of a stream. Blank ones are left out.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonLine {
    /// A JSON object.
    Value(Value),
    /// Anything else, without its end: words of a program that should have spoken JSON.
    Text(Vec<u8>),
    /// A line of this many bytes, more than [`MAX_JSON_LINE`].
    TooLong(usize),
}

/// The state of one stream.
#[derive(Debug, Default)]
pub struct JsonLines {
    kept: Vec<u8>,
    /// How much of a line that is too long has been dropped.
    dropped: usize,
}

impl JsonLines {
    /// Takes the next bytes and gives out every line that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut out: impl FnMut(JsonLine)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end]);
            self.end_line(&mut out);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// Gives out what is left at the end of the stream.
    pub fn finish(&mut self, mut out: impl FnMut(JsonLine)) {
        self.end_line(&mut out);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.dropped > 0 || self.kept.len() + bytes.len() > MAX_JSON_LINE {
            self.dropped = self.dropped.saturating_add(self.kept.len() + bytes.len());
            self.kept = Vec::new();
        } else {
            self.kept.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, out: &mut impl FnMut(JsonLine)) {
        if self.dropped > 0 {
            out(JsonLine::TooLong(self.dropped));
            self.dropped = 0;
        }
        let line = self.kept.trim_ascii();
        if !line.is_empty() {
            out(parse(line).map_or_else(|| JsonLine::Text(line.to_vec()), JsonLine::Value));
        }
        self.kept.clear();
        self.kept.shrink_to(SPARE);
    }
}

fn parse(line: &[u8]) -> Option<Value> {
    if line.first() != Some(&b'{') {
        return None;
    }
    // Programs that cut texts by UTF-16 units write half characters, which are no JSON in Rust. The
    // whole event should not be lost for one of them.
    serde_json::from_slice(line)
        .or_else(|_| serde_json::from_str(&without_half_characters(&String::from_utf8_lossy(line))))
        .ok()
}

/// The text with `\ud800` to `\udfff` replaced by `\ufffd` wherever they are not a pair.
fn without_half_characters(text: &str) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let pair = matches!((surrogate(rest), rest.get(6..).and_then(surrogate)), (Some(true), Some(false)));
        let length = match surrogate(rest) {
            Some(_) if pair => 12,
            Some(_) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            // The backslash and what it escapes, which may be another backslash.
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended.push_str(rest);
    mended
}

/// Whether the text begins with an escaped surrogate, and whether that is a leading one.
fn surrogate(text: &str) -> Option<bool> {
    let unit = u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()?;
    match unit {
        0xd800..=0xdbff => Some(true),
        0xdc00..=0xdfff => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<JsonLine> {
        let mut lines = Vec::new();
        let mut cutter = JsonLines::default();
        for piece in pieces {
            cutter.push(piece, |line| lines.push(line));
        }
        cutter.finish(|line| lines.push(line));
        lines
    }

    #[test]
    fn objects_are_values_and_everything_else_is_text() {
        assert_eq!(
            cut([&b"{\"a\":1}\r\n\n  \nhello\n[1]\n{\"a\":\n{\"b\":\"x"[..], b"\xc3", b"\xbc\"}"]),
            [
                JsonLine::Value(json!({"a": 1})),
                JsonLine::Text(b"hello".to_vec()),
                JsonLine::Text(b"[1]".to_vec()),
                JsonLine::Text(b"{\"a\":".to_vec()),
                JsonLine::Value(json!({"b": "xü"})),
            ]
        );
    }

    #[test]
    fn half_characters_do_not_lose_the_event() {
        let line = br#"{"a":"x\ud83d","b":"\\ud83d \ud83d\ude00 \ude00\n","c":"\u00e4"}"#;
        assert_eq!(
            cut([&line[..]]),
            [JsonLine::Value(json!({"a": "x\u{fffd}", "b": "\\ud83d 😀 \u{fffd}\n", "c": "ä"}))]
        );
        assert_eq!(cut([&b"{\"a\":\"\xff\"}"[..]]), [JsonLine::Value(json!({"a": "\u{fffd}"}))]);
    }

    #[test]
    fn a_line_beyond_the_bound_is_dropped_and_the_next_one_read() {
        let chunk = vec![b'x'; 1024 * 1024];
        let mut cutter = JsonLines::default();
        let mut lines = Vec::new();
        for _ in 0..9 {
            cutter.push(&chunk, |line| lines.push(line));
            assert!(cutter.kept.capacity() <= 2 * MAX_JSON_LINE);
        }
        cutter.push(b"\n{}\n", |line| lines.push(line));
        assert_eq!(lines, [JsonLine::TooLong(9 * 1024 * 1024), JsonLine::Value(json!({}))]);
        assert!(cutter.kept.capacity() <= SPARE);
    }

    #[test]
    fn a_line_of_several_megabytes_is_read() {
        let long = json!({"text": "x".repeat(5 * 1024 * 1024)});
        let text = format!("{long}\n");
        assert_eq!(cut(text.as_bytes().chunks(64 * 1024)), [JsonLine::Value(long)]);
    }

    proptest! {
        #[test]
        fn the_lines_are_the_same_however_the_stream_is_cut(
            pieces in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                Just(b"{\"type\":\"x\",\"t\":\"\\ud83d\"}\n".to_vec()),
                "[{}\\[\\]\":,\\\\ud8e0-9\n\r ü]{0,30}".prop_map(String::into_bytes),
            ], 0..20),
            size in 1_usize..7,
        ) {
            let whole = pieces.concat();
            prop_assert_eq!(cut(whole.chunks(size)), cut([whole.as_slice()]));
        }
    }
}
