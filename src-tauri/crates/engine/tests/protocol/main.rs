//! Every rule of the file protocol as the engine decides it, and what a person is promised of a run.
//! The helper's part is played word by word.

mod bench;
mod done;
mod ending;
mod external;
mod failover;
mod forecast;
mod hand_shake;
mod handing_out;
mod hosts;
mod inbox;
mod money;
mod orders;
mod queue_file;
mod restart;
mod retry;
mod reviews;
mod sheets;
mod speed;
mod trouble;
mod works;
