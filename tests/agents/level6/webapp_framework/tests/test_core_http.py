"""The application core, requests, responses and headers."""

from __future__ import annotations

import pytest

from webapp_framework.core.app import App
from webapp_framework.core.config import Config, ConfigError
from webapp_framework.core.middleware import Timing, request_ids
from webapp_framework.http.headers import Headers
from webapp_framework.http.request import Request
from webapp_framework.http.response import HTTPError, Response
from webapp_framework.testing.client import Client


def test_a_view_may_return_text_json_or_a_response() -> None:
    app = App()
    app.get("/html")(lambda request: "<p>hello</p>")
    app.get("/json")(lambda request: {"name": "Ada"})
    app.get("/none", name="none")(lambda request: Response(status=204))
    client = Client(app)
    assert client.get("/html").headers.get("content-type") == "text/html; charset=utf-8"
    assert client.get("/json").json == {"name": "Ada"}
    assert client.get("/none").status == 204


def test_a_failing_view_gives_nothing_away_unless_debug_is_on() -> None:
    def broken(request: Request) -> str:
        raise RuntimeError("the secret cause")

    for debug, told in ((False, False), (True, True)):
        app = App(Config({"debug": debug}))
        app.get("/")(broken)
        answer = Client(app).get("/")
        assert answer.status == 500
        assert ("the secret cause" in answer.text) is told


def test_error_handlers_answer_a_status_and_an_exception() -> None:
    app = App()
    app.on_error(404)(lambda request, error: Response.text("nothing here", status=404))
    app.on_error(KeyError)(lambda request, error: Response.text("no such key", status=422))
    app.get("/key")(lambda request: {}["missing"])
    assert Client(app).get("/lost").text == "nothing here"
    assert Client(app).get("/key").status == 422


def test_hooks_run_around_the_view_and_may_answer_early() -> None:
    app = App()
    app.before(lambda request: Response.text("closed", status=503) if "closed" in request.query else None)
    app.get("/")(lambda request: "open")

    @app.after
    def stamp(request: Request, response: Response) -> Response:
        response.headers.set("X-Stamp", "1")
        return response

    assert Client(app).get("/").text == "open"
    early = Client(app).get("/?closed=")
    assert (early.status, early.headers.get("X-Stamp")) == (503, "1")


def test_timing_and_request_ids_are_told_in_headers() -> None:
    app, clock = App(), iter([1.0, 1.25])
    app.middleware += [request_ids, Timing(clock=lambda: next(clock))]
    app.get("/")(lambda request: "x")
    answer = Client(app).get("/", headers={"X-Request-Id": "abc-1"})
    assert answer.headers.get("server-timing") == "app;dur=250.0"
    assert answer.headers.get("x-request-id") == "abc-1"


def test_configuration_comes_from_defaults_a_file_and_the_environment(tmp_path) -> None:
    (tmp_path / "app.toml").write_text("debug = true\nname = 'shop'\n")
    config = Config({"name": "none"}).load_file(tmp_path / "app.toml")
    config.load_environment("APP_", {"APP_DEBUG": "no", "APP_MAX_BODY": "10", "OTHER": "x"})
    assert (config["debug"], config["name"], config["max_body"]) == (False, "shop", 10)
    with pytest.raises(ConfigError, match="APP_DEBUG"):
        config.load_environment("APP_", {"APP_DEBUG": "perhaps"})


def test_headers_ignore_case_and_refuse_line_breaks() -> None:
    headers = Headers([("Accept", "a"), ("accept", "b")])
    assert headers.all("ACCEPT") == ["a", "b"]
    headers.set("Accept", "c")
    assert list(headers) == [("Accept", "c")]
    with pytest.raises(ValueError):
        headers.add("X-Name", "one\r\nSet-Cookie: two=2")


def test_malformed_json_and_paths_are_the_clients_fault() -> None:
    app = App()
    app.post("/")(lambda request: {"got": request.json})
    client = Client(app)
    for body in (b"{", b"\xff\xfe", b"[" * 100_000):
        assert client.post("/", body=body).status == 400
    assert client.post("/", json=[1, 2]).json == {"got": [1, 2]}


def test_a_body_over_the_limit_is_refused_unread() -> None:
    app = App(Config({"max_body": 4}))
    app.post("/")(lambda request: {"size": len(request.body)})
    assert Client(app).post("/", body=b"1234").json == {"size": 4}
    assert Client(app).post("/", body=b"12345").status == 413
    assert Client(app).post("/", body=b"1", headers={"Content-Length": "3"}).status == 400


def test_multipart_forms_give_fields_and_files() -> None:
    app = App()
    app.post("/")(lambda request: {"fields": request.form, "file": request.files["f"].data.decode()})
    disposition = "Content-Disposition: form-data; name="
    parts = [f'{disposition}"name"\r\n\r\nAda', f'{disposition}"f"; filename="a.txt"\r\n\r\ncontent']
    body = "".join(f"--xyz\r\n{part}\r\n" for part in parts) + "--xyz--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
    answer = Client(app).post("/", body=body.encode(), headers=kind)
    assert answer.json == {"fields": {"name": ["Ada"]}, "file": "content"}
    assert Client(app).post("/", body=b"no parts", headers=kind).status == 400


def test_files_are_sent_from_their_folder_and_from_nowhere_else(tmp_path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/a.txt").write_text("public")
    (tmp_path / "secret.txt").write_text("secret")
    assert b"".join(Response.file(tmp_path / "public", "a.txt").iterable()) == b"public"
    for name in ("../secret.txt", str(tmp_path / "secret.txt"), "none.txt"):
        with pytest.raises(HTTPError, match="Not Found"):
            Response.file(tmp_path / "public", name)
