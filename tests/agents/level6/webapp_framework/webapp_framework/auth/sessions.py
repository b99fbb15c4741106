"""Sessions in a signed cookie, logins, and tokens against forged forms."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from webapp_framework.http.request import Request
from webapp_framework.http.response import HTTPError, Response

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE = "session"


class SessionMiddleware:
    """Reads the session before the view and writes it behind; refuses unsafe forged requests."""

    def __init__(
        self,
        keys: Sequence[str],
        *,
        lifetime: int = 86_400,
        secure: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not keys or any(len(key) < 16 for key in keys):
            raise ValueError("sessions need at least one key of 16 characters or more")
        self._keys, self._lifetime, self._secure, self._clock = list(keys), lifetime, secure, clock

    def __call__(self, request: Request, handler: Callable[[Request], Response]) -> Response:
        """Put the session into `request.state`, check the token, and send the cookie."""
        session = self.read(request.cookies.get(_COOKIE, "")) or {"id": secrets.token_urlsafe(16)}
        request.state["session"] = session
        if request.method not in _SAFE_METHODS and not _same(_sent_token(request), csrf_token(request)):
            return HTTPError(403, "the form's token is missing or old").response()
        response = handler(request)
        response.set_cookie(_COOKIE, self.write(session), max_age=self._lifetime, secure=self._secure)
        return response

    def write(self, session: dict[str, Any]) -> str:
        """The cookie's value: content, expiry and signature."""
        content = {**session, "expires": int(self._clock()) + self._lifetime}
        data = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
        return f"{data}.{_signature(data, self._keys[0])}"

    def read(self, text: str) -> dict[str, Any] | None:
        """The session of a cookie, when it was signed by us and is not over."""
        data, _, signature = text.partition(".")
        # Every key is tried, so that the time does not tell which one fits.
        if not any([_same(signature, _signature(data, key)) for key in self._keys]):
            return None
        session = json.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
        return session if session.pop("expires", 0) > self._clock() else None


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _signature(data: str, key: str) -> str:
    return hmac.new(key.encode(), data.encode(), hashlib.sha256).hexdigest()


def _sent_token(request: Request) -> str:
    return request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", [""])[0]


def csrf_token(request: Request) -> str:
    """The token that forms of this session must send."""
    session = request.state["session"]
    return session.setdefault("csrf", secrets.token_urlsafe(16))


def login(request: Request, user: str) -> None:
    """Remember who it is; the session gets a new id and token, so that none can be foisted."""
    session = request.state["session"]
    session.clear()
    session.update(id=secrets.token_urlsafe(16), csrf=secrets.token_urlsafe(16), user=user)


def logout(request: Request) -> None:
    """Forget who it was."""
    session = request.state["session"]
    session.clear()
    session["id"] = secrets.token_urlsafe(16)


def current_user(request: Request) -> str | None:
    """Who is logged in."""
    return request.state.get("session", {}).get("user")


def login_required(view: Callable[..., Any] | None = None, *, page: str = "/login") -> Callable[..., Any]:
    """Send who is not logged in to the login page."""
    if view is None:
        return functools.partial(login_required, page=page)

    @functools.wraps(view)
    def guarded(request: Request, **values: Any) -> Any:
        if current_user(request) is None:
            return Response.redirect(page)
        return view(request, **values)

    return guarded


def login_page(request: Request, template: str = "login.html", error: str = "") -> Response:
    """The login page from a template of the application, with the token for its form."""
    # Imported here, because an application may do without templates.
    from webapp_framework.templating.engine import render

    return render(request, template, csrf_token=csrf_token(request), error=error)
