//! Git's way over the link: joins stdin and stdout of the program that git starts as its transport with a socket
//! behind which the backend carries the bytes on.

use std::io;
use std::path::Path;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Passes bytes on until the other end has said all.
///
/// # Errors
/// When the socket cannot be reached, or breaks.
pub async fn run(socket: &Path) -> io::Result<()> {
    let (from, mut to) = UnixStream::connect(socket).await?.into_split();
    let up = async move {
        let sent = pass(tokio::io::stdin(), &mut to).await;
        // The end of what git says is an end for the other side, too.
        to.shutdown().await?;
        sent
    };
    let down = pass(from, tokio::io::stdout());
    tokio::pin!(up);
    tokio::pin!(down);
    // Once the service has said all, what git may still say is heard by nobody.
    tokio::select! {
        done = &mut down => done,
        sent = &mut up => {
            sent?;
            down.await
        }
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.flush().await
}
