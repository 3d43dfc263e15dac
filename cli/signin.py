"""Commands that are somebody's own doing: with an account, its password, and leave to do it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from api import accounts
from api.permissions import Permission, explain, may
from core.contract.config_file import LoadedConfig, load_config
from core.errors import CoreError, InvalidError
from core.people.consent.asked import asked_for
from core.service import opened, prepare

AsOption = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="ACCOUNT",
        help="Your account; the password is asked for, or read from the file named by ANJU_PASSWORD_FILE, or from "
        "standard input when that is no terminal.",
    ),
]


class NotPermittedError(CoreError):
    """This account may not do that, or its password is wrong."""


@contextmanager
def signed_in(config: Path, account: str, permission: Permission) -> Iterator[tuple[LoadedConfig, Session]]:
    """A writing session, once the account's password was right and it may do this. Raises NotPermittedError,
    EndsLaterError (see ``asked_for``)."""
    loaded = load_config(config)
    prepare(loaded, needs_journal=False)
    password = password_for(account, new=False)
    with opened(loaded) as database:
        role = accounts.role_of(database, account, password)
        if role is None:
            raise NotPermittedError("wrong account or password; 'anju api account create' makes accounts")
        if not may(role, permission):
            raise NotPermittedError(explain(role, permission))
        with asked_for(database) as db:
            yield loaded, db


def password_for(account: str, *, new: bool) -> str:
    """The account's password: from the file named by ANJU_PASSWORD_FILE, else from standard input, asked for where
    that is a terminal, and twice for a ``new`` one. Raises InvalidError (no file to be read).
    """
    named = os.environ.get("ANJU_PASSWORD_FILE")
    if named is None and not sys.stdin.isatty():
        return sys.stdin.readline(1000).rstrip("\n")
    if named is None:
        question = f"密码 / password of {account}"
        asked: str = typer.prompt(question, hide_input=True, confirmation_prompt=new, err=True)
        return asked
    try:
        return Path(named).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidError(f"ANJU_PASSWORD_FILE {named}: {error.strerror}") from None
