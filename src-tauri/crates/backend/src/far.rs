//! What the loop does for its sites besides the engine's own effects: mirrors and windows of agents
//! that are elsewhere, leases, streams that go on.

use miyabi_api::{Answer, ApiError, ErrorCode, HostAnswer};
use miyabi_engine::{Entry, Event, Fact};
use miyabi_plan::{AgentId, HostId, Site};
use miyabi_protocol::HostQuestion;
use miyabi_protocol::StatusFile;
use miyabi_protocol::link::{Command, Report};

use crate::clock;
use crate::contact::in_bounds;
use crate::hello::{site_of, view_of};
use crate::runtime::{AFTER_THE_END, Backend};
use crate::streams::ClientId;

impl Backend {
    pub(crate) fn on_link_down(&mut self, site: &Site, why: String) {
        let why = in_bounds(why);
        self.ledger.lose_commands(site);
        for stream in self.streams.lose_terminals(site) {
            self.clients.stream_ended(stream, &format!("contact with {site} is lost: {why}"));
        }
        self.carriers.lose(site);
        self.lose_gatherings(site, &why);
        self.handle(Event::LinkDown { site: site.clone(), why });
        self.sites.lost(site);
        if let Some(host) = site.host() {
            let left = self.sites.lease_left(host).and_then(|millis| i64::try_from(millis).ok());
            self.views.hosts.set_lease_end(site, left.map(|millis| clock::now().plus_millis(millis)));
        }
        self.site_left_while_stopping(site);
    }

    pub(crate) fn on_report(&mut self, site: &Site, report: Report) {
        match with_bounded_words(report) {
            Report::Pong { token: AFTER_THE_END, .. } if *site == Site::Here => self.files_show_the_end(),
            Report::Pong { .. } | Report::Welcome { .. } => {}
            Report::Stopped => self.site_stopped(site),
            Report::LeaseAsked { token } => self.sites.grant(site, token),
            Report::Credit { stream, bytes } => self.streams.git_credit(site, stream, bytes),
            Report::Trees { trees, problem, .. } => self.gathered(site, trees, problem),
            Report::StreamEnded { stream, why } => {
                if self.streams.git_ended(site, stream, &why) {
                    return;
                }
                if let Some(stream) = self.streams.ended(site, stream) {
                    self.clients.stream_ended(stream, &why);
                }
            }
            Report::Load(load) => {
                self.views.hosts.set_load(site, load);
                self.handle(Event::Reported { site: site.clone(), report: Report::Load(load) });
            }
            Report::Listed => self.on_listed(site),
            Report::Touched { attempt, files } => {
                self.looks.answered(&attempt, &files);
                self.handle(Event::Reported {
                    site: site.clone(),
                    report: Report::Touched { attempt, files },
                });
            }
            Report::Status { agent, status } => {
                let mirror = (*site != Site::Here).then(|| status.clone());
                let report = Report::Status { agent: agent.clone(), status };
                self.handle(Event::Reported { site: site.clone(), report });
                if let Some(status) = mirror {
                    self.mirror(site, &agent, status);
                }
            }
            report => self.handle(Event::Reported { site: site.clone(), report }),
        }
    }

    fn on_listed(&mut self, site: &Site) {
        self.sites.listed(site);
        self.views.hosts.set_lease_end(site, None);
        self.handle(Event::Reported { site: site.clone(), report: Report::Listed });
        for command in self.streams.follow_again(site) {
            self.sites.send(site, command);
        }
        if *site == Site::Here {
            self.show_elsewhere();
        }
        self.stop_again(site);
    }

    /// The helper here knows nothing of agents elsewhere but what it is told.
    fn show_elsewhere(&self) {
        for agent in &self.engine.state().agents {
            self.show_if_elsewhere(&agent.id);
        }
        for (agent, status) in &self.mirrors {
            let mirror = Command::Mirror { agent: agent.clone(), status: status.clone() };
            self.sites.send(&Site::Here, mirror);
        }
    }

    fn show_if_elsewhere(&self, agent: &AgentId) {
        let state = self.engine.state();
        if site_of(state, agent) == Site::Here {
            return;
        }
        let argv = view_of(&state.opening, &self.options, agent);
        let window = state.opening.plan.window_name(agent);
        let show = Command::ShowElsewhere { agent: agent.clone(), window, argv };
        self.sites.send_if_listed(&Site::Here, show);
    }

    /// Shows the file of an agent that is elsewhere among the files here. What an agent left behind
    /// where it is no more is not shown.
    fn mirror(&mut self, site: &Site, agent: &AgentId, status: StatusFile) {
        if site_of(self.engine.state(), agent) != *site {
            return;
        }
        self.mirrors.insert(agent.clone(), status.clone());
        self.sites.send_if_listed(&Site::Here, Command::Mirror { agent: agent.clone(), status });
    }

    /// Sends what was decided to its site; a helper does not report what we write ourselves, so the
    /// mirror learns it from here.
    pub(crate) fn send_decided(&mut self, site: &Site, command: Command) {
        let written = match &command {
            _ if *site == Site::Here => None,
            Command::WriteStatus { agent, status } => Some((agent.clone(), status.clone())),
            Command::Offer { sheet, status } => Some((sheet.agent.clone(), status.clone())),
            _ => None,
        };
        self.sites.send(site, command);
        if let Some((agent, status)) = written {
            self.mirror(site, &agent, status);
        }
    }

    /// Agents that came or moved are known to all helpers of links to come, and shown where they are.
    pub(crate) fn follow_agents(&mut self, entries: &[Entry]) {
        let mut changed = false;
        for entry in entries {
            match &entry.fact {
                Fact::AgentMoved { agent, .. } => {
                    changed = true;
                    let site = site_of(self.engine.state(), agent);
                    self.mirrors.remove(agent);
                    for (site, command) in self.streams.follow_to(agent, &site) {
                        self.sites.send_if_listed(&site, command);
                    }
                    self.show_if_elsewhere(agent);
                }
                Fact::AgentJoined { agent, .. } => {
                    changed = true;
                    self.show_if_elsewhere(agent);
                }
                _ => {}
            }
        }
        if changed {
            self.sites.greet_anew(self.engine.state(), &self.options);
        }
    }

    /// Agents whose lease is over have stopped by their own clocks: their tasks may run elsewhere.
    pub(crate) fn look_at_leases(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        for host in self.sites.leases_over() {
            self.handle(Event::LeaseOver { host });
        }
    }

    pub(crate) fn answer_host(&mut self, client: ClientId, id: u32, host: &HostId, answer: HostAnswer) {
        let result = match self.fits(host, &answer) {
            Ok(()) => {
                self.sites.answer(host, answer);
                Ok(Answer::Done)
            }
            Err(error) => Err(error),
        };
        self.clients.answer(client, id, result);
    }

    /// Whether an answer is one to what a host asks at this moment.
    fn fits(&self, host: &HostId, answer: &HostAnswer) -> Result<(), ApiError> {
        let site = Site::There(host.clone());
        if !self.sites.elsewhere().any(|one| *one == site) {
            let message = format!("{host} is no host that this run reaches over a link");
            return Err(ApiError::new(ErrorCode::BadInput, message));
        }
        let question = self.views.hosts.contact(&site).and_then(|contact| contact.question.as_ref());
        match (answer, question) {
            (HostAnswer::TryAgain, _)
            | (
                HostAnswer::Secret { .. },
                Some(HostQuestion::Passphrase { .. } | HostQuestion::Password { .. }),
            ) => Ok(()),
            (
                HostAnswer::Trust { fingerprint },
                Some(HostQuestion::UnknownKey { fingerprint: shown, .. }),
            ) => {
                if fingerprint == shown {
                    return Ok(());
                }
                let message = format!("{host} shows the key {shown}, not {fingerprint}");
                Err(ApiError::new(ErrorCode::Conflict, message)
                    .hint("compare it with the key on the host itself"))
            }
            _ => Err(ApiError::new(ErrorCode::Conflict, format!("{host} does not ask that"))
                .hint("miyabi host list   shows what hosts ask")),
        }
    }
}

/// A report whose words for people are no longer than anybody reads.
fn with_bounded_words(report: Report) -> Report {
    match report {
        Report::Refused { message } => Report::Refused { message: in_bounds(message) },
        Report::StateProblem { message } => Report::StateProblem { message: in_bounds(message) },
        Report::AgentProblem { agent, message } => {
            Report::AgentProblem { agent, message: in_bounds(message) }
        }
        Report::BadStatus { agent, message } => Report::BadStatus { agent, message: in_bounds(message) },
        Report::RunnerGone { agent, how } => Report::RunnerGone { agent, how: in_bounds(how) },
        Report::StreamEnded { stream, why } => Report::StreamEnded { stream, why: in_bounds(why) },
        Report::TreeProblem { attempt, message } => {
            Report::TreeProblem { attempt, message: in_bounds(message) }
        }
        Report::Verified { checks, problem } => Report::Verified { checks, problem: problem.map(in_bounds) },
        Report::Trees { repository, trees, problem } => {
            Report::Trees { repository, trees, problem: problem.map(in_bounds) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_helper_says_in_words_is_cut_to_what_anybody_reads() {
        let endless = "é".repeat(10 * 1024 * 1024);
        let Report::Refused { message } = with_bounded_words(Report::Refused { message: endless }) else {
            panic!("another report came out");
        };
        assert!(message.len() < 5_000 && message.ends_with('…'), "{} bytes", message.len());
        let short = Report::StateProblem { message: "the disk is full".to_owned() };
        assert_eq!(with_bounded_words(short.clone()), short);
    }
}
