"""Ids as the 16 bytes they are: half as long on disk as their text, and arrays can hold them."""

from __future__ import annotations

from core.contract.ids import ConsentId, SubjectKey, TemplateId

ID_BYTES = 16
OWNER_BYTES = 2 * ID_BYTES


def id_bytes(uuid: str) -> bytes:
    """The 16 bytes of a UUID's text. Raises ValueError."""
    raw = bytes.fromhex(uuid.replace("-", ""))
    if len(raw) != ID_BYTES:
        raise ValueError("not a UUID")
    return raw


def id_text(raw: bytes) -> str:
    """A UUID's lower-case text, of its 16 bytes."""
    digits = raw.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def owner_bytes(subject: SubjectKey, consent: ConsentId) -> bytes:
    """Whose a template is and which consent it rests on: 32 bytes, so that one person's lie side by side."""
    return id_bytes(subject) + id_bytes(consent)


def owner_of(raw: bytes) -> tuple[SubjectKey, ConsentId]:
    return SubjectKey(id_text(raw[:ID_BYTES])), ConsentId(id_text(raw[ID_BYTES:]))


def template_id_of(raw: bytes) -> TemplateId:
    return TemplateId(id_text(raw))
