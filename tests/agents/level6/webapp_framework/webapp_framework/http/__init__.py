"""Requests and responses over WSGI."""

from webapp_framework.http.headers import Headers
from webapp_framework.http.request import Request
from webapp_framework.http.response import HTTPError, Response

__all__ = ["HTTPError", "Headers", "Request", "Response"]
