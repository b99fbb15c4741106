//! The first words to each kind of program, and what its answer tells.

use std::future::Future;

use miyabi_agents::acp;
use miyabi_protocol::{AgentProgram, LoggedIn, ProbeRequest};
use rmcp::ServiceExt as _;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::spoken::{MAX_READ, Spoken};
use super::{Found, LIMIT, Problem};
use crate::runner::mcp;

/// The longest line that is shown, in characters.
const MAX_LINE: usize = 200;

/// Looks at one program.
pub(super) async fn shake(request: &ProbeRequest) -> Found {
    match request.agent_program {
        AgentProgram::Claude => claude(request).await,
        AgentProgram::Codex => codex(request).await,
        AgentProgram::Acp => speak(request, &[], acp_answer).await,
        AgentProgram::Mcp => speak(request, &[], mcp_answer).await,
    }
}

/// At most so much of the first line that says something, without control characters.
pub(super) fn line(text: &str) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    first.chars().filter(|letter| !letter.is_control()).take(MAX_LINE).collect()
}

async fn claude(request: &ProbeRequest) -> Found {
    // A look should change nothing, and wait for nothing that it does not need.
    let mut request = request.clone();
    for name in ["DISABLE_AUTOUPDATER", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] {
        request.environment.entry(name.to_owned()).or_insert_with(|| "1".to_owned());
    }
    let request = &request;
    let words = ["-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose"];
    let (version, login, mut found) = tokio::join!(
        printed(request, &["--version"]),
        printed(request, &["auth", "status"]),
        speak(request, &words, claude_answer),
    );
    found.version = version.and_then(|(said, _)| number(&said));
    let status = login.and_then(|(said, _)| serde_json::from_str::<Value>(&said).ok());
    found.logged_in = match status.as_ref().and_then(|status| status.get("loggedIn")) {
        Some(Value::Bool(true)) => LoggedIn::Yes,
        Some(Value::Bool(false)) => LoggedIn::No,
        _ => LoggedIn::Unknown,
    };
    found
}

async fn claude_answer(spoken: &mut Spoken) -> Option<Found> {
    let request = json!({ "subtype": "initialize" });
    spoken.say(&json!({ "type": "control_request", "request_id": "probe", "request": request })).await;
    let answer = spoken.hear(|message| text(message, "/type") == Some("control_response")).await?;
    let count =
        |name| answer.pointer(&format!("/response/response/{name}")).and_then(Value::as_array).map(Vec::len);
    let told = match (text(&answer, "/response/subtype"), count("models")) {
        (Some("success"), Some(models)) => format!("initialize answered; {models} models"),
        (Some("success"), None) => "initialize answered".to_owned(),
        _ => return None,
    };
    Some(Found { handshake: Some(told), ..Found::default() })
}

async fn codex(request: &ProbeRequest) -> Found {
    let (version, mut found) =
        tokio::join!(printed(request, &["--version"]), speak(request, &["app-server"], codex_answer));
    found.version = version.and_then(|(said, _)| number(&said));
    if found.logged_in == LoggedIn::Unknown && found.problem != Some(Problem::NotInstalled) {
        // Older versions have no word for it in `app-server`.
        found.logged_in = match printed(request, &["login", "status"]).await {
            Some((_, Some(0))) => LoggedIn::Yes,
            Some((_, Some(1))) => LoggedIn::No,
            _ => LoggedIn::Unknown,
        };
    }
    found
}

async fn codex_answer(spoken: &mut Spoken) -> Option<Found> {
    let client =
        json!({ "name": "miyabi", "title": "Miyabi Orchestra", "version": env!("CARGO_PKG_VERSION") });
    spoken.say(&json!({ "id": 1, "method": "initialize", "params": { "clientInfo": client } })).await;
    let answer = spoken.hear(|message| message.get("id") == Some(&json!(1))).await?;
    let agent = text(&answer, "/result/userAgent")?;
    let told = format!("app-server answered as {agent}");
    spoken.say(&json!({ "method": "initialized" })).await;
    spoken.say(&json!({ "id": 2, "method": "account/read", "params": {} })).await;
    let account = spoken.hear(|message| message.get("id") == Some(&json!(2))).await.unwrap_or_default();
    let has_account = account.pointer("/result/account").is_some_and(Value::is_object);
    let logged_in = match account.pointer("/result/requiresOpenaiAuth") {
        _ if has_account => LoggedIn::Yes,
        // The provider is another one, whose key no login gives.
        Some(Value::Bool(false)) => LoggedIn::Yes,
        Some(Value::Bool(true)) => LoggedIn::No,
        _ => LoggedIn::Unknown,
    };
    Some(Found { handshake: Some(line(&told)), logged_in, ..Found::default() })
}

async fn acp_answer(spoken: &mut Spoken) -> Option<Found> {
    spoken
        .say(&json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": acp::initialize() }))
        .await;
    let answer = spoken.hear(|message| message.get("id") == Some(&json!(1))).await?;
    let version = answer.pointer("/result/protocolVersion").and_then(Value::as_u64)?;
    let name = text(&answer, "/result/agentInfo/name").unwrap_or("the agent");
    Some(Found {
        version: text(&answer, "/result/agentInfo/version").map(line),
        handshake: Some(line(&format!("{name} answered; ACP version {version}"))),
        ..Found::default()
    })
}

async fn mcp_answer(spoken: &mut Spoken) -> Option<Found> {
    let (stdout, stdin) = (spoken.stdout.take()?.take(MAX_READ), spoken.stdin.take()?);
    let client = mcp::config().serve((stdout, stdin)).await.ok()?;
    let tools = client.peer().list_all_tools().await.ok()?;
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).take(16).collect();
    let server =
        client.peer().peer_info().and_then(|info| serde_json::to_value(info).ok()).unwrap_or_default();
    let name = text(&server, "/serverInfo/name").unwrap_or("the server");
    Some(Found {
        version: text(&server, "/serverInfo/version").map(line),
        handshake: Some(line(&format!("{name} answered; tools: {}", names.join(", ")))),
        ..Found::default()
    })
}

/// Starts the program, speaks to it for a while, and ends it with all that it started.
async fn speak<'a>(
    request: &'a ProbeRequest,
    more: &'a [&'a str],
    answer: impl AsyncFnOnce(&mut Spoken) -> Option<Found>,
) -> Found {
    let mut spoken = match Spoken::start(request, more) {
        Ok(spoken) => spoken,
        Err(problem) => return Found { problem: Some(problem), ..Found::default() },
    };
    let heard = within(answer(&mut spoken)).await;
    let complaints = spoken.end().await;
    let why = match heard {
        Ok(Some(found)) => return found,
        Ok(None) => "it did not answer the handshake".to_owned(),
        Err(()) => format!("it did not answer the handshake in {} s", LIMIT.as_secs()),
    };
    let last = complaints.lines().rev().map(line).find(|line| !line.is_empty());
    let why = last.map_or_else(|| why.clone(), |last| format!("{why}: {last}"));
    Found { problem: Some(Problem::Mute(why)), ..Found::default() }
}

/// What the program prints with these arguments, and its exit code; none when it takes too long.
async fn printed(request: &ProbeRequest, more: &[&str]) -> Option<(String, Option<i32>)> {
    let mut spoken = Spoken::start(request, more).ok()?;
    let printed = within(spoken.rest()).await.ok();
    let _complaints = spoken.end().await;
    printed
}

async fn within<T>(work: impl Future<Output = T>) -> Result<T, ()> {
    timeout(LIMIT, work).await.map_err(|_| ())
}

/// The version in `codex-cli 0.169.0` or `2.1.330 (Claude Code)`.
fn number(said: &str) -> Option<String> {
    let line = line(said);
    let mut words = line.split_whitespace();
    words.find(|word| word.starts_with(|letter: char| letter.is_ascii_digit())).map(ToOwned::to_owned)
}

fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_lines_are_read_from_what_programs_print() {
        assert_eq!(number("codex-cli 0.169.0\n").as_deref(), Some("0.169.0"));
        assert_eq!(number("\n2.1.330 (Claude Code)\n").as_deref(), Some("2.1.330"));
        assert_eq!(number("unknown"), None);
        assert_eq!(line("\n  a\u{1b}[31mb \nc"), "a[31mb");
        assert_eq!(line(&"ü".repeat(1000)).chars().count(), MAX_LINE);
    }
}
