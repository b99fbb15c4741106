//! `miyabi host answer`, `try` and `give-up`: a host of the run that is not as it should be.

use std::fmt::Write as _;
use std::time::Duration;

use miyabi_api::{
    ApiError, ErrorCode, HostAnswer, HostContact, HostId, HostQuestion, HostView, InboxKind, Request,
    RunSnapshot,
};
use miyabi_plan::TaskPhase;
use tokio::time::timeout;

use super::questions;
use crate::args::{GiveUp, OneHost};
use crate::exit::Exit;
use crate::follow::Follower;
use crate::{terminal, text};

/// How long is waited for what an answer or a try comes to.
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers what a host asks, until it asks nothing more.
pub(crate) async fn answer(args: &OneHost) -> Result<Exit, ApiError> {
    let mut follower = follower(args).await?;
    let host = find(&follower.snapshot, &args.host)?.clone();
    if host.question.is_none() {
        let standing = standing(&host, &follower.snapshot);
        return Err(ApiError::new(ErrorCode::Conflict, format!("{} asks nothing: {standing}", host.id)));
    }
    if !terminal::has_person() {
        return Err(ApiError::new(
            ErrorCode::BadInput,
            "an answer is typed at a terminal, and there is none",
        ));
    }
    let mut answered: Option<HostQuestion> = None;
    loop {
        let host = find(&follower.snapshot, &args.host)?.clone();
        let Some(question) = &host.question else { return outcome(&host, &follower.snapshot) };
        let Some(answer) = questions::ask(host.id.as_str(), question, answered.as_ref()) else {
            println!("{} is not answered, and waits on", host.id);
            return Ok(Exit::BadInput);
        };
        settled(&mut follower, &host.id, answer).await?;
        answered = host.question;
    }
}

/// Has a host tried now.
pub(crate) async fn try_now(args: &OneHost) -> Result<Exit, ApiError> {
    let mut follower = follower(args).await?;
    let host = find(&follower.snapshot, &args.host)?.clone();
    settled(&mut follower, &host.id, HostAnswer::TryAgain).await?;
    outcome(find(&follower.snapshot, &host.id)?, &follower.snapshot)
}

/// Says what it costs, asks, and gives a host up.
pub(crate) async fn give_up(args: &GiveUp) -> Result<Exit, ApiError> {
    let connection = args.target.connect().await?;
    let snapshot = connection.snapshot().await?;
    let host = find(&snapshot, &args.host)?;
    eprint!("{}", cost(&snapshot, host));
    if !args.yes {
        if !terminal::has_person() {
            return Err(ApiError::new(ErrorCode::NeedsConfirmation, format!("{} is not given up", host.id))
                .hint("--yes   does it without being asked"));
        }
        if !terminal::agrees(&format!("Give {} up?", host.id)) {
            return Ok(Exit::BadInput);
        }
    }
    connection.request(Request::GiveUpHost { host: host.id.clone() }).await?;
    println!("{} is given up; its tasks run elsewhere. miyabi status shows where", host.id);
    Ok(Exit::Done)
}

async fn follower(args: &OneHost) -> Result<Follower, ApiError> {
    let service = args.target.service()?;
    let state_dir = service.live_state_dir(args.target.state_dir.as_deref()).await?;
    Follower::begin(service, state_dir).await
}

fn find<'a>(snapshot: &'a RunSnapshot, id: &HostId) -> Result<&'a HostView, ApiError> {
    let found = snapshot.hosts.iter().find(|host| host.id.folded() == id.folded());
    found.ok_or_else(|| {
        let ids: Vec<&HostId> = snapshot.hosts.iter().map(|host| &host.id).collect();
        ApiError::new(ErrorCode::BadInput, format!("the run has no host {id}"))
            .hint(format!("it has {}", text::list(&ids)))
    })
}

/// Sends an answer, and waits until the host is reached, turns us away, or asks again.
async fn settled(follower: &mut Follower, host: &HostId, answer: HostAnswer) -> Result<(), ApiError> {
    let before = find(&follower.snapshot, host)?.clone();
    follower.connection.request(Request::AnswerHost { host: host.clone(), answer }).await?;
    let wait = async {
        loop {
            let now = find(&follower.snapshot, host)?;
            let is_over = match now.contact {
                HostContact::Refused => is_new(&before, now),
                HostContact::Reconnecting | HostContact::Gone => {
                    now.next_try_at.is_some() && now.next_try_at != before.next_try_at
                }
                _ => false,
            };
            if now.connected || is_over {
                return Ok(());
            }
            if follower.next().await.is_none() {
                return Err(ApiError::new(ErrorCode::Disconnected, "the backend of this run went away"));
            }
        }
    };
    // Whoever waits in vain is told how it stands.
    timeout(PATIENCE, wait).await.unwrap_or(Ok(()))
}

/// Whether something was said of a host since.
fn is_new(before: &HostView, now: &HostView) -> bool {
    (before.contact_since, &before.question, &before.problem)
        != (now.contact_since, &now.question, &now.problem)
}

fn standing(host: &HostView, snapshot: &RunSnapshot) -> String {
    if host.connected { "its helper answers".to_owned() } else { text::contact(host, snapshot.run.now) }
}

fn outcome(host: &HostView, snapshot: &RunSnapshot) -> Result<Exit, ApiError> {
    if host.connected {
        println!("{} is reached", host.id);
        return Ok(Exit::Done);
    }
    let error = ApiError::new(ErrorCode::Environment, format!("{}: {}", host.id, standing(host, snapshot)));
    let error = host.problem.iter().fold(error, ApiError::hint);
    Err(match &host.question {
        Some(question) => {
            error.hint(format!("{}: miyabi host answer {}", questions::line(question), host.id))
        }
        None => error,
    })
}

/// What giving a host up would cost.
fn cost(snapshot: &RunSnapshot, host: &HostView) -> String {
    let now = snapshot.run.now;
    let mut out = format!("{}: {}\n", host.id, standing(host, snapshot));
    let there = |agent: &miyabi_api::AgentId| {
        snapshot.agents.iter().any(|other| &other.id == agent && other.host == host.id)
    };
    let begun = snapshot.tasks.iter().filter(|task| {
        let under_way = matches!(
            task.phase,
            TaskPhase::Unverified | TaskPhase::Running | TaskPhase::Offered | TaskPhase::Checking
        );
        under_way && there(&task.agent)
    });
    let mut count = 0;
    for task in begun {
        count += 1;
        let spent = task.started_at.map_or(0.0, |start| now.millis_since(start).max(0) as f64 / 1000.0);
        let _ = writeln!(
            out,
            "  {} {}: {:.0} % by {}, {} spent: begins anew elsewhere",
            text::task_glyph(task.phase),
            task.id,
            task.progress * 100.0,
            task.agent,
            text::duration(spent.round())
        );
    }
    let lost = snapshot.inbox.iter().find(|item| {
        item.kind == InboxKind::HostLost && item.host.as_ref().is_some_and(|other| *other == host.id)
    });
    for line in lost.iter().flat_map(|item| text::wrapped(&item.detail, 100)) {
        let _ = writeln!(out, "  {line}");
    }
    if count == 0 {
        out.push_str("  no task is under way there\n");
    } else {
        out.push_str("What the old attempts still write is kept apart, and never taken.\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::tests::far_away;

    #[test]
    fn what_it_costs_stands_before_the_question() {
        let run = far_away();
        let of = |id: &str| cost(&run, find(&run, &id.parse().expect("an id")).expect("a host"));
        insta::assert_snapshot!(format!("{}\n{}", of("mugen"), of("local")));
        let error = find(&run, &"nobody".parse().expect("an id")).expect_err("unknown");
        assert!(error.hints[0].contains("MUGEN"), "{error:?}");
    }
}
