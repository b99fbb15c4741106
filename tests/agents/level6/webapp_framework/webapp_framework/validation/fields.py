"""Fields: each cleans a value, or gives an error code with its particulars."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

_EMAIL = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

Validator = Callable[[Any], None]


class Invalid(Exception):
    """A value that cannot be used: a code for programs, and particulars such as a limit."""

    def __init__(self, code: str, **particulars: Any) -> None:
        super().__init__(code)
        self.code, self.particulars = code, particulars


class Field:
    """What all fields have."""

    def __init__(self, *, required: bool = True, default: Any = None, validators: Sequence[Validator] = ()) -> None:
        self.required, self.default, self.validators = required, default, validators

    def clean(self, value: Any) -> Any:
        """The value in its own type; `Invalid` where it cannot be used."""
        if value is None or (isinstance(value, str) and not value.strip()):
            if self.required:
                raise Invalid("required")
            return self.default
        cleaned = self.convert(value)
        for validator in self.validators:
            validator(cleaned)
        return cleaned

    def convert(self, value: Any) -> Any:
        """Read a value that is there."""
        raise NotImplementedError


class Text(Field):
    """Text between two lengths."""

    def __init__(self, *, shortest: int = 0, longest: int = 10_000, **options: Any) -> None:
        super().__init__(**options)
        self.shortest, self.longest = shortest, longest

    def convert(self, value: Any) -> str:
        """Take the space around it away."""
        if not isinstance(value, str):
            raise Invalid("not_text")
        text = value.strip()
        if len(text) < self.shortest:
            raise Invalid("too_short", shortest=self.shortest)
        if len(text) > self.longest:
            raise Invalid("too_long", longest=self.longest)
        return text


class Number(Field):
    """A number between two limits."""

    read: Callable[[Any], Any] = float
    code = "not_a_number"

    def __init__(self, *, least: float | None = None, most: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.least, self.most = least, most

    def convert(self, value: Any) -> Any:
        """Read a number."""
        try:
            number = type(self).read(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise Invalid(self.code) from error
        if isinstance(value, bool) or not math.isfinite(number):
            raise Invalid(self.code)
        if self.least is not None and number < self.least:
            raise Invalid("too_small", least=self.least)
        if self.most is not None and number > self.most:
            raise Invalid("too_large", most=self.most)
        return number


def _whole(value: Any) -> int:
    if isinstance(value, float) or (isinstance(value, str) and len(value) > 30):
        raise ValueError("not whole")
    return int(value)


class Integer(Number):
    """A whole number between two limits."""

    read = staticmethod(_whole)
    code = "not_an_integer"


class Boolean(Field):
    """Yes or no; a box that was not ticked is sent as nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "default": False, **options})

    def convert(self, value: Any) -> bool:
        """Read a boolean."""
        words = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
        if isinstance(value, bool):
            return value
        if str(value).strip().lower() not in words:
            raise Invalid("not_a_boolean")
        return words[str(value).strip().lower()]


class Email(Text):
    """An address that mail could be sent to."""

    def convert(self, value: Any) -> str:
        """Look at the form of the address; whether somebody reads it, only a mail can tell."""
        text = super().convert(value)
        if not _EMAIL.fullmatch(text):
            raise Invalid("not_an_email")
        return text


class Choice(Field):
    """One of some values."""

    def __init__(self, choices: Sequence[Any], **options: Any) -> None:
        super().__init__(**options)
        self.choices = list(choices)

    def convert(self, value: Any) -> Any:
        """Find the value."""
        if value not in self.choices:
            raise Invalid("not_a_choice", choices=self.choices)
        return value


class Date(Field):
    """A day, as `2026-01-31`."""

    def convert(self, value: Any) -> date:
        """Read a day."""
        try:
            return date.fromisoformat(str(value).strip())
        except ValueError as error:
            raise Invalid("not_a_date") from error


class List(Field):
    """Several values, each cleaned by another field."""

    def __init__(self, item: Field, *, most: int = 100, **options: Any) -> None:
        super().__init__(**options)
        self.item, self.most = item, most

    def convert(self, value: Any) -> list[Any]:
        """Clean each value; the error names the first that cannot be used."""
        if not isinstance(value, list):
            raise Invalid("not_a_list")
        if len(value) > self.most:
            raise Invalid("too_many", most=self.most)
        cleaned = []
        for index, item in enumerate(value):
            try:
                cleaned.append(self.item.clean(item))
            except Invalid as error:
                raise Invalid(error.code, index=index, **error.particulars) from error
        return cleaned
