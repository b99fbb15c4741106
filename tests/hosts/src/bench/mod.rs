//! What the links cost, measured on the lab's hosts with the built programs as a person has them.

mod agent;
pub mod git;
mod handover;
mod idle;
mod logs;
mod polling;

use std::time::Duration;

use anyhow::Result;

use crate::lab::Lab;

/// Delay of the slow link, each way.
const DELAY: Duration = Duration::from_millis(20);

/// Measures all of it and prints it, beside what others do in the same call on the same machine.
///
/// # Errors
/// When something cannot be measured.
pub fn run(lab: &mut Lab, hand_overs: usize) -> Result<()> {
    println!(
        "\nFrom COMPLETED on MUGEN to its dependent's BUSY on MAJIN, two agents a lane, four lanes at once:\n"
    );
    let head = ["", "hand-overs", "p50", "p99", "max", "round trip", "p99 beyond it"];
    println!("  {}", row(&head.map(str::to_owned)));
    handover::measure(lab, "miyabi, links as they are", hand_overs)?;
    lab.slow(0, DELAY)?;
    lab.slow(1, DELAY)?;
    let delay = DELAY.as_millis();
    handover::measure(lab, &format!("miyabi, {delay} ms each way"), hand_overs)?;
    lab.fast()?;
    polling::measure(lab, 8)?;
    println!("\nA log of MUGEN at the laptop's edge:\n");
    logs::measure(lab)?;
    println!("\nThe helper of MUGEN with 20 agents that have nothing to do:\n");
    idle::measure(lab)
}

/// The smallest value that this share of all values does not exceed; the share is in percent.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn row(cells: &[String]) -> String {
    let wide =
        |(at, cell): (usize, &String)| if at == 0 { format!("{cell:<34}") } else { format!("{cell:>14}") };
    cells.iter().enumerate().map(wide).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
