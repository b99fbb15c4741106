"""Responses, and the error that becomes one."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from webapp_framework.http.headers import Headers

_CHUNK = 65_536


class Response:
    """A status, headers and a body."""

    def __init__(
        self,
        body: bytes | Iterable[bytes] = b"",
        *,
        status: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = Headers((headers or {}).items())
        if content_type:
            self.headers.set("Content-Type", content_type)

    @classmethod
    def text(cls, text: str, **options: Any) -> Response:
        """Plain text."""
        return cls(text.encode(), content_type="text/plain; charset=utf-8", **options)

    @classmethod
    def html(cls, text: str, **options: Any) -> Response:
        """An HTML page."""
        return cls(text.encode(), content_type="text/html; charset=utf-8", **options)

    @classmethod
    def json(cls, value: Any, **options: Any) -> Response:
        """A value as JSON."""
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return cls(text.encode(), content_type="application/json", **options)

    @classmethod
    def redirect(cls, place: str, *, status: int = 303) -> Response:
        """Send the client elsewhere; 303 makes a GET of it."""
        return cls(status=status, headers={"Location": quote(place, safe="/:?#[]@!$&'()*+,;=%~")})

    @classmethod
    def file(cls, root: str | Path, name: str) -> Response:
        """A file below a folder; whatever leads out of it is not found."""
        folder = Path(root).resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise HTTPError(404)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        size = {"Content-Length": str(path.stat().st_size)}
        return cls(_pieces(path), content_type=kind, headers=size)

    @classmethod
    def stream(cls, pieces: Iterable[bytes], *, content_type: str = "application/octet-stream") -> Response:
        """A body that is made while it is sent."""
        return cls(pieces, content_type=content_type)

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        expires: datetime | None = None,
        path: str = "/",
        secure: bool = False,
        http_only: bool = True,
        same_site: str = "Lax",
    ) -> None:
        """Add a cookie that scripts cannot read and other sites' forms do not send."""
        if not name.isascii() or not name.replace("-", "_").isidentifier() or set(value) & set(';," \\'):
            raise ValueError(f"the cookie {name!r} cannot be written")
        parts = [f"{name}={value}", f"Path={path}", f"SameSite={same_site}"]
        if max_age is not None:
            parts.append(f"Max-Age={max_age}")
        if expires is not None:
            parts.append(f"Expires={expires:%a, %d %b %Y %H:%M:%S} GMT")
        parts += ["HttpOnly"] * http_only + ["Secure"] * secure
        self.headers.add("Set-Cookie", "; ".join(parts))

    @property
    def status_line(self) -> str:
        """The status as WSGI wants it: `404 Not Found`."""
        try:
            return f"{self.status} {HTTPStatus(self.status).phrase}"
        except ValueError:
            return f"{self.status} Unknown"

    def header_list(self) -> list[tuple[str, str]]:
        """The headers as WSGI wants them."""
        if isinstance(self.body, bytes) and "Content-Length" not in self.headers:
            self.headers.set("Content-Length", str(len(self.body)))
        return list(self.headers)

    def iterable(self) -> Iterable[bytes]:
        """The body as WSGI wants it."""
        return [self.body] if isinstance(self.body, bytes) else self.body


class HTTPError(Exception):
    """An exception that becomes the response of its status."""

    def __init__(self, status: int, detail: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or HTTPStatus(status).phrase)
        self.status = status
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The response."""
        return Response.text(f"{self.status} {self}\n", status=self.status, headers=self.headers)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
