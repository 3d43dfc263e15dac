"""How Anju's processes log."""

from __future__ import annotations

import logging

import structlog
import typer
from structlog.typing import EventDict, Processor, WrappedLogger


def log_structured(*, verbose: bool) -> None:
    """For a process that stays: one JSON object a line on standard error: event, level, UTC time, key-values."""
    _log(
        logging.DEBUG if verbose else logging.INFO,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    )


def log_warnings() -> None:
    """For a command that does one thing and says itself what it did: warnings and worse, as lines for people."""
    _log(logging.WARNING, structlog.processors.format_exc_info, _for_people)


def _log(level: int, *processors: Processor) -> None:
    structlog.configure(
        processors=[structlog.processors.add_log_level, *processors],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=typer.get_text_stream("stderr")),
    )


def _for_people(_logger: WrappedLogger, _method: str, logged: EventDict) -> str:
    told = f"anju: {logged.pop('level')}: {logged.pop('event')}"
    traceback = logged.pop("exception", None)
    if logged:
        told += ": " + "; ".join(f"{name} {fact}" for name, fact in logged.items())
    return told if traceback is None else f"{told}\n{traceback}"
