//! The Level 6 plan: the figures that LEVEL 6 promises, and what validation says of it.

use std::fs;
use std::path::{Path, PathBuf};

use miyabi_plan::{
    Choice, Forecast, NamedText, Plan, PlanText, conflicts, forecast, forecasts, layout, read,
};

fn example(name: &str) -> PlanText {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../examples").join(name);
    let file = |file: &str| {
        let text = fs::read_to_string(folder.join(file)).expect("the examples are in the repository");
        Some(NamedText::new(file, text))
    };
    PlanText {
        tasks: file("task_dag.json"),
        agent_config: file("agent_config.json"),
        tmux_layout: file("tmux_layout.conf"),
        ..PlanText::default()
    }
}

fn level6() -> Plan {
    read(&example("level6")).plan.expect("the example has no errors")
}

fn under(follow_waves: bool, drop_conflicting_edges: bool) -> Forecast {
    forecast(&level6(), Choice { follow_waves, drop_conflicting_edges })
}

fn figures(forecast: &Forecast) -> (u32, f64, f64, f64, usize) {
    (
        forecast.levels,
        forecast.critical_path_seconds,
        forecast.lower_bound_seconds,
        forecast.expected_seconds,
        forecast.dropped_edges.len(),
    )
}

#[test]
fn each_choice_gives_the_promised_figures() {
    assert_eq!(figures(&under(false, false)), (8, 6_600.0, 6_600.0, 6_600.0, 0));
    assert_eq!(figures(&under(true, false)), (8, 6_600.0, 6_600.0, 6_600.0, 0));
    assert_eq!(figures(&under(true, true)), (5, 5_400.0, 5_400.0, 5_400.0, 2));
    assert_eq!(under(false, false).one_agent_seconds, 14_100.0);
    let choices: Vec<f64> = forecasts(&level6()).iter().map(|each| each.expected_seconds).collect();
    assert_eq!(choices, [6_600.0, 6_600.0, 5_400.0]);
}

#[test]
fn the_critical_path_and_the_slots_are_those_of_the_table() {
    let forecast = under(false, false);
    let path: Vec<&str> = forecast.critical_path.iter().map(miyabi_plan::TaskId::as_str).collect();
    assert_eq!(path, ["Task-1", "Task-2", "Task-6", "Task-8", "Task-10", "Task-11", "Task-14", "Task-15"]);
    let slots: Vec<String> = forecast
        .slots
        .iter()
        .map(|slot| {
            let (task, agent, host) = (&slot.task, &slot.agent, &slot.host);
            let mark = if slot.critical { " *" } else { "" };
            format!(
                "{task} {agent} {host} {}-{} level {}{mark}",
                slot.start_seconds, slot.end_seconds, slot.level
            )
        })
        .collect();
    insta::assert_snapshot!(slots.join("\n"));
}

#[test]
fn no_task_waits_for_a_host_or_moves_to_another_agent() {
    let plan = level6();
    for forecast in forecasts(&plan) {
        for (slot, task) in forecast.slots.iter().zip(&plan.tasks) {
            assert_eq!((&slot.task, &slot.agent), (&task.id, &task.agent));
        }
    }
}

#[test]
fn two_conflicts_are_all_there_is_to_say() {
    let found = read(&example("level6"));
    let lines: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"));
    let edges: Vec<String> =
        conflicts(&level6()).iter().map(|edge| format!("{} {}", edge.need, edge.task)).collect();
    assert_eq!(edges, ["Task-6 Task-8", "Task-7 Task-9"]);
}

#[test]
fn it_is_the_plan_of_fifteen_agents_and_fifty_five_files() {
    let plan = level6();
    assert_eq!((plan.tasks.len(), plan.agents.len(), plan.work_seconds()), (15, 15, 14_100));
    assert_eq!(plan.tasks.iter().map(|task| task.outputs.len()).sum::<usize>(), 55);
    let windows: Vec<String> = miyabi_plan::windows(&plan).into_iter().map(|window| window.name).collect();
    assert_eq!((windows.len(), windows[0].as_str(), windows[1].as_str()), (15, "CCG-1-Plan", "CG-1-Core"));
    let codex: u32 = plan
        .tasks
        .iter()
        .filter(|task| task.kind().as_str() == "CG")
        .map(|task| task.estimated_seconds)
        .sum();
    assert_eq!(codex, 9_000, "about 60 % of the work");
}

#[test]
fn its_picture_is_symmetric_around_the_middle() {
    let tasks: Vec<_> = level6().tasks.into_iter().map(|task| (task.id, task.needs)).collect();
    let places = layout(&tasks);
    let lines: Vec<String> = tasks.iter().map(|(task, _)| format!("{task} {:?}", places[task])).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn the_other_example_is_without_findings_and_runs_four_at_once() {
    let found = read(&example("commands"));
    assert_eq!(found.findings, []);
    let plan = found.plan.expect("no findings");
    let forecast = forecast(&plan, Choice::default());
    let starts = |at: f64| forecast.slots.iter().filter(|slot| slot.start_seconds == at).count();
    assert_eq!(starts(2.0), 4, "the four parts are counted at the same time");
}
