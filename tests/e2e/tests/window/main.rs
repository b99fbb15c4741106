//! The real window under a display of its own, driven as a person would.

mod agents;
mod great;
mod hosts;
mod level6;
mod notices;
mod pictures;
mod shell;
mod survival;
mod work;
