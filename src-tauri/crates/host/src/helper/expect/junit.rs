//! JUnit XML, as test programs of every language write it.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path};

use miyabi_protocol::{TestOutcome, TestResult};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use rustix::fs::{Mode, OFlags};

use super::{LONGEST_MESSAGE, MOST_TESTS, clean, test};

/// The longest file that is read, in bytes.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// What tells one writing of a file from the next: its number, and when anything of it changed, in whole seconds and
/// nanoseconds. No program can set that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64, i64, i64);

impl Stamp {
    /// Of a file below a folder; none where there is none.
    pub(crate) fn of(folder: Option<&str>, file: &str) -> Option<Self> {
        let found = std::fs::symlink_metadata(Path::new(folder.unwrap_or(".")).join(file)).ok()?;
        Some(Self::from(&found))
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        Self(found.ino(), found.ctime(), found.ctime_nsec())
    }
}

/// Reads the tests from a file that is not any more what it was `before`.
pub(super) fn read(
    folder: Option<&str>,
    file: &str,
    before: Option<&Stamp>,
) -> Result<Vec<TestResult>, String> {
    let relative = Path::new(file);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("{file} is not below the work tree"));
    }
    let wrong = |error: io::Error| format!("the tests' results cannot be read from {file}: {error}");
    let mut open = open_below(Path::new(folder.unwrap_or(".")), relative).map_err(wrong)?;
    let found = open.metadata().map_err(wrong)?;
    if !found.is_file() {
        return Err(format!("{file} is no file with tests' results"));
    }
    if before == Some(&Stamp::from(&found)) {
        return Err(format!("{file} was not written by this command: it is older"));
    }
    if found.len() > MOST_BYTES {
        return Err(format!("{file} is longer than {} MiB", MOST_BYTES / 1024 / 1024));
    }
    let mut text = Vec::new();
    open.by_ref().take(MOST_BYTES).read_to_end(&mut text).map_err(wrong)?;
    parse(&String::from_utf8_lossy(&text)).map_err(|why| format!("{file} is no JUnit XML: {why}"))
}

/// Opens a file without waiting for anything, and through no link that leads out of the folder.
fn open_below(folder: &Path, relative: &Path) -> io::Result<File> {
    let folder = folder.canonicalize()?;
    let path = folder.join(relative);
    let above = path.parent().unwrap_or(&folder).canonicalize()?;
    let Some(name) = path.file_name().filter(|_| above.starts_with(&folder)) else {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it lies outside of the work tree"));
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(above.join(name), flags, Mode::empty())?))
}

fn parse(text: &str) -> Result<Vec<TestResult>, String> {
    let mut reader = Reader::from_str(text);
    let mut tests: Vec<TestResult> = Vec::new();
    let mut suites: Vec<String> = Vec::new();
    // Whether a test case is open, and whether the text of its failure is.
    let (mut in_case, mut in_failure) = (false, false);
    let mut depth = 0_u32;
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match event {
            Event::Eof if depth > 0 => return Err("it ends in the middle".to_owned()),
            Event::Eof => break,
            Event::Start(tag) => {
                depth += 1;
                match tag.local_name().as_ref() {
                    "testsuite" => suites.push(attribute(&tag, "name")),
                    "testcase" => {
                        push(&mut tests, &tag, &suites);
                        in_case = true;
                    }
                    "failure" | "error" if in_case => {
                        fail(&mut tests, &tag);
                        in_failure = true;
                    }
                    "skipped" if in_case => skip(&mut tests),
                    _ => {}
                }
            }
            Event::Empty(tag) => match tag.local_name().as_ref() {
                "testcase" => push(&mut tests, &tag, &suites),
                "failure" | "error" if in_case => fail(&mut tests, &tag),
                "skipped" if in_case => skip(&mut tests),
                _ => {}
            },
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                match tag.local_name().as_ref() {
                    "testsuite" => drop(suites.pop()),
                    "testcase" => in_case = false,
                    "failure" | "error" => in_failure = false,
                    _ => {}
                }
            }
            Event::Text(words) if in_failure => {
                say(&mut tests, &words);
            }
            Event::CData(words) if in_failure => say(&mut tests, &words),
            _ => {}
        }
    }
    Ok(tests)
}

fn push(tests: &mut Vec<TestResult>, tag: &BytesStart<'_>, suites: &[String]) {
    if tests.len() >= MOST_TESTS {
        return;
    }
    let class = attribute(tag, "classname");
    let suite = if class.is_empty() { suites.last().cloned().unwrap_or_default() } else { class };
    let mut read = test(&suite, &attribute(tag, "name"), TestOutcome::Passed);
    read.seconds = attribute(tag, "time").parse().ok().filter(|seconds: &f64| seconds.is_finite());
    tests.push(read);
}

fn fail(tests: &mut [TestResult], tag: &BytesStart<'_>) {
    if let Some(last) = tests.last_mut() {
        last.outcome = TestOutcome::Failed;
        last.message = clean(&attribute(tag, "message"), LONGEST_MESSAGE);
    }
}

fn skip(tests: &mut [TestResult]) {
    if let Some(last) = tests.last_mut()
        && last.outcome == TestOutcome::Passed
    {
        last.outcome = TestOutcome::Skipped;
    }
}

/// The text of a failure, where its attribute did not say it all.
fn say(tests: &mut [TestResult], words: &str) {
    let Some(last) = tests.last_mut() else { return };
    let words = words.trim();
    if words.is_empty() || words.starts_with(last.message.as_str()) && !last.message.is_empty() {
        return;
    }
    let so_far = std::mem::take(&mut last.message);
    let gap = if so_far.is_empty() { "" } else { "\n" };
    last.message = clean(&format!("{so_far}{gap}{words}"), LONGEST_MESSAGE);
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> String {
    let found = tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name);
    let Some(found) = found else { return String::new() };
    let raw = found.value.into_owned();
    // The five entities of XML; a document that names others of its own is read as it is written.
    quick_xml::escape::unescape(&raw).map_or(raw.clone(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="4">
        <testcase classname="tests.test_core" name="test_&lt;one&gt;" time="0.012" />
        <testcase classname="tests.test_core" name="test_two" time="0.1"><failure message="assert 1 == 2">def test_two():
        assert 1 == 2</failure></testcase>
        <testcase classname="tests.test_core" name="test_three"><skipped type="pytest.skip" message="later"/></testcase>
        <testcase name="test_four"><error message="boom"/><system-out><![CDATA[<failure/>]]></system-out></testcase>
        </testsuite></testsuites>"#;

    #[test]
    fn every_test_is_told_with_its_outcome() {
        let tests = parse(PYTEST).expect("sound");
        let told: Vec<_> =
            tests.iter().map(|test| (test.suite.as_str(), test.name.as_str(), test.outcome)).collect();
        use TestOutcome::{Failed, Passed, Skipped};
        let expected = [
            ("tests.test_core", "test_<one>", Passed),
            ("tests.test_core", "test_two", Failed),
            ("tests.test_core", "test_three", Skipped),
            ("pytest", "test_four", Failed),
        ];
        assert_eq!(told, expected);
        assert!(tests[1].message.starts_with("assert 1 == 2\ndef test_two"), "{:?}", tests[1].message);
        assert_eq!(tests[0].seconds, Some(0.012));
    }

    #[test]
    fn what_is_no_xml_is_said_and_entities_of_its_own_do_not_grow() {
        assert!(parse("<testsuites><testcase name='x'>").is_err());
        let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"#;
        assert_eq!(parse(bomb).expect("read")[0].name, "&b;");
    }

    #[test]
    fn a_file_from_before_or_from_elsewhere_does_not_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().to_str().expect("text");
        std::fs::write(folder.path().join("junit.xml"), PYTEST).expect("written");
        assert_eq!(read(Some(place), "junit.xml", None).expect("fresh").len(), 4);
        let before = Stamp::of(Some(place), "junit.xml");
        let old = read(Some(place), "junit.xml", before.as_ref()).expect_err("from before");
        assert!(old.contains("older"), "{old}");
        std::fs::rename(folder.path().join("junit.xml"), folder.path().join("kept.xml")).expect("moved");
        std::fs::write(folder.path().join("junit.xml"), PYTEST).expect("written again");
        assert_eq!(read(Some(place), "junit.xml", before.as_ref()).expect("fresh").len(), 4);
        assert!(read(Some(place), "../junit.xml", None).is_err());
        assert!(read(Some(place), "none.xml", None).is_err());
    }

    #[test]
    fn no_link_leads_out_and_nothing_is_waited_for() {
        let (folder, outside) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("another"));
        let place = folder.path().to_str().expect("text");
        std::fs::write(outside.path().join("junit.xml"), PYTEST).expect("written");
        std::os::unix::fs::symlink(outside.path().join("junit.xml"), folder.path().join("junit.xml"))
            .expect("linked");
        std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).expect("linked");
        assert!(read(Some(place), "junit.xml", None).is_err());
        let out = read(Some(place), "out/junit.xml", None).expect_err("outside");
        assert!(out.contains("outside"), "{out}");
        let pipe = rustix::fs::CWD;
        rustix::fs::mknodat(
            pipe,
            folder.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .expect("a pipe");
        assert!(read(Some(place), "pipe", None).expect_err("a pipe").contains("no file"));
        std::fs::create_dir(folder.path().join("in")).expect("made");
        std::fs::write(folder.path().join("in/junit.xml"), PYTEST).expect("written");
        std::os::unix::fs::symlink("in", folder.path().join("also")).expect("linked");
        assert_eq!(read(Some(place), "./also/junit.xml", None).expect("below").len(), 4);
    }
}
