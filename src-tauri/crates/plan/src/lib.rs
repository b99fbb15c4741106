//! The plan: tasks, agents, hosts, validation, forecast and layout.
//!
//! Pure: text goes in, values come out. No IO, no clock, no async runtime, so that the window,
//! the terminal, the engine and the simulator all reason about the very same plan.

pub mod dag;
pub mod finding;
pub mod forecast;
pub mod git;
pub mod graph;
pub mod ids;
pub mod layout;
pub mod layout_conf;
pub mod model;
pub mod money;
pub mod order;
pub mod outputs;
pub mod policy;
pub mod prompt;
pub mod read;
mod schedule;
pub mod schema;
pub mod state;
pub mod templates;

pub use finding::{Finding, Place, Severity};
pub use forecast::{Choice, Edge, Forecast, Slot, conflicts, effective_needs, forecast, forecasts};
pub use git::{ConflictsGo, Expect, GitPlan, GitWhen, PortRange, TestSource};
pub use graph::PlanGraph;
pub use ids::{AgentId, AttemptId, HostId, IdError, Kind, Site, TaskId};
pub use layout::layout;
pub use layout_conf::windows;
pub use model::{Agent, Check, Host, Limits, Order, Plan, RunnerKind, Task, TmuxWindow, TransportKind};
pub use money::Usd;
pub use policy::{
    Access, AgentMode, ApprovalPolicy, ApprovalRule, Budget, Failover, Fallback, McpTool, McpTools,
    PolicyAnswer, Price, PriceTable,
};
pub use read::{NamedText, PlanText, ReadPlan, read};
pub use state::{FailureCause, RoomOf, RunPhase, TaskPhase, WaitReason};
pub use templates::init_files;
