//! Real runs without a window, in a tmux server of their own.

mod bad_input;
mod ends;
mod examples;
mod external;
mod hand_over;
mod orders;
mod stage;
mod survival;
