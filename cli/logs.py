"""How Anju's processes log."""

from __future__ import annotations

import logging

import structlog
import typer


def log_structured(*, verbose: bool) -> None:
    """One JSON object a line on standard error: event, level, UTC time, key-values."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=typer.get_text_stream("stderr")),
        cache_logger_on_first_use=True,
    )
