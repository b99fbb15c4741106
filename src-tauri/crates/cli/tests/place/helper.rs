//! The helper's program beside ours.
#![expect(clippy::disallowed_methods, reason = "cargo is asked to build it")]

use std::path::Path;
use std::process::Command;

/// Makes sure that it is there. Cargo builds the programs of this package alone before its tests;
/// whoever builds the workspace first has this one already.
pub(crate) fn is_built() {
    if !Path::new(env!("CARGO_BIN_EXE_miyabi")).with_file_name("miyabi-host").exists() {
        let built =
            Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "miyabi-host"]).status();
        assert!(built.expect("cargo").success(), "miyabi-host is built");
    }
}
