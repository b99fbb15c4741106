"""The test client: no network, no server, the same WSGI call."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from webapp_framework.http.headers import Headers

_MAX_REDIRECTS = 10


@dataclass(frozen=True)
class Result:
    """What an application answered."""

    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return jsonlib.loads(self.body)


class Client:
    """Calls an application and keeps its cookies."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **options: Any) -> Result:
        """Send a GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Result:
        """Send a POST."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Result:
        """Send a PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Result:
        """Send a PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Result:
        """Send a DELETE."""
        return self.request("DELETE", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: dict[str, Any] | None = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        follow: bool = False,
    ) -> Result:
        """Send a request; `follow` goes where a redirect points."""
        fields = dict(headers or {})
        if json is not None:
            body, fields["Content-Type"] = jsonlib.dumps(json).encode(), "application/json"
        elif form is not None:
            body = urlencode(form, doseq=True).encode()
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        result = self._call(method, path, body, fields)
        for _ in range(_MAX_REDIRECTS):
            place = result.headers.get("Location")
            if not follow or place is None or result.status // 100 != 3:
                return result
            path = urljoin(path, place)
            if result.status not in (307, 308):
                method, body, fields = "GET", b"", {}
            result = self._call(method, path, body, fields)
        raise RuntimeError(f"more than {_MAX_REDIRECTS} redirects, the last to {path}")

    def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Result:
        address = urlsplit(path)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": address.path.encode().decode("latin-1"),
            "QUERY_STRING": address.query,
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answered: list[Any] = []
        pieces = self.app(environ, lambda status, fields: answered.extend([status, fields]))
        result = Result(int(answered[0].split()[0]), Headers(answered[1]), b"".join(pieces))
        for cookie in result.headers.all("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return result
