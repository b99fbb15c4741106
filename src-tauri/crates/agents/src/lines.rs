//! Cuts a stream of bytes into lines, with bounded memory whatever the bytes are.

/// A line longer than this is given out in pieces.
pub const MAX_LINE: usize = 64 * 1024;

/// A line, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line of at most [`MAX_LINE`] bytes, without its end.
    Whole(&'a [u8]),
    /// A piece of a longer line.
    Piece(&'a [u8]),
}

/// The state of one stream.
#[derive(Debug, Default)]
pub struct LineCutter {
    kept: Vec<u8>,
    within_long_line: bool,
}

impl LineCutter {
    /// Takes the next bytes and gives out every line that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut out: impl FnMut(Line<'_>)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..end], &mut out);
            self.end_line(&mut out);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes, &mut out);
    }

    /// Gives out what is left at the end of the stream.
    pub fn finish(&mut self, mut out: impl FnMut(Line<'_>)) {
        if !self.kept.is_empty() {
            self.end_line(&mut out);
        }
    }

    fn keep(&mut self, mut bytes: &[u8], out: &mut impl FnMut(Line<'_>)) {
        while self.kept.len() + bytes.len() > MAX_LINE {
            let (head, rest) = bytes.split_at(MAX_LINE - self.kept.len());
            self.kept.extend_from_slice(head);
            out(Line::Piece(&self.kept));
            self.kept.clear();
            self.within_long_line = true;
            bytes = rest;
        }
        self.kept.extend_from_slice(bytes);
    }

    fn end_line(&mut self, out: &mut impl FnMut(Line<'_>)) {
        let line = self.kept.strip_suffix(b"\r").unwrap_or(&self.kept);
        if self.within_long_line {
            out(Line::Piece(line));
        } else {
            out(Line::Whole(line));
        }
        self.kept.clear();
        self.within_long_line = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(bool, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut cutter = LineCutter::default();
        let mut out = |line: Line<'_>| match line {
            Line::Whole(bytes) => lines.push((true, bytes.to_vec())),
            Line::Piece(bytes) => lines.push((false, bytes.to_vec())),
        };
        for piece in pieces {
            cutter.push(piece, &mut out);
        }
        cutter.finish(&mut out);
        lines
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let whole = [(true, b"one".to_vec()), (true, Vec::new()), (true, b"two".to_vec())];
        assert_eq!(cut(&[b"one\r\n\ntwo"]), whole);
        assert_eq!(cut(&[b"o", b"ne\r", b"\n", b"\nt", b"wo"]), whole);
    }

    #[test]
    fn a_line_of_ten_megabytes_comes_in_pieces_and_memory_stays_bounded() {
        let chunk = vec![b'x'; 1024 * 1024];
        let mut cutter = LineCutter::default();
        let mut total = 0;
        for _ in 0..10 {
            cutter.push(&chunk, |line| match line {
                Line::Piece(piece) => total += piece.len(),
                Line::Whole(_) => panic!("the line has not ended"),
            });
            assert!(cutter.kept.len() <= MAX_LINE && cutter.kept.capacity() <= 2 * MAX_LINE);
        }
        cutter.push(b"\n::progress 1\n", |line| match line {
            Line::Piece(piece) => total += piece.len(),
            Line::Whole(line) => assert_eq!(line, b"::progress 1"),
        });
        assert_eq!(total, 10 * 1024 * 1024);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_but_line_ends(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let slices: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let strip = |bytes: &[u8]| bytes.iter().copied().filter(|b| *b != b'\n' && *b != b'\r').collect::<Vec<_>>();
            let lines: Vec<u8> = cut(&slices).into_iter().flat_map(|(_, line)| line).collect();
            prop_assert_eq!(strip(&lines), strip(&pieces.concat()));
        }
    }
}
