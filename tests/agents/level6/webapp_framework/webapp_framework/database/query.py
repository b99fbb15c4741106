"""A lazy query. Values go in by parameter, names are checked against the model."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, Generic, TypeVar

from webapp_framework.database.connection import Database
from webapp_framework.database.model import Integer, Model

M = TypeVar("M", bound=Model)

_OPERATORS = {"": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "contains": "LIKE"}


class Query(Generic[M]):
    """Rows of a model; each method gives a new query, nothing is asked before rows are wanted."""

    def __init__(self, database: Database, model: type[M]) -> None:
        self._database, self._model = database, model
        self._terms: tuple[str, ...] = ()
        self._values: tuple[Any, ...] = ()
        self._order: tuple[str, ...] = ()
        self._limit: int | None = None

    def filter(self, **terms: Any) -> Query[M]:
        """Rows for which all of these hold, as in `name="Ada", age__ge=18`."""
        return self._with(terms, "({})")

    def exclude(self, **terms: Any) -> Query[M]:
        """Rows for which not all of these hold; where a value is empty, they do not."""
        return self._with(terms, "NOT coalesce(({}), 0)")

    def order_by(self, *names: str) -> Query[M]:
        """Sorted by these; a hyphen in front turns one round."""
        query = copy(self)
        query._order = tuple(
            f'"{self._checked(name.removeprefix("-"))}"' + " DESC" * name.startswith("-") for name in names
        )
        return query

    def limit(self, count: int) -> Query[M]:
        """At most this many rows."""
        if count < 0:
            raise ValueError("a limit cannot be negative")
        query = copy(self)
        query._limit = count
        return query

    def count(self) -> int:
        """How many rows there are."""
        sql, values = self._sql("id")
        return self._database.execute(f"SELECT count(*) FROM ({sql})", values).fetchone()[0]

    def first(self) -> M | None:
        """The first row, where there is one."""
        return next(iter(self.limit(1)), None)

    def __iter__(self) -> Iterator[M]:
        """Ask the database."""
        sql, values = self._sql("*")
        return (self._model.from_row(row) for row in self._database.execute(sql, values))

    def _with(self, terms: dict[str, Any], form: str) -> Query[M]:
        if not terms:
            return self
        parts, values = [], []
        for key, value in terms.items():
            name, _, word = key.partition("__")
            if word not in _OPERATORS:
                raise ValueError(f"{key!r}: there is no comparison {word!r}")
            column = f'"{self._checked(name)}"'
            if value is None and word in ("", "ne"):
                parts.append(f"{column} IS{' NOT' * (word == 'ne')} NULL")
            elif word == "contains":
                parts.append(f"{column} LIKE ? ESCAPE '\\'")
                values.append(f"%{_literal(str(value))}%")
            else:
                parts.append(f"{column} {_OPERATORS[word]} ?")
                values.append(self._model.fields.get(name, Integer()).to_sql(value))
        query = copy(self)
        query._terms = (*self._terms, form.format(" AND ".join(parts)))
        query._values = (*self._values, *values)
        return query

    def _checked(self, name: str) -> str:
        if name != "id" and name not in self._model.fields:
            raise ValueError(f"{self._model.__name__} has no field {name!r}")
        return name

    def _sql(self, columns: str) -> tuple[str, list[Any]]:
        sql, values = f'SELECT {columns} FROM "{self._model.table}"', list(self._values)
        if self._terms:
            sql += " WHERE " + " AND ".join(self._terms)
        if self._order:
            sql += " ORDER BY " + ", ".join(self._order)
        if self._limit is not None:
            sql += " LIMIT ?"
            values.append(self._limit)
        return sql, values


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
