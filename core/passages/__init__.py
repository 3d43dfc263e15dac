"""Passages, their pictures, and the gates' last known states."""

from __future__ import annotations

from core.passages.gates import do_note_gate, list_gates
from core.passages.records import (
    PassageNotFoundError,
    PictureNotFoundError,
    list_passages,
    passage,
    passage_payload,
    picture,
)

__all__ = [
    "PassageNotFoundError",
    "PictureNotFoundError",
    "do_note_gate",
    "list_gates",
    "list_passages",
    "passage",
    "passage_payload",
    "picture",
]
