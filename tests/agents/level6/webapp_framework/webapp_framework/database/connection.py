"""A pool with one connection a thread, and transactions with savepoints."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Database:
    """An sqlite3 database. In memory, each thread has one of its own."""

    def __init__(self, path: str = ":memory:") -> None:
        self._path = path
        self._local = threading.local()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        if not hasattr(self._local, "connection"):
            connection = sqlite3.connect(self._path, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            self._local.connection = connection
            self._local.depth = 0
        return self._local.connection

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement; values go in by parameter."""
        return self.connection.execute(sql, values)

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """All or nothing; one inside another is a savepoint of it."""
        connection = self.connection
        depth = self._local.depth
        point = f"level_{depth}"
        connection.execute(f"SAVEPOINT {point}" if depth else "BEGIN IMMEDIATE")
        self._local.depth = depth + 1
        try:
            yield self
        except BaseException:
            connection.execute(f"ROLLBACK TO {point}" if depth else "ROLLBACK")
            if depth:
                connection.execute(f"RELEASE {point}")
            raise
        else:
            connection.execute(f"RELEASE {point}" if depth else "COMMIT")
        finally:
            self._local.depth = depth

    def close(self) -> None:
        """Close the connection of this thread; the next use opens another."""
        if hasattr(self._local, "connection"):
            self._local.connection.close()
            del self._local.connection
