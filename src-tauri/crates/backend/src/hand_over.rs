//! What moves with a task to another agent: its branch, and what its next agent is told, for the person to
//! edit.

use std::fmt::Write as _;
use std::time::Duration;

use miyabi_api::{Answer, ApiError, ErrorCode, HandOver};
use miyabi_engine::{Attempt, RunState, TaskState};
use miyabi_plan::git::attempt_branch;
use miyabi_plan::{AgentId, AttemptId, FailureCause, Kind, Site, TaskId};
use miyabi_protocol::TreeLook;
use miyabi_protocol::link::{Command, before_the_end};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::hello::site_of;
use crate::runtime::{Backend, Input};
use crate::streams::{ClientId, ToReader};

/// How many lines of the log are told.
const LINES: usize = 40;
/// How many bytes of it are looked at.
const BYTES: u32 = 16 * 1024;
/// How long a log is waited for: of a host that does not answer none is told.
const WITHIN: Duration = Duration::from_millis(1500);
/// What stands above the log; what was told before is told again without its log.
const LOG_TITLE: &str = "The last lines of the log of the agent before you:";
/// How much of what was told before is told again, in characters.
const TOLD: usize = 4_000;
/// After how long a silence what came of a log is taken for all of it.
const SILENCE: Duration = Duration::from_millis(150);
/// No client has this number.
const OURS: ClientId = ClientId::MAX;

impl Backend {
    pub(crate) fn hand_over(&mut self, client: ClientId, id: u32, task: &TaskId, to: &AgentId) {
        let packet = match packet(self.engine.state(), task, to) {
            Ok(packet) => packet,
            Err(error) => return self.clients.answer(client, id, Err(error)),
        };
        let last = self.engine.state().task(task).and_then(|task| task.attempts.last());
        let Some(from) = last.map(|attempt| attempt.agent.clone()) else {
            return self.clients.answer(client, id, Ok(Answer::HandOver(Box::new(packet))));
        };
        let site = site_of(self.engine.state(), &from);
        let files = self.look_into_tree(&site, task);
        let (to, lines) = mpsc::unbounded_channel();
        // The number of the request is unique for its client alone: both are in it.
        let stream = id.wrapping_mul(1009).wrapping_add(client);
        let about = (site.clone(), Some(from));
        let follow = self.streams.follow((OURS, stream), about, (before_the_end(BYTES), BYTES), to);
        let Command::FollowLog { stream, .. } = follow else { return };
        self.sites.send_if_listed(&site, follow);
        let (inputs, streams, line) = (self.inputs.clone(), self.streams.clone(), self.sites.line(&site));
        tokio::spawn(async move {
            let (log, files) = tokio::join!(tail(lines), tokio::time::timeout(WITHIN, files));
            let _ours = streams.ended(&site, stream);
            if let Some(line) = line {
                let close = Command::CloseStream { stream };
                drop(line.send(crate::site::ToSite::Command(Box::new(close))));
            }
            let mut packet = with_log(packet, &log);
            if let Ok(Ok(files)) = files {
                packet.files = files;
            }
            let answer = Answer::HandOver(Box::new(packet));
            // The loop may have ended.
            drop(inputs.send(Input::Found(client, id, Ok(answer))));
        });
    }
}

impl Backend {
    /// Asks what a task's last attempt has touched; never answered where that is known or nothing can be asked.
    fn look_into_tree(&mut self, site: &Site, task: &TaskId) -> oneshot::Receiver<Vec<String>> {
        let (answer, files) = oneshot::channel();
        let last = self.engine.state().task(task).and_then(|task| task.attempts.last());
        let evidence = last.and_then(|attempt| attempt.evidence.as_ref()?.work.as_ref());
        let tree = last.and_then(|attempt| Some((attempt.number, attempt.tree()?)));
        if let (None, Some((number, tree))) = (evidence, tree) {
            let attempt = AttemptId { task: task.clone(), number };
            let (folder, base) = (tree.folder.clone(), tree.base.clone());
            self.looks.asked(attempt.clone(), answer);
            let trees = vec![TreeLook { attempt, folder, base, is_asked: true }];
            self.sites.send_if_listed(site, Command::LookAtTrees { trees });
        }
        files
    }
}

/// Who waits for what an attempt has touched.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    waiting: Vec<(AttemptId, oneshot::Sender<Vec<String>>)>,
}

impl Looks {
    fn asked(&mut self, attempt: AttemptId, answer: oneshot::Sender<Vec<String>>) {
        self.waiting.retain(|(_, answer)| !answer.is_closed());
        self.waiting.push((attempt, answer));
    }

    pub(crate) fn answered(&mut self, attempt: &AttemptId, files: &[String]) {
        for (_, answer) in self.waiting.extract_if(.., |(waiting, _)| waiting == attempt) {
            // They may have waited long enough.
            let _late = answer.send(files.to_vec());
        }
    }
}

/// What comes of a log before it is silent for a while.
async fn tail(mut lines: mpsc::UnboundedReceiver<ToReader>) -> Vec<u8> {
    let mut all = Vec::new();
    let end = Instant::now() + WITHIN;
    let mut until = end;
    while let Ok(Some(ToReader::Bytes(chunk))) = tokio::time::timeout_at(until, lines.recv()).await {
        all.extend_from_slice(&chunk.bytes);
        if all.len() >= BYTES as usize {
            break;
        }
        until = end.min(Instant::now() + SILENCE);
    }
    all
}

fn with_log(mut packet: HandOver, log: &[u8]) -> HandOver {
    let text = String::from_utf8_lossy(log);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    if !last.is_empty() {
        // Writing to a text cannot fail.
        let _ = write!(packet.text, "\n{LOG_TITLE}\n\n");
        for line in last {
            let plain: String = line.chars().filter(|c| !c.is_control()).take(400).collect();
            let _ = writeln!(packet.text, "    {plain}");
        }
    }
    packet
}

fn packet(state: &RunState, id: &TaskId, to: &AgentId) -> Result<HandOver, ApiError> {
    let refused = |message: String| ApiError::new(ErrorCode::BadInput, message);
    let task = state.task(id).ok_or_else(|| refused(format!("there is no task {id} in this run")))?;
    if state.agent(to).is_none() {
        return Err(refused(format!("there is no agent {to} in this run")));
    }
    let planned_kind = kind_left(state, id, to);
    let last = task.attempts.last();
    let on_git = last.filter(|attempt| attempt.tree().is_some());
    Ok(HandOver {
        task: id.clone(),
        branch: on_git.map(|attempt| attempt_branch(&state.opening.run_id, id, attempt.number)),
        host: last.map(|attempt| attempt.host.clone()),
        planned_kind,
        files: last.map(|attempt| files(state, id, attempt)).unwrap_or_default(),
        text: text(task, to),
    })
}

/// The kind that a task is planned for, where this agent is of another one and does not stand in for it.
fn kind_left(state: &RunState, task: &TaskId, to: &AgentId) -> Option<Kind> {
    let (task, agent) = (state.task_index(task)?, state.agent_index(to)?);
    let planned = state.opening.plan.tasks[task].kind();
    (state.agents[agent].kind != planned && !state.may_cross(task, agent)).then_some(planned)
}

/// What is known of the files that an attempt touched.
fn files(state: &RunState, id: &TaskId, attempt: &Attempt) -> Vec<String> {
    let evidence = attempt.evidence.as_ref();
    let work = evidence.and_then(|found| found.work.as_ref());
    let mut files: Vec<String> = match (work, evidence) {
        (Some(work), _) => work.files.iter().map(|file| file.path.clone()).collect(),
        (None, Some(found)) => found.changed.clone(),
        (None, None) => Vec::new(),
    };
    let is_it = |one: &miyabi_plan::AttemptId| &one.task == id && one.number == attempt.number;
    for (_, shared) in state.overlaps().filter(|(pair, _)| pair.iter().any(is_it)) {
        files.extend(shared.iter().cloned());
    }
    files.sort_unstable();
    files.dedup();
    files
}

fn text(task: &TaskState, to: &AgentId) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let Some(last) = task.attempts.last() else {
        let _ = writeln!(
            text,
            "This task was meant for {}; nothing was begun. It is yours now, {to}.",
            task.agent
        );
        return text + &told_before(task);
    };
    let _ = writeln!(
        text,
        "This task moves from {} on {} to you, {to}. What was done so far is in your work tree; go on from there.",
        last.agent, last.host
    );
    for attempt in &task.attempts {
        let cause = attempt.cause.map(FailureCause::words);
        if let Some(cause) = cause {
            let error = attempt.error.as_deref().unwrap_or_default();
            let _ = writeln!(text, "\nTry {} by {} ended: {cause}. {error}", attempt.number, attempt.agent);
        }
        if let Some(miyabi_engine::Claim::Completed { summary: Some(summary), .. }) = &attempt.claim {
            let _ = writeln!(text, "\nWhat {} said at its end:\n\n{summary}", attempt.agent);
        }
        for said in &attempt.said {
            let _ = writeln!(text, "\nA person said to {}: {}", attempt.agent, said.text);
        }
        for comment in &attempt.comments {
            let place = match (&comment.file, comment.line) {
                (Some(file), Some(line)) => format!("{file}, line {line}: "),
                (Some(file), None) => format!("{file}: "),
                (None, _) => String::new(),
            };
            let _ = writeln!(text, "\nA person said of the work: {place}{}", comment.text);
        }
    }
    text + &told_before(task)
}

/// What was said when the task moved the last time.
fn told_before(task: &TaskState) -> String {
    let Some(packet) = &task.packet else { return String::new() };
    let told = packet.split(LOG_TITLE).next().unwrap_or_default().trim();
    let told: String = told.chars().take(TOLD).collect();
    let lines: String = told.lines().map(|line| format!("    {line}\n")).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\nWhat {} was told when it got the task:\n\n{lines}", task.agent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_a_log_are_told_without_control_characters() {
        let packet = HandOver {
            task: "A".parse().expect("an id"),
            branch: None,
            host: None,
            planned_kind: None,
            files: Vec::new(),
            text: "Begin\n".to_owned(),
        };
        let log: String = (1..=60).map(|line| format!("line\u{1b}[2J {line}\n")).collect();
        let told = with_log(packet.clone(), log.as_bytes()).text;
        assert_eq!(told.lines().filter(|line| line.starts_with("    ")).count(), LINES);
        assert!(told.contains("    line[2J 60\n") && !told.contains(" 20\n"), "{told}");
        assert_eq!(with_log(packet, b"\n \n").text, "Begin\n");
    }
}
