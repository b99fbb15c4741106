//! A run with hosts, on one machine: each host has a state folder, a runtime folder and a tmux server
//! of its own, and is reached by a command, as it would be by `kubectl exec`.
#![expect(clippy::disallowed_methods, reason = "these tests are about starting programs")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use miyabi_api::{Answer, Request};
use miyabi_backend::{BackendError, Options, orchestrate};
use miyabi_plan::{Choice, NamedText, PlanText};
use miyabi_protocol::opening::{OPENING_FILE, backend_socket, runs_folder};
use miyabi_protocol::{RunOpening, StateDir, Timestamp};
use miyabi_reach::Helpers;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::person::{LOOK_AGAIN, PATIENCE, Person};

/// The hosts that are not this machine.
pub(crate) const FAR: [&str; 2] = ["MUGEN", "MAJIN"];
/// After how many seconds without an answer a host counts as lost.
const LOST_AFTER: u32 = 2;

/// A plan to be run.
#[derive(Default)]
pub(crate) struct Draft {
    /// Tasks, as in `task_dag.json`.
    pub(crate) tasks: Vec<Value>,
    /// Agents, as in `agent_config.json`.
    pub(crate) agents: Vec<Value>,
    /// How fast it is played; none for real.
    pub(crate) rehearse: Option<f64>,
    /// As in `after 10m`.
    pub(crate) failover: Option<&'static str>,
}

/// A task of an agent.
pub(crate) fn task(id: &str, agent: &str, needs: &[&str]) -> Value {
    json!({ "id": id, "title": id, "prompt": "p", "agent": agent, "needs": needs, "estimated_seconds": 20 })
}

/// An agent that runs this in a shell.
pub(crate) fn agent(id: &str, host: &str, script: &str) -> Value {
    json!({ "id": id, "title": "T", "host": host, "runner": "command", "command": ["sh", "-c", script] })
}

/// Waits until a file that some other process writes says so.
pub(crate) async fn until_told(path: &Path, is_so: impl Fn(&str) -> bool) {
    let told = async {
        while !fs::read_to_string(path).is_ok_and(|text| is_so(&text)) {
            sleep(LOOK_AGAIN).await;
        }
    };
    let waited = timeout(PATIENCE, told).await;
    assert!(waited.is_ok(), "{} says {:?}", path.display(), fs::read_to_string(path));
}

/// A run with its backend.
pub(crate) struct Stage {
    base: TempDir,
    opening: RunOpening,
    backend: Option<JoinHandle<Result<(), BackendError>>>,
}

impl Stage {
    /// Begins to run a plan.
    pub(crate) fn begin(draft: &Draft) -> Self {
        let mut stage = Self::prepare(draft);
        stage.start_backend();
        stage
    }

    /// Begins to run a plan while a host is off.
    pub(crate) fn begin_without(host: &str, draft: &Draft) -> Self {
        let mut stage = Self::prepare(draft);
        fs::write(stage.path(host).join("off"), "").expect("written");
        stage.start_backend();
        stage
    }

    fn prepare(draft: &Draft) -> Self {
        build_helper();
        let base = tempfile::Builder::new().prefix("mb").tempdir_in("/tmp").expect("folder");
        for place in ["HERE"].iter().chain(&FAR) {
            for name in ["tmux", "run", "home", "work"] {
                fs::create_dir_all(base.path().join(place).join(name)).expect("folder");
                let private = fs::Permissions::from_mode(0o700);
                fs::set_permissions(base.path().join(place).join(name), private).expect("mode");
            }
        }
        let opening = open(base.path(), draft);
        let stage = Self { base, opening, backend: None };
        stage.write_programs();
        let folder = runs_folder(&stage.path("home")).join(&stage.opening.run_id);
        fs::create_dir_all(&folder).expect("folder");
        let text = serde_json::to_vec(&stage.opening).expect("json");
        fs::write(folder.join(OPENING_FILE), text).expect("written");
        stage
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// The names of the windows of the session here, in their order.
    pub(crate) fn windows_here(&self) -> Vec<String> {
        let listed = Command::new("tmux")
            .env("TMUX_TMPDIR", self.path("HERE/tmux"))
            .args(["list-windows", "-t", "=miyabi-test:", "-F", "#W"])
            .output()
            .expect("tmux");
        String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect()
    }

    /// A file in the work folder of a host, or of `HERE`.
    pub(crate) fn work(&self, host: &str, name: &str) -> PathBuf {
        self.path(host).join("work").join(name)
    }

    /// The state folder of a host, or of `HERE`.
    pub(crate) fn state(&self, host: &str) -> PathBuf {
        self.path(host).join("state")
    }

    fn write_programs(&self) {
        for host in FAR {
            let (own, off, pid) = (self.path(host), self.path(host).join("off"), self.path(host).join("pid"));
            let script = format!(
                "#!/bin/sh\nif [ -e {off} ]; then echo 'no route to {host}' >&2; exit 255; fi\n\
                 echo $$ > {pid}.new; mv {pid}.new {pid}\nexec env {} \"$@\"\n",
                environment(&own),
                off = off.display(),
                pid = pid.display()
            );
            write_program(&own.join("reach"), &script);
        }
        let here = environment(&self.path("HERE"));
        let script = format!("#!/bin/sh\nexec env {here} {} \"$@\"\n", helper().display());
        write_program(&self.path("miyabi-host"), &script);
        // It stands for `miyabi view`, and shows with what it was started.
        let shown = self.path("shown");
        let script = format!("#!/bin/sh\necho \"$@\" >> {}\nexec sleep 1000\n", shown.display());
        write_program(&self.path("miyabi"), &script);
    }

    fn start_backend(&mut self) {
        let options = Options {
            state_home: self.path("home"),
            runtime_dir: self.path("HERE/run"),
            run_id: self.opening.run_id.clone(),
            miyabi_host: self.path("miyabi-host"),
            miyabi: self.path("miyabi"),
            helpers: Helpers { own: helper(), folder: self.path("helpers") },
            owner: "me@here".to_owned(),
        };
        self.backend = Some(tokio::spawn(orchestrate(options)));
    }

    /// The backend ends at once, as by a crash, and another one goes on from its journal.
    pub(crate) async fn restart_backend(&mut self) {
        let backend = self.backend.take().expect("a backend");
        backend.abort();
        assert!(backend.await.is_err_and(|ended| ended.is_cancelled()), "it was at work");
        self.start_backend();
    }

    /// A person who looks at the run.
    pub(crate) async fn person(&self) -> Person {
        let dir = StateDir::open(&self.state("HERE")).expect("state folder");
        Person::at(&backend_socket(&self.path("HERE/run"), &dir.short_name())).await
    }

    /// Cuts the link to a host at once; it is reached again unless it is off.
    pub(crate) fn cut(&self, host: &str) {
        self.signal(host, Signal::KILL);
    }

    /// The link stands, and nothing comes through it any more.
    pub(crate) fn freeze(&self, host: &str) {
        self.signal(host, Signal::STOP);
    }

    /// The process is the one that our own wrapper wrote down before it became the helper.
    fn signal(&self, host: &str, signal: Signal) {
        let text = fs::read_to_string(self.path(host).join("pid")).expect("it was reached");
        let pid = Pid::from_raw(text.trim().parse().expect("a number")).expect("a process");
        kill_process(pid, signal).expect("signalled");
    }

    /// From here on the host is not reached, until it is on again.
    pub(crate) fn switch_off(&self, host: &str) {
        fs::write(self.path(host).join("off"), "").expect("written");
        self.cut(host);
    }

    pub(crate) fn switch_on(&self, host: &str) {
        fs::remove_file(self.path(host).join("off")).expect("it was off");
    }

    /// Ends every agent that can be told, and the backend.
    pub(crate) async fn stop(&mut self) -> Answer {
        let mut person = self.person().await;
        let answer = person.ask(Request::StopAll).await.expect("stopped");
        drop(person);
        let backend = self.backend.take().expect("a backend");
        backend.await.expect("no panic").expect("it served");
        answer
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Agents that no backend could tell are ended with their tmux servers.
        for place in ["HERE"].iter().chain(&FAR) {
            let tmux = self.path(place).join("tmux");
            let ended = Command::new("tmux").env("TMUX_TMPDIR", tmux).arg("kill-server").output();
            drop(ended);
        }
    }
}

fn open(base: &Path, draft: &Draft) -> RunOpening {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let far = FAR.map(|host| {
        json!({
            "id": host, "transport": "command", "command": [text(base.join(host).join("reach"))], "capacity": 4,
            "state_dir": text(base.join(host).join("state")), "work_folder": text(base.join(host).join("work")),
            "min_free_memory_mib": 1, "min_free_disk_mib": 1,
        })
    });
    let here = json!({ "id": "local", "transport": "local", "capacity": 4, "min_free_memory_mib": 1,
        "min_free_disk_mib": 1 });
    let hosts: Vec<Value> = [here].into_iter().chain(far).collect();
    let mut config = json!({ "hosts": hosts, "agents": draft.agents,
        "limits": { "lost_after_seconds": LOST_AFTER, "back_off_seconds": 1 } });
    if let Some(failover) = draft.failover {
        config["failover"] = json!(failover);
    }
    let dag = json!({ "name": "far", "title": "On hosts", "tasks": draft.tasks });
    let named = |file: &str, value: &Value| Some(NamedText::new(file, value.to_string()));
    let read = miyabi_plan::read(&PlanText {
        tasks: named("task_dag.json", &dag),
        agent_config: named("agent_config.json", &config),
        ..PlanText::default()
    });
    let plan = read.plan.unwrap_or_else(|| panic!("a sound plan: {:#?}", read.findings));
    let name = base.file_name().expect("a name").to_string_lossy().into_owned();
    RunOpening {
        run_id: format!("run-{}", name.trim_start_matches('.')),
        created_at: Timestamp::from_millis(1_795_000_000_000),
        plan,
        plan_dir: text(base.join("plan")),
        plan_hash: String::new(),
        work_folder: text(base.join("HERE/work")),
        state_dir: text(base.join("HERE/state")),
        session: "miyabi-test".to_owned(),
        choice: Choice::default(),
        rehearse: draft.rehearse,
        external: false,
        checks_external: false,
        on_hosts: true,
        git: None,
    }
}

/// What a place's processes are started with.
fn environment(place: &Path) -> String {
    let path = std::env::var("PATH").expect("PATH");
    let place = place.display();
    format!(
        "-i PATH={path} HOME={place}/home TMUX_TMPDIR={place}/tmux XDG_RUNTIME_DIR={place}/run \
         XDG_DATA_HOME={place}/home/data TERM=xterm LANG=C.UTF-8"
    )
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode");
}

/// The helper's program, beside the folder of the tests' own.
fn helper() -> PathBuf {
    let tests = std::env::current_exe().expect("this program");
    tests.ancestors().nth(2).expect("the folder of programs").join("miyabi-host")
}

/// Cargo builds the programs of this package alone before its tests; whoever builds the workspace
/// first has this one already.
fn build_helper() {
    if !helper().exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "miyabi-host"])
            .stdin(Stdio::null())
            .status();
        assert!(built.expect("cargo").success(), "miyabi-host is built");
    }
}
