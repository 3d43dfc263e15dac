"""How `anju` says that something could not be done: a sentence on standard error, or JSON where a script asked."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

FAILED = 1

KNOWN = {
    "api.accounts": ("AccountError",),
    "cli.output": ("DatabaseUnreachableError",),
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


def in_words(error: Exception) -> Exception:
    """The error itself, or one with words for people where a library's own says nothing about what to do."""
    sqlalchemy = sys.modules.get("sqlalchemy.exc")
    # Without a statement it failed while connecting; with one it is a bug, or a disk that is full.
    if sqlalchemy is None or not isinstance(error, sqlalchemy.OperationalError) or error.statement is not None:
        return error
    said = str(error.orig).strip().partition("\n")[0]
    return DatabaseUnreachableError(
        f"the estate's database can't be reached: {said}; is its server running, and 'database' in the estate's file "
        "right ('anju config check')?"
    )


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
