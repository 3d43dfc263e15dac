"""What an edge says it holds, and what that proves."""

from __future__ import annotations

import base64
from datetime import datetime

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.contract.lists import ListReceiptV1
from core.contract.signed import ClaimError, receipt_claim, verify_list
from core.errors import CoreError, NotFoundError
from core.lists.changes import do_ask_for_snapshot
from core.people.consent.endings import do_end_restored, do_purge_confirmed
from core.storage.schema import EdgeRow, ErasureRow, SealedTemplateRow

MAX_JUMP_TO = 1 << 62
"""Numbers go on for ever above it, but nobody takes them there at one stroke: at 2**63 no list could be changed."""
log = structlog.get_logger()


class ReceiptRefusedError(CoreError):
    """The receipt is not signed by the key an administrator approved, or absurd: it proves nothing, moves nothing."""


def do_note_receipt(db: Session, receipt: ListReceiptV1, now: datetime) -> EdgeRow:
    """Keep how far an edge's list is, and confirm the erasures a signed receipt proves.

    Lower than before (it lost its mirror): everything above is sent again. Higher than anything the core ever numbered
    (the core came back from a backup), or when the edge asks for it: it gets its list whole, under a number above both,
    and what it says of lower numbers proves nothing: they may have meant something else when it heard them. Consents
    the edge has seen end, and was told again, are ended here, too. Raises NotFoundError for an edge the core doesn't
    know, ReceiptRefusedError.
    """
    signed = check_receipt(db, receipt)
    if signed and receipt.erased:
        # Before the edge is locked: who ends a consent locks consents first, then edges.
        _end_what_the_edge_saw_end(db, receipt, now)
    edge = db.get(EdgeRow, receipt.edge, with_for_update=True, populate_existing=True)
    assert edge is not None
    edge.list_acked_at, edge.list_problem = now, receipt.problem
    if receipt.version > edge.list_head:
        if receipt.version > MAX_JUMP_TO:
            raise ReceiptRefusedError(f"edge '{receipt.edge}' speaks of a list number that nobody can have given")
        # What its number means, nobody here knows: it confirms nothing.
        edge.list_acked = 0
        edge.list_head = edge.list_floor = receipt.version + 1
        log.warning("lists.edge_is_ahead", edge=edge.id, version=receipt.version)
    else:
        edge.list_acked = receipt.version
        if receipt.wants_snapshot:
            do_ask_for_snapshot(edge)
        if signed and receipt.folded and receipt.version >= edge.list_floor:
            _confirm(db, receipt, edge, now)
    db.flush()
    return edge


def check_receipt(db: Session, receipt: ListReceiptV1) -> bool:
    """Whether the receipt proves something: True when it is signed with the edge's approved key.

    False from an edge that has none approved yet. Raises NotFoundError, ReceiptRefusedError.
    """
    edge = db.get(EdgeRow, receipt.edge)
    if edge is None:
        raise NotFoundError(f"edge '{receipt.edge}' is not in the configuration")
    if edge.approved_signing_key_base64 is None:
        return False
    if receipt.signature_base64 is None:
        raise ReceiptRefusedError(f"edge '{receipt.edge}' has a signing key, but the receipt is not signed")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(edge.approved_signing_key_base64))
    unsigned = receipt.model_dump_json(exclude={"signature_base64"}).encode()
    try:
        verify_list(receipt_claim(unsigned), receipt.signature_base64, key)
    except ClaimError:
        raise ReceiptRefusedError(
            f"the receipt was not signed with the approved key of edge '{receipt.edge}': if its keys were made anew, "
            "compare its fingerprint and approve it again"
        ) from None
    return True


def _confirm(db: Session, receipt: ListReceiptV1, edge: EdgeRow, now: datetime) -> None:
    key = ErasureRow.signing_key_base64
    proven = (
        ErasureRow.edge_id == receipt.edge,
        ErasureRow.number <= receipt.version,
        ErasureRow.confirmed_at.is_(None),
        key.is_(None) | (key == edge.approved_signing_key_base64),
    )
    if db.scalar(select(ErasureRow.consent_id).where(*proven).limit(1)) is None:
        return
    db.execute(update(ErasureRow).where(*proven).values(confirmed_at=now, receipt=receipt.model_dump_json()))
    do_purge_confirmed(db, receipt.edge, now)


def _end_what_the_edge_saw_end(db: Session, receipt: ListReceiptV1, now: datetime) -> None:
    """Only consents this core put templates of there: an edge ends nobody else's."""
    put_there = select(SealedTemplateRow.consent_id).where(
        SealedTemplateRow.edge_id == receipt.edge, SealedTemplateRow.consent_id.in_(receipt.erased)
    )
    consents = sorted(set(db.scalars(put_there)))
    if consents:
        do_end_restored(db, consents, now)
