"""Opening what the core said about an edge's list: signature first, then the seal, then the form.

Only here do the core's words become proofs of consent.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TypeVar, final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import ValidationError

from core.contract.consent import ActiveConsent, vouch
from core.contract.ids import EdgeId
from core.contract.lists import (
    Change,
    ChangeBatch,
    Hidden,
    HideBatch,
    ListDeltaV1,
    ListHideV1,
    ListRollV1,
    ListSnapshotV1,
    PutTemplate,
    SnapshotPart,
)
from core.contract.sealing import LIST_INFO, SealError, fingerprint, unseal
from core.contract.signed import ClaimError, hide_claim, list_claim, part_claim, roll_claim, verify_list

_Form = TypeVar("_Form", ChangeBatch, SnapshotPart, HideBatch)


class ListRefusedError(ValueError):
    """What arrived can't be applied as a whole; the text goes into the receipt."""


class UnsignedListError(ListRefusedError):
    """The list is not the core's: whoever sent it says nothing about how complete ours is."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """Changes the core signed, in order. first: number of the first of them; 0 in a snapshot."""

    first: int
    changes: tuple[Change, ...]
    _signed: frozenset[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_signed", frozenset(map(id, self.changes)))

    def after(self, version: int) -> Said:
        """Those with numbers above ``version``."""
        return Said(version + 1, self.changes[version + 1 - self.first :])

    def proof_of(self, change: PutTemplate) -> ActiveConsent:
        """The consent behind a template the core put here. Raises ValueError for a change that is not one of these."""
        if id(change) not in self._signed:
            raise ValueError("this template is in nothing that the core signed here")
        return vouch(change.subject, change.consent)


@dataclass(frozen=True, slots=True)
class ListOpener:
    """Opens what is meant for one edge. Every method raises UnsignedListError or ListRefusedError."""

    edge: EdgeId
    core_public_key: Ed25519PublicKey
    private: X25519PrivateKey

    def delta(self, delta: ListDeltaV1) -> Said:
        sealed = self._check_edge(delta.edge, delta.sealed_base64)
        self._verify(list_claim(delta.edge, delta.first, delta.last, sealed), delta.signature_base64)
        batch = self._read(ChangeBatch, sealed)
        if (batch.edge, batch.first, batch.last) != (delta.edge, delta.first, delta.last):
            raise ListRefusedError("what is sealed inside the list is not what its outside says")
        return Said(batch.first, batch.changes)

    def part(self, message: ListSnapshotV1) -> Said:
        sealed = self._check_edge(message.edge, message.sealed_base64)
        outside = (message.edge, message.snapshot_id, message.version)
        place = (message.part, message.parts)
        claim = part_claim(*outside, part=message.part, parts=message.parts, sealed=sealed)
        self._verify(claim, message.signature_base64)
        part = self._read(SnapshotPart, sealed)
        if (part.edge, part.snapshot_id, part.version) != outside or (part.part, part.parts) != place:
            raise ListRefusedError("what is sealed inside the snapshot is not what its outside says")
        return Said(0, part.changes)

    def hidden(self, message: ListHideV1) -> tuple[Hidden, ...]:
        """The people ``message`` hides."""
        sealed = self._check_edge(message.edge, message.sealed_base64)
        self._verify(hide_claim(message.edge, message.last, sealed), message.signature_base64)
        batch = self._read(HideBatch, sealed)
        if (batch.edge, batch.last) != (message.edge, message.last):
            raise ListRefusedError("what is sealed inside is not what its outside says")
        return batch.hidden

    def check_roll(self, roll: ListRollV1) -> None:
        """Raises unless the core signed this roll for this edge."""
        self._check_edge(roll.edge, "")
        claim = roll_claim(roll.edge, roll.version, roll.templates, roll.digest, roll.at)
        self._verify(claim, roll.signature_base64)

    def _check_edge(self, edge: EdgeId, sealed_base64: str) -> bytes:
        if edge != self.edge:
            raise ListRefusedError(f"a list for edge {edge} arrived here: check the topics it was published to")
        try:
            return base64.b64decode(sealed_base64, validate=True)
        except ValueError:  # no base64, or not even ASCII
            raise UnsignedListError("the list is damaged: not base64") from None

    def _verify(self, claim: bytes, signature: str) -> None:
        try:
            verify_list(claim, signature, self.core_public_key)
        except ClaimError as error:
            raise UnsignedListError(f"{error}: compare the .pub file here with the core's") from None

    def _read(self, form: type[_Form], sealed: bytes) -> _Form:
        try:
            return form.model_validate_json(unseal(sealed, self.private, LIST_INFO))
        except SealError:
            key = fingerprint(self.private.public_key())
            raise ListRefusedError(
                f"the list was sealed for another key or damaged: approve this edge's key {key} in the core"
            ) from None
        except ValidationError:
            raise ListRefusedError("the list has a form this edge does not know: upgrade the edge") from None
