//! How the terminal and the window reach a run: plans read from disk, backends started and spoken
//! to. Both are clients of the same backend and use the same functions.

mod agent_programs;
mod clock;
pub mod connection;
pub mod doctor;
mod drafts;
pub mod environment;
pub mod follow;
mod hosts;
mod inspect;
mod launch;
pub mod places;
pub mod plan_files;
mod programs;
mod pull_request;
mod repository;
pub mod runs;
pub mod service;
mod session;
mod streams;
pub mod trust;
mod wait;

pub use clock::now;
pub use connection::Connection;
pub use environment::Environment;
pub use follow::apply;
pub use launch::SetUp;
pub use plan_files::PlanFiles;
pub use runs::KeptRun;
pub use service::Service;
pub use streams::{LogChunk, LogStream, TerminalStream};
pub use trust::TrustStore;
