//! The file that the programs' hooks append to, read as it grows.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;

use miyabi_agents::AgentEvent;
use miyabi_agents::json_lines::{JsonLine, JsonLines};
use miyabi_protocol::StateDir;

use super::super::super::log_file::LogFile;
use super::hooks;
use crate::watch::FolderWatch;

/// How much of it is read at once.
const READ_SIZE: usize = 64 * 1024;
/// How many such reads follow each other, so that a file without end holds up nothing else.
const READS: usize = 64;

/// The file.
pub(super) struct EventsFile {
    pub(super) path: PathBuf,
    /// Makes it, with its folders: a hook cannot.
    maker: LogFile,
    watch: Option<FolderWatch>,
    /// Which file was read so far, by its device and its number, and how far.
    identity: Option<(u64, u64)>,
    position: u64,
    lines: JsonLines,
}

impl EventsFile {
    /// What is in it comes from an earlier process.
    pub(super) fn new(dir: &StateDir, path: PathBuf) -> Self {
        let mut maker = LogFile::new(dir, path.clone());
        // What the disk does not take now, it may take a moment later.
        let _unmade = maker.append(b"");
        let found = std::fs::metadata(&path).ok();
        let position = found.as_ref().map_or(0, std::fs::Metadata::len);
        let identity = found.map(|found| (found.dev(), found.ino()));
        let name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
        let watch = path.parent().map(|folder| FolderWatch::growing(folder, move |changed| changed == name));
        Self { path, maker, watch, identity, position, lines: JsonLines::default() }
    }

    pub(super) async fn changed(&self) {
        match &self.watch {
            Some(watch) => drop(watch.changed().await),
            None => std::future::pending().await,
        }
    }

    /// Makes the file again where it is gone, as after the state folder was wiped.
    pub(super) fn renew(&mut self) {
        self.maker.renew();
        // It is tried again with the next call.
        let _unmade = self.maker.append(b"");
        if let Some(watch) = &mut self.watch {
            watch.renew();
        }
    }

    /// The events of the lines that are new; `told` is what the program was told last.
    pub(super) fn read(&mut self, told: &str) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        let Ok(file) = File::open(&self.path) else { return events };
        self.begin_anew_where_it_is_another(&file);
        let mut buffer = vec![0; READ_SIZE];
        for _ in 0..READS {
            // What cannot be read for a moment is read with the next change.
            let Ok(count @ 1..) = file.read_at(&mut buffer, self.position) else { break };
            self.position += count as u64;
            self.lines.push(&buffer[..count], |line| {
                if let JsonLine::Value(value) = line
                    && !hooks::is_aside(&value, told)
                {
                    events.extend(hooks::understand(&value));
                }
            });
        }
        events
    }

    fn begin_anew_where_it_is_another(&mut self, file: &File) {
        let Ok(found) = file.metadata() else { return };
        let identity = Some((found.dev(), found.ino()));
        if identity != self.identity || found.len() < self.position {
            self.identity = identity;
            self.position = 0;
            self.lines = JsonLines::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const STOP: &[u8] = b"{\"hook_event_name\":\"Stop\",\"last_assistant_message\":\"done\"}\n";

    fn tell(file: &EventsFile, line: &[u8]) {
        // As a shell's `>>` does.
        let open = File::options().append(true).create(true).open(&file.path);
        open.expect("its folder is there").write_all(line).expect("written");
    }

    #[tokio::test]
    async fn a_wiped_folder_loses_no_later_event() {
        let base = tempfile::tempdir().expect("folder");
        let dir = StateDir::open(&base.path().join("state")).expect("state folder");
        let path = dir.logs().join("raw/agent_CG-1/Task-1.1.jsonl");
        let mut file = EventsFile::new(&dir, path);
        tell(&file, STOP);
        tell(&file, STOP);
        assert_eq!(file.read("").len(), 2);
        std::fs::remove_dir_all(dir.root()).expect("wiped");
        assert_eq!(file.read("").len(), 0);
        file.renew();
        tell(&file, STOP);
        assert_eq!(file.read("").len(), 1, "from the beginning of the new file");
        assert_eq!(file.read("").len(), 0);
    }

    #[tokio::test]
    async fn what_an_earlier_process_told_is_over_and_a_long_file_is_read_in_parts() {
        let base = tempfile::tempdir().expect("folder");
        let dir = StateDir::open(&base.path().join("state")).expect("state folder");
        let path = dir.logs().join("raw/agent_CG-1/Task-1.1.jsonl");
        tell(&EventsFile::new(&dir, path.clone()), STOP);
        let mut file = EventsFile::new(&dir, path);
        assert_eq!(file.read("").len(), 0);
        let all = STOP.repeat(2 * READS * READ_SIZE / STOP.len() + 1);
        tell(&file, &all);
        let mut parts = Vec::new();
        while let count @ 1.. = file.read("").len() {
            parts.push(count);
        }
        assert_eq!((parts.len(), parts.iter().sum::<usize>()), (3, all.len() / STOP.len()));
    }
}
