//! What a test of a host comes to, line by line, each with its remedy.

use miyabi_api::{DoctorLine, HostQuestion, HostTest};
use miyabi_protocol::HostFacts;
use miyabi_reach::{HelperThere, ReachError, Way};

use super::Trial;
use super::ask::Found;
use crate::{agent_programs, doctor};

/// A clock that differs by more than this is worth a word: times in logs would mislead.
const CLOCK_SECONDS: f64 = 5.0;
/// The longest text of a host that is shown.
const MAX_TEXT: usize = 160;

/// The lines so far.
#[derive(Debug)]
pub(super) struct Told {
    name: String,
    by_hand: String,
    is_ssh: bool,
    test: HostTest,
}

/// What is said of a host whose command nobody has agreed to yet.
pub(super) fn not_agreed(way: &Way) -> HostTest {
    let mut told = Told::about(way);
    let found = format!("not asked: nobody has agreed to the plan's command {}", told.name);
    let remedy = "miyabi host test HOST --plan PLAN   asks it; miyabi run PLAN --trust   agrees to the plan";
    told.bad("reach", found, remedy);
    told.test
}

impl Told {
    pub(super) fn about(way: &Way) -> Self {
        let (name, by_hand, is_ssh) = match way {
            Way::Ssh { address } => (address.clone(), format!("ssh {address} true"), true),
            Way::Command { argv } => {
                let program = argv.first().cloned().unwrap_or_default();
                let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
                (name, format!("{} /bin/sh -c 'echo reached'", argv.join(" ")), false)
            }
        };
        let test = HostTest { lines: Vec::new(), question: None };
        Self { name: short(&name), by_hand: short(&by_hand), is_ssh, test }
    }

    pub(super) fn test(self) -> HostTest {
        self.test
    }

    fn good(&mut self, name: &str, found: impl Into<String>) {
        self.line(name, (true, true), &found.into(), String::new());
    }

    fn bad(&mut self, name: &str, found: impl Into<String>, remedy: impl Into<String>) {
        self.line(name, (false, true), &found.into(), remedy.into());
    }

    fn line(&mut self, name: &str, (ok, required): (bool, bool), found: &str, remedy: String) {
        let found = short(found);
        self.test.lines.push(DoctorLine {
            name: name.to_owned(),
            ok,
            required,
            for_agents: false,
            found,
            remedy,
        });
    }

    /// The host was not reached. `not_kept` is why its key could not be kept.
    pub(super) fn not_reached(&mut self, error: &ReachError, not_kept: Option<&str>) {
        let said = error.to_string();
        match error {
            ReachError::Unreachable { why } => {
                let is_on = if self.is_ssh { "is it on, and on the network? " } else { "" };
                let by_hand = format!("{is_on}by hand: {}", self.by_hand);
                self.bad("reach", why, by_hand);
            }
            ReachError::ChangedKey { .. } => {
                self.good("reach", format!("{} answers", self.name));
                self.bad("host key", said, "nothing goes on by itself: somebody may be listening");
            }
            ReachError::Question { question, .. } => self.question(question, said, not_kept),
            ReachError::Refused { why, remedy } if !self.is_ssh => self.bad("reach", why, remedy),
            ReachError::Refused { why, remedy } => {
                self.good("reach", format!("{} answers", self.name));
                self.bad("log-in", why, remedy);
            }
            ReachError::Unfit { why, remedy } => {
                self.let_in();
                self.bad("helper", why, remedy);
            }
        }
    }

    fn question(&mut self, question: &HostQuestion, said: String, not_kept: Option<&str>) {
        self.good("reach", format!("{} answers", self.name));
        match (question, not_kept) {
            (_, Some(why)) => self.bad("host key", why, "compare the fingerprint on the host itself"),
            (HostQuestion::UnknownKey { .. }, None) => {
                self.bad(
                    "host key",
                    said,
                    "compare it with what the host's own console says, then agree to it",
                );
            }
            (HostQuestion::Passphrase { .. } | HostQuestion::Password { .. }, None) => {
                let remedy = "answer it here, or let ssh-agent hold the key: ssh-add";
                self.bad("log-in", said, remedy);
            }
        }
        self.test.question = Some(question.clone());
    }

    fn let_in(&mut self) {
        self.good("reach", format!("{} answers", self.name));
        if self.is_ssh {
            self.good("log-in", "let in");
        }
    }

    pub(super) fn reached(&mut self, helper: &HelperThere) {
        self.let_in();
        let how = if helper.is_new { "put there just now" } else { "was there" };
        let platform = format!("{} {}", helper.platform.system, helper.platform.machine);
        self.good("helper", format!("{} ({platform}), {how}", helper.path));
    }

    /// The helper was started, and did not answer.
    pub(super) fn mute(&mut self, why: &str) {
        self.bad("helper", why, "start it there by hand, with the word `probe` and `[]` on its stdin");
    }

    pub(super) fn found(&mut self, trial: &Trial, found: Found) {
        let Found { facts, programs, ahead, give_or_take } = found;
        if let Some(helper) = self.test.lines.iter_mut().rfind(|line| line.name == "helper") {
            helper.found = short(&format!("{}, {}", facts.version, helper.found));
        }
        self.tmux(&facts);
        self.logout(&facts);
        self.state_folder(trial, &facts);
        self.memory(trial, &facts);
        self.clock(ahead, give_or_take);
        self.test.lines.extend(agent_programs::lines(&trial.programs, programs));
    }

    fn tmux(&mut self, facts: &HostFacts) {
        let remedy = "install it there: `sudo apt-get install -y tmux`, `brew install tmux` or the like; it must \
                      be found on the PATH of a plain `ssh` command";
        match &facts.tmux {
            Some(text) if doctor::tmux_is_new_enough(text) => self.good("tmux", text),
            Some(text) => self.bad("tmux", format!("{text} is too old"), remedy),
            None => self.bad("tmux", "not found", remedy),
        }
    }

    /// A link that breaks is a logout there, and agents are to work on through it. A system that ends
    /// nothing then needs no line.
    fn logout(&mut self, facts: &HostFacts) {
        if facts.ends_at_logout {
            let found = "systemd there ends tmux and the agents in it when a link breaks (KillUserProcesses)";
            let remedy = "say `KillUserProcesses=no` in /etc/systemd/logind.conf there; or start its tmux server \
                          outside of any log-in once: `loginctl enable-linger`, then `systemd-run --user --scope \
                          tmux new-session -d -s keep`";
            self.line("logout", (false, false), found, remedy.to_owned());
        }
    }

    fn state_folder(&mut self, trial: &Trial, facts: &HostFacts) {
        let free = facts.load.disk_free_mib;
        let place = &trial.state_dir;
        let room = format!("{place}, {} of disk free", doctor::mebibytes(free.into()));
        match &facts.state_problem {
            Some(problem) => {
                self.bad("state folder", problem, "name another place in the plan: `state_dir` of the host");
            }
            None if free == 0 || free >= trial.min_free_disk_mib => self.good("state folder", room),
            None => {
                let wanted = doctor::mebibytes(trial.min_free_disk_mib.into());
                let remedy = format!(
                    "nothing is started with less than {wanted}: free some, or name another `state_dir` or a \
                     smaller `min_free_disk_mib` in the plan"
                );
                self.bad("state folder", room, remedy);
            }
        }
    }

    fn memory(&mut self, trial: &Trial, facts: &HostFacts) {
        let (free, total) = (facts.load.memory_free_mib, facts.load.memory_total_mib);
        let found = format!(
            "{} of {} free, {} processors",
            doctor::mebibytes(free.into()),
            doctor::mebibytes(total.into()),
            facts.load.cpus
        );
        if free == 0 || free >= trial.min_free_memory_mib {
            self.good("memory", found);
        } else {
            let wanted = doctor::mebibytes(trial.min_free_memory_mib.into());
            self.bad("memory", found, format!("nothing is started with less than {wanted} free"));
        }
    }

    /// Nothing is decided by a host's clock, so a wrong one stands in nobody's way.
    fn clock(&mut self, ahead: f64, give_or_take: f64) {
        if ahead.abs() <= CLOCK_SECONDS.max(give_or_take) {
            self.good("clock", format!("within {:.1} s of ours", ahead.abs().max(give_or_take).max(0.1)));
            return;
        }
        let way = if ahead > 0.0 { "ahead of" } else { "behind" };
        let found = format!("{} {way} ours", seconds(ahead.abs()));
        let remedy = "let it keep time, as with `sudo timedatectl set-ntp true`: nothing is decided by it, but times \
                      in its logs mislead";
        self.line("clock", (false, false), &found, remedy.to_owned());
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", seconds / 60.0) }
}

/// The first line of a text of somebody else's, without anything that a terminal would obey.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let plain: String = line.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    plain
}
