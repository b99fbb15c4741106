"""The application: a WSGI callable with routes, hooks and error handlers."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from webapp_framework.core.config import Config
from webapp_framework.core.middleware import Handler, Middleware, compose
from webapp_framework.http.request import Request
from webapp_framework.http.response import HTTPError, Response
from webapp_framework.routing.router import Router

log = logging.getLogger(__name__)

View = Callable[..., Any]
Before = Callable[[Request], Response | None]
After = Callable[[Request, Response], Response]
OnError = Callable[[Request, Exception], Response]


class App:
    """A web application. Call it as WSGI servers do, or through `testing.Client`."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()
        self.router = Router()
        self.middleware: list[Middleware] = []
        self._before: list[Before] = []
        self._after: list[After] = []
        self._errors: dict[int | type[Exception], OnError] = {}

    def route(self, pattern: str, *, methods: Iterable[str] = ("GET",), name: str | None = None) -> Callable[[View], View]:
        """Register the decorated function for a pattern such as `/users/<int:id>`."""

        def register(view: View) -> View:
            self.router.add(pattern, view, methods=methods, name=name)
            return view

        return register

    def get(self, pattern: str, **options: Any) -> Callable[[View], View]:
        """Register the decorated function for GET."""
        return self.route(pattern, methods=("GET",), **options)

    def post(self, pattern: str, **options: Any) -> Callable[[View], View]:
        """Register the decorated function for POST."""
        return self.route(pattern, methods=("POST",), **options)

    def before(self, hook: Before) -> Before:
        """Call this before each view; what it returns, when it does, is the answer."""
        self._before.append(hook)
        return hook

    def after(self, hook: After) -> After:
        """Call this with each answer; what it returns is sent."""
        self._after.append(hook)
        return hook

    def on_error(self, what: int | type[Exception]) -> Callable[[OnError], OnError]:
        """Answer this status, or this exception, by the decorated function."""

        def register(handler: OnError) -> OnError:
            self._errors[what] = handler
            return handler

        return register

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request, as PEP 3333 has it."""
        request = Request(environ, max_body=self.config["max_body"])
        response = self.handle(request)
        start_response(response.status_line, response.header_list())
        return [] if request.method == "HEAD" else response.iterable()

    def handle(self, request: Request) -> Response:
        """Answer one request; every exception becomes a response."""
        try:
            return compose(self.middleware, self._inner)(request)
        except Exception as error:  # A middleware failed: there is nothing left around it.
            return self._failed(request, error)

    def _inner(self, request: Request) -> Response:
        try:
            response = self._view(request)
        except Exception as error:
            response = self._failed(request, error)
        for hook in self._after:
            response = hook(request, response)
        return response

    def _view(self, request: Request) -> Response:
        for hook in self._before:
            early = hook(request)
            if early is not None:
                return early
        found = self.router.match(request.method, request.path)
        request.route_values = found.values
        view: Handler = lambda inner: as_response(found.view(inner, **found.values))
        return compose(found.middleware, view)(request)

    def _failed(self, request: Request, error: Exception) -> Response:
        for kind in type(error).__mro__:
            if kind in self._errors and not (kind is Exception and isinstance(error, HTTPError)):
                return self._errors[kind](request, error)
        if isinstance(error, HTTPError):
            handler = self._errors.get(error.status)
            return handler(request, error) if handler else error.response()
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        if 500 in self._errors:
            return self._errors[500](request, error)
        if self.config["debug"]:
            return Response.text("".join(traceback.format_exception(error)), status=500)
        return HTTPError(500).response()


def as_response(value: Any) -> Response:
    """Turn what a view may return into a response: one already, text, a mapping or a list."""
    if isinstance(value, Response):
        return value
    if isinstance(value, str):
        return Response.html(value)
    if isinstance(value, (dict, list)):
        return Response.json(value)
    raise TypeError(f"a view returned {type(value).__name__}; expected a Response, text, a dict or a list")
