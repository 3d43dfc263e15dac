"""Who may watch what: a ticket of the core, unexpired, for this edge and just this, once, while there is room."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from core.contract.ids import CameraId, ClipId, EdgeId
from core.contract.signed import ClaimError
from core.contract.viewing import ViewTicket, verify_view
from edge.enrol.tickets import TicketBook, TicketBookError
from edge.video.clips import Clip, ClipError, ClipStore, NoSuchClipError
from edge.video.footage import FindView, View

log = structlog.get_logger()

MAX_VIEWERS = 16
"""Live views at once: a wall of nine and a few more."""


class NotShown(StrEnum):
    """Why something is not shown."""

    NO_TICKET = "no_ticket"
    EXPIRED = "expired"
    USED = "used"
    CAMERA_AWAY = "camera_away"
    NO_SUCH_CLIP = "no_such_clip"
    CLIP_UNREADABLE = "clip_unreadable"
    TOO_MANY_VIEWERS = "too_many_viewers"
    UNAVAILABLE = "unavailable"


class NotShownError(Exception):
    """Carries why; names neither camera nor viewer."""

    def __init__(self, why: NotShown) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Leave:
    """To watch a camera live: the view, until when (wall clock), and the ticket that says so, not used up yet."""

    view: View
    until: datetime
    claim: ViewTicket


class VideoDesk:
    """Checks tickets and hands out what they are for. Thread-safe."""

    def __init__(
        self,
        edge: EdgeId,
        core_key: Ed25519PublicKey,
        tickets: TicketBook,
        store: ClipStore,
        find: FindView,
        *,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._wall_clock = wall_clock
        self._edge = edge
        self._core_key = core_key
        self._tickets = tickets
        self._store = store
        self._find = find
        self._lock = threading.Lock()
        self._viewers = 0
        self._closed = False

    def check_live(self, ticket: str, camera: CameraId) -> Leave:
        """What may be shown. Raises NotShownError; uses nothing up."""
        claim = self._check(ticket)
        if claim.camera != camera or claim.until is None:
            raise NotShownError(NotShown.NO_TICKET)
        view = self._find(camera, claim.stream)
        if view is None:
            raise NotShownError(NotShown.CAMERA_AWAY)
        return Leave(view, claim.until, claim)

    def use(self, leave: Leave) -> None:
        """It is shown now: its ticket is good for nothing any more. Raises NotShownError when it was used before."""
        self._use(leave.claim)

    def clip(self, ticket: str, clip: ClipId) -> Clip:
        """Raises NotShownError; the ticket is used up only where there is something to show."""
        claim = self._check(ticket)
        if claim.clip != clip:
            raise NotShownError(NotShown.NO_TICKET)
        self._check_fresh(claim)
        try:
            found = self._store.get(clip, self._wall_clock())
        except NoSuchClipError:
            raise NotShownError(NotShown.NO_SUCH_CLIP) from None
        except ClipError as error:
            log.warning("video.clip_unreadable", problem=str(error))
            raise NotShownError(NotShown.CLIP_UNREADABLE) from None
        self._use(claim)
        return found

    def sit(self) -> bool:
        """Take one viewer's place; False when ``MAX_VIEWERS`` watch already. To be given back by ``leave``."""
        with self._lock:
            if self._viewers >= MAX_VIEWERS:
                return False
            self._viewers += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._viewers -= 1

    def goes_on(self, until: datetime) -> bool:
        """Whether a live view that ends at ``until`` still goes on."""
        return not self._closed and self._wall_clock() < until

    def close(self) -> None:
        """End every live view: the edge stops."""
        self._closed = True

    def _check(self, text: str) -> ViewTicket:
        try:
            claim = verify_view(text, self._core_key)
        except ClaimError:
            raise NotShownError(NotShown.NO_TICKET) from None
        if claim.edge != self._edge:
            raise NotShownError(NotShown.NO_TICKET)
        if self._wall_clock() >= claim.expires_at:
            raise NotShownError(NotShown.EXPIRED)
        return claim

    def _check_fresh(self, claim: ViewTicket) -> None:
        """Before anything is read and decrypted for it."""
        try:
            used = self._tickets.is_used(claim.ticket_id)
        except TicketBookError as error:
            log.warning("video.tickets_unusable", problem=str(error))
            raise NotShownError(NotShown.UNAVAILABLE) from None
        if used:
            raise NotShownError(NotShown.USED)

    def _use(self, claim: ViewTicket) -> None:
        try:
            fresh = self._tickets.use(claim.ticket_id, claim.expires_at, self._wall_clock())
        except TicketBookError as error:
            log.warning("video.tickets_unusable", problem=str(error))
            raise NotShownError(NotShown.UNAVAILABLE) from None
        if not fresh:
            raise NotShownError(NotShown.USED)
