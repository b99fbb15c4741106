//! What an agent is told: filled in from the plan and from what the run so far brought about.

use miyabi_plan::prompt::{PromptContext, PromptFailure, PromptNeed, PromptTask, TemplateError, render};
use miyabi_plan::{AttemptId, FailureCause};
use miyabi_protocol::ReviewComment;

use super::Engine;
use crate::fact::{Claim, NoteKind};
use crate::state::{Attempt, AttemptPhase, TaskState};

/// How many files of a task before are named, at most.
const MOST_FILES: usize = 60;
/// How many failed attempts are told of, at most.
const MOST_FAILURES: usize = 3;
/// The longest text of one failure, in characters.
const LONGEST_ERROR: usize = 2_000;
/// The longest last words of a task before, in characters.
const LONGEST_SUMMARY: usize = 1_000;

impl Engine {
    /// For programs: the task's own words, and after a failure what was wrong with the attempt before.
    pub(super) fn plain_prompt(&self, id: &AttemptId) -> String {
        let own = self.state.opening.plan.task(&id.task).map(|task| task.prompt.as_str()).unwrap_or_default();
        match self.failures_before(id).last() {
            Some(failure) => {
                format!("{own}\n\nThe attempt before this one failed: {}\n", failure.error) + &self.notes(id)
            }
            None => own.to_owned() + &self.notes(id),
        }
    }

    /// For models: the plan's template, filled in. A template that cannot be is replaced by the
    /// built-in one; what was wrong with it comes beside the text.
    pub(super) fn model_prompt(&self, id: &AttemptId) -> (String, Option<TemplateError>) {
        let template = self.state.opening.plan.prompt_template.as_deref();
        let Some(context) = self.prompt_context(id) else { return (self.plain_prompt(id), None) };
        match render(template, &context) {
            Ok(text) => (text + &self.notes(id), None),
            Err(error) => {
                let text = render(None, &context).map(|text| text + &self.notes(id));
                (text.unwrap_or_else(|_| self.plain_prompt(id)), Some(error))
            }
        }
    }

    /// Says once what is wrong with the plan's template.
    pub(super) fn note_template(&mut self, id: &AttemptId) {
        if self.state.opening.plan.prompt_template.is_none() {
            return;
        }
        if let (_, Some(error)) = self.model_prompt(id) {
            let detail = format!(
                "prompt_template.md cannot be used, and the built-in one is sent instead: {error}; mend it before the next run"
            );
            self.note(NoteKind::AgentProblem, None, detail);
        }
    }

    /// What persons said of the work so far, and what moved here with the task; after everything else,
    /// whatever the plan's template says. Empty where there is nothing.
    pub(super) fn notes(&self, id: &AttemptId) -> String {
        let Some(task) = self.state.task(&id.task) else { return String::new() };
        let before = task.attempts.iter().filter(|attempt| attempt.number < id.number);
        let mut notes = String::new();
        if let Some(read) = before.rev().find(|attempt| !attempt.comments.is_empty()) {
            notes += "\n\n## A person read the work and sends it back\n\n";
            notes += "It is still there: go on from it, and see to all of this:\n";
            read.comments.iter().for_each(|comment| notes += &format!("\n- {}", told(comment)));
        }
        if let Some(packet) = task.packet.as_ref().filter(|packet| !packet.trim().is_empty()) {
            notes += "\n\n## Handed over to you\n\n";
            notes +=
                "Another agent began this task. What it left is in the work folder; this came with it:\n\n";
            notes += packet.trim_end();
        }
        notes
    }

    fn prompt_context(&self, id: &AttemptId) -> Option<PromptContext> {
        let opening = &self.state.opening;
        let planned = opening.plan.task(&id.task)?;
        let task = self.state.task(&id.task)?;
        Some(PromptContext {
            task: PromptTask {
                id: planned.id.to_string(),
                title: planned.title.clone(),
                prompt: planned.prompt.clone(),
                module: planned.module.clone(),
            },
            needs: task.needs.iter().map(|need| self.produced(*need)).collect(),
            rules: opening.plan.rules.clone(),
            outputs: planned.outputs.clone(),
            acceptance: planned.acceptance.iter().map(|check| command_line(&check.run)).collect(),
            work_folder: self.work_folder(id).to_owned(),
            attempt: id.number,
            failures: self.failures_before(id),
        })
    }

    fn produced(&self, index: usize) -> PromptNeed {
        let (task, planned) = (&self.state.tasks[index], &self.state.opening.plan.tasks[index]);
        let (mut files, summary) = claimed(task);
        if files.is_empty() {
            files.clone_from(&planned.outputs);
        }
        files.truncate(MOST_FILES);
        PromptNeed { id: planned.id.to_string(), title: planned.title.clone(), files, summary }
    }

    /// What was wrong with the last attempts before this one. What a person or an account caused is
    /// nothing that an agent could do better.
    fn failures_before(&self, id: &AttemptId) -> Vec<PromptFailure> {
        let attempts = self.state.task(&id.task).map(|task| task.attempts.as_slice()).unwrap_or_default();
        let failed = attempts.iter().filter(|a| a.number < id.number && a.phase == AttemptPhase::Ended);
        let told = failed.filter(|attempt| attempt.cause.is_some_and(|cause| !is_no_fault(cause)));
        let mut failures: Vec<PromptFailure> = told
            .map(|attempt| PromptFailure {
                number: attempt.number,
                error: shorten(&what_failed(attempt), LONGEST_ERROR),
            })
            .collect();
        failures.drain(..failures.len().saturating_sub(MOST_FAILURES));
        failures
    }
}

/// A comment with its place, as `src/a.py:12: text`.
fn told(comment: &ReviewComment) -> String {
    let text = comment.text.trim();
    match (&comment.file, comment.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: {text}"),
        (Some(file), None) => format!("{file}: {text}"),
        _ => text.to_owned(),
    }
}

const fn is_no_fault(cause: FailureCause) -> bool {
    use FailureCause::{BudgetReached, Cancelled, HostLost, Reassigned, SentBack, Stopped};
    cause.is_the_programs()
        || matches!(cause, BudgetReached | Cancelled | HostLost | Reassigned | SentBack | Stopped)
}

/// Why an attempt failed, with the last lines of the check that did not succeed.
pub(super) fn what_failed(attempt: &Attempt) -> String {
    let error = attempt.error.clone().unwrap_or_default();
    let checks = attempt.evidence.iter().flat_map(|evidence| &evidence.checks);
    match checks.filter(|check| !check.passed).map(|check| check.tail.trim()).find(|tail| !tail.is_empty()) {
        Some(tail) => format!("{error}\n{tail}"),
        None => error,
    }
}

/// What a COMPLETED task wrote, and the last words of its agent.
fn claimed(task: &TaskState) -> (Vec<String>, String) {
    let Some(last) = task.attempts.last() else { return (Vec::new(), String::new()) };
    let mut files = last.evidence.as_ref().map(|evidence| evidence.changed.clone()).unwrap_or_default();
    let mut words = String::new();
    if let Some(Claim::Completed { output_files, summary }) = &last.claim {
        files.extend(output_files.iter().filter(|file| !files.contains(file)).cloned().collect::<Vec<_>>());
        words = shorten(summary.as_deref().unwrap_or_default(), LONGEST_SUMMARY);
    }
    (files, words)
}

fn command_line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| match word.contains(char::is_whitespace) || word.is_empty() {
        true => format!("'{word}'"),
        false => word.clone(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

pub(super) fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
