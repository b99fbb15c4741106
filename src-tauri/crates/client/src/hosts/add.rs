//! A new host in a plan's `agent_config.json`. The file is a person's: only what is new is written
//! into its text, everything else stays as it stands.

use std::path::{Path, PathBuf};

use miyabi_api::{ApiError, ErrorCode, NewHost};
use miyabi_plan::{Finding, Severity, TransportKind};
use miyabi_protocol::atomic::{self, Durability};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::inspect::Inspected;
use crate::launch::not_written;
use crate::plan_files::{AGENTS_FILE, PlanFiles};

/// What a plan without hosts runs on.
const THIS_MACHINE: &str = r#"{ "id": "local", "title": "This machine", "transport": "local" }"#;

/// Writes the host into the plan's file; gives the file.
pub(crate) fn add(path: &Path, host: &NewHost) -> Result<PathBuf, ApiError> {
    let before = Inspected::read(path)?;
    let file = before.files.folder.join(AGENTS_FILE);
    let taken =
        before.plan.iter().flat_map(|plan| &plan.hosts).find(|other| other.id.folded() == host.id.folded());
    if let Some(taken) = taken {
        let message = format!("{} names a host {} already", file.display(), taken.id);
        return Err(
            ApiError::new(ErrorCode::BadInput, message).hint("--id ID   gives it another name in the plan")
        );
    }
    let text = match &before.files.agents {
        Some(text) => spliced(text, host).map_err(|why| unreadable(&file, &why))?,
        None => format!(
            "{{\n  \"version\": \"1.0.0\",\n  \"hosts\": [\n    {}\n  ],\n  \"agents\": []\n}}\n",
            entry(host)
        ),
    };
    let files = PlanFiles { agents: Some(text.clone()), ..before.files.clone() };
    let after = Inspected::of(files);
    let worse = new_errors(&before.findings, after.findings);
    if !worse.is_empty() {
        let message =
            format!("{} is left as it is: with this host the plan would have errors", file.display());
        let mut error = ApiError::new(ErrorCode::BadPlan, message);
        error.findings = worse;
        return Err(error);
    }
    atomic::write(&file, text.as_bytes(), Durability::Synced).map_err(|error| not_written(&error))?;
    Ok(file)
}

fn unreadable(file: &Path, why: &str) -> ApiError {
    let message = format!("{} is not understood: {why}", file.display());
    ApiError::new(ErrorCode::BadPlan, message).hint("miyabi validate   tells where it is wrong")
}

fn new_errors(before: &[Finding], after: Vec<Finding>) -> Vec<Finding> {
    let known = |finding: &Finding| before.iter().any(|old| old.message == finding.message);
    after.into_iter().filter(|finding| finding.severity == Severity::Error && !known(finding)).collect()
}

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow)]
    hosts: Option<&'a RawValue>,
    #[serde(borrow)]
    agents: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct HasHost {
    host: Option<Value>,
    id: Option<String>,
}

/// The text with the host, and with a `host` for every agent that had no need of one so far.
fn spliced(text: &str, host: &NewHost) -> Result<String, String> {
    let said = |error: serde_json::Error| error.to_string();
    let config: Config<'_> = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(said)?;
    let listed: Vec<&RawValue> = match config.hosts {
        Some(list) => serde_json::from_str(list.get()).map_err(said)?,
        None => Vec::new(),
    };
    let mut pieces = Vec::new();
    match (config.hosts, listed.as_slice()) {
        (_, [.., last]) => {
            let at = place(text, last.get());
            let gap = gap_before(text, at);
            pieces.push((at + last.get().len(), format!(",{gap}{}", entry(host))));
        }
        (Some(list), []) => {
            let inside = place(text, list.get()) + 1;
            pieces.push((inside, format!("\n    {THIS_MACHINE},\n    {}\n  ", entry(host))));
        }
        (None, []) => {
            let inside = text.find('{').ok_or("it is no object")? + 1;
            let comma = if text[inside..].trim_start().starts_with('}') { "\n" } else { "," };
            let list = format!("[\n    {THIS_MACHINE},\n    {}\n  ]", entry(host));
            pieces.push((inside, format!("\n  \"hosts\": {list}{comma}")));
        }
    }
    // With two hosts, an agent has to say on which one it is.
    let only = match listed.as_slice() {
        [] => Some("local".to_owned()),
        [one] => serde_json::from_str::<HasHost>(one.get()).map_err(said)?.id,
        _ => None,
    };
    for (agent, only) in config.agents.iter().flatten().zip(only.iter().cycle()) {
        let names = serde_json::from_str::<HasHost>(agent.get()).map_err(said)?;
        if names.host.is_none() {
            pieces.push(placed(text, agent.get(), only));
        }
    }
    pieces.sort_by_key(|(at, _)| *at);
    let mut out = text.to_owned();
    for (at, piece) in pieces.into_iter().rev() {
        out.insert_str(at, &piece);
    }
    Ok(out)
}

/// `"host": …` as the last member of an agent's object, set as its other members are.
fn placed(text: &str, agent: &str, host: &str) -> (usize, String) {
    let start = place(text, agent);
    let members = &agent[1..agent.len() - 1];
    let end = start + 1 + members.trim_end().len();
    let first = &members[..members.len() - members.trim_start().len()];
    let gap = if first.contains('\n') { first } else { " " };
    (end, format!(",{gap}\"host\": {}", json!(host)))
}

/// Where a part of the text begins.
fn place(text: &str, part: &str) -> usize {
    part.as_ptr() as usize - text.as_ptr() as usize
}

/// The white space before a place.
fn gap_before(text: &str, at: usize) -> &str {
    let before = &text[..at];
    &before[before.trim_end().len()..]
}

/// The host as one line of JSON, in the order in which a person would write it.
fn entry(host: &NewHost) -> String {
    let mut words = Vec::new();
    let mut put = |key: &str, value: Value| words.push(format!("\"{key}\": {value}"));
    put("id", json!(host.id));
    if !host.title.is_empty() {
        put("title", json!(host.title));
    }
    put("transport", json!(host.transport));
    match host.transport {
        TransportKind::Local => {}
        TransportKind::Ssh => put("address", json!(host.address)),
        TransportKind::Command => put("command", json!(host.command)),
    }
    if let Some(capacity) = host.capacity {
        put("capacity", json!(capacity));
    }
    if !host.labels.is_empty() {
        put("labels", json!(host.labels));
    }
    for (key, path) in [("state_dir", &host.state_dir), ("work_folder", &host.work_folder)] {
        if let Some(path) = path {
            put(key, json!(path));
        }
    }
    format!("{{ {} }}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const DAG: &str =
        r#"{"name":"p","tasks":[{"id":"A","title":"a","prompt":"p","agent":"X-1","estimated_seconds":5}]}"#;

    fn mugen() -> NewHost {
        NewHost {
            id: "MUGEN".parse().expect("an id"),
            title: String::new(),
            transport: TransportKind::Ssh,
            address: "mugen".to_owned(),
            command: Vec::new(),
            capacity: Some(5),
            labels: vec!["cpu".to_owned()],
            state_dir: None,
            work_folder: None,
        }
    }

    /// The file of a plan after the host was added to it.
    fn added(config: &str, host: &NewHost) -> Result<String, ApiError> {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("task_dag.json"), DAG).expect("written");
        let file = folder.path().join(AGENTS_FILE);
        fs::write(&file, config).expect("written");
        let result = add(folder.path(), host);
        let text = fs::read_to_string(&file).expect("read");
        match result {
            Ok(written) => {
                assert_eq!(written, file);
                let (inspected, plan) = crate::launch::sound_plan(folder.path()).expect("a sound plan");
                assert!(plan.hosts.iter().any(|other| other.id == host.id), "{:?}", inspected.findings);
                Ok(text)
            }
            Err(error) => {
                assert_eq!(text, config, "what is refused changes nothing");
                Err(error)
            }
        }
    }

    const LONG: &str = r#"{
  "version": "1.0.0",
  "hosts": [
    { "id": "majin", "transport": "ssh",   "address": "majin" },
    { "id": "here" }
  ],
  "agents": [
    { "id": "X-1", "host": "here", "runner": "claude" }
  ]
}
"#;

    #[test]
    fn a_host_is_one_new_line_and_nothing_else_changes() {
        let text = added(LONG, &mugen()).expect("added");
        let new = "    { \"id\": \"MUGEN\", \"transport\": \"ssh\", \"address\": \"mugen\", \"capacity\": 5, \"labels\": [\"cpu\"] }\n";
        assert_eq!(text, LONG.replace("{ \"id\": \"here\" }\n", &format!("{{ \"id\": \"here\" }},\n{new}")));
    }

    #[test]
    fn agents_that_had_one_host_alone_stay_on_it() {
        let text = added(
            "{\n  \"agents\": [\n    { \"id\": \"X-1\", \"runner\": \"claude\" },\n    {\n      \"id\": \"X-2\",\n      \"runner\": \"codex\"\n    }\n  ]\n}\n",
            &mugen(),
        );
        insta::assert_snapshot!(text.expect("added"));
        let text = added(r#"{"hosts":[{"id":"one"}],"agents":[{"id":"X-1","runner":"claude"}]}"#, &mugen());
        assert!(text.expect("added").contains(r#"{"id":"X-1","runner":"claude", "host": "one"}"#));
    }

    #[test]
    fn what_would_spoil_the_plan_is_refused_with_its_place() {
        let again = NewHost { id: "majin".parse().expect("an id"), ..mugen() };
        let error = added(LONG, &again).expect_err("taken");
        assert!(error.message.contains("majin already") && error.hints[0].contains("--id"), "{error:?}");
        let nowhere = NewHost { address: String::new(), ..mugen() };
        let error = added(LONG, &nowhere).expect_err("no address");
        assert!(error.findings.iter().any(|found| found.place.to_string().contains("hosts[2]")), "{error:?}");
        assert!(added("{ torn", &mugen()).is_err());
    }

    #[test]
    fn a_command_keeps_its_words() {
        let host = NewHost {
            transport: TransportKind::Command,
            command: ["kubectl", "exec", "-i", "worker \"0\"", "--"].map(str::to_owned).into(),
            ..mugen()
        };
        let text = added(LONG, &host).expect("added");
        assert!(text.contains(r#""command": ["kubectl","exec","-i","worker \"0\"","--"]"#), "{text}");
    }
}
