"""Leave to watch one camera, or one clip: given by the core to somebody signed in, with a reason; checked at the edge.

Video stays on the site and goes from the edge straight to the browser. The ticket names neither viewer nor reason: both
are in the core's log under the ticket's id.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, model_validator

from core.contract.base import Instant, Message
from core.contract.ids import CameraId, ClipId, EdgeId, UuidText
from core.contract.signed_text import open_text, sign_text

_CONTEXT = b"anju/view-ticket/v1\0"
MAX_TICKET_CHARS = 2_000
MAX_LIVE_S = 1800
"""A live view ends after this long at the latest; who goes on watching says so again."""


class ViewTicket(Message):
    """Good for one request that begins before ``expires_at``.

    camera: whose live picture; clip: which clip. Just one of them is set. until: when a live view ends.
    """

    ticket_id: UuidText
    edge: EdgeId
    camera: CameraId | None = None
    clip: ClipId | None = None
    stream: Literal["main", "sub"] = "main"
    expires_at: Instant
    until: Annotated[Instant | None, Field(description="live views only")] = None

    @model_validator(mode="after")
    def _one_thing_to_watch(self) -> Self:
        if (self.camera is None) == (self.clip is None):
            raise ValueError("a ticket is for a camera or for a clip")
        if (self.camera is None) != (self.until is None):
            raise ValueError("a live view has an end, a clip has none")
        return self


def sign_view(ticket: ViewTicket, key: Ed25519PrivateKey) -> str:
    """As ``signed_text`` writes it."""
    return sign_text(ticket, _CONTEXT, key)


def verify_view(text: str, key: Ed25519PublicKey) -> ViewTicket:
    """The ticket in ``text``, signature checked; times and single use are the edge's to check. Raises ClaimError."""
    return open_text(text, ViewTicket, _CONTEXT, key, what="a ticket to watch with", max_chars=MAX_TICKET_CHARS)
