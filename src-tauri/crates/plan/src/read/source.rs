//! A JSON text together with the line of everything in it, so that a finding can name its place.

use serde_json::Value;

use crate::finding::{Finding, Place, Severity};

/// One step on the way into a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    At(usize),
}

/// A JSON file of a plan, and where its values stand.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) file: String,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    line: u32,
    inside: Inside,
}

#[derive(Debug, Default)]
enum Inside {
    #[default]
    Nothing,
    Members(Vec<(String, Node)>),
    Items(Vec<Node>),
}

impl Source {
    /// Reads a text. What is wrong with it as JSON is one finding; a key that is written twice in
    /// one object is a finding each.
    pub(crate) fn parse(file: &str, text: &str, findings: &mut Vec<Finding>) -> Option<(Self, Value)> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = serde_path_to_error::deserialize::<_, Value>(&mut reader)
            .map_err(|error| (error.path().to_string(), error.into_inner()))
            .and_then(|value| reader.end().map(|()| value).map_err(|error| (".".to_owned(), error)));
        let value = match value {
            Ok(value) => value,
            Err((path, error)) => {
                findings.push(syntax(file, text, &path, &error));
                return None;
            }
        };
        let mut scan = Scan { text, at: 0, line: 1, path: Vec::new(), twice: Vec::new() };
        let root = scan.value();
        findings.extend(scan.twice.into_iter().map(|(path, line)| twice(file, path, line)));
        Some((Self { file: file.to_owned(), root }, value))
    }

    /// The place of a value; of the nearest one around it where that is not there.
    pub(crate) fn place(&self, path: &[Step<'_>]) -> Place {
        let mut node = &self.root;
        for step in path {
            let next = match (step, &node.inside) {
                (Step::Key(key), Inside::Members(members)) => {
                    members.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node)
                }
                (Step::At(at), Inside::Items(items)) => items.get(*at),
                _ => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        Place { file: self.file.clone(), path: written(path), line: Some(node.line) }
    }
}

/// A path as findings write it, as in `tasks[3].needs[0]`.
fn written(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::At(at) => text.push_str(&format!("[{at}]")),
        }
    }
    text
}

fn syntax(file: &str, text: &str, path: &str, error: &serde_json::Error) -> Finding {
    let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
    let place = Place {
        file: file.to_owned(),
        path: path.trim_start_matches('.').trim_end_matches(".?").trim_matches('?').to_owned(),
        line: Some(line),
    };
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or(&what).to_owned();
    let (message, remedy) = if text.trim().is_empty() {
        ("The file is empty.".to_owned(), "Write the plan into it, or start one with `miyabi init`.")
    } else {
        let message = format!("This is not JSON: {what} (line {line}, column {}).", error.column());
        (
            message,
            "Look at that place, and at the line before it: a comma, a quote or a bracket is missing or too many.",
        )
    };
    Finding {
        severity: Severity::Error,
        code: "syntax".to_owned(),
        place,
        message,
        remedy: remedy.to_owned(),
    }
}

fn twice(file: &str, path: String, line: u32) -> Finding {
    let key = path.rsplit('.').next().unwrap_or_default().to_owned();
    Finding {
        severity: Severity::Error,
        code: "duplicate-key".to_owned(),
        message: format!("The key `{key}` is written twice in one object; only one of them would count."),
        place: Place { file: file.to_owned(), path, line: Some(line) },
        remedy: "Remove one of the two.".to_owned(),
    }
}

/// Walks over a text that is known to be JSON, at most 128 levels deep (`serde_json` refuses more).
struct Scan<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    path: Vec<OwnedStep>,
    twice: Vec<(String, u32)>,
}

enum OwnedStep {
    Key(String),
    At(usize),
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\r' | b'\n' | b',' | b':')) = self.peek() {
            self.line += u32::from(byte == b'\n');
            self.at += 1;
        }
    }

    fn value(&mut self) -> Node {
        self.skip_space();
        let line = self.line;
        let inside = match self.peek() {
            Some(b'{') => self.members(),
            Some(b'[') => self.items(),
            Some(b'"') => {
                self.string();
                Inside::Nothing
            }
            _ => {
                while self.peek().is_some_and(|byte| !b",]} \t\r\n".contains(&byte)) {
                    self.at += 1;
                }
                Inside::Nothing
            }
        };
        Node { line, inside }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(written).unwrap_or_default()
    }

    fn members(&mut self) -> Inside {
        self.at += 1;
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                self.at += 1;
                return Inside::Members(members);
            }
            let line = self.line;
            let key = self.string();
            self.path.push(OwnedStep::Key(key.clone()));
            if members.iter().any(|(name, _)| *name == key) {
                self.twice.push((self.written(), line));
            }
            let node = self.value();
            self.path.pop();
            members.push((key, Node { line, ..node }));
        }
    }

    fn items(&mut self) -> Inside {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if matches!(self.peek(), Some(b']') | None) {
                self.at += 1;
                return Inside::Items(items);
            }
            self.path.push(OwnedStep::At(items.len()));
            items.push(self.value());
            self.path.pop();
        }
    }

    fn written(&self) -> String {
        let steps: Vec<Step<'_>> = self
            .path
            .iter()
            .map(|step| match step {
                OwnedStep::Key(key) => Step::Key(key),
                OwnedStep::At(at) => Step::At(*at),
            })
            .collect();
        written(&steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Option<(Source, Value)>, Vec<Finding>) {
        let mut findings = Vec::new();
        (Source::parse("f.json", text, &mut findings), findings)
    }

    #[test]
    fn every_value_has_its_line() {
        let text = "{\n \"a\\\"b\": [1,\n  {\"c\": \"}\\\\\"}, []\n ],\n\"d\":\nnull }";
        let (source, _) = parse(text).0.expect("valid JSON");
        let line = |path: &[Step<'_>]| source.place(path).line;
        assert_eq!(line(&[]), Some(1));
        assert_eq!(line(&[Step::Key("a\"b")]), Some(2));
        assert_eq!(line(&[Step::Key("a\"b"), Step::At(1), Step::Key("c")]), Some(3));
        assert_eq!(line(&[Step::Key("a\"b"), Step::At(9)]), Some(2), "the nearest that is there");
        assert_eq!(line(&[Step::Key("d")]), Some(5), "where the key stands");
        assert_eq!(source.place(&[Step::Key("x"), Step::At(1), Step::Key("c")]).path, "x[1].c");
    }

    #[test]
    fn broken_json_names_line_column_and_path() {
        let (_, findings) = parse("{\"tasks\": [\n  {\"id\": \"A\" \"title\": 1}\n]}");
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].code.as_str(), findings[0].place.line), ("syntax", Some(2)));
        assert_eq!(findings[0].place.path, "tasks[0]");
        assert!(findings[0].message.contains("column 14"), "{}", findings[0].message);
        assert_eq!(parse(" \n").1[0].message, "The file is empty.");
        assert_eq!(parse("{} {}").1[0].code, "syntax");
    }

    #[test]
    fn a_key_written_twice_is_found() {
        let (_, findings) = parse("{\"a\": [{\"b\": 1,\n\"b\": 2}]}");
        assert_eq!(findings[0].place.to_string(), "f.json:2 a[0].b");
    }

    #[test]
    fn a_text_cut_at_any_byte_is_told_and_never_a_panic() {
        let whole = "\u{feff}{\"a\": [1, {\"b\\\"\": \"日本\"}], \"c\": null}";
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            let (source, findings) = parse(&whole[..end]);
            assert!(source.is_none() && findings.len() == 1, "cut at {end}");
        }
        assert!(parse(whole).1.is_empty());
    }
}
