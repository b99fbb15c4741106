//! Whole runs over this machine and two hosts, with the real helper, runners and tmux.

mod cuts;
mod given_up;
mod person;
mod sites;
mod stage;
mod terminals;
