"""Declarative forms that gather all errors at once, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from webapp_framework.database import model as columns
from webapp_framework.validation import fields
from webapp_framework.validation.fields import Field, Invalid

if TYPE_CHECKING:
    from webapp_framework.http.request import Request

_FOR_COLUMNS: list[tuple[type[columns.Field], type[Field]]] = [
    (columns.Boolean, fields.Boolean),
    (columns.Integer, fields.Integer),
    (columns.Real, fields.Number),
    (columns.Text, fields.Text),
]
_TOKEN = "csrf_token"


class Form:
    """Input, cleaned. Subclasses name the fields; `check` compares them with one another."""

    fields: ClassVar[dict[str, Field]] = {}
    allow_unknown: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Gather the fields of a form."""
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **own}

    def __init__(self, data: Any) -> None:
        self.values: dict[str, Any] = {}
        self.errors: dict[str, dict[str, Any]] = {}
        if not isinstance(data, Mapping):
            self._refuse("", Invalid("not_an_object"))
            return
        for name in data:
            if name not in self.fields and name != _TOKEN and not self.allow_unknown:
                self._refuse(str(name), Invalid("unknown"))
        for name, field in self.fields.items():
            try:
                self.values[name] = field.clean(data.get(name))
            except Invalid as error:
                self._refuse(name, error)
        if not self.errors:
            try:
                self.check()
            except Invalid as error:
                self._refuse(error.particulars.pop("field", ""), error)

    @classmethod
    def of(cls, request: Request) -> Form:
        """The form of a request, from JSON or from a page's form."""
        if request.content_type == "application/json":
            return cls(request.json)
        several = {name for name, field in cls.fields.items() if isinstance(field, fields.List)}
        return cls({name: sent if name in several else sent[-1] for name, sent in request.form.items()})

    @property
    def valid(self) -> bool:
        """Whether everything can be used."""
        return not self.errors

    def check(self) -> None:
        """Compare fields; raise `Invalid(code, field=NAME)` where they do not fit together."""

    def _refuse(self, name: str, error: Invalid) -> None:
        self.errors[name] = {"code": error.code, **error.particulars}


def form_for(model: type[columns.Model], *, leave_out: Iterable[str] = ()) -> type[Form]:
    """Make a form from a model: a field for each of its plain columns."""
    made: dict[str, Any] = {}
    for name, column in model.fields.items():
        kind = next((field for like, field in _FOR_COLUMNS if isinstance(column, like)), None)
        if kind is not None and name not in set(leave_out):
            optional = column.null or column.default is not None or kind is fields.Boolean
            made[name] = kind(required=not optional, default=column.default)
    return type(f"{model.__name__}Form", (Form,), made)
