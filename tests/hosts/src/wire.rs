//! What a link between the laptop and a host lets through: rules of nftables on both ends.
//!
//! Each end drops what comes in, so that whoever sends never learns of it: as on a real wire, and other than with
//! a rule for what goes out, which the sender would be told about.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Everything passes.
    Whole,
    /// Nothing passes.
    Cut,
    /// What the laptop sends arrives; what the host sends does not.
    OnlyToHost,
    /// What the host sends arrives; what the laptop sends does not.
    OnlyToLaptop,
    /// What belongs to one old connection is swallowed, in both directions: neither end ever learns that the
    /// other one is done with it. Everything else passes.
    Without {
        /// The laptop's port of that connection.
        port: u16,
    },
    /// So many packets of a hundred are lost, in both directions.
    Losing {
        /// How many of a hundred.
        percent: u8,
    },
}

impl Wire {
    /// What the laptop does with a packet of the host.
    fn at_the_laptop(self) -> Option<String> {
        match self {
            Self::Without { port } => Some(format!("tcp dport {port} drop")),
            _ => self.verdict(self == Self::OnlyToHost),
        }
    }

    /// What the host does with a packet of the laptop.
    fn at_the_host(self) -> Option<String> {
        match self {
            Self::Without { port } => Some(format!("tcp sport {port} drop")),
            _ => self.verdict(self == Self::OnlyToLaptop),
        }
    }

    fn verdict(self, is_deaf: bool) -> Option<String> {
        match self {
            Self::Cut => Some("drop".into()),
            Self::Losing { percent } => Some(format!("numgen random mod 100 < {percent} drop")),
            _ if is_deaf => Some("drop".into()),
            Self::Whole | Self::OnlyToHost | Self::OnlyToLaptop | Self::Without { .. } => None,
        }
    }

    /// The rules for both ends, as `nft` reads them: a table a host, put in place at once.
    pub(crate) fn rules(self, host: &str, host_address: &str, laptop_address: &str) -> [String; 2] {
        [(self.at_the_laptop(), host_address), (self.at_the_host(), laptop_address)].map(
            |(verdict, source)| {
                let rule = verdict.map(|verdict| format!("ip saddr {source} {verdict};"));
                let chain = format!("type filter hook input priority 0; {}", rule.unwrap_or_default());
                format!(
                    "table inet wire_{host} {{}}\ndelete table inet wire_{host}\n\
                     table inet wire_{host} {{\nchain in {{\n{chain}\n}}\n}}\n"
                )
            },
        )
    }
}

/// Hands rules to `nft`, which the command starts where they shall hold.
pub(crate) fn put(nft: &mut Command, rules: &str) -> Result<()> {
    let mut child = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn().context("nft cannot be started")?;
    child.stdin.take().context("a pipe")?.write_all(rules.as_bytes())?;
    let status = child.wait()?;
    ensure!(status.success(), "nft refused this with {status}:\n{rules}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_drops_what_comes_in() {
        let rule = |wire: Wire| {
            wire.rules("mugen", "H", "L").map(|rules| {
                let chain = rules.rsplit_once("priority 0; ").expect("a chain").1.to_owned();
                chain.trim_end_matches([' ', '}', '\n']).to_owned()
            })
        };
        assert_eq!(rule(Wire::Whole), ["", ""]);
        assert_eq!(rule(Wire::Cut), ["ip saddr H drop;", "ip saddr L drop;"]);
        assert_eq!(rule(Wire::OnlyToHost), ["ip saddr H drop;", ""]);
        assert_eq!(rule(Wire::OnlyToLaptop), ["", "ip saddr L drop;"]);
        let without = rule(Wire::Without { port: 7 });
        assert_eq!(without, ["ip saddr H tcp dport 7 drop;", "ip saddr L tcp sport 7 drop;"]);
        let lost = "numgen random mod 100 < 5 drop;";
        let losing = rule(Wire::Losing { percent: 5 });
        assert_eq!(losing, [format!("ip saddr H {lost}"), format!("ip saddr L {lost}")]);
    }
}
