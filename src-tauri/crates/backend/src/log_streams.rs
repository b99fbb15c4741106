//! Which log stream of the helper belongs to which stream of which client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use miyabi_plan::AgentId;
use miyabi_protocol::frame::Chunk;
use miyabi_protocol::link::Command;
use tokio::sync::mpsc;

/// Names a connection of a client.
pub(crate) type ClientId = u32;

/// The streams that are open. Shared with the task that reads from the helper, so that log bytes
/// never pass through the run's loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogStreams {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    last: u32,
    streams: HashMap<u32, Stream>,
}

#[derive(Debug)]
struct Stream {
    client: ClientId,
    client_stream: u32,
    agent: Option<AgentId>,
    /// Where the next byte lies in the file: a new helper goes on from here.
    offset: u64,
    /// How many bytes the client still allows.
    credit: u32,
    to: mpsc::UnboundedSender<Chunk>,
}

impl LogStreams {
    fn with<T>(&self, act: impl FnOnce(&mut Open) -> T) -> T {
        act(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a stream; the command asks the helper for it.
    pub(crate) fn follow(
        &self,
        client: (ClientId, u32),
        agent: Option<AgentId>,
        offset: u64,
        credit: u32,
        to: mpsc::UnboundedSender<Chunk>,
    ) -> Command {
        self.with(|open| {
            open.last += 1;
            let (client, client_stream) = client;
            let stream = Stream { client, client_stream, agent: agent.clone(), offset, credit, to };
            open.streams.insert(open.last, stream);
            Command::FollowLog { stream: open.last, agent, offset, credit }
        })
    }

    /// The client allows more bytes.
    pub(crate) fn credit(&self, client: ClientId, client_stream: u32, bytes: u32) -> Option<Command> {
        self.with(|open| {
            let mut found = open.streams.iter_mut();
            let (id, stream) = found.find(|(_, s)| (s.client, s.client_stream) == (client, client_stream))?;
            stream.credit = stream.credit.saturating_add(bytes);
            Some(Command::StreamCredit { stream: *id, bytes })
        })
    }

    /// Closes one stream of a client, or all of them.
    pub(crate) fn drop_of(&self, client: ClientId, only: Option<u32>) -> Vec<Command> {
        self.with(|open| {
            let is_meant = |s: &Stream| s.client == client && only.is_none_or(|only| s.client_stream == only);
            let ids: Vec<u32> = open.streams.iter().filter(|(_, s)| is_meant(s)).map(|(id, _)| *id).collect();
            ids.iter().for_each(|id| drop(open.streams.remove(id)));
            ids.into_iter().map(|stream| Command::CloseStream { stream }).collect()
        })
    }

    /// Passes bytes from the helper on.
    pub(crate) fn deliver(&self, chunk: Chunk) {
        self.with(|open| {
            let Some(stream) = open.streams.get_mut(&chunk.stream) else { return };
            stream.offset = chunk.offset + chunk.bytes.len() as u64;
            stream.credit =
                stream.credit.saturating_sub(u32::try_from(chunk.bytes.len()).unwrap_or(u32::MAX));
            // A client that is gone is taken out when its connection ends.
            drop(stream.to.send(Chunk { stream: stream.client_stream, ..chunk }));
        });
    }

    /// Asks a new helper for every open stream, from where the old one stopped.
    pub(crate) fn follow_again(&self) -> Vec<Command> {
        self.with(|open| {
            let commands = open.streams.iter().map(|(id, stream)| Command::FollowLog {
                stream: *id,
                agent: stream.agent.clone(),
                offset: stream.offset,
                credit: stream.credit,
            });
            commands.collect()
        })
    }
}
