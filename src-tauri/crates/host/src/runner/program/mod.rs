//! An attempt of an agent program with a model behind it: one conversation, in one process or
//! in several that take up the same session.

mod process;
mod said;
mod share;
mod telling;
mod terminal;

use miyabi_agents::Failed;
use miyabi_plan::FailureCause;
use miyabi_protocol::{AgentSpec, Usage};

use self::said::Said;
use self::share::Share;
use self::telling::Telling;
use super::attempt::{Order, Outcome, Stop};
use super::output::look_for_outputs;

/// Carries the attempt out.
pub(super) async fn carry_out(order: Order, spec: &AgentSpec) -> Outcome {
    let (telling, share) = (Telling::new(&order, spec), Share::of(spec));
    let mut talk = Talk { telling, share, order, spec, said: Said::default(), unheard: None };
    let end = talk.through().await;
    talk.collect(end).await
}

/// The conversation of an attempt.
struct Talk<'a> {
    order: Order,
    spec: &'a AgentSpec,
    telling: Telling,
    share: Share,
    said: Said,
    /// What a process was started to be told, with its number.
    unheard: Option<(u32, String)>,
}

/// How a process begins.
struct Opening {
    prompt: String,
    /// The session that it takes up.
    session: Option<String>,
    part: Part,
}

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The whole task.
    Task,
    /// What was said to it after it had done the task.
    FollowUp,
}

/// What follows after the end of a process.
enum After {
    /// It has done what it was told.
    Finished,
    /// The session could not be taken up.
    Lost,
    /// It failed.
    Failed(Failed),
    /// It was stopped.
    Stopped(Stop),
}

impl Talk<'_> {
    /// From the first word to the last.
    async fn through(&mut self) -> Result<(), Outcome> {
        let mut opening = match &self.spec.resume {
            Some(resume) => Opening {
                prompt: resume.prompt.clone(),
                session: Some(resume.session.clone()),
                part: Part::Task,
            },
            None => self.fresh(),
        };
        loop {
            let after = match terminal::is_for(&self.spec.protocol) {
                true => self.one_screen(&opening).await,
                false => self.one_process(&opening).await,
            };
            match after {
                After::Finished => match self.follow_up() {
                    Some(next) => opening = next,
                    None => return self.unless_refused(),
                },
                After::Lost if opening.part == Part::Task => {
                    self.telling.remark("its session cannot be taken up again; it begins in a fresh one");
                    self.telling.leave_session(Usage::default());
                    opening = self.fresh();
                }
                // The task itself is done.
                After::Lost => {
                    self.telling
                        .remark("its session cannot be taken up again, so what was said did not reach it");
                    return Ok(());
                }
                After::Failed(failed) => return Err(failed.into()),
                After::Stopped(stop) => return Err(stop.outcome()),
            }
        }
    }

    /// What a person or the plan denied may have been needed, whatever the agent says now. The files
    /// show whether it found another way.
    fn unless_refused(&self) -> Result<(), Outcome> {
        let Some(tools) = self.telling.refused() else { return Ok(()) };
        let why = format!("it was not allowed to use {tools}");
        Err(Failed::new(FailureCause::PermissionRefused, why).into())
    }

    /// The program is in its session, and with that has what it was started to hear.
    fn in_session(&mut self) {
        if let Some((number, text)) = self.unheard.take() {
            self.telling.spoken(number, &text);
        }
    }

    fn fresh(&self) -> Opening {
        Opening { prompt: self.order.sheet.prompt.clone(), session: None, part: Part::Task }
    }

    /// A process for what was said and could not be said in the one that has ended.
    fn follow_up(&mut self) -> Option<Opening> {
        let (number, prompt) = self.said.take()?;
        let Some(session) = self.telling.session().cloned() else {
            self.telling.remark("it has no session, so what was said did not reach it");
            return None;
        };
        self.unheard = Some((number, prompt.clone()));
        Some(Opening { prompt, session: Some(session), part: Part::FollowUp })
    }

    async fn collect(self, end: Result<(), Outcome>) -> Outcome {
        let Self { order, telling, .. } = self;
        let succeeded = end.is_ok();
        let mut outcome = end.err().unwrap_or_default();
        let mut files = telling.leave(&mut outcome);
        if succeeded && !order.sheet.outputs.is_empty() {
            // What its commands wrote is in no event of it.
            look_for_outputs(&order).await.into_iter().for_each(|file| files.add(file));
        }
        outcome.output_files = files.into_names();
        outcome
    }
}
