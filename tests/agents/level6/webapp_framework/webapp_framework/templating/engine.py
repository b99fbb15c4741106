"""Parses and renders templates. Expressions are looked up, never handed to eval."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from webapp_framework.http.request import Request
from webapp_framework.http.response import Response
from webapp_framework.templating.lexer import Kind, TemplateError, Token, tokens

_NAME = re.compile(r"[A-Za-z]\w*(?:\.(?:[A-Za-z]\w*|\d+))*")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_FOR = re.compile(r"for ([A-Za-z]\w*) in (.+)")
_MAX_DEPTH = 50


class Safe(str):
    """Text that is HTML already and is not escaped again."""


def _utils() -> Any:
    # Imported at its first use: templates can be built and tried without the utilities.
    return import_module("webapp_framework.utils.text")


FILTERS: dict[str, Callable[..., Any]] = {
    "safe": Safe,
    "upper": lambda value: str(value).upper(),
    "lower": lambda value: str(value).lower(),
    "length": len,
    "slug": lambda value: _utils().slugify(str(value)),
    "truncate": lambda value, length: _utils().truncate(str(value), length),
    "default": lambda value, other: other if value in (None, "") else value,
}

Scope = dict[str, Any]
Blocks = dict[str, "Node"]


@dataclass
class Node:
    """A piece of a parsed template; the plain one is a list of others."""

    token: Token | None = None
    children: list[Node] = field(default_factory=list)

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """The text of this piece."""
        return "".join(child.render(scope, blocks) for child in self.children)


class TextNode(Node):
    """Text that stays as it is."""

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """The text."""
        return self.token.text if self.token else ""


class ValueNode(Node):
    """`{{ value | filter }}`."""

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """The value, escaped unless it is safe."""
        assert self.token is not None
        value = evaluate(self.token.text, scope, self.token)
        return value if isinstance(value, Safe) else "" if value is None else escape(str(value))


@dataclass
class IfNode(Node):
    """`{% if %}`, with what stands behind `{% else %}`."""

    otherwise: Node = field(default_factory=Node)

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """One of the two."""
        assert self.token is not None
        words = self.token.text.removeprefix("if ").strip()
        negated = words.startswith("not ")
        holds = bool(evaluate(words.removeprefix("not "), scope, self.token)) is not negated
        return super().render(scope, blocks) if holds else self.otherwise.render(scope, blocks)


@dataclass
class ForNode(Node):
    """`{% for %}`; `{% else %}` is for nothing to go through."""

    otherwise: Node = field(default_factory=Node)
    name: str = ""
    source: str = ""

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """Once for each item."""
        assert self.token is not None
        found = evaluate(self.source, scope, self.token)
        items = list(found) if isinstance(found, Iterable) else []
        if not items:
            return self.otherwise.render(scope, blocks)
        parts = []
        for index, item in enumerate(items):
            loop = {"index": index + 1, "first": index == 0, "last": index == len(items) - 1}
            parts.append(super().render({**scope, self.name: item, "loop": loop}, blocks))
        return "".join(parts)


@dataclass
class BlockNode(Node):
    """`{% block %}`: the innermost child's one counts."""

    name: str = ""

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """The block of the child, where there is one."""
        return Node.render(blocks.get(self.name, self), scope, blocks)


@dataclass
class IncludeNode(Node):
    """`{% include %}`: another template with the same values."""

    engine: Engine | None = None

    def render(self, scope: Scope, blocks: Blocks) -> str:
        """The other template's text."""
        assert self.token is not None and self.engine is not None
        depth = scope.get("_depth", 0) + 1
        if depth > _MAX_DEPTH:
            raise self.token.error("templates include one another without end")
        return self.engine.render(_quoted(self.token, "include"), {**scope, "_depth": depth})


@dataclass
class Template:
    """A parsed template."""

    root: Node
    parent: str | None
    blocks: Blocks


class Engine:
    """Templates of a folder, kept until their files change."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).resolve()
        self._cache: dict[str, tuple[int, Template]] = {}

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """Render a template of the folder."""
        template, blocks, seen = self._load(name), {}, {name}
        while True:
            blocks = {**template.blocks, **blocks}
            if template.parent is None:
                return template.root.render(dict(values), blocks)
            if template.parent in seen:
                raise TemplateError(f"{name}: templates extend one another in a circle")
            seen.add(template.parent)
            template = self._load(template.parent)

    def _load(self, name: str) -> Template:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise TemplateError(f"there is no template {name!r}")
        changed = path.stat().st_mtime_ns
        if name not in self._cache or self._cache[name][0] != changed:
            self._cache[name] = (changed, Parser(self, path.read_text(encoding="utf-8"), name).template())
        return self._cache[name][1]


class Parser:
    """Builds the tree of one template."""

    def __init__(self, engine: Engine, source: str, name: str) -> None:
        self._engine = engine
        self._tokens = iter(tokens(source, name))
        self._parent: str | None = None
        self._blocks: Blocks = {}

    def template(self) -> Template:
        """The whole template."""
        root, _ = self._until(Node(), frozenset())
        return Template(root, self._parent, self._blocks)

    def _until(self, node: Node, ends: frozenset[str]) -> tuple[Node, str]:
        for token in self._tokens:
            if token.kind is Kind.TEXT:
                node.children.append(TextNode(token))
            elif token.kind is Kind.VALUE:
                node.children.append(ValueNode(token))
            elif token.text in ends:
                return node, token.text
            else:
                self._tag(token, node)
        if ends and node.token:
            raise node.token.error(f"expected {{% {' %} or {% '.join(sorted(ends))} %}} before the end")
        return node, ""

    def _tag(self, token: Token, into: Node) -> None:
        word = token.text.partition(" ")[0]
        if word == "if":
            into.children.append(self._two_parts(IfNode(token), "endif"))
        elif word == "for":
            found = _FOR.fullmatch(token.text)
            if not found:
                raise token.error("expected {% for NAME in VALUE %}")
            into.children.append(self._two_parts(ForNode(token, name=found[1], source=found[2]), "endfor"))
        elif word == "block":
            name = token.text.removeprefix("block").strip()
            if not name.isidentifier() or name in self._blocks:
                raise token.error("expected {% block NAME %}, each name once")
            block = BlockNode(token, name=name)
            self._blocks[name] = block
            into.children.append(self._until(block, frozenset({"endblock"}))[0])
        elif word == "include":
            into.children.append(IncludeNode(token, engine=self._engine))
        elif word == "extends":
            self._parent = _quoted(token, "extends")
        else:
            raise token.error(f"expected if, for, block, include or extends, found {word!r}")

    def _two_parts(self, node: Any, end: str) -> Node:
        _, found = self._until(node, frozenset({"else", end}))
        if found == "else":
            node.otherwise.token = node.token
            self._until(node.otherwise, frozenset({end}))
        return node


def evaluate(text: str, scope: Mapping[str, Any], token: Token) -> Any:
    """Look an expression up: a name with dots, a number or quoted text, then filters."""
    first, *filters = [part.strip() for part in text.split("|")]
    value = _operand(first, scope, token)
    for call in filters:
        name, _, argument = call.partition(":")
        if name.strip() not in FILTERS:
            raise token.error(f"there is no filter {name.strip()!r}")
        arguments = [_operand(argument.strip(), scope, token)] if argument else []
        try:
            value = FILTERS[name.strip()](value, *arguments)
        except (TypeError, ValueError) as error:
            raise token.error(f"the filter {name.strip()!r} cannot take this: {error}") from error
    return value


def _operand(text: str, scope: Mapping[str, Any], token: Token) -> Any:
    if _QUOTED.fullmatch(text):
        return text[1:-1]
    if text.isdecimal():
        return int(text)
    if not _NAME.fullmatch(text):
        raise token.error(f"expected a name, a number or quoted text, found {text!r}")
    first, *rest = text.split(".")
    value = scope.get(first)
    for part in rest:
        value = _member(value, part)
    return value


def _member(value: Any, part: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if part.isdecimal():
        return value[int(part)] if isinstance(value, (list, tuple)) and int(part) < len(value) else None
    found = getattr(value, part, None)
    return None if callable(found) else found


def _quoted(token: Token, word: str) -> str:
    text = token.text.removeprefix(word).strip()
    if not _QUOTED.fullmatch(text):
        raise token.error(f"expected {{% {word} \"NAME\" %}}")
    return text[1:-1]


def render(request: Request, name: str, **values: Any) -> Response:
    """Render a template of the engine that a middleware or hook put into `request.state`."""
    engine: Engine = request.state["templates"]
    return Response.html(engine.render(name, {"request": request, **values}))
