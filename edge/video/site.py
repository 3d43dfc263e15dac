"""The video of one edge, put together: its clips, who cuts them, and who is shown what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import APIRouter

from core.contract.config import EdgeConfig
from core.contract.ids import CameraId, ClipId
from edge.capture.stream import Sent
from edge.checkpoint.controllers import utc_now
from edge.enrol.tickets import TicketBook
from edge.health import Counters
from edge.keys import EdgeKeys, edge_dir
from edge.video.clips import ClipStore
from edge.video.desk import VideoDesk
from edge.video.endpoint import make_router
from edge.video.footage import Footage, View, Which, footage_of
from edge.video.live import LiveView
from edge.video.recorder import ClipRecorder

CLIPS_FOLDER = "clips"
_PURPOSE = b"anju/clips/v1"


class Sending(Protocol):
    """What is needed of a camera; see `edge.capture.stream.CameraStream`."""

    def sent(self, which: Which = "main") -> Sent: ...


class Elsewhere(Protocol):
    """Cameras whose packets are in processes of their own; see `edge.shards.far_video.FarVideo`."""

    def keep(self, clip: ClipId, camera: CameraId, at_s: float) -> None: ...

    def view(self, camera: CameraId, which: Which) -> View | None: ...


class SiteVideo:
    """Clips and live views of an edge's cameras."""

    def __init__(
        self,
        config: EdgeConfig,
        clips: ClipStore,
        cameras: Mapping[CameraId, Sending],
        *,
        core_key: Ed25519PublicKey,
        tickets: TicketBook,
        counters: Counters,
        elsewhere: Elsewhere,
    ) -> None:
        """cameras: those that are read here; elsewhere: asked for every other."""
        self._cameras = cameras
        self._elsewhere = elsewhere
        self._keeps = config.clips.keep_days > 0
        self._recorder = ClipRecorder(clips, self.footage, counters)
        self._desk = VideoDesk(config.id, core_key, tickets, clips, self._view, wall_clock=utc_now)

    def start(self) -> None:
        self._recorder.start()

    def stop(self, timeout_s: float) -> None:
        """End live views, keep what there is of the clips that wait."""
        self._desk.close()
        self._recorder.stop(timeout_s)

    @property
    def router(self) -> APIRouter:
        """To be served by the edge's endpoint."""
        return make_router(self._desk)

    def keep(self, clip: ClipId, camera: CameraId, at_s: float) -> None:
        """Keep a clip around stream time ``at_s`` of something that happened; never waits."""
        if not self._keeps:
            return
        if camera in self._cameras:
            self._recorder.ask(clip, camera, at_s)
        else:
            self._elsewhere.keep(clip, camera, at_s)

    def footage(self, camera: CameraId, which: Which) -> Footage | None:
        """What the camera sends now; None before it has sent anything that can be shown, and of one elsewhere."""
        stream = self._cameras.get(camera)
        return None if stream is None else footage_of(stream.sent(which))

    def _view(self, camera: CameraId, which: Which) -> View | None:
        if camera not in self._cameras:
            return self._elsewhere.view(camera, which)
        footage = self.footage(camera, which)
        return None if footage is None else LiveView(footage)


def open_clips(config: EdgeConfig, keys: EdgeKeys, state_dir: Path) -> ClipStore:
    """The edge's clips."""
    return ClipStore(
        edge_dir(state_dir, config.id) / CLIPS_FOLDER,
        keys.derive(_PURPOSE),
        max_bytes=config.clips.max_bytes,
        keep=timedelta(days=config.clips.keep_days),
    )
