"""Leave to watch: somebody signed in says why, the core writes it down and signs a ticket for the edge.

What is watched goes from the edge to the browser, never through here. Only edges whose keys somebody has compared are
asked to show anything: a browser is not sent to an address that just anybody told the broker.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.config import EstateConfig
from core.contract.events import EdgeStateV1
from core.contract.ids import CameraId, ClipId, EdgeId, new_id
from core.contract.viewing import MAX_LIVE_S, ViewTicket, sign_view
from core.errors import ConflictError, InvalidError, NotFoundError
from core.people.edges import EdgeNotApprovedError, is_trusted
from core.people.edges import edge as find_edge
from core.storage.schema import HappeningRow, PassageRow, ViewGrantRow

STARTS_WITHIN = timedelta(minutes=1)
"""A ticket is asked for when the page opens the view."""
REASON_CHARS = 200
MAX_LISTED = 1000
_NO_TEXT = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's kinds of characters that move a cursor or turn the line around instead of being read."""


class NotViewableError(ConflictError):
    """The edge that would show it is away, or serves no video."""


@dataclass(frozen=True, slots=True)
class Grant:
    """ticket: for ``Authorization: Bearer``; url: where; until: when a live view ends."""

    ticket: str
    url: str
    expires_at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Who wants to watch, and why."""

    by: str
    reason: str

    def __post_init__(self) -> None:
        """Raises InvalidError."""
        if not 1 <= len(self.reason.strip()) <= REASON_CHARS:
            raise InvalidError(f"say in 1 to {REASON_CHARS} characters why you want to watch; it is written down")
        if any(unicodedata.category(character) in _NO_TEXT for character in self.reason.strip()):
            raise InvalidError("say why in one line of plain text: it holds a character that can't be read")


@dataclass(frozen=True, slots=True)
class ViewPage:
    """Leave that was given, the newest first. next: what to ask with for those before; None at the end."""

    views: tuple[ViewGrantRow, ...]
    next: str | None


def do_grant_live(
    db: Session,
    config: EstateConfig,
    camera: str,
    asking: Asking,
    key: Ed25519PrivateKey,
    *,
    now: datetime,
    stream: Literal["main", "sub"] = "main",
) -> Grant:
    """Leave to watch ``camera`` live. Raises NotFoundError, EdgeNotApprovedError, NotViewableError."""
    found = next((one for one in config.cameras if one.id == camera), None)
    if found is None:
        raise NotFoundError("no camera has that id")
    url = f"{_address(db, found.edge)}/v1/cameras/{found.id}/live"
    until = now + timedelta(seconds=MAX_LIVE_S)
    ticket = ViewTicket(
        ticket_id=new_id(),
        edge=found.edge,
        camera=CameraId(found.id),
        stream=stream,
        expires_at=now + STARTS_WITHIN,
        until=until,
    )
    _write_down(db, ticket, found.id, asking, now)
    return Grant(sign_view(ticket, key), url, ticket.expires_at, until)


def do_grant_clip(db: Session, clip: str, asking: Asking, key: Ed25519PrivateKey, now: datetime) -> Grant:
    """Leave to watch the clip of a passage or of something that happened; whether the edge kept one, the edge says.

    Raises NotFoundError, EdgeNotApprovedError, NotViewableError.
    """
    shown = db.get(PassageRow, clip) or db.get(HappeningRow, clip)
    if shown is None:
        raise NotFoundError("nothing that happened has that id: not arrived yet, or past its retention")
    url = f"{_address(db, shown.edge_id)}/v1/clips/{clip}"
    ticket = ViewTicket(
        ticket_id=new_id(), edge=EdgeId(shown.edge_id), clip=ClipId(clip), expires_at=now + STARTS_WITHIN
    )
    _write_down(db, ticket, shown.camera, asking, now)
    return Grant(sign_view(ticket, key), url, ticket.expires_at)


def list_views(db: Session, *, limit: int = 100, before: str | None = None) -> ViewPage:
    """Who was let watch what, when and why: at most ``limit``, never above 1,000, given before the one with id
    ``before``. Ids are UUIDv7, which sort by time.
    """
    limit = max(1, min(limit, MAX_LISTED))
    asked = select(ViewGrantRow).order_by(ViewGrantRow.id.desc()).limit(limit + 1)
    rows = db.scalars(asked if before is None else asked.where(ViewGrantRow.id < before)).all()
    return ViewPage(tuple(rows[:limit]), rows[limit - 1].id if len(rows) > limit else None)


def _address(db: Session, edge_id: str) -> str:
    """Where the edge answers."""
    row = find_edge(db, edge_id)
    if not is_trusted(row):
        raise EdgeNotApprovedError(f"edge '{edge_id}' is not approved; compare its fingerprint and approve it first")
    told = None if row.state is None else EdgeStateV1.model_validate(row.state).enrol_url
    if not row.online or told is None:
        raise NotViewableError(f"edge '{edge_id}' is away, or could not serve its endpoint: see its state")
    return told


def _write_down(db: Session, ticket: ViewTicket, camera: str, asking: Asking, now: datetime) -> None:
    db.add(
        ViewGrantRow(
            id=ticket.ticket_id,
            at=now,
            by=asking.by,
            edge_id=ticket.edge,
            camera=camera,
            clip=ticket.clip,
            reason=asking.reason.strip(),
        )
    )
    db.flush()
