//! One adapter a runner kind: how an agent program is started and how its stream is read.
//!
//! Pure: an attempt sheet goes in, a command or a schedule comes out; bytes go in, events come
//! out. The runner owns the processes, the clock and the files.

pub mod acp;
pub mod adapter;
pub mod causes;
pub mod claude;
pub mod codex;
pub mod command;
pub mod event;
pub mod json_lines;
pub mod json_rpc;
pub mod lines;
pub mod mcp;
pub mod rehearsal;
pub mod shown;
pub mod transcript;

pub use adapter::{Adapter, Exit, Hearing, Output, Start, adapter};
pub use command::{CommandStream, Launch};
pub use event::{AgentEvent, Failed, TurnEnd};
pub use rehearsal::Beat;
