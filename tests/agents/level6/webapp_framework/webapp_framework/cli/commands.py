"""The commands `new`, `run`, `routes` and `shell`. Exit codes: 0 done, 1 failed, 2 bad usage."""

from __future__ import annotations

import argparse
import code
import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from wsgiref.simple_server import make_server

from webapp_framework.core.app import App

_PROJECT = '''"""{name}: an application of webapp_framework."""

from webapp_framework import App, Request

app = App()


@app.get("/")
def index(request: Request) -> str:
    """The first page."""
    return "<h1>{name}</h1>"
'''


class CommandError(Exception):
    """A command that failed, in words for a person."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="webapp-framework", description="A small web framework.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    new = commands.add_parser("new", help="write a project that starts")
    new.add_argument("name")
    new.set_defaults(command=_new)
    run = commands.add_parser("run", help="serve an application, again after each change")
    run.add_argument("--host", default="127.0.0.1")
    run.add_argument("--port", type=int, default=8000)
    run.add_argument("--no-reload", action="store_true")
    run.set_defaults(command=_run)
    routes = commands.add_parser("routes", help="list the routes")
    routes.set_defaults(command=_routes)
    shell = commands.add_parser("shell", help="open a prompt with the application loaded")
    shell.set_defaults(command=_shell)
    for command in (run, routes, shell):
        command.add_argument("app", help="as in `shop:app`")
    return parser


def load(name: str) -> App:
    """Import an application by `module:attribute`."""
    module, _, attribute = name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        app = getattr(importlib.import_module(module), attribute or "app")
    except (ImportError, AttributeError, ValueError) as error:
        raise CommandError(f"{name}: {error}") from error
    finally:
        sys.path.pop(0)
    if not isinstance(app, App):
        raise CommandError(f"{name} is a {type(app).__name__}, no App")
    return app


def _new(options: argparse.Namespace) -> None:
    if not options.name.isidentifier():
        raise CommandError(f"{options.name!r} cannot be the name of a module")
    folder = Path(options.name)
    try:
        folder.mkdir()
        (folder / f"{options.name}.py").write_text(_PROJECT.format(name=options.name), encoding="utf-8")
    except OSError as error:
        raise CommandError(str(error)) from error
    print(f"cd {folder} && webapp-framework run {options.name}:app")


def _run(options: argparse.Namespace) -> None:
    if options.no_reload:
        with make_server(options.host, options.port, load(options.app)) as server:
            print(f"http://{options.host}:{server.server_port}/", flush=True)
            server.serve_forever()
    words = ["run", options.app, "--no-reload", "--host", options.host, "--port", str(options.port)]
    while True:
        before = _changed()
        child = subprocess.Popen([sys.executable, "-m", "webapp_framework", *words])
        try:
            while _changed() == before:
                try:
                    raise CommandError(f"the server ended with {child.wait(timeout=0.5)}")
                except subprocess.TimeoutExpired:
                    continue
        finally:
            child.terminate()
            child.wait()


def _changed() -> float:
    return max((path.stat().st_mtime for path in Path().rglob("*.py")), default=0.0)


def _routes(options: argparse.Namespace) -> None:
    for route in load(options.app).router.routes:
        print(f"{','.join(sorted(route.methods)):12} {route.pattern:32} {route.name}")


def _shell(options: argparse.Namespace) -> None:
    code.interact(banner="`app` is the application.", local={"app": load(options.app)})
