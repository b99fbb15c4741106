//! `miyabi-host probe`: whether the agent programs of this host are there, logged in and answer, and
//! whether the host itself can serve. Nothing is asked of any model.

mod facts;
mod handshake;
mod spoken;

use std::io;
use std::time::Duration;

use miyabi_protocol::probe::MAX_PROBE_BYTES;
use miyabi_protocol::{AgentProgram, LoggedIn, ProbeAnswer, ProbeAsked, ProbeRequest};
use serde::Serialize;
use serde::de::IgnoredAny;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

/// How long one program may take to answer.
const LIMIT: Duration = Duration::from_secs(10);
/// How many programs are looked at in one go.
const MAX_REQUESTS: usize = 64;

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The pipe broke.
    #[error("cannot speak to the one who asked")]
    Io(#[from] io::Error),
    /// It is no list of programs, and no question about the host.
    #[error("stdin is not a list of programs")]
    Request(#[from] serde_json::Error),
    /// It is too long.
    #[error("stdin holds more than {MAX_PROBE_BYTES} bytes or {MAX_REQUESTS} programs")]
    TooMuch,
}

/// Reads what is asked, looks at all programs at once, and writes a line for each.
///
/// # Errors
///
/// When the request cannot be read or the answer not be written. A program that is missing or broken is an answer.
pub async fn run(input: impl AsyncRead, mut output: impl AsyncWrite + Unpin) -> Result<(), ProbeError> {
    let (state_dir, requests) = match asked(input).await? {
        ProbeAsked::Programs(requests) => (None, requests),
        ProbeAsked::Host(host) => (Some(host.state_dir), host.programs),
    };
    if requests.len() > MAX_REQUESTS {
        return Err(ProbeError::TooMuch);
    }
    let looks: Vec<_> = requests.into_iter().map(|request| tokio::spawn(look(request))).collect();
    if let Some(state_dir) = state_dir {
        let found = tokio::task::spawn_blocking(move || facts::look(state_dir.as_ref())).await;
        tell(&mut output, &found.map_err(io::Error::other)?).await?;
    }
    for look in looks {
        tell(&mut output, &look.await.map_err(io::Error::other)?).await?;
    }
    Ok(())
}

/// What is asked: to the end of the line that makes it whole, as the end of a stream does not come
/// through every link.
async fn asked(input: impl AsyncRead) -> Result<ProbeAsked, ProbeError> {
    let bound = u64::try_from(MAX_PROBE_BYTES).unwrap_or(u64::MAX);
    let input = std::pin::pin!(input);
    let mut lines = BufReader::new(input.take(bound + 1));
    let mut text = Vec::new();
    loop {
        let is_over = lines.read_until(b'\n', &mut text).await? == 0;
        if text.len() > MAX_PROBE_BYTES {
            return Err(ProbeError::TooMuch);
        }
        if is_over || (text.ends_with(b"\n") && is_whole(&text)) {
            return Ok(serde_json::from_slice(&text)?);
        }
    }
}

fn is_whole(text: &[u8]) -> bool {
    !matches!(serde_json::from_slice::<IgnoredAny>(text), Err(error) if error.is_eof())
}

/// Writes a line at once: the one who asked compares clocks by when the first one comes.
async fn tell(mut output: impl AsyncWrite + Unpin, found: &impl Serialize) -> Result<(), ProbeError> {
    let mut line = serde_json::to_vec(found)?;
    line.push(b'\n');
    output.write_all(&line).await?;
    output.flush().await?;
    Ok(())
}

async fn look(request: ProbeRequest) -> ProbeAnswer {
    let found = handshake::shake(&request).await;
    let mut answer = ProbeAnswer {
        name: handshake::line(&request.argv.join(" ")),
        installed: found.problem != Some(Problem::NotInstalled),
        version: found.version,
        logged_in: found.logged_in,
        handshake: found.handshake,
        problem: None,
        remedy: None,
    };
    let problem = found.problem.or((answer.logged_in == LoggedIn::No).then_some(Problem::NotLoggedIn));
    if let Some(problem) = problem {
        answer.problem = Some(problem.told(&request));
        answer.remedy = Some(problem.remedy(&request));
    }
    answer
}

/// What was seen of a program.
#[derive(Debug, Default)]
struct Found {
    version: Option<String>,
    logged_in: LoggedIn,
    handshake: Option<String>,
    problem: Option<Problem>,
}

/// What can be wrong with a program.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    NotInstalled,
    NotLoggedIn,
    /// It does not start, answer or speak as it should.
    Mute(String),
}

impl Problem {
    fn told(&self, request: &ProbeRequest) -> String {
        let program = request.argv.first().map_or("", String::as_str);
        match self {
            Self::NotInstalled => handshake::line(&format!("`{program}` is not installed on this host")),
            Self::NotLoggedIn => handshake::line(&format!("`{program}` is not logged in on this host")),
            Self::Mute(why) => why.clone(),
        }
    }

    fn remedy(&self, request: &ProbeRequest) -> String {
        let remedy = match (self, request.agent_program) {
            (Self::NotInstalled, AgentProgram::Claude) => {
                "Install it on this host: npm install -g @anthropic-ai/claude-code"
            }
            (Self::NotInstalled, AgentProgram::Codex) => {
                "Install it on this host: npm install -g @openai/codex"
            }
            (Self::NotInstalled, AgentProgram::Acp | AgentProgram::Mcp) => {
                "Install it on this host, or write its full path into the agent's `command`."
            }
            (Self::NotLoggedIn, AgentProgram::Claude) => {
                "Start `claude` on this host and type /login, or set ANTHROPIC_API_KEY in the agent's environment."
            }
            (Self::NotLoggedIn, AgentProgram::Codex) => "Run `codex login` on this host.",
            (Self::NotLoggedIn, AgentProgram::Acp | AgentProgram::Mcp) => "Log the program in on this host.",
            (Self::Mute(_), AgentProgram::Mcp) => {
                "Run the command on this host by hand: it must speak MCP on stdin and stdout. Codex has `mcp-server` up to \
                 version 0.153; the mode `app-server` is its successor."
            }
            (Self::Mute(_), AgentProgram::Acp) => {
                "Run the command on this host by hand: it must speak the Agent Client Protocol on stdin and stdout."
            }
            (Self::Mute(_), AgentProgram::Claude | AgentProgram::Codex) => {
                "Run it on this host by hand, look whether the host reaches its provider, and install its newest version."
            }
        };
        remedy.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An ACP agent of a few lines, which leaves a child behind that hears no signal but a kill.
    const AGENT: &str = "
import json, subprocess, sys
child = subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP; sleep 1000'], start_new_session=True, stdout=subprocess.DEVNULL)
open(sys.argv[1], 'w').write(str(child.pid))
asked = json.loads(sys.stdin.readline())
info = {'name': 'a\\x1b[31mgent', 'version': '1.2'}
print('hello', flush=True)
print(json.dumps({'id': asked['id'], 'result': {'protocolVersion': 1, 'agentInfo': info}}), flush=True)
sys.stdin.read()
";

    #[tokio::test]
    async fn what_is_asked_ends_with_its_line_or_with_the_stream() {
        let (mut asking, asked) = tokio::io::duplex(1024);
        let (mut answers, written) = tokio::io::duplex(64 * 1024);
        let probing = tokio::spawn(run(asked, written));
        let question = json!({"state_dir": "/nowhere/s", "programs": []});
        asking.write_all(format!("{question:#}\n").as_bytes()).await.expect("written");
        probing.await.expect("joined").expect("the stream is still open, and it was answered");
        let mut line = String::new();
        answers.read_to_string(&mut line).await.expect("read");
        let facts: miyabi_protocol::HostFacts = serde_json::from_str(&line).expect("facts");
        assert_eq!(facts.version, env!("CARGO_PKG_VERSION"));
        drop(asking);

        let mut written = Vec::new();
        run(&b"[]"[..], &mut written).await.expect("an empty list");
        assert!(written.is_empty());
        assert!(run(&b"[1]\n"[..], &mut written).await.is_err());
        assert!(run(&b"[\n"[..], &mut written).await.is_err(), "a torn question is none");
    }

    async fn answers(requests: &Value) -> Vec<ProbeAnswer> {
        let mut written = Vec::new();
        run(requests.to_string().as_bytes(), &mut written).await.expect("a list");
        let lines = std::str::from_utf8(&written).expect("text").lines();
        lines.map(|line| serde_json::from_str(line).expect("an answer")).collect()
    }

    #[tokio::test]
    async fn programs_that_answer_are_shown_with_version_and_greeting_and_nothing_of_them_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid_file = folder.path().join("pid");
        let server = concat!(env!("CARGO_MANIFEST_DIR"), "/src/runner/mcp/server.py");
        let found = answers(&json!([
            { "agent_program": "acp", "argv": ["python3", "-c", AGENT, pid_file] },
            { "agent_program": "mcp", "argv": ["python3", server] },
        ]))
        .await;
        assert_eq!(found[0].handshake.as_deref(), Some("a[31mgent answered; ACP version 1"));
        assert_eq!((found[0].version.as_deref(), found[0].problem.as_deref()), (Some("1.2"), None));
        assert_eq!(
            found[1].handshake.as_deref(),
            Some("test-server answered; tools: codex_exec, codex_reply")
        );
        assert_eq!((found[1].version.as_deref(), found[1].logged_in), (Some("7"), LoggedIn::Unknown));
        let child = std::fs::read_to_string(pid_file).expect("it started a child");
        let state = ["ps", "-o", "stat=", "-p", child.as_str()].map(str::to_owned);
        let state = crate::process::ask(&state, LIMIT).expect("ps runs").stdout;
        assert!(state.trim().is_empty() || state.starts_with('Z'), "its child lives on: {state}");
    }

    #[tokio::test]
    async fn a_program_that_is_missing_or_broken_is_told_with_a_remedy() {
        let found = answers(&json!([
            { "agent_program": "codex", "argv": ["no-such-program-here"] },
            { "agent_program": "acp", "argv": ["python3", "-c", "import sys; sys.exit('out of cheese')"] },
            { "agent_program": "mcp", "argv": [] },
        ]))
        .await;
        assert!(!found[0].installed && found[1].installed);
        assert_eq!(found[0].problem.as_deref(), Some("`no-such-program-here` is not installed on this host"));
        assert!(
            found[0].remedy.as_deref().is_some_and(|remedy| remedy.contains("npm install -g @openai/codex"))
        );
        assert_eq!(found[1].problem.as_deref(), Some("it did not answer the handshake: out of cheese"));
        assert!(found[2].problem.is_some());
    }

    #[tokio::test]
    async fn what_is_no_list_of_programs_is_refused() {
        let refused = |asked: String| async move { run(asked.as_bytes(), Vec::new()).await.err() };
        assert!(matches!(refused("{}".into()).await, Some(ProbeError::Request(_))));
        assert!(matches!(refused(" ".repeat(MAX_PROBE_BYTES + 1)).await, Some(ProbeError::TooMuch)));
    }
}
