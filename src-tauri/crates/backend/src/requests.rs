//! What clients ask, and the stop of the whole run that one of them may ask for.

use std::time::Duration;

use miyabi_api::{Answer, ApiError, Envelope, ErrorCode, Request};
use miyabi_engine::{Order, OrderError};
use miyabi_plan::Usd;
use miyabi_protocol::link::Command;
use tokio::time::Instant;

use crate::clock;
use crate::log_streams::ClientId;
use crate::runtime::Backend;

/// How long agents have to end before the backend leaves without their word.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// How long the one who asked for a stop has to read the answer.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// A stop of the whole run.
pub(crate) enum Stopping {
    /// The agents are being ended; this client is told when that is done.
    Agents { client: ClientId, request: u32, until: Instant },
    /// The answer is on its way; the loop ends when the asker has read it and left.
    Asker { until: Instant },
}

impl Stopping {
    pub(crate) fn until(&self) -> Instant {
        match self {
            Self::Agents { until, .. } | Self::Asker { until } => *until,
        }
    }
}

impl Backend {
    pub(crate) fn agents_stopped(&mut self) {
        if let Some(Stopping::Agents { client, request, .. }) = self.stopping {
            self.clients.answer(client, request, Ok(Answer::Done));
            self.stopping = Some(Stopping::Asker { until: Instant::now() + LEAVE_WITHIN });
        }
    }

    pub(crate) fn has_stopped(&mut self) -> bool {
        match &self.stopping {
            None => false,
            Some(Stopping::Agents { until, .. }) => {
                if *until <= Instant::now() {
                    self.agents_stopped();
                }
                false
            }
            Some(Stopping::Asker { until }) => self.clients.is_empty() || *until <= Instant::now(),
        }
    }

    pub(crate) fn on_request(&mut self, client: ClientId, envelope: Envelope) {
        let Envelope { id, request } = envelope;
        match request {
            Request::Subscribe => {
                self.tell();
                self.clients.subscribe(client);
                self.ping_at = Instant::now();
                let run = self.views.snapshot();
                self.clients.answer(client, id, Ok(Answer::Snapshot(Box::new(run))));
            }
            Request::GetRun => {
                let run = self.views.now(&self.engine, clock::now());
                self.clients.answer(client, id, Ok(Answer::Snapshot(Box::new(run))));
            }
            Request::Report { format } => {
                let answer = self.report(format).map(Answer::Report);
                self.clients.answer(client, id, answer);
            }
            Request::FollowLog { stream, agent, offset, credit } => {
                if let Some(to) = self.clients.logs_of(client) {
                    let command = self.streams.follow((client, stream), agent, offset, credit, to);
                    self.send(command);
                    self.clients.answer(client, id, Ok(Answer::Done));
                }
            }
            Request::StreamCredit { stream, bytes } => {
                if let Some(command) = self.streams.credit(client, stream, bytes) {
                    self.send(command);
                }
            }
            Request::CloseStream { stream } => {
                for command in self.streams.drop_of(client, Some(stream)) {
                    self.send(command);
                }
                self.clients.answer(client, id, Ok(Answer::Done));
            }
            Request::StopAll => self.stop_all(client, id),
            Request::Pause => self.order(client, id, Order::Pause),
            Request::Resume => self.order(client, id, Order::Resume),
            Request::CancelRun => self.order(client, id, Order::CancelRun),
            Request::CancelTask { task } => self.order(client, id, Order::CancelTask(task)),
            Request::RetryTask { task } => self.order(client, id, Order::RetryTask(task)),
            Request::Answer { number, answer, scope } => {
                self.order(client, id, Order::Answer { number, answer, scope });
            }
            Request::RaiseBudget { number, limit_usd } => {
                self.order(client, id, Order::RaiseBudget { number, limit: Usd::from_dollars(limit_usd) });
            }
            Request::GiveUpHost { host } => self.order(client, id, Order::GiveUpHost(host)),
            Request::AnswerHost { host, .. } => {
                let error = ApiError::new(ErrorCode::Conflict, format!("{host} asks nothing"));
                self.clients.answer(client, id, Err(error));
            }
            Request::OpenTerminal { .. } | Request::ResizeTerminal { .. } => {}
            Request::Say { agent, text } => self.order(client, id, Order::Say { agent, text }),
            Request::Reassign { task, agent, stop_running } => {
                self.order(client, id, Order::Reassign { task, agent, stop_running });
            }
        }
    }

    fn order(&mut self, client: ClientId, id: u32, order: Order) {
        match self.engine.order(clock::now(), order) {
            Ok(step) => {
                self.take(step);
                self.ledger.take_answer(client, id);
            }
            Err(error) => self.clients.answer(client, id, Err(refusal(&error))),
        }
    }

    fn stop_all(&mut self, client: ClientId, request: u32) {
        match self.engine.order(clock::now(), Order::StopAll) {
            Ok(step) => {
                self.take(step);
                self.ledger.take_command(Command::StopAll);
                let until = Instant::now() + STOP_WITHIN;
                self.stopping = Some(Stopping::Agents { client, request, until });
            }
            Err(error) => self.clients.answer(client, request, Err(refusal(&error))),
        }
    }
}

fn refusal(error: &OrderError) -> ApiError {
    let code = match error {
        OrderError::IsRunning { .. } => ErrorCode::NeedsConfirmation,
        OrderError::DoesNotFit(_) => ErrorCode::Conflict,
        _ => ErrorCode::BadInput,
    };
    ApiError::new(code, error.to_string())
}
