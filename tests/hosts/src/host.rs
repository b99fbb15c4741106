//! One host: booted, cut off from power, looked at, and broken in the ways that hosts break.

use std::ffi::OsStr;
use std::fs::{self, File};
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

/// A moment in the life of a host's kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

/// One process of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number, as the laptop counts.
    pub pid: Pid,
    /// The number of the process that started it.
    pub parent: i32,
    /// Its short name.
    pub name: String,
    /// Its command line.
    pub line: String,
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

    /// Gives it another key, as if it had been set up anew. Its server must be started again.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new_host_key(&self) -> Result<()> {
        new_key(&self.disk.join("etc/host_key"), "").map(drop)
    }

    /// Its clock, as its sessions see it from their next log-in on, is so far ahead of the laptop's.
    ///
    /// # Errors
    /// When its disk cannot be written.
    pub fn clock_offset(&self, milliseconds: i64) -> Result<()> {
        let text = format!("MIYABI_CLOCK_OFFSET_MS={milliseconds}\n");
        private_file(&self.disk.join("home/.ssh/environment"), &text)
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

    /// Its processes; nothing is started on it for the look.
    ///
    /// # Errors
    /// When it is off.
    pub fn processes(&self) -> Result<Vec<Process>> {
        let space = fs::read_link(format!("/proc/{}/ns/pid", self.init()?.as_raw_nonzero()))?;
        let here = |pid: &Pid| {
            fs::read_link(format!("/proc/{}/ns/pid", pid.as_raw_nonzero())).is_ok_and(|own| own == space)
        };
        let process = |pid: Pid| {
            let file = |name| fs::read(format!("/proc/{}/{name}", pid.as_raw_nonzero())).ok();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ").trim().to_owned();
            let stat = text(file("stat")?);
            // Behind the name, which may hold anything, come the state and the parent.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some(Process { pid, parent, name: text(file("comm")?), line: text(file("cmdline")?) })
        };
        Ok(process::all().filter(here).filter_map(process).collect())
    }

    /// Its processes that fit.
    ///
    /// # Errors
    /// When it is off.
    pub fn processes_with(&self, fits: impl Fn(&Process) -> bool) -> Result<Vec<Process>> {
        Ok(self.processes()?.into_iter().filter(fits).collect())
    }

    /// Helpers of ours that serve a backend.
    ///
    /// # Errors
    /// When it is off.
    pub fn helpers(&self) -> Result<Vec<Process>> {
        Ok(first_of_each(self.processes_with(|process| {
            let mut words = process.line.split(' ');
            words.next().is_some_and(|program| program.contains("miyabi-host"))
                && words.next() == Some("serve")
        })?))
    }

    /// The tmux servers.
    ///
    /// # Errors
    /// When it is off.
    pub fn tmux_servers(&self) -> Result<Vec<Process>> {
        Ok(first_of_each(self.processes_with(|process| process.name == "tmux: server")?))
    }

    /// The processes of sshd that serve a connection, two for each that is let in as root: one.
    ///
    /// # Errors
    /// When it is off.
    pub fn connections(&self) -> Result<Vec<Process>> {
        self.processes_with(|process| {
            process.line.starts_with("sshd: ") && !process.line.contains("[listener]")
        })
    }

    /// The laptop's ports of the connections to its SSH server.
    ///
    /// # Errors
    /// When it is off.
    pub fn ports(&self) -> Result<Vec<u16>> {
        let list = self.exec(&["ss", "-Htn", "state", "established", "( sport = :22 )"])?;
        let peer = |line: &str| line.split_whitespace().last()?.rsplit_once(':')?.1.parse().ok();
        Ok(list.lines().filter_map(peer).collect())
    }

    /// Kills processes of it in a way that they cannot hear; how many.
    ///
    /// # Errors
    /// When one was gone already.
    pub fn kill(&self, processes: &[Process]) -> Result<usize> {
        processes.iter().try_for_each(|process| self.kill_one(process))?;
        Ok(processes.len())
    }

    fn kill_one(&self, process: &Process) -> Result<()> {
        process::kill(process.pid).with_context(|| format!("{} of {}", process.line, self.name))
    }

    /// Kills its SSH server with all connections.
    ///
    /// # Errors
    /// When there is none.
    pub fn kill_sshd(&self) -> Result<()> {
        let servers = self.processes_with(|process| process.line.starts_with("sshd: "))?;
        ensure!(!servers.is_empty(), "{} has no sshd", self.name);
        for server in &servers {
            // One may end because another did.
            let _ = process::kill(server.pid);
        }
        Ok(())
    }

    /// Starts its SSH server again.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_sshd(&self) -> Result<()> {
        self.exec(&["/usr/sbin/sshd", "-f", "/run/disk/etc/sshd_config", "-E", "/run/disk/sshd.log"])?;
        self.wait_for_sshd()
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

    /// Fills its /tmp to the last byte.
    ///
    /// # Errors
    /// When it is off.
    pub fn fill_disk(&self) -> Result<()> {
        let mut filler = File::create(self.path("/tmp/filler")?)?;
        for size in [1024 * 1024, 4096, 1] {
            let block = vec![0; size];
            while filler.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    /// Frees what [`Host::fill_disk`] took.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn free_disk(&self) -> Result<()> {
        Ok(fs::remove_file(self.path("/tmp/filler")?)?)
    }

    /// A mark, for [`Host::started_since`].
    ///
    /// # Errors
    /// When it is off.
    pub fn mark(&self) -> Result<Mark> {
        // Its kernel counts processes and threads, and the shell is told its own number.
        let own = run(self.command("sh")?.args(["-c", "echo $$"]))?;
        Ok(Mark(own.trim().parse()?))
    }

    /// How many processes and threads were started on it since a mark, the look itself left out.
    ///
    /// # Errors
    /// When it is off.
    pub fn started_since(&self, mark: Mark) -> Result<u64> {
        Ok(self.mark()?.0 - mark.0 - 1)
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

/// Leaves out a child that was born a moment ago and is not yet the program that it will be.
fn first_of_each(mut processes: Vec<Process>) -> Vec<Process> {
    let numbers: Vec<i32> = processes.iter().map(|process| process.pid.as_raw_nonzero().get()).collect();
    processes.retain(|process| !numbers.contains(&process.parent));
    processes
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
