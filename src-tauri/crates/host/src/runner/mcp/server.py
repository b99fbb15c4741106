"""A small MCP server over stdio for the tests: two tools, a question to the person, progress.

    server.py [ask | crash | strange | abort | pages]
"""
import json
import sys

mode = sys.argv[1] if len(sys.argv) > 1 else "plain"


def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def receive():
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def result(request, value):
    send({"id": request["id"], "result": value})


def ask(text):
    """Asks the person and gives back the answer's action."""
    params = {"message": text, "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}
    send({"id": "q-1", "method": "elicitation/create", "params": params})
    while True:
        message = receive()
        if message.get("id") == "q-1":
            answer = message["result"]
            return answer["action"] + (" ticked" if answer.get("content", {}).get("ok") else "")


def call(request):
    params = request["params"]
    given = params["arguments"]
    token = params["_meta"]["progressToken"]
    send({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1, "total": 4}})
    if mode == "crash":
        print("out of cheese", file=sys.stderr, flush=True)
        sys.exit(3)
    if mode == "abort":
        send({"method": "codex/event", "params": {"msg": {"type": "turn_aborted", "reason": "interrupted"}}})
        return
    said = ask("Run it?") if mode == "ask" else f"{params['name']}: {given['prompt']}"
    if given.get("session", "s-1") != "s-1":
        result(request, {"isError": True, "content": [{"type": "text", "text": "no such session"}]})
        return
    result(request, {"content": [{"type": "text", "text": said}], "structuredContent": {"sessionId": "s-1"}})


while True:
    request = receive()
    method = request.get("method")
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "test-server", "version": "7"}
        result(request, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
    elif method == "tools/list":
        names = ["other"] if mode == "strange" else ["codex_exec", "codex_reply"]
        more = {"nextCursor": "again"} if mode == "pages" else {}
        result(request, {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in names], **more})
    elif method == "tools/call":
        call(request)
    elif "id" in request:
        send({"id": request["id"], "error": {"code": -32601, "message": "unknown"}})
