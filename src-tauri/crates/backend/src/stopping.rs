//! The stop of a whole run, at every site that answers.

use std::collections::BTreeSet;
use std::time::Duration;

use miyabi_api::Answer;
use miyabi_engine::Order;
use miyabi_plan::{HostId, Site};
use miyabi_protocol::link::Command;
use tokio::time::Instant;

use crate::clock;
use crate::requests::refusal;
use crate::runtime::Backend;
use crate::streams::ClientId;

/// How long agents have to end before the backend leaves without their word.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// How long the one who asked for a stop has to read the answer.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// A stop of the whole run.
pub(crate) enum Stopping {
    /// The agents are being ended; the asker is told when that is done.
    Agents(StoppingAgents),
    /// The answer is on its way; the loop ends when the asker has read it and left.
    Asker {
        /// It ends then, in any case.
        until: Instant,
    },
}

/// A stop that waits for sites.
pub(crate) struct StoppingAgents {
    client: ClientId,
    request: u32,
    until: Instant,
    waits_for: BTreeSet<Site>,
    /// Where agents may go on, because nobody could tell them.
    unreached: BTreeSet<HostId>,
}

impl Stopping {
    pub(crate) fn until(&self) -> Instant {
        match self {
            Self::Agents(StoppingAgents { until, .. }) | Self::Asker { until } => *until,
        }
    }
}

impl Backend {
    pub(crate) fn stop_all(&mut self, client: ClientId, request: u32) {
        match self.engine.order(clock::now(), Order::StopAll) {
            Ok(step) => {
                self.take(step);
                let mut waits_for: BTreeSet<Site> = self.sites.that_answer().into_iter().collect();
                waits_for.insert(Site::Here);
                for site in &waits_for {
                    self.ledger.take_command(site.clone(), Command::StopAll);
                }
                let stopping = StoppingAgents {
                    client,
                    request,
                    until: Instant::now() + STOP_WITHIN,
                    waits_for,
                    unreached: self.sites.that_do_not().into_iter().collect(),
                };
                self.stopping = Some(Stopping::Agents(stopping));
            }
            Err(error) => self.clients.answer(client, request, Err(refusal(&error))),
        }
    }

    /// The agents of a site have ended.
    pub(crate) fn site_stopped(&mut self, site: &Site) {
        if let Some(Stopping::Agents(stopping)) = &mut self.stopping {
            stopping.waits_for.remove(site);
        }
        self.answer_when_stopped();
    }

    /// A helper here is started again by itself; a host is not waited for.
    pub(crate) fn site_left_while_stopping(&mut self, site: &Site) {
        if let (Some(Stopping::Agents(stopping)), Some(host)) = (&mut self.stopping, site.host())
            && stopping.waits_for.remove(site)
        {
            stopping.unreached.insert(host.clone());
        }
        self.answer_when_stopped();
    }

    /// A helper that came up in the midst of a stop is told of it.
    pub(crate) fn stop_again(&self, site: &Site) {
        if let Some(Stopping::Agents(stopping)) = &self.stopping
            && stopping.waits_for.contains(site)
        {
            self.sites.send(site, Command::StopAll);
        }
    }

    fn answer_when_stopped(&mut self) {
        let is_over = match &self.stopping {
            Some(Stopping::Agents(it)) => it.waits_for.is_empty() || it.until <= Instant::now(),
            Some(Stopping::Asker { .. }) | None => false,
        };
        let leaving = Stopping::Asker { until: Instant::now() + LEAVE_WITHIN };
        if let Some(Stopping::Agents(it)) = is_over.then(|| self.stopping.replace(leaving)).flatten() {
            let silent = it.waits_for.iter().filter_map(|site| site.host().cloned());
            let hosts: Vec<HostId> = it.unreached.into_iter().chain(silent).collect();
            let answer = if hosts.is_empty() { Answer::Done } else { self.told_of(hosts) };
            self.clients.answer(it.client, it.request, Ok(answer));
        }
    }

    fn told_of(&mut self, hosts: Vec<HostId>) -> Answer {
        let names: Vec<&str> = hosts.iter().map(HostId::as_str).collect();
        let text = format!(
            "{} did not answer: agents there were not told to stop, and go on until they end or their lease does",
            names.join(", ")
        );
        self.narrate(&text);
        Answer::StoppedExcept { hosts }
    }

    /// Whether the loop ends.
    pub(crate) fn has_stopped(&mut self) -> bool {
        self.answer_when_stopped();
        match &self.stopping {
            None | Some(Stopping::Agents(_)) => false,
            Some(Stopping::Asker { until }) => self.clients.is_empty() || *until <= Instant::now(),
        }
    }
}
