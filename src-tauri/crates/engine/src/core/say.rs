//! What a person says to an agent at its work.

use miyabi_plan::{AgentId, AttemptId};
use miyabi_protocol::link::Command;

use super::{Engine, OrderError};
use crate::fact::Fact;
use crate::state::{AttemptPhase, Said};

/// The longest text that is said at once, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

impl Engine {
    pub(super) fn say(&mut self, agent: &AgentId, text: &str) -> Result<(), OrderError> {
        let refuse = |why: String| Err(OrderError::DoesNotFit(why));
        let Some(state) = self.state.agent(agent) else {
            return Err(OrderError::UnknownAgent(agent.clone()));
        };
        if !state.runner.has_model() {
            return refuse(format!(
                "no model is behind {agent} (its runner is {}): nobody would hear it",
                state.runner.word()
            ));
        }
        if text.trim().is_empty() {
            return refuse("there is nothing to say".to_owned());
        }
        if text.len() > LONGEST_TEXT {
            return refuse(format!(
                "that is longer than {LONGEST_TEXT} bytes; put it into a file and name the file"
            ));
        }
        let Some(attempt) = state.current.clone() else {
            return refuse(format!("{agent} is at no task now; say it in the prompt of its next one"));
        };
        match self.state.current(&attempt).map(|current| current.phase) {
            Some(AttemptPhase::Running) => {}
            Some(AttemptPhase::Offered) => {
                return refuse(format!("{agent} has not begun {attempt} yet; wait a moment"));
            }
            _ => return refuse(format!("{agent} says that {attempt} is done, and hears no more")),
        }
        let said = Said { number: self.state.last_said + 1, at: self.now, text: text.to_owned() };
        self.send_word(agent, &attempt, &said);
        self.decide(Fact::Said { number: said.number, attempt, text: said.text });
        Ok(())
    }

    fn send_word(&mut self, agent: &AgentId, attempt: &AttemptId, said: &Said) {
        let Some(site) = self.site_of(agent) else { return };
        let (agent, attempt) = (agent.clone(), attempt.clone());
        let say = Command::Say { agent, attempt, number: said.number, text: said.text.clone() };
        self.out.words.push((site, say));
    }

    /// Over a new link, all that was said to an attempt under way and may not have been heard.
    pub(super) fn say_again(&mut self, agent: usize) {
        let heard = self.seen.agents[agent].heard;
        let (id, attempt) = (self.state.agents[agent].id.clone(), self.state.agents[agent].current.clone());
        let Some(attempt) = attempt else { return };
        let Some(current) = self.state.current(&attempt).filter(|a| a.phase == AttemptPhase::Running) else {
            return;
        };
        for said in current.said.iter().filter(|said| said.number > heard).cloned().collect::<Vec<_>>() {
            self.send_word(&id, &attempt, &said);
        }
    }
}
