//! A place of its own for each test: folders, a tmux server, and a backend's end of a link.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, Stdio};
use std::time::Duration;

use miyabi_plan::{AgentId, AttemptId};
use miyabi_protocol::frame::{Chunk, Frame};
use miyabi_protocol::link::{Command, Hello, LINK_VERSION, Report};
use miyabi_protocol::{AgentStatus, AttemptSheet, MiyabiStamp, RunnerSpec, StateDir, StatusFile, Timestamp};
use miyabi_transport::local::{self, LocalHelper, Stderr};
use tempfile::TempDir;
use tokio::time::timeout;

/// Long enough for a slow machine; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Folders and a tmux server of a test's own.
pub(crate) struct Place {
    folder: TempDir,
    pub(crate) dir: StateDir,
    /// What helpers and the tmux server find in their environment besides.
    pub(crate) more_environment: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mh").tempdir_in("/tmp").expect("folder");
        for name in ["tmux", "run", "work", "home"] {
            fs::create_dir(folder.path().join(name)).expect("folder");
        }
        let dir = StateDir::open(&folder.path().join("state")).expect("state folder");
        Self { folder, dir, more_environment: Vec::new() }
    }

    /// Runs of tests that go on at the same time must differ: by it, leftovers are found.
    pub(crate) fn run_id(&self) -> String {
        format!("run-{}", self.dir.short_name())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.path("work")
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut environment = self.more_environment.clone();
        environment.extend([
            ("TMUX_TMPDIR".into(), text(self.path("tmux"))),
            ("TMUX".into(), String::new()),
            ("XDG_RUNTIME_DIR".into(), text(self.path("run"))),
            ("HOME".into(), text(self.path("home"))),
            ("RUST_LOG".into(), "warn".into()),
        ]);
        environment
    }

    #[expect(clippy::disallowed_methods, reason = "the tests' one place that starts programs")]
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        let output = Program::new(program)
            .args(args)
            .envs(self.environment())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .expect("the program starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A program that runs beside the test; it is killed when it is dropped.
    #[expect(clippy::disallowed_methods, reason = "the tests' one place that starts programs")]
    pub(crate) fn start(&self, program: &str, args: &[&str]) -> tokio::process::Child {
        tokio::process::Command::new(program)
            .args(args)
            .envs(self.environment())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts")
    }

    pub(crate) fn tmux(&self, args: &[&str]) -> String {
        self.run("tmux", args)
    }

    pub(crate) fn session(&self) -> String {
        self.dir.session()
    }

    /// A script in a file, and its path.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("script");
        path.to_string_lossy().into_owned()
    }

    pub(crate) fn status(&self, name: &str) -> StatusFile {
        let bytes = fs::read(self.dir.status(&agent(name))).expect("status file");
        serde_json::from_slice(&bytes).expect("sound")
    }

    pub(crate) fn log(&self, name: &str) -> String {
        let bytes = fs::read(self.dir.log(Some(&agent(name)))).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A sheet for a shell script as an agent.
    pub(crate) fn sheet(&self, name: &str, attempt: &str, script: &str) -> AttemptSheet {
        AttemptSheet {
            run_id: self.run_id(),
            attempt: attempt.parse().expect("attempt"),
            agent: agent(name),
            host: "local".into(),
            title: "A task".into(),
            prompt: "Do it.".into(),
            module: "core".into(),
            work_folder: Some(self.work().to_string_lossy().into_owned()),
            outputs: Vec::new(),
            acceptance: Vec::new(),
            runner: RunnerSpec::Command {
                argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
                environment: BTreeMap::new(),
            },
            estimated_seconds: 5,
            assigned_at: now(),
            tree: None,
        }
    }

    /// A helper that has taken the folder.
    pub(crate) async fn helper(&self) -> Helper {
        self.helper_for(&self.run_id(), 1).await
    }

    pub(crate) async fn helper_for(&self, run_id: &str, epoch: u32) -> Helper {
        let mut helper = self.greeted(run_id, epoch);
        helper.until("welcome", |report| matches!(report, Report::Welcome { .. }).then_some(())).await;
        helper
    }

    /// A helper that was greeted and has not answered yet.
    pub(crate) fn greeted(&self, run_id: &str, epoch: u32) -> Helper {
        self.greeted_with(self.hello(run_id, epoch))
    }

    /// A helper that has taken the folder, by this greeting.
    pub(crate) async fn helper_with(&self, hello: Hello) -> Helper {
        let mut helper = self.greeted_with(hello);
        helper.until("welcome", |report| matches!(report, Report::Welcome { .. }).then_some(())).await;
        helper
    }

    /// A helper that is refused the folder, and why.
    pub(crate) async fn refusal(&self, hello: Hello) -> String {
        let mut helper = self.greeted_with(hello);
        let message = helper
            .until("refusal", |report| match report {
                Report::Refused { message } => Some(message.clone()),
                Report::Welcome { .. } => panic!("it was let in"),
                _ => None,
            })
            .await;
        assert!(!helper.link.process.wait().await.expect("ended").success());
        message
    }

    /// What a backend says first.
    pub(crate) fn hello(&self, run_id: &str, epoch: u32) -> Hello {
        let monitor = ["sleep", "1000"].map(str::to_owned).to_vec();
        let windows = ["CG-1", "CG-2", "CCG-1"].map(|name| (agent(name), format!("{name}-Core"))).to_vec();
        Hello {
            version: LINK_VERSION,
            run_id: run_id.into(),
            epoch,
            link: 1,
            owner: "me@here".to_owned(),
            host: None,
            elsewhere: Vec::new(),
            silent_seconds: None,
            lease_seconds: None,
            state_dir: self.dir.root().to_string_lossy().into_owned(),
            session: self.session(),
            window_options: Vec::new(),
            monitor,
            windows,
        }
    }

    pub(crate) fn greeted_with(&self, hello: Hello) -> Helper {
        let program = Path::new(env!("CARGO_BIN_EXE_miyabi-host"));
        let messages = fs::File::options().append(true).create(true).open(self.path("helper.err"));
        let messages = messages.expect("file");
        let (args, environment) = (["serve".to_owned()], self.environment());
        let link = local::spawn(program, &args, &environment, Stderr::File(messages)).expect("helper");
        let helper = Helper { link, chunks: Vec::new(), grants: None };
        helper.send(&Command::Hello(hello));
        helper
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

pub(crate) fn agent(name: &str) -> AgentId {
    AgentId::new(name).expect("agent")
}

pub(crate) fn attempt(text: &str) -> AttemptId {
    text.parse().expect("attempt")
}

pub(crate) fn busy(sheet: &AttemptSheet) -> StatusFile {
    let stamp = MiyabiStamp {
        run_id: sheet.run_id.clone(),
        attempt: sheet.attempt.number,
        host: sheet.host.clone(),
        ..MiyabiStamp::default()
    };
    StatusFile::busy(&sheet.agent, &sheet.attempt, stamp, Timestamp::default())
}

pub(crate) fn idle(name: &str) -> StatusFile {
    StatusFile::idle(&agent(name), Timestamp::default())
}

/// Whether a process lives and is no zombie.
pub(crate) fn lives(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub(crate) fn kill(place: &Place, signal: &str, pid: u32) {
    place.run("kill", &[signal, &pid.to_string()]);
}

/// A backend's end of a link.
pub(crate) struct Helper {
    pub(crate) link: LocalHelper,
    /// Log chunks that came while something else was awaited.
    pub(crate) chunks: Vec<Chunk>,
    /// For how many seconds a lease is granted, at once and whatever is awaited; none for not at all.
    pub(crate) grants: Option<u32>,
}

impl Helper {
    pub(crate) fn send(&self, command: &Command) {
        self.link.sender.message(command).expect("sent");
    }

    /// Ends the process as a crash would.
    pub(crate) async fn crash(mut self, place: &Place) {
        kill(place, "-9", self.link.process.id().expect("lives"));
        self.link.process.wait().await.expect("ended");
    }

    /// Reads until a report is what is wanted.
    pub(crate) async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Report) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let found = timeout(PATIENCE, async {
            loop {
                match self.link.receiver.recv().await.expect("sound link") {
                    Some(Frame::Bulk(chunk)) => self.chunks.push(chunk),
                    Some(frame) => {
                        let report = frame.message::<Report>().expect("a report");
                        if let (Report::LeaseAsked { token }, Some(seconds)) = (&report, self.grants) {
                            let grant = Command::Lease { token: *token, seconds };
                            self.link.sender.message(&grant).expect("sent");
                        }
                        if let Some(found) = wanted(&report) {
                            return found;
                        }
                        seen.push(report);
                    }
                    None => panic!("the helper hung up before {what}; seen: {seen:#?}"),
                }
            }
        });
        let found = found.await;
        found.unwrap_or_else(|_| panic!("no {what} came; seen: {seen:#?}"))
    }

    /// The next chunk of a log.
    pub(crate) async fn chunk(&mut self) -> Chunk {
        if !self.chunks.is_empty() {
            return self.chunks.remove(0);
        }
        loop {
            let frame = timeout(PATIENCE, self.link.receiver.recv()).await.expect("a chunk in time");
            if let Some(Frame::Bulk(chunk)) = frame.expect("sound link") {
                return chunk;
            }
        }
    }

    /// Reads an agent's log until it holds these words so often.
    pub(crate) async fn until_log(&mut self, name: &str, words: &str, times: usize) {
        const STREAM: u32 = 77;
        let (offset, credit) = (0, 1 << 20);
        self.send(&Command::FollowLog { stream: STREAM, agent: Some(agent(name)), offset, credit });
        let mut log = Vec::new();
        while String::from_utf8_lossy(&log).matches(words).count() < times {
            log.extend(self.chunk().await.bytes);
        }
        self.send(&Command::CloseStream { stream: STREAM });
    }

    /// Reads until an agent's file has this status.
    pub(crate) async fn until_status(&mut self, name: &str, wanted: AgentStatus) -> StatusFile {
        let what = format!("{name} {wanted:?}");
        self.until_file(name, &what, |status| status.status == wanted).await
    }

    pub(crate) async fn until_file(
        &mut self,
        name: &str,
        what: &str,
        wanted: impl Fn(&StatusFile) -> bool,
    ) -> StatusFile {
        let of = agent(name);
        self.until(what, |report| match report {
            Report::Status { agent, status } if *agent == of && wanted(status) => Some(status.clone()),
            _ => None,
        })
        .await
    }

    /// Makes an agent of ours ready, and gives back its runner's process.
    pub(crate) async fn ensure(&mut self, name: &str) -> u32 {
        self.send(&Command::EnsureAgent { agent: agent(name), window: format!("{name}-Core"), ours: true });
        self.until_up(name).await.0
    }

    pub(crate) async fn until_up(&mut self, name: &str) -> (u32, Option<AttemptId>) {
        let of = agent(name);
        self.until(&format!("runner of {name}"), |report| match report {
            Report::RunnerUp { agent, pid, attempt } if *agent == of => Some((*pid, attempt.clone())),
            Report::AgentProblem { message, .. } => panic!("{message}"),
            _ => None,
        })
        .await
    }

    pub(crate) fn offer(&self, sheet: &AttemptSheet) {
        self.send(&Command::Offer { sheet: Box::new(sheet.clone()), status: busy(sheet) });
    }

    pub(crate) async fn until_gone(&mut self, name: &str) -> String {
        let of = agent(name);
        self.until(&format!("end of the runner of {name}"), |report| match report {
            Report::RunnerGone { agent, how } if *agent == of => Some(how.clone()),
            _ => None,
        })
        .await
    }
}

#[expect(clippy::disallowed_methods, reason = "an assignment is made now, before its outputs are written")]
fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
