//! Branches over the link, with real git at both ends: the test is the backend between them.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use miyabi_protocol::frame::{Chunk, Frame};
use miyabi_protocol::link::{Command, Report};
use miyabi_protocol::{GitService, RepositoryAt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::common::Helper;
use crate::works::Hub;

/// How much comes from the helper before it is let go on.
const CREDIT: u32 = 256 * 1024;
const STORE: &str = "work-1";

#[tokio::test]
async fn thirty_megabytes_are_pushed_and_fetched_while_pings_are_answered() {
    const LENGTH: u64 = 30 * 1024 * 1024;
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let mut noise = Vec::new();
    File::open("/dev/urandom").expect("noise").take(LENGTH).read_to_end(&mut noise).expect("read");
    fs::write(hub.place.work().join("big.bin"), noise).expect("written");
    let commit = hub.commit("Big");
    let branch = "refs/heads/miyabi/run-1/Task-1/1";

    let spec = format!("+{commit}:{branch}");
    let pushed =
        carry(&hub, &mut helper, 1, GitService::ReceivePack, &hub.place.work(), &["push", "--quiet"], &spec)
            .await;
    assert!(pushed.up > LENGTH, "{pushed:?}");
    let store = hub.state_home().join("repositories").join(format!("{STORE}.git"));
    assert_eq!(hub.git_in(&store, &["rev-parse", branch]), commit);

    let elsewhere = hub.place.path("elsewhere");
    let text = elsewhere.to_string_lossy().into_owned();
    hub.git(&["init", "--quiet", &text]);
    let spec = format!("+{branch}:{branch}");
    let fetched =
        carry(&hub, &mut helper, 2, GitService::UploadPack, &elsewhere, &["fetch", "--quiet"], &spec).await;
    assert!(fetched.down > LENGTH, "{fetched:?}");
    assert_eq!(hub.git_in(&elsewhere, &["rev-parse", branch]), commit);
    for carried in [pushed, fetched] {
        // Behind the transfer in one queue, they would be answered at its end.
        assert!(carried.pings > 10, "{carried:?}");
    }
}

#[tokio::test]
async fn a_service_on_no_repository_and_one_on_a_number_in_use_are_refused() {
    let hub = Hub::new();
    let mut helper = hub.place.helper().await;
    let open = |stream, repository| Command::OpenGit {
        stream,
        service: GitService::UploadPack,
        repository,
        credit: CREDIT,
    };
    helper.send(&open(1, RepositoryAt::Path("/no/such/repository".to_owned())));
    assert!(until_ended(&mut helper, 1).await.contains("/no/such/repository"));
    let store = || RepositoryAt::Store(STORE.to_owned());
    helper.send(&open(2, store()));
    helper.send(&open(2, store()));
    assert!(until_ended(&mut helper, 2).await.contains("stream 2"));
    // The first one goes on: it still tells what it has, and ends with its input.
    assert!(!helper.chunk().await.bytes.is_empty());
    helper.send(&Command::EndInput { stream: 2 });
    until_ended(&mut helper, 2).await;
}

async fn until_ended(helper: &mut Helper, of: u32) -> String {
    helper
        .until("the end of a stream", |report| match report {
            Report::StreamEnded { stream, why } if *stream == of => Some(why.clone()),
            _ => None,
        })
        .await
}

/// What passed by.
#[derive(Debug, Default)]
struct Carried {
    /// Bytes to the helper.
    up: u64,
    /// Bytes from it.
    down: u64,
    /// Answered, one after the other.
    pings: u32,
}

/// Runs git in a folder with a service of the helper's store as its other end.
async fn carry(
    hub: &Hub,
    helper: &mut Helper,
    stream: u32,
    service: GitService,
    folder: &Path,
    verb: &[&str],
    spec: &str,
) -> Carried {
    let socket = hub.place.path(&format!("git-{stream}"));
    let listener = UnixListener::bind(&socket).expect("a socket");
    let url = format!("ext::{} git-pipe {}", env!("CARGO_BIN_EXE_miyabi-host"), socket.display());
    let folder = folder.to_string_lossy().into_owned();
    let mut words = vec!["-C", &folder, "-c", "protocol.ext.allow=always"];
    words.extend(verb);
    words.extend(["--", &url, spec]);
    let mut git = hub.place.start("git", &words);
    let (from, mut to) = listener.accept().await.expect("git came").0.into_split();
    let repository = RepositoryAt::Store(STORE.to_owned());
    helper.send(&Command::OpenGit { stream, service, repository, credit: CREDIT });

    let credit = Arc::new(Semaphore::new(0));
    let sending = tokio::spawn(send(from, stream, helper.link.sender.clone(), credit.clone()));
    let (down, mut came) = mpsc::unbounded_channel::<Vec<u8>>();
    let sender = helper.link.sender.clone();
    let writing = tokio::spawn(async move {
        while let Some(bytes) = came.recv().await {
            to.write_all(&bytes).await.expect("git reads");
            let bytes = u32::try_from(bytes.len()).expect("a chunk");
            sender.message(&Command::StreamCredit { stream, bytes }).expect("sent");
        }
    });
    let mut carried = relay(helper, stream, &down, &credit).await;
    drop(down);
    writing.await.expect("written");
    carried.up = sending.await.expect("sent");
    let mut complaints = String::new();
    git.stderr.take().expect("piped").read_to_string(&mut complaints).await.expect("text");
    assert!(git.wait().await.expect("ended").success(), "{complaints}");
    carried
}

/// What git says, within the credit.
async fn send(
    mut from: OwnedReadHalf,
    stream: u32,
    sender: miyabi_transport::LinkSender,
    credit: Arc<Semaphore>,
) -> u64 {
    let (mut buffer, mut offset) = (vec![0; 32 * 1024], 0);
    loop {
        let count = from.read(&mut buffer).await.expect("git speaks");
        if count == 0 {
            sender.bulk_written().await;
            sender.message(&Command::EndInput { stream }).expect("sent");
            return offset;
        }
        let room = u32::try_from(count).expect("small");
        credit.acquire_many(room).await.expect("open").forget();
        let chunk = Chunk { stream, offset, bytes: buffer[..count].to_vec() };
        sender.send(Frame::Bulk(chunk)).await.expect("sent");
        offset += u64::from(room);
    }
}

/// Hands frames on up to the end of the stream, and pings all the while, one ping after the other.
async fn relay(
    helper: &mut Helper,
    of: u32,
    down: &mpsc::UnboundedSender<Vec<u8>>,
    credit: &Semaphore,
) -> Carried {
    let mut carried = Carried::default();
    helper.send(&Command::Ping { token: 0 });
    loop {
        let frame = timeout(Duration::from_secs(20), helper.link.receiver.recv()).await.expect("in time");
        let report = match frame.expect("sound").expect("open") {
            Frame::Bulk(chunk) if chunk.stream == of => {
                carried.down += chunk.bytes.len() as u64;
                down.send(chunk.bytes).expect("taken");
                continue;
            }
            frame => frame.message::<Report>().expect("a report"),
        };
        match report {
            Report::Credit { stream, bytes } if stream == of => credit.add_permits(bytes as usize),
            Report::Pong { token, .. } if token == carried.pings => {
                carried.pings += 1;
                helper.send(&Command::Ping { token: carried.pings });
            }
            Report::StreamEnded { stream, why } if stream == of => {
                assert_eq!(why, "");
                return carried;
            }
            _ => {}
        }
    }
}
