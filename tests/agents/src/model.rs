//! The scripted model: one process that speaks just enough of both model interfaces on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::process::{Guarded, command};
use crate::sandbox::python;

/// A model at work; it ends with its test.
#[derive(Debug)]
pub struct Model {
    address: String,
    _process: Guarded,
    _script: tempfile::TempDir,
}

impl Model {
    /// Starts a model with a script; `model/stub_model.py` says what one may hold.
    ///
    /// # Errors
    /// When Python is missing or the script is not taken.
    pub fn start(script: &Value) -> Result<Self> {
        Self::start_by(command(python()?), script, 0)
    }

    /// Starts one by a line that ends with Python, as in `nsenter … python3`, at a port; at any for 0.
    ///
    /// # Errors
    /// As [`Model::start`].
    pub fn start_by(mut line: Command, script: &Value, port: u16) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("miyabi-model-").tempdir()?;
        let file = folder.path().join("script.json");
        std::fs::write(&file, script.to_string())?;
        line.arg(crate::here("model/stub_model.py")).arg("--script").arg(file).env_clear();
        line.args(["--port", &port.to_string()]);
        let mut process = Guarded::start(line.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let mut first = String::new();
        BufReader::new(process.output().context("a pipe")?).read_line(&mut first)?;
        let address = first.trim().strip_prefix("LISTENING http://").map(str::to_owned);
        let address = address.with_context(|| format!("the model said {first:?} in place of its address"))?;
        Ok(Self { address, _process: process, _script: folder })
    }

    /// Where it listens, as in `http://127.0.0.1:40000`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far, a summary a request.
    ///
    /// # Errors
    /// When it does not answer any more.
    pub fn requests(&self) -> Result<Vec<Value>> {
        let answer = self.ask("GET", "/__requests", "")?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// What the model was asked on behalf of an agent's work: no titles, no quota probes.
    ///
    /// # Errors
    /// As [`Model::requests`].
    pub fn turns(&self) -> Result<Vec<Value>> {
        let turn = |request: &Value| request["side"] == false;
        Ok(self.requests()?.into_iter().filter(turn).collect())
    }

    /// All that it was sent in the last request, the whole conversation, as one text.
    ///
    /// # Errors
    /// As [`Model::requests`].
    pub fn last(&self) -> Result<String> {
        self.ask("GET", "/__last", "")
    }

    /// Gives it another script; work that is under way goes on by it.
    ///
    /// # Errors
    /// When it does not answer any more.
    pub fn play(&self, script: &Value) -> Result<()> {
        self.ask("POST", "/__script", &script.to_string()).map(drop)
    }

    /// Which rule of its script answers a prompt.
    ///
    /// # Errors
    /// As [`Model::requests`].
    pub fn try_prompt(&self, prompt: &str) -> Result<String> {
        let body = json!({
            "model": "none", "max_tokens": 1, "tools": [{ "name": "Bash" }],
            "messages": [{ "role": "user", "content": prompt }],
        });
        self.ask("POST", "/v1/messages", &body.to_string())?;
        let rule = self.requests()?.pop().context("a request")?["rule"].clone();
        Ok(rule.as_str().map_or_else(|| rule.to_string(), str::to_owned))
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: model\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
        ensure!(head.contains(" 200 "), "{method} {path}: {head}");
        Ok(body.to_owned())
    }
}
