//! The lab: a laptop, two hosts, and the links between them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use miyabi_agent_tests::process::command;
use miyabi_agent_tests::{isolated, isolation};
use tempfile::TempDir;

use crate::files::run;
use crate::host::Host;
use crate::laptop::{Laptop, lacks};
use crate::relay::Relay;

/// How large a host's /tmp is, in MiB: filled soon.
pub const TMP_MIB: usize = 64;
/// How large it is where much is measured.
pub const LARGE_TMP_MIB: usize = 600;
/// The laptop's address.
const LAPTOP: &str = "10.77.0.1";
/// A second one, for the relay of a slow link: what arrives there goes on to the host.
const SLOW: [&str; 2] = ["10.77.0.21", "10.77.0.22"];
const ADDRESSES: [&str; 2] = ["10.77.0.11", "10.77.0.12"];

/// Two hosts that are on, and a laptop that knows them.
#[derive(Debug)]
pub struct Lab {
    /// Strong in CPU.
    pub mugen: Host,
    /// Strong in parallel work.
    pub majin: Host,
    /// Whose run it is.
    pub laptop: Laptop,
    relays: Vec<(usize, Relay)>,
    tmp_mib: usize,
    folder: TempDir,
}

/// Carries out a test with two hosts. Where they cannot be made it says so, and shows nothing.
///
/// # Errors
/// What the test gives, or what stands in the way of the hosts.
pub fn on_two_hosts(test: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    on_two_hosts_with(TMP_MIB, test)
}

/// As [`on_two_hosts`], with another size of the hosts' /tmp.
///
/// # Errors
/// As [`on_two_hosts`].
pub fn on_two_hosts_with(tmp_mib: usize, test: impl FnOnce(&mut Lab) -> Result<()>) -> Result<()> {
    if let Err(why) = lacks() {
        eprintln!("SKIPPED: two hosts on one machine need Linux and some programs: {why:#}");
        return Ok(());
    }
    isolated(|| {
        if !isolation::is_inside() {
            eprintln!("SKIPPED: two hosts on one machine need root, and a kernel with namespaces");
            return Ok(());
        }
        test(&mut Lab::new(tmp_mib)?)
    })
}

impl Lab {
    /// Makes network, hosts and laptop. Only within [`isolated`]: it changes the network that it is in.
    ///
    /// # Errors
    /// When something of it cannot be made; the error names it.
    pub fn new(tmp_mib: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lab-").tempdir()?;
        for words in [
            &["link", "add", "lab", "type", "bridge"][..],
            &["addr", "add", &format!("{LAPTOP}/24"), "dev", "lab"],
            &["addr", "add", &format!("{}/24", SLOW[0]), "dev", "lab"],
            &["addr", "add", &format!("{}/24", SLOW[1]), "dev", "lab"],
            &["link", "set", "lab", "up"],
        ] {
            run(command("ip").args(words)).context("the network of the lab")?;
        }
        let laptop = Laptop::new(folder.path().join("laptop"))?;
        let key = laptop.make_key()?;
        let host = |name, alias, address| {
            Host::new(name, alias, [address, LAPTOP], folder.path().join(name), &key, tmp_mib)
        };
        let mugen = host("MUGEN", "mugen", ADDRESSES[0])?;
        let majin = host("MAJIN", "majin", ADDRESSES[1])?;
        let mut lab = Self { mugen, majin, laptop, relays: Vec::new(), tmp_mib, folder };
        lab.laptop.know(&[&lab.mugen, &lab.majin])?;
        lab.write_config()?;
        lab.mugen.boot()?;
        lab.majin.boot()?;
        Ok(lab)
    }

    /// From now on, connections to MUGEN (0) or MAJIN (1) are slow: every byte takes so long, each way.
    /// Those that are open stay as they are.
    ///
    /// # Errors
    /// When no relay can be started.
    pub fn slow(&mut self, host: usize, delay: Duration) -> Result<()> {
        let to = if host == 0 { self.mugen.ssh()? } else { self.majin.ssh()? };
        let listen: SocketAddr = format!("{}:22", SLOW[host]).parse()?;
        self.relays.push((host, Relay::start(listen, to, delay)?));
        self.write_config()
    }

    /// Makes them fast again, and ends what goes through the relay.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn fast(&mut self) -> Result<()> {
        self.relays.clear();
        self.write_config()
    }

    /// A second laptop of the same person, or of another one, with the same keys.
    ///
    /// # Errors
    /// When its folders cannot be made.
    pub fn second_laptop(&self) -> Result<Laptop> {
        let second = Laptop::new(self.folder.path().join("second"))?;
        second.take_ssh_of(&self.laptop)?;
        second.write_config(&self.names())?;
        Ok(second)
    }

    /// How large the hosts' /tmp is, in MiB.
    #[must_use]
    pub fn tmp_mib(&self) -> usize {
        self.tmp_mib
    }

    /// Where all of it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn write_config(&self) -> Result<()> {
        self.laptop.write_config(&self.names())
    }

    fn names(&self) -> [(&str, &str); 2] {
        let address = |number: usize| {
            let is_slow = self.relays.iter().any(|(slow, _)| *slow == number);
            if is_slow { SLOW[number] } else { ADDRESSES[number] }
        };
        [(self.mugen.alias, address(0)), (self.majin.alias, address(1))]
    }
}
