"""Declarative models. Names come from the classes, never from input."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from webapp_framework.database.connection import Database
from webapp_framework.utils.dates import format_rfc3339, parse_rfc3339


class Field:
    """A column."""

    sql = "TEXT"
    python: type = str

    def __init__(self, *, null: bool = False, default: Any = None, unique: bool = False) -> None:
        self.null, self.default, self.unique = null, default, unique
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        """Learn the name from the class."""
        self.name = name

    def declaration(self) -> str:
        """The column in CREATE TABLE."""
        return f'"{self.name}" {self.sql}' + " NOT NULL" * (not self.null) + " UNIQUE" * self.unique

    def to_sql(self, value: Any) -> Any:
        """A value as the database keeps it; a TypeError where it is of another type."""
        if value is None:
            return None
        if not isinstance(value, self.python) or (isinstance(value, bool) and self.python is not bool):
            raise TypeError(f"{self.name} takes {self.python.__name__}, given was {value!r}")
        return self._stored(value)

    def _stored(self, value: Any) -> Any:
        return value

    def from_sql(self, value: Any) -> Any:
        """A value as Python has it."""
        return value


class Text(Field):
    """Text."""


class Integer(Field):
    """A whole number."""

    sql, python = "INTEGER", int


class Real(Field):
    """A number."""

    sql, python = "REAL", float


class Boolean(Field):
    """True or false; kept as 1 or 0."""

    sql, python = "INTEGER", bool

    def _stored(self, value: Any) -> Any:
        return int(value)

    def from_sql(self, value: Any) -> Any:
        """Read 1 or 0."""
        return None if value is None else bool(value)


class DateTime(Field):
    """A time with a zone; kept as RFC 3339 in UTC, so that texts sort as times do."""

    python = datetime

    def _stored(self, value: Any) -> Any:
        return format_rfc3339(value)

    def from_sql(self, value: Any) -> Any:
        """Read a time."""
        return None if value is None else parse_rfc3339(value)


class ForeignKey(Integer):
    """The id of a row of another model."""

    def __init__(self, model: type[Model], **options: Any) -> None:
        super().__init__(**options)
        self.model = model

    def declaration(self) -> str:
        """The column, with what it refers to."""
        return f'{super().declaration()} REFERENCES "{self.model.table}" (id) ON DELETE CASCADE'


M = TypeVar("M", bound="Model")


class Model:
    """A row. Subclasses name its fields; `id` comes by itself."""

    table: ClassVar[str]
    fields: ClassVar[dict[str, Field]]
    id: int | None

    def __init_subclass__(cls) -> None:
        """Gather the fields of a model."""
        inherited = getattr(cls, "fields", {})
        cls.fields = {**inherited, **{k: v for k, v in vars(cls).items() if isinstance(v, Field)}}
        cls.table = vars(cls).get("table", cls.__name__.lower())

    def __init__(self, **values: Any) -> None:
        unknown = set(values) - set(self.fields) - {"id"}
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)[0]!r}")
        self.id = values.get("id")
        for name, field in self.fields.items():
            setattr(self, name, values.get(name, field.default))

    @classmethod
    def from_row(cls: type[M], row: Any) -> M:
        """Make a row as the database has it."""
        values = {name: field.from_sql(row[name]) for name, field in cls.fields.items()}
        return cls(id=row["id"], **values)

    def save(self, database: Database) -> None:
        """Insert the row, or update it where it has an id."""
        values = [field.to_sql(getattr(self, name)) for name, field in self.fields.items()]
        names = [f'"{name}"' for name in self.fields]
        if self.id is None:
            marks = ", ".join("?" * len(names))
            sql = f'INSERT INTO "{self.table}" ({", ".join(names)}) VALUES ({marks})'
            self.id = database.execute(sql, values).lastrowid
        else:
            changes = ", ".join(f"{name} = ?" for name in names)
            database.execute(f'UPDATE "{self.table}" SET {changes} WHERE id = ?', [*values, self.id])

    def delete(self, database: Database) -> None:
        """Take the row away."""
        database.execute(f'DELETE FROM "{self.table}" WHERE id = ?', [self.id])
        self.id = None

    def reload(self, database: Database) -> None:
        """Read the row again; a LookupError where it is gone."""
        row = database.execute(f'SELECT * FROM "{self.table}" WHERE id = ?', [self.id]).fetchone()
        if row is None:
            raise LookupError(f"{self.table} {self.id} is gone")
        vars(self).update(vars(type(self).from_row(row)))


def create_all(database: Database, models: Iterable[type[Model]]) -> None:
    """Make the tables that are not there yet, in one transaction."""
    with database.transaction():
        for model in models:
            columns = ["id INTEGER PRIMARY KEY", *(field.declaration() for field in model.fields.values())]
            database.execute(f'CREATE TABLE IF NOT EXISTS "{model.table}" ({", ".join(columns)})')
