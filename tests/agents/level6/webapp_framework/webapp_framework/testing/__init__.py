"""A client that calls an application in the same process."""

from webapp_framework.testing.client import Client, Result

__all__ = ["Client", "Result"]
