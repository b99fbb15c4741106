//! Hosts are reached for real: an `sshd` of the test's own on loopback, in a mount namespace with its
//! own home, passwords and /tmp. That needs root; without it each test says so and leaves off.

mod ending;
mod helper_there;
mod keys;
mod login;
mod programs;
mod roads;
mod shells;
mod slurm;
mod stage;
