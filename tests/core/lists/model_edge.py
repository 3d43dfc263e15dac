"""An edge that does with lists what the contract says and nothing else: the core's part is held to it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from core.contract.events import SealedFor, TemplateSealedV1
from core.contract.ids import ConsentId, EdgeId, ModelId, PassId, SubjectKey, TemplateId, VehicleKey
from core.contract.list_opening import ListOpener, Said
from core.contract.lists import (
    Change,
    EraseTemplate,
    EraseTemplates,
    ListDeltaV1,
    ListHideV1,
    ListMessage,
    ListReceiptV1,
    ListRollV1,
    ListSnapshotV1,
    LockTemplates,
    PutSubject,
    PutTemplate,
    PutVehicle,
    RemoveSubject,
    RemoveVehicle,
    ResealTemplate,
    RevokePass,
    UnlockTemplates,
)
from core.contract.roll import RollEntry, digest_of
from core.contract.sealing import TEMPLATE_INFO, edge_fingerprint, fingerprint, parse_public_key, seal, unseal
from core.contract.signed import receipt_claim
from core.people.edges import do_approve_edge, do_note_availability, do_note_edge_state
from core.storage.database import Database
from tests.core.estates import NOW, EdgeKey, edge_state


@dataclass
class Held:
    """Everything the core told. A lock without template is the consent's."""

    subjects: dict[SubjectKey, PutSubject] = field(default_factory=dict)
    templates: dict[TemplateId, PutTemplate] = field(default_factory=dict)
    locks: set[tuple[ConsentId, TemplateId | None]] = field(default_factory=set)
    vehicles: dict[VehicleKey, PutVehicle] = field(default_factory=dict)
    revoked: set[PassId] = field(default_factory=set)

    def take(self, change: Change) -> None:
        match change:
            case PutSubject():
                self.subjects[change.subject] = change
            case RemoveSubject():
                self.subjects.pop(change.subject, None)
                self._drop(one for one in self.templates.values() if one.subject == change.subject)
            case PutTemplate():
                self.templates[change.template_id] = change
            case EraseTemplate():
                self._drop(one for one in self.templates.values() if one.template_id == change.template_id)
            case EraseTemplates():
                self._drop(one for one in self.templates.values() if one.consent == change.consent)
            case LockTemplates():
                self.locks.add((change.consent, change.template_id))
            case UnlockTemplates():
                self.locks.discard((change.consent, change.template_id))
            case PutVehicle():
                self.vehicles[change.vehicle] = change
            case RemoveVehicle():
                self.vehicles.pop(change.vehicle, None)
            case RevokePass():
                self.revoked.add(change.pass_id)
            case _:
                pass

    def _drop(self, leaving: object) -> None:
        for one in list(leaving):  # type: ignore[call-overload]
            del self.templates[one.template_id]
            self.locks.discard((one.consent, one.template_id))

    @property
    def searchable(self) -> set[TemplateId]:
        return {key for key, one in self.templates.items() if not self.is_locked(one)}

    def is_locked(self, one: PutTemplate) -> bool:
        return not self.locks.isdisjoint({(one.consent, None), (one.consent, one.template_id)})

    @property
    def digest(self) -> str:
        entries = (RollEntry(one.template_id, one.subject, one.consent, self.is_locked(one)) for one in self.all())
        return digest_of(entries)

    def all(self) -> Sequence[PutTemplate]:
        return list(self.templates.values())


class ModelEdge:
    """One edge with both its keys, and what it was told."""

    def __init__(self, core_key: Ed25519PublicKey, edge: str = "edge-1") -> None:
        self.id = EdgeId(edge)
        self.key = EdgeKey.make()
        self.signing = Ed25519PrivateKey.generate()
        self._opener = ListOpener(self.id, core_key, self.key.private)
        self.held = Held()
        self.version = 0
        self.reseals: list[ResealTemplate] = []
        self.agreed: list[ListRollV1] = []
        self.differed = False
        self.hidden: dict[SubjectKey, int] = {}
        self._newest_snapshot = ""
        self._staged: dict[str, dict[int, tuple[ListSnapshotV1, Said]]] = {}

    @property
    def signing_base64(self) -> str:
        return base64.b64encode(self.signing.public_key().public_bytes_raw()).decode()

    @property
    def fingerprint(self) -> str:
        return edge_fingerprint(self.key.private.public_key(), self.signing.public_key())

    def introduce(self, database: Database, *, approve: bool = True) -> None:
        """It shows its keys, is online, and somebody compares them."""
        state = edge_state(self.id, self.key.public_base64)
        state = state.model_copy(update={"signing_key_base64": self.signing_base64})
        with database.writing() as db:
            do_note_edge_state(db, state, NOW)
            do_note_availability(db, self.id, True, NOW)
            if approve:
                do_approve_edge(db, self.id, self.fingerprint, NOW)

    def lose_mirror(self) -> None:
        self.held, self.version = Held(), 0

    def hear(self, message: ListMessage) -> ListReceiptV1 | None:
        """Its receipt; None for a roll that agrees, for a part that waits for others, and for whom to hide."""
        match message:
            case ListDeltaV1() if message.first <= self.version + 1 and message.last > self.version:
                for change in self._opener.delta(message).after(self.version).changes:
                    self._take(change)
                self.version = message.last
            case ListSnapshotV1():
                if not self._stage(message):
                    return None
            case ListHideV1():
                self.hidden |= {one.subject: one.until for one in self._opener.hidden(message)}
                return None
            case ListRollV1() if message.version == self.version:
                self._opener.check_roll(message)
                self.differed = message.digest != self.held.digest
                if not self.differed:
                    self.agreed.append(message)
                    return None
            case _:
                pass
        return self.receipt()

    def _take(self, change: Change) -> None:
        self.held.take(change)
        if isinstance(change, ResealTemplate):
            self.reseals.append(change)

    def _stage(self, message: ListSnapshotV1) -> bool:
        if message.snapshot_id < self._newest_snapshot:
            return True
        self._newest_snapshot = message.snapshot_id
        parts = self._staged.setdefault(message.snapshot_id, {})
        parts[message.part] = (message, self._opener.part(message))
        if len(parts) < message.parts:
            return False
        self.held = Held()
        for _, said in (parts[number] for number in sorted(parts)):
            for change in said.changes:
                self.held.take(change)
        self.version, self._staged, self.differed = message.version, {}, False
        return True

    @property
    def findable(self) -> set[SubjectKey]:
        """People who may be found by a face."""
        held = {self.held.templates[key].subject for key in self.held.searchable}
        return {one for one in held if self.hidden.get(one, 0) <= self.version}

    def receipt(self, at: datetime = NOW) -> ListReceiptV1:
        return self.signed(
            ListReceiptV1(
                edge=self.id,
                version=self.version,
                at=at,
                templates=len(self.held.templates),
                digest=self.held.digest,
                wants_snapshot=self.differed,
            )
        )

    def signed(self, receipt: ListReceiptV1, key: Ed25519PrivateKey | None = None) -> ListReceiptV1:
        unsigned = receipt.model_dump_json(exclude={"signature_base64"}).encode()
        signature = (key or self.signing).sign(receipt_claim(unsigned))
        return receipt.model_copy(update={"signature_base64": base64.b64encode(signature).decode()})

    def reseal(self, asked: ResealTemplate) -> TemplateSealedV1:
        """Its copy, sealed for those it was asked to seal it for."""
        own = self.held.templates[asked.template_id]
        plain = unseal(base64.b64decode(own.sealed_base64), self.key.private, TEMPLATE_INFO)
        keys = [(one.edge, parse_public_key(one.key_base64)) for one in asked.recipients]
        sealed = tuple(
            SealedFor(
                edge=edge,
                key_fingerprint=fingerprint(key),
                sealed_base64=base64.b64encode(seal(plain, key, TEMPLATE_INFO)).decode(),
            )
            for edge, key in keys
        )
        return TemplateSealedV1(
            template_id=own.template_id,
            subject=own.subject,
            consent=own.consent,
            model=ModelId(own.model),
            sealed=sealed,
        )
