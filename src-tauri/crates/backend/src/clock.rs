//! The one place of this crate that reads the clock.

use miyabi_protocol::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this module owns the clock of the backend")]
pub(crate) fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
