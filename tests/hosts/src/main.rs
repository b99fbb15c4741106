//! Measures what links to other hosts cost, on the two hosts of the lab: `hosts-bench HAND-OVERS`; and how fast
//! work travels between them: `hosts-bench git FILES`.

use anyhow::{Context as _, Result};
use miyabi_host_lab::{bench, lab};

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some("git") {
        let files = std::env::args().nth(2).and_then(|files| files.parse().ok()).unwrap_or(10_000);
        return lab::on_two_hosts_with(lab::LARGE_TMP_MIB, |lab| bench::git::run(lab, files));
    }
    let hand_overs = std::env::args().nth(1).unwrap_or_else(|| "240".to_owned());
    let hand_overs =
        hand_overs.parse().with_context(|| format!("{hand_overs} is no number of hand-overs"))?;
    lab::on_two_hosts_with(lab::LARGE_TMP_MIB, |lab| bench::run(lab, hand_overs))
}
