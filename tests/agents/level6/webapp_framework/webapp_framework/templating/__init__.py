"""Templates: text with values, conditions, loops and inheritance."""

from webapp_framework.templating.engine import Engine, Safe, render
from webapp_framework.templating.lexer import TemplateError

__all__ = ["Engine", "Safe", "TemplateError", "render"]
