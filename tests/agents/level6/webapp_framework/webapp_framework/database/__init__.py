"""A small database layer over sqlite3."""

from webapp_framework.database.connection import Database
from webapp_framework.database.model import Model
from webapp_framework.database.query import Query

__all__ = ["Database", "Model", "Query"]
