//! A person at a run's socket: sees what changes, asks, reads logs.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use miyabi_api::{
    AgentView, Answer, ApiError, Envelope, Event, FromBackend, HostView, Request, RunPatch, RunSnapshot,
    TaskView,
};
use miyabi_protocol::frame::{Chunk, Frame};
use miyabi_transport::{Link, LinkReceiver, LinkSender};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

/// Long enough for a machine that is busy with other work; a test that meets it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);
/// How often it is looked again where nothing tells of a change.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A client of a backend.
pub(crate) struct Person {
    sender: LinkSender,
    receiver: LinkReceiver,
    last: u32,
    /// The run as it was told.
    pub(crate) run: RunSnapshot,
    answers: HashMap<u32, Result<Answer, ApiError>>,
    /// What came on each stream, in order.
    pub(crate) bytes: HashMap<u32, Vec<u8>>,
    /// Streams that are over, with the reason.
    pub(crate) ended: HashMap<u32, String>,
}

impl Person {
    /// Connects as soon as the backend listens.
    pub(crate) async fn at(socket: &Path) -> Self {
        let connect = async {
            loop {
                match Self::subscribed(socket).await {
                    Some(person) => break person,
                    None => sleep(LOOK_AGAIN).await,
                }
            }
        };
        timeout(PATIENCE, connect).await.expect("the backend listens")
    }

    /// None where nobody listens, or only what a backend that ended left behind.
    async fn subscribed(socket: &Path) -> Option<Self> {
        let (reader, writer) = UnixStream::connect(socket).await.ok()?.into_split();
        let (sender, mut receiver) = Link::new(reader, writer).split();
        sender.message(&Envelope { id: 0, request: Request::Subscribe }).ok()?;
        let first: FromBackend = receiver.recv().await.ok()??.message().expect("a message");
        let FromBackend::Answer { result: Ok(Answer::Snapshot(run)), .. } = first else {
            panic!("the run was asked for: {first:?}")
        };
        Some(Self {
            sender,
            receiver,
            last: 0,
            run: *run,
            answers: HashMap::new(),
            bytes: HashMap::new(),
            ended: HashMap::new(),
        })
    }

    pub(crate) fn task(&self, id: &str) -> &TaskView {
        self.run.tasks.iter().find(|task| task.id.as_str() == id).expect("a task")
    }

    pub(crate) fn host(&self, id: &str) -> &HostView {
        self.run.hosts.iter().find(|host| host.id.as_str() == id).expect("a host")
    }

    pub(crate) fn agent(&self, id: &str) -> &AgentView {
        self.run.agents.iter().find(|agent| agent.id.as_str() == id).expect("an agent")
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&mut self, request: Request) -> Result<Answer, ApiError> {
        self.last += 1;
        let id = self.last;
        self.sender.message(&Envelope { id, request }).expect("sent");
        self.until("the answer", |person| person.answers.contains_key(&id)).await;
        self.answers.remove(&id).expect("answered")
    }

    /// Types into a terminal.
    pub(crate) async fn types(&self, stream: u32, bytes: &[u8]) {
        let chunk = Chunk { stream, offset: 0, bytes: bytes.to_vec() };
        self.sender.send(Frame::Bulk(chunk)).await.expect("sent");
    }

    /// Reads on until this is so.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waited = timeout(PATIENCE, async {
            while !is_so(self) {
                let frame = self.receiver.recv().await.expect("sound").expect("the backend is there");
                self.take(frame);
            }
        });
        if waited.await.is_err() {
            panic!("{what} was waited for in vain: {:#?}", Short(&self.run));
        }
    }

    fn take(&mut self, frame: Frame) {
        if let Frame::Bulk(chunk) = frame {
            let bytes = self.bytes.entry(chunk.stream).or_default();
            assert_eq!(chunk.offset, bytes.len() as u64, "no byte twice and none left out");
            bytes.extend(chunk.bytes);
            return;
        }
        match frame.message().expect("a message") {
            FromBackend::Answer { id, result } => drop(self.answers.insert(id, result)),
            FromBackend::Event { event: Event::Changed(patch) } => self.lay_over(*patch),
            FromBackend::Event { event: Event::Notice(_) } => {}
            FromBackend::StreamEnded { stream, why } => drop(self.ended.insert(stream, why)),
        }
    }

    fn lay_over(&mut self, patch: RunPatch) {
        assert_eq!(patch.revision, self.run.revision + 1);
        self.run.revision = patch.revision;
        self.run.run = patch.run;
        replace(&mut self.run.tasks, patch.tasks, |task| task.id.to_string());
        replace(&mut self.run.agents, patch.agents, |agent| agent.id.to_string());
        replace(&mut self.run.hosts, patch.hosts, |host| host.id.to_string());
        if let Some(inbox) = patch.inbox {
            self.run.inbox = inbox;
        }
        self.run.notices.extend(patch.notices);
    }
}

fn replace<T>(all: &mut Vec<T>, changed: Vec<T>, id: impl Fn(&T) -> String) {
    for item in changed {
        match all.iter_mut().find(|old| id(old) == id(&item)) {
            Some(old) => *old = item,
            None => all.push(item),
        }
    }
}

/// What a test that failed should show of a run.
struct Short<'a>(&'a RunSnapshot);

impl std::fmt::Debug for Short<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tasks = self.0.tasks.iter().map(|task| (&task.id, task.phase, &task.error, &task.waiting));
        let hosts = self.0.hosts.iter().map(|host| (&host.id, host.contact, &host.problem));
        let agents = self.0.agents.iter().map(|agent| (&agent.id, agent.status, &agent.problem));
        let notices = self.0.notices.iter().map(|notice| (notice.kind, &notice.detail));
        f.debug_struct("Run")
            .field("phase", &self.0.run.phase)
            .field("tasks", &tasks.collect::<Vec<_>>())
            .field("hosts", &hosts.collect::<Vec<_>>())
            .field("agents", &agents.collect::<Vec<_>>())
            .field("inbox", &self.0.inbox)
            .field("notices", &notices.collect::<Vec<_>>())
            .finish()
    }
}
