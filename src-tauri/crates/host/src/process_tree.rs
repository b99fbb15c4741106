//! Finds and ends every process of an attempt, also those that hide from their parents.
//!
//! Three traces lead to a process: its parents, its process group, and a marker in the
//! environment that it started with. On Linux a runner also adopts orphans (it is a "child
//! subreaper"), so that a process that forks twice stays below it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use tokio::time::Instant;

use crate::clock;

/// How long a process may take to end by itself after it was told to.
pub(crate) const GRACE: Duration = Duration::from_secs(1);
/// After this long a process that a kill does not end is given up: the system holds it.
const GIVE_UP: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// One process as the system lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    /// When it started, in the system's ticks: with the pid, an identity.
    started: u64,
    zombie: bool,
}

/// Entries that a process must have in its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Whole entries, or beginnings of entries, as in `MIYABI_ATTEMPT=run/`.
    pub(crate) entries: Vec<String>,
}

impl Marker {
    fn is_in(&self, environment: &[u8]) -> bool {
        let has = |wanted: &String| {
            environment.split(|byte| *byte == 0).any(|entry| {
                if wanted.ends_with('/') {
                    entry.starts_with(wanted.as_bytes())
                } else {
                    entry == wanted.as_bytes()
                }
            })
        };
        self.entries.iter().all(has)
    }
}

/// Which processes are meant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// Everything below this process, without itself; given by a process that adopts orphans, which
    /// also takes leave of those of its children that have ended.
    pub(crate) below: Option<u32>,
    /// This process and everything below it and in its process group.
    pub(crate) root: Option<u32>,
    /// Everything that carries this marker, and everything below.
    pub(crate) marker: Option<Marker>,
    /// A child of ours whose end somebody else awaits.
    pub(crate) awaited: Option<u32>,
}

/// Makes this process the parent of its orphaned descendants, where the system can.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(getpid()))?;
    Ok(())
}

/// Ends all that is meant: first politely, after [`GRACE`] by force, until nothing is left. Gives
/// back what the system would not end.
pub(crate) async fn end(target: &Target) -> Vec<u32> {
    let begun = Instant::now();
    let mut told = BTreeSet::new();
    // What was found once is meant until it is gone: the trace that led to it may end before it does.
    let mut found = BTreeSet::new();
    loop {
        let living = living(target, &found);
        found.extend(living.iter().map(|process| (process.pid, process.started)));
        if living.is_empty() {
            return Vec::new();
        }
        if begun.elapsed() > GRACE + GIVE_UP {
            return living.iter().filter_map(|process| u32::try_from(process.pid).ok()).collect();
        }
        for process in &living {
            if begun.elapsed() >= GRACE {
                signal(process, Signal::KILL);
            } else if told.insert((process.pid, process.started)) {
                signal(process, Signal::TERM);
                // One that is stopped would never hear it.
                signal(process, Signal::CONT);
            }
        }
        clock::sleep(LOOK_AGAIN).await;
    }
}

/// Kills one process at once.
pub(crate) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may be gone already, which is what is wanted.
        let _gone = kill_process(pid, Signal::KILL);
    }
}

/// What tells a process from another one that gets its number later: when it started.
#[cfg(target_os = "linux")]
pub(crate) fn birth_mark(pid: u32) -> Option<String> {
    read_process(i32::try_from(pid).ok()?).map(|process| process.started.to_string())
}

/// What tells a process from another one that gets its number later: when it started.
#[cfg(not(target_os = "linux"))]
pub(crate) fn birth_mark(pid: u32) -> Option<String> {
    let pid = pid.to_string();
    let argv = ["env", "LC_ALL=C", "TZ=UTC", "ps", "-o", "lstart=", "-p", &pid].map(str::to_owned);
    let answer = crate::process::ask(&argv, Duration::from_secs(5)).ok()?;
    Some(answer.stdout.trim().to_owned()).filter(|mark| !mark.is_empty())
}

/// Kills a process at once, if it is still the one with this mark; says whether it was.
pub(crate) fn kill_marked(pid: u32, mark: &str) -> bool {
    let Some(handle) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let is_it = || birth_mark(pid).is_some_and(|now| now == mark);
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        // The number cannot pass on between the look and the kill while it is held.
        if let Ok(held) = pidfd_open(handle, PidfdFlags::empty()) {
            return is_it() && pidfd_send_signal(&held, Signal::KILL).is_ok();
        }
    }
    is_it() && kill_process(handle, Signal::KILL).is_ok()
}

/// Takes leave of children that have ended and that nobody awaits.
pub(crate) fn reap(awaited: Option<u32>) {
    reap_among(&processes(), awaited);
}

fn living(target: &Target, found: &BTreeSet<(i32, u64)>) -> Vec<Process> {
    let all = processes();
    // Elsewhere every child is awaited by whoever started it, and its end is not ours to take.
    if target.below.is_some() {
        reap_among(&all, target.awaited);
    }
    let own = getpid().as_raw_nonzero().get();
    select(&all, target, found, own, &|process, marker| {
        environment(process.pid).is_some_and(|environment| marker.is_in(&environment))
    })
}

/// The processes that are meant, of all that there are.
fn select(
    all: &[Process],
    target: &Target,
    found: &BTreeSet<(i32, u64)>,
    own: i32,
    marked: &dyn Fn(&Process, &Marker) -> bool,
) -> Vec<Process> {
    let id = |pid: Option<u32>| pid.and_then(|pid| i32::try_from(pid).ok());
    let (below, root) = (id(target.below), id(target.root));
    let mut meant: BTreeSet<i32> = all
        .iter()
        .filter(|process| {
            root.is_some_and(|root| process.pid == root || process.group == root)
                || found.contains(&(process.pid, process.started))
                || target.marker.as_ref().is_some_and(|marker| marked(process, marker))
        })
        .map(|process| process.pid)
        .collect();
    meant.extend(below);
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for process in all {
        children.entry(process.parent).or_default().push(process.pid);
    }
    let mut unseen: Vec<i32> = meant.iter().copied().collect();
    while let Some(pid) = unseen.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if meant.insert(*child) {
                unseen.push(*child);
            }
        }
    }
    all.iter()
        .filter(|process| meant.contains(&process.pid) && Some(process.pid) != below)
        .filter(|process| !process.zombie && process.pid != own && process.pid > 1)
        .cloned()
        .collect()
}

fn reap_among(all: &[Process], awaited: Option<u32>) {
    let own = getpid().as_raw_nonzero().get();
    for process in all.iter().filter(|process| process.zombie && process.parent == own) {
        if awaited.is_some_and(|awaited| i64::from(awaited) == i64::from(process.pid)) {
            continue;
        }
        if let Some(pid) = Pid::from_raw(process.pid) {
            // Another look may have been quicker.
            let _gone = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// Signals a process if its number has not passed on to another in the meantime.
fn signal(process: &Process, signal: Signal) {
    let Some(pid) = Pid::from_raw(process.pid) else { return };
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
        if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) {
            let same = read_process(process.pid).is_some_and(|now| now.started == process.started);
            if same {
                // It may have ended since, which is what is wanted.
                let _gone = pidfd_send_signal(&handle, signal);
            }
            return;
        }
    }
    let _gone = kill_process(pid, signal);
}

#[cfg(target_os = "linux")]
fn processes() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(read_process)
        .collect()
}

#[cfg(target_os = "linux")]
fn read_process(pid: i32) -> Option<Process> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &String::from_utf8_lossy(&stat))
}

/// Reads `/proc/PID/stat` (proc(5)): the name may hold anything, so the fields are counted from
/// its last `)`.
#[cfg(target_os = "linux")]
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some(Process {
        pid,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(target_os = "linux")]
fn environment(pid: i32) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{pid}/environ")).ok()
}

/// `ps` shows no start times in a form worth parsing; a number that passed on within the few
/// milliseconds between two looks is taken as improbable here.
#[cfg(not(target_os = "linux"))]
fn processes() -> Vec<Process> {
    let argv = ["ps", "-axo", "pid=,ppid=,pgid=,state="].map(str::to_owned);
    let Ok(answer) = crate::process::ask(&argv, Duration::from_secs(5)) else { return Vec::new() };
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        Some(Process {
            pid: fields.next()?.parse().ok()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            started: 0,
            zombie: fields.next()?.starts_with('Z'),
        })
    };
    answer.stdout.lines().filter_map(parse).collect()
}

/// `ps -E` shows the environment behind the command, with spaces between the entries.
#[cfg(not(target_os = "linux"))]
fn environment(pid: i32) -> Option<Vec<u8>> {
    let argv = ["ps".to_owned(), "-wwEo".to_owned(), "command=".to_owned(), "-p".to_owned(), pid.to_string()];
    let answer = crate::process::ask(&argv, Duration::from_secs(5)).ok()?;
    Some(answer.stdout.trim_end().replace(' ', "\0").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, group: i32) -> Process {
        Process { pid, parent, group, started: 1, zombie: false }
    }

    fn pids(target: &Target) -> Vec<i32> {
        let all = [
            process(1, 0, 1),
            process(10, 1, 10),
            process(20, 10, 20),
            process(21, 20, 21),
            process(30, 1, 20),
            process(40, 1, 40),
            process(41, 40, 41),
            Process { zombie: true, ..process(22, 20, 20) },
        ];
        let marked = |process: &Process, _: &Marker| process.pid == 40;
        select(&all, target, &BTreeSet::new(), 10, &marked).iter().map(|process| process.pid).collect()
    }

    #[test]
    fn every_trace_leads_to_the_processes_below_and_never_to_ourselves() {
        let marker = Some(Marker { entries: Vec::new() });
        assert_eq!(pids(&Target { below: Some(10), ..Target::default() }), [20, 21]);
        assert_eq!(pids(&Target { root: Some(20), ..Target::default() }), [20, 21, 30]);
        assert_eq!(pids(&Target { marker: marker.clone(), ..Target::default() }), [40, 41]);
        assert_eq!(pids(&Target { below: Some(1), ..Target::default() }), [20, 21, 30, 40, 41]);
        assert_eq!(pids(&Target::default()), [] as [i32; 0]);
    }

    #[test]
    fn a_marker_is_a_whole_entry_or_a_beginning_with_a_slash() {
        let marker = |entries: &[&str]| Marker { entries: entries.iter().map(|e| (*e).to_owned()).collect() };
        let environment = b"A=1\0MIYABI_ATTEMPT=r1/Task-1.12\0MIYABI_AGENT=CG-10\0";
        assert!(marker(&["MIYABI_ATTEMPT=r1/", "MIYABI_AGENT=CG-10"]).is_in(environment));
        assert!(marker(&["MIYABI_ATTEMPT=r1/Task-1.12"]).is_in(environment));
        assert!(!marker(&["MIYABI_ATTEMPT=r1/", "MIYABI_AGENT=CG-1"]).is_in(environment));
        assert!(!marker(&["MIYABI_ATTEMPT=r1/Task-1.1"]).is_in(environment));
    }

    #[tokio::test]
    async fn a_child_that_another_task_awaits_is_left_to_it() {
        let launch = miyabi_agents::Launch {
            argv: vec!["true".to_owned()],
            environment: BTreeMap::new(),
            work_folder: None,
            stdin: String::new(),
        };
        let mut child = crate::process::start(&launch, crate::process::Input::Nothing).expect("starts");
        let pid = i32::try_from(child.id().expect("runs")).expect("a pid");
        while processes().iter().any(|process| process.pid == pid && !process.zombie) {
            std::thread::yield_now();
        }
        let marker = Some(Marker { entries: vec!["MIYABI_NOBODY=1".to_owned()] });
        assert_eq!(end(&Target { marker, ..Target::default() }).await, [] as [u32; 0]);
        assert!(child.wait().await.expect("its end is still there").success());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_spaces_and_brackets_is_read() {
        let stat = "7 (a) (b c) S 3 5 5 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 99 1000 10";
        let read = parse_stat(7, stat).expect("valid");
        assert_eq!((read.parent, read.group, read.started, read.zombie), (3, 5, 99, false));
    }
}
