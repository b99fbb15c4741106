//! The report as a person and a program read it, of runs that the engine replays.

mod figures;
mod forms;
mod on_git;
mod story;
mod work;
