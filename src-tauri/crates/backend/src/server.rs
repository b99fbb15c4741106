//! The socket for clients: private to this user, frames both ways.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use miyabi_api::Envelope;
use miyabi_protocol::frame::Frame;
use miyabi_transport::{Link, LinkReceiver};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use crate::error::BackendError;
use crate::hold::remove_stale_socket;
use crate::runtime::Input;
use crate::streams::ClientId;

/// Begins to listen; connections and requests become inputs of the run's loop.
pub(crate) fn listen(path: &Path, inputs: mpsc::UnboundedSender<Input>) -> Result<(), BackendError> {
    remove_stale_socket(path)?;
    let listener = UnixListener::bind(path).map_err(BackendError::io("listen on", path))?;
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, private).map_err(BackendError::io("protect", path))?;
    tokio::spawn(accept(listener, inputs));
    Ok(())
}

async fn accept(listener: UnixListener, inputs: mpsc::UnboundedSender<Input>) {
    let mut last: ClientId = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                last += 1;
                let (reader, writer) = stream.into_split();
                let (sender, receiver) = Link::new(reader, writer).split();
                if inputs.send(Input::ClientJoined(last, sender)).is_err() {
                    return;
                }
                tokio::spawn(read_requests(last, receiver, inputs.clone()));
            }
            // Too many open files: the next one may succeed when a client has left.
            Err(error) => {
                tracing::warn!(%error, "a client could not connect");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn read_requests(client: ClientId, mut receiver: LinkReceiver, inputs: mpsc::UnboundedSender<Input>) {
    while let Ok(Some(frame)) = receiver.recv().await {
        let frame = match frame {
            Frame::Bulk(chunk) => {
                drop(inputs.send(Input::Typed(client, chunk)));
                continue;
            }
            frame @ Frame::Control(_) => frame,
        };
        match envelope(&frame) {
            Ok(envelope) => drop(inputs.send(Input::Asked(client, envelope))),
            Err(error) => {
                tracing::warn!(client, %error, "a client sent something that is no request");
                break;
            }
        }
    }
    drop(inputs.send(Input::ClientLeft(client)));
}

fn envelope(frame: &Frame) -> std::io::Result<Envelope> {
    frame.message()
}
