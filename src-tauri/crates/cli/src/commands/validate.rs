//! `miyabi validate`: all findings at once, each with its place, and what each choice would give.

use std::fmt::Write as _;

use miyabi_api::{ApiError, PlanView};
use miyabi_client::{Environment, Service};
use miyabi_plan::{Choice, Finding, Severity};

use crate::args::Validate;
use crate::exit::Exit;
use crate::{terminal, text};

/// Checks a plan.
pub(crate) async fn validate(args: &Validate) -> Result<Exit, ApiError> {
    let service = Service::new(Environment::from_process()?);
    let view = service.inspect_plan(&args.plan, Choice::default(), None, None).await?;
    terminal::print(&match args.output.json {
        true => text::json(&view)?,
        false if args.brief => brief(&view),
        false => render(&view),
    });
    Ok(if has_errors(&view) { Exit::BadInput } else { Exit::Done })
}

/// Whether the plan cannot run.
pub(crate) fn has_errors(view: &PlanView) -> bool {
    view.findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// A line a finding, the errors last: who keeps only the end of it has what matters.
fn brief(view: &PlanView) -> String {
    let mut findings: Vec<&Finding> = view.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let lines =
        findings.into_iter().map(|finding| text::clean(&finding.to_string()).replace('\n', " ") + "\n");
    lines.collect()
}

/// Findings, then the forecast.
pub(crate) fn render(view: &PlanView) -> String {
    let mut out = head(view);
    let of =
        |severity| -> Vec<&Finding> { view.findings.iter().filter(|f| f.severity == severity).collect() };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    section(&mut out, &text::count(errors.len(), "error", "errors"), &errors);
    section(&mut out, &text::count(warnings.len(), "warning", "warnings"), &warnings);
    if errors.is_empty() {
        if warnings.is_empty() {
            out.push_str("\nNo findings.\n");
        }
        out.push_str(&forecast(view));
        if !view.obstacles.is_empty() {
            out.push_str("\nNOT FOR REAL YET\n");
            for obstacle in &view.obstacles {
                let _ = writeln!(out, "  {}", text::clean(obstacle));
            }
            let _ = writeln!(out, "  → miyabi run {} --rehearse   plays it", view.path);
        }
    }
    out
}

fn head(view: &PlanView) -> String {
    let Some(preview) = &view.preview else { return format!("{}\n", view.path) };
    let (tasks, agents, hosts) = (preview.tasks.len(), preview.agents.len(), preview.hosts.len());
    format!(
        "{}{}: {}\n{}, {}, {}\n",
        text::label(preview.run.label.as_deref()),
        view.path,
        text::clean(&preview.run.title),
        text::count(tasks, "task", "tasks"),
        text::count(agents, "agent", "agents"),
        text::count(hosts, "host", "hosts"),
    )
}

fn section(out: &mut String, title: &str, findings: &[&Finding]) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for finding in findings {
        let _ = writeln!(out, "  {}  [{}]", text::clean(&finding.place.to_string()), finding.code);
        let _ = writeln!(out, "      {}", text::clean(&finding.message));
        if !finding.remedy.is_empty() {
            let _ = writeln!(out, "    → {}", text::clean(&finding.remedy));
        }
    }
}

/// What each choice would give, and what one agent alone would need.
pub(crate) fn forecast(view: &PlanView) -> String {
    let mut out =
        format!("\n{:<42}  LEVELS  {:<12}  {:<12}  NEEDS LEFT OUT\n", "FORECAST", "EXPECTED", "LOWER BOUND");
    for choice in &view.choices {
        let dropped = match choice.dropped_edges {
            0 => "none".to_owned(),
            some => some.to_string(),
        };
        let _ = writeln!(
            out,
            "  {:<40}  {:>6}  {:<12}  {:<12}  {dropped}",
            choice_words(choice.choice),
            choice.levels,
            text::duration(choice.expected_seconds),
            text::duration(choice.lower_bound_seconds),
        );
    }
    if let Some(preview) = &view.preview {
        let alone = text::duration(preview.run.forecast.one_agent_seconds);
        let _ = writeln!(out, "  {:<40}  {:>6}  {alone}", "one agent alone", "");
        if let Some(budget) = preview.run.budget_usd {
            let budget = text::usd(budget);
            let _ =
                writeln!(out, "  {:<40}  {:>6}  {budget}; then a person is asked", "budget of the run", "");
        }
    }
    out
}

/// A choice as the flags that make it.
pub(crate) fn choice_words(choice: Choice) -> &'static str {
    match (choice.follow_waves, choice.drop_conflicting_edges) {
        (false, false) => "by the needs",
        (true, false) => "--follow-waves",
        (false, true) => "--drop-conflicting-edges",
        (true, true) => "--follow-waves --drop-conflicting-edges",
    }
}
