//! Runs acceptance commands: in the work folder, with a time limit, and with no process left.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use miyabi_agents::command::{self, CHECK_VARIABLE};
use miyabi_plan::Check;
use miyabi_protocol::{AttemptSheet, CheckResult};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::process;
use crate::process_tree::{self, Marker, Target};

/// How much of the output is kept.
const TAIL: usize = 4 * 1024;
/// How long the last output is waited for when every process is gone.
const DRAIN: Duration = Duration::from_millis(300);

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Runs the commands in turn up to the first that fails.
pub(crate) async fn run(sheet: &AttemptSheet, state_dir: &str) -> Vec<CheckResult> {
    let mut results = Vec::new();
    for check in &sheet.acceptance {
        let result = run_one(sheet, check, state_dir).await;
        let failed = !result.passed;
        results.push(result);
        if failed {
            break;
        }
    }
    results
}

async fn run_one(sheet: &AttemptSheet, check: &Check, state_dir: &str) -> CheckResult {
    let begun = Instant::now();
    let mut launch = command::check_launch(sheet, &check.run, state_dir);
    // One number a check: the end of one never reaches another.
    let marker = format!(
        "{}/{}-{}",
        command::marker(sheet),
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    launch.environment.insert(CHECK_VARIABLE.to_owned(), marker.clone());
    let (ended, tail) = match process::start(&launch, process::Input::Nothing) {
        Ok(child) => to_its_end(child, check.time_limit_seconds, &marker).await,
        Err(error) => {
            let program = check.run.first().map_or("", String::as_str);
            (Some(format!("cannot start `{program}`: {error}")), Vec::new())
        }
    };
    CheckResult {
        run: check.run.clone(),
        passed: ended.is_none(),
        ended: ended.unwrap_or_else(|| "exit code 0".to_owned()),
        millis: u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX),
        tail: String::from_utf8_lossy(&tail).into_owned(),
    }
}

/// Gives back why it failed, and the end of what it printed.
async fn to_its_end(mut child: Child, limit: u32, marker: &str) -> (Option<String>, Vec<u8>) {
    let (chunks, mut received) = mpsc::channel(8);
    if let Some(stdout) = child.stdout.take() {
        tokio::spawn(pump(stdout, chunks.clone()));
    }
    if let Some(stderr) = child.stderr.take() {
        tokio::spawn(pump(stderr, chunks));
    }
    let root = child.id();
    let collect = tokio::spawn(async move {
        let mut tail = Vec::new();
        while let Some(chunk) = received.recv().await {
            keep_tail(&mut tail, &chunk);
        }
        tail
    });
    let deadline = Instant::now() + Duration::from_secs(u64::from(limit.max(1)));
    let failure = match timeout_at(deadline, child.wait()).await {
        Ok(Ok(status)) => {
            let (code, signal) = process::code_and_signal(status);
            match command::ended(code, signal) {
                miyabi_agents::AgentEvent::Ended { failure } => failure,
                _ => None,
            }
        }
        Ok(Err(error)) => Some(format!("its end could not be awaited: {error}")),
        Err(_) => Some(format!("over its limit of {limit} s")),
    };
    let marker = Some(Marker { entries: vec![format!("{CHECK_VARIABLE}={marker}")] });
    process_tree::end(&Target { root, marker, ..Target::default() }).await;
    // It is dead by now; this takes leave of it.
    let _status = timeout(DRAIN, child.wait()).await;
    let tail = timeout(DRAIN, collect).await.ok().and_then(Result::ok).unwrap_or_default();
    (failure, tail)
}

fn keep_tail(tail: &mut Vec<u8>, chunk: &[u8]) {
    tail.extend_from_slice(chunk);
    if tail.len() > TAIL {
        tail.drain(..tail.len() - TAIL);
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, chunks: mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if chunks.send(buffer[..count].to_vec()).await.is_err() {
            return;
        }
    }
}
