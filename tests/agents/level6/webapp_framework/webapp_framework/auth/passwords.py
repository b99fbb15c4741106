"""Passwords, kept as scrypt with their parameters and salt in the text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os

# Sixteen megabytes and about fifty milliseconds for each try of a guesser.
COST, BLOCK, LANES = 2**14, 8, 1
_MAX_COST = 2**20


def hash_password(password: str, *, cost: int = COST) -> str:
    """Make the text to keep: `scrypt$cost$block$lanes$salt$hash`."""
    salt = os.urandom(16)
    digest = _scrypt(password, salt, cost, BLOCK, LANES)
    parts = [base64.b64encode(data).decode() for data in (salt, digest)]
    return "$".join(["scrypt", str(cost), str(BLOCK), str(LANES), *parts])


def verify_password(password: str, stored: str) -> bool:
    """Whether a password belongs to a kept text; a text that cannot be read fits none."""
    try:
        cost, block, lanes, salt, digest = _parts(stored)
        return hmac.compare_digest(_scrypt(password, salt, cost, block, lanes), digest)
    except (ValueError, binascii.Error):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether a kept text was made with smaller parameters than those of today."""
    try:
        return _parts(stored)[:3] < (COST, BLOCK, LANES)
    except (ValueError, binascii.Error):
        return True


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    memory = 128 * block * (cost + lanes + 2)
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=block, p=lanes, maxmem=memory, dklen=32)


def _parts(stored: str) -> tuple[int, int, int, bytes, bytes]:
    scheme, cost, block, lanes, salt, digest = stored.split("$")
    numbers = int(cost), int(block), int(lanes)
    if scheme != "scrypt" or numbers[0] > _MAX_COST or numbers[1] > 32 or numbers[2] > 16:
        raise ValueError("not a text of ours")
    return *numbers, base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
