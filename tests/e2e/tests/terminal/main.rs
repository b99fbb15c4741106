//! Real runs without a window, in a tmux server of their own.

mod stage;
mod survival;
