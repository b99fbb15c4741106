//! What is done to repositories, with real ones.

mod common;
mod crash;
mod hurts;
mod keeping;
mod kept;
mod looking;
mod merging;
mod order;
mod repositories;
mod services;
mod trees;
mod undecided;
