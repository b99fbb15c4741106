//! Who holds a state folder, and what another helper may do about it. Pure, but for who we are.

use miyabi_plan::HostId;
use miyabi_protocol::link::Hello;
use miyabi_protocol::{StateDir, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{clock, process_tree};

/// What the lock's file says of its holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) run_id: String,
    pub(super) epoch: u32,
    /// Counts the links of a backend to this host.
    #[serde(default)]
    pub(super) link: u32,
    /// What the plan calls this host.
    #[serde(default)]
    host: Option<HostId>,
    /// Whose run it is.
    #[serde(default)]
    owner: String,
    /// What this machine calls itself.
    #[serde(default)]
    machine: String,
    /// What tells the process from a later one of the same number.
    #[serde(default)]
    pub(super) birth: String,
    #[serde(default)]
    since: Option<Timestamp>,
}

/// How one helper's claim on a folder stands to that of its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The same run on the same host, by a newer link: the holder's own link is dead.
    Newer,
    /// The very same link.
    Same,
    /// A link that the holder's replaced.
    Older,
    /// The same run, but under another name for a host.
    OtherHost,
    /// The same run, but from another person's machine.
    OtherOwner,
    /// Another run.
    OtherRun,
}

impl Holder {
    /// This process, as it was greeted.
    pub(super) fn ours(hello: &Hello) -> Self {
        let pid = std::process::id();
        Self {
            pid,
            run_id: hello.run_id.clone(),
            epoch: hello.epoch,
            link: hello.link,
            host: hello.host.clone(),
            owner: hello.owner.clone(),
            machine: machine(),
            birth: process_tree::birth_mark(pid).unwrap_or_default(),
            since: Some(clock::now()),
        }
    }

    /// Whether its process can be looked at from here: a folder may be shared between machines.
    pub(super) fn is_of_this_machine(&self) -> bool {
        !self.birth.is_empty() && self.machine == machine()
    }

    /// How our claim stands to that of an earlier holder.
    pub(super) fn claim_on(&self, before: &Self) -> Claim {
        if before.run_id != self.run_id {
            return Claim::OtherRun;
        }
        // An earlier version wrote neither.
        if before.host != self.host && !before.machine.is_empty() {
            return Claim::OtherHost;
        }
        if before.owner != self.owner && !before.owner.is_empty() {
            return Claim::OtherOwner;
        }
        match (self.epoch, self.link).cmp(&(before.epoch, before.link)) {
            std::cmp::Ordering::Greater => Claim::Newer,
            std::cmp::Ordering::Equal => Claim::Same,
            std::cmp::Ordering::Less => Claim::Older,
        }
    }

    /// Why we may not have the folder, with the remedy.
    pub(super) fn refusal(&self, before: &Self, dir: &StateDir) -> String {
        let folder = dir.root().display();
        let Self { pid, run_id, epoch, link, .. } = before;
        match self.claim_on(before) {
            Claim::Newer => format!(
                "the helper {pid} of an older link still holds the state folder {folder} and does not end; end that process on {}, then try again",
                before.place()
            ),
            Claim::Same => format!(
                "a helper of this very link (epoch {epoch}, link {link}) already serves the state folder {folder}: it is the process {pid} on {}; end it, then try again",
                before.place()
            ),
            Claim::Older => format!(
                "this backend is older (epoch {}, link {}) than the one that served run {run_id} last (epoch {epoch}, link {link}); it must end",
                self.epoch, self.link
            ),
            Claim::OtherHost => format!(
                "two hosts share one folder: {folder} already serves {} in run {run_id} (on {}), and now {} is to be served from it; give one of them another `state_dir` in agent_config.json, or make them one host",
                name_of(before.host.as_ref()),
                before.place(),
                name_of(self.host.as_ref())
            ),
            Claim::OtherOwner | Claim::OtherRun => {
                let since = before.since.map_or_else(String::new, |since| format!(" since {since}"));
                let owner = if before.owner.is_empty() { "another helper" } else { &before.owner };
                format!(
                    "the state folder {folder} is held by {owner} for run {run_id}{since} (helper {pid} on {}); end that run there with `miyabi stop --all`, or choose another folder with --state-dir or the host's `state_dir`",
                    before.place()
                )
            }
        }
    }

    fn place(&self) -> &str {
        if self.machine.is_empty() { "this machine" } else { &self.machine }
    }
}

fn name_of(host: Option<&HostId>) -> String {
    host.map_or_else(|| "the backend's own machine".to_owned(), |host| format!("the host {host}"))
}

fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn hello(run_id: &str, epoch: u32, link: u32) -> Hello {
        Hello {
            version: 1,
            run_id: run_id.to_owned(),
            epoch,
            link,
            owner: "me@macbook".to_owned(),
            host: None,
            elsewhere: Vec::new(),
            silent_seconds: None,
            lease_seconds: None,
            state_dir: String::new(),
            session: String::new(),
            window_options: Vec::new(),
            monitor: Vec::new(),
            windows: Vec::new(),
        }
    }

    #[test]
    fn who_may_take_a_folder_from_whom() {
        let host = |name: &str| Some(HostId::new(name).expect("valid"));
        let of = |run, epoch, link| Holder::ours(&Hello { host: host("mugen"), ..hello(run, epoch, link) });
        let before = of("r1", 2, 5);
        for (ours, claim) in [
            (of("r1", 2, 6), Claim::Newer),
            (of("r1", 3, 1), Claim::Newer),
            (of("r1", 2, 5), Claim::Same),
            (of("r1", 2, 4), Claim::Older),
            (of("r1", 1, 9), Claim::Older),
            (of("r2", 9, 9), Claim::OtherRun),
            (Holder { host: host("majin"), ..of("r1", 2, 6) }, Claim::OtherHost),
            (Holder { host: None, ..of("r1", 2, 6) }, Claim::OtherHost),
            (Holder { owner: "you@macbook".into(), ..of("r1", 2, 6) }, Claim::OtherOwner),
        ] {
            assert_eq!(ours.claim_on(&before), claim, "{ours:?}");
        }
    }

    #[test]
    fn the_file_of_an_earlier_version_is_understood() {
        let before: Holder = serde_json::from_str(r#"{"pid":7,"run_id":"r1","epoch":1}"#).expect("sound");
        assert_eq!(Holder::ours(&hello("r1", 1, 1)).claim_on(&before), Claim::Newer);
        assert!(!before.is_of_this_machine(), "nothing proves that the process is the one");
    }
}
