//! One agent's commands, carried out in their order and beside those of other agents.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use miyabi_plan::{AgentId, AttemptId};
use miyabi_protocol::link::Report;
use miyabi_protocol::runner_link::ToRunner;
use miyabi_protocol::{AgentStatus, AttemptSheet, Baseline, StatusFile};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::host::Host;
use super::work::places;
use super::{runners, windows};
use crate::tmux::{Role, WindowPlan};
use crate::{disk, outputs};

/// One thing to do for an agent.
pub(crate) enum Errand {
    Ensure { window: String, standing: Standing },
    Offer { sheet: Box<AttemptSheet>, status: StatusFile },
    Write { status: StatusFile },
    Stop { attempt: AttemptId, reason: String },
    Mirror { status: StatusFile },
    Show { window: String, argv: Vec<String> },
}

/// Who stands behind an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A runner of ours.
    Ours,
    /// Somebody else's loop.
    Others,
}

/// All agents' lanes.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: HashMap<AgentId, (mpsc::UnboundedSender<Errand>, JoinHandle<()>)>,
}

impl Lanes {
    pub(crate) fn send(&mut self, host: &Arc<Host>, agent: AgentId, errand: Errand) {
        let (sender, _) = self.lanes.entry(agent.clone()).or_insert_with(|| {
            let (sender, errands) = mpsc::unbounded_channel();
            let lane = Lane { host: host.clone(), agent, window: None, standing: Standing::Ours };
            (sender, tokio::spawn(lane.work(errands)))
        });
        // A lane ends with its sender alone.
        let _ended = sender.send(errand);
    }

    /// Drops everything that waits.
    pub(crate) fn stop(&mut self) {
        for (_, (_, lane)) in self.lanes.drain() {
            lane.abort();
        }
    }
}

struct Lane {
    host: Arc<Host>,
    agent: AgentId,
    /// The window's name, once we were told.
    window: Option<String>,
    standing: Standing,
}

impl Lane {
    async fn work(mut self, mut errands: mpsc::UnboundedReceiver<Errand>) {
        while let Some(errand) = errands.recv().await {
            if matches!(errand, Errand::Ensure { .. } | Errand::Offer { .. } | Errand::Write { .. }) {
                self.come_home();
            }
            let result = match errand {
                Errand::Ensure { window, standing } => {
                    self.window = Some(window);
                    self.standing = standing;
                    match standing {
                        Standing::Ours => self.ensure_runner(Telling::Always).await,
                        Standing::Others => self.open_log_window().await,
                    }
                }
                Errand::Offer { sheet, status } => self.offer(*sheet, status).await,
                Errand::Write { status } => self.write_status(&status).await,
                Errand::Stop { attempt, reason } => {
                    // No runner, nothing to stop: its end is or will be reported.
                    self.host.runners.tell(&self.agent, ToRunner::Stop { attempt, reason });
                    Ok(())
                }
                Errand::Mirror { status } => self.mirror(&status).await,
                Errand::Show { window, argv } => self.show(window, argv).await,
            };
            if let Err(message) = result {
                self.host.reports.problem(&self.agent, message);
            }
        }
    }

    /// From here on the agent is at another site.
    async fn leave_home(&self) {
        if self.host.elsewhere().insert(self.agent.clone()) {
            tracing::info!(agent = %self.agent, "is at another site now");
        }
        // One that was here before it moved would write over the mirror.
        runners::dismiss(&self.host, &self.agent).await;
    }

    /// From here on the agent is at this site. What its mirror says was done elsewhere: the agent shows
    /// itself anew.
    fn come_home(&self) {
        if !self.host.is_elsewhere(&self.agent) {
            return;
        }
        let path = self.host.dir.status(&self.agent);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("cannot remove the mirror {}: {error}", path.display());
                self.host.reports.problem(&self.agent, message);
            }
            _ => {}
        }
        // No await lies between, so that the mirror is never taken for the agent's word.
        self.host.elsewhere().remove(&self.agent);
    }

    async fn mirror(&self, status: &StatusFile) -> Result<(), String> {
        self.leave_home().await;
        let path = self.host.dir.status(&self.agent);
        let bytes =
            disk::json(status).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.host.write_mirror(&path, &bytes).await;
        Ok(())
    }

    async fn show(&mut self, window: String, argv: Vec<String>) -> Result<(), String> {
        if argv.is_empty() {
            return Err(format!("the window {window} of {} has nothing to show", self.agent));
        }
        self.leave_home().await;
        self.window = Some(window);
        self.host.windows.open(self.plan(Role::View, argv)).await
    }

    async fn offer(&self, mut sheet: AttemptSheet, status: StatusFile) -> Result<(), String> {
        places::tell_cache(&self.host.places, &mut sheet);
        let path = self.host.dir.sheet(&sheet.attempt);
        let bytes =
            disk::json(&sheet).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let (attempt, ours) = (sheet.attempt.clone(), sheet.runner.is_ours());
        let baseline = take_baseline(sheet).await?;
        self.host.write(&path, &bytes).await;
        if ours {
            self.ensure_runner(Telling::WhenNew).await?;
        }
        self.write_status(&status).await?;
        self.host.reports.send(&Report::Offered { attempt, baseline });
        Ok(())
    }

    /// Writes a status file, unless it is the agent's turn to write: an offer that is withdrawn at
    /// the very moment it is taken must not wipe out that it was taken. The backend is told what
    /// the file says instead.
    async fn write_status(&self, status: &StatusFile) -> Result<(), String> {
        if let Some(standing) = self.not_ours_to_write(status.status) {
            tracing::info!(agent = %self.agent, "left alone: it is the agent's turn to write");
            self.host.reports.send(&Report::Status { agent: self.agent.clone(), status: standing });
            return Ok(());
        }
        let path = self.host.dir.status(&self.agent);
        let bytes =
            disk::json(status).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        self.host.write(&path, &bytes).await;
        Ok(())
    }

    /// The file that a status must not be written over: one that says IN_PROGRESS while whoever
    /// wrote it may be alive, and any at all for an IN_PROGRESS that replaces a lost one.
    fn not_ours_to_write(&self, next: AgentStatus) -> Option<StatusFile> {
        let standing = self.host.status(&self.agent)?;
        let lives = match self.standing {
            Standing::Ours => {
                self.host.runners.state(&self.agent).is_some_and(|runner| runner.attempt.is_some())
            }
            Standing::Others => true,
        };
        let is_at_work = standing.status == AgentStatus::InProgress && lives;
        (is_at_work || next == AgentStatus::InProgress).then_some(standing)
    }

    async fn ensure_runner(&self, telling: Telling) -> Result<(), String> {
        let known = self.host.runners.state(&self.agent).is_some();
        let plan = || self.plan(Role::Work, self.runner_argv());
        let state = runners::ensure(&self.host, &self.agent, plan).await?;
        if !known || telling == Telling::Always {
            self.host.reports.send(&Report::RunnerUp {
                agent: self.agent.clone(),
                pid: state.pid,
                attempt: state.attempt,
            });
        }
        Ok(())
    }

    async fn open_log_window(&self) -> Result<(), String> {
        let (log, status) = (self.host.dir.log(Some(&self.agent)), self.host.dir.status(&self.agent));
        let argv = windows::show_log(&self.host.program, &self.title(), &log, Some(&status));
        self.host.windows.open(self.plan(Role::Log, argv)).await
    }

    fn plan(&self, role: Role, argv: Vec<String>) -> WindowPlan {
        let place = self.host.hello.windows.iter().position(|(agent, _)| *agent == self.agent);
        WindowPlan {
            agent: self.agent.to_string(),
            name: self.title(),
            place: place.and_then(|place| u32::try_from(place + 1).ok()),
            argv,
            role,
        }
    }

    fn title(&self) -> String {
        let planned = || self.host.hello.windows.iter().find(|(agent, _)| *agent == self.agent);
        self.window
            .clone()
            .or_else(|| planned().map(|(_, name)| name.clone()))
            .unwrap_or_else(|| self.agent.to_string())
    }

    /// A tmux server's environment may be older than the run: all that a runner needs is in its
    /// arguments.
    fn runner_argv(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let options = [
            ("--agent", self.agent.to_string()),
            ("--title", self.title()),
            ("--state-dir", text(self.host.dir.root())),
            ("--run-id", self.host.hello.run_id.clone()),
            ("--socket", text(&self.host.socket(&self.agent))),
        ];
        let mut argv = vec![text(&self.host.program), "run".to_owned()];
        argv.extend(options.into_iter().map(|(name, value)| format!("{name}={value}")));
        // It may be offered work before the first lease is granted, and must not outlive a link that it
        // never heard over.
        argv.extend(self.host.hello.lease_seconds.map(|_| "--leased".to_owned()));
        argv
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Always,
    WhenNew,
}

async fn take_baseline(sheet: AttemptSheet) -> Result<Baseline, String> {
    let Some(folder) = sheet.work_folder.filter(|_| !sheet.outputs.is_empty()) else {
        return Ok(Baseline::new());
    };
    let look = move || outputs::baseline(Path::new(&folder), &sheet.outputs);
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Err(error.to_string()))
}
