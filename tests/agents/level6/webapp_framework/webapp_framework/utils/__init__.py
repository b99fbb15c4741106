"""Dates, logging and text: what every other package may use."""

from webapp_framework.utils.text import escape, random_token, same_secret, slugify, truncate

__all__ = ["escape", "random_token", "same_secret", "slugify", "truncate"]
