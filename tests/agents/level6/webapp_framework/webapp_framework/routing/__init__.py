"""Routes, and the router that finds them."""

from webapp_framework.routing.route import Route
from webapp_framework.routing.router import Match, Router

__all__ = ["Match", "Route", "Router"]
