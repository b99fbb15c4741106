"""The router and the shared utilities."""

from __future__ import annotations

import io
import json
import logging
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from webapp_framework.core.app import App
from webapp_framework.http.response import HTTPError
from webapp_framework.routing.router import Router
from webapp_framework.testing.client import Client
from webapp_framework.utils import dates, log, text

ID = "12345678-1234-5678-1234-567812345678"


def view(name: str):
    """A view that can be told from others."""
    return lambda request, **values: name


def test_converters_give_values_of_their_type() -> None:
    router = Router()
    router.add("/i/<int:v>/f/<float:w>", view("numbers"), name="numbers")
    router.add("/u/<uuid:v>", view("uuid"), name="uuid")
    router.add("/p/<path:v>", view("path"), name="path")
    assert router.match("GET", "/i/-7/f/1.5").values == {"v": -7, "w": 1.5}
    assert router.match("GET", f"/u/{ID}").values == {"v": UUID(ID)}
    assert router.match("GET", "/p/a/b").values == {"v": "a/b"}


def test_static_parts_win_over_converters_in_any_order() -> None:
    router = Router()
    router.add("/users/<name>", view("any"), name="any")
    router.add("/users/<int:id>", view("number"), name="number")
    router.add("/users/new", view("static"), name="static")
    found = [router.match("GET", path).view(None) for path in ("/users/new", "/users/7", "/users/ada")]
    assert found == ["static", "number", "any"]


def test_a_wrong_method_is_told_from_a_wrong_path() -> None:
    router = Router()
    router.add("/a", view("a"), methods=["GET", "PUT"], name="a")
    with pytest.raises(HTTPError) as wrong:
        router.match("POST", "/a")
    assert (wrong.value.status, wrong.value.headers["Allow"]) == (405, "GET, HEAD, OPTIONS, PUT")
    with pytest.raises(HTTPError, match="Not Found"):
        router.match("GET", "/b")


def test_head_and_options_are_answered_by_themselves() -> None:
    app = App()
    app.get("/")(lambda request: "four")
    head = Client(app).request("HEAD", "/")
    assert (head.status, head.headers.get("Content-Length"), head.body) == (200, "4", b"")
    options = Client(app).request("OPTIONS", "/")
    assert (options.status, options.headers.get("Allow")) == (204, "GET, HEAD, OPTIONS")


def test_paths_are_built_from_values_and_wrong_values_refused() -> None:
    router = Router()
    router.add("/shop/<int:id>/<name>", view("item"), name="item")
    assert router.url_for("item", id=7, name="a b") == "/shop/7/a%20b"
    for values in ({"id": 7}, {"id": "x", "name": "a"}, {"id": 7, "name": "a/b"}):
        with pytest.raises(ValueError):
            router.url_for("item", **values)


def test_routes_that_cannot_be_told_apart_are_refused() -> None:
    router = Router()
    router.add("/users/<int:id>", view("one"), name="one")
    router.add("/users/<int:id>", view("two"), methods=["POST"], name="two")
    with pytest.raises(ValueError, match="cannot be told"):
        router.add("/users/<int:number>", view("three"), name="three")
    with pytest.raises(ValueError, match="converter"):
        router.add("/<what:x>", view("four"))


def test_groups_have_a_prefix_and_middleware_of_their_own() -> None:
    app, seen = App(), []
    mark = lambda request, handler: seen.append(request.path) or handler(request)
    admin = app.router.group("/admin", middleware=[mark]).group("/users")
    admin.add("/<int:id>", lambda request, id: f"user {id}", name="user")
    app.get("/")(lambda request: "home")
    assert Client(app).get("/admin/users/3").text == "user 3"
    Client(app).get("/")
    assert seen == ["/admin/users/3"]


def test_times_are_read_and_written_in_both_forms_and_need_a_zone() -> None:
    moment = datetime(1994, 11, 6, 8, 49, 37, tzinfo=timezone.utc)
    assert dates.format_http(moment) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert dates.parse_http("Sun, 06 Nov 1994 08:49:37 GMT") == moment
    assert dates.format_rfc3339(moment.astimezone(timezone(timedelta(hours=9)))) == "1994-11-06T08:49:37Z"
    assert dates.parse_rfc3339("1994-11-06T17:49:37+09:00") == moment
    with pytest.raises(ValueError, match="time zone"):
        dates.format_http(datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        dates.parse_rfc3339("2026-01-01T00:00:00")


def test_slugs_and_cuts_are_fit_to_read() -> None:
    assert text.slugify("  Crème Brûlée, twice! ") == "creme-brulee-twice"
    assert text.truncate("one two three", 9) == "one two…"
    assert text.truncate("one", 9) == "one"
    assert len(text.truncate("x" * 50, 10)) == 10


def test_log_lines_carry_the_request_and_cannot_be_forged() -> None:
    for as_json in (False, True):
        stream = io.StringIO()
        handler = log.set_up(stream, as_json=as_json)
        mark = log.request_id.set("r-1")
        try:
            logging.getLogger("webapp_framework.test").info("first\nsecond")
        finally:
            log.request_id.reset(mark)
            logging.getLogger("webapp_framework").removeHandler(handler)
        line = stream.getvalue()
        assert line.count("\n") == 1 and "r-1" in line
        assert not as_json or json.loads(line)["message"] == "first\nsecond"
