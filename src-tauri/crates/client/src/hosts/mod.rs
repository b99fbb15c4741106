//! Hosts before a run: which names there are, whether one can serve, and a new one in a plan.
//!
//! A test goes the way that a run goes: the same link, the same helper, which is put there if it has
//! to be. What a person says for it is held for that one test.

mod add;
mod ask;
mod lines;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use miyabi_api::{
    ApiError, DoctorLine, ErrorCode, HostAnswer, HostQuestion, HostSaid, HostTest, HostWay, Secret, TestHost,
};
use miyabi_plan::{Host, Plan, TransportKind};
use miyabi_protocol::state_dir::DEFAULT_STATE_DIR;
use miyabi_protocol::{HostProbe, ProbeAsked};
use miyabi_reach::{Part, Reach, ReachError, SecretOf, Secrets, Spoken, Way};

pub(crate) use self::add::add;
use self::lines::Told;
use crate::agent_programs::{self, Wanted};
use crate::environment::Environment;
use crate::inspect::Inspected;
use crate::launch;
use crate::trust::TrustStore;

/// How long reaching a host may take, a person's answers not counted; a helper that is put there over
/// a slow link takes its time.
const REACH_LIMIT: Duration = Duration::from_secs(180);

/// The memory and the disk that a host must have free where no plan says so, in MiB.
const ROOM_MIB: u32 = 512;

/// The names that the person's `~/.ssh/config` offers.
pub(crate) async fn ssh_names() -> Vec<String> {
    // It reads files.
    tokio::task::spawn_blocking(miyabi_reach::known_names).await.unwrap_or_default()
}

/// Tries a host out.
pub(crate) async fn test(environment: &Environment, asked: TestHost) -> Result<HostTest, ApiError> {
    let plan = asked.plan.as_deref().map(|path| launch::sound_plan(Path::new(path))).transpose()?;
    let planned = plan.as_ref().map(|(inspected, plan)| (plan, inspected.files.folder.as_path()));
    let trial = Trial::new(&asked.host, planned)?;
    Ok(trial.carry_out(environment, Said::new(asked.before, asked.answer)).await)
}

/// The lines about the hosts of a plan that are not this machine, each with the host's name; one that
/// cannot be asked is a line with its reason.
pub(crate) async fn of_plan(
    environment: &Environment,
    inspected: &Inspected,
    plan: &Plan,
) -> Vec<DoctorLine> {
    let folder = &inspected.files.folder;
    let trusted = TrustStore::of(&environment.state_home).trusts(&inspected.hash);
    let far = plan.hosts.iter().filter_map(|host| Some((host, Way::to(host)?)));
    let looks: Vec<_> = far
        .map(|(host, way)| {
            // A plan from elsewhere does not get a command of its own started by a look at it.
            let asked = trusted || matches!(way, Way::Ssh { .. });
            let (environment, trial) = (environment.clone(), Trial::of_host(host, way, plan, folder));
            let look = async move {
                match asked {
                    true => trial.carry_out(&environment, Said::default()).await,
                    false => lines::not_agreed(&trial.way),
                }
            };
            (host, tokio::spawn(look))
        })
        .collect();
    let mut all = Vec::new();
    for (host, look) in looks {
        let Ok(test) = look.await else { continue };
        let named = |line: DoctorLine| DoctorLine { name: format!("{}: {}", host.id, line.name), ..line };
        let asks = test.question.is_some();
        all.extend(test.lines.into_iter().map(named).map(|line| match (asks, line.ok) {
            (true, false) => {
                let remedy =
                    format!("miyabi host test {} --plan {}   asks you for it", host.id, folder.display());
                DoctorLine { remedy, ..line }
            }
            _ => line,
        }));
    }
    all
}

/// What is to be tried.
#[derive(Debug)]
struct Trial {
    way: Way,
    state_dir: String,
    min_free_memory_mib: u32,
    min_free_disk_mib: u32,
    programs: Vec<Wanted>,
}

impl Trial {
    /// A host that the plan may know, by its id.
    fn new(host: &HostWay, plan: Option<(&Plan, &Path)>) -> Result<Self, ApiError> {
        let known = host.id.as_ref().and_then(|id| {
            plan.and_then(|(plan, _)| plan.hosts.iter().find(|other| other.id.folded() == id.folded()))
        });
        let programs = match (plan, known) {
            (Some((plan, folder)), Some(known)) => agent_programs::on_host(plan, folder, known),
            (Some((plan, folder)), None) => agent_programs::anywhere(plan, folder),
            (None, _) => agent_programs::usual_programs(),
        };
        let state_dir = host.state_dir.clone().or_else(|| known.and_then(|host| host.state_dir.clone()));
        // Who names a host of the plan need not say again how it is reached.
        let unsaid = host.address.is_empty() && host.command.is_empty();
        let planned = known.filter(|_| unsaid).and_then(Way::to);
        Ok(Self {
            way: planned.map_or_else(|| way(host), Ok)?,
            state_dir: state_dir.unwrap_or_else(|| DEFAULT_STATE_DIR.to_owned()),
            min_free_memory_mib: known.map_or(ROOM_MIB, |host| host.min_free_memory_mib),
            min_free_disk_mib: known.map_or(ROOM_MIB, |host| host.min_free_disk_mib),
            programs,
        })
    }

    /// A host of a plan that is not this machine.
    fn of_host(host: &Host, way: Way, plan: &Plan, folder: &Path) -> Self {
        Self {
            way,
            state_dir: host.state_dir.clone().unwrap_or_else(|| DEFAULT_STATE_DIR.to_owned()),
            min_free_memory_mib: host.min_free_memory_mib,
            min_free_disk_mib: host.min_free_disk_mib,
            programs: agent_programs::on_host(plan, folder, host),
        }
    }

    async fn carry_out(self, environment: &Environment, said: Said) -> HostTest {
        let mut told = Told::about(&self.way);
        let spoken = match self.reached(environment, said).await {
            Ok(spoken) => spoken,
            Err((error, wrong)) => {
                told.not_reached(&error, wrong.as_deref());
                return told.test();
            }
        };
        told.reached(&spoken.helper);
        let asked = ProbeAsked::Host(HostProbe {
            state_dir: self.state_dir.clone(),
            programs: self.programs.iter().map(|wanted| wanted.request.clone()).collect(),
        });
        match ask::ask(spoken, &asked).await {
            Ok(found) => told.found(&self, found),
            Err(why) => told.mute(&why),
        }
        told.test()
    }

    /// Reaches the host, with what the person said. The text is why a key was not kept.
    async fn reached(
        &self,
        environment: &Environment,
        mut said: Said,
    ) -> Result<Spoken, (ReachError, Option<String>)> {
        loop {
            let reach = Reach {
                way: self.way.clone(),
                helpers: environment.helpers(),
                secrets: Secrets(said.secrets.clone()),
            };
            let started = tokio::time::timeout(REACH_LIMIT, miyabi_reach::start(&reach, Part::Probe)).await;
            let error = match started {
                Ok(Ok(spoken)) => return Ok(spoken),
                Ok(Err(error)) => error,
                Err(_) => ReachError::Unreachable {
                    why: format!("it was not reached within {} s", REACH_LIMIT.as_secs()),
                },
            };
            let ReachError::Question { question, .. } = &error else { return Err((error, None)) };
            match (said.answer.take(), question, &self.way) {
                (
                    Some(HostAnswer::Trust { fingerprint }),
                    HostQuestion::UnknownKey { .. },
                    Way::Ssh { address },
                ) => {
                    if let Err(why) = miyabi_reach::trust(address, &fingerprint).await {
                        return Err((error, Some(why.to_string())));
                    }
                }
                (Some(HostAnswer::Secret { secret }), HostQuestion::Passphrase { key }, _) => {
                    said.secrets.insert(SecretOf::Key(key.clone()), secret);
                }
                (Some(HostAnswer::Secret { secret }), HostQuestion::Password { .. }, _) => {
                    said.secrets.insert(SecretOf::Host, secret);
                }
                _ => return Err((error, None)),
            }
        }
    }
}

/// What a person said, for one test.
#[derive(Debug, Default)]
struct Said {
    secrets: BTreeMap<SecretOf, Secret>,
    answer: Option<HostAnswer>,
}

impl Said {
    fn new(before: Vec<HostSaid>, answer: Option<HostAnswer>) -> Self {
        let secret = |said: HostSaid| match (said.question, said.answer) {
            (HostQuestion::Passphrase { key }, HostAnswer::Secret { secret }) => {
                Some((SecretOf::Key(key), secret))
            }
            (HostQuestion::Password { .. }, HostAnswer::Secret { secret }) => Some((SecretOf::Host, secret)),
            _ => None,
        };
        // The later word on one question counts.
        Self { secrets: before.into_iter().filter_map(secret).collect(), answer }
    }
}

/// How a plan reaches a host of its own.
pub(crate) fn way_of(host: &Host) -> HostWay {
    HostWay {
        id: Some(host.id.clone()),
        transport: host.transport,
        address: host.address.clone(),
        command: host.command.clone(),
        state_dir: host.state_dir.clone(),
    }
}

fn way(host: &HostWay) -> Result<Way, ApiError> {
    let bad = |message: &str| Err(ApiError::new(ErrorCode::BadInput, message));
    match host.transport {
        TransportKind::Local => {
            bad("this machine needs no link").map_err(|error| error.hint("miyabi doctor   looks at it"))
        }
        TransportKind::Ssh if host.address.is_empty() => {
            bad("a host over SSH has a name that `ssh` knows; it is missing")
        }
        TransportKind::Ssh => Ok(Way::Ssh { address: host.address.clone() }),
        TransportKind::Command if host.command.is_empty() => {
            bad("the command that reaches the host is missing")
        }
        TransportKind::Command => Ok(Way::Command { argv: host.command.clone() }),
    }
}
