//! The agents: runners of ours and other people's loops, honest ones and all the others.

use miyabi_plan::AttemptId;
use miyabi_protocol::{ApprovalRequest, AttemptSheet, Failure, StatusFile};

use crate::chance::Chance;
use crate::models::Model;

/// One agent.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    /// Whether a runner of ours stands behind it.
    pub(crate) ours: bool,
    pub(crate) alive: bool,
    /// Counts its processes: what an earlier one planned to do does not happen.
    pub(crate) life: u32,
    pub(crate) habits: Habits,
    /// The model behind it, where there is one.
    pub(crate) model: Option<Model>,
    /// What it does now.
    pub(crate) work: Option<Work>,
    /// A claim of a runner of ours, which it keeps in its file until it is acknowledged.
    pub(crate) unacknowledged: Option<StatusFile>,
}

/// What is always so with an agent.
#[derive(Debug, Clone)]
pub(crate) struct Habits {
    /// Whether it keeps what it finds in its file beyond the nine keys.
    pub(crate) keeps_stamp: bool,
    /// The longest time in ms after which it looks at its file.
    pub(crate) poll: i64,
    /// The longest time in ms between its look at BUSY and its IN_PROGRESS.
    pub(crate) dawdles: i64,
    /// How many BUSY it does not see.
    pub(crate) ignores: u32,
    /// How many BUSY it answers with IDLE, as one that just started.
    pub(crate) falls_back: u32,
    /// How many times its window cannot be made.
    pub(crate) cannot_start: u32,
    /// How many times its runner ends as soon as it is up.
    pub(crate) crashes: u32,
    /// One in so many attempts goes wrong; 0 for never.
    pub(crate) goes_wrong: u32,
}

/// What an agent is at.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// Its file as it was when it looked.
    pub(crate) offer: StatusFile,
    /// Whether it wrote IN_PROGRESS.
    pub(crate) begun: bool,
    pub(crate) fate: Fate,
    /// What stood against it from the beginning.
    pub(crate) doom: Option<Failure>,
    /// What it waits for an answer to.
    pub(crate) asks: Vec<ApprovalRequest>,
    /// Whether all else is done.
    pub(crate) ends_when_answered: bool,
}

impl Work {
    /// The attempt, as far as the agent knows.
    pub(crate) fn attempt(&self) -> Option<AttemptId> {
        attempt_in(&self.offer)
    }
}

/// The attempt that a file speaks of.
pub(crate) fn attempt_in(file: &StatusFile) -> Option<AttemptId> {
    let number = file.miyabi.as_ref()?.attempt;
    Some(AttemptId { task: file.task_id.as_deref()?.parse().ok()?, number })
}

/// How an attempt will go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Honest,
    /// Claims to be done, and is not.
    Lies,
    Fails,
    /// Never ends by itself.
    Hangs,
    /// Ends long after its time limit.
    Late,
    /// Its process dies.
    Dies,
    /// Writes IDLE.
    GivesUp,
    /// Claims without a word before.
    Silent,
    /// Writes its claim a second time, whatever stands in its file by then.
    Twice,
    /// Says that it failed, and later that it is done.
    Wavers,
    /// Is done, and then writes IN_PROGRESS once more before it writes the claim again.
    Restless,
}

impl Habits {
    /// Those of a good agent.
    fn good(ours: bool, chance: &mut Chance) -> Self {
        Self {
            keeps_stamp: ours || !chance.one_in(3),
            poll: if ours { 20 } else { 2_000 },
            dawdles: 20,
            ignores: 0,
            falls_back: 0,
            cannot_start: 0,
            crashes: 0,
            goes_wrong: 0,
        }
    }

    pub(crate) fn of(ours: bool, evil: u32, chance: &mut Chance) -> Self {
        let mut habits = Self::good(ours, chance);
        if evil == 0 {
            return habits;
        }
        habits.goes_wrong = *chance.pick(&[0, 2, 3, 8]);
        if chance.one_in(5) {
            habits.ignores = chance.small(1..=4);
        }
        if chance.one_in(12) {
            habits.ignores = u32::MAX;
        }
        if ours {
            habits.crashes = if chance.one_in(8) { *chance.pick(&[1, 2, 7, u32::MAX]) } else { 0 };
            habits.cannot_start = if chance.one_in(8) { chance.small(1..=5) } else { 0 };
        } else {
            habits.falls_back = if chance.one_in(4) { chance.small(1..=3) } else { 0 };
            habits.dawdles = *chance.pick(&[0, 50, 3_000, 20_000]);
        }
        habits
    }
}

impl Body {
    pub(crate) fn new(ours: bool, evil: u32, chance: &mut Chance) -> Self {
        let habits = Habits::of(ours, evil, chance);
        Self { ours, alive: false, life: 0, habits, model: None, work: None, unacknowledged: None }
    }

    /// Whether its file is its own: it is at something that it told of.
    pub(crate) fn is_at_work(&self) -> bool {
        self.alive && self.work.as_ref().is_some_and(|work| work.begun)
    }

    /// The attempt that its runner tells.
    pub(crate) fn runner_attempt(&self) -> Option<AttemptId> {
        self.work.as_ref().filter(|work| work.begun).and_then(Work::attempt)
    }

    pub(crate) fn choose_fate(&self, chance: &mut Chance) -> Fate {
        use Fate::*;
        if self.habits.goes_wrong == 0 || !chance.one_in(self.habits.goes_wrong) {
            return Honest;
        }
        match self.ours {
            true => *chance.pick(&[Lies, Fails, Fails, Hangs, Dies]),
            false => *chance.pick(&[
                Lies, Fails, Hangs, Late, Late, Dies, GivesUp, Silent, Twice, Twice, Wavers, Restless,
            ]),
        }
    }
}

/// How long an attempt takes, in ms.
pub(crate) fn duration(fate: Fate, sheet: Option<&AttemptSheet>, chance: &mut Chance) -> i64 {
    let estimate = sheet.map_or(30, |sheet| i64::from(sheet.estimated_seconds)) * 1000;
    match fate {
        Fate::Late => 400_000 + chance.within(0..=400_000),
        Fate::Silent => chance.within(0..=4_000),
        Fate::Dies | Fate::GivesUp | Fate::Fails => chance.within(0..=estimate),
        _ => chance.within(estimate / 2..=estimate),
    }
}
