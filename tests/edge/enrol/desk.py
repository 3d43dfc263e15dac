"""An enrolment desk for these tests: tickets as the core signs them, an outbox in memory, pictures to send."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import numpy.typing as npt
import skimage.data
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from core.contract.base import Message
from core.contract.events import TemplateSealedV1
from core.contract.ids import ConsentId, EdgeId, SubjectKey, new_id
from core.contract.sealing import public_bytes
from core.contract.signed import EnrolmentTicket, Recipient, sign_ticket
from edge.enrol.enroller import Enroller
from edge.enrol.portrait import PortraitReader
from edge.enrol.tickets import TicketBook
from edge.outbox import OutboxError
from models.types import Image

EDGE = EdgeId("desk-1")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def astronaut() -> Image:
    """Eileen Collins, 512 x 512 BGR (NASA, public domain): one face, 90 px wide, looking at us."""
    picture = skimage.data.astronaut()  # type: ignore[no-untyped-call]
    return np.ascontiguousarray(picture[..., ::-1])


def encoded(picture: npt.NDArray[Any], kind: str = ".png") -> bytes:
    return cv2.imencode(kind, picture)[1].tobytes()


@dataclass
class MemoryOutbox:
    """What was appended; ``full`` makes it refuse."""

    messages: list[TemplateSealedV1] = field(default_factory=list)
    full: bool = False

    def append(self, message: Message, occurred_at: datetime) -> None:
        if self.full:
            raise OutboxError("no room left on the disk")
        assert isinstance(message, TemplateSealedV1)
        self.messages.append(message)


@dataclass
class Desk:
    """An enroller with everything around it."""

    folder: Path
    reader: PortraitReader
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    core_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    recipients: dict[EdgeId, X25519PrivateKey] = field(
        default_factory=lambda: {EDGE: X25519PrivateKey.generate(), EdgeId("gate-2"): X25519PrivateKey.generate()}
    )
    now: datetime = NOON

    def enroller(self) -> Enroller:
        return Enroller(
            EDGE,
            self.core_key.public_key(),
            self.reader,
            TicketBook(self.folder / "tickets.db"),
            self.outbox,
            lambda: self.now,
        )

    def ticket(self, **changed: Any) -> EnrolmentTicket:
        fields: dict[str, Any] = {
            "ticket_id": new_id(),
            "subject": SubjectKey(new_id()),
            "consent": ConsentId(new_id()),
            "edge": EDGE,
            "expires_at": NOON + timedelta(minutes=10),
            "recipients": tuple(
                Recipient(edge=edge, key_base64=base64.b64encode(public_bytes(key.public_key())).decode())
                for edge, key in self.recipients.items()
            ),
        }
        return EnrolmentTicket(**(fields | changed))

    def signed(self, **changed: Any) -> str:
        return sign_ticket(self.ticket(**changed), self.core_key)


@dataclass
class Client:
    """Somebody's browser."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/enrolments"

    def send(self, ticket: str, portrait: bytes) -> httpx.Response:
        return self.post(data={"ticket": ticket}, files={"portrait": ("me.png", portrait)})

    def post(self, **content: Any) -> httpx.Response:
        return httpx.post(self.url, timeout=30, trust_env=False, **content)
