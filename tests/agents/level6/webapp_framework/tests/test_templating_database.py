"""Templates and the database layer."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime, timezone

import pytest

from webapp_framework.database import model
from webapp_framework.database.connection import Database
from webapp_framework.database.query import Query
from webapp_framework.templating.engine import Engine
from webapp_framework.templating.lexer import TemplateError


class Author(model.Model):
    """Somebody who writes."""

    name = model.Text(unique=True)
    born = model.Integer(null=True)


class Book(model.Model):
    """What somebody wrote."""

    title = model.Text()
    author = model.ForeignKey(Author)
    printed = model.Boolean(default=False)
    added = model.DateTime(null=True)


@pytest.fixture
def database() -> Database:
    """A database with three authors."""
    database = Database()
    model.create_all(database, [Author, Book])
    for name, born in (("Ada", 1815), ("Grace", 1906), ("Anon_", None)):
        Author(name=name, born=born).save(database)
    return database


def rendered(folder, source: str, **values: object) -> str:
    """A template rendered once."""
    (folder / "page.html").write_text(source)
    return Engine(folder).render("page.html", values)


def test_values_are_escaped_unless_they_are_safe(tmp_path) -> None:
    source = "{{ text }} {{ text | safe }} {{ missing }} {{ missing | default:'none' | upper }}"
    assert rendered(tmp_path, source, text="<b>") == "&lt;b&gt; <b>  NONE"


def test_conditions_and_loops_know_their_place(tmp_path) -> None:
    source = "{% for p in people %}{{ loop.index }}{{ p.name }}{% if not loop.last %},{% endif %}{% else %}nobody{% endfor %}"
    assert rendered(tmp_path, source, people=[{"name": "a"}, {"name": "b"}]) == "1a,2b"
    assert rendered(tmp_path, source, people=[]) == "nobody"


def test_a_child_fills_the_blocks_of_its_parent(tmp_path) -> None:
    (tmp_path / "base.html").write_text("<h1>{% block title %}base{% endblock %}</h1>{% include 'foot.html' %}")
    (tmp_path / "foot.html").write_text("<p>{{ name }}</p>")
    source = "{% extends 'base.html' %}{% block title %}{{ name }}{% endblock %}"
    assert rendered(tmp_path, source, name="Ada") == "<h1>Ada</h1><p>Ada</p>"


def test_expressions_are_looked_up_and_never_run(tmp_path) -> None:
    for source in ("{{ __import__('os') }}", "{{ 1 + 1 }}", "{{ text.__class__ }}"):
        with pytest.raises(TemplateError, match="page.html:1:1"):
            rendered(tmp_path, source, text="x")
    assert rendered(tmp_path, "{{ text.upper }}", text="x") == ""


def test_errors_name_the_template_the_place_and_what_was_expected(tmp_path) -> None:
    for source, message in (
        ("a\n {% if x %}", "page.html:2:2: expected {% else %} or {% endif %}"),
        ("{{ x", "page.html:1:1: {{ is never closed"),
        ("{% loop %}", "expected if, for, block"),
    ):
        with pytest.raises(TemplateError) as error:
            rendered(tmp_path, source)
        assert message in str(error.value)


def test_a_changed_template_is_read_again_and_others_are_out_of_reach(tmp_path) -> None:
    engine, page = Engine(tmp_path), tmp_path / "page.html"
    page.write_text("one")
    assert engine.render("page.html", {}) == "one"
    page.write_text("two")
    os.utime(page, ns=(1, 1))
    assert engine.render("page.html", {}) == "two"
    with pytest.raises(TemplateError, match="no template"):
        engine.render("../page.html", {})


def test_rows_are_saved_changed_reloaded_and_deleted(database: Database) -> None:
    moment = datetime(2026, 1, 31, tzinfo=timezone.utc)
    book = Book(title="Notes", author=1, printed=True, added=moment)
    book.save(database)
    same = Query(database, Book).first()
    assert same is not None and (same.title, same.printed, same.added) == ("Notes", True, moment)
    book.title = "Notes II"
    book.save(database)
    same.reload(database)
    assert same.title == "Notes II"
    book.delete(database)
    with pytest.raises(LookupError):
        same.reload(database)


def test_queries_are_lazy_and_can_be_joined_up(database: Database) -> None:
    authors = Query(database, Author)
    old = authors.filter(born__lt=1900)
    Author(name="Emmy", born=1882).save(database)
    assert [author.name for author in old.order_by("-born")] == ["Emmy", "Ada"]
    assert [author.name for author in authors.exclude(born__lt=1900).order_by("name")] == ["Anon_", "Grace"]
    assert (authors.count(), authors.limit(2).count(), authors.filter(born=None).count()) == (4, 2, 1)


def test_values_are_parameters_and_names_are_checked(database: Database) -> None:
    authors = Query(database, Author)
    assert authors.filter(name="x' OR '1'='1").count() == 0
    assert [author.name for author in authors.filter(name__contains="_")] == ["Anon_"]
    for wrong in ({"nme": 1}, {'name" OR 1=1 --': 1}, {"name__like": "x"}):
        with pytest.raises(ValueError):
            authors.filter(**wrong)
    with pytest.raises(ValueError):
        authors.order_by("name; DROP TABLE author")


def test_a_transaction_is_all_or_nothing_and_its_savepoints_too(database: Database) -> None:
    with pytest.raises(RuntimeError), database.transaction():
        Author(name="lost").save(database)
        raise RuntimeError
    with database.transaction():
        Author(name="kept").save(database)
        with pytest.raises(sqlite3.IntegrityError), database.transaction():
            Author(name="lost too").save(database)
            Author(name="Ada").save(database)
    names = [author.name for author in Query(database, Author).filter(born=None).order_by("id")]
    assert names == ["Anon_", "kept"]


def test_foreign_keys_and_types_hold(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        Book(title="x", author=99).save(database)
    with pytest.raises(TypeError, match="born takes int"):
        Author(name="x", born="1815").save(database)
    with pytest.raises(TypeError, match="no field"):
        Author(nam="x")
