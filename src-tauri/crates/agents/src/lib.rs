//! One adapter a runner kind: how an agent program is started and how its stream is read.
//!
//! Pure: an attempt sheet goes in, a command or a schedule comes out; bytes go in, events come
//! out. The runner owns the processes, the clock and the files.

pub mod command;
pub mod event;
pub mod lines;
pub mod rehearsal;

pub use command::{CommandStream, Launch};
pub use event::AgentEvent;
pub use rehearsal::Beat;
