"""Edges as the core trusts them: what they say of themselves, and whose key an administrator has compared."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract.events import EdgeStateV1
from core.contract.sealing import edge_fingerprint, fingerprint, parse_fingerprint, parse_public_key
from core.errors import ConflictError, InvalidError, NotFoundError
from core.lists.changes import do_ask_for_snapshot
from core.live import LiveKind, append
from core.storage.schema import EdgeRow, SealedTemplateRow


class EdgeNotFoundError(NotFoundError):
    """No edge has that id."""


class FingerprintMismatchError(ConflictError):
    """What was compared is not the key the edge shows now."""


class EdgeNotApprovedError(ConflictError):
    """The edge's key has not been approved, or it shows another one now."""


def list_edges(db: Session) -> list[EdgeRow]:
    """Every edge, by id."""
    return list(db.scalars(select(EdgeRow).order_by(EdgeRow.id)))


def edge(db: Session, edge_id: str, *, lock: bool = False) -> EdgeRow:
    """The edge with that id. Raises EdgeNotFoundError."""
    row = db.get(EdgeRow, edge_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise EdgeNotFoundError("no edge has that id; is it in the configuration?")
    return row


def key_fingerprint(key_base64: str) -> str:
    """The name of a key to seal to, in base64 (``core.contract.sealing``). Raises ValueError when it is none."""
    return fingerprint(parse_public_key(key_base64))


def shown_fingerprint(row: EdgeRow) -> str | None:
    """Of both keys the edge shows now, as its own screen has it; None when it shows none."""
    return _of_both(row.key_base64, row.signing_key_base64)


def approved_fingerprint(row: EdgeRow) -> str | None:
    """Of both keys somebody has compared; None before that."""
    return _of_both(row.approved_key_base64, row.approved_signing_key_base64)


def pending_fingerprint(row: EdgeRow) -> str | None:
    """Fingerprint that waits to be compared; None when the edge shows none, or both its keys are approved."""
    approved = (row.approved_key_base64, row.approved_signing_key_base64)
    return None if (row.key_base64, row.signing_key_base64) == approved else shown_fingerprint(row)


def is_trusted(row: EdgeRow) -> bool:
    """The key to seal to that the edge shows now is the approved one: lists and templates may be sealed to it.

    Also while its signing key waits to be compared: an edge that hears of no erasure would be worse off.
    """
    return row.approved_key_base64 is not None and row.key_base64 == row.approved_key_base64


def _of_both(key_base64: str | None, signing_key_base64: str | None) -> str | None:
    if key_base64 is None:
        return None
    signing = parse_signing_key(signing_key_base64) if signing_key_base64 is not None else None
    return edge_fingerprint(parse_public_key(key_base64), signing)


def parse_signing_key(text: str) -> Ed25519PublicKey:
    """The Ed25519 key in base64 ``text``. Raises ValueError when it is not 32 bytes of base64."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


def do_note_edge_state(db: Session, state: EdgeStateV1, now: datetime) -> EdgeRow:
    """Keep what an edge says of itself; pages are told when its key changed.

    The last one received counts, whatever its ``at`` says: an edge's clock may jump. A key that is not the approved
    one waits for ``do_approve_edge``. Raises InvalidError for a key that is none.
    """
    try:
        _of_both(state.key_base64, state.signing_key_base64)
    except ValueError as error:
        raise InvalidError(
            f"edge '{state.edge}' shows no X25519 key or no Ed25519 key: 32 bytes each in base64 are expected"
        ) from error
    row = db.get(EdgeRow, state.edge, with_for_update=True, populate_existing=True)
    if row is None:
        row = EdgeRow(id=state.edge, online=False, list_head=0, list_acked=0)
        db.add(row)
    keys = (state.key_base64, state.signing_key_base64)
    key_changed = (row.key_base64, row.signing_key_base64) != keys
    row.key_base64, row.signing_key_base64 = keys
    row.state, row.state_at = state.model_dump(mode="json"), now
    db.flush()
    if key_changed:
        append(db, LiveKind.EDGE, edge_payload(row))
    return row


def do_note_availability(db: Session, edge_id: str, online: bool, now: datetime) -> EdgeRow:
    """Keep whether the edge is connected to the broker; pages are told when that changed."""
    row = edge(db, edge_id, lock=True)
    if row.online != online:
        row.online = online
        row.state_at = row.state_at or now
        db.flush()
        append(db, LiveKind.EDGE, edge_payload(row))
    return row


def do_approve_edge(db: Session, edge: EdgeRow | str, fingerprint: str, now: datetime) -> EdgeRow:
    """Trust both keys the edge shows now, whose fingerprint somebody has compared on the edge's own screen.

    Templates that were sealed to an earlier key are deleted: nobody can open them any more; other edges are asked to
    seal theirs for it. An edge that has a list already gets it whole, and its signed receipt proves what it erased
    before. Approving the same keys again changes nothing. Raises EdgeNotFoundError, InvalidError (no whole
    fingerprint), FingerprintMismatchError, ConflictError (no key yet).
    """
    row = db.get(EdgeRow, edge if isinstance(edge, str) else edge.id, with_for_update=True, populate_existing=True)
    if row is None:
        raise EdgeNotFoundError("no edge has that id; is it in the configuration?")
    if row.key_base64 is None:
        raise ConflictError(f"edge '{row.id}' has not shown a key yet; start it and let it connect")
    try:
        compared = parse_fingerprint(fingerprint)
    except ValueError as error:
        raise InvalidError(f"{error}; 'anju edge key' shows it on the edge, which needs the core's version") from None
    if compared != shown_fingerprint(row):
        raise FingerprintMismatchError(
            f"edge '{row.id}' shows another key than the one you compared; compare again on its own screen"
        )
    if pending_fingerprint(row) is None:
        return row
    row.approved_key_base64, row.approved_signing_key_base64 = row.key_base64, row.signing_key_base64
    row.approved_at = now
    current = key_fingerprint(row.key_base64)
    other_key = SealedTemplateRow.key_fingerprint != current
    db.execute(delete(SealedTemplateRow).where(SealedTemplateRow.edge_id == row.id, other_key))
    if row.list_acked > 0:
        do_ask_for_snapshot(row)
    db.flush()
    append(db, LiveKind.EDGE, edge_payload(row))
    return row


def edge_payload(row: EdgeRow) -> dict[str, Any]:
    """What a page is told about an edge."""
    return {
        "id": row.id,
        "online": row.online,
        "approved": is_trusted(row),
        "pending_fingerprint": pending_fingerprint(row),
        "list_head": row.list_head,
        "list_acked": row.list_acked,
        "list_problem": row.list_problem,
    }
