"""Passwords, sessions and protection against forged forms."""

from webapp_framework.auth.passwords import hash_password, needs_rehash, verify_password
from webapp_framework.auth.sessions import SessionMiddleware, current_user, login, login_required, logout

__all__ = [
    "SessionMiddleware",
    "current_user",
    "hash_password",
    "login",
    "login_required",
    "logout",
    "needs_rehash",
    "verify_password",
]
