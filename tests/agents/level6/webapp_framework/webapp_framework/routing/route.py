"""One route: a pattern such as `/users/<int:id>`, compiled, that also builds URLs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

_PART = re.compile(r"<(?:(?P<kind>[a-z]+):)?(?P<name>[A-Za-z_]\w*)>")


@dataclass(frozen=True)
class Converter:
    """What stands for one kind of value in a pattern."""

    expression: str
    read: Callable[[str], Any]
    rank: int


CONVERTERS: dict[str, Converter] = {
    "int": Converter(r"-?\d{1,18}", int, 1),
    "float": Converter(r"-?\d{1,15}(?:\.\d{1,15})?", float, 2),
    "uuid": Converter(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", UUID, 1),
    "str": Converter(r"[^/]+", str, 3),
    "path": Converter(r".+", str, 4),
}


class Route:
    """A pattern, the view behind it and the methods that it answers."""

    def __init__(self, pattern: str, view: Callable[..., Any], methods: frozenset[str], name: str | None = None) -> None:
        if not pattern.startswith("/"):
            raise ValueError(f"the pattern {pattern!r} must begin with /")
        self.pattern, self.view, self.methods = pattern, view, methods
        own = getattr(view, "__name__", "<lambda>")
        self.name = name or (None if own == "<lambda>" else own)
        self._values: dict[str, Converter] = {}
        self._expression = re.compile(self._compiled())

    def _compiled(self) -> str:
        text, end = "", 0
        for part in _PART.finditer(self.pattern):
            kind, name = part["kind"] or "str", part["name"]
            if kind not in CONVERTERS:
                raise ValueError(f"{self.pattern!r}: there is no converter {kind!r}")
            if name in self._values:
                raise ValueError(f"{self.pattern!r} names {name!r} twice")
            self._values[name] = CONVERTERS[kind]
            literal = self.pattern[end : part.start()]
            text += f"{re.escape(literal)}(?P<{name}>{CONVERTERS[kind].expression})"
            end = part.end()
        if set(_PART.sub("", self.pattern)) & set("<>"):
            raise ValueError(f"{self.pattern!r} has a placeholder that cannot be read")
        return text + re.escape(self.pattern[end:])

    @property
    def shape(self) -> str:
        """The pattern without the names of its values: equal shapes match the same paths."""
        return _PART.sub(lambda part: f"<{part['kind'] or 'str'}>", self.pattern)

    @property
    def order(self) -> list[tuple[int, str]]:
        """Where it stands among others: static parts come before converters, part by part."""
        ranks = []
        for part in self.pattern.strip("/").split("/"):
            kinds = [CONVERTERS[found["kind"] or "str"].rank for found in _PART.finditer(part)]
            ranks.append((max(kinds, default=0), _PART.sub("", part)))
        return ranks

    def values(self, path: str) -> dict[str, Any] | None:
        """The values in a path, or nothing where it does not fit."""
        found = self._expression.fullmatch(path)
        if found is None:
            return None
        return {name: self._values[name].read(text) for name, text in found.groupdict().items()}

    def build(self, **values: Any) -> str:
        """The path with these values; a ValueError where one is missing, unknown or does not fit."""
        if set(values) != set(self._values):
            raise ValueError(f"{self.pattern!r} takes {sorted(self._values)}, given were {sorted(values)}")
        for name, value in values.items():
            if not re.fullmatch(self._values[name].expression, str(value)):
                raise ValueError(f"{self.pattern!r}: {value!r} does not fit {name!r}")
        return _PART.sub(lambda part: quote(str(values[part["name"]]), safe="/"), self.pattern)
