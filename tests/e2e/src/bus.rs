//! A session bus of the test's own, with somebody on it who takes notifications and draws tray
//! icons. Nothing is started by the bus itself.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::{Mutex, mpsc};
use zbus::zvariant::OwnedValue;

use crate::process::{self, Guarded};

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";

const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// A notification as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its number on this bus.
    pub id: u32,
    /// Its title.
    pub title: String,
    /// Its text, in the markup of notifications.
    pub body: String,
    /// What may be clicked: pairs of a name and a label.
    pub actions: Vec<String>,
}

struct Server {
    next: AtomicU32,
    arrived: mpsc::UnboundedSender<Notification>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    #[expect(clippy::too_many_arguments, reason = "the interface has these")]
    fn notify(
        &self,
        _program: String,
        _replaces: u32,
        _icon: String,
        title: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _milliseconds: i32,
    ) -> u32 {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        // The test may have ended while a last notification was under way.
        let _ = self.arrived.send(Notification { id, title, body, actions });
        id
    }

    fn close_notification(&self, _id: u32) {}

    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "body-markup"].map(str::to_owned).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let [name, vendor, version, spec] = ["desk", "miyabi", "1", "1.2"].map(str::to_owned);
        (name, vendor, version, spec)
    }
}

/// The bus and those who serve on it.
pub struct Bus {
    /// For the programs' environment.
    pub address: String,
    /// A connection of the test's own.
    pub connection: zbus::Connection,
    arrived: Arc<Mutex<mpsc::UnboundedReceiver<Notification>>>,
    _daemon: Guarded,
}

impl Bus {
    /// Starts a bus whose configuration lies in this folder.
    ///
    /// # Errors
    /// When there is no `dbus-daemon`.
    pub async fn start(folder: &Path) -> Result<Self> {
        let file = folder.join("bus.conf");
        std::fs::File::create(&file)?.write_all(CONFIGURATION.as_bytes())?;
        let mut daemon = Guarded::start(
            process::command("dbus-daemon")
                .arg(format!("--config-file={}", file.display()))
                .args(["--nofork", "--print-address=1"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let output = daemon.output().context("dbus-daemon has no output")?;
        let address = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line.trim().to_owned())
        })
        .await??;
        let (sender, arrived) = mpsc::unbounded_channel();
        let connection = zbus::connection::Builder::address(address.as_str())?
            .serve_at(NOTIFICATIONS_PATH, Server { next: AtomicU32::new(1), arrived: sender })?
            .name(NOTIFICATIONS)?
            .build()
            .await?;
        Ok(Self { address, connection, arrived: Arc::new(Mutex::new(arrived)), _daemon: daemon })
    }

    /// The next notification that this is true of; those before it are passed over.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn notification(
        &self,
        within: Duration,
        is_it: impl Fn(&Notification) -> bool,
    ) -> Result<Notification> {
        let mut arrived = self.arrived.lock().await;
        let next = async {
            while let Some(notification) = arrived.recv().await {
                if is_it(&notification) {
                    return Some(notification);
                }
            }
            None
        };
        let found = tokio::time::timeout(within, next).await;
        found.ok().flatten().with_context(|| format!("no such notification arrived within {within:?}"))
    }

    /// Clicks a notification itself, as a person does.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn click(&self, notification: &Notification) -> Result<()> {
        let body = (notification.id, "default");
        let none = None::<&str>;
        Ok(self
            .connection
            .emit_signal(none, NOTIFICATIONS_PATH, NOTIFICATIONS, "ActionInvoked", &body)
            .await?)
    }
}
