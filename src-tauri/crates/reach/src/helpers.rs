//! The programs that may be put on a host: one a platform, side by side by version.

use std::path::PathBuf;

/// What a host is, as `uname -sm` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// As in `Linux` and `Darwin`.
    pub system: String,
    /// As in `x86_64`, `aarch64` and `arm64`.
    pub machine: String,
}

/// Where programs for hosts are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helpers {
    /// The `miyabi-host` of this machine: fits hosts of the same platform.
    pub own: PathBuf,
    /// A folder of `miyabi-host-<system>-<machine>`, in lower case, as `cargo xtask helpers` makes it.
    pub folder: PathBuf,
}
