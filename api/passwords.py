"""Passwords: how they are kept, and which are too easy.

Argon2id with the library's defaults (RFC 9106, low-memory profile). Length is what counts (NIST SP 800-63B-4: at least
15 alone, fewer where attempts are limited); rules about digits and signs are not made.
"""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 200
_HASHER = PasswordHasher()
_AT_ONCE = threading.BoundedSemaphore(2)
"""One hash takes 64 MiB: a crowd at the door waits instead of filling the memory."""
_NOBODYS_HASH = _HASHER.hash("nobody has this account")

# The commonest of twelve and more characters in published leaks and keyboards; shorter ones fail by length.
_COMMON = frozenset(
    {
        "123456789012", "1234567890123", "12345678901234", "123456789123", "123123123123", "111111111111",
        "000000000000", "888888888888", "666666666666", "112233445566", "121212121212", "123456123456",
        "password1234", "password12345", "passwordpassword", "password123456", "qwertyuiop123", "qwertyuiop12",
        "qwerty123456", "1qaz2wsx3edc", "1q2w3e4r5t6y", "qwertyuiopasdfgh", "qazwsxedcrfv", "qwertyqwerty",
        "administrator", "administrator1", "admin123456789", "adminadminadmin", "letmeinletmein", "iloveyou1234",
        "woaini1314520", "woaini5201314", "5201314520131", "aini13145201314", "abcdefghijkl", "abcd12345678",
        "abc123456789", "a123456789012", "changemechangeme", "changeme1234", "welcome12345", "anjuanjuanju",
        "anju12345678", "superadmin123",
    }
)  # fmt: skip


def complaint_about(password: str, account: str) -> str | None:
    """Message key of what is wrong with a new password, or None when it will do."""
    if len(password) < MIN_PASSWORD_LENGTH:
        return "password.too_short"
    if len(password) > MAX_PASSWORD_LENGTH:
        return "password.too_long"
    plain = password.casefold()
    if plain in _COMMON or len(set(plain)) < 5:
        return "password.too_common"
    if account.casefold() in plain and len(plain) - len(account) < 6:
        return "password.has_account_name"
    return None


def hash_password(password: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(kept: str | None, password: str) -> bool:
    """Whether ``password`` is the one kept. Without an account (None) it takes as long, and is False."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _NOBODYS_HASH, password) and kept is not None
        except (VerificationError, InvalidHashError):
            return False
