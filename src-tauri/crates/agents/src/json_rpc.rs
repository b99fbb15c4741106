//! One side of a JSON-RPC 2.0 conversation in JSON lines, without any IO: calls and their answers
//! are joined by id, and every request of the other side is answered once.
//!
//! Bounded: it remembers a limited number of open calls and requests, and no payloads.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::adapter::Output;

/// How many calls of ours may wait for their answers; the oldest is forgotten beyond that.
pub const MAX_CALLS: usize = 256;
/// How many requests of the other side may wait for ours; more are refused at once.
pub const MAX_REQUESTS: usize = 256;
/// The longest id of a request; a longer one is refused.
const MAX_ID: usize = 256;

/// The code for a method that is not offered.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The code for a request that cannot be taken now.
pub const REFUSED: i64 = -32600;

/// What the other side said in one message.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// The answer to a call of ours.
    Answer {
        /// What [`Peer::call`] gave.
        call: u64,
        /// The method that was called.
        method: &'static str,
        /// What came of it.
        result: Result<Value, RpcError>,
    },
    /// A request, which waits for [`Peer::reply`] or [`Peer::refuse`].
    Request {
        /// Names it in [`Peer::reply`]; unique among those that wait.
        id: String,
        /// What it wants.
        method: String,
        /// With these parameters; null without any.
        params: Value,
    },
    /// Something that wants no answer.
    Notification {
        /// What it is.
        method: String,
        /// With these parameters; null without any.
        params: Value,
    },
    /// Not a message, an answer to nothing that was asked, or a request that was refused at once.
    Nothing,
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    /// The code; 0 where none was given.
    pub code: i64,
    /// For people.
    pub message: String,
    /// What else was said; null without any.
    pub data: Value,
}

/// One side of a conversation.
#[derive(Debug, Default)]
pub struct Peer {
    last_call: u64,
    /// Our calls that wait, by id.
    calls: BTreeMap<u64, &'static str>,
    /// Their requests that wait, by the text of their id.
    requests: BTreeMap<String, Value>,
}

impl Peer {
    /// Calls a method and gives the call's id.
    pub fn call(&mut self, method: &'static str, params: &Value, out: &mut Output) -> u64 {
        self.last_call += 1;
        let id = self.last_call;
        self.calls.insert(id, method);
        if self.calls.len() > MAX_CALLS {
            self.calls.pop_first();
        }
        out.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Says something that wants no answer.
    pub fn notify(&self, method: &str, params: Option<&Value>, out: &mut Output) {
        let mut message = json!({ "jsonrpc": "2.0", "method": method });
        if let Some(params) = params {
            message["params"] = params.clone();
        }
        out.send(&message);
    }

    /// Takes one message.
    pub fn take(&mut self, message: Value, out: &mut Output) -> Incoming {
        let Value::Object(mut message) = message else { return Incoming::Nothing };
        match (message.remove("method"), message.remove("id")) {
            (Some(Value::String(method)), None | Some(Value::Null)) => {
                Incoming::Notification { method, params: params(&mut message) }
            }
            (Some(Value::String(method)), Some(id)) => self.request(method, id, params(&mut message), out),
            (None, Some(id)) => self.answered(&id, message),
            _ => Incoming::Nothing,
        }
    }

    /// Answers a request. One that does not wait (any more) is left alone; says whether it waited.
    pub fn reply(&mut self, request: &str, result: &Value, out: &mut Output) -> bool {
        let Some(id) = self.requests.remove(request) else { return false };
        out.send(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
        true
    }

    /// Refuses a request. One that does not wait (any more) is left alone; says whether it waited.
    pub fn refuse(&mut self, request: &str, code: i64, message: &str, out: &mut Output) -> bool {
        let Some(id) = self.requests.remove(request) else { return false };
        out.send(&refusal(&id, code, message));
        true
    }

    /// Forgets a request that the other side took back; says whether it waited.
    pub fn withdraw(&mut self, request: &str) -> bool {
        self.requests.remove(request).is_some()
    }

    /// Whether a request waits for its answer.
    #[must_use]
    pub fn waits(&self, request: &str) -> bool {
        self.requests.contains_key(request)
    }

    /// Whether a call of ours waits for its answer.
    #[must_use]
    pub fn awaits(&self, call: u64) -> bool {
        self.calls.contains_key(&call)
    }

    fn request(&mut self, method: String, id: Value, params: Value, out: &mut Output) -> Incoming {
        let Some(key) = request_key(&id) else { return Incoming::Nothing };
        if self.requests.len() >= MAX_REQUESTS || self.requests.contains_key(&key) {
            out.send(&refusal(&id, REFUSED, "too many open requests, or this id is in use"));
            return Incoming::Nothing;
        }
        self.requests.insert(key.clone(), id);
        Incoming::Request { id: key, method, params }
    }

    fn answered(&mut self, id: &Value, mut message: Map<String, Value>) -> Incoming {
        let waiting = id.as_u64().and_then(|call| Some((call, self.calls.remove(&call)?)));
        let Some((call, method)) = waiting else { return Incoming::Nothing };
        let result = match message.remove("error") {
            None | Some(Value::Null) => Ok(message.remove("result").unwrap_or_default()),
            Some(error) => Err(RpcError::read(error)),
        };
        Incoming::Answer { call, method, result }
    }
}

impl RpcError {
    fn read(mut error: Value) -> Self {
        let message = error.get("message").and_then(Value::as_str);
        Self {
            code: error.get("code").and_then(Value::as_i64).unwrap_or_default(),
            message: message.map_or_else(|| error.to_string(), ToOwned::to_owned),
            data: error.get_mut("data").map(Value::take).unwrap_or_default(),
        }
    }
}

/// The text that names a request of the other side, as [`Incoming::Request`] gives it; none for a
/// value that cannot be an id. A number and a string never share a name.
#[must_use]
pub fn request_key(id: &Value) -> Option<String> {
    match id {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.len() <= MAX_ID && !text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Some(text.clone())
        }
        Value::String(text) if text.len() <= MAX_ID => Some(format!("\"{text}\"")),
        _ => None,
    }
}

fn params(message: &mut Map<String, Value>) -> Value {
    message.remove("params").unwrap_or_default()
}

fn refusal(id: &Value, code: i64, message: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(out: &Output) -> Vec<Value> {
        let text = std::str::from_utf8(&out.stdin).expect("JSON is text");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    #[test]
    fn an_answer_is_joined_with_its_call_and_only_once() {
        let (mut peer, mut out) = (Peer::default(), Output::default());
        let first = peer.call("initialize", &json!({"a": 1}), &mut out);
        let second = peer.call("turn/start", &Value::Null, &mut out);
        peer.notify("initialized", None, &mut out);
        assert_eq!(
            sent(&out),
            [
                json!({"jsonrpc": "2.0", "id": first, "method": "initialize", "params": {"a": 1}}),
                json!({"jsonrpc": "2.0", "id": second, "method": "turn/start", "params": null}),
                json!({"jsonrpc": "2.0", "method": "initialized"}),
            ]
        );
        let answer = json!({"id": second, "error": {"code": -1, "message": "no"}});
        let error = RpcError { code: -1, message: "no".into(), data: Value::Null };
        assert_eq!(
            peer.take(answer.clone(), &mut out),
            Incoming::Answer { call: second, method: "turn/start", result: Err(error) }
        );
        assert_eq!(peer.take(answer, &mut out), Incoming::Nothing);
        assert!(peer.awaits(first) && !peer.awaits(second));
        assert_eq!(
            peer.take(json!({"id": first, "result": {"b": 2}}), &mut out),
            Incoming::Answer { call: first, method: "initialize", result: Ok(json!({"b": 2})) }
        );
    }

    #[test]
    fn a_request_is_answered_once_under_its_own_id() {
        for id in [json!(0), json!("0"), json!("a-b"), json!(-3)] {
            let (mut peer, mut out) = (Peer::default(), Output::default());
            let request = json!({"id": id, "method": "ask", "params": [1]});
            let Incoming::Request { id: key, method, params } = peer.take(request.clone(), &mut out) else {
                panic!("a request")
            };
            assert_eq!((method.as_str(), params), ("ask", json!([1])));
            assert_eq!(peer.take(request, &mut out), Incoming::Nothing, "this id is in use");
            assert_eq!(sent(&out)[0]["error"]["code"], REFUSED);
            out.stdin.clear();
            assert!(peer.waits(&key));
            assert!(peer.reply(&key, &json!("yes"), &mut out));
            assert!(!peer.reply(&key, &json!("again"), &mut out));
            assert!(!peer.refuse(&key, REFUSED, "again", &mut out));
            assert_eq!(sent(&out), [json!({"jsonrpc": "2.0", "id": id, "result": "yes"})]);
        }
        assert_ne!(request_key(&json!("7")), request_key(&json!(7)));
    }

    #[test]
    fn what_waits_is_bounded() {
        let (mut peer, mut out) = (Peer::default(), Output::default());
        for id in 0..MAX_REQUESTS * 2 {
            peer.call("x", &Value::Null, &mut out);
            peer.take(json!({"id": id, "method": "ask"}), &mut out);
        }
        assert_eq!((peer.calls.len(), peer.requests.len()), (MAX_CALLS, MAX_REQUESTS));
        let refused = sent(&out).iter().filter(|line| line["error"]["code"] == REFUSED).count();
        assert_eq!(refused, MAX_REQUESTS);
        let long = json!({"id": "x".repeat(MAX_ID + 1), "method": "ask"});
        assert_eq!(Peer::default().take(long, &mut out), Incoming::Nothing);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::from))
    }

    proptest! {
        #[test]
        fn no_message_panics(id in any_value(), method in any_value(), params in any_value(), error in any_value()) {
            let (mut peer, mut out) = (Peer::default(), Output::default());
            peer.call("x", &Value::Null, &mut out);
            for message in [
                json!({"id": id, "method": method, "params": params}),
                json!({"id": 1, "error": error}),
                json!({"id": id, "error": error}),
                json!({"method": method}),
                params,
            ] {
                if let Incoming::Request { id, .. } = peer.take(message, &mut out) {
                    prop_assert!(peer.reply(&id, &Value::Null, &mut out));
                }
            }
            sent(&out);
        }
    }
}
