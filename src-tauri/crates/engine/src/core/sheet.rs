//! The attempt sheet: all that a runner must know, from the plan and the run so far.

use std::collections::BTreeMap;
use std::path::Path;

use miyabi_plan::{Agent, AttemptId, Check, RunnerKind};
use miyabi_protocol::{AttemptSheet, RunnerSpec};

use super::Engine;
use crate::state::AttemptPhase;

impl Engine {
    /// The sheet of an attempt; none when the attempt is not in the run, or no runner for its agent
    /// exists in this program.
    pub(super) fn sheet(&self, id: &AttemptId) -> Option<AttemptSheet> {
        let opening = &self.state.opening;
        let task = opening.plan.task(&id.task)?;
        let attempt =
            self.state.task(&id.task)?.attempts.iter().find(|attempt| attempt.number == id.number)?;
        let agent = self.state.agent(&attempt.agent)?;
        Some(AttemptSheet {
            run_id: opening.run_id.clone(),
            attempt: id.clone(),
            agent: agent.id.clone(),
            host: agent.host.to_string(),
            title: task.title.clone(),
            prompt: self.prompt(id, &task.prompt),
            module: task.module.clone(),
            work_folder: Some(opening.work_folder.clone()),
            outputs: task.outputs.clone(),
            acceptance: task.acceptance.iter().map(|check| self.absolute_check(check)).collect(),
            runner: self.runner_spec(agent.runner, opening.plan.agent(&agent.id))?,
            estimated_seconds: task.estimated_seconds,
            assigned_at: attempt.assigned_at,
        })
    }

    /// The task's own words, and after a failure what was wrong with the attempt before.
    fn prompt(&self, id: &AttemptId, own: &str) -> String {
        let attempts = self.state.task(&id.task).map(|task| task.attempts.as_slice()).unwrap_or_default();
        let failed = attempts.iter().filter(|a| a.number < id.number && a.phase == AttemptPhase::Ended);
        match failed.filter_map(|attempt| attempt.error.as_deref()).next_back() {
            Some(error) => format!("{own}\n\nThe attempt before this one failed: {error}\n"),
            None => own.to_owned(),
        }
    }

    fn runner_spec(&self, runner: RunnerKind, planned: Option<&Agent>) -> Option<RunnerSpec> {
        match runner {
            RunnerKind::External => Some(RunnerSpec::External),
            RunnerKind::Rehearsal => {
                Some(RunnerSpec::Rehearsal { speed: self.state.opening.rehearse.unwrap_or(1.0) })
            }
            RunnerKind::Command => {
                let planned = planned?;
                let mut environment: BTreeMap<String, String> = planned.environment.clone();
                environment.insert("MIYABI_PLAN_DIR".to_owned(), self.state.opening.plan_dir.clone());
                environment.insert("MIYABI_STATE_DIR".to_owned(), self.state.opening.state_dir.clone());
                Some(RunnerSpec::Command { argv: self.absolute(&planned.command), environment })
            }
            RunnerKind::Claude | RunnerKind::Codex => None,
        }
    }

    fn absolute_check(&self, check: &Check) -> Check {
        Check { run: self.absolute(&check.run), time_limit_seconds: check.time_limit_seconds }
    }

    /// A program given with a folder is meant from the plan's folder; a bare name is looked up.
    fn absolute(&self, argv: &[String]) -> Vec<String> {
        let mut argv = argv.to_vec();
        if let Some(program) = argv.first_mut()
            && program.contains('/')
        {
            let path = Path::new(&self.state.opening.plan_dir).join(program.trim_start_matches("./"));
            *program = path.to_string_lossy().into_owned();
        }
        argv
    }
}
