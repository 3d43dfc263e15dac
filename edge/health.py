"""How an edge says how it is: counters, cameras that come and go, and the state it publishes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from core.contract.events import EdgeStateV1
from core.contract.events_cameras import CameraConditionV1, CameraHealth
from core.contract.ids import CameraId, EdgeId
from core.contract.steady import boot_id, steady_s
from edge.capture.conditions.watch import ConditionWatch
from edge.capture.glance import Glance
from edge.outbox import DurableOutbox, OutboxError, Waiting
from edge.ports import ListKeeper

log = structlog.get_logger()

_MAX_DETAIL = 300

COUNTERS: dict[str, str] = {
    "acks_ignored": "acknowledgements of events this edge never sent, or of an earlier outbox",
    "broker_connected": "connections to the broker that came about",
    "broker_login_refused": "times the broker refused this edge's user or password",
    "broker_login_unusable": "times a password or certificate file could not be used",
    "broker_lost": "connections to the broker that broke",
    "broker_subscription_refused": "times the broker's access list let this edge not hear what it has to",
    "broker_unreachable": "times the broker could not be reached",
    "cameras_went_blind": "times a camera became one whose pictures nothing can be decided on",
    "clips_failed": "clips that could not be cut, kept or removed; the log says why",
    "clips_kept": "clips around something that happened",
    "clips_skipped": "clips not kept because too many were waiting for their last seconds",
    "enrolment_unavailable": "1 where the edge's endpoint (portraits in, video out) could not be served",
    "events_sent": "events published, repetitions included",
    "gate_commands_unsent": "commands that the connection lost on the way to a gate; never repeated",
    "gate_jobs_in_vision_thread": "passages written down without opening, because too many waited for a gate",
    "gates_not_opened": "openings that the controller refused or did not confirm",
    "gates_opened": "openings that the controller confirmed",
    "gates_too_late": "openings not commanded, because whoever was let in had been seen too long before",
    "housekeeping_failed": "failures of the housekeeping thread; each is in the log",
    "jobs_failed": "failures while a gate was opened or a picture stored; each is in the log",
    "lanes_without_plate_models": "vehicle lanes that are blind because their models are not installed",
    "link_failed": "failures of the broker thread; each is in the log",
    "list_messages_refused": "what the core said of the lists faster than it could be applied; it is said again",
    "looks_failed": "pictures that a watcher failed on; each is in the log",
    "messages_refused": "messages on this edge's topics that were too large, retained, or none of ours",
    "outbox_append_failed": "events that could not be written down and are lost",
    "outbox_unreadable": "times the outbox could not be read",
    "parts_begun": "threads that should run and had never begun, and were begun",
    "parts_revived": "threads that had died and were begun anew; why is in the log",
    "parts_silent": "threads that lived and did nothing, each counted once a minute",
    "pictures_not_blurred": "pictures not kept because faces in them could not be looked for",
    "pictures_skipped": "pictures not kept because too many were waiting",
    "scene_events_dropped": "counts and happenings of a camera that came faster than they could be written down",
    "shard_limits_met": "times a process of the cameras asked or told more than there can be: not answered, not heeded",
    "shard_questions_unanswered": "what a process of the cameras asked of the lists and was not told in time",
    "shards_ended": "processes of the cameras that ended or were ended, and were begun again; why is in the log",
    "stamps_put_right": "times a camera's time stamps ran at another pace than time, and were put right",
    "reseals_refused": "edges that a template could not be sealed for again, because their key is none",
}
"""Every counter with a fixed name. Beside them: ``{verdict}.{reason}`` for decisions, ``crossed.{completes, followed,
same}`` for crossings of a door's line, ``{checkpoint}.{what}`` for what a watcher has counted,
``{camera}.scenes.{what}`` for what was counted besides gates (looks, bodies, crossings), and ``LIST_COUNTS``."""


LIST_COUNTS: dict[str, str] = {
    "lists.index_fast": "1 while the fast index of faces answers, 0 while every template is compared one by one",
    "lists.rolls_behind": "consent rolls of other templates than this edge holds: faces are off until they agree",
    "lists.rolls_missed": "consent rolls of another version of the lists than this edge holds",
    "lists.rolls_refused": "consent rolls that are not the core's, or not of now",
    "lists.snapshots_applied": "times everything this edge holds was replaced by a snapshot",
    "lists.templates_locked": "templates kept that nobody is recognised by: suspended, due again or disputed",
    "lists.thresholds_stale": "1 while the face thresholds were made for another number of templates than is loaded",
}
"""What the lists say of themselves in ``EdgeStateV1.counters``: since the start, or as it is now."""


class Counters:
    """What happened how often since the start, by name. Safe from any thread; names are few and fixed in the code."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, by: int = 1) -> None:
        with self._lock:
            self._counts[name] += by

    def snapshot(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)


def noted(health: CameraHealth, notes: Mapping[CameraId, str]) -> CameraHealth:
    """``health`` with what can't be done as configured."""
    detail = "; ".join(filter(None, (health.detail, notes.get(health.camera, ""))))
    return health.model_copy(update={"detail": detail[:_MAX_DETAIL]})


class CameraWatches:
    """How every camera of this edge is, and what is to be told of it."""

    def __init__(self, watches: Iterable[ConditionWatch], counters: Counters) -> None:
        self._watches = {watch.camera: watch for watch in watches}
        self._counters = counters

    def see(self, camera: CameraId, glance: Glance) -> None:
        """A look at what ``camera`` sees; from the camera's own thread."""
        self._watches[camera].see(glance)

    def look(self, cameras: Iterable[CameraHealth], at_s: float, at: datetime) -> list[CameraConditionV1]:
        """What is to be told about ``cameras`` now. at_s: monotonic; from one thread."""
        changes: list[CameraConditionV1] = []
        for health in cameras:
            watch = self._watches[health.camera]
            blind_before = watch.blind
            changes += watch.look(health, at_s, at)
            if watch.blind and not blind_before:
                self._counters.add("cameras_went_blind")
        return changes

    def describe(self, health: CameraHealth) -> CameraHealth:
        """``health`` with the conditions that last."""
        return self._watches[health.camera].describe(health)


@dataclass(frozen=True, slots=True)
class EdgeIdentity:
    """What never changes while this edge runs. key_base64, signing_key_base64: its public keys."""

    edge: EdgeId
    started_at: datetime
    key_base64: str
    signing_key_base64: str
    enrol_url: str | None


class EdgeHealth:
    """Composes `EdgeStateV1`."""

    def __init__(
        self,
        identity: EdgeIdentity,
        outbox: DurableOutbox,
        counters: Counters,
        *,
        lists: ListKeeper,
        cameras: Callable[[], tuple[CameraHealth, ...]],
        watched: Callable[[], dict[str, int]],
    ) -> None:
        self._identity = identity
        self._outbox = outbox
        self._counters = counters
        self._lists = lists
        self._cameras = cameras
        self._watched = watched

    def state(self, now: datetime) -> EdgeStateV1:
        waiting = self._waiting()
        return EdgeStateV1(
            edge=self._identity.edge,
            at=now,
            started_at=self._identity.started_at,
            key_base64=self._identity.key_base64,
            signing_key_base64=self._identity.signing_key_base64,
            enrol_url=self._identity.enrol_url,
            steady_s=steady_s(),
            boot_id=boot_id(),
            list_version=self._lists.version,
            outbox_rows=waiting.rows,
            outbox_oldest_s=waiting.oldest_s,
            counters=self._counters.snapshot() | self._watched() | dict(self._lists.counts()),
            cameras=self._cameras(),
        )

    def _waiting(self) -> Waiting:
        try:
            return self._outbox.waiting()
        except OutboxError:
            self._counters.add("outbox_unreadable")
            return Waiting(0, 0.0)
