//! Two hosts, each reached by a command of the plan: at work, lost, back again, and typed into.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page, process};
use serde_json::{Value, json};

/// The helper is put on a host before it answers.
const REACHED: Duration = Duration::from_secs(90);
const TYPED: &str = "typed-by-a-person";

/// A machine of its own as far as the programs on it can see: a home, a tmux server, a state folder.
struct FarHost {
    name: &'static str,
    folder: PathBuf,
}

impl FarHost {
    fn make(desk: &Desk, name: &'static str) -> Result<Self> {
        let folder = desk.path("far").join(name);
        for place in ["home", "runtime", "tmux", "work"] {
            std::fs::create_dir_all(folder.join(place))?;
        }
        std::fs::set_permissions(folder.join("runtime"), Permissions::from_mode(0o700))?;
        let host = Self { name, folder };
        let place = host.folder.display();
        let script = format!(
            "#!/bin/sh\n\
             test ! -e {place}/cut || exit 255\n\
             exec env HOME={place}/home XDG_RUNTIME_DIR={place}/runtime XDG_DATA_HOME={place}/home/data \
             TMUX_TMPDIR={place}/tmux \"$@\"\n"
        );
        std::fs::write(host.link(), script)?;
        std::fs::set_permissions(host.link(), Permissions::from_mode(0o755))?;
        Ok(host)
    }

    fn link(&self) -> PathBuf {
        self.folder.join("reach")
    }

    /// Its entry in `agent_config.json`.
    fn entry(&self) -> Value {
        json!({
            "id": self.name, "title": "Reached by a command", "transport": "command", "command": [self.link()],
            "capacity": 2, "labels": ["far"], "state_dir": self.folder.join("state"),
            "work_folder": self.folder.join("work"), "min_free_memory_mib": 0, "min_free_disk_mib": 0
        })
    }

    fn processes(&self) -> Vec<u32> {
        process::with_environment(&format!("TMUX_TMPDIR={}", self.folder.join("tmux").display()))
    }

    /// Cuts the link: what the command has become dies, and it reaches nobody any more.
    fn cut(&self) -> Result<()> {
        std::fs::write(self.folder.join("cut"), "")?;
        let serves = |id: &u32| process::words(*id).iter().any(|word| word == "serve");
        self.processes().into_iter().filter(serves).for_each(process::crash);
        Ok(())
    }

    fn mend(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.folder.join("cut"))?)
    }
}

impl Drop for FarHost {
    /// Runners outlive links; they must not outlive the test.
    fn drop(&mut self) {
        let _ = self.cut();
        for _ in 0..10 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            left.into_iter().for_each(process::crash);
        }
    }
}

fn write_plan(folder: &Path, hosts: &[&FarHost]) -> Result<()> {
    std::fs::create_dir_all(folder.join("work"))?;
    let task = |id: &str, agent: &str| {
        json!({
            "id": id, "title": id, "prompt": id, "agent": agent, "needs": [], "priority": 1,
            "estimated_seconds": 7200, "module": "far", "outputs": [], "acceptance": []
        })
    };
    let dag = json!({
        "version": "1.0.0", "name": "far", "title": "Work on two hosts", "work_folder": "work",
        "tasks": [task("Task-1", "CG-1"), task("Task-2", "CG-2")]
    });
    let local =
        json!({ "id": "local", "title": "This machine", "transport": "local", "capacity": 2, "labels": [] });
    let hosts: Vec<Value> = hosts.iter().map(|host| host.entry()).chain([local]).collect();
    let agent = |id: &str, host: &str| json!({ "id": id, "title": "Hand", "host": host, "runner": "command", "command": ["true"] });
    let config = json!({
        "version": "1.0.0", "hosts": hosts, "agents": [agent("CG-1", "MUGEN"), agent("CG-2", "MAJIN")],
        "limits": { "lost_after_seconds": 2 }
    });
    std::fs::write(folder.join("task_dag.json"), dag.to_string())?;
    Ok(std::fs::write(folder.join("agent_config.json"), config.to_string())?)
}

fn host(name: &str, contact: &str) -> String {
    css("host", &[("data-host-id", name), ("data-contact", contact)])
}

fn task(id: &str, phase: &str) -> String {
    css("task-node", &[("data-task-id", id), ("data-phase", phase)])
}

/// Rehearses on the plan's hosts; the commands that reach them are agreed to.
async fn rehearse(page: &Page) -> Result<()> {
    page.click(&css("rehearse-on-hosts", &[])).await?;
    page.click(&css("start-rehearse", &[])).await?;
    page.says(&css("confirm-lines", &[]), "reach").await?;
    page.click(&css("confirm-yes", &[])).await?;
    page.phase("running", REACHED).await
}

/// Types into the live terminal of the selected agent, and sees it there.
async fn type_into(page: &Page) -> Result<()> {
    page.click(&css("terminal-open", &[])).await?;
    page.see(&css("live-terminal", &[("data-agent-id", "CG-1"), ("data-state", "open")])).await?;
    // The status line of tmux there: it is the agent's own window.
    page.says(".xterm-rows", "CG-1-Hand").await?;
    page.see(".xterm-helper-textarea").await?.send_keys(TYPED).await?;
    page.says(".xterm-rows", TYPED).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_host_is_shown_as_lost_and_its_return_as_such() -> Result<()> {
    let mut desk = Desk::make().await?;
    let (mugen, majin) = (FarHost::make(&desk, "MUGEN")?, FarHost::make(&desk, "MAJIN")?);
    let plan = desk.path("plans/far");
    write_plan(&plan, &[&mugen, &majin])?;
    let [word, state] = desk.state_words();
    let page = desk.open(&[&plan.to_string_lossy(), &word, &state]).await?;
    rehearse(&page).await?;
    page.see_within(&host("MUGEN", "ready"), REACHED).await?;
    page.see_within(&host("MAJIN", "ready"), REACHED).await?;
    page.see(&task("Task-1", "running")).await?;
    page.see(&task("Task-2", "running")).await?;

    page.click(&task("Task-1", "running")).await?;
    type_into(&page).await?;
    page.keep_picture("live-terminal").await?;

    mugen.cut()?;
    page.see(&host("MUGEN", "reconnecting")).await?;
    page.see(&task("Task-1", "unverified")).await?;
    page.see(&css("lost-host", &[("data-host-id", "MUGEN")])).await?;
    page.see(&css("live-terminal", &[("data-state", "ended")])).await?;
    page.see(&task("Task-2", "running")).await?;
    page.click(&css("host", &[("data-host-id", "MUGEN")])).await?;
    page.says(&css("host-inspector", &[]), "MUGEN cannot be reached since").await?;
    page.keep_picture("host-lost").await?;

    mugen.mend()?;
    page.click(&css("host-try-now", &[])).await?;
    page.see(&host("MUGEN", "ready")).await?;
    page.see(&task("Task-1", "running")).await?;
    page.miss(&css("lost-host", &[])).await?;
    ensure!(page.number(&css("inbox-button", &[]), "data-waiting").await? == 0, "the inbox still asks");
    Ok(())
}
