"""Turns a template into tokens that know where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

_MARK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.S)
_OPENING = re.compile(r"\{\{|\{%|\{#")


class TemplateError(Exception):
    """A template that cannot be used; the message names it, the place and what was expected."""


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    VALUE = "value"
    TAG = "tag"


@dataclass(frozen=True)
class Token:
    """A piece of a template."""

    kind: Kind
    text: str
    template: str
    line: int
    column: int

    def error(self, message: str) -> TemplateError:
        """An error at this place."""
        return TemplateError(f"{self.template}:{self.line}:{self.column}: {message}")


def tokens(source: str, template: str) -> Iterator[Token]:
    """Cut a template into its tokens; comments are left out."""
    end = 0
    for mark in _MARK.finditer(source):
        yield from _text(source, end, mark.start(), template)
        end = mark.end()
        inner = mark.group()[2:-2].strip()
        if mark.group().startswith("{{"):
            yield _token(Kind.VALUE, inner, source, mark.start(), template)
        elif mark.group().startswith("{%"):
            yield _token(Kind.TAG, inner, source, mark.start(), template)
    yield from _text(source, end, len(source), template)


def _text(source: str, start: int, end: int, template: str) -> Iterator[Token]:
    opening = _OPENING.search(source, start, end)
    if opening:
        place = _token(Kind.TEXT, "", source, opening.start(), template)
        raise place.error(f"{opening.group()} is never closed")
    if start < end:
        yield _token(Kind.TEXT, source[start:end], source, start, template)


def _token(kind: Kind, text: str, source: str, at: int, template: str) -> Token:
    line = source.count("\n", 0, at) + 1
    return Token(kind, text, template, line, at - source.rfind("\n", 0, at))
