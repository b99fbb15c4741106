"""Configuration from defaults, a mapping, a TOML file and the environment, in this order."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DEFAULTS: dict[str, Any] = {"debug": False, "secret_keys": [], "max_body": 1_048_576}


class ConfigError(Exception):
    """A setting that cannot be used; the message names it and where it came from."""


class Config(Mapping[str, Any]):
    """The settings of an application. Later sources win over earlier ones."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = {**DEFAULTS, **(values or {})}

    def __getitem__(self, name: str) -> Any:
        """Return a setting; an unknown one is a KeyError."""
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        """Go through the names of all settings."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count the settings."""
        return len(self._values)

    def load_file(self, path: str | Path) -> Config:
        """Add the settings of a TOML file; its tables stay mappings."""
        try:
            self._values.update(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
        return self

    def load_environment(self, prefix: str, environment: Mapping[str, str]) -> Config:
        """Add variables such as `APP_DEBUG=true`, each in the type of the setting it replaces."""
        for name, text in environment.items():
            if name.startswith(prefix):
                key = name.removeprefix(prefix).lower()
                self._values[key] = _typed(name, text, self._values.get(key))
        return self


def _typed(name: str, text: str, like: Any) -> Any:
    if isinstance(like, bool):
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        if text.strip().lower() not in words:
            raise ConfigError(f"{name}: expected true or false, found {text!r}")
        return words[text.strip().lower()]
    if isinstance(like, int):
        try:
            return int(text)
        except ValueError as error:
            raise ConfigError(f"{name}: expected a whole number, found {text!r}") from error
    if isinstance(like, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text
