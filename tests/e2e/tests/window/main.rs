//! The real window under a display of its own, driven as a person would.

mod level6;
mod notices;
mod shell;
mod survival;
