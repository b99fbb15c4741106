//! Another host, reached by a command: tried out, added, worked on, looked at, lost and found again. A
//! second home on this machine stands in for the host; everything else is real.
#![expect(clippy::disallowed_methods, reason = "these tests are about starting programs")]

#[path = "place/helper.rs"]
mod helper;
mod place;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use place::{Outcome, Place};

/// How long anything may take to come about on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The way to the host: a home, a runtime folder and a tmux server of its own, and no way at all while
/// the file `cut` is there. It says which process it becomes.
const WAY: &str = r#"#!/bin/sh
base=$(dirname "$0")
test -e "$base/cut" && exit 1
echo $$ > "$base/pid"
unset TMUX TMUX_PANE
HOME="$base/home" XDG_RUNTIME_DIR="$base/run" TMUX_TMPDIR="$base/tmux" exec "$@"
"#;

/// A place with a host beside it, whose tmux servers go with it.
struct Stage {
    place: Place,
}

impl Stage {
    fn new(seconds: u32) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        helper::is_built();
        let place = Place::new();
        let way = place.write("far/way", WAY);
        fs::set_permissions(&way, fs::Permissions::from_mode(0o755)).expect("mode");
        for folder in ["home", "run", "tmux"] {
            let folder = place.path(&format!("far/{folder}"));
            fs::create_dir(&folder).expect("folder");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("mode");
        }
        let tasks = format!(
            r#"{{"id":"A","title":"A","prompt":"p","agent":"X-1","estimated_seconds":1}},
               {{"id":"B","title":"B","prompt":"p","agent":"X-2","needs":["A"],"estimated_seconds":{seconds}}}"#
        );
        place
            .write("plan/task_dag.json", &format!(r#"{{"name":"p","title":"Two hosts","tasks":[{tasks}]}}"#));
        let stage = Self { place };
        stage.crew("");
        stage
    }

    fn crew(&self, hosts: &str) {
        let far = if hosts.is_empty() { "" } else { r#", "host": "POD""# };
        let near = if hosts.is_empty() { "" } else { r#", "host": "local""# };
        self.place.write(
            "plan/agent_config.json",
            &format!(
                r#"{{{hosts} "agents": [
    {{ "id": "X-1", "runner": "command", "command": ["true"]{near} }},
    {{ "id": "X-2", "runner": "command", "command": ["true"]{far} }}
  ]}}"#
            ),
        );
    }

    /// A plan that names the host, as `host add` writes it.
    fn on_the_host(&self) {
        let (way, there) = (self.place.path("far/way"), self.place.path("far/s"));
        self.crew(&format!(
            r#""limits": {{ "lost_after_seconds": 2 }},
  "hosts": [{{ "id": "local" }},
    {{ "id": "POD", "transport": "command", "command": ["{}"], "state_dir": "{}", "capacity": 2 }}],"#,
            way.display(),
            there.display()
        ));
    }

    fn run(&self, line: &str) -> Outcome {
        let way = self.place.path("far/way").display().to_string();
        let args: Vec<&str> = line.split(' ').map(|word| if word == "WAY" { &way } else { word }).collect();
        self.place.run(&args)
    }

    fn tmux(&self, folder: &str, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.env_remove("TMUX").env("TMUX_TMPDIR", self.place.path(folder)).args(args);
        String::from_utf8(command.stderr(Stdio::null()).output().expect("tmux").stdout).expect("text")
    }

    /// What the window of an agent shows here.
    fn window(&self, name: &str) -> String {
        let listed = self.tmux("tmux", &["list-windows", "-a", "-F", "#{window_name} #{window_id}"]);
        let id = listed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        id.map(|id| self.tmux("tmux", &["capture-pane", "-p", "-t", id])).unwrap_or_default()
    }

    fn press(&self, name: &str, key: &str) {
        let listed = self.tmux("tmux", &["list-windows", "-a", "-F", "#{window_name} #{window_id}"]);
        let id = listed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        self.tmux("tmux", &["send-keys", "-t", id.expect("the window"), key]);
    }

    /// Cuts the way and kills the helper behind it, as a power cut would.
    fn cut(&self) {
        self.place.write("far/cut", "");
        let pid = fs::read_to_string(self.place.path("far/pid")).expect("the helper's process");
        let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
        assert!(killed.expect("kill").success());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.path("far/cut"));
        self.run("stop --all --state-dir s");
        for folder in ["tmux", "far/tmux"] {
            self.tmux(folder, &["kill-server"]);
        }
    }
}

/// Looks again and again until a text says what it should.
fn until(what: &str, mut look: impl FnMut() -> String, wanted: &[&str]) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if wanted.iter().all(|words| seen.contains(words)) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: {wanted:?} are not all in\n{seen}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_host_is_tried_out_and_then_written_into_the_plan() {
    let stage = Stage::new(1);
    let first = stage.run("host test pod -- WAY");
    assert_eq!(first.code, Some(0), "{first:?}");
    for words in
        ["✓ reach", "put there just now", "✓ tmux", "✓ state folder", "✓ memory", "✓ clock", "! claude"]
    {
        assert!(first.out.contains(words), "`{words}` is missing:\n{}", first.out);
    }
    assert!(!stage.place.path("far/s").exists(), "a test makes no state folder");
    let added =
        stage.run("host add pod --plan plan --id POD --capacity 2 --label far --state-dir /tmp/x -- WAY");
    assert_eq!(added.code, Some(0), "{added:?}");
    assert!(added.out.contains("was there"), "the helper is not put there twice: {}", added.out);
    let plan = stage.run("host list plan --json").json();
    assert_eq!(
        (&plan["hosts"][1]["id"], &plan["hosts"][1]["capacity"]),
        (&"POD".into(), &2.into()),
        "{plan}"
    );
    stage.run("host add pod --plan plan -- WAY").refused(2, &["a host POD already", "--id"]);
    // The plan was not agreed to, so its command is not started by a mere look.
    let doctor = stage.run("doctor plan");
    assert!(doctor.out.contains("POD: reach") && doctor.out.contains("not asked"), "{doctor:?}");

    stage.place.write("far/cut", "");
    let gone = stage.run("host test POD --plan plan");
    assert_eq!(gone.code, Some(3), "{gone:?}");
    assert!(gone.out.contains("✗ reach") && gone.out.contains("by hand:"), "{gone:?}");
    let before = fs::read(stage.place.path("plan/agent_config.json")).expect("read");
    stage.run("host add other --plan plan -- WAY").refused(3, &["is not added", "--untested"]);
    assert_eq!(fs::read(stage.place.path("plan/agent_config.json")).expect("read"), before);
}

#[test]
fn agents_on_a_host_are_seen_from_here_through_a_cut_and_back() {
    let stage = Stage::new(25);
    stage.on_the_host();
    stage
        .run("run plan --rehearse=1 --on-hosts --state-dir s -d")
        .refused(2, &["POD is reached by", "--trust"]);
    let begun = stage.run("run plan --rehearse=1 --on-hosts --state-dir s -d --trust");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let status = |wanted: &[&str]| until("status", || stage.run("status --state-dir s").out, wanted);
    let window = |wanted: &[&str]| until("the window", || stage.window("X-2"), wanted);
    status(&["▶ B"]);

    // The window here shows the log, and Enter the window there.
    window(&["[rehearsal] B.1 B: started", "X-2 on POD", "in contact"]);
    stage.press("X-2", "Enter");
    window(&["waiting for work", "Orchestrator", "X-2*"]);
    stage.press("X-2", "C-\\");
    window(&["X-2 on POD", "in contact"]);

    stage.cut();
    status(&["? B", "unverified", "POD: link lost"]);
    window(&["B is unverified", "link lost", "next try in"]);
    let why = stage.run("why B --state-dir s").out;
    assert!(why.contains("contact with its host was lost") && why.contains("give-up POD"), "{why}");
    assert!(stage.run("inbox --state-dir s").out.contains("miyabi host give-up POD"));
    let cost = stage.run("host give-up POD --state-dir s");
    cost.refused(2, &["? B:", "begins anew elsewhere", "--yes"]);

    fs::remove_file(stage.place.path("far/cut")).expect("mended");
    let back = stage.run("host try POD --state-dir s");
    assert_eq!((back.code, back.out.trim()), (Some(0), "POD is reached"), "{back:?}");
    window(&["in contact"]);
    let done = status(&["completed", "2/2 done"]);
    assert!(!done.contains("link lost"), "{done}");
    assert!(
        stage.run("why B --state-dir s").out.contains("attempt 1 by X-2: succeeded"),
        "nothing ran twice"
    );
}

#[test]
fn a_terminal_on_another_host_is_left_as_it_was() {
    let stage = Stage::new(600);
    stage.on_the_host();
    let begun = stage.run("run plan --rehearse=1 --on-hosts --state-dir s -d --trust");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    until("status", || stage.run("status --state-dir s").out, &["▶ B"]);
    stage.run("attach X-2 --state-dir s").refused(2, &["needs a terminal", "miyabi logs -f X-2"]);

    let base = stage.place.path("");
    let [program, state, run] = [
        env!("CARGO_BIN_EXE_miyabi").to_owned(),
        stage.place.path("state/miyabi").display().to_string(),
        stage.place.path("run/miyabi").display().to_string(),
    ];
    let person = |args: &[&str]| stage.tmux("tmux", &[&["-L", "person"], args].concat());
    let base = base.display().to_string();
    person(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "-s", "p", "-c", &base, "sh"]);
    let type_in = |line: &str| {
        person(&["send-keys", "-t", "p", "-l", line]);
        person(&["send-keys", "-t", "p", "Enter"]);
    };
    let screen = |wanted: &[&str]| until("the screen", || person(&["capture-pane", "-p", "-t", "p"]), wanted);
    let attach = format!("{program} attach X-2 --state-dir s --state-home {state} --runtime-dir {run}");

    type_in("stty sane; PS1='> '; clear");
    type_in(&attach);
    screen(&["waiting for work", "X-2*"]);
    let there = |wanted: &str| {
        let list = ["list-clients", "-F", "#{client_width}x#{client_height}"];
        until("clients there", || stage.tmux("far/tmux", &list), &[wanted]);
    };
    there("100x30");
    person(&["resize-window", "-t", "p", "-x", "90", "-y", "20"]);
    there("90x20");
    person(&["send-keys", "-t", "p", "C-\\"]);
    screen(&["left: X-2 goes on"]);
    until("clients there", || format!("[{}]", stage.tmux("far/tmux", &["list-clients"])), &["[]"]);
    let is_whole = || {
        type_in("clear; stty -a | grep -o -e '-icanon' -e '-echo ' ; echo who''le");
        let after = screen(&["whole"]);
        let spoilt = |line: &str| ["-icanon", "-echo"].contains(&line.trim());
        assert!(!after.lines().any(spoilt), "{after}");
    };
    is_whole();

    // Whoever ends it from outside gets the terminal back, too.
    type_in(&format!("clear; sh -c 'echo $$ > person; exec {attach}'"));
    screen(&["X-2*"]);
    let pid = fs::read_to_string(stage.place.path("person")).expect("its process");
    assert!(Command::new("kill").args(["-TERM", pid.trim()]).status().expect("kill").success());
    screen(&["left: X-2 goes on"]);
    is_whole();

    // A dead link ends the terminal, not the agent.
    type_in(&format!("clear; {attach}"));
    screen(&["X-2*"]);
    stage.cut();
    screen(&["X-2 on POD:"]);
    is_whole();
    person(&["kill-server"]);
}

#[test]
fn a_window_without_a_backend_says_so_and_waits_for_it() {
    let stage = Stage::new(600);
    stage.on_the_host();
    let begun = stage.run("run plan --rehearse=1 --on-hosts --state-dir s -d --trust");
    assert_eq!(begun.code, Some(0), "{begun:?}");
    let window = |wanted: &[&str]| until("the window", || stage.window("X-2"), wanted);
    let first = window(&["B.1 B: started", "in contact"]);
    // Asked of this stage's own tmux server, so that nothing else on the machine can be meant.
    let listed = stage.tmux("tmux", &["list-panes", "-a", "-F", "#{window_name} #{pane_pid}"]);
    let backend = listed.lines().find_map(|line| line.strip_prefix("Orchestrator ")).expect("its window");
    assert!(Command::new("kill").args(["-KILL", backend]).status().expect("kill").success());
    let waiting = window(&["no backend is at work"]);
    assert!(waiting.contains("B.1 B: started"), "what was shown stays: {waiting}");
    assert_eq!(stage.run("run --resume --state-dir s -d").code, Some(0));
    let again = window(&["in contact"]);
    let begins = |text: &str| text.matches("B.1 B: started").count();
    assert_eq!((begins(&first), begins(&again)), (1, 1), "no byte of the log comes twice: {again}");
}
