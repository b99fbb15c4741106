//! Commits on their way: one at a time a host, in the order in which they were asked for.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use miyabi_git::Repository;
use miyabi_plan::Site;
use miyabi_protocol::link::Command;
use miyabi_protocol::{Carriage, CarriageWay, RepositoryAt};
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::carriage;
use super::pipe::Pipe;
use super::process::Running;
use crate::git_streams::GIT_CREDIT;
use crate::runtime::Input;
use crate::site::ToSite;
use crate::streams::Streams;

/// What carriages are made with.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    /// The program that is git's transport.
    pub(crate) bridge: PathBuf,
    /// Where sockets lie.
    pub(crate) runtime_dir: PathBuf,
    pub(crate) streams: Streams,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
}

/// Carries commits, host by host.
#[derive(Debug)]
pub(crate) struct Carriers {
    ways: Ways,
    hosts: BTreeMap<Site, Carrier>,
}

#[derive(Debug)]
struct Carrier {
    jobs: mpsc::UnboundedSender<(PathBuf, Carriage)>,
    task: JoinHandle<()>,
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Carriers {
    pub(crate) const fn new(ways: Ways) -> Self {
        Self { ways, hosts: BTreeMap::new() }
    }

    /// Carries a commit after those that were asked for before.
    pub(crate) fn carry(
        &mut self,
        repository: &Path,
        line: mpsc::UnboundedSender<ToSite>,
        carriage: Carriage,
    ) {
        let site = Site::There(carriage.host.clone());
        let carrier = self.hosts.entry(site.clone()).or_insert_with(|| {
            let (jobs, received) = mpsc::unbounded_channel();
            let road = Road { ways: self.ways.clone(), site, line };
            Carrier { jobs, task: tokio::spawn(road.serve(received)) }
        });
        // It ends with this value only.
        drop(carrier.jobs.send((repository.to_owned(), carriage)));
    }

    /// The link to a site is gone, and all that was on its way with it: the engine asks again.
    pub(crate) fn lose(&mut self, site: &Site) {
        self.hosts.remove(site);
    }
}

/// The way to one host.
struct Road {
    ways: Ways,
    site: Site,
    line: mpsc::UnboundedSender<ToSite>,
}

/// A socket that is removed with its use.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // Its folder may have been taken away.
        drop(std::fs::remove_file(&self.0));
    }
}

/// A stream that is closed at both ends with its use.
struct Closing<'a>(&'a Road, u32);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.ways.streams.close_git(self.1);
        let close = Command::CloseStream { stream: self.1 };
        // A site's task ends only with the loop.
        drop(self.0.line.send(ToSite::Command(Box::new(close))));
    }
}

impl Road {
    async fn serve(self, mut jobs: mpsc::UnboundedReceiver<(PathBuf, Carriage)>) {
        while let Some((repository, carriage)) = jobs.recv().await {
            let problem = self.carry(&repository, &carriage).await.err().map(|why| problem(&carriage, &why));
            drop(self.ways.inputs.send(Input::Carried(carriage, problem)));
        }
    }

    async fn carry(&self, repository: &Path, carriage: &Carriage) -> Result<(), String> {
        let stream = self.ways.streams.open_git(&self.site);
        let (id, why, closing) = (stream.id, stream.why.clone(), Closing(self, stream.id));
        let socket = Socket(socket_path(&self.ways.runtime_dir, id)?);
        let listener = UnixListener::bind(&socket.0)
            .map_err(|error| format!("cannot listen on {}: {error}", socket.0.display()))?;
        let line = carriage::command(repository, &self.ways.bridge, &socket.0, carriage)?;
        let git = Running::start(&line)?;
        let passing = async {
            let Ok((connection, _)) = listener.accept().await else {
                return "the transport's socket broke".to_owned();
            };
            let open = Command::OpenGit {
                stream: id,
                service: carriage::service(carriage.way),
                repository: RepositoryAt::Store(carriage.store.clone()),
                credit: GIT_CREDIT,
            };
            drop(self.line.send(ToSite::Command(Box::new(open))));
            Pipe {
                stream,
                site: self.line.clone(),
                streams: self.ways.streams.clone(),
                of: self.site.clone(),
            }
            .pass(connection)
            .await
        };
        let ended = tokio::select! {
            ended = git.done() => ended,
            stopped = passing => Err(stopped),
        };
        drop((closing, socket));
        let ended = ended.map_err(|words| match why.get() {
            Some(why) => format!("{words} ({why})"),
            None => words,
        });
        match carriage.way {
            CarriageWay::There => ended,
            CarriageWay::Here => {
                ended?;
                has_come(repository, carriage).await
            }
        }
    }
}

/// Looks whether the commit that was named is what the branch points to here.
async fn has_come(repository: &Path, carriage: &Carriage) -> Result<(), String> {
    let (path, branch) = (repository.to_owned(), format!("refs/heads/{}", carriage.branch));
    let looked = tokio::task::spawn_blocking(move || Repository::open(&path)?.commit_of(&branch)).await;
    let found = looked.map_err(|error| error.to_string())?.map_err(|error| error.message)?;
    if found == carriage.commit {
        return Ok(());
    }
    Err(format!("the branch points to {found} and not to {}", carriage.commit))
}

fn problem(carriage: &Carriage, why: &str) -> String {
    let Carriage { branch, host, .. } = carriage;
    match carriage.way {
        CarriageWay::There => format!("{branch} cannot be brought to {host}: {why}"),
        CarriageWay::Here => format!("{branch} cannot be fetched from {host}: {why}"),
    }
}

/// A place for a socket in a folder that nobody else may look into.
fn socket_path(runtime_dir: &Path, stream: u32) -> Result<PathBuf, String> {
    let folder = runtime_dir.join("git");
    let at = |error: std::io::Error| format!("cannot make {}: {error}", folder.display());
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(at(error)),
        _ => {}
    }
    let found = std::fs::symlink_metadata(&folder).map_err(at)?;
    let is_ours = found.is_dir()
        && found.uid() == rustix::process::getuid().as_raw()
        && found.mode().trailing_zeros() >= 6;
    if !is_ours {
        return Err(format!("{} must be a folder that only you can read: remove it", folder.display()));
    }
    let path = folder.join(format!("{}-{stream}", std::process::id()));
    // One of an earlier process of the same number.
    drop(std::fs::remove_file(&path));
    Ok(path)
}

#[cfg(test)]
#[path = "carriers_tests.rs"]
mod carried;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn sockets_lie_where_nobody_else_looks() {
        let runtime = tempfile::tempdir().expect("folder");
        let path = socket_path(runtime.path(), 3).expect("a place");
        let folder = path.parent().expect("a folder");
        assert_eq!(std::fs::metadata(folder).expect("made").permissions().mode() & 0o777, 0o700);
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("mode");
        assert!(socket_path(runtime.path(), 3).is_err(), "others can look into it");
    }
}
