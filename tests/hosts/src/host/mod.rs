//! One host: booted, reached, cut off and cut off from power.

mod harm;
mod look;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use miyabi_agent_tests::process::{self, Guarded, Pid, command};

use crate::files::{new_key, private_file, private_folder, run};
use crate::wait::until;
use crate::wire::{self, Wire};

pub use look::{Mark, Process};

/// The home of the person who logs in, on the host.
pub const HOME: &str = "/run/disk/home";
/// Where the work is done on a host: on the disk, which outlives a reboot.
pub const WORK: &str = "/run/disk/home/work";
/// How long a host may take for what it does at once on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(20);
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// One host.
#[derive(Debug)]
pub struct Host {
    /// As the plan calls it.
    pub name: &'static str,
    /// As `ssh` calls it.
    pub alias: &'static str,
    address: String,
    laptop: String,
    disk: PathBuf,
    tmp_mib: usize,
    wire: Wire,
    power: Option<Power>,
}

/// A host that is on.
#[derive(Debug)]
struct Power {
    unshare: Guarded,
    /// Its first process, as the laptop counts.
    init: Pid,
    /// Kept, because the first process reads from it.
    stdin: std::process::ChildStdin,
}

impl Host {
    /// Makes a host's disk; it is off.
    pub(crate) fn new(
        name: &'static str,
        alias: &'static str,
        [address, laptop]: [&str; 2],
        disk: PathBuf,
        key: &str,
        tmp_mib: usize,
    ) -> Result<Self> {
        for folder in ["etc", "home/.ssh", "home/work"] {
            private_folder(&disk.join(folder))?;
        }
        private_file(&disk.join("home/.ssh/authorized_keys"), &format!("{key}\n"))?;
        let root = format!("root:x:0:0:root:{HOME}:/bin/bash\n");
        let rest = fs::read_to_string("/etc/passwd")?;
        let rest: String = rest.lines().filter(|line| !line.starts_with("root:")).map(line).collect();
        fs::write(disk.join("etc/passwd"), root + &rest)?;
        // A star is no password, and no lock either.
        private_file(&disk.join("etc/shadow"), "root:*:20000:0:99999:7:::\n")?;
        fs::write(disk.join("etc/sshd_config"), SSHD_CONFIG)?;
        new_key(&disk.join("etc/host_key"), "")?;
        let [address, laptop] = [address, laptop].map(str::to_owned);
        Ok(Self { name, alias, address, laptop, disk, tmp_mib, wire: Wire::Whole, power: None })
    }

    /// Switches it on and waits until it lets people in.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn boot(&mut self) -> Result<()> {
        ensure!(self.power.is_none(), "{} is on already", self.name);
        let mut line = command("unshare");
        line.args(["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]);
        line.args(["sh", "-c", include_str!("boot.sh"), "boot.sh", self.name]).arg(&self.disk);
        line.arg(format!("{}m", self.tmp_mib)).env_clear().env("PATH", PATH);
        let mut unshare = Guarded::start(line.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let (stdin, stdout) = (unshare.input().context("a pipe")?, unshare.output().context("a pipe")?);
        let init = first_child(unshare.id(), self.name)?;
        let mut power = Power { unshare, init, stdin };
        self.connect(power.init)?;
        power.stdin.write_all(b"ready\n")?;
        let mut said = String::new();
        BufReader::new(stdout).read_line(&mut said)?;
        ensure!(said == "up\n", "{} did not come up: {said:?}", self.name);
        self.power = Some(power);
        self.set_wire(self.wire)?;
        self.wait_for_sshd()
    }

    /// A link between the laptop's bridge and the host. The address is as fixed as the host's name, and the laptop
    /// knows it by heart: a host that is off is silent, and nobody answers for it.
    fn connect(&self, init: Pid) -> Result<()> {
        let (near, hardware) = (format!("v{}", self.alias), self.hardware());
        // Left over from before a reboot, until the kernel gets to it.
        let _ = command("ip").args(["link", "del", &near]).stderr(Stdio::null()).status();
        let add = ["link", "add", &near, "type", "veth", "peer", "name", "eth0", "address", &hardware];
        run(command("ip").args(add).args(["netns", &init.as_raw_nonzero().to_string()]))?;
        run(command("ip").args(["link", "set", &near, "master", "lab", "up"]))?;
        let address = format!("{}/24", self.address);
        for words in [
            &["link", "set", "lo", "up"][..],
            &["addr", "add", &address, "dev", "eth0"],
            &["link", "set", "eth0", "up"],
        ] {
            run(inside(init, &["--net"]).arg("ip").args(words))?;
        }
        let neighbour = ["neigh", "replace", &self.address, "lladdr", &hardware, "dev", "lab"];
        run(command("ip").args(neighbour).args(["nud", "permanent"])).map(drop)
    }

    fn hardware(&self) -> String {
        let last = self.address.rsplit('.').next().and_then(|part| part.parse::<u8>().ok());
        format!("02:00:00:00:00:{:02x}", last.unwrap_or_default())
    }

    /// Takes the power away: nothing says good-bye, and /tmp and all processes are gone.
    ///
    /// # Errors
    /// When it is off already.
    pub fn power_cut(&mut self) -> Result<()> {
        let mut power = self.power.take().with_context(|| format!("{} is off", self.name))?;
        // The wire goes first: a dying kernel would say good-bye on every connection.
        let near = format!("v{}", self.alias);
        run(command("ip").args(["link", "set", &near, "down"]))?;
        process::kill(power.init)?;
        power.unshare.wait()?;
        Ok(())
    }

    /// Takes the power away and gives it back.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn reboot(&mut self) -> Result<()> {
        self.power_cut()?;
        self.boot()
    }

    /// Makes the link to it as it shall be. Stays so over a reboot.
    ///
    /// # Errors
    /// When the rules are not taken.
    pub fn set_wire(&mut self, wire: Wire) -> Result<()> {
        self.wire = wire;
        let [near, far] = wire.rules(self.alias, &self.address, &self.laptop);
        wire::put(&mut command("nft"), &near)?;
        if let Some(power) = &self.power {
            wire::put(inside(power.init, &["--net"]).arg("nft"), &far)?;
        }
        Ok(())
    }

    /// Cuts the link to it: nothing passes, and nobody is told.
    ///
    /// # Errors
    /// As [`Host::set_wire`].
    pub fn cut(&mut self) -> Result<()> {
        self.set_wire(Wire::Cut)
    }

    /// Makes the link whole.
    ///
    /// # Errors
    /// As [`Host::set_wire`].
    pub fn mend(&mut self) -> Result<()> {
        self.set_wire(Wire::Whole)
    }

    /// Its address, with the port of its SSH server.
    ///
    /// # Errors
    /// Never in practice: the address is the lab's own.
    pub fn ssh(&self) -> Result<SocketAddr> {
        Ok(format!("{}:22", self.address).parse()?)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The key that it shows, as a line of `known_hosts` without the name.
    ///
    /// # Errors
    /// When it has none.
    pub fn public_key(&self) -> Result<String> {
        let line = fs::read_to_string(self.disk.join("etc/host_key.pub"))?;
        Ok(line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// A program on it, as root, with a bare environment.
    ///
    /// # Errors
    /// When it is off.
    pub fn command(&self, program: &str) -> Result<Command> {
        let mut line = inside(self.init()?, &["--mount", "--uts", "--ipc", "--net", "--pid"]);
        line.arg(program).env_clear().env("PATH", PATH).env("HOME", HOME).env("LANG", "C.UTF-8");
        Ok(line)
    }

    /// A program that has its network and nothing else of it.
    ///
    /// # Errors
    /// When it is off.
    pub fn in_its_network(&self, program: impl AsRef<OsStr>) -> Result<Command> {
        let mut line = inside(self.init()?, &["--net"]);
        line.arg(program);
        Ok(line)
    }

    /// Runs a program on it to its good end; what it printed.
    ///
    /// # Errors
    /// When it is off, or the program fails.
    pub fn exec(&self, argv: &[&str]) -> Result<String> {
        let [program, arguments @ ..] = argv else { bail!("nothing to run") };
        run(self.command(program)?.args(arguments))
    }

    /// One of its files, seen from the laptop: nothing is started on the host for it.
    ///
    /// # Errors
    /// When it is off.
    pub fn path(&self, path: &str) -> Result<PathBuf> {
        let init = self.init()?.as_raw_nonzero();
        Ok(Path::new(&format!("/proc/{init}/root")).join(path.trim_start_matches('/')))
    }

    /// What one of its files holds.
    ///
    /// # Errors
    /// When it is off, or there is no such file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        fs::read(self.path(path)?).with_context(|| format!("{path} of {}", self.name))
    }

    /// What its SSH server wrote.
    #[must_use]
    pub fn sshd_log(&self) -> String {
        fs::read_to_string(self.disk.join("sshd.log")).unwrap_or_default()
    }

    fn wait_for_sshd(&self) -> Result<()> {
        if self.wire != Wire::Whole {
            return Ok(());
        }
        let address = self.ssh()?;
        until(&format!("the SSH server of {}", self.name), PATIENCE, || {
            let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))
                .map_err(|why| why.to_string())?;
            stream.set_read_timeout(Some(Duration::from_secs(2))).map_err(|why| why.to_string())?;
            let mut banner = [0; 4];
            stream.read_exact(&mut banner).map_err(|why| format!("no banner: {why}"))?;
            if &banner == b"SSH-" { Ok(()) } else { Err(format!("{banner:?}")) }
        })
    }

    fn init(&self) -> Result<Pid> {
        self.power.as_ref().map(|power| power.init).with_context(|| format!("{} is off", self.name))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut power) = self.power.take() {
            let _ = process::kill(power.init);
            let _ = power.unshare.wait();
        }
    }
}

const SSHD_CONFIG: &str = "\
ListenAddress 0.0.0.0
HostKey /run/disk/etc/host_key
PidFile /run/sshd.pid
AuthorizedKeysFile /run/disk/home/.ssh/authorized_keys
PermitRootLogin yes
PermitUserEnvironment yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
PrintMotd no
Subsystem sftp internal-sftp
";

fn line(text: &str) -> String {
    format!("{text}\n")
}

/// A program in some of the namespaces of a process.
fn inside(process: Pid, spaces: &[&str]) -> Command {
    let mut line = command("nsenter");
    line.arg("--target").arg(process.as_raw_nonzero().to_string()).args(spaces).arg("--");
    line
}

/// The process that `unshare` started, which is the first in its namespaces.
fn first_child(unshare: u32, name: &str) -> Result<Pid> {
    let file = format!("/proc/{unshare}/task/{unshare}/children");
    until(&format!("the first process of {name}"), PATIENCE, || {
        let text = fs::read_to_string(&file).map_err(|why| why.to_string())?;
        let child = text.split_whitespace().next().and_then(|number| number.parse().ok());
        child.and_then(Pid::from_raw).ok_or_else(|| format!("{file}: {text:?}"))
    })
}
