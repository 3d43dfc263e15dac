"""How Anju's processes log."""

from __future__ import annotations

import logging

import structlog
import typer


def log_structured(*, verbose: bool) -> None:
    """For a process that stays: one JSON object a line on standard error: event, level, UTC time, key-values."""
    _log_from(logging.DEBUG if verbose else logging.INFO)


def log_warnings() -> None:
    """For a command that does one thing and says itself what it did: the same, warnings and worse."""
    _log_from(logging.WARNING)


def _log_from(level: int) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=typer.get_text_stream("stderr")),
    )
