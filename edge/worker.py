"""One edge, running: cameras in, decisions at the gates, events out.

Threads: one or two per camera (large and small stream), as many that look as `looking_threads` says, one per gate,
one for pictures, one for clips, one for the broker, one for the endpoint, one that keeps house. Any of them may meet
trouble; the gates go on.
"""

from __future__ import annotations

import base64
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import structlog

from core.contract.base import Message
from core.contract.config import Door, FaceGate, PlateLane
from core.contract.config_file import LoadedConfig
from core.contract.events_cameras import CameraHealth
from core.contract.events_scenes import HappeningV1
from core.contract.ids import ClipId, EdgeId
from core.contract.vocabulary import CameraState
from edge.aside import Aside
from edge.assembly import (
    Models,
    core_public_key,
    lookers,
    make_gate,
    make_notes,
    make_scenes,
    make_streams,
    make_watcher,
    make_watches,
    open_face_models,
    open_lists,
    open_models,
)
from edge.checkpoint.controllers import MqttRelay, utc_now
from edge.checkpoint.post import Books, CheckpointPost
from edge.checkpoint.rounds import VisionLoop, stations_of
from edge.endpoint import EdgeEndpoint
from edge.enrol.enroller import Enroller
from edge.enrol.portrait import PortraitReader
from edge.enrol.sealing import Resealer
from edge.enrol.tickets import TicketBook
from edge.health import Counters, EdgeHealth, EdgeIdentity, noted
from edge.keys import EdgeKeys, edge_dir, load_or_create
from edge.link.client import EdgeLink, LinkParts
from edge.link.connection import LinkAddress
from edge.living import LivingThread
from edge.outbox import DurableOutbox, OutboxError
from edge.reconcile import RECONCILE_EVERY_S, Kind, Reconciler
from edge.scenes.door_contact import DoorContactWatch
from edge.scenes.events import shown_at_s
from edge.scenes.post import SceneDesk
from edge.settings import edge_settings, own_cameras, own_checkpoints
from edge.shards.ears import Desk
from edge.shards.elsewhere import WatcherElsewhere
from edge.shards.far_video import FarVideo
from edge.shards.plan import spread
from edge.shards.site import Shards
from edge.video.site import SiteVideo, open_clips

log = structlog.get_logger()

OUTBOX_FILE = "outbox.db"
TICKETS_FILE = "tickets.db"
PICTURES_WAITING = 8
_TICK_S = 0.2
_CAMERAS_EVERY_S = 1.0
_DROPPED_EVERY_S = 10.0
_STOP_S = 2.5
_SHARDS_STOP_S = 1.5
SWITCH_S = 0.0005
"""How long a thread may go on computing in Python while another could go on. Python's own 5 ms would be seen at a
gate: every search and every model comes back from C code and waits its turn."""


class EdgeWorker:
    """One edge of the estate, put together from its configuration."""

    def __init__(self, loaded: LoadedConfig, edge: EdgeId) -> None:
        """Open models, keys and lists. Raises what `edge.assembly` raises; nothing runs yet."""
        self._loaded = loaded
        self._config = edge_settings(loaded, edge)
        loaded.prepare_state_dir()
        self._counters = Counters()
        checkpoints, cameras = own_checkpoints(loaded, edge), own_cameras(loaded, edge)
        plan = spread(cameras, checkpoints, self._config.shards) if self._config.shards else ()
        models = self._open_models(checkpoints, here=not plan)
        keys = load_or_create(loaded.state_dir, edge, self._config.site_key)
        core_key = core_public_key(loaded, self._config)
        folder = edge_dir(loaded.state_dir, edge)
        self._tickets = TicketBook(folder / TICKETS_FILE)
        self._outbox = DurableOutbox(
            folder / OUTBOX_FILE,
            max_rows=self._config.outbox_max_rows,
            max_bytes=self._config.outbox_max_bytes,
        )
        reseal = Resealer(self._outbox, self._counters, utc_now)
        self._lists = open_lists(loaded, self._config, keys, core_key, models.embedder, reseal=reseal)
        scenes, bell = loaded.config.scenes, threading.Event()
        here = () if plan else cameras
        self._watches = make_watches(cameras, checkpoints, self._counters)
        self._streams = make_streams(here, checkpoints, scenes, self._watches.see, bell=bell, counters=self._counters)
        self._notes = {} if plan else make_notes(scenes, checkpoints, models)
        clips = open_clips(self._config, keys, loaded.state_dir)
        far_video = FarVideo(clips, self._counters)
        self._video = SiteVideo(
            self._config,
            clips,
            self._streams,
            core_key=core_key,
            tickets=self._tickets,
            counters=self._counters,
            elsewhere=far_video,
        )
        enroller = Enroller(edge, core_key, PortraitReader(models.faces, models.embedder), self._tickets, self._outbox)
        self._endpoint = EdgeEndpoint(loaded, self._config, enroller, self._video.router, self._counters)
        self._link = self._make_link(keys)
        self._pictures = Aside("pictures", PICTURES_WAITING, self._counters)
        self._books = Books(self._outbox, self._pictures, models.faces, self._counters, self._video)
        self._posts = self._make_posts(checkpoints, models, here=not plan)
        scene_posts = make_scenes(here, scenes, models, self._counters, utc_now())
        self._scenes = SceneDesk(scene_posts, self._make_contacts(), self._write_scene)
        looking = 0 if plan else lookers(self._config)
        stations = stations_of(self._streams, self._posts, self._scenes)
        self._vision = VisionLoop(stations, self._counters, lookers=looking, bell=bell)
        dimension = models.embedder.dimension
        desk = Desk(self._lists, dimension, self._books, far_video, self._watches.see, self._write_scene)
        self._shards = Shards(loaded, self._config, plan=plan, posts=self._posts, desk=desk, counters=self._counters)
        self._reconciler = Reconciler(self._parts(), self._counters)
        self._stopping = threading.Event()
        self._housekeeper = LivingThread("housekeeping", self._keep_house)
        log.info("edge.ready", edge=edge, key=keys.fingerprint, cameras=len(cameras), posts=len(self._posts))

    def start(self) -> None:
        """Begin. Gates work from here on; the broker, the cameras and the core may come when they can."""
        self._pictures.start()
        for post in self._posts:
            post.start()
            self._link.checkpoint_changed(post.gate.state())
        self._link.start()
        for stream in self._streams.values():
            stream.start()
        self._vision.start()
        self._shards.start()
        self._housekeeper.start()
        self._video.start()
        self._endpoint.start()

    def stop(self) -> None:
        """End within ``_STOP_S`` or a little more: what was decided is written down, what is written is on disk."""
        self._stopping.set()
        deadline_s = time.monotonic() + _STOP_S
        self._vision.stop()
        self._shards.stop(_SHARDS_STOP_S)
        self._video.stop(1.0)  # before its streams: what they sent is in the clips that wait
        closing = [*(stream.stop for stream in self._streams.values()), self._endpoint.stop]
        threads = [_beside(close) for close in closing]
        self._scenes.finish(utc_now())
        for post in self._posts:
            post.stop(max(0.1, deadline_s - time.monotonic()))
        self._pictures.stop(max(0.1, deadline_s - time.monotonic()))
        self._link.stop()  # last of those with something to say: it may still send what was written just now
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        self._outbox.close()
        self._tickets.close()
        self._lists.close()
        log.info("edge.stopped", edge=self._config.id)

    def run(self) -> None:
        """Run until SIGTERM or ctrl-C. From the main thread."""
        wanted = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: wanted.set())
        sys.setswitchinterval(SWITCH_S)
        self.start()
        try:
            while not wanted.wait(RECONCILE_EVERY_S):
                if self._housekeeper.revive():  # it looks after all others, and nobody else after it
                    self._counters.add("parts_revived")
        finally:
            self.stop()

    # -- parts -----------------------------------------------------------------------------------------------------

    def _make_link(self, keys: EdgeKeys) -> EdgeLink:
        identity = EdgeIdentity(
            self._config.id,
            utc_now(),
            base64.b64encode(keys.private.public_key().public_bytes_raw()).decode(),
            base64.b64encode(keys.signing.public_key().public_bytes_raw()).decode(),
            self._endpoint.url,
        )
        health = EdgeHealth(
            identity,
            self._outbox,
            self._counters,
            lists=self._lists,
            cameras=self._camera_health,
            watched=self._watch_counts,
        )
        parts = LinkParts(self._outbox, self._lists, health.state, self._counters)
        return EdgeLink(LinkAddress(self._loaded, self._config.id), parts)

    def _open_models(self, checkpoints: Iterable[FaceGate | Door | PlateLane], *, here: bool) -> Models:
        """here: whether cameras are looked at in this process."""
        if not here:
            return open_face_models(self._config)
        return open_models(self._config, needs_plates=any(isinstance(one, PlateLane) for one in checkpoints))

    def _make_posts(
        self, checkpoints: tuple[FaceGate | Door | PlateLane, ...], models: Models, *, here: bool
    ) -> list[CheckpointPost]:
        posts = []
        for checkpoint in checkpoints:
            watcher = make_watcher(checkpoint, models, self._lists) if here else WatcherElsewhere()
            if watcher is None:
                self._counters.add("lanes_without_plate_models")
                continue
            gate = make_gate(checkpoint, self._link, self._link.checkpoint_changed)
            if isinstance(gate, MqttRelay):
                self._link.listen(checkpoint.id, gate.answered)
            posts.append(
                CheckpointPost(
                    checkpoint, watcher, gate, self._lists, self._books, cases=self._lists, wall_clock=utc_now
                )
            )
        return posts

    def _make_contacts(self) -> list[DoorContactWatch]:
        contacts = []
        for post in self._posts:
            if isinstance(post.checkpoint, Door) and post.checkpoint.contact is not None:
                contact = DoorContactWatch(post.checkpoint, post.checkpoint.contact, post.gate)
                contacts.append(contact)
                for sensor in contact.sensors:
                    self._link.listen_to_sensor(sensor, contact.heard)
        return contacts

    def _parts(self) -> Iterator[tuple[Kind, LivingThread]]:
        """Every thread that this configuration needs."""
        yield from ((Kind.CAMERA, thread) for stream in self._streams.values() for thread in stream.threads)
        yield from ((Kind.VISION, thread) for thread in self._vision.threads)
        yield from ((Kind.SHARD, thread) for thread in self._shards.threads)
        yield from ((Kind.PICTURES, thread) for thread in self._shards.storing)
        yield from ((Kind.GATE, post.thread) for post in self._posts)
        yield (Kind.PICTURES, self._pictures.thread)
        yield (Kind.LINK, self._link.thread)

    # -- how it is -------------------------------------------------------------------------------------------------

    def _camera_health(self) -> tuple[CameraHealth, ...]:
        here = (stream.health() for stream in self._streams.values())
        every = (*here, *self._shards.health())
        return tuple(self._watches.describe(noted(health, self._notes)) for health in every)

    def _watch_counts(self) -> dict[str, int]:
        posts = {f"{post.checkpoint.id}.{name}": count for post in self._posts for name, count in post.counted.items()}
        return posts | self._scenes.counts() | self._shards.scene_counts()

    def _keep_house(self) -> None:
        every_s: dict[Callable[[], None], float] = {
            self._let_gates_close: 0.0,
            self._scenes.tell: 0.0,
            self._look_after_cameras: _CAMERAS_EVERY_S,
            self._tell_dropped: _DROPPED_EVERY_S,
            self._put_right: RECONCILE_EVERY_S,
        }
        due = dict.fromkeys(every_s, 0.0)
        while not self._stopping.wait(_TICK_S):
            for chore, due_s in list(due.items()):
                if time.monotonic() >= due_s:
                    due[chore] = time.monotonic() + every_s[chore]
                    self._do(chore)

    def _do(self, chore: Callable[[], None]) -> None:
        """The outermost place of each chore: its trouble keeps no other from being done."""
        try:
            chore()
        except Exception:
            self._counters.add("housekeeping_failed")
            log.exception("edge.housekeeping_failed", chore=chore.__name__, advice="gates go on; report this")

    def _let_gates_close(self) -> None:
        for post in self._posts:
            post.gate.state()  # lets a gate whose time is over notice that it has closed

    def _look_after_cameras(self) -> None:
        now = datetime.now(UTC)
        cameras = self._camera_health()
        for health in cameras:  # one by one: what was told of one camera is written before another can meet trouble
            for changed in self._watches.look((health,), time.monotonic(), now):
                self._books.write(changed, now)
        there = {health.camera for health in cameras if health.state is CameraState.ONLINE}
        self._scenes.keep_time(time.monotonic(), now, there.__contains__)

    def _write_scene(self, message: Message, occurred_at: datetime) -> None:
        """Write down what the scenes tell; of what happened or begins now, a clip."""
        self._books.write(message, occurred_at)
        at_s = shown_at_s(message, occurred_at, utc_now(), time.monotonic())
        if isinstance(message, HappeningV1) and at_s is not None:
            self._video.keep(ClipId(message.happening_id), message.camera, at_s)

    def _put_right(self) -> None:
        self._reconciler.put_right(time.monotonic())

    def _tell_dropped(self) -> None:
        try:
            self._outbox.report_dropped(datetime.now(UTC))
        except OutboxError as error:
            self._counters.add("outbox_unreadable")
            log.warning("outbox.report_failed", problem=str(error))


def _beside(close: Callable[[], None]) -> threading.Thread:
    """Run ``close`` without waiting for it; what it can't do in time ends with the process."""

    def do() -> None:
        try:
            close()
        except TimeoutError as error:
            log.warning("edge.stop_slow", problem=str(error))

    thread = threading.Thread(target=do, name="stopping", daemon=True)
    thread.start()
    return thread
