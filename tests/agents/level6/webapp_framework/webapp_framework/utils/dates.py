"""HTTP dates and RFC 3339 times. Every time has a zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time now, in UTC. Functions that need it take a `Clock` and have this as default."""
    return datetime.now(timezone.utc)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(timezone.utc)


def format_http(moment: datetime) -> str:
    """Write a time as headers have it: `Sun, 06 Nov 1994 08:49:37 GMT`."""
    return format_datetime(_aware(moment).replace(microsecond=0), usegmt=True)


def parse_http(text: str) -> datetime:
    """Read the time of a header; a ValueError where it is none."""
    moment = parsedate_to_datetime(text)
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else _aware(moment)


def format_rfc3339(moment: datetime) -> str:
    """Write a time as `2026-01-31T08:00:00Z`, with microseconds where it has some."""
    return _aware(moment).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> datetime:
    """Read such a time; a ValueError where it is none or has no zone."""
    return _aware(datetime.fromisoformat(text))
