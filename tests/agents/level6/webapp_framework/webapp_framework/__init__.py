"""A small WSGI web framework: the standard library and nothing else.

The public names are imported when they are first used, so that one package can be used, and
tested, while another is not there yet.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "App": "core.app",
    "Config": "core.config",
    "Request": "http.request",
    "Response": "http.response",
    "HTTPError": "http.response",
    "Router": "routing.router",
    "Engine": "templating.engine",
    "Database": "database.connection",
    "Model": "database.model",
    "Form": "validation.form",
    "Client": "testing.client",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
