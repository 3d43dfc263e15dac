"""A small estate to test the core with, and events as its edges would send them."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy.orm import Session

from core.contract.base import Message
from core.contract.config import EstateConfig
from core.contract.envelope import Envelope, encode
from core.contract.events import EVENT_TYPES, EdgeStateV1, PassageV1, TemplateSealedV1
from core.contract.ids import EdgeId, EventId, new_id
from core.contract.sealing import TEMPLATE_INFO, edge_fingerprint, fingerprint, seal
from core.ingest.arrivals import Arrival
from core.people.consent.guardians import Guardian
from core.people.consent.ledger import do_grant_consent
from core.people.consent.words import GuardianEvidence, Relation, Scope
from core.people.enrolment import TemplateOutcome, do_store_template
from core.people.notices import current_notice, notice
from core.people.plates import PlateKeeper
from core.people.subjects import do_put_subject
from core.storage.database import Database
from core.storage.schema import ConsentRow, EnrolmentTicketRow, SubjectRow

PLATES = PlateKeeper(b"p" * 32)
NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
EPOCH = "epoch-0001"
_TYPES = {kind: name for name, kind in EVENT_TYPES.items()}
_SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]


def estate_tree(**changes: Any) -> dict[str, Any]:
    """Two edges: ``edge-1`` has a perimeter gate and a building door, ``edge-2`` a vehicle lane and another gate."""
    name = {"zh": "某处", "en": "Somewhere"}
    door = {"kind": "door", "ring": "building", "threshold_line": [[0.5, 0.0], [0.5, 1.0]]}
    return {
        "estate": {"id": "test-estate", "name": name},
        "state_dir": "var",
        "core": {"broker_login": {"user": "core", "password_file": "core.password"}},
        "edges": [
            {"id": edge, "enrol_port": port, "broker_login": {"user": edge, "password_file": f"{edge}.password"}}
            for edge, port in (("edge-1", 8791), ("edge-2", 8792))
        ],
        "cameras": [
            {"id": "cam-gate", "edge": "edge-1", "name": name, "kind": "gate", "url": "rtsp://cameras/gate"},
            {"id": "cam-door", "edge": "edge-1", "name": name, "kind": "gate", "url": "rtsp://cameras/door"},
            {"id": "cam-lane", "edge": "edge-2", "name": name, "kind": "plate", "url": "rtsp://cameras/lane"},
            {"id": "cam-back", "edge": "edge-2", "name": name, "kind": "gate", "url": "rtsp://cameras/back"},
        ],
        "checkpoints": [
            {
                "id": "gate",
                "camera": "cam-gate",
                "kind": "face_gate",
                "ring": "perimeter",
                "name": name,
                "zone": _SQUARE,
            },
            {"id": "door", "camera": "cam-door", "name": name, "zone": _SQUARE} | door,
            {
                "id": "lane",
                "camera": "cam-lane",
                "kind": "plate_lane",
                "ring": "perimeter",
                "name": name,
                "zone": _SQUARE,
            },
            {
                "id": "back",
                "camera": "cam-back",
                "kind": "face_gate",
                "ring": "perimeter",
                "name": name,
                "zone": _SQUARE,
            },
        ],
        "rules": [
            {"id": "stranger", "name": name, "trigger": "stranger_at_door", "severity": "critical"},
            {"id": "vehicle", "name": name, "trigger": "unlisted_vehicle"},
        ],
    } | changes


def estate(**changes: Any) -> EstateConfig:
    return EstateConfig.model_validate(estate_tree(**changes))


def key() -> str:
    return str(uuid.uuid4())


def passage(**changes: Any) -> PassageV1:
    """A resident admitted at the perimeter gate, or what ``changes`` make of it."""
    fields: dict[str, Any] = {
        "passage_id": new_id(),
        "checkpoint": "gate",
        "camera": "cam-gate",
        "occurred_at": NOW,
        "direction": "in",
        "credential": "face",
        "verdict": "admit",
        "reason": "listed",
        "passed": True,
        "gate_opened": True,
    }
    return PassageV1.model_validate(fields | changes)


def stranger(**changes: Any) -> PassageV1:
    """Somebody who followed another through the building door."""
    return passage(
        **{
            "checkpoint": "door",
            "camera": "cam-door",
            "credential": "none",
            "verdict": "use_other_method",
            "reason": "followed",
            "gate_opened": False,
        }
        | changes
    )


def envelope(message: Message, sequence: int, *, edge: str = "edge-1", floor: int = 1, epoch: str = EPOCH) -> Envelope:
    return Envelope(
        id=EventId(new_id()),
        source=f"/anju/test-estate/edge/{edge}",
        type=_TYPES[type(message)],
        time=NOW,
        epoch=epoch,
        sequence=sequence,
        floor=floor,
        data=message.model_dump(mode="json"),
    )


def arrival(wire: bytes, edge: str = "edge-1") -> Arrival:
    return Arrival(f"anju/v1/test-estate/edge/{edge}/event", edge, wire, NOW)


def event(message: Message, sequence: int, *, edge: str = "edge-1", floor: int = 1) -> Arrival:
    return arrival(encode(envelope(message, sequence, edge=edge, floor=floor)), edge)


def edge_state(edge: str, public_key_base64: str, *, at: datetime = NOW, enrol_url: str | None = None) -> EdgeStateV1:
    return EdgeStateV1(
        edge=EdgeId(edge),
        at=at,
        started_at=at - timedelta(minutes=1),
        key_base64=public_key_base64,
        enrol_url=enrol_url,
        list_version=0,
        outbox_rows=0,
    )


@dataclass(frozen=True, slots=True)
class EdgeKey:
    """An edge's own key pair, as the edge would hold it."""

    private: X25519PrivateKey

    @classmethod
    def make(cls) -> EdgeKey:
        return cls(X25519PrivateKey.generate())

    @property
    def public_base64(self) -> str:
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    @property
    def fingerprint(self) -> str:
        """As the screen of an edge shows it that has no other key."""
        return edge_fingerprint(self.private.public_key(), None)


def sealed_template(
    subject: str, consent: str, keys: dict[str, EdgeKey], *, template_id: str | None = None
) -> TemplateSealedV1:
    """A template as an edge sends it: sealed to every key of ``keys``."""
    sealed = [
        {
            "edge": edge,
            "key_fingerprint": fingerprint(one.private.public_key()),
            "sealed_base64": base64.b64encode(seal(b"template", one.private.public_key(), TEMPLATE_INFO)).decode(),
        }
        for edge, one in keys.items()
    ]
    fields = {"template_id": template_id or new_id(), "subject": subject, "consent": consent}
    return TemplateSealedV1.model_validate(fields | {"model": "sface@0ba9fbfa01b5", "quality": 0.9, "sealed": sealed})


def give_ticket(db: Session, subject: str, consent: str, edge: str = "edge-1") -> None:
    """Leave to enrol that person once at ``edge``, as if issued a moment before `NOW`."""
    ticket = EnrolmentTicketRow(id=new_id(), subject=subject, consent_id=consent, edge_id=edge, expires_at=NOW)
    db.add(ticket)
    db.flush()


def enrol(db: Session, template: TemplateSealedV1, edge: str = "edge-1") -> TemplateOutcome:
    """``edge`` gets a ticket for the person, and this template comes of it."""
    give_ticket(db, template.subject, template.consent, edge)
    return do_store_template(db, template, edge, NOW)


def consenting_person(database: Database, *checkpoints: str, name: str = "王小明") -> tuple[str, str]:
    """Add somebody who may pass ``checkpoints`` and agrees to be recognised: (subject, consent)."""
    with database.writing() as db:
        subject = do_put_subject(
            db,
            key(),
            name=name,
            kind="resident",
            checkpoints=checkpoints or ("gate", "door"),
            valid_from=NOW,
            valid_until=None,
            now=NOW,
        )
        consent = do_grant_consent(db, subject, notice(), channel="desk", given_by="self", now=NOW)
        return subject.key, consent.id


def familys_consent(db: Session, missing: str, now: datetime = NOW) -> ConsentRow:
    """To look for the missing person of a case, for a month."""
    subject = db.get(SubjectRow, missing)
    assert subject is not None
    return do_grant_consent(
        db,
        subject,
        current_notice(Scope.FACE_MISSING_PERSON),
        channel="desk",
        given_by="guardian",
        guardian=Guardian(ref="file-7", relation=Relation.PARENT, evidence=GuardianEvidence.BIRTH_CERTIFICATE),
        expires_at=now + timedelta(days=30),
        now=now,
    )
