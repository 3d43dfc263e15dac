"""Ed25519-signed claims: the QR pass a person shows, and the ticket that lets an edge enrol one face.

Both verify offline at an edge with the core's public key. Neither holds a name.
"""

from __future__ import annotations

import base64
import json
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field

from core.contract.base import Instant, Message, isoformat
from core.contract.consent import ActiveConsent, vouch
from core.contract.ids import ConsentId, EdgeId, PassId, SnapshotId, SubjectKey
from core.contract.signed_text import ClaimError as ClaimError  # noqa: PLC0414 - told on from here
from core.contract.signed_text import open_text, sign_text

PASS_PREFIX = "AJ1:"  # noqa: S105 - marks our QR codes, protects nothing
_PASS = struct.Struct(">B16s16sII")
_SIGNATURE_BYTES = 64
_MAX_TICKET_CHARS = 64_000
_PASS_CONTEXT = b"anju/pass/v1\0"
_TICKET_CONTEXT = b"anju/enrolment-ticket/v1\0"
_LIST_CONTEXT = b"anju/list-delta/v1\0"
_PART_CONTEXT = b"anju/list-snapshot/v1\0"
_ROLL_CONTEXT = b"anju/list-roll/v1\0"
_HIDE_CONTEXT = b"anju/list-hide/v1\0"
_RECEIPT_CONTEXT = b"anju/list-receipt/v1\0"
_RANGE = struct.Struct(">QQ")
_PART = struct.Struct(">16sQII")
_NUMBER = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class QrPass:
    """A person's way in: whose it is and from when to when. Whether it was revoked, the lists know."""

    pass_id: PassId
    subject: SubjectKey
    valid_from: datetime
    valid_until: datetime


def sign_pass(claim: QrPass, key: Ed25519PrivateKey) -> str:
    """Text of the QR code: ``AJ1:`` and upper-case base32, so that QR's dense alphanumeric mode fits it.

    Deterministic (RFC 8032): the same claim and key give the same text. Whole seconds only.
    """
    body = _PASS.pack(
        1,
        uuid.UUID(claim.pass_id).bytes,
        uuid.UUID(claim.subject).bytes,
        int(claim.valid_from.timestamp()),
        int(claim.valid_until.timestamp()),
    )
    return PASS_PREFIX + base64.b32encode(body + key.sign(_PASS_CONTEXT + body)).decode().rstrip("=")


def verify_pass(text: str, key: Ed25519PublicKey) -> QrPass:
    """The pass in ``text``, signature checked; its window is the decision's to check. Raises ClaimError."""
    if not text.startswith(PASS_PREFIX) or len(text) > 256:
        raise ClaimError("not an Anju pass")
    encoded = text[len(PASS_PREFIX) :]
    try:
        raw = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except ValueError:  # no base32, or not even ASCII
        raise ClaimError("not an Anju pass: damaged text") from None
    if len(raw) != _PASS.size + _SIGNATURE_BYTES:
        raise ClaimError("not an Anju pass: wrong length")
    body, signature = raw[: _PASS.size], raw[_PASS.size :]
    try:
        key.verify(signature, _PASS_CONTEXT + body)
    except InvalidSignature:
        raise ClaimError("the pass was not signed by this estate") from None
    version, pass_id, subject, start, end = _PASS.unpack(body)
    if version != 1:
        raise ClaimError(f"pass version {version} is not known here")
    return QrPass(
        PassId(str(uuid.UUID(bytes=pass_id))),
        SubjectKey(str(uuid.UUID(bytes=subject))),
        datetime.fromtimestamp(start, UTC),
        datetime.fromtimestamp(end, UTC),
    )


class Recipient(Message):
    """An edge a new template is to be sealed for."""

    edge: EdgeId
    key_base64: Annotated[str, Field(max_length=64)]


class EnrolmentTicket(Message):
    """Leave to enrol one face once: issued by the core where an active consent stands, good for minutes."""

    ticket_id: str
    subject: SubjectKey
    consent: ConsentId
    edge: EdgeId
    expires_at: Instant
    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=64)]


def sign_ticket(ticket: EnrolmentTicket, key: Ed25519PrivateKey) -> str:
    """As ``signed_text`` writes it."""
    return sign_text(ticket, _TICKET_CONTEXT, key)


def verify_ticket(text: str, key: Ed25519PublicKey) -> EnrolmentTicket:
    """The ticket in ``text``, signature checked; expiry and single use are the edge's to check. Raises ClaimError."""
    what = "an enrolment ticket"
    return open_text(text, EnrolmentTicket, _TICKET_CONTEXT, key, what=what, max_chars=_MAX_TICKET_CHARS)


def consent_of_ticket(text: str, key: Ed25519PublicKey) -> ActiveConsent:
    """The consent that stood when the core signed this ticket. Raises ClaimError."""
    ticket = verify_ticket(text, key)
    return vouch(ticket.subject, ticket.consent)


def list_claim(edge: EdgeId, first: int, last: int, sealed: bytes) -> bytes:
    """What the core signs of a list delta: changes ``first``..``last`` of ``edge``'s list, as sealed."""
    return _LIST_CONTEXT + edge.encode() + b"\0" + _RANGE.pack(first, last) + sealed


def part_claim(edge: EdgeId, snapshot_id: SnapshotId, version: int, *, part: int, parts: int, sealed: bytes) -> bytes:
    """What the core signs of one part of a snapshot, as sealed."""
    which = _PART.pack(uuid.UUID(snapshot_id).bytes, version, part, parts)
    return _PART_CONTEXT + edge.encode() + b"\0" + which + sealed


def hide_claim(edge: EdgeId, last: int, sealed: bytes) -> bytes:
    """What the core signs of people to hide until change ``last`` at the latest, as sealed."""
    return _HIDE_CONTEXT + edge.encode() + b"\0" + _NUMBER.pack(last) + sealed


def roll_claim(edge: EdgeId, version: int, templates: int, digest: str, at: datetime) -> bytes:
    """What the core signs of a consent snapshot."""
    said = json.dumps([edge, version, templates, digest, isoformat(at.astimezone(UTC))])
    return _ROLL_CONTEXT + said.encode()


def receipt_claim(unsigned: bytes) -> bytes:
    """What an edge signs of a receipt: its JSON without the signature (``exclude={"signature_base64"}``)."""
    return _RECEIPT_CONTEXT + unsigned


def sign_list(claim: bytes, key: Ed25519PrivateKey) -> str:
    """Base64 signature of a claim about a list."""
    return base64.b64encode(key.sign(claim)).decode()


def verify_list(claim: bytes, signature: str, key: Ed25519PublicKey) -> None:
    """Raises ClaimError when the holder of ``key`` did not sign just this claim."""
    try:
        key.verify(base64.b64decode(signature, validate=True), claim)
    except (ValueError, InvalidSignature):
        raise ClaimError("not signed by who should have: this estate's core, or the edge it approved") from None
