//! What clients ask.

use miyabi_api::{Answer, ApiError, Envelope, ErrorCode, Request};
use miyabi_engine::{Order, OrderError};
use miyabi_plan::{AgentId, Site, Usd};
use miyabi_protocol::link::{Command, TerminalSize};
use tokio::time::Instant;

use crate::clock;
use crate::hello::site_of;
use crate::runtime::Backend;
use crate::streams::{ClientId, ClientStream};

impl Backend {
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
                if let Some(to) = self.clients.streams_of(client) {
                    let site = agent.as_ref().map_or(Site::Here, |agent| site_of(self.engine.state(), agent));
                    let from = (offset, credit);
                    let command = self.streams.follow((client, stream), (site.clone(), agent), from, to);
                    self.sites.send_if_listed(&site, command);
                    self.clients.answer(client, id, Ok(Answer::Done));
                }
            }
            Request::StreamCredit { stream, bytes } => {
                let command = self.streams.credit((client, stream), bytes);
                self.send_on_stream(command);
            }
            Request::CloseStream { stream } => {
                self.close_streams(client, Some(stream));
                self.clients.answer(client, id, Ok(Answer::Done));
            }
            Request::OpenTerminal { stream, agent, size, credit } => {
                self.open_terminal((client, stream), id, agent, (size, credit));
            }
            Request::ResizeTerminal { stream, size } => {
                let command = self.streams.resize((client, stream), size);
                self.send_on_stream(command);
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
            Request::AnswerHost { host, answer } => self.answer_host(client, id, &host, answer),
            Request::Say { agent, text } => self.order(client, id, Order::Say { agent, text }),
            Request::Reassign { task, agent, stop_running, across_kinds, packet } => {
                let order = Order::Reassign { task, agent, stop_running, across_kinds, packet };
                self.order(client, id, order);
            }
            Request::Accept { task } => self.order(client, id, Order::Accept(task)),
            Request::SendBack { task, comments } => {
                self.order(client, id, Order::SendBack { task, comments });
            }
            Request::TakeCommit { task, revision } => {
                self.order(client, id, Order::TakeCommit { task, revision });
            }
            Request::VerifyAgain => self.order(client, id, Order::VerifyAgain),
            Request::HandOver { task, agent } => self.hand_over(client, id, &task, &agent),
            Request::Diff { task, attempt, file } => self.diff(client, id, &task, attempt, file),
            Request::History => self.history(client, id),
            Request::SnapshotAt { seq } => self.snapshot_at(client, id, seq),
            Request::Trees => self.list_trees(client, id),
            Request::RemoveTrees { branches } => self.remove_trees(client, id, &branches),
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

    pub(crate) fn close_streams(&mut self, client: ClientId, only: Option<u32>) {
        for command in self.streams.drop_of(client, only) {
            self.send_on_stream(Some(command));
        }
    }

    fn send_on_stream(&self, command: Option<(Site, Command)>) {
        if let Some((site, command)) = command {
            self.sites.send_if_listed(&site, command);
        }
    }

    fn open_terminal(
        &mut self,
        (client, stream): ClientStream,
        id: u32,
        agent: AgentId,
        asked: (TerminalSize, u32),
    ) {
        let Some(to) = self.clients.streams_of(client) else { return };
        let state = self.engine.state();
        let site = site_of(state, &agent);
        let refused = if state.agent(&agent).is_none() {
            Some(ApiError::new(ErrorCode::BadInput, format!("there is no agent {agent} in this run")))
        } else if !self.sites.is_listed(&site) {
            let message = format!("{agent} is on {site}, which does not answer at this moment");
            Some(ApiError::new(ErrorCode::Conflict, message).hint("miyabi host list   shows how hosts stand"))
        } else {
            None
        };
        if let Some(error) = refused {
            self.clients.answer(client, id, Err(error));
            return;
        }
        let command = self.streams.open_terminal((client, stream), (site.clone(), agent), asked, to);
        self.sites.send(&site, command);
        self.clients.answer(client, id, Ok(Answer::Done));
    }
}

pub(crate) fn refusal(error: &OrderError) -> ApiError {
    let code = match error {
        OrderError::IsRunning { .. } | OrderError::IsUnverified { .. } => ErrorCode::NeedsConfirmation,
        OrderError::DoesNotFit(_) => ErrorCode::Conflict,
        _ => ErrorCode::BadInput,
    };
    ApiError::new(code, error.to_string())
}
