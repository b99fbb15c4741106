"""Requests over a WSGI environ. Malformed input is an HTTPError of status 400, never another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from webapp_framework.http.headers import Headers
from webapp_framework.http.response import HTTPError

_CHUNK = 65_536
_MAX_FIELDS = 1000


@dataclass(frozen=True)
class Upload:
    """A file that came with a form."""

    name: str
    content_type: str
    data: bytes


class Request:
    """One request. What costs time or memory is read when it is first asked for."""

    def __init__(self, environ: dict[str, Any], *, max_body: int = 1_048_576) -> None:
        self.environ = environ
        self.method: str = environ.get("REQUEST_METHOD", "GET").upper()
        self.route_values: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self._max_body = max_body

    @cached_property
    def path(self) -> str:
        """The path, decoded; `/` where there is none."""
        raw = self.environ.get("PATH_INFO", "") or "/"
        return _decoded(raw.encode("latin-1"), "the path")

    @cached_property
    def headers(self) -> Headers:
        """The headers."""
        headers = Headers()
        for name, value in self.environ.items():
            if name.startswith("HTTP_"):
                name = name.removeprefix("HTTP_")
            elif name not in ("CONTENT_TYPE", "CONTENT_LENGTH") or not value:
                continue
            try:
                headers.add(name.replace("_", "-").title(), value)
            except ValueError as error:
                raise HTTPError(400, str(error)) from error
        return headers

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """The values of the query, a list for each name."""
        return _fields(self.environ.get("QUERY_STRING", ""))

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The cookies; pieces that are none are left out."""
        pairs = (piece.partition("=") for piece in (self.headers.get("Cookie") or "").split(";"))
        return {name.strip(): value.strip().strip('"') for name, equals, value in pairs if equals}

    @cached_property
    def content_type(self) -> str:
        """The type of the body, without its parameters."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    @cached_property
    def body(self) -> bytes:
        """The whole body; the limit holds while it is read, whatever its length was said to be."""
        try:
            left = int(self.environ.get("CONTENT_LENGTH") or 0)
        except ValueError as error:
            raise HTTPError(400, "the length of the body is no number") from error
        if left < 0:
            raise HTTPError(400, "the length of the body is negative")
        if left > self._max_body:
            raise HTTPError(413, f"a body may have {self._max_body} bytes")
        pieces = []
        while left and (piece := self.environ["wsgi.input"].read(min(left, _CHUNK))):
            pieces.append(piece)
            left -= len(piece)
        if left:
            raise HTTPError(400, "the body is shorter than was said")
        return b"".join(pieces)

    @cached_property
    def json(self) -> Any:
        """The body as JSON."""
        try:
            return json.loads(_decoded(self.body, "the body"))
        except (ValueError, RecursionError) as error:
            raise HTTPError(400, f"the body is not JSON: {error}") from error

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The fields of a form, of either kind."""
        if self.content_type == "multipart/form-data":
            return self._multipart[0]
        if self.content_type == "application/x-www-form-urlencoded":
            return _fields(_decoded(self.body, "the form"))
        return {}

    @cached_property
    def files(self) -> dict[str, Upload]:
        """The files of a multipart form, the last of each name."""
        return self._multipart[1] if self.content_type == "multipart/form-data" else {}

    @cached_property
    def _multipart(self) -> tuple[dict[str, list[str]], dict[str, Upload]]:
        head = f"Content-Type: {self.headers.get('Content-Type')}\r\n\r\n".encode()
        message = BytesParser(policy=policy.HTTP).parsebytes(head + self.body)
        if message.defects or not message.is_multipart():
            raise HTTPError(400, "the form's parts cannot be told apart")
        fields: dict[str, list[str]] = {}
        files: dict[str, Upload] = {}
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            data = part.get_payload(decode=True)
            if not isinstance(name, str) or not isinstance(data, bytes):
                raise HTTPError(400, "a part of the form has no name")
            if part.get_filename() is None:
                fields.setdefault(name, []).append(_decoded(data, f"the field {name}"))
            else:
                files[name] = Upload(part.get_filename() or "", part.get_content_type(), data)
        return fields, files


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HTTPError(400, f"{what} is not UTF-8") from error


def _fields(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise HTTPError(400, "the fields cannot be read") from error
