//! The clients that are connected, and what they are told.

use std::collections::HashMap;

use miyabi_api::{Answer, ApiError, Event, FromBackend};
use miyabi_protocol::frame::{Chunk, Frame};
use miyabi_transport::LinkSender;
use tokio::sync::mpsc;

use crate::log_streams::ClientId;

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    connected: HashMap<ClientId, Client>,
}

#[derive(Debug)]
struct Client {
    sender: LinkSender,
    logs: mpsc::UnboundedSender<Chunk>,
    is_subscribed: bool,
}

impl Clients {
    pub(crate) fn join(&mut self, id: ClientId, sender: LinkSender) {
        let (logs, chunks) = mpsc::unbounded_channel();
        tokio::spawn(forward_logs(chunks, sender.clone()));
        self.connected.insert(id, Client { sender, logs, is_subscribed: false });
    }

    pub(crate) fn leave(&mut self, id: ClientId) {
        self.connected.remove(&id);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.connected.is_empty()
    }

    pub(crate) fn has_subscribers(&self) -> bool {
        self.connected.values().any(|client| client.is_subscribed)
    }

    pub(crate) fn subscribe(&mut self, id: ClientId) {
        if let Some(client) = self.connected.get_mut(&id) {
            client.is_subscribed = true;
        }
    }

    /// Where a client's log bytes go.
    pub(crate) fn logs_of(&self, id: ClientId) -> Option<mpsc::UnboundedSender<Chunk>> {
        self.connected.get(&id).map(|client| client.logs.clone())
    }

    pub(crate) fn answer(&self, id: ClientId, request: u32, result: Result<Answer, ApiError>) {
        if let Some(client) = self.connected.get(&id) {
            say(client, &FromBackend::Answer { id: request, result });
        }
    }

    pub(crate) fn tell_subscribers(&self, event: &Event) {
        for client in self.connected.values().filter(|client| client.is_subscribed) {
            say(client, &FromBackend::Event { event: event.clone() });
        }
    }
}

fn say(client: &Client, message: &FromBackend) {
    if let Err(error) = client.sender.message(message) {
        tracing::debug!(%error, "a client is gone");
    }
}

/// The client's credit bounds how much can wait here.
async fn forward_logs(mut chunks: mpsc::UnboundedReceiver<Chunk>, sender: LinkSender) {
    while let Some(chunk) = chunks.recv().await {
        if sender.send(Frame::Bulk(chunk)).await.is_err() {
            return;
        }
    }
}
