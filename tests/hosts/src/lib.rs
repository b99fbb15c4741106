//! Two hosts on one machine, MUGEN and MAJIN, and a laptop that reaches them over links that break.
//!
//! Each host is a set of namespaces with an address, a file system, a process tree, a tmux server and an SSH
//! server of its own; the test itself is the laptop. All of it lives below the namespaces of
//! [`miyabi_agent_tests::isolated`], so that the kernel ends it with the test, however that ends.

pub mod agents;
pub mod bench;
pub mod files;
pub mod host;
pub mod journal;
pub mod lab;
pub mod laptop;
pub mod plan;
pub mod relay;
pub mod repository;
pub mod run;
pub mod terminal;
pub mod wait;
pub mod wire;
pub mod witness;

pub use host::Host;
pub use lab::{Lab, on_two_hosts};
pub use laptop::Laptop;
pub use plan::Plan;
pub use run::Run;
pub use terminal::Terminal;
pub use wire::Wire;
pub use witness::Witness;
