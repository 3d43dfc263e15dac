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

from core.contract.ids import CheckpointId, ConsentId, EdgeId, ModelId, SubjectKey, TemplateId, new_id
from core.contract.lists import Change, ChangeBatch, ListDeltaV1, PutSubject, PutTemplate
from core.contract.sealing import LIST_INFO, TEMPLATE_INFO, seal
from core.contract.signed import list_claim, sign_list
from core.contract.vocabulary import SubjectKind
from edge.keys import EdgeKeys, load_or_create
from edge.lists.mirror import ListMirror
from edge.lists.plain_template import pack
from models.types import Float
from watchlists.face_index import FaceIndex, Template
from watchlists.thresholds import Calibration

EDGE = EdgeId("gate-1")
GATE = CheckpointId("east-gate")
MODEL = ModelId("toy@000000000000")
DIMENSION = 6
CALIBRATION = Calibration(identify=((10, 0.5), (100, 0.6)), verify=0.7)
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


def resident(subject: SubjectKey, valid_until: datetime | None = None) -> PutSubject:
    return PutSubject(
        subject=subject,
        kind=SubjectKind.RESIDENT,
        checkpoints=(GATE,),
        valid_from=NOON - timedelta(days=1),
        valid_until=valid_until,
    )


def face(seed: int, subject: SubjectKey, consent: ConsentId, *, model: ModelId = MODEL) -> Template:
    return Template(TemplateId(new_id()), subject, consent, model, vector_of(seed))


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Estate:
    """One edge's state folder, its keys, and the core's side of it. ``head``: number of the newest change sealed."""

    folder: Path
    keys: EdgeKeys = field(init=False)
    core_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    clock: Clock = field(default_factory=Clock)
    head: int = 0

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
            gallery=FaceIndex(model, DIMENSION),
            calibration=CALIBRATION,
            fresh_for=timedelta(hours=24),
            clock=self.clock,
        )

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

    def sealed(self, batch: ChangeBatch) -> str:
        return base64.b64encode(seal(batch.model_dump_json().encode(), self.public_key, LIST_INFO)).decode()
