//! When a link is taken for dead: nothing came over it for too long.

use std::io;

use crate::clock::{BootTimer, boot_millis};

/// The patience of one link.
pub(crate) struct Silence {
    /// None where a link cannot die unseen.
    seconds: Option<u32>,
    timer: BootTimer,
}

impl Silence {
    pub(crate) fn new(seconds: Option<u32>) -> io::Result<Self> {
        Ok(Self { seconds: seconds.filter(|seconds| *seconds > 0), timer: BootTimer::new()? })
    }

    /// Something came.
    pub(crate) fn heard(&mut self) {
        if let Some(seconds) = self.seconds {
            self.timer.set(Some(boot_millis() + u64::from(seconds) * 1_000));
        }
    }

    /// Returns when nothing came for too long, and for how many seconds.
    pub(crate) async fn over(&self) -> u32 {
        self.timer.rings().await;
        self.seconds.unwrap_or(0)
    }
}
