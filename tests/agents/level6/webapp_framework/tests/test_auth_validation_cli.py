"""Authentication, validation and the command line."""

from __future__ import annotations

import pytest

from webapp_framework.auth import passwords
from webapp_framework.auth.sessions import SessionMiddleware, csrf_token, current_user, login, login_required
from webapp_framework.cli.commands import main
from webapp_framework.core.app import App
from webapp_framework.database import model
from webapp_framework.testing.client import Client
from webapp_framework.validation import fields
from webapp_framework.validation.fields import Invalid
from webapp_framework.validation.form import Form, form_for

KEYS = ["a key of sixteen or more characters"]


class SignUp(Form):
    """Fields that must fit together."""

    name = fields.Text(shortest=2, longest=20)
    email = fields.Email()
    age = fields.Integer(least=18, required=False)
    first = fields.Date()
    last = fields.Date()

    def check(self) -> None:
        """The last day is not before the first."""
        if self.values["last"] < self.values["first"]:
            raise Invalid("too_early", field="last")


GOOD = {"name": "Ada", "email": "ada@example.org", "first": "2026-01-01", "last": "2026-01-31"}


@pytest.fixture
def shop() -> App:
    """An application with a login."""
    app = App()
    app.middleware.append(SessionMiddleware(KEYS, secure=False))
    app.get("/token")(lambda request: csrf_token(request))
    app.post("/in", name="in")(lambda request: login(request, "ada") or "in")
    app.get("/mine", name="mine")(login_required(lambda request: current_user(request)))
    return app


def test_a_password_fits_its_own_text_alone_and_old_texts_are_noticed() -> None:
    stored = passwords.hash_password("secret", cost=16)
    assert passwords.verify_password("secret", stored)
    assert not passwords.verify_password("Secret", stored)
    assert stored != passwords.hash_password("secret", cost=16)
    assert passwords.needs_rehash(passwords.hash_password("x", cost=16))
    assert not passwords.needs_rehash(passwords.hash_password("x"))
    for stored in ("", "scrypt$1", "scrypt$99999999$8$1$AA==$AA==", "md5$16$8$1$AA==$AA=="):
        assert not passwords.verify_password("x", stored)


def test_a_login_changes_the_session_and_opens_the_page(shop: App) -> None:
    client = Client(shop)
    assert client.get("/mine").headers.get("Location") == "/login"
    token, before = client.get("/token").text, client.cookies["session"]
    assert client.post("/in", form={"csrf_token": token}).text == "in"
    assert client.get("/mine").text == "ada"
    middleware = SessionMiddleware(KEYS)
    ids = [middleware.read(text)["id"] for text in (before, client.cookies["session"])]
    assert ids[0] != ids[1]


def test_a_forged_request_is_refused(shop: App) -> None:
    client = Client(shop)
    assert client.post("/in").status == 403
    client.get("/token")
    assert client.post("/in", headers={"X-CSRF-Token": "guessed"}).status == 403


def test_a_session_ends_and_a_changed_one_counts_for_nothing_but_keys_may_change() -> None:
    now = [1000.0]
    middleware = SessionMiddleware(KEYS, lifetime=60, clock=lambda: now[0])
    cookie = middleware.write({"id": "1", "user": "ada"})
    assert middleware.read(cookie) == {"id": "1", "user": "ada"}
    assert middleware.read(cookie[:-1] + "é") is None and middleware.read("") is None
    now[0] += 61
    assert middleware.read(cookie) is None
    old = SessionMiddleware(KEYS).write({"id": "1"})
    assert SessionMiddleware(["another key, quite long", *KEYS]).read(old) == {"id": "1"}
    assert SessionMiddleware(["another key, quite long"]).read(old) is None


def test_a_form_cleans_its_values() -> None:
    form = SignUp({**GOOD, "name": "  Ada ", "age": "36"})
    assert form.valid and form.values["name"] == "Ada" and form.values["age"] == 36


def test_a_form_gathers_all_errors_at_once() -> None:
    form = SignUp({"name": "x", "email": "no", "age": 3, "first": "2026-02-30", "extra": 1})
    codes = {name: error["code"] for name, error in form.errors.items()}
    assert codes == {
        "extra": "unknown", "name": "too_short", "email": "not_an_email", "age": "too_small",
        "first": "not_a_date", "last": "required",
    }
    assert form.errors["age"]["least"] == 18


def test_fields_are_checked_against_one_another() -> None:
    form = SignUp({**GOOD, "last": "2025-12-31"})
    assert form.errors == {"last": {"code": "too_early"}}
    assert SignUp(["no", "object"]).errors[""]["code"] == "not_an_object"


def test_odd_values_are_errors_and_never_exceptions() -> None:
    for field, value, code in (
        (fields.Number(), "nan", "not_a_number"),
        (fields.Integer(), "9" * 5000, "not_an_integer"),
        (fields.Integer(), True, "not_an_integer"),
        (fields.Choice(["a"]), ["a"], "not_a_choice"),
        (fields.List(fields.Integer(), most=2), [1, 2, 3], "too_many"),
        (fields.List(fields.Integer()), [1, "x"], "not_an_integer"),
    ):
        with pytest.raises(Invalid) as error:
            field.clean(value)
        assert error.value.code == code
    assert fields.Boolean().clean(None) is False


def test_a_form_is_made_from_a_model() -> None:
    class Item(model.Model):
        """Something for sale."""

        name = model.Text()
        price = model.Real(default=1.0)
        sold = model.Boolean()

    made = form_for(Item, leave_out=["sold"])
    assert made({"name": "Tea"}).values == {"name": "Tea", "price": 1.0}
    assert made({"price": "x"}).errors.keys() == {"name", "price"}


def test_a_new_project_starts_and_bad_usage_is_told(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop")
    assert main(["routes", "shop:app"]) == 0
    assert "index" in capsys.readouterr().out
    assert (main(["routes", "shop:nothing"]), main(["new", "no-name"])) == (1, 1)
    with pytest.raises(SystemExit) as ended:
        main(["unknown"])
    assert ended.value.code == 2
