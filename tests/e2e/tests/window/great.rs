//! A plan of a thousand tasks in the window: how long until it is drawn, how smoothly it moves. Measured by
//! `cargo nextest run -p miyabi-e2e --run-ignored only --no-capture great`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page};
use serde_json::{Value, json};

const TASKS: usize = 1_000;
const LANES: usize = 20;
const PATIENCE: Duration = Duration::from_secs(120);

/// Each task needs the one above it and that one's neighbour.
fn write_great_plan(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder.join("work"))?;
    let task = |index: usize| {
        let lane = index % LANES;
        let above = index.checked_sub(LANES);
        let beside = above.filter(|_| lane + 1 < LANES).map(|above| above + 1);
        let needs: Vec<String> =
            above.into_iter().chain(beside).map(|need| format!("Task-{}", need + 1)).collect();
        json!({
            "id": format!("Task-{}", index + 1), "title": format!("Part {} of the work", index + 1),
            "prompt": "do it", "agent": format!("CG-{}", lane + 1), "needs": needs, "priority": 1,
            "estimated_seconds": 300, "module": "great", "outputs": [], "acceptance": []
        })
    };
    let agent = |lane: usize| json!({ "id": format!("CG-{}", lane + 1), "title": "Lane", "host": "local", "runner": "external" });
    let dag = json!({
        "version": "1.0.0", "name": "great", "title": "A thousand tasks", "work_folder": "work",
        "tasks": (0..TASKS).map(task).collect::<Vec<_>>()
    });
    let config = json!({
        "version": "1.0.0",
        "hosts": [{ "id": "local", "title": "This machine", "transport": "local", "capacity": LANES, "labels": [] }],
        "agents": (0..LANES).map(agent).collect::<Vec<_>>(),
    });
    std::fs::write(folder.join("task_dag.json"), dag.to_string())?;
    Ok(std::fs::write(folder.join("agent_config.json"), config.to_string())?)
}

/// Milliseconds from the page's own beginning until so many nodes are painted.
async fn painted_after(page: &Page, nodes: usize) -> Result<f64> {
    let script = "const [nodes, done] = arguments;\
        const look = () => {\
            if (document.querySelectorAll('[data-testid=task-node]').length < nodes) return void requestAnimationFrame(look);\
            requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));\
        };\
        look();";
    let millis = page.client().execute_async(script, vec![json!(nodes)]).await?;
    millis.as_f64().context("a time")
}

/// Frames a second while a hand drags the graph to and fro.
async fn frames_while_panning(page: &Page) -> Result<f64> {
    let count = "const frames = []; window.frames = frames;\
        const tick = (at) => { frames.push(at); if (window.frames === frames) requestAnimationFrame(tick); };\
        requestAnimationFrame(tick);\
        const { x, y, width, height } = document.querySelector('.react-flow__pane').getBoundingClientRect();\
        return [x + width / 2, y + height - 12];";
    let middle = page.client().execute(count, Vec::new()).await?;
    let at = |offset: f64| -> Result<PointerAction> {
        let (x, y) = (middle[0].as_f64().context("x")?, middle[1].as_f64().context("y")?);
        Ok(PointerAction::MoveTo { duration: Some(Duration::from_millis(16)), x: x + offset, y })
    };
    let mut hand = MouseActions::new("hand".to_owned())
        .then(at(0.0)?)
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
    for step in 0..120 {
        let there = f64::from((step % 60_i32 - 30).abs() - 30);
        hand = hand.then(at(there * 8.0)?);
    }
    page.client().perform_actions(hand.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT })).await?;
    let read = "const frames = window.frames; window.frames = null; return frames;";
    let frames: Vec<f64> = serde_json::from_value(page.client().execute(read, Vec::new()).await?)?;
    let (first, last) = (frames.first().context("a frame")?, frames.last().context("a frame")?);
    ensure!(frames.len() > 1, "no frames");
    Ok((frames.len() - 1) as f64 / (last - first) * 1_000.0)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and says nothing about right and wrong"]
async fn a_great_plan_is_drawn_and_moved() -> Result<()> {
    let mut desk = Desk::make().await?;
    let plan = desk.path("plans/great");
    write_great_plan(&plan)?;
    let [word, state] = desk.state_words();
    let output = desk.miyabi(&["run", &plan.to_string_lossy(), &word, &state, "--external", "-d"])?;
    ensure!(output.status.success(), "{output:?}");

    let page = desk.open(&[&word, &state]).await?;
    let whole = painted_after(&page, TASKS).await?;
    page.see_within(&css("run-phase", &[("data-phase", "running")]), PATIENCE).await?;
    let far = frames_while_panning(&page).await?;
    page.keep_picture("great-far").await?;
    // Near enough to read.
    let zoom = "document.querySelector('[data-graph-fit]').parentElement.firstElementChild.click();";
    for _ in 0..12 {
        page.client().execute(zoom, Vec::new()).await?;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let near = frames_while_panning(&page).await?;
    page.keep_picture("great-near").await?;
    let memory: Value =
        page.client().execute("return document.querySelectorAll('*').length;", Vec::new()).await?;
    println!(
        "{TASKS} tasks: all painted after {whole:.0} ms; panning {far:.0} fps from afar, {near:.0} fps near; {memory} elements"
    );
    Ok(())
}
