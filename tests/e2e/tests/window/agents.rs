//! The real Claude Code in the window, with a scripted model behind it: what it asks for is answered
//! by clicks, and what it is told reaches it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use miyabi_agent_tests::LABEL;
use miyabi_e2e::agents::{Scripted, with_agents};
use miyabi_e2e::page::css;
use miyabi_e2e::{Desk, Page, SOON, eventually};
use serde_json::{Value, json};

/// A machine that is busy with other work may take its time to start a program of 200 MB.
const PATIENCE: Duration = Duration::from_secs(120);
const REASON: &str = "nothing leaves this machine before the review";
const HINT: &str = "Mind the British spelling.";

fn tasks() -> Value {
    let task = |id: &str, title: &str, prompt: &str, needs: &[&str], output: &str| {
        json!({
            "id": id, "title": title, "prompt": prompt, "agent": "CCG-1", "needs": needs, "priority": 1,
            "estimated_seconds": 20, "module": "greeting", "outputs": [output], "acceptance": []
        })
    };
    json!([
        task("Task-1", "Write the greeting", "Greet the reader.", &[], "greeting.txt"),
        task("Task-2", "Hand the greeting over", "Publish what is there.", &["Task-1"], "notes.md"),
    ])
}

/// Both tasks ask for a command that is not allowed by itself; the first takes its time over what
/// follows, so that something can be said to it.
fn script() -> Value {
    let greet = "python3 -c \"open('greeting.txt', 'w').write('hello, colour\\n')\"";
    json!({ "rules": [
        { "name": "said", "match": "British spelling", "steps": [{ "text": "I mind it." }] },
        { "name": "publish", "match": "Publish what is there", "steps": [
            { "text": "I push it to the others.", "shell": "git push origin main" },
            { "write_file": { "path": "notes.md", "content": "Not published.\n" } },
            { "text": "Nothing was published." },
        ] },
        { "name": "greet", "match": "Greet the reader", "steps": [
            { "thinking": "A file is wanted.", "text": "I write the greeting.", "shell": greet },
            { "delay": 5, "text": "I look at it again.", "write_file": { "path": "seen.txt", "content": "yes\n" } },
            { "text": "The greeting stands in greeting.txt." },
        ] },
    ] })
}

#[test]
fn what_claude_code_asks_for_is_answered_by_clicks_and_what_it_is_told_reaches_it() -> Result<()> {
    with_agents(async |programs| {
        let scripted = Scripted::start(&script())?;
        let mut desk = Desk::make().await?;
        let plan = desk.path("plans/greeting");
        scripted.write_plan(&plan, &programs.claude, &tasks())?;
        let [word, state] = desk.state_words();
        let page = desk.open(&[&plan.to_string_lossy(), &word, &state]).await?;

        start_with_trust(&page).await?;
        let greeting = plan.join("work/greeting.txt");
        allow(&desk, &page).await?;
        let written = || async { std::fs::read_to_string(&greeting).ok() };
        let written = eventually("the greeting, once it is allowed", SOON, written).await?;
        ensure!(written == "hello, colour\n", "{written:?}");

        say(&scripted, &page).await?;
        deny(&desk, &page).await?;
        page.phase("completed", PATIENCE).await?;
        ensure!(page.completed().await? == 2, "two tasks");
        let told = |turn: &Value| turn["last_result"].as_str().is_some_and(|result| result.contains(REASON));
        let turns = scripted.model.turns()?;
        ensure!(turns.iter().any(told), "the agent did not hear why: {turns:#?}");

        looked_into(&page).await
    })
}

/// By the plan's review: the dialog lists what will be started before anything is.
async fn start_with_trust(page: &Page) -> Result<()> {
    page.see(&css("label-badge", &[])).await?;
    page.says(&css("review-budget", &[]), "$5").await?;
    page.click(&css("start-run", &[])).await?;
    let lines = css("confirm-lines", &[]);
    page.says(&lines, "CCG-1 runs").await?;
    page.says(&lines, "ANTHROPIC_BASE_URL").await?;
    page.keep_picture("agents-trust").await?;
    page.click(&css("confirm-yes", &[])).await?;
    page.phase("running", PATIENCE).await?;
    page.says(&css("label-badge", &[]), "SCRIPTED MODEL").await
}

/// The request arrives as a notification and in the inbox; a click allows it.
async fn allow(desk: &Desk, page: &Page) -> Result<()> {
    let told = desk.bus.notification(PATIENCE, |told| told.title.contains("asks for permission")).await?;
    ensure!(told.title.starts_with("CCG-1") && told.body.contains("greeting.txt"), "{told:?}");
    page.see(&css("inbox-button", &[("data-waiting", "1")])).await?;
    desk.bus.click(&told).await?;
    let item = css("inbox-item", &[("data-kind", "approval")]);
    if page.client().find(fantoccini::Locator::Css(&item)).await.is_err() {
        page.click(&css("inbox-button", &[])).await?;
    }
    page.says(&item, "CCG-1 asks to use Bash").await?;
    page.says(&item, "open('greeting.txt', 'w')").await?;
    page.says(&item, "1 task waits behind it").await?;
    page.keep_picture("agents-approval").await?;
    page.click(&css("allow", &[])).await?;
    page.see(&css("inbox-button", &[("data-waiting", "0")])).await.map(drop)
}

/// A line below the log, while the agent thinks.
async fn say(scripted: &Scripted, page: &Page) -> Result<()> {
    escape(page).await?;
    page.click(&css("task-node", &[("data-task-id", "Task-1")])).await?;
    let line = format!("{} input", css("say-line", &[]));
    page.fill(&line, HINT).await?;
    page.keep_picture("agents-say").await?;
    page.click(&format!("{} button", css("say-line", &[]))).await?;
    let heard = || async { scripted.last_request().ok().filter(|request| request.contains(HINT)) };
    eventually("the model hears the line", SOON, heard).await.map(drop)
}

/// The second request is refused, with a reason.
async fn deny(desk: &Desk, page: &Page) -> Result<()> {
    let told = desk.bus.notification(PATIENCE, |told| told.body.contains("git push")).await?;
    ensure!(told.title == "CCG-1 asks for permission", "{told:?}");
    page.click(&css("inbox-button", &[])).await?;
    page.click(&css("deny", &[])).await?;
    let item = css("inbox-item", &[("data-kind", "approval")]);
    page.fill(&format!("{item} input"), REASON).await?;
    page.keep_picture("agents-denial").await?;
    page.click(&css("deny-yes", &[])).await?;
    page.miss(&item).await?;
    escape(page).await
}

/// What an attempt took: its session and tokens in the inspector, the sum in the header.
async fn looked_into(page: &Page) -> Result<()> {
    page.click(&css("task-node", &[("data-task-id", "Task-2")])).await?;
    let inspector = css("inspector", &[("data-task-id", "Task-2")]);
    page.see(&inspector).await?;
    page.click(&css("attempt", &[])).await?;
    page.says(&inspector, "Session ").await?;
    page.says(&inspector, "tokens read").await?;
    page.says(&css("cost", &[]), "/ $5").await?;
    page.keep_picture("agents-completed").await?;
    page.click(&css("theme-toggle", &[])).await?;
    page.keep_picture("agents-completed-dark").await.map(drop)
}

async fn escape(page: &Page) -> Result<()> {
    page.client().active_element().await?.send_keys("\u{e00c}").await.context("Escape closes what is open")
}

#[test]
fn one_prompt_typed_on_the_first_screen_becomes_a_completed_run() -> Result<()> {
    with_agents(async |programs| {
        let scripted =
            Scripted::start(&json!({ "rules": [{ "name": "note", "match": "Write a note", "steps": [
            { "write_file": { "path": "note.txt", "content": "from the scripted model\n" } },
            { "text": "note.txt is written." },
        ] }] }))?;
        let mut desk = Desk::make().await?;
        scripted.settle_on(&mut desk, &programs.claude)?;
        let work = desk.path("plans/here");
        std::fs::create_dir_all(&work)?;
        let page = desk.open(&[]).await?;

        page.click(&css("new-prompt", &[])).await?;
        let form = css("new-prompt-form", &[]);
        page.fill(&format!("{form} textarea"), "Write a note (scripted model).").await?;
        page.fill(&format!("{form} input:not([type=radio])"), &work.to_string_lossy()).await?;
        page.keep_picture("agents-prompt").await?;
        page.click(&css("begin-work", &[])).await?;
        page.phase("completed", PATIENCE).await?;
        ensure!(page.completed().await? == 1, "one task");
        ensure!(std::fs::read_to_string(work.join("note.txt"))? == "from the scripted model\n", "the note");
        page.keep_picture("agents-prompt-completed").await.map(drop)
    })
}

/// A plan of two tasks, as an agent drafts it.
fn draft() -> [Value; 3] {
    let task = |id: &str, prompt: &str, needs: &[&str], output: &str| {
        json!({ "id": id, "title": prompt, "prompt": prompt, "agent": "CCG-1", "needs": needs, "outputs": [output],
            "acceptance": [["test", "-s", output]], "estimated_seconds": 60 })
    };
    let tasks = [
        task("Task-1", "Write the first note.", &[], "one.txt"),
        task("Task-2", "Write the second note.", &["Task-1"], "two.txt"),
    ];
    let dag =
        json!({ "version": "1.0.0", "name": "notes", "title": "Two notes", "label": LABEL, "tasks": tasks });
    let config = json!({ "version": "1.0.0", "agents": [{ "id": "CCG-1", "runner": "claude" }] });
    let write = |path: &str, content: &str| json!({ "write_file": { "path": path, "content": content } });
    [
        write("task_dag.json", &dag.to_string()),
        write("agent_config.json", &config.to_string()),
        json!({ "text": "The plan is drafted." }),
    ]
}

#[test]
fn a_goal_typed_on_the_first_screen_becomes_a_plan_that_is_looked_at_and_started() -> Result<()> {
    with_agents(async |programs| {
        let note = |name: &str, file: &str, prompt: &str| {
            json!({ "name": name, "match": prompt, "steps": [
                { "write_file": { "path": file, "content": "from the scripted model\n" } },
                { "text": "It is written." },
            ] })
        };
        let scripted = Scripted::start(&json!({ "rules": [
            { "name": "draft", "match": "Two notes are wanted", "steps": draft() },
            // The second task is told of the first one, too.
            note("second", "two.txt", "Write the second note"),
            note("first", "one.txt", "Write the first note"),
        ] }))?;
        let mut desk = Desk::make().await?;
        scripted.settle_on(&mut desk, &programs.claude)?;
        let (repo, out) = (desk.path("plans/repo"), desk.path("plans/drafted"));
        std::fs::create_dir_all(&repo)?;
        let page = desk.open(&[]).await?;

        page.click(&css("new-goal", &[])).await?;
        let form = css("new-goal-form", &[]);
        page.fill(&format!("{form} textarea"), "Two notes are wanted (scripted model).").await?;
        page.fill(&css("work-repo", &[]), &repo.to_string_lossy()).await?;
        page.fill(&css("work-out", &[]), &out.to_string_lossy()).await?;
        page.keep_picture("agents-goal").await?;
        page.click(&css("begin-work", &[])).await?;
        page.phase("completed", PATIENCE).await?;
        page.keep_picture("agents-goal-drafted").await?;

        page.click(&css("review-draft", &[])).await?;
        page.see(&css("plan-review", &[])).await?;
        page.says(&css("label-badge", &[]), "SCRIPTED MODEL").await?;
        for id in ["Task-1", "Task-2"] {
            page.see(&css("task-node", &[("data-task-id", id)])).await?;
        }
        ensure!(!out.join("one.txt").exists(), "nothing of the draft is started before it was looked at");
        page.keep_picture("agents-goal-review").await?;

        page.click(&css("start-run", &[])).await?;
        page.says(&css("confirm-lines", &[]), "CCG-1 runs").await?;
        page.click(&css("confirm-yes", &[])).await?;
        page.completes(2, PATIENCE).await?;
        page.phase("completed", PATIENCE).await?;
        page.miss(&css("review-draft", &[])).await?;
        page.keep_picture("agents-goal-completed").await.map(drop)
    })
}
