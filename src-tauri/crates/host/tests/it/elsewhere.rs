//! Agents of other sites: their mirrors and windows here. And words that must mean nothing to anybody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use miyabi_protocol::link::{Command, Hello, Report};
use miyabi_protocol::{AgentStatus, MiyabiStamp, StatusFile};
use tokio::time::timeout;

use crate::common::{Helper, Place, agent, attempt, idle};

fn mirrored(name: &str, progress: f64) -> StatusFile {
    let stamp =
        MiyabiStamp { run_id: "r".into(), attempt: 1, host: "mugen".into(), ..MiyabiStamp::default() };
    StatusFile {
        task_id: Some("Task-5".into()),
        status: AgentStatus::InProgress,
        progress,
        miyabi: Some(stamp),
        ..idle(name)
    }
}

fn mode(place: &Place, name: &str) -> u32 {
    fs::metadata(place.dir.status(&agent(name))).expect("the file").permissions().mode() & 0o777
}

async fn until_mirrored(place: &Place, name: &str, progress: f64) {
    let there = timeout(Duration::from_secs(10), async {
        let path = place.dir.status(&agent(name));
        loop {
            let file =
                fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<StatusFile>(&bytes).ok());
            if file.is_some_and(|file| file.progress == progress) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    there.await.expect("the mirror");
}

/// Reads up to a pong, and gives back what was told of an agent.
async fn told_of(helper: &mut Helper, name: &str, token: u32) -> Vec<Report> {
    let of = agent(name);
    let mut told = Vec::new();
    helper.send(&Command::Ping { token });
    helper
        .until("pong", |report| {
            match report {
                Report::Status { agent, .. }
                | Report::BadStatus { agent, .. }
                | Report::StatusGone { agent }
                | Report::RunnerUp { agent, .. }
                | Report::RunnerGone { agent, .. }
                | Report::AgentProblem { agent, .. }
                    if *agent == of =>
                {
                    told.push(report.clone());
                }
                _ => {}
            }
            matches!(report, Report::Pong { token: of, .. } if *of == token).then_some(())
        })
        .await;
    told
}

#[tokio::test]
async fn a_mirror_is_read_only_and_never_told_until_its_agent_comes_here() {
    let place = Place::new();
    let name = agent("CG-7");
    let path = place.dir.status(&name);
    fs::write(&path, "left from before").expect("written");
    let hello = Hello { elsewhere: vec![name.clone()], ..place.hello(&place.run_id(), 1) };
    let mut helper = place.helper_with(hello).await;
    helper.send(&Command::Mirror { agent: name.clone(), status: mirrored("CG-7", 0.25) });
    until_mirrored(&place, "CG-7", 0.25).await;
    assert_eq!(mode(&place, "CG-7"), 0o400);

    // Whatever happens to it: edited, torn, removed. What another agent's file says comes after it.
    for (round, text) in ["{\"agent_id\":\"CG-7\",\"status\":\"COMPLETED\"}", "{torn", ""].iter().enumerate()
    {
        match text.is_empty() {
            false => fs::write(&path, text).expect("edited"),
            true => fs::remove_file(&path).expect("removed"),
        }
        let mark = StatusFile { progress: 0.1 * (round + 1) as f64, ..idle("X-1") };
        // Later than any second look at the first.
        tokio::time::sleep(Duration::from_millis(300)).await;
        fs::write(place.dir.status(&agent("X-1")), serde_json::to_vec(&mark).expect("json")).expect("mark");
        let mut told = Vec::new();
        helper
            .until("the mark", |report| match report {
                Report::Status { agent, status } if agent.as_str() == "X-1" => {
                    (status.progress == mark.progress).then_some(())
                }
                Report::Status { agent, .. }
                | Report::BadStatus { agent, .. }
                | Report::StatusGone { agent } => {
                    told.push(agent.to_string());
                    None
                }
                _ => None,
            })
            .await;
        assert_eq!(told, Vec::<String>::new());
        helper.send(&Command::Mirror { agent: name.clone(), status: mirrored("CG-7", 0.5) });
        until_mirrored(&place, "CG-7", 0.5).await;
    }
    assert!(!place.dir.queue().exists(), "no queue was commanded");

    // It moves here: what the mirror said was done elsewhere, and is no word of the agent here.
    helper.send(&Command::EnsureAgent { agent: name.clone(), window: "CG-7".into(), ours: true });
    let first = helper.until_file("CG-7", "its first word", |_| true).await;
    assert_eq!(first.status, AgentStatus::Idle);
    assert_eq!(mode(&place, "CG-7"), 0o600);
    helper.offer(&place.sheet("CG-7", "Task-5.2", "exit 0"));
    helper.until_status("CG-7", AgentStatus::Completed).await;

    // And away again: its runner here would write over the mirror.
    helper.send(&Command::Mirror { agent: name.clone(), status: mirrored("CG-7", 0.75) });
    until_mirrored(&place, "CG-7", 0.75).await;
    assert_eq!(told_of(&mut helper, "CG-7", 1).await, []);
    assert_eq!(mode(&place, "CG-7"), 0o400);
}

#[tokio::test]
async fn a_window_shows_an_agent_of_another_site_in_its_place_and_makes_room_for_its_runner() {
    let place = Place::new();
    let windows =
        || place.tmux(&["list-windows", "-t", &format!("={}:", place.session()), "-F", "#{window_index} #W"]);
    let mut helper = place.helper().await;
    helper.ensure("CCG-1").await;
    let name = agent("CG-2");
    let show = |times: &str| Command::ShowElsewhere {
        agent: name.clone(),
        window: "CG-2-Core".into(),
        argv: ["sh", "-c", &format!("echo {times} >> {}; exec sleep 1000", place.path("shown").display())]
            .map(str::to_owned)
            .to_vec(),
    };
    let shown = |times: usize| {
        let path = place.path("shown");
        timeout(Duration::from_secs(10), async move {
            while fs::read_to_string(&path).unwrap_or_default().lines().count() < times {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    helper.send(&show("one"));
    shown(1).await.expect("it is shown");
    helper.send(&show("two"));
    helper.ensure("CG-1").await;
    assert_eq!(windows(), "0 Orchestrator\n1 CG-1-Core\n2 CG-2-Core\n3 CCG-1-Core\n4 Monitor\n");
    let pids = place.tmux(&["list-panes", "-a", "-F", "#{@miyabi_agent} #{pane_pid}"]);
    let pid = pids.lines().find_map(|line| line.strip_prefix("CG-2 ")).expect("its pane");
    place.run("kill", &["-9", pid]);
    let dead = timeout(Duration::from_secs(10), async {
        while !place.tmux(&["list-panes", "-a", "-F", "#{@miyabi_agent} #{pane_dead}"]).contains("CG-2 1") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    dead.await.expect("noticed");
    helper.send(&show("three"));
    shown(2).await.expect("shown again");
    assert_eq!(fs::read_to_string(place.path("shown")).expect("read"), "one\nthree\n");
    // The agent moves here: the same window becomes that of its runner.
    helper.ensure("CG-2").await;
    assert_eq!(windows(), "0 Orchestrator\n1 CG-1-Core\n2 CG-2-Core\n3 CCG-1-Core\n4 Monitor\n");
}

/// Words that a shell, tmux, an option parser or a terminal would take for more than words.
const HOSTILE: [&str; 8] = [
    "#(touch TRAP)",
    "#{pane_pid}$(touch TRAP)`touch TRAP`",
    "'; touch TRAP; '",
    "\"; touch TRAP; \"",
    "--help",
    "-t=0; kill-server",
    "two\nlines; touch TRAP;",
    "\u{1b}]0;title\u{7}#[fg=red]%H;",
];

#[tokio::test]
async fn no_words_of_a_plan_mean_anything_to_a_shell_or_to_tmux() {
    let place = Place::new();
    let trap = place.path("trap").to_string_lossy().into_owned();
    let hostile: Vec<String> = HOSTILE.iter().map(|words| words.replace("TRAP", &trap)).collect();
    let name = |number: usize, kind: &str| format!("{kind}-{number}");
    let windows = (0..hostile.len()).map(|number| (agent(&name(number, "CG")), hostile[number].clone()));
    let hello =
        Hello { owner: hostile[1].clone(), windows: windows.collect(), ..place.hello(&place.run_id(), 1) };
    let mut helper = place.helper_with(hello).await;
    // Names are drawn where a status line is.
    helper.send(&Command::OpenTerminal {
        stream: 1,
        agent: None,
        size: miyabi_protocol::link::TerminalSize { columns: 500, rows: 20 },
        credit: 64 << 20,
    });
    for (number, words) in hostile.iter().enumerate() {
        let (ours, theirs, remote) = (name(number, "CG"), name(number, "X"), name(number, "R"));
        helper.send(&Command::EnsureAgent { agent: agent(&theirs), window: words.clone(), ours: false });
        let argv = [
            "sh",
            "-c",
            "printf %s \"$1\" > \"$2\"; exec sleep 1000",
            "sh",
            words,
            &format!("{trap}-{number}"),
        ];
        helper.send(&Command::ShowElsewhere {
            agent: agent(&remote),
            window: words.clone(),
            argv: argv.map(str::to_owned).to_vec(),
        });
        helper.send(&Command::EnsureAgent { agent: agent(&ours), window: words.clone(), ours: true });
        helper.until_up(&ours).await;
        let mut sheet =
            place.sheet(&ours, &format!("Task-{number}.1"), "echo ::progress 0.5; exec sleep 1000");
        (sheet.title, sheet.prompt, sheet.host, sheet.module) =
            (words.clone(), words.clone(), words.clone(), words.clone());
        helper.offer(&sheet);
        helper.until_file(&ours, "half way", |status| status.progress > 0.4).await;
        helper.send(&Command::StopAttempt {
            agent: agent(&ours),
            attempt: attempt(&format!("Task-{number}.1")),
            reason: words.clone(),
        });
        let failed = helper.until_status(&ours, AgentStatus::Failed).await;
        assert_eq!(failed.errors[0], *words);
    }
    for (number, words) in hostile.iter().enumerate() {
        let path = format!("{trap}-{number}");
        let passed = timeout(Duration::from_secs(10), async {
            while fs::read_to_string(&path).unwrap_or_default() != *words {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(passed.await.is_ok(), "{words:?} became {:?}", fs::read_to_string(&path));
    }
    // Every window lives, the log windows too: nothing was taken for an option.
    let dead = place.tmux(&["list-panes", "-a", "-f", "#{pane_dead}", "-F", "#{@miyabi_agent}"]);
    assert_eq!(dead, "");
    let shown = place.tmux(&["list-windows", "-t", &format!("={}:", place.session()), "-F", "#{window_id}"]);
    assert_eq!(shown.lines().count(), 2 + 3 * hostile.len(), "{shown}");
    assert!(!place.path("trap").exists(), "something was carried out");
    for file in
        [place.dir.helper_lock(), place.dir.log(Some(&agent("CG-1"))), place.dir.sheet(&attempt("Task-1.1"))]
    {
        let mode = fs::metadata(&file).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    let state = fs::metadata(place.dir.root()).expect("there").permissions().mode() & 0o777;
    assert_eq!(state, 0o700);
}
