//! Shows a log as it grows, in a window behind which no runner of ours stands.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use miyabi_agents::shown::is_hidden;
use miyabi_protocol::status::agent_of_file_name;
use tokio::time::timeout;

use crate::disk;
use crate::watch::{FolderWatch, SLOW_POLL};

/// What to show.
#[derive(Debug, Clone)]
pub struct Shown {
    /// What people call it.
    pub title: String,
    /// The log; it need not be there yet.
    pub file: PathBuf,
    /// The status file whose changes are shown between.
    pub status: Option<PathBuf>,
}

type OfName = Box<dyn Fn(&OsStr) -> bool + Send + Sync>;

/// Shows it until the window is closed.
///
/// # Errors
/// When the window is gone.
pub async fn run(shown: Shown) -> io::Result<()> {
    let mut stdout = io::stdout();
    let title: String = shown.title.chars().filter(|c| !is_hidden(*c)).collect();
    writeln!(stdout, "\x1b[1;97;44m {title} \x1b[0m {}\n", shown.file.display())?;
    let mut logs = watched(&shown.file, FolderWatch::growing);
    let mut states = shown.status.as_deref().and_then(|path| watched(path, FolderWatch::new));
    let (mut tail, mut said) = (Tail::default(), String::new());
    loop {
        tail.show(&shown.file, &mut stdout)?;
        if let Some(now) = shown.status.as_deref().and_then(status_line)
            && now != said
        {
            writeln!(stdout, "\x1b[1;36m{now}\x1b[0m")?;
            said = now;
        }
        stdout.flush()?;
        // The time limit is the slow poll; a log that is not there yet may lie in a folder that is not.
        let watches = [&logs, &states].into_iter().flatten();
        let period = watches.map(FolderWatch::period).min().filter(|_| tail.file.is_some());
        let _changed = timeout(period.unwrap_or(SLOW_POLL), async {
            tokio::select! {
                () = changed(logs.as_ref()) => {}
                () = changed(states.as_ref()) => {}
            }
        })
        .await;
        for watch in [&mut logs, &mut states].into_iter().flatten() {
            watch.renew();
        }
    }
}

/// Wakes for this file alone: a run has as many such windows as agents.
fn watched(file: &Path, watch: impl Fn(&Path, OfName) -> FolderWatch) -> Option<FolderWatch> {
    let name = file.file_name()?.to_owned();
    Some(watch(file.parent()?, Box::new(move |changed| changed == name)))
}

async fn changed(watch: Option<&FolderWatch>) {
    match watch {
        Some(watch) => drop(watch.changed().await),
        None => std::future::pending().await,
    }
}

fn status_line(path: &Path) -> Option<String> {
    let agent = agent_of_file_name(path.file_name()?.to_str()?)?;
    let bytes = disk::read(path, disk::MAX_STATUS).ok()??;
    let status = disk::parse_status(&agent, &bytes).ok()?;
    let word = serde_json::to_value(status.status).ok()?;
    let task: String =
        status.task_id.unwrap_or_default().chars().filter(|c| !c.is_control()).take(60).collect();
    Some(format!("{agent} {} {task} {:.0} %", word.as_str()?, status.progress * 100.0))
}

#[derive(Default)]
struct Tail {
    file: Option<File>,
    position: u64,
}

impl Tail {
    fn show(&mut self, path: &Path, out: &mut impl io::Write) -> io::Result<()> {
        let now = std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let held =
            self.file.as_ref().and_then(|file| file.metadata().ok()).map(|found| (found.dev(), found.ino()));
        if now != held {
            *self = Self { file: File::open(path).ok(), position: 0 };
        }
        let Some(file) = &self.file else { return Ok(()) };
        let mut buffer = vec![0; 32 * 1024];
        loop {
            // A log that cannot be read for a moment is read with the next change.
            let count = file.read_at(&mut buffer, self.position).unwrap_or(0);
            if count == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..count])?;
            self.position += count as u64;
        }
    }
}
