"""The router: finds the view of a path, and the path of a view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from webapp_framework.routing.route import Route


@dataclass(frozen=True)
class Match:
    """What was found for a request."""

    view: Callable[..., Any]
    values: dict[str, Any]
    middleware: Sequence[Callable[..., Any]] = ()


class Router:
    """Routes in the order in which they are tried, and groups of them."""

    def __init__(self) -> None:
        self._routes: list[tuple[Route, tuple[Callable[..., Any], ...]]] = []

    @property
    def routes(self) -> list[Route]:
        """All routes, in the order in which they are tried."""
        return [route for route, _ in self._routes]

    def add(
        self,
        pattern: str,
        view: Callable[..., Any],
        *,
        methods: Iterable[str] = ("GET",),
        name: str | None = None,
        middleware: Sequence[Callable[..., Any]] = (),
    ) -> Route:
        """Add a route; one that could never be told from another is a ValueError."""
        route = Route(pattern, view, frozenset(method.upper() for method in methods), name)
        for other in self.routes:
            if other.shape == route.shape and other.methods & route.methods:
                raise ValueError(f"{pattern!r} cannot be told from {other.pattern!r}")
            if route.name and other.name == route.name and other.shape != route.shape:
                raise ValueError(f"the name {route.name!r} stands for {other.pattern!r} already")
        self._routes.append((route, tuple(middleware)))
        self._routes.sort(key=lambda entry: entry[0].order)
        return route

    def group(self, prefix: str, *, middleware: Sequence[Callable[..., Any]] = ()) -> Group:
        """Routes below a prefix, with middleware of their own."""
        return Group(self, prefix.rstrip("/"), tuple(middleware))

    def match(self, method: str, path: str) -> Match:
        """The view for a request; an HTTPError of 404, or of 405 with what is allowed."""
        # Imported here: routing can be built and tried without the HTTP layer.
        from webapp_framework.http.response import HTTPError, Response

        allowed: set[str] = set()
        for route, middleware in self._routes:
            values = route.values(path)
            if values is None:
                continue
            if method in route.methods or (method == "HEAD" and "GET" in route.methods):
                return Match(route.view, values, middleware)
            allowed |= route.methods
        if not allowed:
            raise HTTPError(404)
        allowed |= {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
        allow = {"Allow": ", ".join(sorted(allowed))}
        if method == "OPTIONS":
            return Match(lambda request: Response(status=204, headers=allow), {})
        raise HTTPError(405, headers=allow)

    def url_for(self, name: str, /, **values: Any) -> str:
        """The path of a route by its name; a KeyError where there is none."""
        for route in self.routes:
            if route.name == name:
                return route.build(**values)
        raise KeyError(f"there is no route named {name!r}")


class Group:
    """A part of a router below a prefix."""

    def __init__(self, router: Router, prefix: str, middleware: tuple[Callable[..., Any], ...]) -> None:
        self._router, self._prefix, self._middleware = router, prefix, middleware

    def add(self, pattern: str, view: Callable[..., Any], **options: Any) -> Route:
        """Add a route below the prefix, inside the group's middleware."""
        inner = tuple(options.pop("middleware", ()))
        return self._router.add(self._prefix + pattern, view, middleware=self._middleware + inner, **options)

    def group(self, prefix: str, *, middleware: Sequence[Callable[..., Any]] = ()) -> Group:
        """A group within this one."""
        return Group(self._router, self._prefix + prefix.rstrip("/"), self._middleware + tuple(middleware))
