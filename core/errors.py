"""Refusals of the core: each text says what was wrong and what to do. The API turns the class into a status."""

from __future__ import annotations


class CoreError(Exception):
    """Base of everything the core refuses to do."""


class NotFoundError(CoreError):
    """There is no such thing (HTTP 404)."""


class ConflictError(CoreError):
    """It can't be done as things stand now (HTTP 409)."""


class InvalidError(CoreError):
    """What was asked for makes no sense (HTTP 422)."""
