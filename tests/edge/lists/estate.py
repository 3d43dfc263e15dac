"""A small core and edge for these tests: seals lists as the core does, opens mirrors as the edge does."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from core.contract.base import Message
from core.contract.ids import CheckpointId, ConsentId, EdgeId, ModelId, SnapshotId, SubjectKey, TemplateId, new_id
from core.contract.lists import (
    Change,
    ChangeBatch,
    Hidden,
    HideBatch,
    ListDeltaV1,
    ListHideV1,
    ListMessage,
    ListReceiptV1,
    ListRollV1,
    ListSnapshotV1,
    PutSubject,
    PutTemplate,
    SnapshotPart,
)
from core.contract.roll import RollEntry, digest_of
from core.contract.sealing import LIST_INFO, TEMPLATE_INFO, seal
from core.contract.signed import (
    Recipient,
    hide_claim,
    list_claim,
    part_claim,
    receipt_claim,
    roll_claim,
    sign_list,
    verify_list,
)
from core.contract.vocabulary import SubjectKind
from edge.keys import EdgeKeys, load_or_create
from edge.lists.mirror import ListMirror
from edge.lists.plain_template import pack
from models.types import Float
from tests.support.consents import standing_consent
from watchlists.faces.template import Template
from watchlists.thresholds import Calibration

EDGE = EdgeId("gate-1")
GATE = CheckpointId("east-gate")
MODEL = ModelId("toy@000000000000")
DIMENSION = 6
CALIBRATION = Calibration(identify=((10, 0.5), (100, 0.6)), verify=0.7)
MARGIN = 0.05
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def vector_of(seed: int) -> Float:
    raw = np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)
    return np.asarray(raw / np.linalg.norm(raw), np.float32)


def sealed_template(template: Template, recipient: X25519PublicKey) -> PutTemplate:
    return PutTemplate(
        template_id=template.template_id,
        subject=template.subject,
        consent=template.consent,
        model=template.model,
        sealed_base64=base64.b64encode(seal(pack(template), recipient, TEMPLATE_INFO)).decode(),
    )


def resident(
    subject: SubjectKey, valid_until: datetime | None = None, *, kind: SubjectKind = SubjectKind.RESIDENT
) -> PutSubject:
    return PutSubject(
        subject=subject,
        kind=kind,
        checkpoints=(GATE,),
        valid_from=NOON - timedelta(days=1),
        valid_until=valid_until,
    )


def face(seed: int, subject: SubjectKey, consent: ConsentId, *, model: ModelId = MODEL) -> Template:
    return Template(TemplateId(new_id()), standing_consent(subject, consent), model, vector_of(seed))


def told(*templates: Template, locked: bool = False) -> list[RollEntry]:
    """What a roll counts of ``templates``."""
    return [RollEntry(one.template_id, one.subject, one.consent, locked) for one in templates]


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Estate:
    """One edge's state folder, its keys, and the core's side of it.

    head: number of the newest change sealed; resealed: templates the edge was asked for and handed on.
    """

    folder: Path
    keys: EdgeKeys = field(init=False)
    core_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    clock: Clock = field(default_factory=Clock)
    head: int = 0
    resealed: list[tuple[Template, tuple[Recipient, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keys = load_or_create(self.folder, EDGE)

    @property
    def public_key(self) -> X25519PublicKey:
        return self.keys.private.public_key()

    def open_mirror(self, model: ModelId = MODEL) -> ListMirror:
        return ListMirror(
            self.folder,
            EDGE,
            self.keys,
            core_public_key=self.core_key.public_key(),
            model=model,
            dimension=DIMENSION,
            calibration=CALIBRATION,
            margin=MARGIN,
            fresh_for=timedelta(hours=24),
            reseal=lambda template, recipients: self.resealed.append((template, tuple(recipients))),
            clock=self.clock,
        )

    def check_receipt(self, receipt: ListReceiptV1) -> None:
        """Raises ClaimError unless this edge signed just this."""
        unsigned = receipt.model_dump_json(exclude={"signature_base64"}).encode()
        verify_list(receipt_claim(unsigned), str(receipt.signature_base64), self.keys.signing.public_key())

    def put(self, template: Template) -> PutTemplate:
        return sealed_template(template, self.public_key)

    def delta(self, *changes: Change) -> ListDeltaV1:
        """The next numbers of the list."""
        first = self.head + 1
        self.head += len(changes)
        return self.delta_from(first, changes)

    def delta_from(self, first: int, changes: Sequence[Change]) -> ListDeltaV1:
        batch = ChangeBatch(edge=EDGE, first=first, changes=tuple(changes))
        return self.signed(EDGE, batch.first, batch.last, self.sealed(batch))

    def signed(self, edge: EdgeId, first: int, last: int, sealed_base64: str) -> ListDeltaV1:
        """A delta as the core signs it, whatever is in it."""
        sealed = base64.b64decode(sealed_base64)
        signature = sign_list(list_claim(edge, first, last, sealed), self.core_key)
        return ListDeltaV1(edge=edge, first=first, last=last, sealed_base64=sealed_base64, signature_base64=signature)

    def sealed(self, batch: Message) -> str:
        return base64.b64encode(seal(batch.model_dump_json().encode(), self.public_key, LIST_INFO)).decode()

    def roll(
        self, entries: Sequence[RollEntry] = (), *, version: int | None = None, at: datetime | None = None
    ) -> ListRollV1:
        """What the core says the edge holds: at the head, now, unless said otherwise."""
        version, at = self.head if version is None else version, at or self.clock.now
        digest = digest_of(entries)
        claim = roll_claim(EDGE, version, len(entries), digest, at)
        return ListRollV1(
            edge=EDGE,
            version=version,
            templates=len(entries),
            digest=digest,
            at=at,
            signature_base64=sign_list(claim, self.core_key),
        )

    def hide(self, *people: tuple[SubjectKey, int]) -> ListHideV1:
        """Ahead of the changes of these numbers: find nobody as these people."""
        batch = HideBatch(edge=EDGE, hidden=tuple(Hidden(subject=one, until=until) for one, until in people))
        sealed = self.sealed(batch)
        claim = hide_claim(EDGE, batch.last, base64.b64decode(sealed))
        return ListHideV1(
            edge=EDGE, last=batch.last, sealed_base64=sealed, signature_base64=sign_list(claim, self.core_key)
        )

    def agree(self, mirror: ListMirror, *, at: datetime | None = None) -> None:
        """Let the core say that ``mirror`` holds just what it should."""
        receipt = mirror.receipt()
        version, at = receipt.version, at or self.clock.now
        claim = roll_claim(EDGE, version, receipt.templates, str(receipt.digest), at)
        roll = ListRollV1(
            edge=EDGE,
            version=version,
            templates=receipt.templates,
            digest=str(receipt.digest),
            at=at,
            signature_base64=sign_list(claim, self.core_key),
        )
        mirror.apply(roll)

    def snapshot(self, version: int, *parts: Sequence[Change]) -> list[ListSnapshotV1]:
        """Everything at ``version``, in its parts."""
        snapshot_id = SnapshotId(new_id())
        return [self.part(snapshot_id, version, at, len(parts), changes) for at, changes in enumerate(parts, 1)]

    def part(
        self, snapshot_id: SnapshotId, version: int, part: int, parts: int, changes: Sequence[Change]
    ) -> ListSnapshotV1:
        sealed = self.sealed(
            SnapshotPart(
                edge=EDGE, snapshot_id=snapshot_id, version=version, part=part, parts=parts, changes=tuple(changes)
            )
        )
        claim = part_claim(EDGE, snapshot_id, version, part=part, parts=parts, sealed=base64.b64decode(sealed))
        return ListSnapshotV1(
            edge=EDGE,
            snapshot_id=snapshot_id,
            version=version,
            part=part,
            parts=parts,
            sealed_base64=sealed,
            signature_base64=sign_list(claim, self.core_key),
        )


def answered(mirror: ListMirror, message: ListMessage) -> ListReceiptV1:
    """What ``mirror`` answers to a message it has to answer."""
    receipt = mirror.apply(message)
    assert receipt is not None
    return receipt
