#!/usr/bin/env python3
"""stub_model.py - a scripted stand-in for a model API, for testing real coding-agent CLIs.

Speaks, on 127.0.0.1 only, just enough of two APIs to drive an agent loop (Python stdlib only):
  * Anthropic Messages   POST /v1/messages (SSE or plain JSON), POST /v1/messages/count_tokens
  * OpenAI Responses     POST /v1/responses (SSE or plain JSON), and GET /v1/models for both

USAGE
  stub_model.py --script script.json [--port 0] [--port-file F] [--log requests.jsonl] [--log-bodies]
  The first line on stdout is "LISTENING http://127.0.0.1:PORT".  SIGTERM/SIGINT stop it.

  Claude Code:  ANTHROPIC_BASE_URL=http://127.0.0.1:PORT   ANTHROPIC_API_KEY=test-key
  Codex:        [model_providers.stub] base_url = "http://127.0.0.1:PORT/v1", wire_api = "responses"

SCRIPT  (a JSON file; can be replaced while running with POST /__script)
  {"rules": [{"match": "REGEX", "steps": [STEP, STEP, ...]}, ...],      first match wins
   "default": [STEP, ...],          when no rule matches           (default: one text step)
   "side": "text"}                  answer to side requests: title making, quota probes, ...

  REGEX is searched (re.I|re.S) in the last prompt of the request's conversation, then, where no rule
  knows that one ("go on"), in the prompts before it.  The first request after the last prompt gets
  steps[0]; each request carrying tool results gets the next step; past the end the last step that is a plain text (or "done") is given.

  STEP - the keys may be combined:
    {"text": "..."}                                   assistant text; alone it ends the turn
    {"thinking": "..."}                               thinking / reasoning summary before the text
    {"write_file": {"path": "a.txt", "content": ""}}  the CLI's own file tool (Claude: Write;
                                                      Codex: apply_patch if offered, else shell)
    {"shell": "CMD"}                                  the CLI's own shell tool (Claude: Bash; Codex:
                                                      exec_command / shell / "exec" JavaScript)
    {"tool": "Name", "input": {...}}                  any tool by name (a string input makes a
                                                      Responses "custom" = freeform tool call)
    {"calls": [CALL, CALL]}                           several calls in one answer
    {"anthropic": {...}, "openai": {...}}             overrides of this step for one API
    {"usage": {"input": 1000, "output": 50, "cached": 0}}
    {"delay": 2.5}                                    seconds before the first byte of the answer
    {"chunk_delay": 0.5}                              seconds between text chunks (a slow stream)
    {"hang": true}                                    start the stream, then never end it
    {"drop": true}                                    start the stream, then close the connection
    {"error": 500, "message": "...", "times": 2, "headers": {"retry-after": "1"}}
          an HTTP error.  With "times" it is given that often per conversation, then the next step
          is served at once; without, for ever.  {"error": "stream", ...} is an error event inside
          an HTTP 200 stream.
  In strings: {{cwd}} (the agent's working directory, read from the request), {{prompt}},
  {{last_result}} (text of the last tool result), {{1}} ... (REGEX groups), {{model}}.

HOW THE STEP IS FOUND: statelessly.  The ids of the tool calls handed out carry the step's number
("toolu_s2c0_<hex>", "call_s2c0_<hex>"), and the CLIs send them back; so retries, resumed sessions
and many agents at once need no server state.  Only "times" counts.

INSPECTION   GET /__health  GET /__requests (summary of every request)  GET /__last (full last body)
             POST /__reset.  CONNECT (a proxy request) is refused with 403 and logged: start a CLI
             with HTTPS_PROXY=http://127.0.0.1:PORT to see which outside hosts it would talk to.
"""
import argparse
import gzip
import json
import os
import re
import secrets
import signal
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFAULT_SCRIPT = {"rules": [], "default": [{"text": "stub: no rule matched"}], "side": "stub"}
STEP_ID = re.compile(r"_s(\d+)c\d+_")
CALL_KEYS = ("write_file", "shell", "tool")


class State:
    """What the server remembers: the script, the request log, the counters of "times"."""
    def __init__(self, script, log_path=None, log_bodies=False):
        self.lock = threading.Lock()
        self.script, self.log_path, self.log_bodies = script, log_path, log_bodies
        self.requests, self.counts, self.last = [], {}, None

    def record(self, entry, body=None):
        with self.lock:
            entry["n"] = len(self.requests) + 1
            entry["t"] = round(time.time(), 3)
            self.requests.append(entry)
            if body is not None:
                self.last = body
            if self.log_path:
                line = dict(entry, body=body) if self.log_bodies else entry
                with open(self.log_path, "a") as f:
                    f.write(json.dumps(line) + "\n")

    def spent(self, key, times):
        """Count one use of an error step; True once it has been used up."""
        with self.lock:
            used = self.counts.get(key, 0)
            if times is not None and used >= times:
                return True
            self.counts[key] = used + 1
            return False


# ---------------------------------------------------------------- reading the conversation

def texts(content):
    """Text parts of an Anthropic or Responses content (a string or a list of blocks)."""
    if isinstance(content, str):
        return [content]
    return [b.get("text", "") for b in content or []
            if isinstance(b, dict) and b.get("type") in ("text", "input_text", "output_text")]


def clean(parts):
    """Join the parts that a person wrote; drop the context blocks that the CLIs inject."""
    out = []
    for p in parts:
        p = re.sub(r"<system-reminder>.*?</system-reminder>", "", p, flags=re.S).strip()
        if p and not re.match(r"<(environment_context|user_instructions|permissions|app-context|"
                              r"collaboration_mode|skills_instructions|plugins_instructions|"
                              r"turn_aborted|recommended_plugins|\w+_instructions)\b|# AGENTS\.md|"
                              r"\[Request interrupted|\[Your previous response had no visible", p):
            out.append(p)
    return "\n".join(out)


def tools_of(body):
    """All tools offered, flat.  Newer Codex models get theirs in "additional_tools" input items,
    inside namespaces."""
    out, todo = [], list(body.get("tools") or [])
    if isinstance(body.get("input"), list):
        for it in body["input"]:
            if it.get("type") == "additional_tools":
                todo += it.get("tools") or []
    for t in todo:
        out += [dict(u, _ns=t.get("name")) for u in t.get("tools", [])] if t.get("type") == "namespace" else [t]
    return out


def read_anthropic(body):
    """-> (prompts, tool-call ids after the last, last tool result, cwd, is this a side request)"""
    prompts, ids, last = [], [], ""
    for m in body.get("messages", []):
        content = m.get("content")
        blocks = content if isinstance(content, list) else []
        results = [b for b in blocks if b.get("type") == "tool_result"]
        if m.get("role") == "user":
            if results:
                last = "\n".join(texts(results[-1].get("content")))
            text = clean(texts(content))                   # a new prompt may share a message with the
            if text:                                       # results of calls that were interrupted
                prompts, ids = prompts + [text], []
        else:
            ids += [b["id"] for b in blocks if b.get("type") == "tool_use"]
    whole = json.dumps(body.get("system", "")) + json.dumps(body.get("messages", [])[:2])
    cwd = re.search(r"(?:[Ww]orking directory|CWD|cwd): ?(/[^\\\"\n<]*)", whole)
    return prompts, ids, last, cwd.group(1).strip() if cwd else "", not body.get("tools")


def read_responses(body):
    prompts, ids, last, cwd = [], [], "", ""
    items = body.get("input", [])
    if isinstance(items, str):
        items = [{"type": "message", "role": "user", "content": items}]
    for it in items:
        kind = it.get("type", "message")
        if kind == "message" and it.get("role") == "user":
            parts = texts(it.get("content"))
            for p in parts:
                found = re.search(r"<cwd>(.*?)</cwd>", p)
                cwd = found.group(1) if found else cwd
            text = clean(parts)
            if text:
                prompts, ids = prompts + [text], []
        elif kind in ("function_call", "custom_tool_call", "local_shell_call"):
            ids.append(it.get("call_id") or it.get("id") or "")
        elif kind.endswith("_output"):
            out = it.get("output")
            last = out if isinstance(out, str) else "\n".join(texts(out)) or json.dumps(out)
    return prompts, ids, last, cwd, not tools_of(body)


# ---------------------------------------------------------------- choosing the step

def choose(state, api, body):
    read = read_anthropic if api == "anthropic" else read_responses
    prompts, ids, last, cwd, side = read(body)
    prompt = prompts[-1] if prompts else ""
    if side:
        return {"text": state.script.get("side", "stub")}, {"side": True, "prompt": prompt[:200]}
    steps, rule, groups = state.script.get("default") or DEFAULT_SCRIPT["default"], "default", ()
    hits = ((i, r, re.search(r["match"], p, re.I | re.S))      # the newest prompt that a rule knows:
            for p in reversed(prompts)                         # "go on" is answered as what it goes on in
            for i, r in enumerate(state.script.get("rules", [])))
    for i, r, found in hits:
        if found:
            steps, rule, groups = r["steps"], r.get("name", i), found.groups()
            break
    numbers = [int(m.group(1)) for m in map(STEP_ID.search, ids) if m]
    k = max(numbers) + 1 if numbers else 0
    while k < len(steps):                                  # skip used-up error steps
        step = steps[k]
        if "error" in step and state.spent((rule, k, prompt, len(ids)), step.get("times")):
            k += 1
            continue
        break
    step = dict(steps[k]) if k < len(steps) else \
        next((dict(s) for s in reversed(steps) if "text" in s and not calls_of(s)), {"text": "done"})
    step.update(step.get(api) or {})
    values = {"cwd": cwd, "prompt": prompt, "last_result": last, "model": body.get("model", ""),
              **{str(i + 1): g or "" for i, g in enumerate(groups)}}
    return fill(step, values), {"side": False, "rule": rule, "step": k, "prompt": prompt[:200],
                                "cwd": cwd, "last_result": last[:2000]}


def fill(x, values):
    if isinstance(x, str):
        return re.sub(r"\{\{(\w+)\}\}", lambda m: str(values.get(m.group(1), m.group(0))), x)
    if isinstance(x, list):
        return [fill(v, values) for v in x]
    if isinstance(x, dict):
        return {k: fill(v, values) for k, v in x.items()}
    return x


def calls_of(step):
    out = list(step.get("calls", []))
    if any(k in step for k in CALL_KEYS):
        out.insert(0, step)
    return out


def heredoc(w):
    return {"shell": "mkdir -p \"$(dirname '%s')\" && cat > '%s' <<'STUB_EOF'\n%s\nSTUB_EOF" % (
        w["path"], w["path"], w["content"].rstrip("\n"))}


def anthropic_call(call, meta, tools):
    """-> (name, input)"""
    if "write_file" in call and "Write" not in [t.get("name") for t in tools]:
        call = heredoc(call["write_file"])                   # e.g. `claude --bare` has no Write
    if "write_file" in call:
        w = call["write_file"]
        return "Write", {"file_path": os.path.join(meta["cwd"] or "/", w["path"]), "content": w["content"]}
    if "shell" in call:
        return "Bash", {"command": call["shell"], "description": "run a command"}
    return call["tool"], call.get("input", {})


def responses_call(call, meta, tools):
    """-> (name, arguments dict or freeform string), by what the CLI offers."""
    kinds = {t.get("name") or t.get("type"): t for t in tools}
    if "exec" in kinds and "exec_command" not in kinds and not call.get("tool"):
        # Codex "code mode" (gpt-5.6 and newer in Codex's catalogue): one tool that runs JavaScript
        inner = [{"name": "exec_command"}] + ([{"name": "apply_patch", "type": "custom"}]
                                              if "apply_patch" in kinds["exec"].get("description", "") else [])
        name, args = responses_call(call, meta, inner)
        return "exec", "const r = await tools.%s(%s);\ntext(r && r.output !== undefined ? r.output : r);\n" % (
            name, json.dumps(args))
    if "write_file" in call:
        w = call["write_file"]
        patch = "*** Begin Patch\n*** Add File: %s\n%s*** End Patch\n" % (
            w["path"], "".join("+%s\n" % l for l in w["content"].splitlines()))
        if "apply_patch" in kinds:
            free = kinds["apply_patch"].get("type") == "custom"
            return "apply_patch", patch if free else {"input": patch}
        call = heredoc(w)
    if "shell" in call:
        cmd = call["shell"]
        for name, args in (("exec_command", {"cmd": cmd}), ("shell_command", {"command": cmd}),
                           ("shell", {"command": ["bash", "-lc", cmd]}),
                           ("local_shell", {"command": ["bash", "-lc", cmd]})):
            if name in kinds:
                return name, args
        return "exec_command", {"cmd": cmd}
    return call["tool"], call.get("input", {})


# ---------------------------------------------------------------- answers as lists of SSE events
# Each function yields (event name, data) and, for text, small chunks so that streams look real.

def chunks(text, n=24):
    return [text[i:i + n] for i in range(0, len(text), n)] or [""]


def anthropic_events(step, meta, body):
    u = {"input": 1000, "output": 50, "cached": 0, **step.get("usage", {})}
    mid = "msg_stub_" + secrets.token_hex(8)
    yield "message_start", {"message": {
        "id": mid, "type": "message", "role": "assistant", "model": body.get("model", "stub"),
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {"input_tokens": u["input"], "cache_creation_input_tokens": 0,
                  "cache_read_input_tokens": u["cached"], "output_tokens": 1}}}
    i = 0
    if step.get("thinking"):
        yield "content_block_start", {"index": i, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}
        for c in chunks(step["thinking"]):
            yield "content_block_delta", {"index": i, "delta": {"type": "thinking_delta", "thinking": c}}
        yield "content_block_delta", {"index": i, "delta": {"type": "signature_delta", "signature": "c3R1Yg=="}}
        yield "content_block_stop", {"index": i}
        i += 1
    if step.get("text"):
        yield "content_block_start", {"index": i, "content_block": {"type": "text", "text": ""}}
        for c in chunks(step["text"]):
            yield "content_block_delta", {"index": i, "delta": {"type": "text_delta", "text": c}}
        yield "content_block_stop", {"index": i}
        i += 1
    calls = calls_of(step)
    for j, call in enumerate(calls):
        name, args = anthropic_call(call, meta, body.get("tools", []))
        yield "content_block_start", {"index": i, "content_block": {
            "type": "tool_use", "id": "toolu_s%dc%d_%s" % (meta["step"], j, secrets.token_hex(6)),
            "name": name, "input": {}}}
        for c in chunks(json.dumps(args), 80):
            yield "content_block_delta", {"index": i, "delta": {"type": "input_json_delta", "partial_json": c}}
        yield "content_block_stop", {"index": i}
        i += 1
    yield "message_delta", {"delta": {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None},
                            "usage": {"output_tokens": u["output"]}}
    yield "message_stop", {}


def anthropic_message(events):
    """The same answer as one JSON object, for requests with "stream": false."""
    msg = None
    for name, d in events:
        if name == "message_start":
            msg = d["message"]
        elif name == "content_block_start":
            msg["content"].append(dict(d["content_block"], _json=""))
        elif name == "content_block_delta":
            b, dl = msg["content"][d["index"]], d["delta"]
            if dl["type"] == "text_delta":
                b["text"] += dl["text"]
            elif dl["type"] == "thinking_delta":
                b["thinking"] += dl["thinking"]
            elif dl["type"] == "signature_delta":
                b["signature"] += dl["signature"]
            else:
                b["_json"] += dl["partial_json"]
        elif name == "message_delta":
            msg.update(d["delta"])
            msg["usage"].update(d["usage"])
    for b in msg["content"]:
        raw = b.pop("_json")
        if b["type"] == "tool_use":
            b["input"] = json.loads(raw or "{}")
    return msg


def responses_events(step, meta, body):
    u = {"input": 1000, "output": 50, "cached": 0, **step.get("usage", {})}
    rid = "resp_stub_" + secrets.token_hex(8)
    base = {"id": rid, "object": "response", "created_at": int(time.time()), "model": body.get("model", "stub"),
            "status": "in_progress", "output": [], "usage": None, "error": None}
    yield "response.created", {"response": dict(base)}
    out, i = [], 0
    if step.get("thinking"):
        item = {"type": "reasoning", "id": "rs_" + secrets.token_hex(6), "summary": [], "encrypted_content": "stub"}
        yield "response.output_item.added", {"output_index": i, "item": dict(item)}
        yield "response.reasoning_summary_part.added", {"item_id": item["id"], "output_index": i, "summary_index": 0,
                                                        "part": {"type": "summary_text", "text": ""}}
        for c in chunks(step["thinking"]):
            yield "response.reasoning_summary_text.delta", {"item_id": item["id"], "output_index": i,
                                                            "summary_index": 0, "delta": c}
        yield "response.reasoning_summary_text.done", {"item_id": item["id"], "output_index": i,
                                                       "summary_index": 0, "text": step["thinking"]}
        item = dict(item, summary=[{"type": "summary_text", "text": step["thinking"]}])
        yield "response.output_item.done", {"output_index": i, "item": item}
        out.append(item)
        i += 1
    if step.get("text"):
        item = {"type": "message", "id": "msg_" + secrets.token_hex(6), "role": "assistant",
                "status": "in_progress", "content": []}
        part = {"type": "output_text", "text": "", "annotations": []}
        at = {"item_id": item["id"], "output_index": i, "content_index": 0}
        yield "response.output_item.added", {"output_index": i, "item": dict(item)}
        yield "response.content_part.added", dict(at, part=part)
        for c in chunks(step["text"]):
            yield "response.output_text.delta", dict(at, delta=c)
        part = dict(part, text=step["text"])
        yield "response.output_text.done", dict(at, text=step["text"])
        yield "response.content_part.done", dict(at, part=part)
        item = dict(item, status="completed", content=[part])
        yield "response.output_item.done", {"output_index": i, "item": item}
        out.append(item)
        i += 1
    for j, call in enumerate(calls_of(step)):
        name, args = responses_call(call, meta, tools_of(body))
        free = isinstance(args, str)
        field, text = ("input", args) if free else ("arguments", json.dumps(args))
        item = {"type": "custom_tool_call" if free else "function_call", "id": "fc_" + secrets.token_hex(6),
                "call_id": "call_s%dc%d_%s" % (meta["step"], j, secrets.token_hex(6)),
                "name": name, field: "", "status": "in_progress"}
        if call.get("namespace"):
            item["namespace"] = call["namespace"]
        ev = "response.custom_tool_call_input" if free else "response.function_call_arguments"
        yield "response.output_item.added", {"output_index": i, "item": dict(item)}
        yield ev + ".delta", {"item_id": item["id"], "output_index": i, "delta": text}
        yield ev + ".done", {"item_id": item["id"], "output_index": i, field: text}
        item = dict(item, status="completed", **{field: text})
        yield "response.output_item.done", {"output_index": i, "item": item}
        out.append(item)
        i += 1
    yield "response.completed", {"response": dict(base, status="completed", output=out, usage={
        "input_tokens": u["input"], "input_tokens_details": {"cached_tokens": u["cached"]},
        "output_tokens": u["output"], "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": u["input"] + u["output"]})}


# ---------------------------------------------------------------- HTTP

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stub-model"
    state: State = None

    def log_message(self, *a):
        pass

    def send_json(self, obj, code=200, headers=None):
        data = json.dumps(obj).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("request-id", "req_stub_" + secrets.token_hex(6))
        for k, v in (headers or {}).items():
            self.send_header(k, str(v))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def body(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            raw = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                part = self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    break
                raw += part
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        enc = self.headers.get("content-encoding", "")
        raw = gzip.decompress(raw) if enc == "gzip" else zlib.decompress(raw) if enc == "deflate" else raw
        return json.loads(raw) if raw.strip() else {}

    def refuse(self, path, code):
        self.state.record({"method": self.command, "path": path, "status": code,
                           "ua": self.headers.get("user-agent")})
        self.send_json({"type": "error", "error": {"type": "not_found_error", "message": "stub: " + path}}, code)

    def do_CONNECT(self):
        self.close_connection = True
        self.refuse(self.path, 403)

    def do_HEAD(self):
        self.state.record({"method": "HEAD", "path": self.path, "status": 200})
        self.send_json({})

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/__health":
            return self.send_json({"ok": True})
        if path == "/__requests":
            return self.send_json(self.state.requests)
        if path == "/__last":
            return self.send_json(self.state.last)
        if path.endswith("/models"):
            self.state.record({"method": "GET", "path": self.path, "status": 200})
            return self.send_json({"object": "list", "has_more": False, "data": [
                {"id": "stub-model", "object": "model", "type": "model", "display_name": "stub-model",
                 "created_at": "2025-01-01T00:00:00Z", "owned_by": "stub"}]})
        self.refuse(self.path, 404)

    def do_POST(self):
        path = self.path.split("?")[0]
        try:
            body = self.body()
        except (ValueError, OSError) as e:
            self.close_connection = True
            return self.send_json({"error": {"message": "bad body: %s" % e}}, 400)
        if path == "/__script":
            self.state.script = body
            return self.send_json({"ok": True})
        if path == "/__reset":
            with self.state.lock:
                self.state.requests, self.state.counts = [], {}
            return self.send_json({"ok": True})
        if path.endswith("/messages/count_tokens"):
            self.state.record({"method": "POST", "path": self.path, "status": 200}, body)
            return self.send_json({"input_tokens": max(1, len(json.dumps(body)) // 4)})
        if path.endswith("/messages"):
            return self.answer("anthropic", body)
        if path.endswith("/responses"):
            return self.answer("openai", body)
        self.refuse(self.path, 404)

    def answer(self, api, body):
        step, meta = choose(self.state, api, body)
        meta.setdefault("step", 0)
        code = step.get("error")
        self.state.record({"method": "POST", "path": self.path, "api": api, **meta,
                           "status": code if isinstance(code, int) else 200, "model": body.get("model"),
                           "stream": bool(body.get("stream")),
                           "tools": [t.get("name") or t.get("type") for t in tools_of(body)],
                           "auth": bool(self.headers.get("authorization") or self.headers.get("x-api-key")),
                           "ua": self.headers.get("user-agent"),
                           "headers": dict(self.headers) if self.state.log_bodies else None}, body)
        try:
            if step.get("delay"):
                time.sleep(step["delay"])
            if isinstance(code, int):
                kind = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
                        404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error"}.get(code, "api_error")
                return self.send_json({"type": "error", "error": {"type": kind, "code": step.get("code"),
                                                                  "message": step.get("message", "stub error")}},
                                      code, step.get("headers"))
            events = (anthropic_events if api == "anthropic" else responses_events)(step, meta, body)
            if not body.get("stream"):                       # (Claude Code falls back to this form
                if code == "stream":                         #  when a stream breaks: break it as well)
                    return self.send_json({"type": "error", "error": {
                        "type": "overloaded_error", "message": step.get("message", "stub error")}}, 529)
                while step.get("hang"):
                    time.sleep(1)
                if step.get("drop"):
                    self.close_connection = True
                    return
                if api == "anthropic":
                    return self.send_json(anthropic_message(events))
                return self.send_json(list(events)[-1][1]["response"])
            self.stream(api, events, step, code == "stream")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True                     # the CLI went away (killed, interrupted)
            self.state.record({"method": "-", "path": self.path, "gone": True})

    def stream(self, api, events, step, fail):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("request-id", "req_stub_" + secrets.token_hex(6))
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

        def emit(n, name, data):
            data = {"type": name, **({"sequence_number": n} if api == "openai" else {}), **data}
            self.wfile.write(("event: %s\ndata: %s\n\n" % (name, json.dumps(data))).encode())
            self.wfile.flush()

        for n, (name, data) in enumerate(events):
            emit(n, name, data)
            if name.endswith(".delta") or name.endswith("_delta"):
                time.sleep(step.get("chunk_delay", 0))
            if n == 0 and fail:
                message = step.get("message", "stub error")
                if api == "anthropic":
                    emit(1, "error", {"error": {"type": "overloaded_error", "message": message}})
                else:
                    emit(1, "response.failed", {"response": {"id": data["response"]["id"], "status": "failed",
                         "error": {"code": step.get("code", "server_error"), "message": message}}})
                return
            if n == 1 and step.get("drop"):
                return
            while n == 1 and step.get("hang"):
                time.sleep(1)
                self.wfile.write(b": keep-alive\n\n")        # raises once the CLI has gone
                self.wfile.flush()


def main():
    ap = argparse.ArgumentParser(description="scripted model API stub (see the header of this file)")
    ap.add_argument("--script")
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--port-file")
    ap.add_argument("--log")
    ap.add_argument("--log-bodies", action="store_true")
    a = ap.parse_args()
    script = json.load(open(a.script)) if a.script else DEFAULT_SCRIPT
    Handler.state = State(script, a.log, a.log_bodies)
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", a.port), Handler)
    port = server.server_address[1]
    if a.port_file:
        with open(a.port_file + ".tmp", "w") as f:
            f.write(str(port))
        os.rename(a.port_file + ".tmp", a.port_file)
    print("LISTENING http://127.0.0.1:%d" % port, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    try:
        server.serve_forever(poll_interval=0.05)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
