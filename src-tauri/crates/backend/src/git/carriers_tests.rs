//! Commits carried by real git programs, while a site is played by its services.
#![expect(clippy::disallowed_methods, reason = "these tests play the helper, which starts services of git")]

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Duration;

use miyabi_git::service_argv;
use miyabi_protocol::frame::{Chunk, MAX_CHUNK};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::ChildStdin;
use tokio::time::timeout;

use super::*;

/// What `miyabi-host git-pipe` does.
const BRIDGE: &str = r#"#!/usr/bin/env python3
import os, socket, sys, threading
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[2])
def inward():
    while part := line.recv(65536):
        os.write(1, part)
    os.close(1)
back = threading.Thread(target=inward)
back.start()
while part := os.read(0, 65536):
    line.sendall(part)
line.shutdown(socket.SHUT_WR)
back.join()
"#;
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage {
    base: TempDir,
    carriers: Carriers,
    carried: mpsc::UnboundedReceiver<Input>,
    line: mpsc::UnboundedSender<ToSite>,
    to_site: mpsc::UnboundedReceiver<ToSite>,
    streams: Streams,
}

fn site() -> Site {
    Site::There("MUGEN".parse().expect("an id"))
}

impl Stage {
    fn new() -> Self {
        let base = tempfile::Builder::new().prefix("mc x%").tempdir_in("/tmp").expect("folder");
        let bridge = base.path().join("bridge");
        fs::write(&bridge, BRIDGE).expect("written");
        fs::set_permissions(&bridge, fs::Permissions::from_mode(0o755)).expect("mode");
        let (inputs, carried) = mpsc::unbounded_channel();
        let (line, to_site) = mpsc::unbounded_channel();
        let streams = Streams::default();
        let ways = Ways { bridge, runtime_dir: base.path().to_owned(), streams: streams.clone(), inputs };
        Self { base, carriers: Carriers::new(ways), carried, line, to_site, streams }
    }

    /// A repository with one commit of more bytes than any credit.
    fn repository(&self, name: &str) -> (PathBuf, String) {
        let path = self.base.path().join(name);
        fs::create_dir(&path).expect("folder");
        // No compression makes these fewer.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .take(512 * 1024)
        .flatten()
        .collect();
        fs::write(path.join("big"), bytes).expect("written");
        fs::write(path.join("name"), name).expect("written");
        let repository = Repository::init(&path).expect("made");
        let commit = repository.commit_of("HEAD").expect("a commit");
        (path, commit)
    }

    fn carry(&mut self, repository: &Path, way: CarriageWay, commit: &str) {
        let carriage = Carriage {
            attempt: "A.1".parse().expect("an attempt"),
            way,
            host: "MUGEN".parse().expect("an id"),
            store: "store".to_owned(),
            branch: "miyabi/run-1/A/1".to_owned(),
            commit: commit.to_owned(),
        };
        self.carriers.carry(repository, self.line.clone(), carriage);
    }

    /// Plays the host until the carriage has ended.
    async fn problem(&mut self) -> Option<String> {
        let store = self.base.path().join("store");
        let mut inputs: HashMap<u32, ChildStdin> = HashMap::new();
        loop {
            tokio::select! {
                Some(input) = self.carried.recv() => {
                    let Input::Carried(_, problem) = input else { panic!("{input:?}") };
                    return problem;
                }
                Some(message) = self.to_site.recv() => match message {
                    ToSite::Command(command) => if let Command::OpenGit { stream, service, .. } = *command {
                        inputs.insert(stream, serve(&self.streams, stream, &service_argv(service, &store)));
                    },
                    ToSite::Bytes(chunk, place) => {
                        if let Some(stdin) = inputs.get_mut(&chunk.stream) {
                            // A service that has ended reads nothing more.
                            let _unread = stdin.write_all(&chunk.bytes).await;
                        }
                        let length = u32::try_from(chunk.bytes.len()).expect("short");
                        self.streams.git_credit(&site(), chunk.stream, length);
                        drop(place);
                    }
                    ToSite::EndInput(stream) => drop(inputs.remove(&stream)),
                    other => panic!("{other:?}"),
                },
            }
        }
    }

    async fn ended(&mut self) -> Option<String> {
        timeout(PATIENCE, self.problem()).await.expect("it ends")
    }
}

/// What a helper does for `OpenGit`: it sends within the credit, which is given back as it is taken.
fn serve(streams: &Streams, stream: u32, line: &miyabi_git::CommandLine) -> ChildStdin {
    let mut command = tokio::process::Command::new(&line.program);
    command.args(&line.args).envs(line.env.iter().map(|(name, value)| (name, value)));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("git");
    let (stdin, mut stdout) = (child.stdin.take().expect("stdin"), child.stdout.take().expect("stdout"));
    streams.git_credit(&site(), stream, 256 * 1024);
    let streams = streams.clone();
    tokio::spawn(async move {
        let (mut buffer, mut offset) = (vec![0; MAX_CHUNK], 0);
        while let Ok(count @ 1..) = stdout.read(&mut buffer).await {
            streams.allow_git(&site(), stream, u32::try_from(count).expect("short"));
            streams.deliver(&site(), Chunk { stream, offset, bytes: buffer[..count].to_vec() });
            offset += count as u64;
        }
        drop(child.wait().await);
        streams.git_ended(&site(), stream, "");
    });
    stdin
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_goes_there_and_comes_here_and_only_its_branch_with_it() {
    let mut stage = Stage::new();
    let store = Repository::store(&stage.base.path().join("store")).expect("a store");
    let (from, commit) = stage.repository("from");
    stage.carry(&from, CarriageWay::There, &commit);
    assert_eq!(stage.ended().await, None);
    assert_eq!(store.commit_of("refs/heads/miyabi/run-1/A/1").expect("there"), commit);
    stage.carry(&from, CarriageWay::There, &commit);
    assert_eq!(stage.ended().await, None, "once more changes nothing");

    let (to, before) = stage.repository("to");
    stage.carry(&to, CarriageWay::Here, &commit);
    assert_eq!(stage.ended().await, None);
    let here = Repository::open(&to).expect("a repository");
    assert_eq!(here.commit_of("refs/heads/miyabi/run-1/A/1").expect("here"), commit);
    assert_eq!(here.commit_of("HEAD").expect("a commit"), before, "the checkout stays");
    assert!(!to.join(".git/FETCH_HEAD").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_the_commit_is_a_problem_and_moves_no_branch() {
    let mut stage = Stage::new();
    Repository::store(&stage.base.path().join("store")).expect("a store");
    let (to, _) = stage.repository("to");
    stage.carry(&to, CarriageWay::Here, &"7".repeat(40));
    let problem = stage.ended().await.expect("a problem");
    assert!(problem.contains("cannot be fetched from MUGEN"), "{problem}");
    assert!(Repository::open(&to).expect("a repository").commit_of("miyabi/run-1/A/1").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_link_cut_off_is_not_told_and_goes_on_when_it_is_asked_for_again() {
    let mut stage = Stage::new();
    Repository::store(&stage.base.path().join("store")).expect("a store");
    let (from, commit) = stage.repository("from");
    stage.carry(&from, CarriageWay::There, &commit);
    let opened = timeout(PATIENCE, stage.to_site.recv()).await.expect("git asks").expect("a command");
    let ToSite::Command(opened) = opened else { panic!("{opened:?}") };
    let Command::OpenGit { stream, .. } = *opened else { panic!("{opened:?}") };
    stage.carriers.lose(&site());
    let closed = timeout(PATIENCE, stage.to_site.recv()).await.expect("closed").expect("a command");
    let ToSite::Command(closed) = closed else { panic!("{closed:?}") };
    assert_eq!(*closed, Command::CloseStream { stream });
    assert!(stage.carried.try_recv().is_err(), "nobody is told of a failure");
    stage.carry(&from, CarriageWay::There, &commit);
    assert_eq!(stage.ended().await, None);
}
