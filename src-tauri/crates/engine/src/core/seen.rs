//! What was last seen of the world: never journaled, learnt again from the helper's listing.

use std::collections::{BTreeMap, BTreeSet};

use miyabi_plan::{AgentId, AttemptId, TaskId};
use miyabi_protocol::link::Load;
use miyabi_protocol::{AgentStatus, ApprovalRequest, Carriage, EvidenceReport, StatusFile, Timestamp, Usage};

/// After so many offers in a row that nobody took, an agent counts as absent until it shows a
/// sign of life.
pub(super) const ABSENT_AFTER: u32 = 3;

/// For how long an agent whose offer was taken back is given nothing, in seconds: should it have
/// taken the offer at that very moment, its file says so within that time.
pub(super) const UNSURE_SECONDS: u32 = 2;

#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Parallel to the state's agents.
    pub(super) agents: Vec<AgentSeen>,
    /// Parallel to the run's sites.
    pub(super) sites: Vec<SiteSeen>,
    /// What is under way with the work.
    pub(super) work: WorkSeen,
}

/// What was asked for and not answered yet, and what was answered and not decided yet. Forgotten with the
/// link to its site, and then asked for again.
#[derive(Debug, Clone, Default)]
pub(super) struct WorkSeen {
    /// Attempts whose trees were asked for.
    pub(super) trees: BTreeSet<AttemptId>,
    /// Branches that were carried to hosts for attempts to begin from.
    pub(super) there: BTreeSet<(AttemptId, String)>,
    /// Ended attempts whose work is being committed.
    pub(super) keeps: BTreeSet<AttemptId>,
    /// The last commits of those, which are still to be carried here.
    pub(super) kept: BTreeMap<AttemptId, String>,
    /// Evidence that holds, of work that is still to be carried here.
    pub(super) evidence: BTreeMap<AttemptId, EvidenceReport>,
    /// Under way.
    pub(super) carriages: Vec<Carriage>,
    /// Before when what could not be carried is not carried again.
    pub(super) carry_again: BTreeMap<AttemptId, Timestamp>,
    /// What is being merged, by the task that waits for it; none for the run's result.
    pub(super) merging: BTreeMap<Option<TaskId>, Vec<String>>,
    /// What could not be merged at all.
    pub(super) unmerged: BTreeMap<Option<TaskId>, Unmerged>,
    /// Commits that persons named for merge tasks.
    pub(super) taking: BTreeMap<TaskId, Taking>,
    /// Whether the verification is under way.
    pub(super) verifies: bool,
    /// The files that attempts at work have touched so far.
    pub(super) touched: BTreeMap<AttemptId, BTreeSet<String>>,
    /// When trees were looked at last.
    pub(super) looked_at: Option<Timestamp>,
}

/// A merge that was not possible at all.
#[derive(Debug, Clone)]
pub(super) struct Unmerged {
    /// How often it was tried.
    pub(super) tries: u32,
    /// When it is tried again.
    pub(super) again_at: Timestamp,
    /// Why not, for people.
    pub(super) message: String,
}

/// A commit that a person named for a merge task.
#[derive(Debug, Clone)]
pub(super) struct Taking {
    pub(super) revision: String,
    pub(super) is_sent: bool,
}

/// What was last seen of a site.
#[derive(Debug, Clone, Default)]
pub(super) struct SiteSeen {
    /// Whether the helper answers and has shown all that is there.
    pub(super) listed: bool,
    /// Files that were reported before the listing was complete: they are judged together, after
    /// what the runners are at is known and the queue can be written.
    pub(super) unlisted: BTreeMap<AgentId, StatusFile>,
    /// Requests for permission, likewise.
    pub(super) unlisted_asks: BTreeMap<AgentId, Asks>,
    /// Runners at work of agents that moved away, likewise.
    pub(super) left_behind: Vec<(AgentId, AttemptId)>,
    /// Its load, and when that was told.
    pub(super) load: Option<(Load, Timestamp)>,
    /// Whether its helper has the whole queue, so that changes of it are enough.
    pub(super) queue_is_written: bool,
}

/// What waits for an answer, as a helper reported it.
#[derive(Debug, Clone)]
pub(super) struct Asks {
    pub(super) attempt: AttemptId,
    pub(super) asks: Vec<ApprovalRequest>,
    pub(super) heard: u32,
}

/// What was last seen of an agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentSeen {
    /// The word in its file; none while there is no readable one.
    pub status: Option<AgentStatus>,
    /// From 0 to 1, as its file says.
    pub progress: f64,
    /// When its file was last written.
    pub updated_at: Option<Timestamp>,
    /// Its runner's process.
    pub pid: Option<u32>,
    /// What its runner is at.
    pub runner_attempt: Option<AttemptId>,
    /// What it is doing, in a line, as its runner says.
    pub activity: Option<String>,
    /// What an attempt of it used until now, as its runner says, with the model's name.
    pub usage: Option<(AttemptId, Usage, Option<String>)>,
    /// The highest number of what a person said and reached it, over this link.
    pub(super) heard: u32,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// How far the offer of its current attempt got.
    pub(super) offer: OfferSeen,
    /// Since when the offer lies in its file, counted from the first BUSY of the attempt.
    pub(super) busy_since: Option<Timestamp>,
    /// Whether its BUSY is of an attempt that is not its current one.
    pub(super) stale_busy: bool,
    /// The time in the IDLE that we wrote last: the same one read again says nothing new.
    pub(super) idle_written_at: Option<Timestamp>,
    /// Until when it is not known whether an offer was taken before it was taken back.
    pub(super) unsure_until: Option<Timestamp>,
    /// Whether its runner died idle or over an offer: a new one alone is then no sign that it works.
    pub(super) died_before_work: bool,
    /// Until when it is offered nothing.
    pub(super) rests_until: Option<Timestamp>,
    /// How many offers in a row it did not take.
    pub(super) refusals: u32,
}

/// How far an offer got, as the helper tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum OfferSeen {
    /// Not sent over this link.
    #[default]
    Unsent,
    /// Sent; an IDLE that is reported now may be the one from before.
    Sent,
    /// BUSY was written: an IDLE that is reported now came after it.
    Written,
}

impl AgentSeen {
    /// Whether so many offers were not taken that it counts as absent.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.refusals >= ABSENT_AFTER
    }

    pub(super) fn sign_of_life(&mut self) {
        self.refusals = 0;
        self.rests_until = None;
        self.problem = None;
        self.died_before_work = false;
    }

    /// A status file was read.
    pub(super) fn read(&mut self, file: &StatusFile) {
        self.status = Some(file.status);
        self.progress = file.progress.clamp(0.0, 1.0);
        self.updated_at = file.updated_at;
        self.stale_busy = false;
        if matches!(file.status, AgentStatus::InProgress | AgentStatus::Completed | AgentStatus::Failed) {
            self.sign_of_life();
        }
    }

    /// Whether this IDLE was written by the agent, and not by us.
    pub(super) fn is_its_own_idle(&self, file: &StatusFile) -> bool {
        file.updated_at.is_none() || file.updated_at != self.idle_written_at
    }
}

impl Seen {
    pub(super) fn nothing(agents: usize, sites: usize) -> Self {
        Self {
            agents: vec![AgentSeen::default(); agents],
            sites: vec![SiteSeen::default(); sites],
            work: WorkSeen::default(),
        }
    }
}
