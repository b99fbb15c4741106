"""The middleware protocol, the chain that composes it, and two examples."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from webapp_framework.http.request import Request
from webapp_framework.http.response import Response
from webapp_framework.utils.log import request_id
from webapp_framework.utils.text import random_token

Handler = Callable[[Request], Response]
Middleware = Callable[[Request, Handler], Response]

_GIVEN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def compose(middleware: Sequence[Middleware], handler: Handler) -> Handler:
    """Put middleware around a handler; the first of the list is the outermost."""
    for layer in reversed(middleware):
        handler = _around(layer, handler)
    return handler


def _around(layer: Middleware, inner: Handler) -> Handler:
    return lambda request: layer(request, inner)


class Timing:
    """Tells in the header Server-Timing how long a request took."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock

    def __call__(self, request: Request, handler: Handler) -> Response:
        """Measure what lies inside."""
        begun = self._clock()
        response = handler(request)
        response.headers.set("Server-Timing", f"app;dur={(self._clock() - begun) * 1000:.1f}")
        return response


def request_ids(request: Request, handler: Handler) -> Response:
    """Give each request an id, for the logs and the answer; a sound one of the client is kept."""
    given = request.headers.get("X-Request-Id", "")
    token = given if _GIVEN_ID.fullmatch(given) else random_token(12)
    mark = request_id.set(token)
    try:
        response = handler(request)
    finally:
        request_id.reset(mark)
    response.headers.set("X-Request-Id", token)
    return response
