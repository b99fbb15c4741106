"""A multi-mapping for headers that ignores case and refuses line breaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Headers:
    """Header fields in their order; a name may be there more than once."""

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: list[tuple[str, str]] = []
        for name, value in fields:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Add a field beside others of its name."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if _FORBIDDEN.search(value):
            raise ValueError(f"the value of {name} holds a control character")
        self._fields.append((name, value.strip()))

    def set(self, name: str, value: str) -> None:
        """Put one field in the place of all of its name."""
        kept = [field for field in self._fields if field[0].lower() != name.lower()]
        self.add(name, value)
        self._fields = [*kept, self._fields[-1]]

    def remove(self, name: str) -> None:
        """Take all fields of this name away; none is fine."""
        self._fields = [field for field in self._fields if field[0].lower() != name.lower()]

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of this name."""
        return next(iter(self.all(name)), default)

    def all(self, name: str) -> list[str]:
        """All values of this name."""
        return [value for field, value in self._fields if field.lower() == name.lower()]

    def __contains__(self, name: object) -> bool:
        """Whether there is a field of this name."""
        return isinstance(name, str) and bool(self.all(name))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Go through all fields."""
        return iter(self._fields)

    def __len__(self) -> int:
        """Count the fields."""
        return len(self._fields)
