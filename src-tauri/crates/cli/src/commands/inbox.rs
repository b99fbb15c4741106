//! `inbox`, `approve`, `deny`, `budget`: what waits for a person, and the answers.

use std::fmt::Write as _;

use miyabi_api::{ApiError, ApprovalAnswer, ApprovalScope, InboxItem, InboxKind, Request};
use miyabi_protocol::Timestamp;

use super::control;
use crate::args::{Approve, Budget, Deny, Inbox};
use crate::exit::Exit;
use crate::{terminal, text};

/// How many lines of an item's particulars are shown.
const DETAIL_LINES: usize = 8;

/// Prints what waits.
pub(crate) async fn inbox(args: &Inbox) -> Result<Exit, ApiError> {
    let snapshot = args.target.snapshot().await?;
    let out = if args.output.json {
        text::json(&snapshot.inbox)?
    } else {
        render(&snapshot.inbox, snapshot.run.now)
    };
    terminal::print(&out);
    Ok(Exit::Done)
}

/// Allows a request.
pub(crate) async fn approve(args: &Approve) -> Result<Exit, ApiError> {
    let request =
        Request::Answer { number: args.number, answer: ApprovalAnswer::Allow, scope: args.scope.into() };
    control::send(&args.target, request, &format!("{} is allowed", args.number)).await
}

/// Refuses a request.
pub(crate) async fn deny(args: Deny) -> Result<Exit, ApiError> {
    let Deny { number, reason, target } = args;
    let answer = ApprovalAnswer::Deny { reason };
    let request = Request::Answer { number, answer, scope: ApprovalScope::Once };
    control::send(&target, request, &format!("{number} is refused; the agent is told why")).await
}

/// Raises a budget.
pub(crate) async fn raise(args: &Budget) -> Result<Exit, ApiError> {
    let request = Request::RaiseBudget { number: args.number, limit_usd: args.limit_usd };
    let said = format!("up to {} may be spent; what waited goes on", text::usd(args.limit_usd));
    control::send(&args.target, request, &said).await
}

fn render(items: &[InboxItem], now: Timestamp) -> String {
    if items.is_empty() {
        return "nothing waits for you\n".to_owned();
    }
    let mut out = String::new();
    for item in items {
        let _ = writeln!(out, "{}", head(item, now));
        for line in detail(item) {
            let _ = writeln!(out, "      {line}");
        }
        let _ = writeln!(out, "      {}\n", next(item, now));
    }
    out
}

/// What is known of an item: of a command its first lines, of a host every word.
fn detail(item: &InboxItem) -> Vec<String> {
    match item.kind {
        InboxKind::HostLost | InboxKind::HostQuestion => text::wrapped(&item.detail, 100),
        // Lines to be typed: none of them may be cut.
        InboxKind::Conflict => text::clean(&item.detail).lines().map(str::to_owned).collect(),
        _ => item.detail.lines().take(DETAIL_LINES).map(|line| text::short(line, 110)).collect(),
    }
}

fn host(item: &InboxItem) -> String {
    item.host.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// The item in a line: number, who, what, for how long, and what waits behind it.
fn head(item: &InboxItem, now: Timestamp) -> String {
    let number = item.number.map(|number| number.to_string()).unwrap_or_default();
    let agent = item.agent.as_ref().map(|agent| format!("{agent} ")).unwrap_or_default();
    let task = item.task.as_ref().map(|task| format!("at {task} ")).unwrap_or_default();
    let what = text::short(&item.what, 70);
    let asks = match item.kind {
        InboxKind::Approval => format!("asks for {}: {what}", text::short(&item.tool, 30)),
        InboxKind::RunBudget => format!("the run's budget is reached: {}", sums(item)),
        InboxKind::AgentBudget => format!("its budget is reached: {}", sums(item)),
        InboxKind::TaskBudget => format!("the task's budget is reached: {}", sums(item)),
        InboxKind::TaskFailed => format!("failed: {what}"),
        InboxKind::Review => format!("waits to be accepted: {what}"),
        InboxKind::Conflict => format!("merge conflict: {what}"),
        InboxKind::Verification => format!("the verification does not hold: {what}"),
        InboxKind::HostLost | InboxKind::HostQuestion => text::short(&item.what, 120),
    };
    let age = text::duration((now.millis_since(item.at).max(0) as f64 / 1000.0).round());
    let behind = match item.blocks {
        0 => String::new(),
        1 => ", 1 task waits behind it".to_owned(),
        many => format!(", {many} tasks wait behind it"),
    };
    format!("{number:>4}  {agent}{task}{asks}  ({age} ago{behind})")
}

fn sums(item: &InboxItem) -> String {
    let sum = |sum: Option<f64>| sum.map_or_else(|| "?".to_owned(), text::usd);
    format!("{} of {}", sum(item.spent_usd), sum(item.limit_usd))
}

/// What a person can type.
fn next(item: &InboxItem, now: Timestamp) -> String {
    let number = item.number.unwrap_or_default();
    let by_itself = item.answers_at.map(|at| {
        let left = (at.millis_since(now).max(0) as f64 / 1000.0).ceil();
        format!("   (answered by itself in {})", text::duration(left))
    });
    match (item.kind, &item.task) {
        (InboxKind::Approval, _) => {
            format!("miyabi approve {number}   miyabi deny {number}{}", by_itself.unwrap_or_default())
        }
        (InboxKind::TaskFailed, Some(task)) => format!("miyabi why {task}   miyabi retry {task}"),
        (InboxKind::HostLost, _) => {
            let host = host(item);
            format!("miyabi host try {host}   miyabi host give-up {host}   (says first what that costs)")
        }
        (InboxKind::HostQuestion, _) => format!("miyabi host answer {}", host(item)),
        (InboxKind::Review, Some(task)) => {
            format!("miyabi diff {task}   miyabi accept {task}   miyabi send-back {task} -m TEXT")
        }
        (InboxKind::Conflict, Some(task)) => format!("miyabi merged {task} BRANCH   (with both sides in it)"),
        (InboxKind::Verification, _) => {
            "miyabi checks   miyabi verify   (runs it again, once that is mended)".to_owned()
        }
        (InboxKind::TaskFailed | InboxKind::Review | InboxKind::Conflict, None) => String::new(),
        (InboxKind::RunBudget | InboxKind::AgentBudget | InboxKind::TaskBudget, _) => {
            format!("miyabi budget {number} USD")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: InboxKind, number: Option<u32>) -> InboxItem {
        InboxItem {
            number,
            agent: Some("CG-1".parse().expect("an id")),
            task: Some("Task-2".parse().expect("an id")),
            ..InboxItem::new(format!("{kind:?}"), kind, "2026-11-22T10:00:00Z".parse().expect("a time"))
        }
    }

    #[test]
    fn an_inbox_says_what_can_be_typed_and_obeys_no_escape_sequence() {
        let now: Timestamp = "2026-11-22T10:02:05Z".parse().expect("a time");
        let items = [
            InboxItem {
                tool: "Bash".into(),
                what: "rm -rf build\u{1b}[2K".into(),
                detail: "{\n  \"command\": \"rm -rf build\"\n}".into(),
                blocks: 4,
                answers_at: Some("2026-11-22T10:30:00Z".parse().expect("a time")),
                ..item(InboxKind::Approval, Some(3))
            },
            InboxItem {
                agent: None,
                task: None,
                spent_usd: Some(19.5),
                limit_usd: Some(20.0),
                blocks: 1,
                ..item(InboxKind::RunBudget, Some(4))
            },
            InboxItem { what: "exit code 3".into(), ..item(InboxKind::TaskFailed, None) },
            InboxItem {
                agent: None,
                task: None,
                host: Some("MUGEN".parse().expect("an id")),
                what: "MUGEN is lost, with Task-2 under way: no answer for 10 s".into(),
                detail: "If MUGEN is given up, Task-2 begins anew elsewhere under a new attempt, and 4 min of work by \
                         CG-1 are lost."
                    .into(),
                blocks: 3,
                ..item(InboxKind::HostLost, None)
            },
            InboxItem {
                agent: None,
                task: None,
                host: Some("MAJIN".parse().expect("an id")),
                what: "the key of MAJIN is not known".into(),
                ..item(InboxKind::HostQuestion, None)
            },
            InboxItem { what: "3 files, +40 -2".into(), blocks: 2, ..item(InboxKind::Review, None) },
            InboxItem {
                what: "app.py".into(),
                detail: "git switch -c my-merge miyabi/r/Left/1\ngit merge miyabi/r/Right/1".into(),
                ..item(InboxKind::Conflict, None)
            },
            InboxItem { agent: None, task: None, what: "files".into(), ..item(InboxKind::Verification, None) },
        ];
        insta::assert_snapshot!(render(&items, now));
        assert_eq!(render(&[], now), "nothing waits for you\n");
    }
}
