"""Text: slugs, cutting, escaping, and secrets."""

from __future__ import annotations

import hmac
import html
import re
import secrets
import unicodedata


def slugify(text: str) -> str:
    """Make a name for URLs: small letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def truncate(text: str, length: int, end: str = "…") -> str:
    """Cut a text at a word, so that with its end it has at most `length` characters."""
    if len(text) <= length:
        return text
    room = max(length - len(end), 0)
    cut = text[:room]
    if room < len(text) and not text[room].isspace() and " " in cut:
        cut = cut.rsplit(" ", 1)[0]
    return cut.rstrip() + end


def escape(value: object) -> str:
    """Escape a value for HTML, in text and in quoted attributes."""
    return html.escape(str(value), quote=True)


def same_secret(left: str | bytes, right: str | bytes) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    as_bytes = [part.encode() if isinstance(part, str) else part for part in (left, right)]
    return hmac.compare_digest(*as_bytes)


def random_token(size: int = 32) -> str:
    """Make a token for URLs and cookies from `size` random bytes."""
    return secrets.token_urlsafe(size)
