//! The one place that reads the clock and sleeps.

use std::time::{Duration, SystemTime};

use miyabi_protocol::Timestamp;

pub(crate) fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this module is the crate's one clock")]
    let now = SystemTime::now();
    now.into()
}

pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}
