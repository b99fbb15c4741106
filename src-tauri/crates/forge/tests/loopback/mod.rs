//! A small forge on loopback that speaks GitHub's API. The tests in the window use it, too.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// The status and the body that a request is answered with.
pub(crate) type Answer = fn(&Asked) -> (u16, Value);

/// A forge on loopback, with one project: `team/work`.
pub(crate) struct Forge {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Forge {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move { serve(stream, &kept, answer).await });
            }
        });
        Self { address, asked }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panicked with it").clone()
    }
}

async fn serve(stream: TcpStream, kept: &Mutex<Vec<Asked>>, answer: Answer) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("a request");
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        line.clear();
        stream.read_line(&mut line).await.expect("a header");
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => value.clone_into(&mut authorization),
            "content-length" => length = value.parse().expect("a length"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("a body");
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let asked = Asked { method, path, authorization, body };
    let (status, said) = answer(&asked);
    kept.lock().expect("no test panicked with it").push(asked);
    let said = said.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        said.len()
    );
    stream.write_all((head + &said).as_bytes()).await.expect("answered");
}
