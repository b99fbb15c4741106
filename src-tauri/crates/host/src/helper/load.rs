//! How busy this host is.

use std::path::Path;

use miyabi_protocol::link::Load;

/// Looks at the host; the disk is the one that `folder` lies on. What the system does not tell is 0.
pub(crate) fn look(folder: &Path) -> Load {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let (memory_total_mib, memory_free_mib) = memory();
    Load {
        load_1m: load_1m(),
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        memory_total_mib,
        memory_free_mib,
        disk_free_mib: disk_free_mib(folder),
    }
}

fn disk_free_mib(folder: &Path) -> u32 {
    rustix::fs::statvfs(folder).map_or(0, |found| mib(found.f_bavail.saturating_mul(found.f_frsize)))
}

fn mib(bytes: u64) -> u32 {
    u32::try_from(bytes / (1024 * 1024)).unwrap_or(u32::MAX)
}

#[cfg(target_os = "linux")]
fn load_1m() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

#[cfg(target_os = "linux")]
fn memory() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(mib(kib * 1024))
    };
    (field("MemTotal:").unwrap_or(0), field("MemAvailable:").unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
fn sysctl(name: &str) -> String {
    let argv = ["sysctl".to_owned(), "-n".to_owned(), name.to_owned()];
    crate::process::ask(&argv, std::time::Duration::from_secs(1))
        .map(|answer| answer.stdout)
        .unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn load_1m() -> f64 {
    let text = sysctl("vm.loadavg");
    text.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0.0)
}

#[cfg(not(target_os = "linux"))]
fn memory() -> (u32, u32) {
    let number = |name: &str| sysctl(name).trim().parse::<u64>().unwrap_or(0);
    let free = number("vm.page_free_count").saturating_mul(number("hw.pagesize"));
    (mib(number("hw.memsize")), mib(free))
}
