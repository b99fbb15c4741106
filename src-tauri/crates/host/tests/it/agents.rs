//! Agent programs with a model behind them, played by `agent.py`: conversations over one process
//! and several, approvals, sessions, and the ways in which they fail.

use std::collections::BTreeMap;
use std::fs;

use miyabi_plan::{Access, FailureCause, McpTool, McpTools, PriceTable, Usd};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::result::ResultFile;
use miyabi_protocol::{
    AgentProtocol, AgentSpec, AgentStatus, ApprovalAnswer, ApprovalRequest, AttemptSheet, Failure,
    MiyabiStamp, Resume, RunnerSpec, StatusFile, Usage, atomic,
};

use crate::common::{Helper, Place, agent, attempt, kill, lives};

/// A session that the program does not know.
const UNKNOWN: &str = "0f5f0d52-90e1-4a8f-8d6c-3f2e3c1b7a10";

/// A sheet whose prompt is what `agent.py` is to do, a line each.
fn sheet(place: &Place, name: &str, attempt: &str, prompt: &str) -> AttemptSheet {
    let program = place.script("agent.py", include_str!("agent.py"));
    let home = place.path("home").to_string_lossy().into_owned();
    AttemptSheet {
        prompt: prompt.into(),
        runner: RunnerSpec::Agent(Box::new(AgentSpec {
            protocol: AgentProtocol::ClaudeStream,
            argv: vec!["python3".into(), program],
            environment: BTreeMap::from([("HOME".to_owned(), home)]),
            model: None,
            access: Access::Edit,
            budget: None,
            prices: PriceTable::default(),
            silent_seconds: 60,
            resume: None,
        })),
        ..place.sheet(name, attempt, "")
    }
}

fn spec(sheet: &mut AttemptSheet) -> &mut AgentSpec {
    match &mut sheet.runner {
        RunnerSpec::Agent(spec) => spec,
        _ => panic!("the sheet of an agent program"),
    }
}

fn stamp(status: &StatusFile) -> &MiyabiStamp {
    status.miyabi.as_ref().expect("our object")
}

fn cause(status: &StatusFile) -> Option<FailureCause> {
    stamp(status).failure.map(|Failure { cause, .. }| cause)
}

/// A pipe that the program waits at until the test opens it.
fn gate(place: &Place, name: &str) -> String {
    let path = place.path(name).to_string_lossy().into_owned();
    place.run("mkfifo", &[&path]);
    path
}

fn open(gate: &str) {
    fs::write(gate, "").expect("the program goes on");
}

fn raw(place: &Place, name: &str, file: &str) -> Vec<u8> {
    fs::read(place.dir.logs().join("raw").join(format!("agent_{name}")).join(file)).expect("raw log")
}

async fn until_asks(
    helper: &mut Helper,
    what: &str,
    wanted: impl Fn(&[ApprovalRequest], u32) -> bool,
) -> Vec<ApprovalRequest> {
    helper
        .until(what, |report| match report {
            Report::Asks { asks, heard, .. } if wanted(asks, *heard) => Some(asks.clone()),
            _ => None,
        })
        .await
}

fn say(number: u32, text: &str) -> Command {
    Command::Say { agent: agent("CCG-1"), attempt: attempt("Task-2.1"), number, text: text.into() }
}

fn usage(input_tokens: u64, output_tokens: u64, cost: f64) -> Usage {
    Usage { input_tokens, output_tokens, cached_tokens: 0, cost: Some(Usd::from_dollars(cost)) }
}

#[tokio::test]
async fn a_turn_is_told_while_it_runs_and_kept_when_it_has_ended() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let gate = gate(&place, "gate");
    let prompt = format!("run pytest -q\nwait {gate}\nuse 120 30 0.5\nwrite made.txt hi\ntext all done");
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", &prompt);
    sheet.outputs = vec!["*.txt".into()];
    helper.offer(&sheet);
    let at_work = helper
        .until_file("CCG-1", "an activity", |status| {
            status.miyabi.as_ref().is_some_and(|stamp| stamp.activity.is_some())
        })
        .await;
    assert_eq!(at_work.status, AgentStatus::InProgress);
    let session = stamp(&at_work).session.clone().expect("a session before the end");
    assert_eq!(stamp(&at_work).model.as_deref(), Some("stand-in-1"));
    assert!(stamp(&at_work).activity.as_ref().is_some_and(|line| line.contains("pytest -q")));
    open(&gate);

    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert_eq!(done.output_files, ["made.txt"]);
    assert_eq!(stamp(&done).session.as_ref(), Some(&session));
    assert_eq!(stamp(&done).usage, Some(usage(120, 30, 0.5)));
    assert_eq!((stamp(&done).activity.as_deref(), cause(&done)), (Some("all done"), None));
    let result: ResultFile =
        atomic::read_json(&place.dir.results().join("Task-2_result.json")).expect("result");
    assert_eq!((result.status.as_str(), result.summary.as_str()), ("COMPLETED", "all done"));
    let printed = fs::read(place.path("home/printed")).expect("printed");
    assert_eq!(raw(&place, "CCG-1", "Task-2.1.jsonl"), printed);
    let log = place.log("CCG-1");
    assert!(log.contains("pytest -q") && log.contains("all done"), "{log}");
    assert!(!log.contains("\"type\""), "the transcript is for people: {log}");
}

#[tokio::test]
async fn a_session_that_is_taken_up_again_counts_what_came_on_top() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", "use 100 10 0.5\nkill 9"));
    let killed = helper.until_status("CCG-1", AgentStatus::Failed).await;
    assert_eq!(cause(&killed), Some(FailureCause::Killed));
    let session = stamp(&killed).session.clone().expect("its session is known");

    let mut again = sheet(&place, "CCG-1", "Task-2.2", "text fresh");
    let known = place.path("home/sessions").join(&session);
    fs::write(&known, "[100, 10, 0.5]").expect("what the session had used");
    spec(&mut again).resume = Some(Resume {
        session: session.clone(),
        prompt: "use 7 3 0.25\ntext resumed".into(),
        used: usage(100, 10, 0.5),
    });
    helper.offer(&again);
    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert_eq!(stamp(&done).session, Some(session));
    assert_eq!(stamp(&done).usage, Some(usage(7, 3, 0.25)));
    let log = place.log("CCG-1");
    assert!(log.contains("resumed") && !log.contains("fresh"), "{log}");
}

#[tokio::test]
async fn what_a_resumed_session_used_is_known_also_when_it_is_killed_before_its_first_result() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let session = "11111111-2222-4333-8444-555555555555";
    fs::create_dir_all(place.path("home/sessions")).expect("folder");
    fs::write(place.path("home/sessions").join(session), "[100, 10, 0.5]").expect("what it had used");
    let mut again = sheet(&place, "CCG-1", "Task-2.2", "text fresh");
    spec(&mut again).resume = Some(Resume {
        session: session.to_owned(),
        prompt: "spend 40 4\nkill 9".into(),
        used: usage(100, 10, 0.5),
    });
    helper.offer(&again);
    let killed = helper.until_status("CCG-1", AgentStatus::Failed).await;
    assert_eq!(cause(&killed), Some(FailureCause::Killed));
    assert_eq!(stamp(&killed).usage, Some(usage(40, 4, 0.0)));
}

#[tokio::test]
async fn a_session_that_is_lost_is_replaced_by_a_fresh_one() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", "use 5 1 0.125\ntext from the beginning");
    spec(&mut sheet).resume =
        Some(Resume { session: UNKNOWN.into(), prompt: "text go on".into(), used: usage(100, 10, 0.5) });
    helper.offer(&sheet);
    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert!(stamp(&done).session.as_ref().is_some_and(|session| session != UNKNOWN));
    assert_eq!(stamp(&done).usage, Some(usage(5, 1, 0.125)), "a fresh session counts from nothing");
    let log = place.log("CCG-1");
    assert!(log.contains("cannot be taken up again") && log.contains("from the beginning"), "{log}");
}

#[tokio::test]
async fn a_request_waits_for_its_answer_whatever_becomes_of_the_helper() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", "ask make one\nask make two\ntext end");
    spec(&mut sheet).silent_seconds = 1;
    helper.offer(&sheet);
    let asked = until_asks(&mut helper, "a request", |asks, _| !asks.is_empty()).await;
    assert_eq!((asked.len(), asked[0].tool.as_str(), asked[0].what.as_str()), (1, "Bash", "make one"));
    helper.crash(&place).await;

    let mut helper = place.helper_for(&place.run_id(), 2).await;
    helper.until("listed", |report| matches!(report, Report::Listed).then_some(())).await;
    let again = until_asks(&mut helper, "the request again", |asks, _| !asks.is_empty()).await;
    assert_eq!(again, asked);
    // Progress by time shows that more time has passed than it may be silent.
    helper.until_file("CCG-1", "two seconds", |status| status.progress > 0.4).await;
    let answer = |request: &ApprovalRequest, answer| Command::Answer {
        agent: agent("CCG-1"),
        attempt: attempt("Task-2.1"),
        request: request.id.clone(),
        answer,
    };
    helper.send(&answer(&again[0], ApprovalAnswer::Allow));
    let second = |asks: &[ApprovalRequest], _| asks.iter().any(|ask| ask.what == "make two");
    let next = until_asks(&mut helper, "the second request", second).await;
    assert_eq!(next.len(), 1, "the first does not wait any more");
    helper.send(&answer(&next[0], ApprovalAnswer::Deny { reason: "not on a Sunday".into() }));
    until_asks(&mut helper, "no request", |asks, _| asks.is_empty()).await;
    let end = helper.until_file("CCG-1", "an end", |status| status.status == AgentStatus::Failed).await;
    assert_eq!(end.errors[0], "it was not allowed to use Bash", "what it says then is no proof");
    let raw = String::from_utf8(raw(&place, "CCG-1", "Task-2.1.jsonl")).expect("text");
    assert!(
        raw.contains("\"allowed\"") && raw.contains("denied: ") && raw.contains("not on a Sunday"),
        "{raw}"
    );
}

#[tokio::test]
async fn a_request_that_was_withdrawn_while_no_helper_was_there_does_not_wait_for_the_next_one() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let [withdraw, after, end] = ["withdraw", "after", "end"].map(|name| gate(&place, name));
    let prompt = format!("withdraw {withdraw}\nwait {after}\nwait {end}");
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", &prompt));
    until_asks(&mut helper, "a request", |asks, _| !asks.is_empty()).await;
    helper.crash(&place).await;
    open(&withdraw);
    // The pipe has a reader when the program is beyond its withdrawal.
    open(&after);
    let mut helper = place.helper_for(&place.run_id(), 2).await;
    helper.until("listed", |report| matches!(report, Report::Listed).then_some(())).await;
    until_asks(&mut helper, "no request any more", |asks, _| asks.is_empty()).await;
    open(&end);
    helper.until_status("CCG-1", AgentStatus::Completed).await;
}

#[tokio::test]
async fn a_request_that_nobody_could_answer_is_denied_at_once() {
    let place = Place::new();
    let mut helper = place.helper().await;
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", "ask-as 501\ntext end"));
    let ended = |status: &StatusFile| matches!(status.status, AgentStatus::Completed | AgentStatus::Failed);
    helper.until_file("CCG-1", "an end", ended).await;
    let raw = String::from_utf8(raw(&place, "CCG-1", "Task-2.1.jsonl")).expect("text");
    assert!(raw.contains("denied: the id of this request is too long"), "{raw}");
}

/// What a process holds: open files, threads, memory in kB.
fn holdings(pid: u32) -> (usize, usize, u32) {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).expect("it lives").count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    (count("fd"), count("task"), memory.and_then(|memory| memory.trim().parse().ok()).expect("a number"))
}

#[tokio::test]
async fn attempts_leave_nothing_open_in_their_runner() {
    const SCRIPT: &str = r#"
echo '{"type":"system","subtype":"init","session_id":"s","model":"m"}'
echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'
cat > /dev/null"#;
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = helper.ensure("CCG-1").await;
    let mut first = None;
    for number in 1..=30 {
        let mut sheet = sheet(&place, "CCG-1", &format!("Task-2.{number}"), "go");
        spec(&mut sheet).argv = ["sh", "-c", SCRIPT].map(str::to_owned).to_vec();
        helper.offer(&sheet);
        let ended =
            |status: &StatusFile| status.status == AgentStatus::Completed && stamp(status).attempt == number;
        helper.until_file("CCG-1", "an end", ended).await;
        let (files, threads, _) = holdings(runner);
        if number == 10 {
            first = Some((files, threads));
        }
    }
    let (files, threads, memory) = holdings(runner);
    let first = first.expect("ten attempts");
    // A file may just be written; one or more for each attempt would be a leak.
    let most = (first.0 + 10, first.1 + 10);
    assert!(files < most.0 && threads < most.1, "{files} files, {threads} threads after {first:?}");
    assert!(memory < 100_000, "{memory} kB");
}

#[tokio::test]
async fn a_program_that_prints_without_end_is_ended_and_fills_no_memory() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = helper.ensure("CCG-1").await;
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", "flood"));
    let session = |status: &StatusFile| status.miyabi.as_ref().is_some_and(|stamp| stamp.session.is_some());
    helper.until_file("CCG-1", "a session", session).await;
    let (agent, attempt) = (agent("CCG-1"), attempt("Task-2.1"));
    helper.send(&Command::StopAttempt { agent, attempt, reason: "enough".into() });
    helper.until_status("CCG-1", AgentStatus::Failed).await;
    let status = fs::read_to_string(format!("/proc/{runner}/status")).expect("the runner lives");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let peak: u32 = peak.and_then(|peak| peak.trim().parse().ok()).expect("its memory at most, in kB");
    assert!(peak < 100_000, "{peak} kB");
}

#[tokio::test]
async fn what_is_said_reaches_a_working_agent_once() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let gate = gate(&place, "gate");
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", &format!("run first\nhear\nwait {gate}\ntext end")));
    helper
        .until_file("CCG-1", "work", |status| {
            status.miyabi.as_ref().is_some_and(|stamp| stamp.activity.is_some())
        })
        .await;
    helper.send(&say(3, "use tabs"));
    helper.send(&say(3, "use tabs"));
    helper.send(&say(2, "older"));
    until_asks(&mut helper, "heard", |_, heard| heard == 3).await;
    open(&gate);
    helper.until_status("CCG-1", AgentStatus::Completed).await;
    let told = String::from_utf8(raw(&place, "CCG-1", "Task-2.1.stdin")).expect("text");
    assert_eq!(told.matches("use tabs").count(), 1, "{told}");
    assert!(!told.contains("older"), "{told}");
    let log = place.log("CCG-1");
    assert!(log.contains("heard use tabs"), "{log}");
}

#[tokio::test]
async fn what_cannot_be_said_in_a_turn_is_said_after_it_in_the_same_session() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let gate = gate(&place, "gate");
    let prompt = format!("text one\nuse 10 1 0\nwait {gate}\ntext two");
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", &prompt);
    spec(&mut sheet).protocol = AgentProtocol::CodexExec;
    helper.offer(&sheet);
    let begun = helper
        .until_file("CCG-1", "a session", |status| {
            status.miyabi.as_ref().is_some_and(|stamp| stamp.session.is_some())
        })
        .await;
    helper.send(&say(1, "use 25 4 0"));
    helper.send(&say(2, "text three"));
    helper.until_log("CCG-1", "waits until its turn has ended", 2).await;
    open(&gate);
    until_asks(&mut helper, "heard", |_, heard| heard == 2).await;
    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert_eq!(stamp(&done).session, stamp(&begun).session);
    assert_eq!(stamp(&done).usage.map(|usage| usage.input_tokens), Some(25), "the session's last figure");
    let result: ResultFile =
        atomic::read_json(&place.dir.results().join("Task-2_result.json")).expect("result");
    assert_eq!(result.summary, "three");
}

#[tokio::test]
async fn a_silent_agent_is_ended_with_all_that_it_started() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let (gate, pid) = (gate(&place, "gate"), place.path("pid"));
    let prompt = format!("hide {}\nwait {gate}", pid.display());
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", &prompt);
    spec(&mut sheet).silent_seconds = 1;
    helper.offer(&sheet);
    let failed = helper.until_status("CCG-1", AgentStatus::Failed).await;
    assert_eq!(cause(&failed), Some(FailureCause::Silent));
    assert!(failed.errors[0].contains("1 s"), "{:?}", failed.errors);
    assert!(stamp(&failed).session.is_some(), "with it, it can go on");
    assert!(!lives(&fs::read_to_string(pid).expect("pid")));
}

#[tokio::test]
async fn a_process_without_a_mark_ends_with_its_killed_runner() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let runner = helper.ensure("CCG-1").await;
    let (gate, pid) = (gate(&place, "gate"), place.path("pid"));
    let prompt = format!("hide {}\nrun next\nwait {gate}", pid.display());
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", &prompt));
    helper
        .until_file("CCG-1", "work", |status| {
            status.miyabi.as_ref().is_some_and(|stamp| stamp.activity.is_some())
        })
        .await;
    let hidden = fs::read_to_string(pid).expect("pid");
    assert!(is_hidden(&hidden));
    kill(&place, "-9", runner);
    helper.until_gone("CCG-1").await;
    assert!(!lives(&hidden));
}

/// Whether a process lives without any environment.
fn is_hidden(pid: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| environment.is_empty())
}

#[tokio::test]
async fn failures_are_told_apart() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let mut missing = sheet(&place, "CCG-1", "Task-2.1", "");
    spec(&mut missing).argv = vec!["no-such-agent-program".into()];
    helper.offer(&missing);
    let failed = helper.until_status("CCG-1", AgentStatus::Failed).await;
    assert_eq!(cause(&failed), Some(FailureCause::NotInstalled));
    assert!(failed.errors[0].contains("no-such-agent-program") && failed.errors[0].contains("doctor"));

    let mut nowhere = sheet(&place, "CG-1", "Task-3.1", "");
    nowhere.work_folder = Some("/proc/no/folder".into());
    helper.offer(&nowhere);
    let failed = helper.until_status("CG-1", AgentStatus::Failed).await;
    assert_eq!(cause(&failed), Some(FailureCause::NotStarted));

    helper.offer(&sheet(&place, "CG-2", "Task-4.1", "warn the\\x1b[31m reason\nend 0"));
    let failed = helper.until_status("CG-2", AgentStatus::Failed).await;
    assert_eq!(cause(&failed), Some(FailureCause::Crashed), "an exit with 0 and no result proves nothing");
    assert!(failed.errors.iter().any(|error| error.contains("reason")), "{:?}", failed.errors);
    assert!(failed.errors.iter().all(|error| !error.contains('\u{1b}')), "{:?}", failed.errors);
}

#[tokio::test]
async fn a_closed_window_is_told_as_a_cause() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let gate = gate(&place, "gate");
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", &format!("run first\nwait {gate}")));
    helper
        .until_file("CCG-1", "a session", |status| {
            status.miyabi.as_ref().is_some_and(|stamp| stamp.session.is_some())
        })
        .await;
    let session = format!("={}:", place.session());
    let windows = place.tmux(&["list-windows", "-t", &session, "-F", "#{@miyabi_agent} #{window_id}"]);
    let id = windows.lines().find_map(|line| line.strip_prefix("CCG-1 ")).expect("the window").to_owned();
    place.tmux(&["kill-window", "-t", &id]);
    let failed = helper.until_status("CCG-1", AgentStatus::Failed).await;
    assert_eq!(cause(&failed), Some(FailureCause::AgentGone));
    assert!(stamp(&failed).session.is_some());
}

#[tokio::test]
async fn long_and_hostile_words_are_kept_raw_and_harmless_in_the_window() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let prompt = "text a\\x1b]0;title\\x07\\x1b[2Jb\nprint \\x1b[2Jno json\\x1b]52;c;eA==\\x07\nlong 10000000\ntext end";
    helper.offer(&sheet(&place, "CCG-1", "Task-2.1", prompt));
    helper.until_status("CCG-1", AgentStatus::Completed).await;
    let printed = fs::read(place.path("home/printed")).expect("printed");
    assert!(printed.len() > 10_000_000);
    assert!(raw(&place, "CCG-1", "Task-2.1.jsonl") == printed, "every byte is kept");
    let log = place.log("CCG-1");
    for hostile in ["\u{1b}]0", "\u{1b}[2J", "\u{1b}]52", "\u{7}"] {
        assert!(!log.contains(hostile), "{hostile:?} reached the window");
    }
    assert!(log.len() < 200_000 && log.contains("end"), "{} bytes", log.len());
}

#[tokio::test]
async fn an_mcp_server_is_a_conversation_like_the_others() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let tool = |name: &str, arguments: &[(&str, &str)]| McpTool {
        name: name.into(),
        arguments: arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    };
    let tools = McpTools {
        start: tool("begin", &[("prompt", "{{prompt}}")]),
        reply: Some(tool("go_on", &[("prompt", "{{prompt}}"), ("session", "{{session}}")])),
    };
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", "ask make\ntext first");
    spec(&mut sheet).protocol = AgentProtocol::Mcp { tools };
    spec(&mut sheet).argv.push("mcp".into());
    helper.offer(&sheet);
    let asked = until_asks(&mut helper, "a question", |asks, _| !asks.is_empty()).await;
    helper.send(&say(1, "text second"));
    helper.send(&Command::Answer {
        agent: agent("CCG-1"),
        attempt: attempt("Task-2.1"),
        request: asked[0].id.clone(),
        answer: ApprovalAnswer::Allow,
    });
    until_asks(&mut helper, "heard", |_, heard| heard == 1).await;
    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert_eq!(stamp(&done).session.as_deref(), Some("thread-1"));
    let result: ResultFile =
        atomic::read_json(&place.dir.results().join("Task-2_result.json")).expect("result");
    assert_eq!(result.summary, "second");
    assert_eq!(
        raw(&place, "CCG-1", "Task-2.1.jsonl"),
        fs::read(place.path("home/printed")).expect("printed")
    );
}

#[tokio::test]
async fn a_program_with_a_screen_of_its_own_is_typed_to_and_heard_through_its_hooks() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let gate = gate(&place, "gate");
    let prompt = format!("run pytest\nwrite made.txt hi\nwait {gate}\ntext first");
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", &prompt);
    spec(&mut sheet).protocol = AgentProtocol::ClaudeTerminal;
    helper.offer(&sheet);
    let at_work = helper
        .until_file("CCG-1", "an activity", |status| {
            status.miyabi.as_ref().is_some_and(|stamp| stamp.activity.is_some())
        })
        .await;
    assert!(stamp(&at_work).session.is_some());
    let pane = format!("={}:", place.session());
    let windows = place.tmux(&["list-windows", "-t", &pane, "-F", "#{@miyabi_agent} #{window_id}"]);
    let id = windows.lines().find_map(|line| line.strip_prefix("CCG-1 ")).expect("the window").to_owned();
    assert!(
        place.tmux(&["capture-pane", "-p", "-t", &id]).contains("stand-in"),
        "the window is the program's"
    );
    helper.send(&say(1, "text second"));
    // Words that come when the turn has ended are too late.
    helper.until_log("CCG-1", "waits until its turn has ended", 1).await;
    open(&gate);
    until_asks(&mut helper, "heard", |_, heard| heard == 1).await;
    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert_eq!(done.output_files, ["made.txt"]);
    let result: ResultFile =
        atomic::read_json(&place.dir.results().join("Task-2_result.json")).expect("result");
    assert_eq!(result.summary, "second");
    let hooks = String::from_utf8(raw(&place, "CCG-1", "Task-2.1.jsonl")).expect("text");
    assert_eq!(hooks.matches("UserPromptSubmit").count(), 2, "each text is sent once: {hooks}");
}

#[tokio::test]
async fn a_screen_is_heard_also_after_the_state_folder_was_wiped() {
    let place = Place::new();
    let mut helper = place.helper().await;
    let gate = gate(&place, "gate");
    let mut sheet = sheet(&place, "CCG-1", "Task-2.1", &format!("run pytest\nwait {gate}\ntext end"));
    spec(&mut sheet).protocol = AgentProtocol::ClaudeTerminal;
    helper.offer(&sheet);
    let at_work = |status: &StatusFile| status.miyabi.as_ref().is_some_and(|stamp| stamp.activity.is_some());
    let before = helper.until_file("CCG-1", "an activity", at_work).await;
    // Whoever writes in the midst of it makes a folder that is not empty.
    let wiped = (0..100).any(|_| fs::remove_dir_all(place.dir.logs()).is_ok());
    assert!(wiped, "the logs cannot be removed");
    // Each second of progress is a look at its files.
    let later = |status: &StatusFile| status.progress > before.progress + 0.4;
    helper.until_file("CCG-1", "some seconds", later).await;
    open(&gate);
    let done = helper.until_status("CCG-1", AgentStatus::Completed).await;
    assert_eq!(stamp(&done).activity.as_deref(), Some("end"));
}
