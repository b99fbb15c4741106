//! The page in the window, as a person sees it: things by what they are, not by how they are made.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::picture::Picture;
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

    /// Types into a field in place of what stands there.
    ///
    /// # Errors
    /// When it does not come or takes no text.
    pub async fn fill(&self, css: &str, text: &str) -> Result<()> {
        // A sheet that still comes in takes no text, and what has just been drawn may be drawn again.
        let emptied = || async {
            let field = self.client.find(Locator::Css(css)).await.ok()?;
            field.clear().await.ok().map(|()| field)
        };
        let field = eventually(&format!("an empty {css}"), SOON, emptied).await?;
        field.send_keys(text).await.with_context(|| format!("{css} takes no text"))
    }

    /// Waits until something says this.
    ///
    /// # Errors
    /// When it does not in time; what it said last is in the error.
    pub async fn says(&self, css: &str, text: &str) -> Result<()> {
        // WebDriver's own text of a thing is empty where its overflow is hidden.
        let words =
            || async { self.client.find(Locator::Css(css)).await.ok()?.prop("innerText").await.ok()? };
        let says = || async { words().await.filter(|said| said.contains(text)).map(drop) };
        let heard = eventually(&format!("{css} says `{text}`"), SOON, says).await;
        match heard {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(format!("it says {:?}", words().await))),
        }
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
        self.drag_while(from, to, async { Ok(()) }).await
    }

    /// The same, holding it half-way until something else has happened.
    ///
    /// # Errors
    /// When one of the two is not there, or the other thing fails.
    pub async fn drag_while(
        &self,
        from: &str,
        to: &str,
        meanwhile: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let (start, end) = (self.at_rest(from).await?, self.at_rest(to).await?);
        let at = |step: i64| {
            let share = |a: i64, b: i64| a + (b - a) * step / DRAG_STEPS;
            let (x, y) = (share(start.0, end.0), share(start.1, end.1));
            PointerAction::MoveTo { duration: Some(DRAG_STEP), x: x as f64, y: y as f64 }
        };
        let hand = || MouseActions::new("hand".to_owned());
        let press = hand().then(at(0)).then(PointerAction::Down { button: MOUSE_BUTTON_LEFT });
        let lift = (1..=DRAG_STEPS / 2).fold(press, |hand, step| hand.then(at(step)));
        self.client.perform_actions(lift).await?;
        meanwhile.await?;
        let carry = (DRAG_STEPS / 2 + 1..=DRAG_STEPS).fold(hand(), |hand, step| hand.then(at(step)));
        let drop = carry.then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        self.client.perform_actions(drop).await?;
        Ok(())
    }

    /// The middle of something once it lies still and nothing lies over it: what has just been laid
    /// out may be laid out again, and a hand would reach for where it was.
    async fn at_rest(&self, css: &str) -> Result<(i64, i64)> {
        let script = "const [css, done] = arguments;\
            const look = () => document.querySelector(css)?.getBoundingClientRect();\
            const before = look();\
            setTimeout(() => requestAnimationFrame(() => {\
                const now = look();\
                if (!before || !now || now.width === 0) return done(null);\
                const [x, y] = [now.x + now.width / 2, now.y + now.height / 2];\
                const still = ['x', 'y', 'width', 'height'].every((side) => before[side] === now[side]);\
                const free = document.elementFromPoint(x, y)?.closest(css) != null;\
                done(still && free ? [Math.floor(x), Math.floor(y)] : null);\
            }), 120);";
        let still = || async {
            let place = self.client.execute_async(script, vec![json!(css)]).await.ok()?;
            Some((place[0].as_i64()?, place[1].as_i64()?))
        };
        eventually(&format!("{css} at rest"), SOON, still).await
    }

    /// Counts from now on, at every frame, how many of something are displayed.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn watch(&self, css: &str) -> Result<()> {
        let script = "const [css] = arguments;\
            const watch = { least: Infinity, frames: 0 };\
            window.watched = watch;\
            const shown = (it) => it.getClientRects().length > 0 && it.getBoundingClientRect().width > 0\
                && getComputedStyle(it).visibility === 'visible' && Number(getComputedStyle(it).opacity) > 0;\
            const look = () => {\
                watch.least = Math.min(watch.least, [...document.querySelectorAll(css)].filter(shown).length);\
                watch.frames += 1;\
                if (window.watched === watch) requestAnimationFrame(look);\
            };\
            look();";
        self.client.execute(script, vec![json!(css)]).await?;
        Ok(())
    }

    /// The fewest that were displayed in any frame since [`Page::watch`].
    ///
    /// # Errors
    /// When nothing is watched.
    pub async fn fewest_seen(&self) -> Result<u64> {
        let seen = self.client.execute("return window.watched;", Vec::new()).await?;
        ensure!(seen["frames"].as_u64().is_some_and(|frames| frames > 1), "nothing was watched: {seen}");
        seen["least"].as_u64().with_context(|| format!("no count: {seen}"))
    }

    /// Those among some things, by their task, that the page has but the window does not show.
    ///
    /// # Errors
    /// When no picture can be taken.
    pub async fn not_painted(&self, css: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((it) => {\
            const { x, y, width, height } = it.getBoundingClientRect();\
            return [it.dataset.taskId, [x, y, width, height]];\
        });";
        let places = self.client.execute(script, vec![json!(css)]).await?;
        let places: Vec<(String, [f64; 4])> = serde_json::from_value(places)?;
        let picture = Picture::read(&self.client.screenshot().await?)?;
        Ok(places
            .into_iter()
            .filter(|(_, place)| !picture.has_something_at(*place))
            .map(|(task, _)| task)
            .collect())
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
        self.picture_into("target/screenshots", name).await
    }

    /// Keeps a picture of the page in a folder of the repository, once what is there is drawn.
    ///
    /// # Errors
    /// When none can be taken.
    pub async fn picture_into(&self, folder: &str, name: &str) -> Result<PathBuf> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        std::fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{name}.png"));
        let drawn = "const [done] = arguments;\
            document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));";
        self.client.execute_async(drawn, Vec::new()).await?;
        std::fs::write(&file, self.client.screenshot().await?)?;
        Ok(file)
    }
}
