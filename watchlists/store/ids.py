"""Whose a template is, as 32 bytes: half as long on disk as text, and one person's lie side by side."""

from __future__ import annotations

from core.contract.ids import ConsentId, SubjectKey, TemplateId
from watchlists.faces.ids import to_bytes, to_text

ID_BYTES = 16
OWNER_BYTES = 2 * ID_BYTES


def owner_bytes(subject: SubjectKey, consent: ConsentId) -> bytes:
    """The ids of a subject and of the consent a template of theirs rests on, one after the other."""
    return to_bytes(subject) + to_bytes(consent)


def owner_of(raw: bytes) -> tuple[SubjectKey, ConsentId]:
    return SubjectKey(to_text(raw[:ID_BYTES])), ConsentId(to_text(raw[ID_BYTES:]))


def template_id_of(raw: bytes) -> TemplateId:
    return TemplateId(to_text(raw))
