//! The git side of a run on this machine: commits are carried between its repository and the stores of
//! hosts, and branches are pushed to the plan's remote. All of it beside the run's loop.

mod carriage;
mod carriers;
mod copies;
mod pipe;
mod process;
mod push;

pub(crate) use carriers::{Carriers, Ways};
pub(crate) use copies::fill;
pub(crate) use push::Pusher;
