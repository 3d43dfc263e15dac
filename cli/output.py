"""How `anju` says that something could not be done: a sentence on standard error, or JSON where a script asked."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

FAILED = 1

KNOWN = {
    "api.accounts": ("AccountError",),
    "cli.output": ("DatabaseUnreachableError", "DatabaseUnwritableError"),
    "api.pages.render": ("MissingVendorError",),
    "core.contract.config_file": ("ConfigError",),
    "core.contract.signed": ("ClaimError",),
    "core.embedded_broker": ("BrokerStartError",),
    "core.errors": ("CoreError",),
    "core.keys": ("KeyFileError",),
    "core.people.notices": ("NoticeChangedError",),
    "demo.clips": ("ClipError",),
    "demo.draw.fonts": ("FontMissingError",),
    "demo.processes": ("DemoError",),
    "edge.enrol.server": ("EnrolServerError",),
    "edge.enrol.tickets": ("TicketBookError",),
    "edge.keys": ("KeyFileError",),
    "edge.link.connection": ("TlsError",),
    "edge.outbox": ("OutboxError",),
    "models.errors": ("ModelError",),
    "watchlists.errors": ("MatchingError",),
    "watchlists.store.errors": ("StoreError",),
}
"""Failures whose text says what, where and what to do. By name: looked up only where their module was loaded."""


class DatabaseUnreachableError(Exception):
    """No connection to the estate's database."""


class DatabaseUnwritableError(Exception):
    """The estate's database can be reached, and can't take anything."""


_CANT_WRITE = {
    "SQLITE_FULL": "its disk is full: make room there",
    "SQLITE_IOERR": "its disk fails, or is full: look at it, and make room there",
    "SQLITE_READONLY": "give the user Anju runs as leave to write it and its folder, on a disk that can be written",
    "53100": "its server's disk is full: make room there",
}
"""What to do, by the beginning of SQLite's name of the error, or by PostgreSQL's code (appendix A of its manual)."""


def in_words(error: Exception) -> Exception:
    """The error itself, or one with words for people where a library's own says nothing about what to do."""
    sqlalchemy = sys.modules.get("sqlalchemy.exc")
    failed: Any = error
    if sqlalchemy is None or not isinstance(failed, sqlalchemy.OperationalError):
        return error
    said = str(failed.orig).strip().partition("\n")[0]
    if (advice := _what_to_do(failed.orig)) is not None:
        return DatabaseUnwritableError(
            f"the estate's database can't be written: {said}; {advice}. Whether this was recorded is not sure: "
            "then look, and do it again if not. An end or a lock that stands in the journal already follows by itself"
        )
    if failed.statement is not None:  # not while connecting: a bug
        return error
    return DatabaseUnreachableError(
        f"the estate's database can't be reached: {said}; is its server running, and 'database' in the estate's file "
        "right ('anju config check')?"
    )


def _what_to_do(error: object) -> str | None:
    code = str(getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None))
    return next((advice for beginning, advice in _CANT_WRITE.items() if code.startswith(beginning)), None)


def counted(number: int, what: str) -> str:
    """``what`` is a singular: "1 edge", "2 edges"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def known_failure(error: BaseException) -> bool:
    """Whether the error's own words are all a person needs; anything else is a bug and keeps its traceback."""
    loaded = {module: names for module, names in KNOWN.items() if module in sys.modules}
    kinds = tuple(getattr(sys.modules[module], name) for module, names in loaded.items() for name in names)
    return isinstance(error, kinds)


def tell_failure(error: Exception, *, as_json: bool) -> None:
    """Say why it could not be done: ``{"error": {"kind", "message", ...}}`` on standard output, or a sentence."""
    if as_json:
        typer.echo(json.dumps({"error": failure(error)}, ensure_ascii=False, indent=1))
    else:
        typer.echo(f"anju: {error}", err=True)


def failure(error: Exception) -> dict[str, Any]:
    """The error for a script; the problems of a configuration one by one."""
    told: dict[str, Any] = {"kind": type(error).__name__, "message": str(error)}
    if problems := getattr(error, "problems", None):
        told["problems"] = [
            {"path": problem.path, "line": problem.line, "message": problem.message} for problem in problems
        ]
    return told
