//! A helper that has nothing to do does nothing; a host whose clock or disk is wrong is told of.

use std::fs;
use std::time::Duration;

use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{AgentStatus, Timestamp};

use crate::common::{Place, agent};

/// How often the threads of a process waited of their own accord, which is how often they were woken.
fn wakes(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("threads").flatten();
    let count = |text: String| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    };
    threads.map(|thread| count(fs::read_to_string(thread.path().join("status")).unwrap_or_default())).sum()
}

/// In KiB.
fn memory(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("memory");
    let line = text.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.split_whitespace().next().and_then(|count| count.parse().ok()).expect("a number")
}

#[tokio::test]
async fn an_idle_helper_with_twenty_runners_is_woken_by_nothing() {
    const SPAN: Duration = Duration::from_secs(4);
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut runners = Vec::new();
    for number in 1..=20 {
        runners.push(helper.ensure(&format!("CG-{number}")).await);
    }
    let pid = helper.link.process.id().expect("lives");
    // Threads that did some work for it go after ten seconds.
    let mut counts = vec![wakes(pid)];
    while counts.len() < 7 {
        tokio::time::sleep(SPAN).await;
        counts.push(wakes(pid));
        if counts[counts.len() - 2..].iter().all(|count| *count == counts[counts.len() - 1]) {
            break;
        }
    }
    let [.., before, after] = counts[..] else { panic!("two looks at least") };
    let theirs: u64 = runners.iter().map(|runner| wakes(*runner)).sum();
    tokio::time::sleep(SPAN).await;
    let woken: u64 = runners.iter().map(|runner| wakes(*runner)).sum::<u64>() - theirs;
    let (rss, own) = (memory(pid, "Rss:"), memory(pid, "Private_Dirty:"));
    println!(
        "woken {} times in {SPAN:?} ({counts:?}); its 20 runners {woken} times; {rss} KiB resident, {own} KiB of its own",
        after - before
    );
    assert_eq!(after - before, 0, "{counts:?}");
    assert!(woken <= 20, "an idle runner looks once a minute: {woken}");
    assert!(rss < 40 * 1024, "{rss} KiB; the goal for a release build is 15 MiB");
    // It is still there for a file that somebody writes, and for a ping.
    let mark = miyabi_protocol::StatusFile { progress: 0.5, ..crate::common::idle("X-1") };
    fs::write(place.dir.status(&agent("X-1")), serde_json::to_vec(&mark).expect("json")).expect("written");
    helper.until_file("X-1", "a new agent", |status| status.progress == 0.5).await;
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_as_it_is() {
    let mut place = Place::new();
    place.more_environment.push(("MIYABI_CLOCK_OFFSET_MS".into(), "600000".into()));
    let mut helper = place.helper().await;
    helper.send(&Command::Ping { token: 1 });
    let pong = helper
        .until("pong", |report| match report {
            Report::Pong { now, .. } => Some(*now),
            _ => None,
        })
        .await;
    let ahead = |time: Timestamp| (time.as_millis() - now().as_millis()) / 1_000;
    assert!((590..=600).contains(&ahead(pong)), "{} s", ahead(pong));
    helper.offer(&place.sheet("CG-1", "Task-2.1", "exit 0"));
    let done = helper.until_status("CG-1", AgentStatus::Completed).await;
    let ended = ahead(done.updated_at.expect("stamped"));
    assert!((580..=600).contains(&ended), "the runner's clock is the host's: {ended} s");
}

#[expect(clippy::disallowed_methods, reason = "the true time is what the test compares with")]
fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}

/// A small disk of a test's own; gone with it.
struct Disk<'a>(&'a Place);

impl Disk<'_> {
    fn path(&self) -> String {
        self.0.path("disk").to_string_lossy().into_owned()
    }

    fn mount(&self, options: &str) -> bool {
        fs::create_dir_all(self.path()).expect("folder");
        self.0.run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", &self.path()]);
        fs::read_to_string("/proc/mounts").expect("mounts").contains(&format!(" {} ", self.path()))
    }

    /// A second look at the same folder, through which nothing can be written; files that are open stay so.
    fn make_read_only(&self, folder: &str) {
        self.0.run("mount", &["--bind", folder, folder]);
        self.0.run("mount", &["-o", "remount,bind,ro", folder]);
    }

    fn make_writable(&self, folder: &str) {
        self.0.run("umount", &[folder]);
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        self.0.tmux(&["kill-server"]);
        for path in [self.0.dir.root().to_string_lossy().into_owned(), self.path()] {
            self.0.run("umount", &["-l", &path]);
        }
    }
}

#[tokio::test]
async fn a_full_disk_and_a_read_only_one_are_told_and_work_goes_on_with_room() {
    let mut place = Place::new();
    let on_disk = place.path("disk").join("state");
    let disk_place = std::mem::replace(&mut place.dir, miyabi_protocol::StateDir::unchecked(&on_disk));
    let disk = Disk(&place);
    if !disk.mount("size=512k") {
        println!("skipped: a small disk takes root");
        return;
    }
    assert_ne!(disk_place.root(), place.dir.root());
    let mut helper = place.helper().await;
    helper.ensure("CG-1").await;
    let problem = |report: &Report| match report {
        Report::StateProblem { message } => Some(message.clone()),
        _ => None,
    };
    let folder = place.dir.root().to_string_lossy().into_owned();
    let filler = place.path("disk").join("filler");
    for (attempt, read_only) in [("Task-2.1", false), ("Task-2.2", true)] {
        if read_only {
            disk.make_read_only(&folder);
        } else {
            // Until not a byte more fits.
            place.run("dd", &["if=/dev/zero", &format!("of={}", filler.display()), "bs=1k"]);
        }
        helper.offer(&place.sheet("CG-1", attempt, "exit 0"));
        let message = helper.until("a problem", problem).await;
        assert!(message.contains("free some space or repair the folder"), "{message}");
        assert!(message.contains(&*place.dir.root().to_string_lossy()), "{message}");
        if read_only {
            disk.make_writable(&folder);
        } else {
            fs::remove_file(&filler).expect("room");
        }
        helper.until_status("CG-1", AgentStatus::Completed).await;
        helper.send(&Command::WriteStatus { agent: agent("CG-1"), status: crate::common::idle("CG-1") });
        helper.until_status("CG-1", AgentStatus::Idle).await;
    }
}
