//! Agents with models behind them: sessions, money, requests for permission, rate limits and
//! providers that are down.

use std::collections::BTreeMap;

use miyabi_plan::{AttemptId, FailureCause, RunnerKind, Usd};
use miyabi_protocol::link::Report;
use miyabi_protocol::{
    AgentSpec, ApprovalAnswer, ApprovalRequest, Failure, MiyabiStamp, RunnerSpec, StatusFile, Usage,
};

use crate::bodies::Work;
use crate::chance::Chance;
use crate::links::Who;
use crate::world::{Act, Happening, World};

/// What is behind an agent.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) runner: RunnerKind,
    pub(crate) account: String,
    pub(crate) host: String,
}

/// What goes wrong with models, and what they were told.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    /// From when to when a program does not work.
    outages: Vec<(RunnerKind, i64, i64)>,
    /// Until when accounts are at their limits.
    limits: BTreeMap<String, i64>,
    /// Who can find each session.
    sessions: BTreeMap<String, (RunnerKind, String)>,
    answers: BTreeMap<(AttemptId, String), ApprovalAnswer>,
    asked: u32,
}

impl Providers {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        let mut outages = Vec::new();
        for runner in [RunnerKind::Claude, RunnerKind::Codex] {
            for _ in 0..chance.small(0..=2) {
                let from = chance.within(0..=200_000);
                let length = if chance.one_in(3) { 20_000_000 } else { 200_000 };
                outages.push((runner, from, from + chance.within(0..=length)));
            }
        }
        Self { outages, ..Self::default() }
    }

    fn is_down(&self, runner: RunnerKind, now: i64) -> bool {
        self.outages.iter().any(|(of, from, to)| *of == runner && (*from..*to).contains(&now))
    }
}

impl World {
    /// What stands against a model's attempt from its beginning.
    pub(crate) fn doom(&mut self, model: &Model) -> Option<Failure> {
        if self.evil == 0 {
            return None;
        }
        if self.providers.is_down(model.runner, self.now) {
            use FailureCause::{NotInstalled, NotLoggedIn, ProviderDown};
            let cause = *self.chance.pick(&[NotInstalled, NotLoggedIn, ProviderDown, ProviderDown]);
            return Some(Failure { cause, until: None });
        }
        let limit = self.providers.limits.get(&model.account).copied().filter(|until| *until > self.now);
        limit.map(|until| self.limited(until))
    }

    fn limited(&mut self, until: i64) -> Failure {
        let said = self.chance.small(0..=2) > 0;
        let until = said.then(|| miyabi_protocol::Timestamp::from_millis(until));
        Failure { cause: FailureCause::RateLimited, until }
    }

    /// The session that a model's attempt is in, written in its file from the start.
    pub(crate) fn enter_session(&mut self, attempt: &AttemptId, model: &Model, file: &mut StatusFile) {
        let resumed =
            self.spec(attempt).and_then(|spec| spec.resume.as_ref()).map(|resume| resume.session.clone());
        let here = (model.runner, model.host.clone());
        let session = match resumed {
            Some(session) => {
                if self.providers.sessions.get(&session) != Some(&here) {
                    self.violations.push(format!("{attempt} goes on in {session}, which is not there"));
                }
                session
            }
            None => format!("session-{attempt}"),
        };
        self.providers.sessions.insert(session.clone(), here);
        if let Some(stamp) = &mut file.miyabi {
            stamp.session = Some(session);
        }
    }

    fn spec(&self, attempt: &AttemptId) -> Option<&AgentSpec> {
        match &self.sheets.get(attempt)?.runner {
            RunnerSpec::Agent(spec) => Some(spec),
            _ => None,
        }
    }

    /// How a model's attempt ends, with what it used.
    pub(crate) fn settle_model(
        &mut self,
        model: &Model,
        work: &Work,
        fails: bool,
    ) -> (MiyabiStamp, Option<Failure>) {
        let mut stamp = work.offer.miyabi.clone().unwrap_or_default();
        if let Some(doom) = work.doom {
            stamp.failure = Some(doom);
            return (stamp, Some(doom));
        }
        let mut cost = Usd::from_micros(u64::from(self.chance.small(1..=1_500_000)));
        let budget = work.attempt().and_then(|attempt| self.spec(&attempt)?.budget);
        let mut failure = match budget {
            Some(budget) if cost >= budget => {
                cost = budget.less(Usd::from_micros(u64::from(self.chance.small(0..=3))));
                Some(Failure { cause: FailureCause::BudgetReached, until: None })
            }
            _ if fails => Some(Failure { cause: self.some_cause(), until: None }),
            _ => None,
        };
        if failure.is_none() && self.evil > 0 && self.chance.one_in(12) {
            let until = self.now + self.chance.within(1_000..=3_600_000);
            self.providers.limits.insert(model.account.clone(), until);
            failure = Some(self.limited(until));
        }
        let tokens = u64::from(self.chance.small(0..=1000));
        stamp.usage =
            Some(Usage { input_tokens: tokens, output_tokens: tokens, cost: Some(cost), ..Usage::default() });
        stamp.failure = failure;
        (stamp, failure)
    }

    fn some_cause(&mut self) -> FailureCause {
        use FailureCause::{AgentFailed, ContextLimit, Crashed, Killed, PermissionRefused, Silent};
        *self.chance.pick(&[AgentFailed, ContextLimit, Crashed, Crashed, Killed, PermissionRefused, Silent])
    }

    /// A model asks, and waits.
    pub(crate) fn ask(&mut self, agent: &Who) {
        let at = self.time();
        let tool = (*self.chance.pick(&["Bash", "Edit", "WebFetch"])).to_owned();
        let Some(work) = self.bodies.get_mut(agent).and_then(|body| body.work.as_mut()) else { return };
        self.providers.asked += 1;
        let id = format!("ask-{}", self.providers.asked);
        work.asks.push(ApprovalRequest {
            id,
            tool,
            what: "it".to_owned(),
            detail: String::new(),
            asked_at: at,
        });
        self.tell_asks(agent);
    }

    pub(crate) fn tell_asks(&mut self, agent: &Who) {
        let Some(work) = self.bodies.get(agent).and_then(|body| body.work.as_ref()) else { return };
        let Some(attempt) = work.attempt().filter(|_| work.begun) else { return };
        let asks = work.asks.clone();
        self.report(agent.0, Report::Asks { agent: agent.1.clone(), attempt, asks, heard: 0 });
    }

    pub(crate) fn answered(
        &mut self,
        agent: &Who,
        attempt: &AttemptId,
        request: &str,
        answer: &ApprovalAnswer,
    ) {
        let known = self.providers.answers.insert((attempt.clone(), request.to_owned()), answer.clone());
        if known.is_some_and(|known| &known != answer) {
            self.violations.push(format!("{request} of {attempt} is answered in two ways"));
        }
        let Some(body) = self.bodies.get_mut(agent) else { return };
        let life = body.life;
        let Some(work) = body.work.as_mut().filter(|work| work.attempt().as_ref() == Some(attempt)) else {
            return;
        };
        let before = work.asks.len();
        work.asks.retain(|ask| ask.id != request);
        if work.asks.len() < before {
            let goes_on = work.asks.is_empty() && work.ends_when_answered;
            self.tell_asks(agent);
            if goes_on {
                self.plan(1, Happening::Act(agent.clone(), life, Act::End));
            }
        }
    }
}
