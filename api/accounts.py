"""Accounts, the one-time setup token, browser sessions and service tokens.

Secrets are 256 random bits; the database keeps only their SHA-256, so a stolen copy of it signs nobody in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from api import passwords
from api.pages import words
from api.pages.words import Language
from api.permissions import Role
from core.storage.database import Database
from core.storage.schema import AccountRow, SessionRow, SettingRow

SESSION_LIFETIME = timedelta(hours=12)
MAX_SERVICE_LIFETIME = timedelta(days=366)
ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")
_SETUP_TOKEN = "setup_token_sha256"  # noqa: S105 - the name of a setting


class AccountError(ValueError):
    """An account or token can't be made; ``key`` names the message, the error's own text is the English one."""

    def __init__(self, key: str) -> None:
        super().__init__(words.text(Language.EN, key))
        self.key = key


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who is asking, and by what means."""

    account: str
    role: Role
    by_cookie: bool
    expires_at: datetime


def has_accounts(db: Session) -> bool:
    return bool(db.scalar(select(func.count()).select_from(AccountRow)))


def renew_setup_token(database: Database) -> str | None:
    """A fresh setup token while there is no account yet (the one before it is void); None afterwards."""
    with database.writing() as db:
        if has_accounts(db):
            db.execute(delete(SettingRow).where(SettingRow.name == _SETUP_TOKEN))
            return None
        token = secrets.token_urlsafe(32)
        db.merge(SettingRow(name=_SETUP_TOKEN, value=_sha256(token)))
        return token


def set_up(database: Database, token: str, name: str, password: str, now: datetime) -> str:
    """Make the first account, an administrator's, burn the token, and sign in: the session's secret.

    Raises AccountError: ``setup.done``, ``setup.wrong_token``, ``account.bad_name`` or one of ``password.*``.
    """
    with database.reading() as db:
        _check_setup_token(db, token)
    _check_name(name)
    if complaint := passwords.complaint_about(password, name):
        raise AccountError(complaint)
    kept = passwords.hash_password(password)
    with database.writing() as db:
        row = _check_setup_token(db, token)
        db.delete(row)
        db.add(AccountRow(name=name, password_hash=kept, role=Role.ADMINISTRATOR, created_at=now))
        return _open_session(db, name, Role.ADMINISTRATOR, kind="browser", now=now, until=now + SESSION_LIFETIME)


def create_account(database: Database, name: str, password: str, role: Role, now: datetime) -> None:
    """Make another account. Raises AccountError: ``account.bad_name``, ``account.exists``, ``password.*``."""
    _check_name(name)
    if complaint := passwords.complaint_about(password, name):
        raise AccountError(complaint)
    kept = passwords.hash_password(password)
    with database.writing() as db:
        if db.get(AccountRow, name) is not None:
            raise AccountError("account.exists")
        db.add(AccountRow(name=name, password_hash=kept, role=role, created_at=now))


def role_of(database: Database, name: str, password: str) -> Role | None:
    """The account's role, or None: wrong name or password, nobody is told which."""
    with database.reading() as db:
        row = db.get(AccountRow, name)
        known = (row.password_hash, Role(row.role)) if row is not None else None
    right = passwords.verify_password(known[0] if known else None, password)
    return known[1] if right and known is not None else None


def sign_in(database: Database, name: str, password: str, now: datetime) -> str | None:
    """Secret of a new browser session, or None: wrong name or password, nobody is told which."""
    role = role_of(database, name, password)
    if role is None:
        return None
    with database.writing() as db:
        db.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
        return _open_session(db, name, role, kind="browser", now=now, until=now + SESSION_LIFETIME)


def sign_out(database: Database, secret: str) -> None:
    with database.writing() as db:
        db.execute(delete(SessionRow).where(SessionRow.secret_sha256 == _sha256(secret)))


def create_service_token(db: Session, name: str, role: Role, ttl: timedelta) -> str:
    """Bearer token for a script, valid for ``ttl`` (at most a year). Raises AccountError."""
    _check_name(name)
    if not timedelta() < ttl <= MAX_SERVICE_LIFETIME:
        raise AccountError("token.bad_lifetime")
    now = datetime.now(UTC)
    return _open_session(db, name, role, kind="service", now=now, until=now + ttl)


def revoke_service_tokens(db: Session, name: str) -> int:
    """Take back every service token of that name; how many there were."""
    mine = select(SessionRow).where(SessionRow.account == name, SessionRow.kind == "service")
    rows = db.scalars(mine).all()
    for row in rows:
        db.delete(row)
    return len(rows)


def find_session(db: Session, secret: str, now: datetime, *, by_cookie: bool) -> SignedIn | None:
    """Whose secret this is, if it is still good. A cookie never carries a service's token, nor the other way round."""
    row = db.get(SessionRow, _sha256(secret))
    if row is None or row.expires_at <= now or row.kind != ("browser" if by_cookie else "service"):
        return None
    return SignedIn(row.account, Role(row.role), by_cookie, row.expires_at)


def _open_session(db: Session, account: str, role: Role, *, kind: str, now: datetime, until: datetime) -> str:
    secret = secrets.token_urlsafe(32)
    db.add(
        SessionRow(
            secret_sha256=_sha256(secret), account=account, role=role, kind=kind, created_at=now, expires_at=until
        )
    )
    return secret


def _check_setup_token(db: Session, token: str) -> SettingRow:
    row = db.get(SettingRow, _SETUP_TOKEN, with_for_update=True)
    if has_accounts(db) or row is None:
        raise AccountError("setup.done")
    if not secrets.compare_digest(row.value, _sha256(token)):
        raise AccountError("setup.wrong_token")
    return row


def _check_name(name: str) -> None:
    if ACCOUNT_NAME.fullmatch(name) is None:
        raise AccountError("account.bad_name")


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
