//! Support for the tests with the real agent programs: where they are, a scripted model that they
//! speak to in place of a real one, a machine of their own to run on, and the Level 6 run.
//!
//! No model and no login is ever reached: the programs see a made-up key, an address of this
//! machine and, where root allows it, a network that holds nothing else. Whatever is shown or
//! written says `scripted model`.

pub mod isolation;
pub mod level6;
pub mod model;
pub mod plan;
pub mod process;
pub mod programs;
pub mod sandbox;
pub mod script;
pub mod stage;

pub use isolation::isolated;
pub use model::Model;
pub use programs::Programs;
pub use sandbox::Sandbox;
pub use stage::Stage;

use std::path::{Path, PathBuf};

/// What every view and report of these runs says.
pub const LABEL: &str = "scripted model";

/// A file or folder of this package.
#[must_use]
pub fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
