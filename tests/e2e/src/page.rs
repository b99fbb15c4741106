//! The page in the window, as a person sees it: things by what they are, not by how they are made.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::{SOON, eventually};

/// How many steps a drag takes: a hand does not jump.
const DRAG_STEPS: i64 = 8;
const DRAG_STEP: Duration = Duration::from_millis(16);

/// The page.
#[derive(Debug, Clone)]
pub struct Page {
    client: Client,
}

/// Where something is: its test id, and what else must be true of it.
#[must_use]
pub fn css(test_id: &str, attributes: &[(&str, &str)]) -> String {
    let mut text = format!("[data-testid=\"{test_id}\"]");
    for (name, value) in attributes {
        text.push_str(&format!("[{name}=\"{value}\"]"));
    }
    text
}

impl Page {
    /// The page of a WebDriver session.
    #[must_use]
    pub fn of(client: Client) -> Self {
        Self { client }
    }

    /// The session itself.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits until something is there.
    ///
    /// # Errors
    /// When it is not there in time.
    pub async fn see(&self, css: &str) -> Result<Element> {
        self.see_within(css, SOON).await
    }

    /// The same with more patience, or with less.
    ///
    /// # Errors
    /// When it is not there in time.
    pub async fn see_within(&self, css: &str, within: Duration) -> Result<Element> {
        eventually(css, within, || async { self.client.find(Locator::Css(css)).await.ok() }).await
    }

    /// Waits until something is gone.
    ///
    /// # Errors
    /// When it is still there.
    pub async fn miss(&self, css: &str) -> Result<()> {
        let gone = || async { self.client.find(Locator::Css(css)).await.is_err().then_some(()) };
        eventually(&format!("no {css}"), SOON, gone).await
    }

    /// Clicks something once it is there.
    ///
    /// # Errors
    /// When it does not come or cannot be clicked.
    pub async fn click(&self, css: &str) -> Result<()> {
        // What has just been drawn may be drawn again between the look and the click.
        let click = || async { self.client.find(Locator::Css(css)).await.ok()?.click().await.ok() };
        eventually(&format!("a click on {css}"), SOON, click).await
    }

    /// An attribute of something, as a number.
    ///
    /// # Errors
    /// When it is not there or no number.
    pub async fn number(&self, css: &str, attribute: &str) -> Result<u32> {
        let text = self.see(css).await?.attr(attribute).await?;
        let text = text.with_context(|| format!("{css} has no {attribute}"))?;
        text.parse().with_context(|| format!("{css} {attribute} is `{text}`"))
    }

    /// How many tasks are complete.
    ///
    /// # Errors
    /// When the page does not say.
    pub async fn completed(&self) -> Result<u32> {
        self.number(&css("progress-count", &[]), "data-completed").await
    }

    /// Waits until so many tasks are complete.
    ///
    /// # Errors
    /// When they are not in time.
    pub async fn completes(&self, tasks: u32, within: Duration) -> Result<()> {
        let enough = || async { self.completed().await.ok().filter(|done| *done >= tasks).map(|_| ()) };
        eventually(&format!("{tasks} tasks complete"), within, enough).await
    }

    /// Waits until the run is in this phase.
    ///
    /// # Errors
    /// When it is not in time.
    pub async fn phase(&self, phase: &str, within: Duration) -> Result<()> {
        self.see_within(&css("run-phase", &[("data-phase", phase)]), within).await.map(drop)
    }

    /// Drags one thing onto another with the pointer.
    ///
    /// # Errors
    /// When one of the two is not there.
    pub async fn drag(&self, from: &str, to: &str) -> Result<()> {
        let (start, end) = (self.middle(from).await?, self.middle(to).await?);
        let at = |step: i64| {
            let share = |a: i64, b: i64| a + (b - a) * step / DRAG_STEPS;
            let (x, y) = (share(start.0, end.0), share(start.1, end.1));
            PointerAction::MoveTo { duration: Some(DRAG_STEP), x: x as f64, y: y as f64 }
        };
        let mut hand = MouseActions::new("hand".to_owned())
            .then(at(0))
            .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        for step in 1..=DRAG_STEPS {
            hand = hand.then(at(step));
        }
        let hand = hand
            .then(PointerAction::Pause { duration: Duration::from_millis(200) })
            .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(hand).await?;
        Ok(())
    }

    async fn middle(&self, css: &str) -> Result<(i64, i64)> {
        let (x, y, width, height) = self.see(css).await?.rectangle().await?;
        ensure!(width > 0.0 && height > 0.0, "{css} has no size");
        Ok(((x + width / 2.0) as i64, (y + height / 2.0) as i64))
    }

    /// Gives a command to the program behind the page, as the page itself does.
    ///
    /// # Errors
    /// What the command answers as its error, as JSON.
    pub async fn command(&self, name: &str, arguments: Value) -> Result<Value> {
        let script = "const [name, args, done] = arguments;\
            window.__TAURI_INTERNALS__.invoke(name, args).then((ok) => done({ ok }), (error) => done({ error }));";
        let answer = self.client.execute_async(script, vec![json!(name), arguments]).await?;
        match answer.get("error") {
            Some(error) => anyhow::bail!("{name}: {error}"),
            None => Ok(answer.get("ok").cloned().unwrap_or(Value::Null)),
        }
    }

    /// Keeps a picture of the page in `target/screenshots/`, once what is there is drawn.
    ///
    /// # Errors
    /// When none can be taken.
    pub async fn keep_picture(&self, name: &str) -> Result<PathBuf> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{name}.png"));
        let drawn = "const [done] = arguments;\
            document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));";
        self.client.execute_async(drawn, Vec::new()).await?;
        std::fs::write(&file, self.client.screenshot().await?)?;
        Ok(file)
    }
}
