//! What a runner does about its status file. Pure.

use miyabi_protocol::{AgentStatus, StatusFile};

/// What was found at the file's place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    /// No file.
    Missing,
    /// A file that cannot be read, and why.
    Bad(String),
    /// A sound file.
    File(Box<StatusFile>),
}

/// What a runner does then.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Next {
    /// The file says what it should.
    Nothing,
    /// Write the file that ought to be there.
    Restore,
    /// The orchestrator has seen our claim.
    Acknowledged,
    /// Show that the agent is there and free.
    Appear,
    /// Take this offer.
    Take(Box<StatusFile>),
    /// The file tells of work whose process is not there.
    ProcessGone(Box<StatusFile>),
    /// Wait for the next change, and tell people.
    Complain(String),
}

/// `mine` is the file that ought to be there, while an attempt runs and until its end is
/// acknowledged.
pub(crate) fn decide(mine: Option<&StatusFile>, seen: Seen) -> Next {
    match (mine, seen) {
        (Some(mine), Seen::File(seen)) => beside_ours(mine, seen),
        (Some(_), Seen::Missing | Seen::Bad(_)) => Next::Restore,
        (None, Seen::Missing) => Next::Appear,
        (None, Seen::Bad(why)) => Next::Complain(why),
        (None, Seen::File(seen)) => match seen.status {
            AgentStatus::Busy => Next::Take(seen),
            AgentStatus::InProgress => Next::ProcessGone(seen),
            AgentStatus::Idle | AgentStatus::Completed | AgentStatus::Failed => Next::Nothing,
        },
    }
}

fn beside_ours(mine: &StatusFile, seen: Box<StatusFile>) -> Next {
    let same = seen.task_id == mine.task_id && number(&seen) == number(mine);
    let ended = mine.status != AgentStatus::InProgress;
    match seen.status {
        _ if *seen == *mine => Next::Nothing,
        AgentStatus::Idle if ended => Next::Acknowledged,
        // Never twice: the same offer again, from a helper that was started anew, gets the
        // answer that it missed.
        AgentStatus::Busy if ended && !same => Next::Take(seen),
        _ => Next::Restore,
    }
}

fn number(status: &StatusFile) -> Option<(&str, u32)> {
    status.miyabi.as_ref().map(|stamp| (stamp.run_id.as_str(), stamp.attempt))
}

#[cfg(test)]
mod tests {
    use super::*;
    use miyabi_protocol::{MiyabiStamp, Timestamp};

    fn file(status: AgentStatus, attempt: u32) -> Box<StatusFile> {
        let agent = "CG-1".parse().expect("valid");
        Box::new(StatusFile {
            task_id: Some("Task-1".to_owned()),
            status,
            miyabi: Some(MiyabiStamp {
                run_id: "r".into(),
                attempt,
                host: "h".into(),
                ..MiyabiStamp::default()
            }),
            ..StatusFile::idle(&agent, Timestamp::default())
        })
    }

    #[test]
    fn a_free_runner_takes_offers_and_nothing_else() {
        let next = |status| decide(None, Seen::File(file(status, 1)));
        assert_eq!(next(AgentStatus::Busy), Next::Take(file(AgentStatus::Busy, 1)));
        assert_eq!(next(AgentStatus::InProgress), Next::ProcessGone(file(AgentStatus::InProgress, 1)));
        assert_eq!(next(AgentStatus::Idle), Next::Nothing);
        assert_eq!(next(AgentStatus::Completed), Next::Nothing, "a claim waits for its acknowledgment");
        assert_eq!(decide(None, Seen::Missing), Next::Appear);
        assert_eq!(decide(None, Seen::Bad("torn".into())), Next::Complain("torn".into()));
    }

    #[test]
    fn a_running_attempt_is_the_truth_whatever_others_write() {
        let mine = file(AgentStatus::InProgress, 1);
        for seen in [
            Seen::Missing,
            Seen::Bad("torn".into()),
            Seen::File(file(AgentStatus::Idle, 1)),
            Seen::File(file(AgentStatus::Busy, 1)),
            Seen::File(file(AgentStatus::Busy, 2)),
            Seen::File(file(AgentStatus::Completed, 1)),
        ] {
            assert_eq!(decide(Some(&mine), seen.clone()), Next::Restore, "{seen:?}");
        }
        assert_eq!(decide(Some(&mine), Seen::File(mine.clone())), Next::Nothing);
    }

    #[test]
    fn a_claim_stands_until_it_is_acknowledged_and_is_never_worked_again() {
        let mine = file(AgentStatus::Completed, 1);
        let next = |seen| decide(Some(&mine), seen);
        assert_eq!(next(Seen::File(file(AgentStatus::Idle, 1))), Next::Acknowledged);
        assert_eq!(next(Seen::File(file(AgentStatus::Busy, 1))), Next::Restore);
        assert_eq!(next(Seen::File(file(AgentStatus::Busy, 2))), Next::Take(file(AgentStatus::Busy, 2)));
        assert_eq!(next(Seen::File(file(AgentStatus::InProgress, 1))), Next::Restore);
        assert_eq!(next(Seen::Missing), Next::Restore);
    }
}
