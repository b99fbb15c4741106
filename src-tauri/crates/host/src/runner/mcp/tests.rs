//! A whole conversation with a real process that speaks MCP over stdio.

use std::time::Duration;

use miyabi_plan::Access;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin};

use super::*;
use crate::process;

const LIMIT: Duration = Duration::from_secs(20);

struct Spoken {
    server: Box<dyn Adapter>,
    late: Late,
    child: Child,
    stdin: Option<ChildStdin>,
    events: Vec<AgentEvent>,
}

fn tools() -> McpTools {
    let tool = |name: &str, arguments: &[(&str, &str)]| McpTool {
        name: name.into(),
        arguments: arguments.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect(),
    };
    McpTools {
        start: tool("codex_exec", &[("prompt", "{{prompt}}")]),
        reply: Some(tool("codex_reply", &[("prompt", "{{prompt}}"), ("session", "{{session}}")])),
    }
}

impl Spoken {
    fn begin(mode: &str, tools: &McpTools, resume: Option<&str>) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/runner/mcp/server.py");
        let start = Start {
            argv: ["python3", script, mode].map(str::to_owned).to_vec(),
            environment: [].into(),
            work_folder: None,
            model: None,
            access: Access::Edit,
            budget: None,
            prompt: "do it".into(),
            resume: resume.map(Into::into),
        };
        let (server, late) = client(tools, start);
        let mut child = process::start(&server.launch(), process::Input::Piped).expect("python3 starts");
        let stdin = child.stdin.take();
        Self { server, late, child, stdin, events: Vec::new() }
    }

    /// Carries things out, as a runner does, until an event is there or the process has ended.
    async fn until(&mut self, wanted: impl Fn(&AgentEvent) -> bool) {
        let seen = self.events.len();
        let mut stdout = self.child.stdout.take().expect("piped");
        let mut buffer = [0; 4096];
        while !self.events[seen..].iter().any(&wanted) {
            let mut out = Output::default();
            tokio::select! {
                Some(late) = self.late.recv() => out = late,
                read = stdout.read(&mut buffer) => match read.expect("a pipe") {
                    0 => break,
                    count => self.server.stdout(&buffer[..count], Timestamp::default(), &mut out),
                },
                () = tokio::time::sleep(LIMIT) => panic!("nothing happened: {:#?}", self.events),
            }
            self.carry_out(out).await;
        }
        self.child.stdout = Some(stdout);
    }

    async fn carry_out(&mut self, out: Output) {
        self.events.extend(out.events);
        if let Some(stdin) = &mut self.stdin {
            // A server that has crashed reads nothing.
            let _unread = stdin.write_all(&out.stdin).await;
        }
        if out.close_stdin {
            self.stdin = None;
        }
    }

    async fn turn(&mut self) -> TurnEnd {
        self.until(|event| matches!(event, AgentEvent::TurnEnded(_))).await;
        match self.events.last() {
            Some(AgentEvent::TurnEnded(end)) => end.clone(),
            other => panic!("the turn has not ended: {other:?}"),
        }
    }

    async fn end(mut self) -> Option<Failed> {
        let mut out = Output::default();
        self.server.finish(&mut out);
        self.carry_out(out).await;
        if let Some(mut stderr) = self.child.stderr.take() {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).await.expect("a pipe");
            self.server.stderr(&said, &mut Output::default());
        }
        let (code, signal) = process::code_and_signal(self.child.wait().await.expect("ended"));
        self.server.ended(Exit { code, signal }, &mut Output::default())
    }
}

fn good(summary: &str) -> TurnEnd {
    TurnEnd { failure: None, summary: summary.into() }
}

#[tokio::test]
async fn a_task_and_a_follow_up_are_two_calls_in_one_session() {
    let mut spoken = Spoken::begin("plain", &tools(), None);
    assert_eq!(spoken.turn().await, good("codex_exec: do it"));
    assert!(spoken.events.contains(&AgentEvent::Progress(0.25)));
    let session = AgentEvent::Session { id: "s-1".into(), model: None };
    assert!(spoken.events.contains(&session));
    let mut out = Output::default();
    assert_eq!(spoken.server.say("and now", &mut out), Hearing::Now);
    assert_eq!(spoken.server.say("too early", &mut out), Hearing::AfterTheTurn);
    assert_eq!(spoken.turn().await, good("codex_reply: and now"));
    assert_eq!(spoken.events.iter().filter(|event| **event == session).count(), 1, "told once");
    assert_eq!(spoken.end().await, None);
}

#[tokio::test]
async fn a_question_of_the_server_waits_for_its_answer() {
    let deny = ApprovalAnswer::Deny { reason: "no".into() };
    for (answer, said) in [(ApprovalAnswer::Allow, "accept ticked"), (deny, "decline")] {
        let mut spoken = Spoken::begin("ask", &tools(), None);
        spoken.until(|event| matches!(event, AgentEvent::Asks(_))).await;
        let mut out = Output::default();
        spoken.server.answer("q-1", &answer, &mut out);
        spoken.carry_out(out).await;
        assert_eq!(spoken.turn().await, good(said));
        assert_eq!(spoken.end().await, None);
    }
}

#[tokio::test]
async fn a_session_is_taken_up_or_known_as_lost() {
    let mut spoken = Spoken::begin("plain", &tools(), Some("s-1"));
    assert_eq!(spoken.turn().await, good("codex_reply: do it"));
    assert!(!spoken.server.lost_session());
    let mut spoken = Spoken::begin("plain", &tools(), Some("s-0"));
    assert!(spoken.turn().await.failure.is_some_and(|failed| failed.message == "no such session"));
    assert!(spoken.server.lost_session());
    assert!(spoken.end().await.is_some());
    let mut spoken = Spoken::begin("plain", &McpTools { reply: None, ..tools() }, Some("s-1"));
    assert!(spoken.turn().await.failure.is_some());
    assert!(spoken.server.lost_session());
}

#[tokio::test]
async fn a_server_without_the_tool_is_told_with_what_it_has() {
    let mut spoken = Spoken::begin("strange", &tools(), None);
    let failed = spoken.turn().await.failure.expect("a failure");
    assert_eq!(failed.cause, FailureCause::NotStarted);
    assert!(
        failed.message.contains("`codex_exec`") && failed.message.contains("other"),
        "{}",
        failed.message
    );
}

#[tokio::test]
async fn a_server_that_dies_or_aborts_its_turn_has_failed() {
    let mut spoken = Spoken::begin("crash", &tools(), None);
    spoken.until(|_| false).await;
    let failed = spoken.end().await.expect("a failure");
    assert_eq!(failed.cause, FailureCause::Crashed);
    assert!(
        failed.message.contains("exit code 3") && failed.message.contains("out of cheese"),
        "{}",
        failed.message
    );
    let mut spoken = Spoken::begin("abort", &tools(), None);
    assert!(spoken.turn().await.failure.is_some_and(|failed| failed.message.contains("interrupted")));
    assert_eq!(spoken.server.say("more", &mut Output::default()), Hearing::AfterTheTurn);
}

#[tokio::test]
async fn a_list_of_tools_without_an_end_is_left_at_some_point() {
    let mut spoken = Spoken::begin("pages", &tools(), None);
    assert_eq!(spoken.turn().await, good("codex_exec: do it"));
    assert_eq!(spoken.end().await, None);
}
