//! Runs checks: in their folder, with a time limit, and with no process left.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use miyabi_agents::Launch;
use miyabi_agents::command::{self, CHECK_VARIABLE};
use miyabi_plan::Check;
use miyabi_protocol::{AttemptSheet, CheckResult};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::expect::junit::Stamp;
use super::expect::{self, Ran};
use crate::process;
use crate::process_tree::{self, Marker, Target};

/// How much of the output is kept for people.
const TAIL: usize = 4 * 1024;
/// How much of what is printed on stdout is searched for what is expected.
const MOST_STDOUT: usize = 8 * 1024 * 1024;
/// How long the last output is waited for when every process is gone.
const DRAIN: Duration = Duration::from_millis(300);

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Where checks are run, and with what.
#[derive(Debug, Clone)]
pub(crate) struct CheckPlace {
    /// Absolute; none for the helper's own.
    pub(crate) folder: Option<String>,
    /// Added to the environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Begins the mark that all their processes carry: `<run>/<attempt>`.
    pub(crate) marker: String,
}

/// Runs an attempt's acceptance commands in turn up to the first that fails.
pub(crate) async fn run(sheet: &AttemptSheet, state_dir: &str) -> Vec<CheckResult> {
    let Launch { environment, work_folder, .. } = command::check_launch(sheet, &[], state_dir);
    let place = CheckPlace { folder: work_folder, environment, marker: command::marker(sheet) };
    let mut results = Vec::new();
    for check in &sheet.acceptance {
        let result = run_one(&place, check).await;
        let failed = !result.passed;
        results.push(result);
        if failed {
            break;
        }
    }
    results
}

/// Runs one check to its end.
pub(crate) async fn run_one(place: &CheckPlace, check: &Check) -> CheckResult {
    let begun = Instant::now();
    let before =
        expect::results_file(&check.expect).and_then(|file| Stamp::of(place.folder.as_deref(), file));
    // One number a check: the end of one never reaches another.
    let marker = format!("{}/{}-{}", place.marker, std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut environment = place.environment.clone();
    environment.insert(CHECK_VARIABLE.to_owned(), marker.clone());
    let launch = Launch {
        argv: check.run.clone(),
        environment,
        work_folder: place.folder.clone(),
        stdin: String::new(),
    };
    let printed = match process::start(&launch, process::Input::Nothing) {
        Ok(child) => to_its_end(child, check.time_limit_seconds, &marker).await,
        Err(error) => {
            let program = check.run.first().map_or("", String::as_str);
            Printed::nothing(format!("cannot start `{program}`: {error}"))
        }
    };
    let ran = Ran {
        code: printed.code,
        broke: printed.broke,
        stdout: &printed.stdout,
        folder: place.folder.as_deref(),
        before,
    };
    let found = expect::judge(&check.expect, &ran);
    CheckResult {
        name: check.name.clone(),
        run: check.run.clone(),
        passed: found.problem.is_none(),
        ended: found.problem.unwrap_or(found.ended),
        millis: u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX),
        tail: String::from_utf8_lossy(&printed.tail).into_owned(),
        number: found.number,
        expected: found.expected,
        tests: found.tests,
    }
}

/// How a command ended, and what it printed.
struct Printed {
    /// Its exit code; none where it has none.
    code: Option<i32>,
    /// Why it has none, for people.
    broke: Option<String>,
    stdout: Vec<u8>,
    tail: Vec<u8>,
}

impl Printed {
    fn nothing(broke: String) -> Self {
        Self { code: None, broke: Some(broke), stdout: Vec::new(), tail: Vec::new() }
    }
}

async fn to_its_end(mut child: Child, limit: u32, marker: &str) -> Printed {
    let (chunks, received) = mpsc::channel(8);
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(pump(stdout, Stream::Out, chunks.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(pump(stderr, Stream::Err, chunks));
    }
    let root = child.id();
    let collect = tokio::spawn(collect(received));
    let deadline = Instant::now() + Duration::from_secs(u64::from(limit.max(1)));
    let (code, broke) = match timeout_at(deadline, child.wait()).await {
        Ok(Ok(status)) => {
            let (code, signal) = process::code_and_signal(status);
            let broke = match command::ended(code, signal) {
                miyabi_agents::AgentEvent::Ended { failure } => failure.filter(|_| code.is_none()),
                _ => None,
            };
            (code, broke)
        }
        Ok(Err(error)) => (None, Some(format!("its end could not be awaited: {error}"))),
        Err(_) => (None, Some(format!("over its limit of {limit} s"))),
    };
    let marker = Some(Marker { entries: vec![format!("{CHECK_VARIABLE}={marker}")] });
    process_tree::end(&Target { root, marker, ..Target::default() }).await;
    // It is dead by now; this takes leave of it.
    let _status = timeout(DRAIN, child.wait()).await;
    let (stdout, tail) = timeout(DRAIN, collect).await.ok().and_then(Result::ok).unwrap_or_default();
    Printed { code, broke, stdout, tail }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

async fn collect(mut received: mpsc::Receiver<(Stream, Vec<u8>)>) -> (Vec<u8>, Vec<u8>) {
    let (mut stdout, mut tail) = (Vec::new(), Vec::new());
    while let Some((stream, chunk)) = received.recv().await {
        keep_last(&mut tail, &chunk, TAIL);
        if stream == Stream::Out {
            keep_last(&mut stdout, &chunk, MOST_STDOUT);
        }
    }
    (stdout, tail)
}

fn keep_last(kept: &mut Vec<u8>, chunk: &[u8], most: usize) {
    kept.extend_from_slice(chunk);
    if kept.len() > most {
        kept.drain(..kept.len() - most);
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, stream: Stream, chunks: mpsc::Sender<(Stream, Vec<u8>)>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if chunks.send((stream, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}
