//! A connection against a small server on a real socket.

use std::path::{Path, PathBuf};

use miyabi_api::preview::{PreviewAbout, preview};
use miyabi_api::{
    AgentId, Answer, ApiError, Envelope, ErrorCode, Event, FromBackend, InboxItem, InboxKind, Notice,
    NoticeKind, Request, RunPatch, RunSnapshot, TerminalSize,
};
use miyabi_client::{Connection, Environment, Service, apply, runs};
use miyabi_plan::{Choice, Plan, RunPhase};
use miyabi_protocol::atomic::{self, Durability};
use miyabi_protocol::frame::{self, Chunk, Frame};
use miyabi_protocol::{RunOpening, SummaryFile, Timestamp};
use tokio::net::{UnixListener, UnixStream};

/// A backend that does what a test tells it.
struct Peer {
    stream: UnixStream,
}

impl Peer {
    async fn pair() -> (Connection, Self) {
        let folder = tempfile::tempdir().expect("folder");
        let socket = folder.path().join("s.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let (connection, accepted) = tokio::join!(Connection::open(&socket), listener.accept());
        (connection.expect("connected"), Self { stream: accepted.expect("accepted").0 })
    }

    async fn asked(&mut self) -> Envelope {
        let frame = frame::read(&mut self.stream).await.expect("sound").expect("a request");
        frame.message().expect("an envelope")
    }

    async fn send(&mut self, message: &FromBackend) {
        self.send_frame(&Frame::control(message).expect("json")).await;
    }

    async fn send_frame(&mut self, frame: &Frame) {
        frame::write(&mut self.stream, frame).await.expect("written");
    }

    async fn answer(&mut self, id: u32, result: Result<Answer, ApiError>) {
        self.send(&FromBackend::Answer { id, result }).await;
    }

    async fn notice(&mut self, id: u32) {
        let notice = Notice {
            id,
            at: Timestamp::from_millis(0),
            kind: NoticeKind::AgentJoined,
            task: None,
            agent: None,
            detail: String::new(),
            blocks: 0,
        };
        self.send(&FromBackend::Event { event: Event::Notice(notice) }).await;
    }
}

fn plan() -> Plan {
    let dag =
        r#"{"name":"p","tasks":[{"id":"A","title":"a","prompt":"p","agent":"X-1","estimated_seconds":5}]}"#;
    let agents = r#"{"agents":[{"id":"X-1","runner":"command","command":["true"]}]}"#;
    let read = miyabi_plan::read(&miyabi_plan::PlanText {
        tasks: Some(miyabi_plan::NamedText::new("task_dag.json", dag)),
        agent_config: Some(miyabi_plan::NamedText::new("agent_config.json", agents)),
        ..miyabi_plan::PlanText::default()
    });
    read.plan.unwrap_or_else(|| panic!("{:?}", read.findings))
}

fn snapshot(run_id: &str) -> RunSnapshot {
    let about = PreviewAbout {
        work_folder: "/w".to_owned(),
        state_dir: "/s".to_owned(),
        session: "s".to_owned(),
        rehearse: None,
        now: Timestamp::from_millis(0),
    };
    let mut snapshot = preview(&plan(), Choice::default(), &about);
    snapshot.run.run_id = run_id.to_owned();
    snapshot.run.phase = RunPhase::Running;
    snapshot
}

#[tokio::test]
async fn answers_find_their_requests_in_whatever_order_they_come() {
    let (connection, mut peer) = Peer::pair().await;
    let other = connection.clone();
    let (one, two, ()) =
        tokio::join!(connection.request(Request::Pause), other.request(Request::StopAll), async {
            let (first, second) = (peer.asked().await, peer.asked().await);
            let refused = Err(ApiError::new(ErrorCode::Conflict, "no"));
            for asked in [second, first] {
                let result = if asked.request == Request::Pause { Ok(Answer::Done) } else { refused.clone() };
                peer.answer(asked.id, result).await;
            }
        });
    assert_eq!(one, Ok(Answer::Done));
    assert_eq!(two.map_err(|error| error.code), Err(ErrorCode::Conflict));
}

#[tokio::test]
async fn a_subscription_begins_with_the_snapshot_and_ends_with_the_backend() {
    let (connection, mut peer) = Peer::pair().await;
    let (subscribed, ()) = tokio::join!(connection.subscribe(), async {
        peer.notice(1).await;
        let asked = peer.asked().await;
        peer.answer(asked.id, Ok(Answer::Snapshot(Box::new(snapshot("r"))))).await;
        peer.notice(2).await;
    });
    let (whole, mut events) = subscribed.expect("subscribed");
    assert_eq!(whole.run.run_id, "r");
    let Some(Event::Notice(notice)) = events.recv().await else { panic!("a notice") };
    assert_eq!(notice.id, 2, "nothing from before the snapshot");
    drop(peer);
    assert_eq!(events.recv().await, None);
    let gone = connection.request(Request::Pause).await.expect_err("gone");
    assert_eq!(gone.code, ErrorCode::Disconnected);
}

#[tokio::test]
async fn a_request_under_way_does_not_outlive_the_backend() {
    let (connection, mut peer) = Peer::pair().await;
    let (answer, ()) = tokio::join!(connection.request(Request::Pause), async {
        peer.asked().await;
        drop(peer);
    });
    assert_eq!(answer.map_err(|error| error.code), Err(ErrorCode::Disconnected));
    connection.closed().await;
}

#[tokio::test]
async fn logs_are_kept_apart_and_a_dropped_one_is_taken_back() {
    let (connection, mut peer) = Peer::pair().await;
    let follow = |agent: &str| connection.follow_log(Some(agent.parse().expect("id")), 0, 10);
    let (one, two, streams) = tokio::join!(follow("A-1"), follow("A-2"), async {
        let mut streams = Vec::new();
        for _ in 0..2 {
            let asked = peer.asked().await;
            let Request::FollowLog { stream, agent, .. } = asked.request else { panic!("{asked:?}") };
            peer.answer(asked.id, Ok(Answer::Done)).await;
            streams.push((agent.expect("named").to_string(), stream));
        }
        streams.sort();
        streams
    });
    let (mut one, two) = (one.expect("followed"), two.expect("followed"));
    for (agent, stream) in streams.iter().rev() {
        peer.send_frame(&Frame::Bulk(Chunk {
            stream: *stream,
            offset: 7,
            bytes: agent.clone().into_bytes(),
        }))
        .await;
    }
    let chunk = one.recv().await.expect("bytes");
    assert_eq!((chunk.offset, chunk.bytes.as_slice()), (7, b"A-1".as_slice()));
    one.add_credit(3);
    assert_eq!(peer.asked().await.request, Request::StreamCredit { stream: streams[0].1, bytes: 3 });
    drop(two);
    assert_eq!(peer.asked().await.request, Request::CloseStream { stream: streams[1].1 });
    drop(peer);
    assert_eq!(one.recv().await, None);
}

#[tokio::test]
async fn the_connection_closes_with_its_last_clone() {
    let (connection, mut peer) = Peer::pair().await;
    drop(connection.clone());
    drop(connection);
    assert_eq!(frame::read(&mut peer.stream).await.expect("clean"), None);
}

#[test]
fn patches_are_laid_over_once_and_a_gap_is_noticed() {
    let mut whole = snapshot("r");
    let patch = |revision: u32, completed: u32| {
        let mut patch = RunPatch {
            revision,
            run: snapshot("r").run,
            tasks: Vec::new(),
            agents: Vec::new(),
            hosts: Vec::new(),
            inbox: None,
            notices: Vec::new(),
        };
        patch.run.completed = completed;
        patch
    };
    assert!(apply(&mut whole, patch(1, 1)));
    assert!(apply(&mut whole, patch(1, 9)) && whole.run.completed == 1, "known already");
    let item = InboxItem {
        id: "failed-A".to_owned(),
        number: None,
        kind: InboxKind::TaskFailed,
        at: Timestamp::from_millis(0),
        agent: None,
        task: None,
        host: None,
        tool: String::new(),
        what: "failed".to_owned(),
        detail: String::new(),
        blocks: 0,
        answers_at: None,
        spent_usd: None,
        limit_usd: None,
    };
    let told = RunPatch { inbox: Some(vec![item]), ..patch(2, 2) };
    assert!(apply(&mut whole, told) && whole.inbox.len() == 1);
    assert!(!apply(&mut whole, patch(4, 4)), "one was missed");
    assert_eq!(whole.inbox.len(), 1, "a patch without an inbox leaves it as it is");
}

/// A state home with one run of `state_dir` in it.
fn home(base: &Path, run_id: &str, state_dir: &Path, phase: Option<RunPhase>) -> Environment {
    let environment = Environment {
        state_home: base.join("home"),
        runtime_dir: base.to_owned(),
        miyabi: PathBuf::from("miyabi"),
        miyabi_host: PathBuf::from("miyabi-host"),
        path: Vec::new(),
    };
    let folder = environment.run(run_id);
    std::fs::create_dir_all(&folder).expect("folder");
    let opening = RunOpening {
        run_id: run_id.to_owned(),
        created_at: Timestamp::from_millis(i64::from(run_id.as_bytes()[0])),
        plan: plan(),
        plan_dir: "/p".to_owned(),
        plan_hash: "h".to_owned(),
        work_folder: "/w".to_owned(),
        state_dir: state_dir.display().to_string(),
        session: "s".to_owned(),
        choice: Choice::default(),
        rehearse: None,
        external: false,
        checks_external: false,
        on_hosts: false,
        git: None,
    };
    atomic::write_json(&folder.join("opening.json"), &opening, Durability::Relaxed).expect("written");
    if let Some(phase) = phase {
        std::fs::write(folder.join("journal.jsonl"), "{}\n").expect("written");
        let summary = SummaryFile { phase, completed: 0, total: 1, updated_at: Timestamp::from_millis(0) };
        atomic::write_json(&folder.join("summary.json"), &summary, Durability::Relaxed).expect("written");
    }
    environment
}

#[test]
fn a_run_waits_to_be_finished_until_it_ends_or_a_newer_one_takes_its_place() {
    let base = tempfile::tempdir().expect("folder");
    let dir = base.path().join("state");
    let waiting = |environment: &Environment| {
        let kept = runs::kept(environment).expect("listed");
        runs::unfinished_of(&kept, &dir).map(|run| run.opening.run_id.clone())
    };
    let environment = home(base.path(), "a", &dir, Some(RunPhase::Running));
    assert_eq!(waiting(&environment).as_deref(), Some("a"));
    home(base.path(), "b", &dir, None);
    assert_eq!(waiting(&environment).as_deref(), Some("a"), "b never began");
    home(base.path(), "c", &dir, Some(RunPhase::Completed));
    assert_eq!(waiting(&environment), None, "a was left behind");
    home(base.path(), "d", &base.path().join("other"), Some(RunPhase::Paused));
    assert_eq!(waiting(&environment), None, "d is of another folder");
    let kept = runs::kept(&environment).expect("listed");
    assert_eq!(runs::resumable(&kept, None).expect("one").opening.run_id, "d");
    assert_eq!(runs::resumable(&kept, Some(&dir)).expect("asked for").opening.run_id, "c");
}

#[tokio::test]
async fn the_one_run_at_work_is_meant_and_its_backends_word_counts() {
    let base = tempfile::tempdir().expect("folder");
    let dir = base.path().join("state");
    let environment = home(base.path(), "a", &dir, Some(RunPhase::Running));
    let service = Service::new(environment.clone());
    let nobody = service.connect(&dir).await.expect_err("nobody");
    assert_eq!(nobody.code, ErrorCode::NoRun);
    assert!(nobody.hints[0].contains("--resume"), "{nobody:?}");

    let listener = UnixListener::bind(runs::socket_of(&environment, &dir)).expect("bound");
    let backend = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut peer = Peer { stream };
            let asked = peer.asked().await;
            let mut whole = snapshot("a");
            whole.run.completed = 1;
            peer.answer(asked.id, Ok(Answer::Snapshot(Box::new(whole)))).await;
        }
    });
    let listed = service.runs().await.expect("listed");
    assert!(listed[0].alive && listed[0].completed == 1, "{listed:?}");
    assert_eq!(service.live_state_dir(None).await.expect("one"), dir);
    backend.abort();
}

#[tokio::test]
async fn a_terminal_draws_is_typed_into_resized_and_says_why_it_is_over() {
    let (connection, mut peer) = Peer::pair().await;
    let agent: AgentId = "CG-5".parse().expect("an id");
    let size = TerminalSize { columns: 100, rows: 30 };
    let (opened, stream) = tokio::join!(connection.open_terminal(agent.clone(), size, 64), async {
        let asked = peer.asked().await;
        let Request::OpenTerminal { stream, agent: whose, size: how_large, credit } = asked.request else {
            panic!("{asked:?}")
        };
        assert_eq!((whose, how_large, credit), (agent.clone(), size, 64));
        // What it draws may come before the answer.
        peer.send_frame(&Frame::Bulk(Chunk { stream, offset: 0, bytes: b"$ ".to_vec() })).await;
        peer.answer(asked.id, Ok(Answer::Done)).await;
        stream
    });
    let mut terminal = opened.expect("opened");
    assert_eq!(terminal.recv().await, Some(b"$ ".to_vec()));
    terminal.add_credit(2);
    assert_eq!(peer.asked().await.request, Request::StreamCredit { stream, bytes: 2 });

    let long = vec![b'x'; 40_000];
    terminal.type_in(&long);
    let mut typed = Vec::new();
    while typed.len() < long.len() {
        let frame = frame::read(&mut peer.stream).await.expect("sound").expect("input");
        let Frame::Bulk(chunk) = frame else { panic!("{frame:?}") };
        assert_eq!((chunk.stream, chunk.offset), (stream, typed.len() as u64), "with its place");
        typed.extend(chunk.bytes);
    }
    assert_eq!(typed, long);
    let small = TerminalSize { columns: 80, rows: 24 };
    terminal.resize(small);
    assert_eq!(peer.asked().await.request, Request::ResizeTerminal { stream, size: small });

    peer.send(&FromBackend::StreamEnded { stream, why: "MUGEN cannot be reached".to_owned() }).await;
    assert_eq!(terminal.recv().await, None);
    assert_eq!(terminal.end(), Some("MUGEN cannot be reached"));
    drop(terminal);
    assert_eq!(peer.asked().await.request, Request::CloseStream { stream });
}
