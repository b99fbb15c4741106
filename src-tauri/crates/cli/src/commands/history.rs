//! `miyabi history`, and a run as it once stood.

use std::fmt::Write as _;

use miyabi_api::{Answer, ApiError, ErrorCode, Moment, Request, RunSnapshot};
use miyabi_protocol::Timestamp;

use crate::args::{History, Target};
use crate::exit::Exit;
use crate::{terminal, text};

/// Prints the moments.
pub(crate) async fn history(args: &History) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let Answer::History(moments) = connection.request(Request::History).await? else {
        return Err(unexpected("moments"));
    };
    let start = connection.snapshot().await?.run.started_at;
    let out = if args.output.json { text::json(&moments)? } else { render(&moments, start) };
    terminal::print(&out);
    Ok(Exit::Done)
}

/// The run as it stood after a moment.
pub(super) async fn snapshot_at(target: &Target, seq: u32) -> Result<RunSnapshot, ApiError> {
    match target.connect().await?.request(Request::SnapshotAt { seq }).await? {
        Answer::Snapshot(snapshot) => Ok(*snapshot),
        _ => Err(unexpected("a run")),
    }
}

fn unexpected(wanted: &str) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("the backend answered something else than {wanted}"))
}

/// What says nothing to a person is left out; `--at` takes any number all the same.
fn render(moments: &[Moment], start: Option<Timestamp>) -> String {
    let mut out = String::new();
    for moment in moments.iter().filter(|moment| !moment.what.is_empty()) {
        let since = start.map_or(0, |start| moment.at.millis_since(start).max(0));
        let clock = text::clock(since as f64 / 1000.0);
        let named = moment.task.as_ref().map(ToString::to_string);
        let task = named.filter(|task| !moment.what.contains(task.as_str()));
        let task = task.map(|task| format!("{task} ")).unwrap_or_default();
        let _ = writeln!(out, "{:>6}  {clock:>9}  {task}{}", moment.seq, text::short(&moment.what, 110));
    }
    if out.is_empty() { "nothing has happened yet\n".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_stand_with_their_number_and_their_time() {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a time");
        let moment = |seq, at: &str, what: &str, task: Option<&str>| Moment {
            seq,
            at: at.parse().expect("a time"),
            what: what.into(),
            task: task.map(|task| task.parse().expect("an id")),
        };
        let moments = [
            moment(1, "2026-11-22T10:00:00Z", "the run began", None),
            moment(4, "2026-11-22T10:00:02Z", "", Some("Task-1")),
            moment(12, "2026-11-22T10:01:05Z", "completed by CG-1\u{1b}[2J", Some("Task-1")),
            moment(13, "2026-11-22T11:01:05Z", "Task-2 was sent back", Some("Task-2")),
        ];
        insta::assert_snapshot!(render(&moments, Some(start)));
        assert_eq!(render(&[], None), "nothing has happened yet\n");
    }
}
