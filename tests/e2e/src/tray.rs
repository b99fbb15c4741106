//! Somebody who draws tray icons, and clicks their menus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::bus::Bus;
use crate::eventually;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// Where an icon is served: who, and at which path.
type Icon = (String, String);

struct Watcher(Arc<Mutex<Option<Icon>>>);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    /// A program names either its path or its bus name.
    #[expect(clippy::needless_pass_by_value, reason = "the interface macro hands the header over")]
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let icon = if service.starts_with('/') {
            (sender, service)
        } else {
            (service, "/StatusNotifierItem".to_owned())
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(icon);
    }

    fn register_status_notifier_host(&self, _service: String) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        Vec::new()
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

/// The tray of a desk.
pub struct Tray {
    connection: zbus::Connection,
    icon: Arc<Mutex<Option<Icon>>>,
}

/// A menu's entry: its number, its properties and those below it.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

impl Tray {
    /// Has the desk show a tray from now on.
    ///
    /// # Errors
    /// When the bus refuses.
    pub async fn open(bus: &Bus) -> Result<Self> {
        let icon = Arc::default();
        bus.connection.object_server().at(WATCHER_PATH, Watcher(Arc::clone(&icon))).await?;
        bus.connection.request_name(WATCHER).await?;
        Ok(Self { connection: bus.connection.clone(), icon })
    }

    /// Waits for an icon.
    ///
    /// # Errors
    /// When none comes in time.
    pub async fn icon(&self, within: Duration) -> Result<Icon> {
        let look = || async { self.icon.lock().unwrap_or_else(PoisonError::into_inner).clone() };
        eventually("a tray icon", within, look).await
    }

    /// Clicks the entry of the icon's menu that begins with these words.
    ///
    /// # Errors
    /// When there is no such entry; the error names those that are there.
    pub async fn choose(&self, words: &str) -> Result<()> {
        let (service, path) =
            self.icon.lock().unwrap_or_else(PoisonError::into_inner).clone().context("no icon")?;
        let item = zbus::Proxy::new(&self.connection, service.clone(), path, ITEM).await?;
        let path: OwnedObjectPath = item.get_property("Menu").await?;
        let menu = zbus::Proxy::new(&self.connection, service, path, MENU).await?;
        let (_, layout): (u32, Layout) = menu.call("GetLayout", &(0i32, -1i32, Vec::<String>::new())).await?;
        let entries: Vec<(i32, String)> = layout.2.into_iter().filter_map(entry).collect();
        let found = entries.iter().find(|(_, label)| label.starts_with(words));
        let (id, _) = found.with_context(|| format!("no entry `{words}` among {entries:?}"))?;
        Ok(menu.call("Event", &(id, "clicked", Value::from(0i32), 0u32)).await?)
    }
}

fn entry(value: OwnedValue) -> Option<(i32, String)> {
    let (id, properties, _) = Layout::try_from(value).ok()?;
    let label = String::try_from(properties.get("label")?.try_clone().ok()?).ok()?;
    Some((id, label.replace('_', "")))
}
