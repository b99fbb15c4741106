"""The application: routes, hooks, errors, configuration and middleware brought together."""

from webapp_framework.core.config import Config
from webapp_framework.core.middleware import Handler, Middleware, compose

__all__ = ["Config", "Handler", "Middleware", "compose"]
