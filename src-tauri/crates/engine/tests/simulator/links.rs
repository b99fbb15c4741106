//! The sites of a run and the links to them: delays, cuts, helpers, hosts that reboot, and the leases
//! under which runners work without contact.

use miyabi_plan::{AgentId, Site};
use miyabi_protocol::QueueFile;
use miyabi_protocol::link::{Command, Load, Report};

use crate::world::{Act, Happening, World};

/// By how much a lease lasts longer by our clock than by a runner's, in ms.
const MARGIN: i64 = 5_000;

/// An agent at a site.
pub(crate) type Who = (usize, AgentId);

/// What a link still carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Whole,
    /// Only what the backend says.
    ToHost,
    /// Only what the helper says.
    FromHost,
    Cut,
}

/// A state folder, its helper and the link to it.
#[derive(Debug)]
pub(crate) struct SiteWorld {
    pub(crate) site: Site,
    /// Whether the helper serves a backend, and has a link to it.
    pub(crate) link_is_up: bool,
    wire: Wire,
    /// Until when nobody reaches it.
    pub(crate) cut_until: i64,
    pub(crate) queue: Option<QueueFile>,
    pub(crate) queue_written: Option<QueueFile>,
    /// What the helper was commanded to write; it begins with nothing.
    pub(crate) queue_commanded: Option<QueueFile>,
    pub(crate) slow_link: i64,
    /// Whether the helper tells of files that it wrote itself.
    pub(crate) echoes: bool,
    commands_until: i64,
    reports_until: i64,
    /// How far its clock is ahead of ours.
    pub(crate) clock_ahead: i64,
    /// Counts its links and losses: what was planned over an earlier one does not happen.
    pub(crate) links: u32,
    /// Until when its runners may go on by their own clock.
    pub(crate) lease_until: i64,
    /// Whether by our clock no runner there works any more.
    pub(crate) lease_is_over: bool,
}

impl SiteWorld {
    pub(crate) fn new(site: Site, slow_link: i64, echoes: bool, clock_ahead: i64) -> Self {
        Self {
            site,
            link_is_up: false,
            wire: Wire::Whole,
            cut_until: 0,
            queue: None,
            queue_written: None,
            queue_commanded: None,
            slow_link,
            echoes,
            commands_until: 0,
            reports_until: 0,
            clock_ahead,
            links: 0,
            lease_until: i64::MAX,
            lease_is_over: false,
        }
    }

    fn carries_commands(&self) -> bool {
        matches!(self.wire, Wire::Whole | Wire::ToHost)
    }

    fn carries_reports(&self) -> bool {
        self.link_is_up && matches!(self.wire, Wire::Whole | Wire::FromHost)
    }

    /// Its machine and ours stood still.
    pub(crate) fn sleep(&mut self, millis: i64) {
        self.commands_until += millis;
        self.reports_until += millis;
        self.cut_until = self.cut_until.saturating_add(millis);
        self.lease_until = self.lease_until.saturating_add(millis);
    }
}

impl World {
    fn link_delay(&mut self, site: usize) -> i64 {
        let slow = self.sites[site].slow_link;
        let most = if self.chance.one_in(10) { slow * 4 } else { slow };
        self.chance.within(0..=most)
    }

    /// Sends a command over a link; they arrive in their order.
    pub(crate) fn send(&mut self, to: &Site, command: Command) {
        let Some(site) = self.sites.iter().position(|known| &known.site == to) else {
            self.violations.push(format!("a command is sent to {to}, which is no site of the run"));
            return;
        };
        if !self.sites[site].carries_commands() {
            return;
        }
        let arrives = self.now + self.link_delay(site);
        let until = self.sites[site].commands_until.max(arrives);
        self.sites[site].commands_until = until;
        self.plan(until - self.now, Happening::Execute(site, command));
    }

    pub(crate) fn report(&mut self, site: usize, report: Report) {
        if !self.sites[site].carries_reports() {
            return;
        }
        let arrives = self.now + self.link_delay(site);
        let until = self.sites[site].reports_until.max(arrives);
        self.sites[site].reports_until = until;
        self.plan(until - self.now, Happening::Deliver(site, report));
    }

    /// The same, for what takes its own time and lets others pass.
    pub(crate) fn report_after(&mut self, site: usize, after: i64, report: Report) {
        if self.sites[site].carries_reports() {
            self.sites[site].reports_until = self.sites[site].reports_until.max(self.now);
            self.plan(after, Happening::Deliver(site, report));
        }
    }

    /// A link is gone. Some commands that were under way are still carried out, at once or when they
    /// arrive.
    pub(crate) fn cut(&mut self, site: usize) {
        self.end_lease(site);
        self.sites[site].link_is_up = false;
        self.sites[site].links += 1;
        let mut left = self.chance.up_to(4);
        let arrive_late = site > 0 && self.chance.one_in(2);
        for (at, what) in self.take_agenda() {
            match what {
                Happening::Execute(to, command) if to == site => {
                    if left > 0 {
                        left -= 1;
                        match arrive_late {
                            true => self.put_back(at, Happening::Execute(to, command)),
                            false => self.execute(to, command),
                        }
                    }
                }
                Happening::Deliver(from, _)
                | Happening::Look((from, _))
                | Happening::LookAtQueue(from)
                | Happening::List(from)
                    if from == site => {}
                other => self.put_back(at, other),
            }
        }
        (self.sites[site].commands_until, self.sites[site].reports_until) = (self.now, self.now);
    }

    /// A helper begins to serve a backend; one that served a dead link is killed.
    pub(crate) fn connect(&mut self, site: usize) {
        for (at, what) in self.take_agenda() {
            if !matches!(&what, Happening::Execute(to, _) if *to == site) {
                self.put_back(at, what);
            }
        }
        let own = &mut self.sites[site];
        (own.link_is_up, own.wire, own.queue_commanded) = (true, Wire::Whole, None);
        own.links += 1;
        let after = self.chance.within(0..=500);
        self.plan(after, Happening::List(site));
    }

    /// The first full look at a folder.
    pub(crate) fn list(&mut self, site: usize) {
        self.begin_lease(site);
        self.told.retain(|(at, _), _| *at != site);
        let files: Vec<_> = self.files.iter().filter(|((at, _), _)| *at == site).collect();
        let files: Vec<_> = files.into_iter().map(|(who, file)| (who.clone(), file.clone())).collect();
        for (who, status) in files {
            self.told.insert(who.clone(), status.clone());
            self.report(site, Report::Status { agent: who.1, status });
        }
        let here: Vec<Who> = self.bodies.keys().filter(|(at, _)| *at == site).cloned().collect();
        for who in &here {
            let body = &self.bodies[who];
            if body.ours && body.alive {
                let (pid, attempt) = (body.life, body.runner_attempt());
                self.report(site, Report::RunnerUp { agent: who.1.clone(), pid, attempt });
            }
        }
        let early = self.chance.one_in(2);
        if !early {
            self.report(site, Report::Listed);
        }
        for who in &here {
            self.tell_asks(who);
        }
        if early {
            self.report(site, Report::Listed);
        }
    }

    /// Something happens to a link, unseen by the backend until it misses an answer.
    pub(crate) fn damage(&mut self, site: usize, wire: Wire, millis: i64) {
        let noticed = self.chance.within(0..=10_000);
        if millis < 9_000 {
            // What is sent in that time is sent again, and comes late.
            let until = self.now + millis;
            let own = &mut self.sites[site];
            own.commands_until = own.commands_until.max(until);
            own.reports_until = own.reports_until.max(until);
            return;
        }
        let own = &mut self.sites[site];
        (own.wire, own.cut_until) = (wire, self.now.saturating_add(millis));
        let links = own.links;
        self.plan(noticed, Happening::Missed(site, links));
    }

    // Leases. They are asked for all the time while a link is whole; what matters is the last one
    // before it was not.

    fn begin_lease(&mut self, site: usize) {
        let own = &mut self.sites[site];
        (own.lease_until, own.lease_is_over) = (i64::MAX, false);
        let waiting: Vec<Who> = self.bodies.keys().filter(|(at, _)| *at == site).cloned().collect();
        for who in waiting {
            self.notice_soon(&who);
        }
    }

    fn end_lease(&mut self, site: usize) {
        let Some(lease) = self.lease.filter(|_| site > 0 && self.sites[site].lease_until == i64::MAX) else {
            return;
        };
        // A damaged wire carried no answer since it was damaged, 10 s ago at most.
        let whole = matches!(self.sites[site].wire, Wire::Whole);
        let asked = self.now - self.chance.within(0..=lease / 3) - if whole { 0 } else { 10_000 };
        let answered = asked.max(self.now - self.chance.within(0..=lease / 3));
        // Its clock is a little faster or slower than ours.
        let skew = self.chance.within(-MARGIN / 2..=MARGIN / 2);
        let until = (asked + lease + skew).max(self.now);
        self.sites[site].lease_until = until;
        self.plan(until - self.now, Happening::LeaseEnds(site));
        let ours = (answered + lease + MARGIN).max(until) - self.now;
        self.lease_over_after(site, ours);
    }

    /// A backend that has just begun counts a whole lease.
    pub(crate) fn count_whole_lease(&mut self, site: usize) {
        if let Some(lease) = self.lease.filter(|_| site > 0) {
            self.sites[site].lease_is_over = false;
            self.lease_over_after(site, lease + MARGIN);
        }
    }

    fn lease_over_after(&mut self, site: usize, after: i64) {
        // The link counts one more for its loss.
        let links = self.sites[site].links + u32::from(self.sites[site].link_is_up);
        self.plan(after, Happening::LeaseOver(site, links));
    }

    pub(crate) fn has_lease(&self, site: usize) -> bool {
        self.sites[site].lease_until > self.now
    }

    /// The runners of a site end what they are at.
    pub(crate) fn lease_ends(&mut self, site: usize) {
        if self.has_lease(site) {
            return;
        }
        let at_work =
            self.bodies.iter().filter(|((at, _), body)| *at == site && body.ours && body.is_at_work());
        let at_work: Vec<_> =
            at_work.filter_map(|(who, body)| Some((who.clone(), body.runner_attempt()?))).collect();
        for (who, attempt) in at_work {
            self.say(|| format!("  the lease of {who:?} is over"));
            self.stopped(&who, &attempt, "its lease is over".to_owned());
        }
    }

    // What is done to hosts.

    pub(crate) fn reboot(&mut self, site: usize) {
        let agents: Vec<Who> = self.bodies.keys().filter(|(at, _)| *at == site).cloned().collect();
        for who in agents {
            self.die(&who, "reboot");
        }
        self.wipe(site);
    }

    pub(crate) fn tell_load(&mut self, site: usize) {
        let memory_free_mib = *self.chance.pick(&[0, 100, 400, 4_000]);
        let disk_free_mib = *self.chance.pick(&[0, 100, 40_000, 40_000]);
        let load = Load { load_1m: 0.5, cpus: 4, memory_total_mib: 8_000, memory_free_mib, disk_free_mib };
        self.report(site, Report::Load(load));
    }

    /// An act of an agent, some time later.
    pub(crate) fn plan_act(&mut self, after: i64, who: &Who, life: u32, act: Act) {
        self.plan(after, Happening::Act(who.clone(), life, act));
    }
}
