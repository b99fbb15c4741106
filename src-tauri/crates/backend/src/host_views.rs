//! Hosts as clients see them: what the plan says, what was decided, and how contact stands.

use std::collections::BTreeMap;

use miyabi_api::{HostContact, HostView};
use miyabi_engine::{RunState, TaskState};
use miyabi_plan::{AgentId, Site};
use miyabi_protocol::Timestamp;
use miyabi_protocol::link::Load;

use crate::hello::site_of;
use crate::site::ContactSeen;

/// What was last seen of every site; never journaled.
#[derive(Debug, Default)]
pub(crate) struct HostsSeen {
    sites: BTreeMap<Site, SiteSeen>,
}

#[derive(Debug, Default)]
struct SiteSeen {
    contact: Option<ContactSeen>,
    load: Option<Load>,
    lease_end: Option<Timestamp>,
}

impl HostsSeen {
    pub(crate) fn set_contact(&mut self, site: Site, contact: ContactSeen) {
        self.sites.entry(site).or_default().contact = Some(contact);
    }

    pub(crate) fn set_load(&mut self, site: &Site, load: Load) {
        self.sites.entry(site.clone()).or_default().load = Some(load);
    }

    /// When the tasks of a lost host are run elsewhere by themselves.
    pub(crate) fn set_lease_end(&mut self, site: &Site, end: Option<Timestamp>) {
        self.sites.entry(site.clone()).or_default().lease_end = end;
    }

    /// How contact with a site stands.
    pub(crate) fn contact(&self, site: &Site) -> Option<&ContactSeen> {
        self.sites.get(site)?.contact.as_ref()
    }

    pub(crate) fn lease_end(&self, site: &Site) -> Option<Timestamp> {
        self.sites.get(site)?.lease_end
    }

    /// Whether the helper that serves an agent answers.
    pub(crate) fn serves(&self, state: &RunState, agent: &AgentId) -> bool {
        self.answers(&site_of(state, agent))
    }

    fn answers(&self, site: &Site) -> bool {
        let word = self.contact(site).map(|contact| contact.word);
        matches!(word, Some(HostContact::Ready | HostContact::Probing))
    }

    /// A host as it is, from what the plan says of it.
    pub(crate) fn view(&self, state: &RunState, planned: &HostView) -> HostView {
        let site = state.opening.site(&planned.id);
        let seen = self.sites.get(&site);
        let contact = seen.and_then(|seen| seen.contact.as_ref());
        let lost = state.lost_host(&planned.id);
        let measured = contact.and_then(|contact| contact.measured);
        let at_work = state.agents.iter().filter(|agent| agent.current.is_some() && agent.host == planned.id);
        HostView {
            running: count(at_work),
            connected: self.answers(&site),
            load: seen.and_then(|seen| seen.load),
            contact: word(contact, lost.is_some_and(|lost| lost.given_up.is_some())),
            contact_since: contact.map(|contact| contact.since),
            next_try_at: contact.and_then(|contact| contact.next_try_at),
            question: contact.and_then(|contact| contact.question.clone()),
            problem: contact.and_then(|it| it.problem.clone()).or_else(|| lost.map(|lost| lost.why.clone())),
            unverified: count(unverified(state, planned)),
            clock_ahead_seconds: measured.map(|measured| measured.clock_ahead_seconds),
            round_trip_ms: measured.map(|measured| measured.round_trip_ms),
            ..planned.clone()
        }
    }
}

fn unverified<'a>(state: &'a RunState, host: &'a HostView) -> impl Iterator<Item = &'a TaskState> {
    let there = |task: &&TaskState| task.current().is_some_and(|attempt| attempt.host == host.id);
    state.tasks.iter().filter(|task| is_unverified(state, task)).filter(there)
}

/// Whether contact with the host of a task's attempt is lost: what becomes of it is not known.
pub(crate) fn is_unverified(state: &RunState, task: &TaskState) -> bool {
    task.current().is_some_and(|attempt| state.lost_host(&attempt.host).is_some())
}

fn word(contact: Option<&ContactSeen>, given_up: bool) -> HostContact {
    match contact.map_or(HostContact::Unknown, |contact| contact.word) {
        HostContact::Connecting | HostContact::Reconnecting | HostContact::Unknown if given_up => {
            HostContact::Gone
        }
        word => word,
    }
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}
