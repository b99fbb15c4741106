//! `miyabi doctor`: what is installed, what is missing, and the line that mends it.

use std::fmt::Write as _;

use miyabi_api::{ApiError, DoctorLine};

use crate::args::Doctor;
use crate::exit::Exit;
use crate::{terminal, text};

/// Looks at the machine, and at the agent programs of a plan.
pub(crate) async fn doctor(args: &Doctor) -> Result<Exit, ApiError> {
    let service = args.target.service()?;
    let lines = service.doctor_of(args.plan.as_deref(), args.target.state_dir.as_deref()).await?;
    terminal::print(&table(&lines));
    Ok(verdict(&lines))
}

/// Good when nothing that is required is missing.
pub(crate) fn verdict(lines: &[DoctorLine]) -> Exit {
    if lines.iter().all(|line| line.ok || !line.required) { Exit::Done } else { Exit::Environment }
}

/// The check-up as text.
pub(crate) fn table(lines: &[DoctorLine]) -> String {
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        let sign = match (line.ok, line.required) {
            (true, _) => "✓",
            (false, true) => "✗",
            (false, false) => "!",
        };
        let _ = writeln!(out, "{sign} {:<width$}  {}", line.name, text::clean(&line.found));
        if !line.remedy.is_empty() {
            let _ = writeln!(out, "  {:<width$}  → {}", "", text::clean(&line.remedy));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_stands_with_its_remedy() {
        let line = |name: &str, ok, required, found: &str, remedy: &str| DoctorLine {
            name: name.to_owned(),
            ok,
            required,
            for_agents: false,
            found: found.to_owned(),
            remedy: remedy.to_owned(),
        };
        let mut lines = vec![
            line("miyabi-host", true, true, "miyabi-host 0.1.0", ""),
            line("git", false, false, "not found", "brew install git"),
        ];
        assert_eq!(verdict(&lines), Exit::Done);
        lines.push(line("tmux", false, true, "not found", "brew install tmux"));
        assert_eq!(verdict(&lines), Exit::Environment);
        insta::assert_snapshot!(table(&lines));
    }
}
