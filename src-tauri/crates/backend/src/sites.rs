//! All sites of a run, as the run's loop knows them.

use std::collections::BTreeMap;
use std::time::Duration;

use miyabi_api::HostAnswer;
use miyabi_engine::RunState;
use miyabi_plan::{HostId, Site};
use miyabi_protocol::RunOpening;
use miyabi_protocol::frame::Chunk;
use miyabi_protocol::link::{Command, Hello};
use miyabi_reach::{Reach, Secrets, Way};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::Options;
use crate::clock::{self, Unsleeping};
use crate::contact::Rules;
use crate::door::Door;
use crate::hello::hello;
use crate::lease::Lease;
use crate::run_folder::RunFolder;
use crate::runtime::Input;
use crate::site::{self, SiteSetup, ToSite};
use crate::streams::Streams;

/// All sites, each with a task that keeps its helper.
#[derive(Debug, Default)]
pub(crate) struct Sites {
    all: BTreeMap<Site, SiteEnd>,
}

#[derive(Debug)]
struct SiteEnd {
    to: mpsc::UnboundedSender<ToSite>,
    hello: watch::Sender<Hello>,
    /// Whether its helper answers and has shown all that is there.
    is_listed: bool,
    lease: Option<Lease>,
}

/// What the tasks of sites are started with.
pub(crate) struct Start<'a> {
    pub(crate) opening: &'a RunOpening,
    pub(crate) state: &'a RunState,
    pub(crate) options: &'a Options,
    pub(crate) folder: &'a RunFolder,
    pub(crate) streams: &'a Streams,
    pub(crate) inputs: &'a mpsc::UnboundedSender<Input>,
}

impl Sites {
    /// Starts to reach every site of the run.
    pub(crate) fn start(start: &Start<'_>) -> Self {
        let ends = start.opening.sites().into_iter().filter_map(|site| {
            let door = door(&site, start)?;
            let (sender, receiver) = watch::channel(hello(start.state, &site, start.options));
            let plan = &start.opening.plan;
            let rules = match &site {
                Site::Here => Rules::here(),
                Site::There(_) => Rules::there(plan.limits.lost_after_seconds),
            };
            let lease = plan.failover.lease_seconds().filter(|_| site != Site::Here);
            let setup = SiteSetup {
                site: site.clone(),
                door,
                rules,
                hello: receiver,
                streams: start.streams.clone(),
                inputs: start.inputs.clone(),
            };
            let end = SiteEnd {
                to: site::start(setup),
                hello: sender,
                is_listed: false,
                lease: lease.map(|seconds| Lease::new(seconds, clock::unsleeping())),
            };
            Some((site, end))
        });
        Self { all: ends.collect() }
    }

    fn tell(&self, site: &Site, message: ToSite) {
        if let Some(end) = self.all.get(site) {
            // A site's task ends only with the loop.
            drop(end.to.send(message));
        }
    }

    /// Sends a command; lost when the site's helper is gone.
    pub(crate) fn send(&self, site: &Site, command: Command) {
        self.tell(site, ToSite::Command(Box::new(command)));
    }

    /// Sends what a new helper is told anew anyway, where there is one.
    pub(crate) fn send_if_listed(&self, site: &Site, command: Command) {
        if self.is_listed(site) {
            self.send(site, command);
        }
    }

    /// The way to a site's helper, for what is sent beside the loop.
    pub(crate) fn line(&self, site: &Site) -> Option<mpsc::UnboundedSender<ToSite>> {
        self.all.get(site).map(|end| end.to.clone())
    }

    /// Passes on what a person types into a terminal.
    pub(crate) fn type_into(&self, site: &Site, chunk: Chunk) {
        self.tell(site, ToSite::Typed(chunk));
    }

    /// Passes on what a person says to a host.
    pub(crate) fn answer(&self, host: &HostId, answer: HostAnswer) {
        self.tell(&Site::There(host.clone()), ToSite::Answer(answer));
    }

    /// The loop knows that a site's helper was gone.
    pub(crate) fn lost(&mut self, site: &Site) {
        if let Some(end) = self.all.get_mut(site) {
            end.is_listed = false;
            if let Some(lease) = &mut end.lease {
                lease.lost();
            }
        }
        self.tell(site, ToSite::LossKnown);
    }

    /// A site's helper has shown all that is there.
    pub(crate) fn listed(&mut self, site: &Site) {
        if let Some(end) = self.all.get_mut(site) {
            end.is_listed = true;
            if let Some(lease) = &mut end.lease {
                lease.linked(clock::unsleeping());
            }
        }
    }

    pub(crate) fn is_listed(&self, site: &Site) -> bool {
        self.all.get(site).is_some_and(|end| end.is_listed)
    }

    /// Those whose helpers answer.
    pub(crate) fn that_answer(&self) -> Vec<Site> {
        self.all.iter().filter(|(_, end)| end.is_listed).map(|(site, _)| site.clone()).collect()
    }

    /// All others but this machine.
    pub(crate) fn that_do_not(&self) -> Vec<HostId> {
        let silent = self.all.iter().filter(|(_, end)| !end.is_listed);
        silent.filter_map(|(site, _)| site.host().cloned()).collect()
    }

    /// Every other host's site.
    pub(crate) fn elsewhere(&self) -> impl Iterator<Item = &Site> {
        self.all.keys().filter(|site| **site != Site::Here)
    }

    /// The machine slept.
    pub(crate) fn slept(&self) {
        for site in self.elsewhere() {
            self.tell(site, ToSite::Slept);
        }
    }

    /// An agent works somewhere else from here on.
    pub(crate) fn greet_anew(&self, state: &RunState, options: &Options) {
        for (site, end) in &self.all {
            // A site's task ends only with the loop.
            end.hello.send_replace(hello(state, site, options));
        }
    }

    /// Answers a host that asks for a new lease.
    pub(crate) fn grant(&mut self, site: &Site, token: u32) {
        let Some(lease) = self.all.get_mut(site).and_then(|end| end.lease.as_mut()) else { return };
        let seconds = lease.seconds();
        lease.answered(clock::unsleeping());
        self.send(site, Command::Lease { token, seconds });
    }

    fn ends(&self) -> impl Iterator<Item = (&HostId, Unsleeping)> {
        self.all.iter().filter_map(|(site, end)| Some((site.host()?, end.lease.as_ref()?.ends_at()?)))
    }

    /// When the next lease of a lost host is over.
    pub(crate) fn next_lease_end(&self) -> Option<Instant> {
        let now = clock::unsleeping();
        let next = self.ends().map(|(_, end)| end.millis_after(now)).min()?;
        Some(Instant::now() + Duration::from_millis(next))
    }

    /// For how many milliseconds the agents of a lost host may still work.
    pub(crate) fn lease_left(&self, host: &HostId) -> Option<u64> {
        let now = clock::unsleeping();
        self.ends().find(|(one, _)| *one == host).map(|(_, end)| end.millis_after(now))
    }

    /// The hosts whose lease is over by now, each once for every loss.
    pub(crate) fn leases_over(&mut self) -> Vec<HostId> {
        let now = clock::unsleeping();
        let over = self.all.iter_mut().filter_map(|(site, end)| {
            let is_over = end.lease.as_mut()?.is_over(now);
            is_over.then(|| site.host().cloned()).flatten()
        });
        over.collect()
    }
}

fn door(site: &Site, start: &Start<'_>) -> Option<Door> {
    let Site::There(host) = site else {
        let (program, log) = (start.options.miyabi_host.clone(), start.folder.helper_log());
        return Some(Door::Here { program, log });
    };
    let way = Way::to(start.opening.plan.host(host)?)?;
    let helpers = start.options.helpers.clone();
    Some(Door::There(Reach { way, helpers, secrets: Secrets::default() }))
}
