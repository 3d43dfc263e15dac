"""A process that looks through some cameras of an edge; begun by `edge.shards.confined`.

It holds no list, no face and no key: what its watchers ask of the lists it asks the edge. When the edge is gone, it
ends.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import socket
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import numpy as np
import structlog

from core.contract.base import Message
from core.contract.config import EstateConfig, PlateLane
from core.contract.config_file import LoadedConfig
from core.contract.events_scenes import CountsV1, HappeningV1
from core.contract.ids import CameraId, ModelId
from core.contract.vocabulary import CameraState
from edge.aside import Aside
from edge.assembly import (
    core_public_key,
    face_thresholds,
    make_notes,
    make_scenes,
    make_streams,
    make_watcher,
    open_models,
)
from edge.capture.glance import Glance
from edge.checkpoint.controllers import utc_now
from edge.checkpoint.rounds import VisionLoop, stations_of
from edge.health import Counters, noted
from edge.living import LivingThread
from edge.scenes.post import SceneDesk
from edge.settings import edge_settings, own_cameras, own_checkpoints
from edge.shards.confined import SCOPE_VERSION
from edge.shards.far_post import FarPost
from edge.shards.lists import AskedLists
from edge.shards.messages import (
    MAX_VIEWS,
    Answer,
    Begin,
    ClipPart,
    ClipWanted,
    GarbageError,
    Glanced,
    PictureWanted,
    Ready,
    Report,
    SceneTold,
    Stop,
    ViewWanted,
    read_downward,
    written,
)
from edge.shards.own_video import ClipsForTheEdge, OwnViews
from edge.shards.pictures import MAX_KEPT, KeptPictures
from edge.shards.wire import Wire, WireError
from edge.video.footage import Footage, Which, footage_of
from edge.video.recorder import ClipRecorder

log = structlog.get_logger()

SWITCH_S = 0.0005
"""As in the edge's own process."""
_REPORT_S = 1.0
_BEGINS_WITHIN_S = 30.0
_EDGE_PATIENCE_S = 5.0
_CUTS_WITHIN_S = 0.8


class Shard:
    """The cameras of one process, put together from what the edge says."""

    def __init__(self, wire: Wire, begin: Begin, config: EstateConfig) -> None:
        """Open models. Raises what `edge.assembly` raises."""
        loaded = LoadedConfig(config, Path(begin.path), Path(begin.state_dir))
        edge = edge_settings(loaded, begin.edge)
        cameras = [one for one in own_cameras(loaded, begin.edge) if one.id in begin.cameras]
        checkpoints = [one for one in own_checkpoints(loaded, begin.edge) if one.camera in begin.cameras]
        self._wire = wire
        self._counters = Counters()
        models = open_models(edge, needs_plates=any(isinstance(one, PlateLane) for one in checkpoints))
        model = ModelId(models.embedder.model)
        self.lists = AskedLists(
            wire,
            core_public_key(loaded, edge),
            self._counters,
            model=model,
            verify_threshold=face_thresholds(loaded, edge, model).verify,
        )
        self._kept = KeptPictures(models.faces, wire, self._counters)
        self._packing = Aside("pictures", MAX_KEPT, self._counters)
        self._posts: list[FarPost] = []
        for one in checkpoints:
            watcher = make_watcher(one, models, self.lists.at(one.id))
            if watcher is not None:
                self._posts.append(FarPost(one, watcher, wire, self.lists, self._kept))
            elif not begin.again:
                self._counters.add("lanes_without_plate_models")
        self._notes = make_notes(config.scenes, checkpoints, models)
        bell = threading.Event()
        self._streams = make_streams(
            cameras, checkpoints, config.scenes, self._glanced, bell=bell, counters=self._counters
        )
        scenes = make_scenes(cameras, config.scenes, models, self._counters, utc_now())
        self._scenes = SceneDesk(scenes, (), self._tell_scene)
        stations = stations_of(self._streams, self._posts, self._scenes)
        self._vision = VisionLoop(stations, self._counters, lookers=begin.lookers, bell=bell)
        self._views = OwnViews(self._footage, wire)
        self._viewing = Aside("views", MAX_VIEWS, self._counters)
        self._recorder = ClipRecorder(ClipsForTheEdge(wire), self._footage, self._counters)
        self._stopping = threading.Event()
        self._reporter = LivingThread("reports", self._report)

    def start(self) -> None:
        self._packing.start()
        self._viewing.start()
        self._recorder.start()
        for stream in self._streams.values():
            stream.start()
        self._vision.start()
        self._reporter.start()

    def listen(self) -> None:
        """Until the edge says stop, or is gone. Raises WireError, GarbageError."""
        while True:
            frame = self._wire.receive(_REPORT_S)
            if frame is None:
                continue
            message = read_downward(frame[0])
            match message:
                case Answer():
                    self.lists.heard(message)
                case PictureWanted():
                    self._kept.answer(message.picture, self._packing)
                case ViewWanted():
                    if not self._viewing.submit(functools.partial(self._views.answer, message)):
                        self._views.refuse(message)
                case ClipWanted():
                    if not self._recorder.ask(message.clip, message.camera, message.at_s):
                        self._wire.send(written(ClipPart(clip=message.clip, mime="video/mp4", last=True)))
                case Stop():
                    return

    def finish(self) -> None:
        """What was seen is told, clips that wait are cut; the cameras end with the process."""
        self._stopping.set()
        self._vision.stop()
        self._scenes.finish(utc_now())
        self._recorder.stop(_CUTS_WITHIN_S)

    def _footage(self, camera: CameraId, which: Which) -> Footage | None:
        stream = self._streams.get(camera)
        return None if stream is None else footage_of(stream.sent(which))

    def _report(self) -> None:
        """Say how everything is, once a second; when nobody hears it, end."""
        try:
            while not self._stopping.wait(_REPORT_S):
                self._reporter.beat()
                self._kept.tidy()
                self._viewing.submit(self._views.tidy)
                self._revive()
                cameras = tuple(noted(stream.health(), self._notes) for stream in self._streams.values())
                there = {health.camera for health in cameras if health.state is CameraState.ONLINE}
                self._scenes.tell()
                self._scenes.keep_time(time.monotonic(), utc_now(), there.__contains__)
                report = Report(
                    cameras=cameras,
                    watched={post.checkpoint.id: post.counted for post in self._posts},
                    scenes=self._scenes.counts(),
                    counters=self._counters.snapshot(),
                )
                self._wire.send(written(report))
        except WireError:
            end(0)

    def _revive(self) -> None:
        streams = (thread for stream in self._streams.values() for thread in stream.threads)
        for thread in (*streams, *self._vision.threads, self._packing.thread, self._viewing.thread):
            if thread.revive():
                self._counters.add("parts_revived")

    def _glanced(self, camera: CameraId, glance: Glance) -> None:
        height, width = glance.luma.shape[:2]
        said = Glanced(
            camera=camera,
            at_s=glance.at_s,
            at=glance.at,
            camera_clock=glance.camera_clock,
            width=width,
            height=height,
        )
        try:
            self._wire.send(written(said), np.ascontiguousarray(glance.luma).tobytes())
        except WireError:
            end(0)

    def _tell_scene(self, message: Message, occurred_at: datetime) -> None:
        told = SceneTold(
            happening=message if isinstance(message, HappeningV1) else None,
            counts=message if isinstance(message, CountsV1) else None,
            occurred_at=occurred_at,
        )
        self._wire.send(written(told))


def end(code: int) -> NoReturn:
    """End at once, whatever other threads do: a camera that does not answer keeps nobody waiting."""
    sys.stderr.flush()
    os._exit(code)


def main(descriptor: int, *, landlock: int) -> NoReturn:
    """Look until the edge says stop or is gone.

    descriptor: of the socket to it; landlock: the version that confines this process, 0 for none.
    """
    log_as_the_edge_does()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches every process of the terminal; the edge says when
    sys.setswitchinterval(SWITCH_S)
    if landlock == 0:
        log.warning("shard.not_confined", advice="Linux 5.13 or newer with Landlock keeps it from the edge's files")
    elif landlock < SCOPE_VERSION:
        log.warning("shard.confined_in_part", landlock=landlock, advice="Linux 6.12 or newer confines it more closely")
    wire = Wire(socket.socket(fileno=descriptor), patience_s=_EDGE_PATIENCE_S)
    try:
        shard = _begun(wire)
        shard.start()
        shard.listen()
        shard.finish()
    except (WireError, GarbageError) as error:
        log.warning("shard.edge_gone", problem=str(error))
    except Exception:
        log.exception("shard.failed", advice="its edge starts it again; report this")
        end(1)
    end(0)


def _begun(wire: Wire) -> Shard:
    wire.send(written(Ready()))
    frame = wire.receive(_BEGINS_WITHIN_S)
    if frame is None:
        raise WireError("nobody said what to do")
    begin = read_downward(frame[0])
    if not isinstance(begin, Begin):
        raise GarbageError("an edge first says what to do")
    return Shard(wire, begin, EstateConfig.model_validate_json(frame[1]))


def log_as_the_edge_does() -> None:
    """One JSON object a line on standard error, which is the edge's."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
