//! The clients that are connected, and what they are told.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use miyabi_api::{Answer, ApiError, Event, FromBackend};
use miyabi_protocol::frame::Frame;
use miyabi_transport::LinkSender;
use tokio::sync::mpsc;

use crate::streams::{ClientId, ClientStream, ToReader};

/// How many events a client may leave unread, as when it is stopped in a debugger, before its
/// connection ends. It can come back and begins anew with a whole snapshot.
const MAX_UNREAD: u32 = 4096;
/// After how many events it is looked whether they were read.
const LOOK_EVERY: u32 = 256;

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    connected: HashMap<ClientId, Client>,
}

#[derive(Debug)]
struct Client {
    sender: LinkSender,
    streams: mpsc::UnboundedSender<ToReader>,
    is_subscribed: bool,
    unread: Arc<AtomicU32>,
}

impl Clients {
    pub(crate) fn join(&mut self, id: ClientId, sender: LinkSender) {
        let (streams, outgoing) = mpsc::unbounded_channel();
        tokio::spawn(forward_streams(outgoing, sender.clone()));
        self.connected.insert(id, Client { sender, streams, is_subscribed: false, unread: Arc::default() });
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

    /// Where the bytes of a client's streams go.
    pub(crate) fn streams_of(&self, id: ClientId) -> Option<mpsc::UnboundedSender<ToReader>> {
        self.connected.get(&id).map(|client| client.streams.clone())
    }

    pub(crate) fn answer(&self, id: ClientId, request: u32, result: Result<Answer, ApiError>) {
        if let Some(client) = self.connected.get(&id) {
            say(client, &FromBackend::Answer { id: request, result });
        }
    }

    /// Tells a client that a stream of it is over, after the last bytes of it.
    pub(crate) fn stream_ended(&self, (id, stream): ClientStream, why: &str) {
        if let Some(client) = self.connected.get(&id) {
            // A client whose connection broke is taken out when that is noticed.
            drop(client.streams.send(ToReader::Ended(stream, why.to_owned())));
        }
    }

    pub(crate) fn tell_subscribers(&mut self, event: &Event) {
        let message = FromBackend::Event { event: event.clone() };
        self.connected.retain(|id, client| {
            if !client.is_subscribed {
                return true;
            }
            say(client, &message);
            let keeps_up = client.count_unread() <= MAX_UNREAD;
            if !keeps_up {
                tracing::warn!(id, "a client does not read; its connection ends");
            }
            keeps_up
        });
    }
}

impl Client {
    /// Counts one more event, and those out that were read since.
    fn count_unread(&self) -> u32 {
        let unread = self.unread.fetch_add(1, Ordering::Relaxed) + 1;
        if unread.is_multiple_of(LOOK_EVERY) {
            let (sender, counter) = (self.sender.clone(), self.unread.clone());
            tokio::spawn(async move {
                sender.written().await;
                counter.fetch_sub(LOOK_EVERY, Ordering::Relaxed);
            });
        }
        unread
    }
}

fn say(client: &Client, message: &FromBackend) {
    if let Err(error) = client.sender.message(message) {
        tracing::debug!(%error, "a client is gone");
    }
}

/// The client's credit bounds how much can wait here.
async fn forward_streams(mut outgoing: mpsc::UnboundedReceiver<ToReader>, sender: LinkSender) {
    while let Some(next) = outgoing.recv().await {
        let sent = match next {
            ToReader::Bytes(chunk) => sender.send(Frame::Bulk(chunk)).await,
            ToReader::Ended(stream, why) => {
                // The end goes by the fast lane.
                sender.bulk_written().await;
                sender.message(&FromBackend::StreamEnded { stream, why })
            }
        };
        if sent.is_err() {
            return;
        }
    }
}
