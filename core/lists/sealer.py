"""Sealing and signing what one edge is told: the counterpart of ``core.contract.list_opening``."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from core.contract.ids import EdgeId
from core.contract.lists import (
    ChangeBatch,
    HideBatch,
    ListDeltaV1,
    ListHideV1,
    ListRollV1,
    ListSnapshotV1,
    SnapshotPart,
)
from core.contract.sealing import LIST_INFO, parse_public_key, seal
from core.contract.signed import hide_claim, list_claim, part_claim, roll_claim, sign_list


@dataclass(frozen=True, slots=True)
class ListSealer:
    """Makes messages that only ``edge`` can open and only the core can have made."""

    edge: EdgeId
    recipient: X25519PublicKey
    signing_key: Ed25519PrivateKey

    @classmethod
    def of(cls, edge: str, key_base64: str, signing_key: Ed25519PrivateKey) -> ListSealer:
        return cls(EdgeId(edge), parse_public_key(key_base64), signing_key)

    def delta(self, batch: ChangeBatch) -> ListDeltaV1:
        sealed = seal(batch.model_dump_json().encode(), self.recipient, LIST_INFO)
        return ListDeltaV1(
            edge=batch.edge,
            first=batch.first,
            last=batch.last,
            sealed_base64=base64.b64encode(sealed).decode(),
            signature_base64=sign_list(list_claim(batch.edge, batch.first, batch.last, sealed), self.signing_key),
        )

    def part(self, part: SnapshotPart) -> ListSnapshotV1:
        sealed = seal(part.model_dump_json().encode(), self.recipient, LIST_INFO)
        claim = part_claim(part.edge, part.snapshot_id, part.version, part=part.part, parts=part.parts, sealed=sealed)
        return ListSnapshotV1(
            edge=part.edge,
            snapshot_id=part.snapshot_id,
            version=part.version,
            part=part.part,
            parts=part.parts,
            sealed_base64=base64.b64encode(sealed).decode(),
            signature_base64=sign_list(claim, self.signing_key),
        )

    def hide(self, batch: HideBatch) -> ListHideV1:
        sealed = seal(batch.model_dump_json().encode(), self.recipient, LIST_INFO)
        return ListHideV1(
            edge=batch.edge,
            last=batch.last,
            sealed_base64=base64.b64encode(sealed).decode(),
            signature_base64=sign_list(hide_claim(batch.edge, batch.last, sealed), self.signing_key),
        )

    def roll(self, version: int, templates: int, digest: str, at: datetime) -> ListRollV1:
        claim = roll_claim(self.edge, version, templates, digest, at)
        return ListRollV1(
            edge=self.edge,
            version=version,
            templates=templates,
            digest=digest,
            at=at,
            signature_base64=sign_list(claim, self.signing_key),
        )
