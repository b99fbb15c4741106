#!/usr/bin/env python3
"""Speaks as Claude Code does with `--input-format stream-json` and on its own screen, as `codex exec
--json` does, and as an MCP server.

It has no model: every line of what it is told is a thing to do, of those in `Turn.do`. Its
sessions are files below $HOME, so that one can be taken up again.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import tty
import uuid

SESSIONS = os.path.join(os.environ.get("HOME", "."), "sessions")


PRINTED = os.path.join(os.environ.get("HOME", "."), "printed")


def out(value):
    show(json.dumps(value))


def show(line):
    """Prints a line, and keeps what was printed for the test."""
    with open(PRINTED, "a") as printed:
        printed.write(line + "\n")
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def option(name):
    given = [word.split("=", 1)[1] for word in sys.argv if word.startswith(name + "=")]
    given += [after for word, after in zip(sys.argv, sys.argv[1:]) if word == name]
    return given[0] if given else None


class Claude:
    """JSON lines both ways, until the end of stdin."""

    def __init__(self):
        self.told, self.answers, self.denials = queue.Queue(), queue.Queue(), []
        self.session = option("--resume") or option("--session-id") or str(uuid.uuid4())
        self.begun = False

    def listen(self):
        for line in sys.stdin:
            message = json.loads(line)
            if message["type"] == "control_response":
                self.answers.put(message["response"]["response"])
            elif message["type"] == "user":
                content = message["message"]["content"]
                text = content if isinstance(content, str) else "".join(part["text"] for part in content)
                self.told.put(text)
            elif message["type"] == "control_request":
                answer = {"subtype": "success", "request_id": message["request_id"], "response": {}}
                out({"type": "control_response", "response": answer})
        self.told.put(None)

    def run(self):
        threading.Thread(target=self.listen, daemon=True).start()
        place = os.path.join(SESSIONS, self.session)
        if option("--resume") and not os.path.exists(place):
            text = "No conversation found with session ID: " + self.session
            print(text, file=sys.stderr, flush=True)
            out({"type": "result", "subtype": "error_during_execution", "is_error": True, "num_turns": 0,
                 "errors": [text], "session_id": str(uuid.uuid4()), "usage": {}, "total_cost_usd": 0})
            sys.exit(1)
        while (text := self.told.get()) is not None:
            if not self.begun:
                os.makedirs(SESSIONS, exist_ok=True)
                self.used = json.load(open(place)) if os.path.exists(place) else [0, 0, 0.0]
                json.dump(self.used, open(place, "w"))
                out({"type": "system", "subtype": "init", "session_id": self.session, "model": "stand-in-1",
                     "cwd": os.getcwd(), "tools": []})
                self.begun = True
            last = Turn(self).work(text)
            json.dump(self.used, open(place, "w"))
            out({"type": "result", "subtype": "success", "is_error": False, "result": last, "num_turns": 1,
                 "session_id": self.session, "total_cost_usd": self.used[2], "duration_ms": 1,
                 "modelUsage": {"stand-in-1": {"inputTokens": self.used[0], "outputTokens": self.used[1],
                                               "costUSD": self.used[2]}},
                 "permission_denials": self.denials})

    def message(self, block, **more):
        out({"type": "assistant", "session_id": self.session, "message": {
            "role": "assistant", "model": "stand-in-1", "content": [block], **more}})

    def text(self, text):
        self.message({"type": "text", "text": text})

    def tool(self, name, given):
        number = str(uuid.uuid4())
        self.message({"type": "tool_use", "id": number, "name": name, "input": given})
        out({"type": "user", "session_id": self.session, "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": number, "content": "done"}]}})

    def ask(self, command, request_id=None):
        given = {"command": command}
        out({"type": "control_request", "request_id": request_id or str(uuid.uuid4()), "request": {
            "subtype": "can_use_tool", "tool_name": "Bash", "input": given}})
        answer = self.answers.get()
        if answer["behavior"] == "allow":
            return "allowed"
        self.denials.append({"tool_name": "Bash", "tool_input": given})
        return "denied: " + answer["message"]


class Codex:
    """One turn, then its end."""

    def __init__(self):
        self.used = [0, 0, 0.0]

    def run(self):
        given = [word for word in sys.argv[1:] if not word.startswith("-")]
        resumed = given[given.index("resume") + 1] if "resume" in given else None
        prompt = sys.stdin.read() if given[-1:] == ["-"] or "-" in sys.argv else given[-1]
        out({"type": "thread.started", "thread_id": resumed or str(uuid.uuid4())})
        out({"type": "turn.started"})
        Turn(self).work(prompt)
        out({"type": "turn.completed", "usage": {"input_tokens": self.used[0], "cached_input_tokens": 0,
                                                 "output_tokens": self.used[1]}})

    def text(self, text):
        out({"type": "item.completed", "item": {"id": "i", "type": "agent_message", "text": text}})


class Server:
    """An MCP server with a tool that begins a session and one that goes on in it."""

    def __init__(self):
        self.used, self.answers, self.calls = [0, 0, 0.0], queue.Queue(), queue.Queue()

    def listen(self):
        for line in sys.stdin:
            message = json.loads(line)
            method, params = message.get("method"), message.get("params", {})
            if method is None:
                self.answers.put(message["result"])
            elif method == "initialize":
                self.answer(message, {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}},
                                      "serverInfo": {"name": "stand-in", "version": "1"}})
            elif method == "tools/list":
                tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("begin", "go_on")]
                self.answer(message, {"tools": tools})
            elif method == "tools/call":
                self.calls.put(message)
        self.calls.put(None)

    def answer(self, message, result):
        out({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def run(self):
        threading.Thread(target=self.listen, daemon=True).start()
        while (call := self.calls.get()) is not None:
            given = call["params"]["arguments"]
            last = Turn(self).work(given["prompt"])
            self.answer(call, {"content": [{"type": "text", "text": last}], "structuredContent": {
                "threadId": given.get("session", "thread-1"), "content": last}})

    def ask(self, command):
        out({"jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": {
            "message": command, "requestedSchema": {"type": "object", "properties": {}}}})
        return self.answers.get()["action"]

    def text(self, text):
        pass


class Screen(Claude):
    """Claude Code's own screen: a line to type into, and hooks that are given to a shell."""

    def run(self):
        hooks = json.loads(option("--settings"))["hooks"]
        self.hooks = {name: rules[0]["hooks"][0]["command"] for name, rules in hooks.items()}
        self.used = [0, 0, 0.0]
        tty.setraw(0)
        self.draw("")
        self.hook("SessionStart", model="stand-in-1")
        sys.stdout.write("\x1b[?2004h")
        while True:
            text = self.typed()
            self.hook("UserPromptSubmit", prompt=text)
            self.draw("")
            last = Turn(self).work(text.replace("\r", "\n"))
            self.hook("Stop", last_assistant_message=last)

    def draw(self, typed):
        shown = typed.replace("\r", "\r\n  ")
        sys.stdout.write("\x1b[2J\x1b[HClaude Code stand-in\r\n\r\n\u276f " + shown)
        sys.stdout.flush()

    def typed(self):
        """What is pasted before an Enter that is pressed by itself; bytes outside of a paste are lost."""
        text, pasting, pending = "", False, b""
        while True:
            pending += os.read(0, 4096)
            while pending:
                start, end = b"\x1b[200~", b"\x1b[201~"
                if pasting:
                    piece, found, rest = pending.partition(end)
                    text += piece.decode() if found else ""
                    if not found:
                        break
                    pasting, pending = False, rest
                    self.draw(text)
                elif pending.startswith(start):
                    pasting, pending = True, pending[len(start):]
                else:
                    key, pending = pending[:1], pending[1:]
                    if key == b"\r" and text:
                        return text

    def hook(self, name, **told):
        told = {"session_id": self.session, "hook_event_name": name, **told}
        # One that fails is passed over, as Claude Code does.
        subprocess.run(["sh", "-c", self.hooks[name]], input=json.dumps(told).encode(), check=False)

    def text(self, text):
        pass

    def tool(self, name, given):
        self.hook("PreToolUse", tool_name=name, tool_input=given)
        self.hook("PostToolUse", tool_name=name, tool_input=given)


class Turn:
    def __init__(self, speaker):
        self.speaker, self.last = speaker, ""

    def work(self, text):
        for line in text.splitlines():
            words = line.split(" ", 1)
            self.do(words[0], words[1] if len(words) > 1 else "")
        return self.last

    def say(self, text):
        self.last = text
        self.speaker.text(text)

    def do(self, word, rest):
        speaker = self.speaker
        if word == "text":
            self.say(rest.encode().decode("unicode_escape"))
        elif word == "write":
            path, text = rest.split(" ", 1)
            with open(path, "w") as file:
                file.write(text)
            if isinstance(speaker, Claude):
                speaker.tool("Write", {"file_path": os.path.abspath(path), "content": text})
        elif word == "run":
            speaker.tool("Bash", {"command": rest})
        elif word == "ask":
            self.say(speaker.ask(rest))
        elif word == "hear":
            self.say("heard " + speaker.told.get())
        elif word == "use":
            tokens_in, tokens_out, cost = rest.split()
            speaker.used[0] += int(tokens_in)
            speaker.used[1] += int(tokens_out)
            speaker.used[2] += float(cost)
        elif word == "spend":
            tokens_in, tokens_out = map(int, rest.split())
            used = {"input_tokens": tokens_in, "output_tokens": tokens_out}
            speaker.message({"type": "text", "text": "spent"}, id=str(uuid.uuid4()), usage=used)
        elif word == "wait":
            with open(rest) as file:
                file.read()
        elif word == "long":
            self.say("x" * int(rest))
        elif word == "print":
            show(rest.encode().decode("unicode_escape"))
        elif word == "warn":
            print(rest.encode().decode("unicode_escape"), file=sys.stderr, flush=True)
        elif word == "hide":
            hide(rest)
        elif word == "ask-as":
            self.say(speaker.ask("make", request_id="r" * int(rest)))
        elif word == "withdraw":
            request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "make"}}
            out({"type": "control_request", "request_id": "gone", "request": request})
            with open(rest) as file:
                file.read()
            out({"type": "control_cancel_request", "request_id": "gone"})
        elif word == "flood":
            flood()
        elif word == "end":
            os._exit(int(rest))
        elif word == "kill":
            os.kill(os.getpid(), int(rest))


def flood():
    """Prints without end, and hears no signal but a kill."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    lines = b"xxxxxxx\n" * 8192
    while True:
        os.write(1, lines)


def hide(name):
    """A child in a session of its own, with an empty environment and deaf ears; its pid in a file."""
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(null, stream)
        os.execve("/bin/sleep", ["sleep", "1000"], {})
    os.close(begun)
    # The other end is closed by the start of the new program.
    os.read(ready, 1)
    with open(name, "w") as file:
        file.write(str(child))


if "exec" in sys.argv:
    Codex().run()
elif "mcp" in sys.argv:
    Server().run()
elif option("--settings"):
    Screen().run()
else:
    Claude().run()
