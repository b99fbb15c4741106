//! The git program, started with an environment in which nothing of the person's shell or of a hook acts.
#![expect(clippy::disallowed_methods, reason = "this module is the one that starts programs")]

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::GitError;
use crate::settings;

/// How long a question may take.
const ASKING: Duration = Duration::from_secs(180);
/// How long a change may take: the checkout of a big repository on a slow disk.
const CHANGING: Duration = Duration::from_secs(1800);
/// As many bytes of git's own words as an error shows at most.
const WORDS: usize = 1200;

/// One call of git that is put together.
#[derive(Debug)]
pub(crate) struct Git<'a> {
    folder: &'a Path,
    args: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    input: Vec<u8>,
    limit: Duration,
    keep: usize,
}

/// What git gave back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The first bytes of its output, as many as were to be kept.
    pub(crate) stdout: Vec<u8>,
    /// How long its output was in all.
    pub(crate) length: usize,
    stderr: Vec<u8>,
}

impl<'a> Git<'a> {
    /// A call that changes something, in a folder that is the top of a repository itself.
    pub(crate) fn change(folder: &'a Path, command: &str) -> Self {
        Self {
            folder,
            args: vec![command.into()],
            environment: Vec::new(),
            input: Vec::new(),
            limit: CHANGING,
            keep: usize::MAX,
        }
    }

    /// A call that only reads: it takes no lock.
    pub(crate) fn ask(folder: &'a Path, command: &str) -> Self {
        let mut git = Self::change(folder, command).env("GIT_OPTIONAL_LOCKS", "0");
        git.limit = ASKING;
        git
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// What it reads on its stdin.
    pub(crate) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Keep only so many bytes of its output.
    pub(crate) fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Runs it to its end, whatever its exit code is.
    pub(crate) fn run(self) -> Result<Answer, GitError> {
        if !self.folder.is_dir() {
            return Err(GitError::new(format!(
                "the folder {} is not there: make it, or name another one",
                self.folder.display()
            )));
        }
        let mut command = Command::new("git");
        command.args(settings::GIT.iter().flat_map(|setting| ["-c", setting]));
        command.args(settings::filters().iter().flat_map(|setting| ["-c", setting]));
        for (name, _) in std::env::vars_os().filter(|(name, _)| settings::of_the_caller(name)) {
            command.env_remove(name);
        }
        command.envs(settings::ENVIRONMENT.iter().copied());
        command.env("GIT_CEILING_DIRECTORIES", settings::ceiling(self.folder));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(&self.args).current_dir(self.folder).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| not_started(&error))?;
        to_its_end(child, self.input, self.keep, self.limit)
            .map_err(|why| GitError::new(format!("{} {why}", named(self.folder, &self.args))))
    }

    /// Runs it; an exit code other than 0 is an error.
    pub(crate) fn done(self) -> Result<Answer, GitError> {
        let (folder, args) = (self.folder, self.args.clone());
        let answer = self.run()?;
        if answer.code == Some(0) { Ok(answer) } else { Err(answer.refused(folder, &args)) }
    }

    /// Runs it; what it prints, without the last line's end.
    pub(crate) fn text(self) -> Result<String, GitError> {
        Ok(self.done()?.text())
    }

    /// Runs it: what it prints where its exit code is 0, none where it is 1.
    pub(crate) fn maybe(self) -> Result<Option<String>, GitError> {
        let (folder, args) = (self.folder, self.args.clone());
        let answer = self.run()?;
        match answer.code {
            Some(0) => Ok(Some(answer.text())),
            Some(1) => Ok(None),
            _ => Err(answer.refused(folder, &args)),
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.stdout);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// The parts between zero bytes.
    pub(crate) fn parts(&self) -> impl Iterator<Item = String> {
        let bytes = self.stdout.strip_suffix(b"\0").unwrap_or(&self.stdout);
        let none = bytes.is_empty() && self.stdout.is_empty();
        bytes
            .split(|byte| *byte == 0)
            .filter(move |_| !none)
            .map(|part| String::from_utf8_lossy(part).into_owned())
    }

    /// What git said to people.
    pub(crate) fn words(&self) -> String {
        settings::last_words(&self.stderr, WORDS)
    }

    /// The error of a call that failed.
    pub(crate) fn refused(&self, folder: &Path, args: &[OsString]) -> GitError {
        let words = self.words();
        let said = match (words.as_str(), self.code) {
            ("", Some(code)) => format!("exit code {code}"),
            ("", None) => "it was killed".to_owned(),
            (words, _) => words.to_owned(),
        };
        let remedy = settings::remedy(&words, folder);
        GitError::new(format!("{} failed: {said}\n{remedy}", named(folder, args)))
    }
}

fn named(folder: &Path, args: &[OsString]) -> String {
    let command = args.first().map(|arg| arg.to_string_lossy().into_owned()).unwrap_or_default();
    format!("`git {command}` in {}", folder.display())
}

fn not_started(error: &io::Error) -> GitError {
    if error.kind() == io::ErrorKind::NotFound {
        return GitError::new("there is no git program on the PATH: install git, 2.38 or newer");
    }
    GitError::new(format!("git cannot be started: {error}"))
}

/// Feeds a program, reads all that it says, and waits for its end; kills it when the limit has passed.
fn to_its_end(mut child: Child, input: Vec<u8>, keep: usize, limit: Duration) -> Result<Answer, String> {
    let until = Instant::now() + limit;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::spawn(move || {
        if let Some(mut stdin) = stdin {
            // One that does not read to the end has its reason, and says it by its exit code.
            let _unread = stdin.write_all(&input);
        }
    });
    let (out, told) = mpsc::channel();
    let (err, grumbled) = mpsc::channel();
    thread::spawn(move || out.send(read(stdout, keep)));
    thread::spawn(move || err.send(read(stderr, 64 * 1024)));
    let left = || until.saturating_duration_since(Instant::now());
    let both = told.recv_timeout(left()).and_then(|out| grumbled.recv_timeout(left()).map(|err| (out, err)));
    let Ok(((stdout, length), (stderr, _))) = both else {
        kill(&mut child);
        return Err(format!("did not end within {} s and was ended", limit.as_secs()));
    };
    let status = child.wait().map_err(|error| format!("cannot be waited for: {error}"))?;
    Ok(Answer { code: status.code(), stdout, length, stderr })
}

/// Ends a git program with everything that it started.
fn kill(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended by itself just now.
        let _gone = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _gone = child.kill();
    let _reaped = child.wait();
}

/// The first bytes of a stream and its whole length.
fn read(stream: Option<impl Read>, keep: usize) -> (Vec<u8>, usize) {
    let Some(mut stream) = stream else { return (Vec::new(), 0) };
    let (mut kept, mut length, mut buffer) = (Vec::new(), 0_usize, vec![0; 64 * 1024]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (kept, length),
            Ok(count) => {
                let room = keep.saturating_sub(kept.len()).min(count);
                kept.extend_from_slice(&buffer[..room]);
                length += count;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return (kept, length),
        }
    }
}

/// The version of the git program, looked for once it is there.
pub(crate) fn version() -> Result<(u32, u32), GitError> {
    static KNOWN: OnceLock<(u32, u32)> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return Ok(*known);
    }
    let text = Git::ask(Path::new("/"), "version").text()?;
    let found = settings::version_in(&text)
        .ok_or_else(|| GitError::new(format!("the git program says `{text}` and no version: install git")))?;
    Ok(*KNOWN.get_or_init(|| found))
}

/// Gives a program of somebody else's a moment to end.
pub(crate) fn pause(time: Duration) {
    thread::sleep(time);
}
