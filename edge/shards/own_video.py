"""The video of the cameras of one process: put into MP4 here, handed to the edge when it asks, kept nowhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from core.contract.ids import ClipId
from edge.shards.messages import MAX_CLIP, MAX_PART, MAX_VIEWS, ClipPart, ViewPart, ViewWanted, written
from edge.shards.wire import Wire, WireError
from edge.video.clips import Clip, ClipError
from edge.video.footage import FindFootage
from edge.video.live import LiveView
from edge.video.remux import RemuxError

log = structlog.get_logger()

FORGOTTEN_S = 30.0
"""A viewer whose connection is slow asks again within fifteen seconds, or has gone."""


@dataclass(slots=True)
class _Shown:
    """A view somebody watches. rest: MP4 that did not fit into one frame."""

    view: LiveView
    mime: str
    asked_s: float
    rest: bytearray = field(default_factory=bytearray)


class OwnViews:
    """Live views. From one thread. Of each, no more waits here than what the camera's ring holds."""

    def __init__(self, find: FindFootage, wire: Wire, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._find = find
        self._wire = wire
        self._clock = clock
        self._shown: dict[int, _Shown] = {}

    def answer(self, wanted: ViewWanted) -> None:
        """Send what came since it was last asked for, or that it is over: said it is in any case. Raises WireError."""
        said, part = ViewPart(view=wanted.view, ended=True), b""
        try:
            shown = self._shown.get(wanted.view) or self._begun(wanted)
            shown.asked_s = self._clock()
            if not shown.rest:  # else a viewer slower than the camera would have all of it pile up here
                shown.rest += shown.view.take()
            said, part = ViewPart(view=wanted.view, mime=shown.mime), bytes(shown.rest[:MAX_PART])
            del shown.rest[:MAX_PART]
        except RemuxError as error:
            log.info("video.view_ended", problem=str(error))
        finally:
            if said.ended:
                self._shown.pop(wanted.view, None)
            self._wire.send(written(said), part)

    def refuse(self, wanted: ViewWanted) -> None:
        """Say that nothing is to be seen. From any thread; raises WireError."""
        self._wire.send(written(ViewPart(view=wanted.view, ended=True)))

    def _begun(self, wanted: ViewWanted) -> _Shown:
        self.tidy()
        while len(self._shown) >= MAX_VIEWS:
            del self._shown[next(iter(self._shown))]
        footage = self._find(wanted.camera, wanted.which)
        if footage is None:
            raise RemuxError("the camera sends nothing now")
        view = LiveView(footage)
        shown = self._shown[wanted.view] = _Shown(view, view.begin(), self._clock())
        return shown

    def tidy(self) -> None:
        """Forget what nobody watches any more; to be called about once a second."""
        oldest_s = self._clock() - FORGOTTEN_S
        self._shown = {number: one for number, one in self._shown.items() if one.asked_s >= oldest_s}


class ClipsForTheEdge:
    """See `edge.video.recorder.KeepsClips`: what is cut here is sent, part by part."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def put(self, clip: ClipId, shown: Clip) -> None:
        if len(shown.mp4) > MAX_CLIP:
            raise ClipError(f"the clip has {len(shown.mp4)} bytes, more than is kept of one")
        starts = range(0, max(1, len(shown.mp4)), MAX_PART)
        try:
            for start in starts:
                last = start == starts[-1]
                part = shown.mp4[start : start + MAX_PART]
                self._wire.send(written(ClipPart(clip=clip, mime=shown.mime, last=last)), part)
        except WireError:
            raise ClipError("the edge is gone") from None

    def tidy(self, now: datetime) -> int:  # noqa: ARG002 - KeepsClips' form
        """Nothing is kept here."""
        return 0
