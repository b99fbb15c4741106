//! Whether the desktop shows tray icons at all. A window hidden where nothing can bring it back
//! would be lost, so this is asked each time.

/// Asks the session bus for somebody who draws tray icons.
#[cfg(target_os = "linux")]
pub(crate) fn is_there() -> bool {
    const WATCHER: &str = "org.kde.StatusNotifierWatcher";
    let asked = || -> zbus::Result<bool> {
        let bus = zbus::blocking::Connection::session()?;
        if !zbus::blocking::fdo::DBusProxy::new(&bus)?.name_has_owner(WATCHER.try_into()?)? {
            return Ok(false);
        }
        let watcher = zbus::blocking::proxy::Builder::<zbus::blocking::Proxy<'_>>::new(&bus)
            .destination(WATCHER)?
            .path("/StatusNotifierWatcher")?
            .interface(WATCHER)?
            .cache_properties(zbus::proxy::CacheProperties::No)
            .build()?;
        watcher.get_property("IsStatusNotifierHostRegistered")
    };
    asked().unwrap_or_else(|error| {
        tracing::debug!(%error, "nobody was asked for a tray");
        false
    })
}

/// Other systems have their place for such icons always.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_there() -> bool {
    true
}
